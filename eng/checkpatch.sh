#!/bin/bash
# usage: checkpatch.sh
#
# Runs the kernel's checkpatch over kernel/. The script is in none of the small packages: it is taken out of Debian's
# kernel source package once, into the cache.
set -euo pipefail
cache=${SOS_CACHE:-$HOME/.cache/sos}
tools=$cache/checkpatch
if [[ ! -e $tools/complete ]]; then
    mkdir -p "$tools"
    exec 9>"$tools/lock"
    flock 9
    if [[ ! -e $tools/complete ]]; then
        # shellcheck source=eng/archive.sh
        . "$(dirname "$0")/archive.sh"
        echo "checkpatch.sh: downloading linux-source-6.1" >&2
        (cd "$tools" && apt-get "${apt[@]}" -qq download linux-source-6.1 >&2)
        dpkg-deb --fsys-tarfile "$tools"/linux-source-6.1_*.deb | tar -xO ./usr/src/linux-source-6.1.tar.xz | xz -dc -T0 |
            tar -x -C "$tools" --strip-components=2 --wildcards '*/scripts/checkpatch.pl' '*/scripts/spelling.txt' \
                '*/scripts/const_structs.checkpatch'
        rm -f "$tools"/*.deb
        touch "$tools/complete"
    fi
fi

# LINUX_VERSION_CODE: a driver outside the tree must look at it (in compat/ alone). SPDX_LICENSE_TAG:
# tests/Sos.Tidy.Tests checks these, the uapi header's dual licence included. FILE_PATH_CHANGES concerns patches.
cd "$(dirname "$0")/../kernel"
find . -type f -name '*.[chS]' -printf '%P\n' | sort |
    xargs perl "$tools/checkpatch.pl" --no-tree --no-summary --terse --show-types --strict --max-line-length=100 \
        --ignore FILE_PATH_CHANGES,LINUX_VERSION_CODE,SPDX_LICENSE_TAG --file
