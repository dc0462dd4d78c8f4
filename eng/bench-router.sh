#!/bin/bash
# Builds the router's bench and its peers and runs it: bench-router.sh [--only=SECTION] [--rounds=N]
# As root: peers load programs into the kernel, and all contenders run under SCHED_FIFO.
set -euo pipefail
cd "$(dirname "$0")/.."

eng/setup.sh packages.txt
eng/setup.sh packages-bench.txt || echo "bench-router: goes on without the peers whose packages are missing" >&2
dotnet build bench/Sos.RouterBench -c Release -v q --nologo >&2
make -s -C bench/peers >&2
exec dotnet bench/Sos.RouterBench/bin/Release/net10.0/Sos.RouterBench.dll "$@"
