#!/bin/bash
# The third witness: the verifier's transfer functions beside the processor of this machine.
# Usage: eng/fuzz-verifier.sh [--share N] [--steps N] [--programs N] [--seed S]; see fuzz/README.md.
set -euo pipefail
cd "$(dirname "$0")/.."

dotnet build fuzz/Sos.Fuzz -c Release -v q --nologo
exec dotnet fuzz/Sos.Fuzz/bin/Release/net10.0/Sos.Fuzz.dll processor "$@"
