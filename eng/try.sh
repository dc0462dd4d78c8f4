#!/bin/bash
# The firewall without the driver, on this machine, in under a minute: a CPU is fenced off, the firewall runs on it as a process in front
# of a network namespace, and a real client in another namespace tries it. Everything is as before at the end. Needs root.
#   CPU   the CPU to take (default: the last one)
set -euo pipefail
cd "$(dirname "$0")/.."

sosctl=src/Sos.Ctl/bin/Release/net10.0/sosctl
image=services/firewall/Sos.Firewall/bin/Release/net10.0/firewall.sosimg
export SOS_RUNNER=$PWD/src/Sos.Runner/bin/Release/net10.0/linux-x64/publish/sos-runner
[[ $EUID == 0 ]] || { echo "try: fencing a CPU off is root's: run this as root" >&2; exit 4; }
for file in "$sosctl" "$image" "$SOS_RUNNER"; do
    [[ -e $file ]] || { echo "try: $file is missing: 'make try' builds it" >&2; exit 6; }
done
cpu=${CPU:-$(($(nproc --all) - 1))}
((cpu > 0)) || { echo "try: this machine has one CPU, which stays with Linux" >&2; exit 5; }

exec 9>/run/lock/sos-try
flock -n 9 || { echo "try: another 'make try' is at work: wait for it" >&2; exit 5; }
host=sos-try-host client=sos-try-client
for left in "$host" "$client"; do
    # One that was killed could not clean up.
    ip netns del "$left" 2>/dev/null || true
done
address=10.77.9.1
scratch=$(mktemp -d)
servers=()
reserved=
cleanup() {
    local status=$?
    trap - EXIT INT TERM
    [[ -z $reserved ]] || "$sosctl" core release "$cpu" >"$scratch/release" 2>&1 || cat "$scratch/release" >&2
    ((${#servers[@]} == 0)) || kill "${servers[@]}" 2>/dev/null || true
    ip netns del "$client" 2>/dev/null || true
    ip netns del "$host" 2>/dev/null || true
    rm -rf "$scratch"
    exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# Without the lock's descriptor: what starts here may outlive a try that is killed.
inside() { ip netns exec "$host" "$@" 9>&-; }
outside() { ip netns exec "$client" "$@"; }

echo "== a host and a client, each in a network namespace, with a cable between"
ip netns add "$host"
ip netns add "$client"
ip link add eth0 netns "$host" type veth peer name eth0 netns "$client"
ip -n "$host" address add "$address/24" dev eth0
ip -n "$client" address add 10.77.9.2/24 dev eth0
ip -n "$host" link set lo up
ip -n "$host" link set eth0 up
ip -n "$client" link set eth0 up
outside ethtool -K eth0 tx off >/dev/null # a cable between machines carries whole checksums

mkdir "$scratch/www"
echo "hello from behind the firewall" >"$scratch/www/index.html"
for port in 8080 8081; do
    # Not by inside(): a function in the background has a shell of its own, and that would get the signal in the server's place.
    ip netns exec "$host" busybox httpd -f -p "$port" -h "$scratch/www" 9>&- &
    servers+=($!)
done

cat >"$scratch/rules.nft" <<'RULES'
table inet filter {
    chain input {
        type filter hook input priority 0; policy accept;
        icmp type echo-request counter accept
        tcp dport 8080 counter accept
        tcp dport 8081 counter drop
        udp dport 5353 counter drop
    }
}
RULES

# What Linux knows of the device, by kind; lifetimes and counts are left out.
declare -A look=(
    [name and index]="ip -br link show dev eth0; cat /sys/class/net/eth0/ifindex"
    [addresses]="ip -d address show dev eth0"
    [routes]="ip -d route show table all; ip -d -6 route show table all"
    [rules]="ip rule; ip -6 rule; nft -s list ruleset"
    [sysctls]="sysctl -a -r 'net[.]ipv[46][.].*[.]eth0[.]'"
    [queues]="tc qdisc show dev eth0"
)
kinds=("name and index" addresses routes rules sysctls queues)
# usage: snapshot NAME
snapshot() {
    local kind
    for kind in "${kinds[@]}"; do
        inside bash -c "${look[$kind]}" 2>/dev/null | sed -E 's/(valid_lft|preferred_lft|expires) [0-9]+sec//g; /dev sos/d' >"$scratch/$1.$kind" || true
    done
}
# usage: compare NAME WHEN   with the first snapshot
compare() {
    local kind verdict
    for kind in "${kinds[@]}"; do
        verdict="as before"
        if ! diff "$scratch/before.$kind" "$scratch/$1.$kind" >"$scratch/difference"; then
            verdict="changed:"
            failed=1
        fi
        printf '  %-22s %-14s %s\n' "$2" "$kind" "$verdict"
        sed 's/^/      /' "$scratch/difference"
    done
}
inside nft 'add table inet own; add chain inet own in { type filter hook input priority 0; }; add rule inet own in iif eth0 tcp dport 23 drop'
for _ in $(seq 100); do # addresses of IPv6 are tried out first
    [[ -n $(inside ip -6 -br address show tentative) ]] || break
    sleep 0.1
done
snapshot before

echo "== CPU $cpu is fenced off, the firewall starts on it"
"$sosctl" core reserve "$cpu" --isolated --force
reserved=1
inside "$sosctl" service start "$cpu" "$image" --device eth0 --rules "$scratch/rules.nft"

echo "== the client tries"
failed=0
# usage: try WHAT passes|blocked COMMAND...
try() {
    local what=$1 expected=$2 seen=blocked
    shift 2
    if outside "$@" >/dev/null 2>&1; then
        seen=passes
    fi
    if [[ $seen == "$expected" ]]; then
        printf '  %-36s %s\n' "$what" "$seen"
    else
        printf '  %-36s %s, expected: %s\n' "$what" "$seen" "$expected"
        failed=1
    fi
}
for _ in $(seq 50); do # the first packets ask for addresses
    if outside ping -c 1 -W 1 "$address" >/dev/null 2>&1; then break; fi
done
try "ping" passes ping -c 3 -i 0.2 -W 2 "$address"
try "HTTP on port 8080" passes curl -sS --max-time 5 "http://$address:8080/"
try "HTTP on port 8081 (rule: drop)" blocked curl -sS --max-time 2 "http://$address:8081/"
for _ in 1 2 3 4 5; do
    outside bash -c "echo x >/dev/udp/$address/5353"
done

echo "== Linux's own device, while the service has its frames"
snapshot during
compare during "the service runs"

echo "== what the firewall counted"
inside "$sosctl" firewall show "$cpu" | awk '/^PACKETS/,/^COUNTER/ { if (!/^COUNTER/) print "  " $0 }'
inside "$sosctl" service status "$cpu" | sed -n '1,2p'

echo "== everything goes back"
inside "$sosctl" service stop "$cpu"
"$sosctl" core release "$cpu"
reserved=
snapshot after
compare after "everything is back"
try "HTTP on port 8081, without firewall" passes curl -sS --max-time 5 "http://$address:8081/"
if ((failed != 0)); then
    echo "try: something is not as it should be, see above" >&2
    exit 1
fi
