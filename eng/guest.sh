#!/bin/bash
# Publishes what the lab's guest runs into artifacts/guest: the agent, sosctl and the service images.
#   artifacts/guest/agent/   the agent
#   artifacts/guest/root/    lies at / in the guest
set -euo pipefail
cd "$(dirname "$0")/.."

publish() {
    dotnet publish "$1" -c Release -r linux-x64 -o "$2" -v q --nologo -p:DebugType=none
}
publish lab/Sos.Lab.Agent artifacts/guest/agent

root=artifacts/guest/root
mkdir -p "$root/usr/bin"
publish src/Sos.Ctl artifacts/guest/sosctl
cp -p artifacts/guest/sosctl/sosctl "$root/usr/bin/"
cp -p src/Sos.Runner/bin/Release/net10.0/linux-x64/publish/sos-runner "$root/usr/bin/"
publish src/Sos.Daemon artifacts/guest/sosd
cp -p artifacts/guest/sosd/sosd "$root/usr/bin/"
rm -rf "$root/usr/lib/sos"
mkdir -p "$root/usr/lib/sos/samples" "$root/usr/lib/sos/tests"
cp -p src/Sos.Runner/bin/Release/net10.0/linux-x64/publish/sos-runner "$root/usr/lib/sos/"
find services -path '*/bin/Release/*' -name '*.sosimg*' -exec cp -p -t "$root/usr/lib/sos" {} +
find samples -path '*/bin/Release/*' -name '*.sosimg*' -exec cp -p -t "$root/usr/lib/sos/samples" {} +
for program in abi_smoke abi_fuzz fail_nth hardware_smoke; do
    gcc -static -O2 -Wall -Werror -pthread -o "$root/usr/lib/sos/tests/$program" "tests/kernel/$program.c"
done
gcc -static -O2 -Wall -Werror -I services/timer/include -o "$root/usr/lib/sos/tests/timer_clients" tests/timer/timer_clients.c
gcc -static -O2 -Wall -Werror -I services/timer/include -o "$root/usr/lib/sos/samples/control_loop" samples/ControlLoop/control_loop.c
find tests/Sos.Native.Tests/FaultServices -path '*/bin/Release/*' -name '*.sosimg*' -exec cp -p -t "$root/usr/lib/sos/tests" {} +
gcc -static -O2 -Wall -Werror -o "$root/usr/lib/sos/tests/kexec_again" tests/kernel/kexec_again.c
