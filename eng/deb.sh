#!/bin/bash
# usage: deb.sh [dkms|sos]...
#
# Builds Debian packages into artifacts/deb and prints their paths; without an argument both:
#   sos-dkms_VERSION_all.deb  the driver's sources, which dkms builds for each kernel of the machine
#   sos_VERSION_amd64.deb     sosctl, sosd, the runner, service images, man pages, completions; needs no .NET. From "make guest".
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(sed -n 's:.*<SosVersion>\(.*\)</SosVersion>.*:\1:p' Directory.Build.props)
# A package of the same sources is the same file.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH

# Writes the parts that all packages have, and builds PACKAGE of FOLDER into artifacts/deb.
finish() {
    local package=$1 architecture=$2 folder=artifacts/deb/$1 size
    local doc=$folder/usr/share/doc/$package
    install -d "$doc"
    sed "s/@PACKAGE@/$package/" eng/debian/copyright >"$doc/copyright"
    chmod 644 "$doc/copyright"
    {
        echo "$package ($version) unstable; urgency=medium"
        echo
        echo "  * CHANGELOG.md in the sources tells what changed."
        echo
        echo " -- The SOS authors <sos@localhost>  $(date -u -R -d "@$SOURCE_DATE_EPOCH")"
    } | gzip -9n >"$doc/changelog.gz"
    chmod 644 "$doc/changelog.gz"
    install -d "$folder/DEBIAN"
    size=$(du -k -s --exclude=DEBIAN "$folder" | cut -f 1)
    sed -e "s/@VERSION@/$version/" -e "s/@SIZE@/$size/" "eng/debian/$package.control" >"$folder/DEBIAN/control"
    local script
    for script in preinst postinst prerm postrm; do
        if [[ -e eng/debian/$package.$script ]]; then
            sed "s/@VERSION@/$version/" "eng/debian/$package.$script" >"$folder/DEBIAN/$script"
            chmod 755 "$folder/DEBIAN/$script"
        fi
    done
    (cd "$folder" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
    chmod 644 "$folder/DEBIAN/md5sums"
    find "$folder" -type d -exec chmod 755 {} +
    dpkg-deb --root-owner-group --build "$folder" "artifacts/deb/${package}_${version}_$architecture.deb" >&2
    echo "artifacts/deb/${package}_${version}_$architecture.deb"
}

build_dkms() {
    rm -rf artifacts/deb/sos-dkms
    eng/dkms-source.sh "artifacts/deb/sos-dkms/usr/src/sos-$version"
    install -D -m 644 eng/debian/sos-dkms.lintian-overrides artifacts/deb/sos-dkms/usr/share/lintian/overrides/sos-dkms
    finish sos-dkms all
}

build_sos() {
    local folder=artifacts/deb/sos built=artifacts/guest/root image
    if [[ ! -x $built/usr/bin/sosctl ]]; then
        echo "deb.sh: $built is not built: run 'make guest' before" >&2
        exit 1
    fi
    rm -rf "$folder"
    install -d "$folder/usr/bin" "$folder/usr/lib/sos" "$folder/etc/sos/services"
    install -m 755 "$built/usr/bin/sosctl" "$built/usr/bin/sosd" "$folder/usr/bin/"
    install -m 755 "$built/usr/lib/sos/sos-runner" "$folder/usr/lib/sos/"
    strip --strip-unneeded --remove-section=.comment --remove-section=.note "$folder/usr/bin/sosctl" "$folder/usr/bin/sosd" "$folder/usr/lib/sos/sos-runner"
    # Images are shown to be what was verified, byte for byte; names and lines lie beside them.
    for image in "$built"/usr/lib/sos/*.sosimg; do
        install -m 644 "$image" "$image.debug" "$folder/usr/lib/sos/"
    done
    install -D -m 644 eng/sosd.service "$folder/usr/lib/systemd/system/sosd.service"
    eng/manuals.sh "$built/usr/bin/sosctl" "$folder"
    install -D -m 644 services/timer/include/sos_timer.h "$folder/usr/include/sos_timer.h"
    install -d "$folder/usr/share/doc/sos"
    install -m 644 docs/*.md "$folder/usr/share/doc/sos/"
    install -D -m 644 eng/debian/sos.lintian-overrides "$folder/usr/share/lintian/overrides/sos"
    find "$folder/usr/share" -type f -exec chmod 644 {} +
    finish sos amd64
}

(($#)) || set -- dkms sos
mkdir -p artifacts/deb
for package; do
    case $package in
    dkms) build_dkms ;;
    sos) build_sos ;;
    *)
        echo "usage: deb.sh [dkms|sos]..." >&2
        exit 2
        ;;
    esac
done
