#!/bin/bash
# usage: debian-root.sh
#
# The lab's Debian 12: with systemd, dkms and a compiler, to try packages in, in a chroot or as a machine (debian-disk.sh). Unpacked into the
# cache once; prints its folder.
set -euo pipefail

cache=${SOS_CACHE:-$HOME/.cache/sos}
folder=$cache/debian-12
mkdir -p "$cache"
exec 9>"$cache/debian-12.lock"
flock 9
if [[ ! -e $folder/complete ]]; then
    # shellcheck source=eng/archive.sh
    suites=bookworm . "$(dirname "$0")/archive.sh"
    rm -rf "$folder"
    mkdir -p "$folder"
    echo "debian-root.sh: making a Debian 12 with systemd and dkms" >&2
    # Its kernel headers are those of the lab's kernel, mounted by the test.
    mmdebstrap --quiet --mode=root --variant=apt --aptopt='APT::Sandbox::User "root"' --aptopt='APT::Install-Recommends "0"' \
        --include=systemd-sysv,udev,iproute2,iputils-ping,nftables,dkms,gcc,gcc-12,make,libc6-dev,libelf1,kmod,mawk \
        bookworm "$folder/root" "$(cat "$sources")" >&2
    mv "$folder/root" "$folder/debian"
    touch "$folder/complete"
fi
echo "$folder/debian"
