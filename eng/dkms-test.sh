#!/bin/bash
# usage: dkms-test.sh SERIES
#
# Installs the package sos-dkms with dpkg in a throw-away Debian 12 with the headers of a stock kernel, and checks that dkms has built
# and installed the driver; keeps that as artifacts/dkms/SERIES/sos.ko; then removes and purges the package, and checks that nothing is
# left. Ends with "dkms-test: well".
set -euo pipefail
cd "$(dirname "$0")/.."

series=${1:?usage: dkms-test.sh SERIES}
if [[ ${SOS_DKMS_MOUNTS:-} != private ]]; then
    debian=$(eng/debian-root.sh)
    kernel=$(eng/kernel.sh "$series")
    package=$(eng/deb.sh dkms)
    SOS_DKMS_MOUNTS=private exec unshare --mount "$0" "$series" "$debian" "$kernel" "$package"
fi
debian=$2 kernel=$3 package=$4
release=$(<"$kernel/release")
results=$PWD/artifacts/dkms/$series
# shellcheck source=eng/debian-overlay.sh
. eng/debian-overlay.sh
mkdir -p "$root/lib/modules/$release"
cp "$kernel/root/lib/modules/$release"/modules.* "$root/lib/modules/$release/"
ln -s "$(realpath "$kernel/build")" "$root/lib/modules/$release/build"
cp "$package" "$root/packages/"

fail() {
    echo "dkms-test: $*" >&2
    tail -n 20 "$root"/var/lib/dkms/sos/*/build/make.log >&2 2>/dev/null || true
    exit 1
}

inside depmod "$release"
listing >"$work/before"
inside dpkg -i "/packages/$(basename "$package")" >"$results/install.log" 2>&1 || fail "dpkg -i failed: $(tail -n 5 "$results/install.log")"
inside dkms status -m sos | tee "$results/status" | grep -q "$release.*: installed" || fail "not installed: $(cat "$results/status" "$results/install.log")"
module=$(inside modinfo -k "$release" -n sos) || fail "modinfo finds no sos"
[[ $module == */updates/* ]] || fail "$module is not below updates"
cp "$root$module" "$results/"
case $module in
*.xz) xz -df "$results/$(basename "$module")" ;;
*.zst) zstd -qdf --rm "$results/$(basename "$module")" ;;
esac
echo "dkms-test: $module"

inside dpkg -r sos-dkms >"$results/remove.log" 2>&1 || fail "dpkg -r failed: $(tail -n 5 "$results/remove.log")"
inside dpkg -P sos-dkms >>"$results/remove.log" 2>&1 || fail "dpkg -P failed: $(tail -n 5 "$results/remove.log")"
listing >"$work/after"
check_without_trace
echo "dkms-test: well"
