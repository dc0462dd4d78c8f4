#!/bin/bash
# usage: debug-kernel.sh
#
# Builds the debug kernel (eng/debug-kernel/config: KASAN, lockdep, fault injection, kmemleak) from Debian's linux-source-6.1 into
# the cache, laid out as eng/kernel.sh lays out the stock kernels; from then on the lab knows it as the kernel "debug". Takes about 10
# minutes on two idle CPUs (JOBS=N: as many compilers at once). Prints its folder.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

cache=${SOS_CACHE:-$HOME/.cache/sos}
folder=$cache/kernels/debug
mkdir -p "$folder"
exec 9>"$folder/lock"
flock 9
config=$root/eng/debug-kernel/config
if [[ -e $folder/complete ]] && cmp -s "$config" "$folder/config"; then
    echo "$folder"
    exit 0
fi
rm -f "$folder/complete"

tree=$folder/source
if [[ ! -e $tree/unpacked ]]; then
    # shellcheck source=eng/archive.sh
    . eng/archive.sh
    rm -rf "$tree" "$folder/packages"
    mkdir -p "$tree" "$folder/packages"
    echo "debug-kernel.sh: downloading linux-source-6.1" >&2
    (cd "$folder/packages" && apt-get "${apt[@]}" -qq download linux-source-6.1 >&2)
    dpkg-deb --fsys-tarfile "$folder"/packages/*.deb | tar -xO ./usr/src/linux-source-6.1.tar.xz | xz -dc -T0 |
        tar -x -C "$tree" --strip-components=1
    rm -rf "$folder/packages"
    touch "$tree/unpacked"
fi

build() {
    nice make -C "$tree" -s -j"${JOBS:-$(nproc)}" CC=gcc-12 HOSTCC=gcc-12 LOCALVERSION=-sos-debug "$@" >&2
}
echo "debug-kernel.sh: configuring" >&2
build tinyconfig
# Later lines win; what depends on something that is missing falls out again, hence the check.
cat "$config" >>"$tree/.config"
build olddefconfig 2>/dev/null
lost=$(grep -E '^CONFIG_[A-Z0-9_]+=' "$config" | grep -v '=n$' | grep -v -x -F -f "$tree/.config" || true)
if [[ -n $lost ]]; then
    echo "debug-kernel.sh: the kernel's configuration does not take: $lost" >&2
    exit 1
fi
echo "debug-kernel.sh: building" >&2
build bzImage modules

release=$(<"$tree/include/config/kernel.release")
modules=$folder/root/lib/modules/$release
rm -rf "$folder/root"
mkdir -p "$modules"
cp "$tree/modules.order" "$tree/modules.builtin" "$tree/modules.builtin.modinfo" "$modules/"
depmod -b "$folder/root" "$release"
cp "$tree/arch/x86/boot/bzImage" "$folder/vmlinuz"
echo "$release" >"$folder/release"
ln -sfn source "$folder/build"
cp "$config" "$folder/config"
touch "$folder/complete"
echo "$folder"
