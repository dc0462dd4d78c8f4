#!/bin/bash
# usage: kernel.sh 6.1|6.12|newest|debug
#
# Downloads a stock Debian kernel (image, headers, kbuild) into the cache, unpacks it there and prints its folder:
#   FOLDER/vmlinuz           the kernel
#   FOLDER/release           its release, as uname -r prints it
#   FOLDER/root/lib/modules  its modules, with the lists of depmod
#   FOLDER/build             KDIR for building modules
#   FOLDER/toolchain         newest alone: the compiler and libraries of its Debian, to build in (eng/chroot.sh)
# Nothing is installed. The archive's address is taken from the machine's own apt sources. "newest" is the newest release that Debian
# serves, wherever, experimental aside; it stays until its folder is removed. "debug" is what eng/debug-kernel.sh has built.
set -euo pipefail

series=${1:?usage: kernel.sh 6.1|6.12|newest|debug}
case $series in
6.1) suites=bookworm ;;
6.12) suites=bookworm-backports ;;
newest) suites='trixie trixie-backports forky sid' ;;
debug) ;;
*)
    echo "kernel.sh: unknown kernel '$series'; use 6.1, 6.12, newest or debug" >&2
    exit 2
    ;;
esac

cache=${SOS_CACHE:-$HOME/.cache/sos}
folder=$cache/kernels/$series
if [[ -e $folder/complete ]]; then
    echo "$folder"
    exit 0
fi
if [[ $series == debug ]]; then
    echo "kernel.sh: there is no debug kernel yet; run: make debug-kernel" >&2
    exit 1
fi
mkdir -p "$cache/kernels"
exec 9>"$cache/kernels/lock"
flock 9
if [[ -e $folder/complete ]]; then
    echo "$folder"
    exit 0
fi

# shellcheck source=eng/archive.sh
. "$(dirname "$0")/archive.sh"

# "VERSION SUITE" of the newest package $1 in $suites or their security updates.
newest_version() {
    apt-cache "${apt[@]}" madison "$1" | awk -F'|' -v wanted=" $suites " '
        { gsub(/ /, "", $2); split($3, where, " "); from = where[2]; sub(/\/.*/, "", from); sub(/-security$/, "", from) }
        index(wanted, " " from " ") { print $2, from }' | sort -k 1,1V | tail -n 1
}

# Names of the packages that package $1 (version $2, if given) depends on.
dependencies() {
    apt-cache "${apt[@]}" show "$1${2:+=$2}" | sed -n '/^$/q; s/^Depends: //p' | tr ',' '\n' |
        sed -E 's/^[[:space:]]*([^[:space:]]+).*/\1/'
}

# $@ and all parts of the kernel that these depend on: newer kernels come in more pieces than older ones.
parts() {
    local known=" " package
    while (($#)); do
        package=$1
        shift
        [[ $known != *" $package "* ]] || continue
        known+="$package "
        echo "$package"
        mapfile -t more < <(dependencies "$package" | grep -E '^linux-(base|binary|modules|image|headers|kbuild)-[0-9]' || true)
        set -- "$@" "${more[@]}"
    done
}

read -r version suite < <(newest_version linux-image-amd64) || true
if [[ -z ${suite:-} ]]; then
    echo "kernel.sh: no linux-image-amd64 in $suites" >&2
    exit 1
fi
image=$(dependencies linux-image-amd64 "$version" | grep -m 1 -E '^linux-image-[0-9]')
release=${image#linux-image-}
headers=linux-headers-$release
mapfile -t packages < <(parts "$image" "$headers")

rm -rf "$folder"
mkdir -p "$folder/packages" "$folder/root"
echo "kernel.sh: downloading ${packages[*]} of $suite" >&2
(cd "$folder/packages" && apt-get "${apt[@]}" -qq download "${packages[@]}" >&2)
for package in "$folder"/packages/*.deb; do
    dpkg-deb -x "$package" "$folder/root"
done
rm -rf "$folder/packages"

# Packages put some files under /lib, some under /usr/lib; the guest and depmod want /lib/modules.
if [[ -d $folder/root/usr/lib/modules ]]; then
    mkdir -p "$folder/root/lib"
    cp -a "$folder/root/usr/lib/modules" "$folder/root/lib/"
    rm -rf "$folder/root/usr/lib/modules"
fi
depmod -b "$folder/root" "$release"

# The headers include each other by absolute paths under /usr: point these at the cache.
build=$folder/root/usr/src/$headers
sed -i "s|/usr/src/|$folder/root/usr/src/|g" "$build/Makefile"
rm -f "$folder/root/lib/modules/$release/build" "$folder/root/lib/modules/$release/source"

# A kernel of a later Debian: its tools ask for that Debian's C library, its code for that Debian's compiler.
if [[ $series == newest ]]; then
    release_of_debian=${suite%-backports}
    compiler=$(dependencies "$headers" | sed -n -E 's/^(gcc-[0-9]+).*/\1/p' | head -n 1)
    echo "kernel.sh: unpacking $compiler of $release_of_debian" >&2
    mmdebstrap --quiet --mode=root --variant=extract --aptopt='APT::Sandbox::User "root"' \
        --include="$compiler,binutils,make,bash,dash,coreutils,sed,grep,findutils,mawk,gzip,pahole" \
        "$release_of_debian" "$folder/toolchain" "$(grep -E " $release_of_debian main$" "$sources")" >&2
    ln -sf mawk "$folder/toolchain/usr/bin/awk"
fi

boot=$folder/root/boot/vmlinuz-$release
[[ -e $boot ]] || boot=$folder/root/lib/modules/$release/vmlinuz
mv "$boot" "$folder/vmlinuz"
echo "$release" >"$folder/release"
ln -sfn "root/usr/src/$headers" "$folder/build"
touch "$folder/complete"
echo "$folder"
