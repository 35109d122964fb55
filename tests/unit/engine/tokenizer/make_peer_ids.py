#!/usr/bin/env python3
"""Writes peer_ids.json: two tiny vocabularies and what llama.cpp makes of some texts with them.

Needs llama-cpp-python and gguf. The merges are learned across word borders on purpose: a word cut at
another place then gives other ids.
"""
import collections
import json
import os
import tempfile

import gguf
import llama_cpp

CORPUS = """The rain in Spain's plain, the train's 1234 lanes; it isn't 99.5% vain -- they'll see.
def add(a, b):\n    return a + b  # {x: [1, 2]}\r\n\r\nThe 2nd THING I'VE seen: don't DON'T we're $5, 2024!!!
    Привет, мир! 你好,世界。 naïve café über 12 34 56 x=1 y!=2 z<=3 </a><b> \t\ttabs and   spaces  \n\n\n end
"""
TEXTS = [
    "", " ", "  ", "   a", "a   ", "\n", "\n\n x", " \n \n", "\t\ta\tb", "a\r\n\r\nb",
    "The rain in Spain's plain, isn't it? THEY'LL DON'T i've",
    "1 22 333 4444 55555 1234567 9.5% 3rd x2y",
    "def add(a, b):\n    return a + b  # {x: [1, 2]}",
    "Привет, мир! 你好,世界。一二 12 한국어 カタカナ",
    "naïve café e\u0301 über ß 'quoted' \"double\" ``code`` ~^~ $5+<=>|",
    "🦙🦙 😶‍🌫️ ok✅ …—«x»",
    "</a><b> <|user|> [INST] </s> <0x0A> <s>",
    "हिन्दी ไทย ភាសា ٣٤٥ ½²",
    "a\u00a0b\u3000c\u0085d\u2028e\u180ef \u00a0 g",
    "_snake_case camelCase #tag @user /path/to/x.y https://a.b/c?d=1&e=2",
    "!!!\n\n???\r\n...   \n  -- \n",
]
# Without gpt-4o, tekken and kimi-k2, whose patterns llama.cpp only approximates.
PRE = ["gpt-2", "smollm", "llama-bpe", "qwen2", "qwen35", "seed-coder", "bailingmoe", "laguna",
       "deepseek-llm", "deepseek-coder", "deepseek-v3", "falcon", "bloom", "viking", "default"]
MERGES = 400
LONGEST = 12  # characters of a token


def byte_spellings():
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printable]
    return {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}


def learn(pieces):
    """The most frequent pair of neighbours, again and again; the texts are part of what is learned from."""
    merges = []
    for _ in range(MERGES):
        pairs = collections.Counter(
            pair for pair in zip(pieces, pieces[1:]) if len(pair[0] + pair[1]) <= LONGEST)
        left, right = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append((left, right))
        joined, i = [], 0
        while i < len(pieces):
            if pieces[i:i + 2] == [left, right]:
                joined.append(left + right)
                i += 2
            else:
                joined.append(pieces[i])
                i += 1
        pieces = joined
    return merges


def peer_ids(model, pre, tokens, types, merges, scores):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "vocabulary.gguf")
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_tokenizer_model(model)
        writer.add_token_list(tokens)
        writer.add_token_types(types)
        if model == "gpt2":
            writer.add_tokenizer_pre(pre)
            writer.add_token_merges([" ".join(merge) for merge in merges])
        else:
            writer.add_token_scores(scores)
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.close()
        vocabulary = llama_cpp.Llama(path, vocab_only=True, verbose=False)
        return [vocabulary.tokenize(text.encode(), add_bos=False, special=False) for text in TEXTS]


def main():
    spelling = byte_spellings()
    # Token types of GGUF: 1 normal, 2 unknown, 3 control, 6 byte.
    special, special_types = ["<unk>", "<s>", "</s>"], [2, 3, 3]

    corpus = CORPUS + "".join(TEXTS)
    merges = learn([spelling[b] for b in corpus.encode()])
    results = list(dict.fromkeys(left + right for left, right in merges))
    bpe = special + list(spelling.values()) + results
    bpe_types = special_types + [1] * (len(bpe) - 3)

    text = corpus.replace(" ", "\u2581")
    pieces = [left + right for left, right in learn(list(text))]
    pieces = list(dict.fromkeys(pieces + sorted(set(CORPUS.replace(" ", "\u2581")))))
    spm = special + [f"<0x{b:02X}>" for b in range(256)] + pieces
    spm_types = special_types + [6] * 256 + [1] * len(pieces)
    scores = [0.0] * 259 + [-float(i) for i in range(len(pieces))]

    peer = {pre: peer_ids("gpt2", pre, bpe, bpe_types, merges, None) for pre in PRE}
    spm_ids = peer_ids("llama", None, spm, spm_types, None, scores)
    out = {"texts": TEXTS,
           "bpe": {"tokens": bpe, "types": bpe_types, "merges": [" ".join(m) for m in merges], "ids": peer},
           "spm": {"tokens": spm, "types": spm_types, "scores": scores, "ids": spm_ids}}
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "peer_ids.json"), "w") as file:
        json.dump(out, file, ensure_ascii=True, separators=(",", ":"))
        file.write("\n")


main()
