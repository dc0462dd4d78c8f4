#!/bin/bash
# usage: test.sh [NAME]
#
# Runs the tests of tests/*.Tests, services/*/*.Tests and samples/*/*.Tests, already built; with NAME only those whose full name
# contains it, the long ones (trait Length) among them. What failed is told again at the end; the last line is "N passed, N failed", the
# sum over all projects. A test host that crashes, hangs or runs nothing at all counts as a failure.
set -euo pipefail
cd "$(dirname "$0")/.."

only=${1:-}
results=artifacts/test
rm -rf "$results"
mkdir -p "$results"
passed=0
failed=0
failures=()

# Adds the counters of the result file $1 to the sums.
count() {
    local counters name value
    counters=$(grep -o '<Counters [^>]*>' "$1")
    for name in passed failed error timeout aborted; do
        value=$(sed -E "s/.* $name=\"([0-9]+)\".*/\1/" <<<"$counters")
        if [[ $name == passed ]]; then
            passed=$((passed + value))
        else
            failed=$((failed + value))
        fi
    done
}

# Tells each failed test of the result file $1 with the beginning of what it said: enough for a kernel's registers and call trace.
tell_failures() {
    awk '
        /<UnitTestResult / {
            name = /outcome="Failed"/ && match($0, /testName="[^"]*"/) ? substr($0, RSTART + 10, RLENGTH - 11) : ""
        }
        name != "" && /<Message>/ {
            message = $0
            for (lines = 1; lines < 70 && message !~ /<\/Message>/ && (getline line) > 0; lines++) {
                message = message "\n    " line
            }
            gsub(/^ *<Message>|<\/Message>.*$/, "", message)
            print "  " name ": " substr(message, 1, 5000)
            name = ""
        }' "$1" | sed -e 's/&lt;/</g; s/&gt;/>/g; s/&quot;/"/g; s/&#x[0-9A-F]*;/ /g; s/&amp;/\&/g'
}

# Runs the project file $1, all of it or what the name asks for; its exit status is kept beside its results.
run() {
    local name status=0 filter='Length!=long'
    name=$(basename "$1" .csproj)
    [[ -z $only ]] || filter="FullyQualifiedName~$only"
    echo "== $name"
    dotnet test "$1" -c Release --no-build --nologo --filter "$filter" --results-directory "$results" \
        --logger "trx;LogFileName=$name.trx" --logger "console;verbosity=minimal" \
        --blame-hang-timeout 10m --blame-hang-dump-type none || status=$?
    echo "$status" >"$results/$name.status"
}

# Adds what the project file $1 left to the sums and to what failed.
judge() {
    local name status before=$failed
    name=$(basename "$1" .csproj)
    status=$(<"$results/$name.status")
    if [[ -e $results/$name.trx ]]; then
        count "$results/$name.trx"
    elif [[ -z $only ]]; then
        # dotnet test ends with 0 when the project was not built, for example for want of a line in Sos.slnx.
        failures+=("  $name ran no test: is it in Sos.slnx?")
        status=1
    fi
    if ((status != 0 && failed == before)); then
        failures+=("  $name ended with status $status")
        failed=$((failed + 1))
    elif ((failed > before)); then
        failures+=("$(tell_failures "$results/$name.trx")")
    fi
}

# Two projects take CPUs from this machine, hence run alone. Then come virtual machines, two at a time, and beside them all that needs none:
# one machine leaves a third of two CPUs idle.
shopt -s nullglob
alone=() machines=() others=()
for project in {tests,services/*,samples/*}/*.Tests/*.csproj; do
    # A quick look into the sources spares the start of test hosts that have nothing to run.
    [[ -z $only ]] || grep -rqi --include='*.cs' -- "${only##*.}" "$(dirname "$project")" || continue
    case $(basename "$project" .csproj) in
    Sos.Isolated.Tests | Sos.Bench.Tests) alone+=("$project") ;;
    Sos.Lab.Tests) machines+=("$project") ;;
    *) others+=("$project") ;;
    esac
done

for project in "${alone[@]}"; do
    run "$project"
done
beside=
if ((${#machines[@]} > 0 && ${#others[@]} > 0)); then
    echo "== Sos.Lab.Tests begins; it is told of when the others have ended"
    set -m # a process group of its own, which is ended with this script
    run "${machines[0]}" >"$results/machines.log" 2>&1 &
    beside=$!
    set +m
    trap 'kill -- "-$beside" 2>/dev/null; wait "$beside" 2>/dev/null || true' EXIT
elif ((${#machines[@]} > 0)); then
    run "${machines[0]}"
fi
for project in "${others[@]}"; do
    run "$project"
done
if [[ -n $beside ]]; then
    echo "== waiting for the virtual machines, which take up to half an hour from their begin"
    wait "$beside"
    trap - EXIT
    cat "$results/machines.log"
fi
for project in "${alone[@]}" "${machines[@]}" "${others[@]}"; do
    judge "$project"
done

if ((passed + failed == 0)); then
    echo "no test matches '$only'"
    failed=1
fi
if ((${#failures[@]} > 0)); then
    echo "== failed"
    printf '%s\n' "${failures[@]}"
fi
echo "$passed passed, $failed failed"
((failed == 0))
