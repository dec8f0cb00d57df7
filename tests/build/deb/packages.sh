#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    the Debian packages need nothing but what they depend on, have the module built by
#           DKMS, are upgraded, and leave nothing behind when they go; the same tree makes the
#           same packages elsewhere; lintian finds nothing in them
# How:      builds them once more in a clone, and again with a higher version; bootstraps a
#           Debian without a kernel, and installs, upgrades, removes and purges there
# Needs:    root, and Debian's archive
# Catches:  a file or package that only a developer's tree or machine has, a path or a time of
#           the build in a package, a module or source of an old version that stays
# Timeout:  1800

. "${0%/*}/../../lib/tap.sh"

[ "$(id -u)" = 0 ] || skip_all "bootstrapping needs root"
# shellcheck source=../../../host/VERSION
. host/VERSION
higher=$version.1
work=$(mktemp -d)
root=$work/root
trap 'rm -rf "$work"; exit $((tap_failed > 0))' EXIT
trap 'exit 1' HUP INT TERM

lintian_is_silent() {
	! lintian --allow-root -i -I --pedantic build/deb/*.changes 2>&1 | grep .
}

# The commit, and the files as they are here.
clone() {
	git clone -q . "$work/clone" &&
		git ls-files -z | tar --null -T - -cf - | tar -C "$work/clone" -xf - &&
		git -C "$work/clone" add -A
}

# build VERSION: in the clone; the packages go to $work/VERSION.
build() {
	sed -i "s/^version=.*/version=$1/" "$work/clone/host/VERSION" &&
		"$work/clone/tests/rig/build/deb-build" && mkdir "$work/$1" &&
		mv "$work"/clone/build/deb/*.deb "$work/$1"
}

the_same() {
	ls -l build/deb "$work/$version"
	for f in build/deb/*.deb; do
		cmp "$f" "$work/$version/${f##*/}" || return
	done
}

# What is mounted for a command there is gone with it, as are processes that it leaves.
inside() {
	unshare --mount --pid --fork --kill-child --mount-proc="$root/proc" chroot "$root" \
		env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"
}

# With apt's lists. Headers of 6.12 bring their kernel; an initrd for it would take as long as all
# the rest. Headers of Debian 12's own kernel are there to be left alone.
bootstrap() {
	mmdebstrap --variant=minbase \
		--include=man-db,linux-headers-amd64,linux-headers-6.12-amd64 \
		--essential-hook="echo path-exclude=/etc/kernel/postinst.d/initramfs-tools \
			>\$1/etc/dpkg/dpkg.cfg.d/initrd" \
		--dpkgopt=force-unsafe-io --skip=cleanup/apt/lists bookworm "$root" &&
		cp /etc/resolv.conf "$root/etc/" && cp -r "$work/$version" "$work/$higher" "$root/root/"
}

# Nothing else, so that it shows if something is missing.
dependencies() {
	for f in "$work/$version"/*.deb; do
		dpkg-deb -f "$f" Depends
	done | grep . | paste -sd, >"$work/depends"
	inside apt-get satisfy -y --no-install-recommends "$(cat "$work/depends")" &&
		files >"$work/before"
}

files() {
	find "$root" -xdev \( -path "$root/var/cache" -o -path "$root/var/lib/apt" -o \
		-path "$root/var/lib/dpkg" -o -path "$root/var/log" -o -path "$root/tmp" \) -prune -o \
		-printf '%P %y %m %l\n' | LC_ALL=C sort
}

installs() {
	inside sh -c "apt-get install -y --no-install-recommends /root/$1/*.deb"
}

# has VERSION: module, source and launcher are of this one alone.
has() {
	inside dkms status >"$work/status"
	cat "$work/status"
	[ "$(sed 's/,.*: / /; s/ *(.*//' "$work/status")" = "ring1/$1 installed" ] &&
		[ "$(echo "$root"/usr/src/ring1-*)" = "$root/usr/src/ring1-$1" ] &&
		inside ring1 --version | grep -wF "$1"
}

# By name, as depmod knows it.
has_module() {
	kernel=$(sed -n 's/.*, \(6\.12\.[^,]*\), .*/\1/p' "$work/status")
	inside modinfo -k "$kernel" kvm-ring1 &&
		inside modinfo -k "$kernel" -F vermagic kvm-ring1 | grep -F "$kernel "
}

manual_page() {
	inside man -P cat ring1 | grep -F "run Linux guests through KVM"
}

removed() {
	inside apt-get remove -y ring1 ring1-dkms && [ -z "$(inside dkms status)" ]
}

# There are no configuration files, so that nothing is left to do for purge.
purged() {
	inside dpkg --purge ring1 ring1-dkms && ! inside dpkg-query -W 'ring1*' &&
		files >"$work/after" && diff "$work/before" "$work/after"
}

plan 15
check "lintian finds nothing" lintian_is_silent
check "a clone of the tree" clone
check "packages are built from it" build "$version"
check "they are the same" the_same
check "and of a higher version" build "$higher"
check "a Debian with a kernel's headers" bootstrap
check "what the packages depend on" dependencies
check "they are installed" installs "$version"
check "module, source and launcher are there" has "$version"
check "the module is the kernel's" has_module
check "the manual page is there" manual_page
check "an upgrade" installs "$higher"
check "leaves nothing of the old version" has "$higher"
check "the packages are removed" removed
check "purged they leave nothing behind" purged
