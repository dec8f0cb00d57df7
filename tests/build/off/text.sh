#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    a kernel of the patched tree without RING1_GUEST and KVM_RING1 has the code of
#           one of the pristine tree
# How:      compares the disassembly, with relocations, of every object in the two builds
#           of `make check-off`, KVM's among them
# Catches:  a hook that costs something, or does something, where it is not wanted
# Timeout:  1800

. "${0%/*}/../../lib/tap.sh"

pristine=build/off-pristine
patched=build/off-patched
work=$(mktemp -d)
trap 'rm -rf "$work"; exit $((tap_failed > 0))' EXIT

# Without the build's own programs, and without links of other objects.
objects() {
	(cd "$1/" && find . \( -path ./scripts -o -path ./tools \) -prune -o -name '*.o' -print) |
		grep -v '^./\.\?\(tmp_\)\?vmlinux' | LC_ALL=C sort
}

same_objects() {
	objects $pristine >"$work/objects"
	[ -s "$work/objects" ] && objects $patched | diff "$work/objects" -
}

touched_are_built() {
	! sed -n 's|^+++ b/\(.*\)\.[cS]$|\1.o|p' guest-patches/*.patch | while read -r o; do
		[ -e "$patched/$o" ] || echo "$o"
	done | grep .
}

code() {
	objdump -drz "$1/$2" | sed '/file format/d'
}

# Line numbers differ, in tables; so few objects are the same in every byte.
same_code() {
	while read -r o; do
		! cmp -s $pristine/"$o" $patched/"$o" || continue
		code $pristine "$o" >"$work/pristine"
		code $patched "$o" >"$work/patched"
		diff -U 2 --label "$o, pristine" --label "$o, patched" "$work/pristine" "$work/patched" ||
			echo "$o" >>"$work/different"
	done <"$work/objects" >"$work/diff"
	[ -e "$work/different" ] || return 0
	head -n 100 "$work/diff"
	echo "different code in:" && cat "$work/different"
	return 1
}

plan 3
check "both builds have the same objects" same_objects
check "every file that the series touches was compiled" touched_are_built
check "$(wc -l <"$work/objects") objects have the same code" same_code
