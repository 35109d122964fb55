#!/usr/bin/env python3
"""Moira against llama.cpp: same file, same threads, alternating runs; prints medians, ranges, ratios.

    compare_peer.py MODEL --moira build/bench/moira --peer-python VENV/bin/python [--rounds 5]

VENV holds llama-cpp-python, compiled on this machine. The peer runs with and without weight
repacking in every round; ratios are to the better of the two, per phase. --out writes a dated
result file (see tests/bench/results).
"""
import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"compare_peer: {' '.join(command)}\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)


def run_moira(options, seed):
    out = run([options.moira, "bench", "--model", options.model, "--threads", str(options.threads),
               "--prompt-tokens", str(options.prompt_tokens), "--decode-tokens",
               str(options.decode_tokens), "--repetitions", "1", "--json", *options.moira_flag])
    figures = {phase: out[phase]["tokens_per_second"]["median"] for phase in ("prefill", "decode")}
    return {**figures, "percent_of_memory_limit": out["decode"]["percent_of_memory_limit"]}


def run_peer(options, repack, seed):
    return run([options.peer_python, str(HERE / "peer_run.py"), options.model, "--threads",
                str(options.threads), "--prompt-tokens", str(options.prompt_tokens), "--decode-tokens",
                str(options.decode_tokens), "--repack", str(repack), "--seed", str(seed)])


def summary(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def collect(options):
    """{engine: {figure: [one value a round]}}, engines taking turns."""
    engines = {
        "moira": lambda seed: run_moira(options, seed),
        "llama.cpp": lambda seed: run_peer(options, 0, seed),
        "llama.cpp repacked": lambda seed: run_peer(options, 1, seed),
    }
    rounds = {name: {} for name in engines}
    for number in range(1, options.rounds + 1):
        for name, measure in engines.items():
            for key, value in measure(number).items():
                rounds[name].setdefault(key, []).append(value)
            print(f"round {number} {name}: " + ", ".join(
                f"{key} {values[-1]:.2f}" for key, values in rounds[name].items()), flush=True)
    return rounds


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")), platform.processor())
    return f"{model}, {os.cpu_count()} CPUs, Linux {platform.release().split('-')[0]}"


def describe(options, rounds):
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True,
                            text=True).stdout.strip()
    result = {
        "date": datetime.date.today().isoformat(),
        "commit": commit,
        "machine": machine(),
        "model": Path(options.model).name,
        "bytes": os.path.getsize(options.model),
        "threads": options.threads,
        "prompt_tokens": options.prompt_tokens,
        "decode_tokens": options.decode_tokens,
        "rounds": options.rounds,
        "command": "tests/bench/compare_peer.py " + " ".join(
            Path(a).name if a.startswith("/") else a for a in sys.argv[1:]),
        "tokens_per_second": {name: {phase: summary(values[phase]) for phase in ("prefill", "decode")}
                              for name, values in rounds.items()},
        "moira_percent_of_memory_limit": summary(rounds["moira"]["percent_of_memory_limit"]),
        "raw": rounds,
    }
    speed = result["tokens_per_second"]
    result["ratio_to_better_peer"] = {
        phase: speed["moira"][phase]["median"] / max(speed[name][phase]["median"] for name in speed
                                                     if name != "moira")
        for phase in ("prefill", "decode")}
    return result


def print_table(result):
    print(f"\n{result['model']}, {result['threads']} threads, {result['rounds']} rounds, tokens/s median (range)")
    for name, phases in result["tokens_per_second"].items():
        cells = [f"{phase} {v['median']:8.2f} ({v['min']:.2f} to {v['max']:.2f})" for phase, v in phases.items()]
        print(f"  {name:<20} " + "   ".join(cells))
    for phase, ratio in result["ratio_to_better_peer"].items():
        print(f"  {phase}: {ratio:.2f} x the better setting of llama.cpp")
    print(f"  decode reads weights at {result['moira_percent_of_memory_limit']['median']:.0f} % of the "
          "measured memory bandwidth")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--moira", required=True)
    parser.add_argument("--peer-python", required=True)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--prompt-tokens", type=int, default=512)
    parser.add_argument("--decode-tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--moira-flag", action="append", default=[], help="passed on to moira bench")
    parser.add_argument("--out", help="result file to write (JSON)")
    options = parser.parse_args()
    result = describe(options, collect(options))
    print_table(result)
    if options.out:
        Path(options.out).write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
