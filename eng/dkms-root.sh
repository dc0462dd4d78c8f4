#!/bin/bash
# usage: dkms-root.sh
#
# A Debian 12 with dkms and a compiler, to try the driver's package in: unpacked into the cache once; prints its folder.
set -euo pipefail

cache=${SOS_CACHE:-$HOME/.cache/sos}
folder=$cache/dkms-root
mkdir -p "$cache"
exec 9>"$cache/dkms-root.lock"
flock 9
if [[ ! -e $folder/complete ]]; then
    # shellcheck source=eng/archive.sh
    suites=bookworm . "$(dirname "$0")/archive.sh"
    rm -rf "$folder"
    mkdir -p "$folder"
    echo "dkms-root.sh: making a Debian 12 with dkms" >&2
    # Its kernel headers are those of the lab's kernel, mounted by the test.
    mmdebstrap --quiet --mode=root --variant=apt --aptopt='APT::Sandbox::User "root"' --aptopt='APT::Install-Recommends "0"' \
        --include=dkms,gcc,gcc-12,make,libc6-dev,libelf1,kmod,mawk bookworm "$folder/root" "$(cat "$sources")" >&2
    mv "$folder/root" "$folder/debian"
    touch "$folder/complete"
fi
echo "$folder/debian"
