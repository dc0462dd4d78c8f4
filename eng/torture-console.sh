#!/bin/bash
# usage: torture-console.sh [LOGINS] [HANDSHAKES] [SECONDS]
#
# The console's SSH for long: LOGINS log-ins of OpenSSH's client in a row into the image, the client's options, ssh-audit if it is installed (or named
# by SSH_AUDIT), and HANDSHAKES sessions in which a client sends anything at some point, for SECONDS at most. Writes artifacts/torture-console.txt.
set -euo pipefail
cd "$(dirname "$0")/.."

logins=${1:-10000}
handshakes=${2:-1000000}
seconds=${3:-7200}
report=$PWD/artifacts/torture-console.txt
mkdir -p artifacts
: >"$report"

audit=${SSH_AUDIT:-$(command -v ssh-audit || true)}
if [[ -n $audit ]]; then
    export SOS_SSH_AUDIT=$audit SOS_SSH_AUDIT_REPORT=$PWD/artifacts/ssh-audit.txt
else
    echo "ssh-audit is not installed: left out" | tee -a "$report"
fi

SOS_CONSOLE_LOGINS=$logins dotnet test tests/Sos.RemoteConsole.Tests -c Release --no-build --nologo \
    --filter "FullyQualifiedName~EnduranceTests|FullyQualifiedName~SshOptionTests" --logger "console;verbosity=detailed" | tee -a "$report"
dotnet fuzz/Sos.Fuzz/bin/Release/net10.0/Sos.Fuzz.dll ssh --count "$handshakes" --seconds "$seconds" | tee -a "$report"
echo "Report: $report"
