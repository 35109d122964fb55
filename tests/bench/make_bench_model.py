#!/usr/bin/env python3
"""Writes a GGUF model with random weights in the layer shape of Qwen3-30B-A3B, all matrices Q4_K.

    make_bench_model.py OUT.gguf [--layers 12] [--seed 1]

For speed only: 128 experts of width 768, 8 of them used, model width 2048, 32 query and 4 key/value
heads of 128 (the shape that the model's config.json states). 12 layers are 4.2 GB. The vocabulary is
made up. Needs numpy and gguf.
"""
import argparse

import gguf
import numpy as np

WIDTH, EXPERT_WIDTH, EXPERTS, USED = 2048, 768, 128, 8
HEADS, KV_HEADS, HEAD_SIZE = 32, 4, 128
VOCABULARY = 32000
Q4_K = gguf.GGMLQuantizationType.Q4_K
BLOCK_VALUES, BLOCK_BYTES = 256, 144


def random_q4_k(random, shape):
    """Random blocks whose values have mean 0 and a standard deviation near 0.02."""
    count = int(np.prod(shape)) // BLOCK_VALUES
    blocks = random.integers(0, 256, (count, BLOCK_BYTES), dtype=np.uint8)
    # value = d * scale * q - dmin * minimum with q in 0..15: equal scales and minima and dmin = 7.5 d
    # centre it; 0.02 / (standard deviation 4.6 of q, typical scale 37) gives d.
    step = 0.02 / (4.6 * 37)
    blocks[:, 0:4] = np.frombuffer(np.array([step, 7.5 * step], "<f2").tobytes(), np.uint8)
    blocks[:, 8:12] = blocks[:, 4:8]  # sub-blocks 0..3, and the high bits of 4..7
    low = blocks[:, 12:16] & 15
    blocks[:, 12:16] = low | (low << 4)
    rows = (*shape[:-1], shape[-1] // BLOCK_VALUES * BLOCK_BYTES)
    return blocks.reshape(rows)


def write_metadata(writer, layers):
    writer.add_type("model")
    writer.add_name(f"random, Qwen3-30B-A3B shape, {layers} layers")
    writer.add_block_count(layers)
    writer.add_context_length(32768)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(6144)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_key_length(HEAD_SIZE)
    writer.add_value_length(HEAD_SIZE)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e6)
    writer.add_expert_count(EXPERTS)
    writer.add_expert_used_count(USED)
    writer.add_expert_feed_forward_length(EXPERT_WIDTH)
    writer.add_vocab_size(VOCABULARY)
    byte_tokens = [chr(c) for c in (*range(33, 127), *range(161, 173), *range(174, 256))]
    byte_tokens += [chr(256 + i) for i in range(256 - len(byte_tokens))]
    filler = [f"<{i}>" for i in range(VOCABULARY - 256)]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(byte_tokens + filler)
    writer.add_token_types([1] * VOCABULARY)
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(VOCABULARY - 1)
    writer.add_add_bos_token(False)


def tensors_of_layer(random, layer):
    """(name, values, type) of one block; F32 where the type is None."""
    ones = np.ones(WIDTH, np.float32)
    matrices = {
        "attn_q": (HEADS * HEAD_SIZE, WIDTH),
        "attn_k": (KV_HEADS * HEAD_SIZE, WIDTH),
        "attn_v": (KV_HEADS * HEAD_SIZE, WIDTH),
        "attn_output": (WIDTH, HEADS * HEAD_SIZE),
        "ffn_gate_exps": (EXPERTS, EXPERT_WIDTH, WIDTH),
        "ffn_up_exps": (EXPERTS, EXPERT_WIDTH, WIDTH),
        "ffn_down_exps": (EXPERTS, WIDTH, EXPERT_WIDTH),
    }
    for name, shape in matrices.items():
        yield f"blk.{layer}.{name}.weight", random_q4_k(random, shape), Q4_K
    yield f"blk.{layer}.attn_norm.weight", ones, None
    yield f"blk.{layer}.ffn_norm.weight", ones, None
    for name in ("attn_q_norm", "attn_k_norm"):
        yield f"blk.{layer}.{name}.weight", np.ones(HEAD_SIZE, np.float32), None
    router = random.standard_normal((EXPERTS, WIDTH), dtype=np.float32) * np.float32(0.02)
    yield f"blk.{layer}.ffn_gate_inp.weight", router, None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    random = np.random.default_rng(arguments.seed)
    # Tensors wait in a temporary file until the header is written: memory stays at one layer.
    writer = gguf.GGUFWriter(arguments.out, "qwen3moe", use_temp_file=True)
    write_metadata(writer, arguments.layers)
    for name in ("token_embd", "output"):
        writer.add_tensor(f"{name}.weight", random_q4_k(random, (VOCABULARY, WIDTH)), raw_dtype=Q4_K)
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    for layer in range(arguments.layers):
        for name, values, kind in tensors_of_layer(random, layer):
            writer.add_tensor(name, values, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
