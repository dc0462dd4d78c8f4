#!/bin/bash
# usage: debian-disk.sh FILE
#
# Writes a disk into FILE: the lab's Debian 12, which systemd starts, for a machine with the stock kernel 6.1. It has the driver from the package
# sos-dkms, as dkms built it; the packages sos and the same of a later version in /root/packages, not installed; the address of the machine's
# first card, for systemd-networkd; and the lab's agent as a service. Needs "make guest".
set -euo pipefail
cd "$(dirname "$0")/.."

file=$(realpath "${1:?usage: debian-disk.sh FILE}")
if [[ ${SOS_DISK_MOUNTS:-} != private ]]; then
    debian=$(eng/debian-root.sh)
    kernel=$(eng/kernel.sh 6.1)
    packages=$(eng/deb.sh dkms sos)
    mapfile -t packages <<<"$packages"
    SOS_DISK_MOUNTS=private exec unshare --mount "$0" "$file" "$debian" "$kernel" "${packages[@]}"
fi
debian=$2 kernel=$3 dkms=$4 tools=$5
release=$(<"$kernel/release")
results=$PWD/artifacts/deb/disk
# shellcheck source=eng/debian-overlay.sh
. eng/debian-overlay.sh

# Runs the rest of the line, whose words are kept for when it fails.
logged() {
    local log=$results/$1.log
    shift
    "$@" >"$log" 2>&1 || {
        echo "debian-disk.sh: $* failed:" >&2
        tail -n 20 "$log" >&2
        exit 1
    }
}

# A stock kernel's modules, but for those of hardware that no machine of the lab has; its headers stay outside the disk.
modules=$kernel/root/lib/modules/$release
mkdir -p "$root/lib/modules/$release/kernel/drivers/net"
cp "$modules"/modules.* "$root/lib/modules/$release/"
cp -r "$modules"/kernel/{arch,block,crypto,fs,lib,net} "$root/lib/modules/$release/kernel/"
cp -r "$modules"/kernel/drivers/{block,char,virtio} "$root/lib/modules/$release/kernel/drivers/"
cp "$modules"/kernel/drivers/net/*.ko* "$root/lib/modules/$release/kernel/drivers/net/"
ln -s "$(realpath "$kernel/build")" "$root/lib/modules/$release/build"
cp "$dkms" "$root/packages/sos-dkms.deb"
inside depmod "$release"
logged dkms inside dpkg -i /packages/sos-dkms.deb
rm "$root/lib/modules/$release/build"
[[ -n $(find "$root/lib/modules/$release/updates" -name 'sos.ko*') ]] || {
    echo "debian-disk.sh: dkms has built no driver; see $results/dkms.log" >&2
    exit 1
}

mkdir -p "$root/root/packages"
cp "$tools" "$root/root/packages/sos.deb"
dpkg-deb --raw-extract "$tools" "$work/next"
sed -i 's/^Version: .*/&+1/' "$work/next/DEBIAN/control"
logged next dpkg-deb -Zgzip -z1 --root-owner-group --build "$work/next" "$root/root/packages/sos-next.deb"
rm -r "$work/next" "$root/packages"

echo sos >"$root/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 sos\n' >"$root/etc/hosts"
: >"$root/etc/machine-id"
# apt has nothing but what lies there.
rm -f "$root/etc/apt/sources.list" "$root/etc/apt/sources.list.d"/*
cat >"$root/etc/systemd/network/eth0.network" <<END
[Match]
Name=eth0
[Network]
Address=10.77.0.2/24
Address=fd00:77:0::2/64
IPv6AcceptRA=no
END
install -m 755 artifacts/guest/agent/Sos.Lab.Agent "$root/usr/sbin/sos-lab-agent"
cat >"$root/etc/systemd/system/sos-lab-agent.service" <<'END'
[Unit]
Description=The lab's agent
After=systemd-udevd.service multi-user.target
[Service]
ExecStart=/bin/sh -c 'until [ -e /dev/virtio-ports/sos.agent ]; do sleep 0.1; done; exec /usr/sbin/sos-lab-agent /dev/virtio-ports/sos.agent'
Environment=HOME=/root
Restart=always
[Install]
WantedBy=default.target
END
logged enable inside systemctl enable systemd-networkd.service sos-lab-agent.service
# What costs an emulated machine minutes and does nothing here.
logged mask inside systemctl mask systemd-networkd-wait-online.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
    e2scrub_all.timer e2scrub_reap.service fstrim.timer systemd-hwdb-update.service systemd-firstboot.service getty.target serial-getty@ttyS0.service

rm -f "$file"
logged mke2fs mke2fs -q -t ext4 -L sos -E lazy_itable_init=1 -d "$root" "$file" 3G
