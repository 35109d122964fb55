#!/usr/bin/env python3
"""One measurement of llama.cpp, through llama-cpp-python; prints JSON. Run by compare_peer.py.

    peer_run.py MODEL --threads T --prompt-tokens P --decode-tokens D --repack 0|1
"""
import argparse
import json
import random
import time

import llama_cpp as api


def decode(context, tokens, position):
    """Appends tokens to sequence 0; logits of the last one only."""
    batch = api.llama_batch_init(len(tokens), 0, 1)
    batch.n_tokens = len(tokens)
    for i, token in enumerate(tokens):
        batch.token[i] = token
        batch.pos[i] = position + i
        batch.n_seq_id[i] = 1
        batch.seq_id[i][0] = 0
        batch.logits[i] = i == len(tokens) - 1
    if api.llama_decode(context, batch) != 0:
        raise SystemExit("peer_run: llama_decode failed")
    api.llama_synchronize(context)
    api.llama_batch_free(batch)


def measure(context, vocabulary, prompt_tokens, decode_tokens, seed):
    source = random.Random(seed)
    tokens = [source.randrange(vocabulary) for _ in range(prompt_tokens + decode_tokens)]
    api.llama_memory_clear(api.llama_get_memory(context), True)
    begin = time.perf_counter()
    for at in range(0, prompt_tokens, 512):
        decode(context, tokens[at:min(at + 512, prompt_tokens)], at)
    middle = time.perf_counter()
    for i in range(decode_tokens):
        decode(context, [tokens[prompt_tokens + i]], prompt_tokens + i)
    end = time.perf_counter()
    return prompt_tokens / (middle - begin), decode_tokens / (end - middle)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--prompt-tokens", type=int, required=True)
    parser.add_argument("--decode-tokens", type=int, required=True)
    parser.add_argument("--repack", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    quiet = api.llama_log_callback(lambda level, text, user: None)
    api.llama_log_set(quiet, None)
    api.llama_backend_init()
    model_options = api.llama_model_default_params()
    model_options.use_extra_bufts = bool(arguments.repack)
    model = api.llama_model_load_from_file(arguments.model.encode(), model_options)
    if not model:
        raise SystemExit(f"peer_run: {arguments.model} does not load")
    options = api.llama_context_default_params()
    options.n_ctx = arguments.prompt_tokens + arguments.decode_tokens + 64
    options.n_batch = options.n_ubatch = 512
    options.n_threads = options.n_threads_batch = arguments.threads
    context = api.llama_init_from_model(model, options)
    vocabulary = api.llama_vocab_n_tokens(api.llama_model_get_vocab(model))
    measure(context, vocabulary, min(arguments.prompt_tokens, 64), 4, 0)  # warms up
    prefill, decoded = measure(context, vocabulary, arguments.prompt_tokens, arguments.decode_tokens,
                               arguments.seed)
    print(json.dumps({"prefill": prefill, "decode": decoded}))


if __name__ == "__main__":
    main()
