#!/bin/bash
# usage: driver-layers.sh [--print]
#
# Shows that the driver's files use each other downwards alone: takes from its objects (eng/driver.sh 6.1) who refers to whose symbols, and
# fails if that goes in a circle. With --print it also tells the files from the top down, each with those that it uses.
set -euo pipefail
cd "$(dirname "$0")/.."

output=$(eng/driver.sh 6.1 2>&1) || {
    echo "$output" >&2
    exit 1
}
objects=artifacts/driver/6.1/kernel

# "USER USED" for each pair of files. The monitor's own three are one.
uses=$(for object in "$objects"/*.o; do
    name=$(basename "$object" .o)
    case $name in
    sos | sos.mod) continue ;;
    monitor_entry | monitor_end) name=monitor ;;
    esac
    nm "$object" | awk -v name="$name" 'NF == 3 && $2 ~ /[A-TV-Z]/ { print "D", $3, name } $1 == "U" { print "U", $2, name }'
done | awk '
    $1 == "D" { file[$2] = $3 }
    $1 == "U" { used[++n] = $3 " " $2 }
    END {
        for (i = 1; i <= n; i++) {
            split(used[i], pair, " ")
            if (pair[2] in file && file[pair[2]] != pair[1]) {
                print pair[1], file[pair[2]]
            }
        }
    }' | sort -u)

[[ -n $uses ]] || {
    echo "driver-layers.sh: no object of $objects refers to another: is the driver built?" >&2
    exit 1
}
if ! order=$(tsort <<<"$uses" 2>&1); then
    echo "the driver's files use each other in a circle:" >&2
    grep '^tsort: ' <<<"$order" | sed 's/^tsort: -\{0,1\}[:]\{0,1\} */  /' >&2
    exit 1
fi
if [[ ${1:-} == --print ]]; then
    while read -r name; do
        echo "$name: $(awk -v name="$name" '$1 == name { printf "%s ", $2 }' <<<"$uses")"
    done <<<"$order"
fi
