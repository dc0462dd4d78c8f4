#!/bin/bash
# TCP through the firewall on an isolated CPU beside Linux alone, on a cable between two namespaces, with the same offloads: bench-throughput.sh
# [--rounds=N] [--seconds=N]. Both ends of TCP are on CPU 0, Linux's share with and without SOS; rounds of both are interleaved. Needs root, two CPUs.
#   CPU   the CPU for the service (default: the last one)
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=5 seconds=3
for option in "$@"; do
    case $option in
        --rounds=[1-9]*) rounds=${option#*=} ;;
        --seconds=[1-9]*) seconds=${option#*=} ;;
        *) echo "bench-throughput: $option is no option: --rounds=N, --seconds=N" >&2; exit 2 ;;
    esac
done
sosctl=src/Sos.Ctl/bin/Release/net10.0/sosctl
image=services/firewall/Sos.Firewall/bin/Release/net10.0/firewall.sosimg
export SOS_RUNNER=$PWD/src/Sos.Runner/bin/Release/net10.0/linux-x64/publish/sos-runner
[[ $EUID == 0 ]] || { echo "bench-throughput: fencing a CPU off is root's: run this as root" >&2; exit 4; }
for file in "$sosctl" "$image" "$SOS_RUNNER"; do
    [[ -e $file ]] || { echo "bench-throughput: $file is missing: 'make bench-throughput' builds it" >&2; exit 6; }
done
cpu=${CPU:-$(($(nproc --all) - 1))}
((cpu > 0)) || { echo "bench-throughput: this machine has one CPU, which stays with Linux" >&2; exit 5; }

exec 9>/run/lock/sos-try
flock -n 9 || { echo "bench-throughput: a 'make try' is at work: wait for it" >&2; exit 5; }
host=sos-try-host client=sos-try-client
address=10.77.9.1
scratch=$(mktemp -d)
server=
reserved=
cleanup() {
    local status=$?
    trap - EXIT INT TERM
    [[ -z $reserved ]] || "$sosctl" core release "$cpu" >"$scratch/release" 2>&1 || cat "$scratch/release" >&2
    [[ -z $server ]] || kill "$server" 2>/dev/null || true
    ip netns del "$client" 2>/dev/null || true
    ip netns del "$host" 2>/dev/null || true
    rm -rf "$scratch"
    exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

for left in "$host" "$client"; do
    ip netns del "$left" 2>/dev/null || true # one that was killed could not clean up
done
ip netns add "$host"
ip netns add "$client"
ip link add eth0 netns "$host" type veth peer name eth0 netns "$client"
ip -n "$host" address add "$address/24" dev eth0
ip -n "$client" address add 10.77.9.2/24 dev eth0
for space in "$host" "$client"; do
    ip -n "$space" link set lo up
    ip -n "$space" link set eth0 up
done
ip netns exec "$host" taskset -c 0 iperf3 -s -p 5201 >/dev/null 9>&- &
server=$!
cat >"$scratch/rules.nft" <<'RULES'
table inet filter {
    chain input {
        type filter hook input priority 0; policy accept;
        tcp dport 23 drop
    }
}
RULES

# usage: offloads on|off
offloads() {
    local space
    for space in "$host" "$client"; do
        ip netns exec "$space" ethtool -K eth0 tx "$1" tso "$1" gso "$1" gro "$1" >/dev/null 2>&1
    done
}

# usage: measure NAME DIRECTION   appends "Gbit/s retransmits" to a file
measure() {
    local reverse=()
    [[ $2 == receives ]] || reverse=(-R)
    for _ in $(seq 50); do # until addresses are known and the server listens
        if ip netns exec "$client" iperf3 -c "$address" -n 1K >/dev/null 2>&1; then break; fi
        sleep 0.1
    done
    ip netns exec "$client" taskset -c 0 iperf3 -c "$address" -t "$seconds" -f g "${reverse[@]}" >"$scratch/run" 9>&-
    # [ID] from-to sec, bytes, rate Gbits/sec, retransmits, who
    awk '$NF == "sender" { again = $(NF - 1) } $NF == "receiver" { for (i = 1; i < NF; i++) if ($(i + 1) == "Gbits/sec") rate = $i }
        END { print rate, again + 0 }' "$scratch/run" >>"$scratch/$1.$2"
}

# usage: median FILE FIELD
median() { cut -d ' ' -f "$2" "$1" | sort -g | awk '{ values[NR] = $1 } END { print values[int((NR + 1) / 2)] }'; }

for set in off on; do
    offloads "$set"
    for ((round = 1; round <= rounds; round++)); do
        echo "bench-throughput: offloads $set, round $round of $rounds" >&2
        for direction in receives sends; do
            measure "linux.$set" "$direction"
        done
        "$sosctl" core reserve "$cpu" --isolated --force >/dev/null
        reserved=1
        ip netns exec "$host" "$sosctl" service start "$cpu" "$image" --device eth0 --rules "$scratch/rules.nft" >/dev/null 9>&-
        for direction in receives sends; do
            measure "sos.$set" "$direction"
        done
        "$sosctl" core release "$cpu" >/dev/null
        reserved=
    done
done

mkdir -p artifacts
printf '%-9s %-9s %13s %11s %6s %16s\n' OFFLOADS 'THE HOST' 'LINUX Gbit/s' 'SOS Gbit/s' RATIO RETRANSMITS
for set in off on; do
    for direction in receives sends; do
        linux=$scratch/linux.$set.$direction sos=$scratch/sos.$set.$direction
        echo "$set $direction $(median "$linux" 1) $(median "$sos" 1) $(median "$linux" 2) $(median "$sos" 2)"
    done
done | awk -v least=0.9 -v output=artifacts/throughput.json '
    { ratio = $4 / $3; met = ratio >= least && $6 <= $5
      printf "%-9s %-9s %13.2f %11.2f %6.2f %16s  %s\n", $1, $2, $3, $4, ratio, $5 " / " $6, met ? "met" : "MISSED"
      rows = rows (NR > 1 ? ",\n" : "") sprintf(" {\"offloads\":\"%s\",\"host\":\"%s\",\"linux_gbit_s\":%s,\"sos_gbit_s\":%s,\"ratio\":%.3f," \
          "\"linux_retransmits\":%s,\"sos_retransmits\":%s,\"met\":%s}", $1, $2, $3, $4, ratio, $5, $6, met ? "true" : "false") }
    END { print "[\n" rows "\n]" >output; print output }'
