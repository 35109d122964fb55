#!/usr/bin/env bash
# The rules that a script can hold the source to: one line per check, `ok`, `skipped` or `FAIL`, at
# the end their counts, and an exit status of 1 if one failed. Begins with the test of the checks
# themselves.
set -uo pipefail
cd "$(dirname "$0")"

passed=0
failed=0
skipped=0

# Runs one check, shows what it says and counts it.
count() {
  local output
  if ! output=$("$@"); then
    failed=$((failed + 1))
  elif [[ $output == skipped* ]]; then
    skipped=$((skipped + 1))
  else
    passed=$((passed + 1))
  fi
  echo "$output"
}

test_checks() {
  local output
  if output=$(python3 test_checks.py 2>&1); then
    echo "ok   test_checks ($(sed -nE 's/^Ran ([0-9]+) tests.*/\1/p' <<<"$output") checked)"
  else
    echo "FAIL test_checks: $(grep -m 1 -E '^(FAIL|ERROR):' <<<"$output")"
    sed 's/^/     /' <<<"$output"
    return 1
  fi
}

count test_checks
for check in dependencies constructs size test_presence limits wording headers; do
  count python3 "$check.py"
done
count bash format.sh
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
