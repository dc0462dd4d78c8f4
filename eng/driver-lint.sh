#!/bin/bash
# usage: driver-lint.sh
#
# What no compiler checks in the driver's sources. A function whose comment says "Under" a lock asserts it (lockdep). User memory is touched
# by core_file.c and main.c alone, and never under a lock: a page of a caller's may be long in coming (userfaultfd), and whoever rescues a
# core needs the locks.
set -euo pipefail
cd "$(dirname "$0")/../kernel"

touches='(copy_(to|from)_user|get_user|put_user|clear_user|strncpy_from_user|memdup_user)[[:space:]]*\('
foreign=$(grep -nE "$touches" ./*.c compat/*.h | grep -vE '^\./(core_file|main)\.c:' || true)

# A function begins with "{" in the first column and ends with "}" there. What is taken is given back in the order of the text, but for
# labels of the error path, before which nothing that touches user memory comes: there a count below 0 is taken for 0.
held=$(awk -v touches="$touches" '
    /^\{/ { held = 0 }
    /(mutex_lock|sos_core_lock|spin_lock[a-z_]*|down_read|down_write)\(/ && !/void sos_core_lock/ { held++ }
    /(mutex_unlock|sos_core_unlock|spin_unlock[a-z_]*|up_read|up_write)\(/ && !/void sos_core_unlock/ { if (held > 0) held-- }
    $0 ~ touches && held > 0 { print FILENAME ":" FNR ": under a lock:" $0 }
    # run_* and undo_* are what core_file.c calls under service->lock.
    /^static (int|void) (run|undo)_[a-z_]*\(struct sos_core \*core, struct core_call/ { locked = 1 }
    /^\}/ { locked = 0 }
    $0 ~ touches && locked { print FILENAME ":" FNR ": under service->lock:" $0 }' core_file.c main.c)

unasserted=$(awk '
    FNR == 1 { comment = wanted = 0; text = "" }
    /^\/\*/ { comment = 1; text = "" }
    comment { text = text " " $0 }
    /\*\// { comment = 0; next }
    comment { next }
    /^$/ { text = "" }
    /^\{/ {
        named = "(service->lock|run_lock|state_lock|map_lock|sos_reserve_lock|both locks|both services. locks|the device.s lock)"
        wanted = text ~ "(/[*]|[*]|[.]) Under " named && text !~ /, or before/
        asserted = 0
        where = FILENAME ":" FNR
    }
    /lockdep_assert(_held)?|device_lock_assert/ { asserted = 1 }
    /^\}/ && wanted && !asserted { print where ": the comment names a lock that nothing asserts:" text }
    /^\}/ { wanted = 0; text = "" }' ./*.c)

if [[ -n $foreign$held$unasserted ]]; then
    [[ -z $foreign ]] || echo "user memory is touched outside of core_file.c and main.c:"$'\n'"$foreign" >&2
    [[ -z $held ]] || echo "$held" >&2
    [[ -z $unasserted ]] || echo "$unasserted" >&2
    exit 1
fi
