#!/bin/bash
# usage: chroot.sh ROOT [PATH...] -- COMMAND [ARGUMENT...]
#
# Runs a command, as root, in the Debian under ROOT, which sees each PATH of this machine where it is, and its own /proc, /sys and /dev. The
# mounts end with the command.
set -euo pipefail

root=${1:?usage: chroot.sh ROOT [PATH...] -- COMMAND [ARGUMENT...]}
shift
if [[ ${SOS_CHROOT_MOUNTS:-} != private ]]; then
    SOS_CHROOT_MOUNTS=private exec unshare --mount "$0" "$root" "$@"
fi
while [[ $1 != -- ]]; do
    path=$(realpath "$1")
    mkdir -p "$root$path"
    mount --rbind "$path" "$root$path"
    shift
done
shift
mkdir -p "$root/proc" "$root/sys" "$root/dev"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C "$@"
