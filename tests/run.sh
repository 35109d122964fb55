#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test that this machine can run; the last line
# counts them. Skipped tests say why.
#     run.sh                  the whole suite
#     run.sh --preset asan    the test programs under a sanitizer preset (asan or tsan)
set -euo pipefail
cd "$(dirname "$0")/.."
preset=host
if [ "${1:-}" = --preset ] && [ -n "${2:-}" ]; then
  preset=$2
elif [ $# != 0 ]; then
  echo "usage: run.sh [--preset host|asan|tsan]" >&2
  exit 64
fi

bash deploy/install_packages.sh deploy/packages.txt tests/packages.txt
# The gates and the black-box tests use a real chat model where one can be had.
bash deploy/demo/make_demo_model.sh || echo "no demo model: its tests will be skipped"
# The quickstart may have configured this folder without tests.
cmake --preset "$preset" -DMOIRA_TESTS=ON >/dev/null
cmake --build --preset "$preset"
exec python3 tests/run_suite.py --build "build/$preset" --preset "$preset"
