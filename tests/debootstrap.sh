#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The README, tried as a new user would on a clean Debian 12: debootstrap into a folder, a copy of this tree in it, and there
#     apt-get install -y make && make demo        and then        make check
# debootstrap.sh [FOLDER] [demo|check|all]   FOLDER (default /var/tmp/sluice-fresh) is kept, so that a second run is faster; "all" is the default.
set -eu
cd "$(dirname "$0")/.."
root=$(realpath -m "${1:-/var/tmp/sluice-fresh}") what=${2:-all}
[ "$(id -u)" = 0 ] || { echo "debootstrap.sh: needs root" >&2 && exit 2; }
PATH=$PATH:/usr/sbin:/sbin
command -v debootstrap > /dev/null || { echo "debootstrap.sh: install debootstrap" >&2 && exit 2; }

if [ ! -e "$root/.made" ]; then
    rm -rf "$root"
    mkdir -p "$root"
    # The mirror that this machine itself uses.
    # shellcheck disable=SC2016
    mirror=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' | head -n 1)}
    debootstrap bookworm "$root" "$mirror" > "$root.log" 2>&1 || { tail -n 20 "$root.log" >&2 && exit 1; }
    # What this machine needs to reach the outside (its own authorities); a new user's machine has what it needs.
    for file in /usr/local/share/ca-certificates/*.crt; do
        [ ! -e "$file" ] || install -D "$file" "$root$file"
    done
    : > "$root/.made"
fi
cp /etc/resolv.conf "$root/etc/resolv.conf"
rm -rf "$root/root/sluice"
mkdir -p "$root/root/sluice"
git ls-files -co --exclude-standard | tar -c -T - -f - | tar -x -C "$root/root/sluice" -f -

case $what in
demo) script='make demo' ;;
check) script='make check' ;;
*) script='make demo && make check' ;;
esac
# Mounts and processes of its own, which end with it; the network is this machine's, for apt and the registries.
export root script
# shellcheck disable=SC2016
exec unshare --mount --pid --fork --kill-child --propagation private sh -c '
    mount --bind "$root" "$root" # so that its / is a mount point, as on a machine
    mount --rbind /dev "$root/dev"
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys"
    mount -t tmpfs tmpfs "$root/run"
    mount -t tmpfs tmpfs "$root/tmp"
    # The root of this mount namespace, not a chroot: the tests enter mount namespaces of their own.
    cd "$root" && pivot_root . mnt && cd / && umount -l /mnt
    exec env -i HOME=/root TERM="${TERM:-dumb}" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive \
        sh -ec "cd /root/sluice && apt-get -qq update && apt-get install -y -qq make > /dev/null && $script"'
