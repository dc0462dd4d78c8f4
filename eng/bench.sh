#!/bin/bash
# Builds the bench and its peers and runs it: bench.sh [--only=SECTION] [--rounds=N]
# As root: peers load programs into the kernel, and all contenders run under SCHED_FIFO.
set -euo pipefail
cd "$(dirname "$0")/.."

eng/setup.sh packages.txt
eng/setup.sh packages-bench.txt || echo "bench: goes on without the peers whose packages are missing" >&2
dotnet build bench/Sos.Bench -c Release -v q --nologo >&2
make -s -C bench/peers >&2
exec dotnet bench/Sos.Bench/bin/Release/net10.0/Sos.Bench.dll "$@"
