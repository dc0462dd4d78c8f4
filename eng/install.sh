#!/bin/bash
# usage: install.sh [--uninstall]
#
# Installs what "make guest" built, its manual pages and completions, and the driver: through DKMS where there is one, else built for one kernel.
#   DESTDIR   put before each path; then nothing is registered (no dkms, no depmod)
#   RELEASE   the kernel to build the driver for (default: the running one)
#   KDIR      its headers (default: /lib/modules/RELEASE/build)
set -euo pipefail
cd "$(dirname "$0")/.."

destdir=${DESTDIR:-}
release=${RELEASE:-$(uname -r)}
kdir=${KDIR:-/lib/modules/$release/build}
version=$(sed -n 's:.*<SosVersion>\(.*\)</SosVersion>.*:\1:p' Directory.Build.props)
built=artifacts/guest/root
source_tree=$destdir/usr/src/sos-$version
module=$destdir/lib/modules/$release/updates/sos.ko

if [[ ${1:-} == --uninstall ]]; then
    if [[ -z $destdir ]] && command -v dkms >/dev/null && [[ -n $(dkms status -m sos -v "$version") ]]; then
        dkms remove "sos/$version" --all
    fi
    rm -rf "$source_tree" "$destdir/usr/lib/sos"
    rm -f "$destdir"/usr/share/man/man8/{sosctl,sosd}.8.gz "$destdir/usr/share/bash-completion/completions/sosctl" \
        "$destdir/usr/share/zsh/vendor-completions/_sosctl" "$destdir/usr/share/fish/vendor_completions.d/sosctl.fish"
    rm -f "$module" "$destdir/usr/bin/sosctl" "$destdir/usr/bin/sosd" "$destdir/usr/lib/systemd/system/sosd.service"
    [[ -n $destdir ]] || depmod "$release"
    echo "uninstalled; a driver that is loaded stays so until 'rmmod sos'"
    exit 0
fi

install -D -m 755 "$built/usr/bin/sosctl" "$destdir/usr/bin/sosctl"
install -D -m 755 "$built/usr/bin/sosd" "$destdir/usr/bin/sosd"
install -D -m 644 eng/sosd.service "$destdir/usr/lib/systemd/system/sosd.service"
install -d "$destdir/usr/lib/sos"
install -m 644 "$built"/usr/lib/sos/*.sosimg* "$destdir/usr/lib/sos/"
install -m 755 "$built/usr/lib/sos/sos-runner" "$destdir/usr/lib/sos/"
eng/manuals.sh "$built/usr/bin/sosctl" "$destdir"

if command -v dkms >/dev/null; then
    eng/dkms-source.sh "$source_tree"
    if [[ -z $destdir ]]; then
        dkms install --force "sos/$version" -k "$release"
    fi
    echo "installed: $source_tree (DKMS)"
else
    [[ -e $kdir ]] || {
        echo "install: no kernel headers at $kdir; on Debian: apt-get install linux-headers-$release" >&2
        exit 1
    }
    copy=artifacts/driver/install
    rm -rf "$copy"
    mkdir -p "$copy"
    cp -r Directory.Build.props kernel "$copy"
    make --no-print-directory -C "$copy/kernel" KDIR="$kdir"
    install -D -m 644 "$copy/kernel/sos.ko" "$module"
    strip --strip-debug "$module"
    [[ -n $destdir ]] || depmod "$release"
    echo "installed: $module"
fi
echo "installed: $destdir/usr/bin/sosctl, $destdir/usr/lib/sos"
[[ -n $destdir ]] || echo "next: modprobe sos && sosctl core list"
