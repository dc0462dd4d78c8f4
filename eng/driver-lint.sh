#!/bin/bash
# usage: driver-lint.sh
#
# What no compiler checks in the driver's sources: user memory is touched by core_file.c and main.c alone, and never under a lock. A page
# of a caller's may be long in coming (userfaultfd), and whoever rescues a core needs the locks.
set -euo pipefail
cd "$(dirname "$0")/../kernel"

touches='(copy_(to|from)_user|get_user|put_user|clear_user|strncpy_from_user|memdup_user)[[:space:]]*\('
foreign=$(grep -nE "$touches" ./*.c compat/*.h | grep -vE '^\./(core_file|main)\.c:' || true)

# A function begins with "{" in the first column and ends with "}" there. What is taken is given back in the order of the text, but for
# labels of the error path, before which nothing that touches user memory comes: there a count below 0 is taken for 0.
held=$(awk -v touches="$touches" '
    /^\{/ { held = 0 }
    /(mutex_lock|sos_core_lock|spin_lock[a-z_]*|down_read|down_write)\(/ && !/void sos_core_lock/ { held++ }
    /(mutex_unlock|spin_unlock[a-z_]*|up_read|up_write)\(/ { if (held > 0) held-- }
    $0 ~ touches && held > 0 { print FILENAME ":" FNR ": under a lock:" $0 }
    # run_* and undo_* are what core_file.c calls under core->lock.
    /^static (int|void) (run|undo)_[a-z_]*\(struct sos_core \*core, struct core_call/ { locked = 1 }
    /^\}/ { locked = 0 }
    $0 ~ touches && locked { print FILENAME ":" FNR ": under core->lock:" $0 }' core_file.c main.c)

if [[ -n $foreign$held ]]; then
    [[ -z $foreign ]] || echo "user memory is touched outside of core_file.c and main.c:"$'\n'"$foreign" >&2
    [[ -z $held ]] || echo "$held" >&2
    exit 1
fi
