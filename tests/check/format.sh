#!/usr/bin/env bash
# All C++ is as clang-format 14 writes it. Another version formats differently: without that one
# the check says so and passes. `--root DIR` checks another tree.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
[[ ${1:-} == --root ]] && root=$(cd "$2" && pwd)
cd "$root"

if ! formatter=$(command -v clang-format-14); then
  echo "skipped format: clang-format-14 is not installed"
  exit 0
fi
if [[ -e .git ]]; then
  mapfile -t files < <(git ls-files --cached --others --exclude-standard -- \
    '*.h' '*.cc' '*.cu' '*.cuh' | while read -r file; do [[ -f $file ]] && echo "$file"; done)
else
  mapfile -t files < <(find . -name '*.h' -o -name '*.cc' -o -name '*.cu' -o -name '*.cuh')
fi
if ((${#files[@]} == 0)); then
  echo "ok   format (0 checked)"
  exit 0
fi
bad=$(printf '%s\0' "${files[@]}" | xargs -0 -n 20 -P 2 "$formatter" --dry-run -Werror 2>&1 |
  sed -nE 's/^([^:]+):[0-9]+:[0-9]+: error:.*/\1/p' | sort -u || true)
if [[ -n $bad ]]; then
  echo "FAIL format: $(head -n 1 <<<"$bad") ($(wc -l <<<"$bad") files; run clang-format-14 -i)"
  tail -n +2 <<<"$bad" | sed 's/^/     /'
  exit 1
fi
echo "ok   format (${#files[@]} checked)"
