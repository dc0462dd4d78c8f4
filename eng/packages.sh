#!/bin/bash
# Makes the NuGet packages for services outside of this repository, and the template, in artifacts/packages: a feed as it is.
set -euo pipefail
cd "$(dirname "$0")/.."

feed=artifacts/packages
version=$(sed -n 's:.*<SosVersion>\(.*\)</SosVersion>.*:\1:p' Directory.Build.props)
rm -rf "$feed"
for project in src/Sos.Sdk src/Sos.Sdk.Testing templates; do
    dotnet pack "$project" -c Release -v q --nologo -o "$feed"
done

# NuGet never looks at a package again that it has in its cache: what stands there is of another build of the same version.
cache=$(dotnet nuget locals global-packages --list | sed 's/^global-packages: //')
for package in "$feed"/*."$version".nupkg; do
    name=$(basename "$package" ".$version.nupkg")
    rm -rf "${cache:?}/${name,,}/$version"
done
ls "$feed"
