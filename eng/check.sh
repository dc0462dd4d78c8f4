#!/bin/bash
# Everything about the sources that is not a test: formatting, kernel style and annotations, shell scripts, the house rules.
# Every check runs, so that one run shows all there is to mend; all run side by side, and what each says is told in order.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

outputs=$(mktemp -d)
names=()
jobs=()
# Whoever interrupts this leaves no check running.
end() {
    local job
    for job in "${jobs[@]}"; do
        kill -- "-$job" 2>/dev/null
    done
    rm -rf "$outputs"
}
trap end EXIT

check() {
    names+=("$1")
    shift
    set -m # a process group of its own, which is ended with this script
    "$@" </dev/null >"$outputs/${#names[@]}" 2>&1 &
    jobs+=("$!")
    set +m
}

shell_scripts() {
    shellcheck -x eng/*.sh .ci/run lab/guest/init
}

# sparse writes warnings to standard error and lets make succeed. The newest kernel wants a sparse newer than Debian 13's.
sparse_clean() {
    local series output
    for series in 6.1 6.12; do
        rm -f artifacts/driver/"$series"/kernel/*.o
        output=$(eng/driver.sh "$series" C=2 2>&1) || {
            echo "$output"
            return 1
        }
        if grep -E '/artifacts/driver/[^ ]*: (warning|error)|^[^/ ][^ ]*: (warning|error)' <<<"$output"; then
            return 1
        fi
    done
}

# One after the other: both need the driver's objects.
layers_and_annotations() {
    local status=0
    eng/driver-layers.sh || status=1
    sparse_clean || status=1
    return "$status"
}

# The other parts of dotnet format, style and analyzers, run in every build, where warnings are errors; the order of imports is a house rule.
check "format" dotnet format whitespace Sos.slnx --verify-no-changes --no-restore -v quiet
check "shell scripts" shell_scripts
check "kernel style" eng/checkpatch.sh
check "the driver and user memory" eng/driver-lint.sh
check "layers of the driver, kernel annotations" layers_and_annotations
check "house rules" dotnet test tests/Sos.Tidy.Tests -c Release --no-build --nologo --logger "console;verbosity=minimal"

failures=0
for i in "${!names[@]}"; do
    echo "== ${names[i]}"
    wait "${jobs[i]}"
    status=$?
    unset "jobs[i]"
    cat "$outputs/$((i + 1))"
    if ((status != 0)); then
        echo "== failed: ${names[i]}"
        failures=$((failures + 1))
    fi
done

if ((failures > 0)); then
    echo "check: $failures failed"
    exit 1
fi
echo "check: all clean"
