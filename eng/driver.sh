#!/bin/bash
# usage: driver.sh 6.1|6.12|newest|debug [MAKE-ARGUMENT...]
#
# Builds the driver for a stock kernel of the cache into artifacts/driver/SERIES/kernel/sos.ko, and without what only debuggers read
# into artifacts/driver/SERIES/sos.ko, which the lab's machines load. The sources are copied there first: no build product lands in
# kernel/, and all kernels' objects live side by side.
set -euo pipefail
cd "$(dirname "$0")/.."

series=${1:?usage: driver.sh 6.1|6.12|newest|debug [MAKE-ARGUMENT...]}
shift
kernel=$(eng/kernel.sh "$series")
mirror=artifacts/driver/$series
target=$mirror/kernel
mkdir -p "$target"
exec 9>"$mirror/.lock"
flock 9

# What kernel/ no longer has must not stay behind, or a build could succeed here that fails from an empty clone.
sources=$(cd kernel && find . -type f \( -name '*.[chS]' -o -name '*.sh' -o -name 'Makefile*' -o -name 'Kbuild*' -o -name '*.lds' \) | sort)
if [[ -e $mirror/.sources ]]; then
    comm -13 <(echo "$sources") <(sort "$mirror/.sources") | while read -r gone; do
        rm -f "$target/$gone" "$target/${gone%.*}.o"
    done
fi
echo "$sources" >"$mirror/.sources"
echo "$sources" | (cd kernel && xargs cp -pu --parents -t "../$target")
cp -pu Directory.Build.props "$mirror/" # the version stands there

build=(make --no-print-directory -j "$(nproc)" -C "$PWD/$target" KDIR="$kernel/build" "$@")
if [[ -d $kernel/toolchain ]]; then
    eng/chroot.sh "$kernel/toolchain" "$kernel" "$PWD/$mirror" -- "${build[@]}"
else
    "${build[@]}"
fi

objcopy --strip-debug "$target/sos.ko" "$mirror/sos.ko"

# The tests' module, which brings Linux down.
mkdir -p "$mirror/havoc"
cp -pu tests/kernel/havoc/* "$mirror/havoc/"
if [[ ! -d $kernel/toolchain ]]; then
    make --no-print-directory -s -C "$mirror/havoc" KDIR="$kernel/build"
fi
