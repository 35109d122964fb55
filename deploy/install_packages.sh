#!/usr/bin/env bash
# Installs the packages listed in the given files, unless all of them are there already.
#     install_packages.sh LIST...
set -euo pipefail

mapfile -t wanted < <(grep -hv '^#' "$@")
missing=()
for package in "${wanted[@]}"; do
  dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' || missing+=("$package")
done
[ "${#missing[@]}" = 0 ] && exit 0

command -v apt-get >/dev/null || {
  echo "install_packages: no apt-get here; please install: ${missing[*]}" >&2
  exit 69
}
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)
echo "installing: ${missing[*]}"
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
