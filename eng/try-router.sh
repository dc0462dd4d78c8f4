#!/bin/bash
# The router without the driver, on this machine, in under a minute: a CPU is fenced off, and a router core forwards between two cables of a
# network namespace, by the routes that Linux has there. Everything is as before at the end. Needs root.
#   CPU   the CPU to take (default: the last one)
set -euo pipefail
cd "$(dirname "$0")/.."

sosctl=src/Sos.Ctl/bin/Release/net10.0/sosctl
image=services/router/Sos.Router/bin/Release/net10.0/router.sosimg
export SOS_RUNNER=$PWD/src/Sos.Runner/bin/Release/net10.0/linux-x64/publish/sos-runner
[[ $EUID == 0 ]] || { echo "try-router: fencing a CPU off is root's: run this as root" >&2; exit 4; }
for file in "$sosctl" "$image" "$SOS_RUNNER"; do
    [[ -e $file ]] || { echo "try-router: $file is missing: 'make try-router' builds it" >&2; exit 6; }
done
cpu=${CPU:-$(($(nproc --all) - 1))}
((cpu > 0)) || { echo "try-router: this machine has one CPU, which stays with Linux" >&2; exit 5; }

exec 9>/run/lock/sos-try
flock -n 9 || { echo "try-router: another 'make try' is at work: wait for it" >&2; exit 5; }
left=sos-try-left middle=sos-try-router right=sos-try-right
for name in "$left" "$middle" "$right"; do
    # One that was killed could not clean up.
    ip netns del "$name" 2>/dev/null || true
