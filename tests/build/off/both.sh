#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    the guest port and the monitor can be options of one kernel
# How:      looks at the objects that `make check-off` builds of both, with RING1_GUEST=y and
#           KVM_RING1=m; their warnings fail that build
# Catches:  a header that is found outside of the kernel tree only; a function of the port's
#           and one of the monitor's with one name

. "${0%/*}/../../lib/tap.sh"

port=build/off-both/arch/x86/ring1
monitor=build/off-both/arch/x86/kvm/ring1/host
work=$(mktemp -d)
trap 'rm -rf "$work"; exit $((tap_failed > 0))' EXIT

# compiled DIR SOURCE...
compiled() {
	local dir="$1" f
	shift
	[ -e "$1" ] || return
	for f; do
		f=${f##*/}
		[ "$f" = asm-offsets.c ] || [ -e "$dir/${f%.*}.o" ] || echo "$f"
	done >"$work/missing"
	! grep . "$work/missing"
}

globals() {
	nm --defined-only -g "$@" | awk 'NF == 3 { print $3 }' | LC_ALL=C sort -u
}

# Not what the build puts into each object.
own_names() {
	globals $port/*.o >"$work/port"
	globals $monitor/*.o >"$work/monitor"
	[ -s "$work/port" ] && [ -s "$work/monitor" ] &&
		! LC_ALL=C comm -12 "$work/port" "$work/monitor" | grep ring1
}

plan 3
check "all of the port is compiled" compiled $port arch/x86/ring1/*.[cS]
check "all of the monitor is compiled" compiled $monitor host/*.[cS]
check "no global name is in both" own_names
