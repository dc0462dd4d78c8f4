#!/bin/bash
# The lab's command line; build it first (make guest driver). Without arguments it prints its options.
exec dotnet "$(dirname "$0")/../lab/Sos.Lab/bin/Release/net10.0/Sos.Lab.dll" "$@"
