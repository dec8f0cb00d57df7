#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    every hypercall has a test of its own, from ring 3 as well
# How:      compares the table with the files in tests/host/hypercalls
# Catches:  a new row without a test, a test whose call is gone

. "${0%/*}/../../lib/tap.sh"

names() {
	awk -v form=list -f hypercalls/gen.awk hypercalls/hypercalls.tbl
}

same_names() {
	names | LC_ALL=C sort >"$list"
	for f in tests/host/hypercalls/*.c; do
		basename "$f" .c
	done | LC_ALL=C sort | diff "$list" -
}

ring3_is_tried() {
	names | while read -r name; do
		grep -qE "TEST_RING3\(|bounces_from_ring3\(" "tests/host/hypercalls/$name.c" || echo "$name"
	done >"$list"
	cat "$list"
	[ ! -s "$list" ]
}

list=$(mktemp)
plan 2
check "the table and the tests have the same names" same_names
check "every call is tried from ring 3" ring3_is_tried
rm -f "$list"
