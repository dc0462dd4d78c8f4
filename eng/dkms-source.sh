#!/bin/bash
# usage: dkms-source.sh FOLDER
#
# Lays the driver's sources out as dkms wants them, into FOLDER: /usr/src/sos-VERSION of the machine or of a package.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${1:?usage: dkms-source.sh FOLDER}
version=$(sed -n 's:.*<SosVersion>\(.*\)</SosVersion>.*:\1:p' Directory.Build.props)
rm -rf "$folder"
install -d "$folder"
# By kind, not by git: what was unpacked from an archive is no repository.
find kernel -type f \( -name '*.[chS]' -o -name '*.sh' -o -name 'Makefile' -o -name 'Kbuild' \) ! -name '*.mod.c' -exec cp --parents -t "$folder" {} +
install -m 644 Directory.Build.props "$folder/Directory.Build.props"
sed "s/@VERSION@/$version/" eng/dkms.conf >"$folder/dkms.conf"
