#!/bin/bash
# The console without the driver, on this machine, in under a minute: a CPU is fenced off, the console shares the cable of a network namespace with
# Linux there, and OpenSSH's client logs in from another one. Everything is as before at the end. Needs root.
#   CPU   the CPU to take (default: the last one)
#   HOLD  not empty: waits at the end of the visit, with the line to type, until Return
set -euo pipefail
cd "$(dirname "$0")/.."

sosctl=src/Sos.Ctl/bin/Release/net10.0/sosctl
image=services/console/Sos.RemoteConsole/bin/Release/net10.0/console.sosimg
export SOS_RUNNER=$PWD/src/Sos.Runner/bin/Release/net10.0/linux-x64/publish/sos-runner
[[ $EUID == 0 ]] || { echo "try-console: fencing a CPU off is root's: run this as root" >&2; exit 4; }
for file in "$sosctl" "$image" "$SOS_RUNNER"; do
    [[ -e $file ]] || { echo "try-console: $file is missing: 'make try-console' builds it" >&2; exit 6; }
done
cpu=${CPU:-$(($(nproc --all) - 1))}
((cpu > 0)) || { echo "try-console: this machine has one CPU, which stays with Linux" >&2; exit 5; }

exec 9>/run/lock/sos-try
flock -n 9 || { echo "try-console: another 'make try' is at work: wait for it" >&2; exit 5; }
host=sos-try-host client=sos-try-client
for left in "$host" "$client"; do
    # One that was killed could not clean up.
    ip netns del "$left" 2>/dev/null || true
done
address=10.77.9.1 console=10.77.9.9
scratch=$(mktemp -d)
reserved=
cleanup() {
    local status=$?
    trap - EXIT INT TERM
    [[ -z $reserved ]] || "$sosctl" core release "$cpu" >"$scratch/release" 2>&1 || cat "$scratch/release" >&2
    ip netns del "$client" 2>/dev/null || true
    ip netns del "$host" 2>/dev/null || true
    rm -rf "$scratch"
    exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# Without the lock's descriptor: what starts here may outlive a try that is killed.
inside() { ip netns exec "$host" "$@" 9>&-; }
outside() { ip netns exec "$client" "$@" 9>&-; }

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

echo "== the host's key, and the key of somebody who may log in"
"$sosctl" console key "$scratch/host" --host "$console" >"$scratch/key"
head -n 2 "$scratch/key" | sed "s|$scratch|FOLDER|"
tail -n 1 "$scratch/key" >"$scratch/known"
ssh-keygen -q -t ed25519 -N '' -C somebody -f "$scratch/id"
ssh-keygen -q -t ed25519 -N '' -C stranger -f "$scratch/stranger"

echo "== CPU $cpu is fenced off, the console starts on it and shares eth0 with Linux"
"$sosctl" core reserve "$cpu" --isolated --force
reserved=1
inside "$sosctl" console start "$cpu" --image "$image" --device eth0 --address "$console" --ssh "$scratch/id.pub" --host-key "$scratch/host"

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
options=(-F none -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=yes -o GlobalKnownHostsFile=none
    -o "UserKnownHostsFile=$scratch/known" -o ConnectTimeout=10)
# usage: visit COMMAND...   by ssh
visit() { outside env -u SSH_AUTH_SOCK ssh "${options[@]}" -i "$scratch/id" "console@$console" "$@"; }
# usage: refused KEY [USER]
refused() {
    ! outside env -u SSH_AUTH_SOCK ssh "${options[@]}" -i "$1" "${2:-console}@$console" version 2>"$scratch/refusal" \
        && grep -q "Permission denied (publickey)" "$scratch/refusal"
}
twenty() { for _ in $(seq 20); do visit version || return; done; }
tables() { for table in who log service; do visit "$table" --json | grep -q '^\[{' || return; done; }
both() { outside ping -c 1 -W 2 "$address" && outside ping -c 1 -W 2 "$console"; }
for _ in $(seq 50); do # the first packets ask for addresses
    if both >/dev/null 2>&1; then break; fi
done

echo "== the client tries"
try "ping: Linux and the console, on one card" both
try "ssh console@$console version, 20 times of 20" twenty
try "tables as JSON: who, log, service" tables
try "a stranger's key is refused" refused "$scratch/stranger"
try "another user is refused" refused "$scratch/id" root
try "a shell with a terminal, ^C and a break (~B)" bash -c "printf 'who\rlog -w\r\003\r~B\rexit\r' \
    | ip netns exec $client env -u SSH_AUTH_SOCK ssh -tt -e '~' ${options[*]} -i $scratch/id console@$console 9>&-"

echo "== what it shows"
for command in status who "log"; do
    echo "  \$ ssh console@$console $command"
    visit "$command" 2>&1 | tail -n 12 | sed 's/^/    /'
done
if [[ -n ${HOLD:-} ]]; then
    echo "== look around; Return here ends it"
    echo "  ip netns exec $client ssh ${options[*]} -i $scratch/id console@$console"
    read -r
fi

echo "== everything goes back"
inside "$sosctl" service stop "$cpu"
"$sosctl" core release "$cpu"
reserved=
try "Linux has its card alone" outside ping -c 1 -W 2 "$address"
if ((failed != 0)); then
    echo "try-console: something is not as it should be, see above" >&2
    exit 1
fi
