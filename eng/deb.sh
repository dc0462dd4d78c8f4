#!/bin/bash
# usage: deb.sh
#
# Builds artifacts/deb/sos-dkms_VERSION_all.deb: the driver's sources, which dkms builds for each kernel of the machine.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(sed -n 's:.*<SosVersion>\(.*\)</SosVersion>.*:\1:p' Directory.Build.props)
folder=artifacts/deb/sos-dkms
source_tree=$folder/usr/src/sos-$version
rm -rf "$folder"
eng/dkms-source.sh "$source_tree"
install -D -m 644 LICENSE "$folder/usr/share/doc/sos-dkms/copyright"

install -d "$folder/DEBIAN"
cat >"$folder/DEBIAN/control" <<END
Package: sos-dkms
Version: $version
Architecture: all
Section: kernel
Priority: optional
Maintainer: The SOS authors <sos@localhost>
Depends: dkms (>= 2.8)
Recommends: linux-headers-amd64
Description: driver that lends CPUs to services
 Takes a CPU out of a running Linux and gives it to one service of SOS, and gives it back.
 This package holds the driver's sources; dkms builds it for each kernel.
END
cat >"$folder/DEBIAN/postinst" <<END
#!/bin/sh
set -e
if [ "\$1" = configure ]; then
    /usr/lib/dkms/common.postinst sos $version /usr/share/sos-dkms '' "\$2"
fi
END
cat >"$folder/DEBIAN/prerm" <<END
#!/bin/sh
set -e
case "\$1" in
remove | upgrade | deconfigure)
    if [ -n "\$(dkms status -m sos -v $version)" ]; then
        dkms remove -m sos -v $version --all
    fi
    ;;
esac
END
chmod 755 "$folder/DEBIAN/postinst" "$folder/DEBIAN/prerm"
(cd "$folder" && find usr -type f -exec md5sum {} + >DEBIAN/md5sums)
dpkg-deb --root-owner-group --build "$folder" "artifacts/deb/sos-dkms_${version}_all.deb" >&2
echo "artifacts/deb/sos-dkms_${version}_all.deb"
