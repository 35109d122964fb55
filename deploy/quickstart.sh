#!/usr/bin/env bash
# From a fresh Debian 12 or Ubuntu to a running server: installs packages, builds, makes the demo
# model, starts the server with room for half of the experts, and asks one question.
#     quickstart.sh            leaves the server running
#     quickstart.sh --check    stops it again; fails if the answer or the counters are not right
set -euo pipefail
cd "$(dirname "$0")/.."
check=0
case "${1:-}" in
  "") ;;
  --check) check=1 ;;
  *) echo "usage: quickstart.sh [--check]" >&2; exit 64 ;;
esac
port=${MOIRA_PORT:-8411}
url=http://127.0.0.1:$port
question="What is the capital of France?"

step() { printf '\n== %s\n' "$*"; }
metric() {
  python3 - "$url/metrics" "$1" <<'PY'
import sys, urllib.request
for line in urllib.request.urlopen(sys.argv[1]).read().decode().splitlines():
    if line.split("{")[0].split(" ")[0] == sys.argv[2]:
        print(int(float(line.split()[-1])))
        break
PY
}

step "packages"
bash deploy/install_packages.sh deploy/packages.txt

step "build"
cmake --preset host -DMOIRA_TESTS=OFF >/dev/null
cmake --build --preset host --target moira
moira=build/host/moira

step "demo model"
model=$(bash deploy/demo/make_demo_model.sh)
echo "$model"

step "server"
log=$(mktemp)
"$moira" serve --model "$model" --alias smollm2-moe --expert-cache 50% --port "$port" 2>"$log" &
server=$!
trap '[ "$check" = 0 ] || kill "$server" 2>/dev/null || true' EXIT
for _ in $(seq 300); do
  kill -0 "$server" 2>/dev/null || { cat "$log" >&2; exit 1; }
  python3 -c "import urllib.request; urllib.request.urlopen('$url/readyz')" 2>/dev/null && break
  sleep 0.2
done

step "question: $question"
answer=$("$moira" chat --url "$url" --temperature 0 --max-tokens 64 "$question")
echo "$answer"
hits=$(metric moira_expert_hits_total)
fetches=$(metric moira_expert_fetches_total)
used=$(metric moira_speculative_used_total)
echo
echo "experts: $hits hits, $fetches fetched on demand, $used prefetched in time"

if [ "$check" = 1 ]; then
  kill "$server" && wait "$server"
  grep -qi paris <<<"$answer" || { echo "quickstart: the answer does not name Paris" >&2; exit 1; }
  for count in "$hits" "$fetches" "$used"; do
    [ "${count:-0}" -gt 0 ] || { echo "quickstart: a counter is zero" >&2; exit 1; }
  done
  echo "quickstart: ok"
else
  cat <<TEXT

The server runs (process $server, log $log). Talk to it:
    $moira chat --url $url
or with any OpenAI client, base URL $url/v1. Stop it with: kill $server
TEXT
  disown "$server"
fi
