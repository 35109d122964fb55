#!/usr/bin/env python3
"""Writes a mixture-of-experts model with random weights that is small enough to be made in a test.

    make_tiny_model.py OUTPUT.gguf

Architecture qwen3moe, 4 layers of 16 experts of which 4 are used, experts in Q8_0 and the rest in F32,
a byte-level BPE vocabulary, ChatML. About 2 MB, the same bytes every time. Only the standard library.
"""
import random
import struct
import sys
from array import array

WIDTH, LAYERS, HEADS, KV_HEADS, HEAD_SIZE = 64, 4, 4, 2, 32
EXPERTS, EXPERTS_PER_TOKEN, EXPERT_WIDTH = 16, 4, 64
CONTEXT = 4096
MERGES = [("h", "e"), ("Ġ", "t"), ("Ġt", "he")]
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = ("{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
            "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")

F32, Q8_0 = 0, 8
Q8_0_BLOCK = 32  # values, held as a half-precision scale and signed bytes
ALIGNMENT = 32
NORMAL, CONTROL = 1, 3  # tokenizer.ggml.token_type


class GgufWriter:
    """GGUF version 3, little-endian. The Python type decides the type of a metadata value."""

    def __init__(self):
        self._metadata, self._tensors, self._data = bytearray(), bytearray(), bytearray()
        self._metadata_count = self._tensor_count = 0

    @staticmethod
    def _string(text):
        raw = text.encode()
        return struct.pack("<Q", len(raw)) + raw

    def _value(self, value):
        """(type id, bytes); integers are uint32, lists take the type of their first element."""
        if isinstance(value, bool):
            return 7, struct.pack("<?", value)
        if isinstance(value, int):
            return 4, struct.pack("<I", value)
        if isinstance(value, float):
            return 6, struct.pack("<f", value)
        if isinstance(value, str):
            return 8, self._string(value)
        items = [self._value(item) for item in value]
        return 9, struct.pack("<IQ", items[0][0], len(items)) + b"".join(raw for _, raw in items)

    def set(self, key, value):
        kind, raw = self._value(value)
        self._metadata += self._string(key) + struct.pack("<I", kind) + raw
        self._metadata_count += 1

    def add_tensor(self, name, kind, shape, data):
        """shape[0] is the fastest dimension."""
        self._tensors += self._string(name) + struct.pack("<I", len(shape))
        self._tensors += struct.pack(f"<{len(shape)}QIQ", *shape, kind, len(self._data))
        self._data += data + bytes(-len(data) % ALIGNMENT)
        self._tensor_count += 1

    def bytes(self):
        head = b"GGUF" + struct.pack("<IQQ", 3, self._tensor_count, self._metadata_count)
        head += self._metadata + self._tensors
        return head + bytes(-len(head) % ALIGNMENT) + self._data


