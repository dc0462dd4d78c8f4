#!/bin/bash
# Installs the Debian packages that are missing. Needs root only if any is.
#   setup.sh [LIST]   LIST: a file beside this script; default: packages.txt
set -euo pipefail
cd "$(dirname "$0")"

mapfile -t wanted < <(sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "${1:-packages.txt}")
missing=()
for package in "${wanted[@]}"; do
    [[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" == installed ]] || missing+=("$package")
done
((${#missing[@]})) || exit 0

if ((EUID != 0)); then
    echo "setup: these packages are missing; run as root: apt-get install ${missing[*]}" >&2
    exit 1
fi
echo "setup: installing ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
# Package lists of a fresh machine are empty or stale: fetch them, and tolerate a broken third-party source.
apt-get update -qq || true
apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
