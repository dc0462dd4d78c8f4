#!/bin/bash
# Installs the Debian packages that are missing or too old. Needs root only if any is.
#   setup.sh [LIST]   LIST: a file beside this script; default: packages.txt
# A line of a list is NAME or NAME>=VERSION, and a comment. What this Debian has only in an older version comes from its backports,
# without a change to the machine's apt sources.
set -euo pipefail
cd "$(dirname "$0")"

mapfile -t wanted < <(sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "${1:-packages.txt}")

# Prints those of the wanted packages that are not installed, or with "old" those that are and too old.
missing() {
    local entry name status version
    for entry in "${wanted[@]}"; do
        name=${entry%%>=*}
        read -r status version < <(dpkg-query -W -f '${db:Status-Status} ${Version}\n' "$name" 2>/dev/null || echo none)
        if [[ $status != installed ]]; then
            [[ ${1:-} == old ]] || echo "$name"
        elif [[ ${1:-} == old && $entry == *'>='* ]] && dpkg --compare-versions "$version" lt "${entry#*>=}"; then
            echo "$name"
        fi
    done
}

mapfile -t absent < <(missing)
mapfile -t old < <(missing old)
((${#absent[@]} + ${#old[@]})) || exit 0

if ((EUID != 0)); then
    echo "setup: these packages are missing or too old; run as root: eng/setup.sh (${absent[*]} ${old[*]})" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
if ((${#absent[@]})); then
    echo "setup: installing ${absent[*]}" >&2
    # Package lists of a fresh machine are empty or stale: fetch them, and tolerate a broken third-party source.
    apt-get update -qq || true
    apt-get install -y -qq --no-install-recommends "${absent[@]}" >&2
fi
mapfile -t old < <(missing old)
if ((${#old[@]})); then
    # shellcheck source=eng/archive.sh
    . ./archive.sh
    echo "setup: installing ${old[*]} from ${VERSION_CODENAME:?}-backports" >&2
    apt-get "${apt[@]:?}" install -y -qq --no-install-recommends -t "$VERSION_CODENAME-backports" "${old[@]}" >&2
    mapfile -t old < <(missing old)
    if ((${#old[@]})); then
        echo "setup: ${old[*]}: not even $VERSION_CODENAME-backports has the version that eng/${1:-packages.txt} asks for" >&2
        exit 1
    fi
fi
