#!/bin/bash
# usage: deb-test.sh
#
# Installs the package sos in a throw-away Debian 12 without .NET, runs what it brings, upgrades it while a service is enabled, removes and
# purges it, and checks that nothing is left. lintian finds nothing in it. Ends with "deb-test: well".
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ ${SOS_DEB_MOUNTS:-} != private ]]; then
    debian=$(eng/debian-root.sh)
    kernel=$(eng/kernel.sh 6.1)
    package=$(eng/deb.sh sos)
    SOS_DEB_MOUNTS=private exec unshare --mount "$0" "$debian" "$kernel" "$package"
fi
debian=$1 kernel=$2 package=$3
results=$PWD/artifacts/deb/test
# shellcheck source=eng/debian-overlay.sh
. eng/debian-overlay.sh
fail() {
    echo "deb-test: $*" >&2
    tail -n 20 "$results"/*.log >&2
    exit 1
}

lintian --fail-on error,warning --info "$package" >"$results/lintian.log" 2>&1 || fail "lintian complains"
cp "$package" "$root/packages/sos.deb"
listing >"$work/before"
inside dpkg -i /packages/sos.deb >"$results/install.log" 2>&1 || fail "dpkg -i failed"
[[ $(inside sosctl version) == sosctl\ * ]] || fail "sosctl does not run"
inside sosctl image verify /usr/lib/sos/firewall.sosimg >"$results/verify.log" 2>&1 || fail "the firewall's image is refused"
[[ -L $root/etc/systemd/system/multi-user.target.wants/sosd.service ]] || fail "sosd is not enabled"
for page in sosctl sosd; do
    zcat "$root/usr/share/man/man8/$page.8.gz" | groff -man -Tutf8 -ww -z 2>"$results/$page.log"
    [[ ! -s $results/$page.log ]] || fail "$page(8) is not well-formed"
done

printf '%s\n' 'core = 1' 'image = "/usr/lib/sos/noise.sosimg"' >"$root/etc/sos/services/quiet.toml"
inside sosctl service check quiet >"$results/check.log" 2>&1 || fail "an enabled service is refused"
dpkg-deb --raw-extract "$package" "$work/next"
sed -i 's/^Version: .*/&+1/' "$work/next/DEBIAN/control"
dpkg-deb -Zgzip -z1 --root-owner-group --build "$work/next" "$root/packages/next.deb" >"$results/build.log" 2>&1
inside dpkg -i /packages/next.deb >"$results/upgrade.log" 2>&1 || fail "the upgrade failed"
[[ -e $root/etc/sos/services/quiet.toml ]] || fail "the upgrade lost an enabled service"

inside dpkg -r sos >"$results/remove.log" 2>&1 || fail "dpkg -r failed"
[[ -e $root/etc/sos/services/quiet.toml ]] || fail "the removal lost an enabled service before the purge"
inside dpkg -P sos >"$results/purge.log" 2>&1 || fail "dpkg -P failed"
listing >"$work/after"
check_without_trace
echo "deb-test: well"