done
scratch=$(mktemp -d)
children=()
reserved=
cleanup() {
    local status=$?
    trap - EXIT INT TERM
    [[ -z $reserved ]] || "$sosctl" core release "$cpu" >"$scratch/release" 2>&1 || cat "$scratch/release" >&2
    ((${#children[@]} == 0)) || kill "${children[@]}" 2>/dev/null || true
    for name in "$left" "$middle" "$right"; do
        ip netns del "$name" 2>/dev/null || true
    done
    rm -rf "$scratch"
    exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# Without the lock's descriptor: what starts here may outlive a try that is killed.
at() { ip netns exec "$1" "${@:2}" 9>&-; }

echo "== a left machine, a router and a right machine: three network namespaces, two cables"
#   left  eth0 ─── wan  router  lan ─── eth0  right
#   10.78.1.2   10.78.1.1    10.78.2.1   10.78.2.2, and 10.78.9.9 behind it
for name in "$left" "$middle" "$right"; do
    ip netns add "$name"
    ip -n "$name" link set lo up
done
ip link add eth0 netns "$left" type veth peer name wan netns "$middle"
ip link add eth0 netns "$right" type veth peer name lan netns "$middle"
at "$middle" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
ip -n "$left" address add 10.78.1.2/24 dev eth0
ip -n "$left" -6 address add fd78:1::2/64 dev eth0 nodad
ip -n "$middle" address add 10.78.1.1/24 dev wan
ip -n "$middle" -6 address add fd78:1::1/64 dev wan nodad
ip -n "$middle" address add 10.78.2.1/24 dev lan
ip -n "$middle" -6 address add fd78:2::1/64 dev lan nodad
ip -n "$right" address add 10.78.2.2/24 dev eth0
ip -n "$right" address add 10.78.9.9/32 dev lo
ip -n "$right" -6 address add fd78:2::2/64 dev eth0 nodad
for pair in "$left eth0" "$middle wan" "$middle lan" "$right eth0"; do
    # shellcheck disable=SC2086 # two words
    set -- $pair
    ip -n "$1" link set "$2" up
    # A cable between machines carries whole checksums, and no segments larger than its MTU.
    at "$1" ethtool -K "$2" tx off tso off gso off gro off >/dev/null
done
ip -n "$left" route add default via 10.78.1.1
ip -n "$left" -6 route add default via fd78:1::1
ip -n "$right" route add default via 10.78.2.1
ip -n "$right" -6 route add default via fd78:2::1
ip -n "$middle" route add 10.78.9.0/24 via 10.78.2.2
snapshot() {
    ip -n "$middle" -d address show | sed -E 's/(valid_lft|preferred_lft) [0-9a-z]+//g'
    ip -n "$middle" route show table all
    ip -n "$middle" -6 route show table all | sed -E 's/expires [0-9]+sec//'
    at "$middle" tc qdisc show | sed '/dev sos/d'
}
failed=0
# usage: try WHAT COMMAND...
try() {
    local what=$1 seen=works
    shift
    if ! "$@" >"$scratch/output" 2>&1; then
        seen="DOES NOT WORK"
        failed=1
    fi
    printf '  %-52s %s\n' "$what" "$seen"
    [[ $seen == works ]] || sed 's/^/      /' "$scratch/output"
}
# usage: await COMMAND...   at most ten seconds
await() {
    for _ in $(seq 100); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 0.1
    done
    return 1
}
silent() { ! at "$left" ping -c 1 -W 1 "$1"; }
await at "$left" ping -c 1 -W 1 10.78.2.2
await at "$left" ping -6 -c 1 -W 1 fd78:2::2
# Addresses of IPv6 are tried out first.
settled() { [[ -z $(ip -n "$middle" -6 -br address show tentative) ]]; }
await settled
snapshot >"$scratch/before"

echo "== CPU $cpu is fenced off, the router starts on it, and Linux's routes are followed"
"$sosctl" core reserve "$cpu" --isolated --force
reserved=1
at "$middle" "$sosctl" service start "$cpu" "$image" --port wan=wan --port lan=lan
at "$middle" "$sosctl" router follow "$cpu" 2>"$scratch/follow" &
children+=($!)
counter() { "$sosctl" service status "$cpu" --json | grep -oE "\"$1\": ?[0-9]+" | grep -oE '[0-9]+$' || echo 0; }
# Whether more than so many packets were forwarded.
forwards() { [[ $(counter router.forwarded) -gt $1 ]]; }
pings_forwarded() { at "$left" ping -c 1 -W 1 10.78.2.2 && forwards 0; }
await pings_forwarded || { cat "$scratch/follow" >&2; echo "try-router: the core forwards nothing" >&2; failed=1; }

echo "== the left machine tries"
before=$(counter router.forwarded)
try "ping" at "$left" ping -c 3 -i 0.2 -W 2 10.78.2.2
try "ping by IPv6" at "$left" ping -6 -c 3 -i 0.2 -W 2 fd78:2::2
try "ping behind the next router" at "$left" ping -c 3 -i 0.2 -W 2 10.78.9.9
try "... all of it forwarded by the core" forwards $((before + 10))
# What ping says counts, not how it ends.
expires() { { at "$left" ping -c 1 -W 2 -t 1 10.78.2.2 || true; } | grep "10.78.1.1.*[Tt]ime to live exceeded"; }
try "the router is seen (TTL exceeded, from 10.78.1.1)" expires
unreachable() { { at "$left" ping -c 1 -W 2 10.79.0.1 || true; } | grep "10.78.1.1.*Net Unreachable"; }
try "no route is told (Net Unreachable)" unreachable
if command -v iperf3 >/dev/null; then
    ip netns exec "$right" iperf3 -s -1 >/dev/null 2>&1 9>&- &
    children+=($!)
    await at "$right" bash -c "ss -ltn | grep -q :5201"
    try "iperf3 for two seconds" at "$left" iperf3 -c 10.78.2.2 -t 2 -f m
    sed -n 's/.*sec *\(.*bits\/sec\).*receiver.*/    \1/p' "$scratch/output"
fi

echo "== a route flaps, a hundred times, under a steady stream"
at "$left" ping -c 100 -i 0.02 -W 2 10.78.9.9 >"$scratch/flap" &
pinger=$!
for _ in $(seq 50); do
    ip -n "$middle" route replace 10.78.9.0/24 via 10.78.2.2 metric 0
    ip -n "$middle" route add 10.78.9.9/32 via 10.78.2.2
    ip -n "$middle" route del 10.78.9.9/32
done
wait "$pinger" || true
try "nothing of the stream was lost" grep -q " 0% packet loss" "$scratch/flap"
ip -n "$middle" route add blackhole 10.78.9.9/32
try "a blackhole route holds" await silent 10.78.9.9
ip -n "$middle" route del blackhole 10.78.9.9/32
try "... and goes" await at "$left" ping -c 1 -W 1 10.78.9.9
try "the core's table is the kernel's (router verify)" at "$middle" "$sosctl" router verify "$cpu"
sed 's/^/    /' "$scratch/output"

echo "== everything goes back"
at "$middle" "$sosctl" service stop "$cpu"
"$sosctl" core release "$cpu"
reserved=
snapshot >"$scratch/after"
try "Linux's devices, addresses and routes are as before" diff "$scratch/before" "$scratch/after"
try "Linux forwards by itself" at "$left" ping -c 1 -W 2 10.78.2.2
if ((failed != 0)); then
    echo "try-router: something is not as it should be, see above; the follower said:" >&2
    cat "$scratch/follow" >&2
    exit 1
fi
