#!/bin/bash
# usage: fuzz-driver.sh [SECONDS [SEED]]
#
# On the debug kernel: the driver's ABI checks, allocation failures at every site of every call, the fuzzer (default: 120 seconds), and
# then what KASAN, lockdep and kmemleak have to say. Keeps the output in artifacts/fuzz-driver.log; fails if anything is amiss.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-120}
seed=${2:-0}
eng/debug-kernel.sh >/dev/null
eng/driver.sh debug >/dev/null
tests=/usr/lib/sos/tests
# What is freed after a grace period looks like a leak until then: a second scan tells.
script="
failed=0
uname -r
card=
for device in /sys/bus/pci/devices/*; do
    [ \"\$(cat \$device/vendor \$device/device)\" = \"\$(printf '0x1af4\\n0x1041')\" ] && card=\${device##*/}
done
[ -n \"\$card\" ] || { echo 'not ok - the machine has no virtio card'; exit 1; }
$tests/abi_smoke 3 \$card 2 > /tmp/smoke || failed=1
grep -v '^ok' /tmp/smoke
$tests/fail_nth 2 \$card 3 || failed=1
$tests/abi_fuzz $seconds $seed 2 3 || failed=1
rmmod sos || failed=1
modprobe sos || failed=1
sleep 5; echo scan > /sys/kernel/debug/kmemleak; sleep 5; echo scan > /sys/kernel/debug/kmemleak
grep -A 20 -B 3 '\[sos\]' /sys/kernel/debug/kmemleak && failed=1
exit \$failed"
mkdir -p artifacts
# Without ACPI for PCI: its interpreter, which looks up the card's interrupt, does not bear failing allocations (KASAN: use-after-free in it).
eng/lab.sh run --kernel debug --append pci=noacpi --cards 1 --memory 2048 --timeout $((seconds + 1200)) -- "$script" 2>&1 | tee artifacts/fuzz-driver.log
# Where an allocation for a file in /proc/irq fails, Linux says nothing, goes on without the file, and warns when it is to go.
if grep 'the kernel complained\|^not ok' artifacts/fuzz-driver.log | grep -qv ' remove_proc_entry+'; then
    exit 1
fi
echo "fuzz-driver: well"
