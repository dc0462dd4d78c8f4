# To be sourced by scripts that try packages in a throw-away Debian, in a mount namespace of their own, with "$debian" (debian-root.sh),
# "$kernel" (kernel.sh) and "$results" set. Everything that is written there goes with the mounts.
# shellcheck shell=bash
work=$(mktemp -d)
trap 'umount -R "$work" 2>/dev/null; rmdir "$work"' EXIT
mount -t tmpfs tmpfs "$work"
mkdir "$work/root" "$work/upper" "$work/overlay"
mount -t overlay overlay -o "lowerdir=${debian:?},upperdir=$work/upper,workdir=$work/overlay" "$work/root"
root=$work/root
mkdir -p "$root/packages" "$root/lib/modules"
rm -rf "${results:?}"
mkdir -p "$results"

inside() {
    eng/chroot.sh "$root" "${kernel:?}" -- "$@"
}

# What there is, without what dpkg, dkms and depmod note of every package and run.
listing() {
    (cd "$root" && find usr etc var lib/modules -path "var/log/*" -prune -o -path "var/cache/*" -prune -o \
        -path "var/lib/dpkg/*" -prune -o -path "var/lib/apt/*" -prune -o -path "var/lib/dkms/mok.*" -prune -o -print | sort)
}

# Compares two listings that were kept as $work/before and $work/after.
check_without_trace() {
    local left lost
    left=$(comm -13 "$work/before" "$work/after")
    [[ -z $left ]] || fail "left behind: $left"
    lost=$(comm -23 "$work/before" "$work/after")
    [[ -z $lost ]] || fail "taken away: $lost"
}
