#!/usr/bin/env bash
# The rules that a script can hold the source to: one line per check, `ok`, `skip` or `FAIL`, and
# an exit status of 1 if one failed. Begins with the test of the checks themselves.
set -uo pipefail
cd "$(dirname "$0")"

status=0
if output=$(python3 test_checks.py 2>&1); then
  echo "ok   test_checks ($(sed -nE 's/^Ran ([0-9]+) tests.*/\1/p' <<<"$output") checked)"
else
  echo "FAIL test_checks: $(grep -m 1 -E '^(FAIL|ERROR):' <<<"$output")"
  sed 's/^/     /' <<<"$output"
  status=1
fi
for check in dependencies.py constructs.py size.py format.sh test_presence.py limits.py \
  wording.py headers.py; do
  case $check in
    *.py) python3 "$check" "$@" || status=1 ;;
    *.sh) bash "$check" || status=1 ;;
  esac
done
exit $status
