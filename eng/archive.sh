# shellcheck shell=bash
# To be sourced: apt for Debian's archive, with package lists of its own in the cache, so that nothing of the machine's apt is
# changed. "suites" may be set before, to suites other than Debian 12's and its backports. Sets "apt", the options for apt-get and
# apt-cache, and "sources", the file that names the suites; fetches the lists.

cache=${SOS_CACHE:-$HOME/.cache/sos}
suites=${suites:-bookworm bookworm-backports}
lists=$cache/apt/${suites// /+}
mkdir -p "$lists/parts" "$lists/lists/partial" "$lists/cache/archives/partial"

# Prints "URI suite" for each entry of the machine's apt sources, in both of apt's formats.
machine_sources() {
    local file
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [[ -r $file ]] || continue
        sed -n -E 's/^deb[[:space:]]+(\[[^]]*\][[:space:]]+)?([^[:space:]]+)[[:space:]]+([^[:space:]]+).*/\2 \3/p' "$file"
    done
    for file in /etc/apt/sources.list.d/*.sources; do
        [[ -r $file ]] || continue
        awk 'function flush(  i, j, u, s) {
                 u = split(uris, uri, " "); s = split(suites, suite, " ")
                 for (i = 1; i <= u; i++) for (j = 1; j <= s; j++) print uri[i], suite[j]
                 uris = suites = ""
             }
             /^[[:space:]]*$/ { flush() }
             /^URIs:/ { sub(/^URIs:/, ""); uris = $0 }
             /^Suites:/ { sub(/^Suites:/, ""); suites = $0 }
             END { flush() }' "$file"
    done
}

# shellcheck source=/dev/null
. /etc/os-release
archive=$(machine_sources | awk -v suite="${VERSION_CODENAME:-bookworm}" '$2 == suite { print $1; exit }')
security=$(machine_sources | awk '$2 ~ /-security(\/updates)?$/ { print $1; exit }')
if [[ -z $archive ]]; then
    echo "archive.sh: no Debian archive for '${VERSION_CODENAME:-?}' among this machine's apt sources" >&2
    exit 1
fi
keyring='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]'
sources=$lists/parts/archive.list
for suite in $suites; do
    echo "deb $keyring $archive $suite main"
    # Stable releases have their security updates elsewhere.
    [[ -z $security || ! $suite =~ ^(bookworm|trixie)$ ]] || echo "deb $keyring $security $suite-security main"
done >"$sources"

apt=(-o "Dir::Etc::sourcelist=/dev/null" -o "Dir::Etc::sourceparts=$lists/parts" -o "Dir::Etc::preferencesparts=/dev/null"
    -o "Dir::State::lists=$lists/lists" -o "Dir::Cache=$lists/cache" -o "APT::Sandbox::User=root")
echo "fetching Debian's package lists ($suites)" >&2
apt-get "${apt[@]}" -qq update >&2