def byte_spellings():
    """How byte-level BPE writes each byte (bytes_to_unicode of the GPT-2 release)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = (chr(0x100 + i) for i in range(256))
    return [chr(byte) if byte in printable else next(others) for byte in range(256)]


class TinyModel:
    def __init__(self, seed):
        self._random = random.Random(seed)
        self._writer = GgufWriter()
        self._add_metadata()
        vocabulary = self._add_tokenizer()
        self._add_vector("output_norm.weight", WIDTH)
        self._add_matrix("token_embd.weight", (WIDTH, vocabulary), 8)
        self._add_matrix("output.weight", (WIDTH, vocabulary), 1.6)
        for layer in range(LAYERS):
            self._add_layer(f"blk.{layer}.")

    def bytes(self):
        return self._writer.bytes()

    def _add_metadata(self):
        self._writer.set("general.architecture", "qwen3moe")
        self._writer.set("general.name", "tiny")
        self._writer.set("general.alignment", ALIGNMENT)
        for key, value in {"block_count": LAYERS, "context_length": CONTEXT, "embedding_length": WIDTH,
                           "feed_forward_length": EXPERT_WIDTH,
                           "expert_feed_forward_length": EXPERT_WIDTH, "attention.head_count": HEADS,
                           "attention.head_count_kv": KV_HEADS, "attention.key_length": HEAD_SIZE,
                           "attention.value_length": HEAD_SIZE,
                           "attention.layer_norm_rms_epsilon": 1e-6, "rope.freq_base": 10000.0,
                           "expert_count": EXPERTS, "expert_used_count": EXPERTS_PER_TOKEN}.items():
            self._writer.set("qwen3moe." + key, value)

    def _add_tokenizer(self):
        texts = byte_spellings() + [left + right for left, right in MERGES]
        tokens = texts + SPECIALS
        self._writer.set("tokenizer.ggml.model", "gpt2")
        self._writer.set("tokenizer.ggml.pre", "qwen2")
        self._writer.set("tokenizer.ggml.tokens", tokens)
        self._writer.set("tokenizer.ggml.token_type",
                         [NORMAL] * len(texts) + [CONTROL] * len(SPECIALS))
        self._writer.set("tokenizer.ggml.merges", [f"{left} {right}" for left, right in MERGES])
        self._writer.set("tokenizer.ggml.eos_token_id", tokens.index("<|im_end|>"))
        self._writer.set("tokenizer.ggml.padding_token_id", tokens.index("<|endoftext|>"))
        self._writer.set("tokenizer.ggml.add_bos_token", False)
        self._writer.set("tokenizer.chat_template", TEMPLATE)
        return len(tokens)

    def _add_layer(self, prefix):
        for name, size in {"attn_norm": WIDTH, "ffn_norm": WIDTH, "attn_q_norm": HEAD_SIZE,
                           "attn_k_norm": HEAD_SIZE}.items():
            self._add_vector(f"{prefix}{name}.weight", size)
        for name, shape, gain in (("attn_q", (WIDTH, HEADS * HEAD_SIZE), 1.4),
                                  ("attn_k", (WIDTH, KV_HEADS * HEAD_SIZE), 1.4),
                                  ("attn_v", (WIDTH, KV_HEADS * HEAD_SIZE), 1.2),
                                  ("attn_output", (HEADS * HEAD_SIZE, WIDTH), 1.2),
                                  ("ffn_gate_inp", (WIDTH, EXPERTS), 1.5)):
            self._add_matrix(f"{prefix}{name}.weight", shape, gain)
        for name, shape, gain in (("ffn_gate_exps", (WIDTH, EXPERT_WIDTH, EXPERTS), 1.6),
                                  ("ffn_up_exps", (WIDTH, EXPERT_WIDTH, EXPERTS), 1.6),
                                  ("ffn_down_exps", (EXPERT_WIDTH, WIDTH, EXPERTS), 2.0)):
            self._add_experts(f"{prefix}{name}.weight", shape, gain)

    def _add_vector(self, name, size):
        values = array("f", (1 + self._random.gauss(0, 0.2) for _ in range(size)))
        self._add_f32(name, (size,), values)

    def _add_matrix(self, name, shape, gain):
        deviation = gain / shape[0] ** 0.5
        values = array("f", (self._random.gauss(0, deviation) for _ in range(shape[0] * shape[1])))
        self._add_f32(name, shape, values)

    def _add_f32(self, name, shape, values):
        if sys.byteorder == "big":
            values.byteswap()
        self._writer.add_tensor(name, F32, shape, values.tobytes())

    def _add_experts(self, name, shape, gain):
        """Random bytes; the scale gives the values the deviation gain / sqrt(inputs)."""
        byte_deviation = 256 / 12 ** 0.5
        scale = struct.pack("<e", gain / shape[0] ** 0.5 / byte_deviation)
        blocks = shape[0] * shape[1] * shape[2] // Q8_0_BLOCK
        data = b"".join(scale + self._random.randbytes(Q8_0_BLOCK) for _ in range(blocks))
        self._writer.add_tensor(name, Q8_0, shape, data)


def write_tiny_model(path, seed=1):
    with open(path, "wb") as file:
        file.write(TinyModel(seed).bytes())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_tiny_model.py OUTPUT.gguf")
    write_tiny_model(sys.argv[1])
