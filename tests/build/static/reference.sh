#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    the reference of the hypercalls is the one that the table and the handlers'
#           comments make, and these say something about every argument and error; the
#           list of tests is the one that their claims make
# How:      makes both anew and compares; leaves out a description, an error, a handler
#           and a claim
# Catches:  a changed row or comment without `make reference`; a call nobody described

. "${0%/*}/../../lib/tap.sh"

# reference [SOURCE]
reference() {
	awk -v form=rst -f hypercalls/reference.awk -f hypercalls/gen.awk \
		hypercalls/hypercalls.tbl "${1:-host/hypercall.c}"
}

up_to_date() {
	reference >"$made" && diff Documentation/abi/hypercalls.rst "$made"
}

list_of_tests() {
	for room in build host guest; do
		git ls-files "tests/$room/*.c" "tests/$room/*.sh"
	done | xargs awk -f tests/rig/build/index.awk
}

tests_up_to_date() {
	list_of_tests >"$made" && diff Documentation/tests.rst "$made"
}

claim_is_missed() {
	sed '/Claim:/d' tests/host/monitor/slot.c >"$source"
	! said=$(awk -f tests/rig/build/index.awk "$source" 2>&1 >/dev/null) && echo "$said" &&
		[ "$said" = "$source: it has no Claim:" ]
}

# missed SED TEXT: with the handlers' comments changed so, it fails and says TEXT.
missed() {
	sed "$1" host/hypercall.c >"$source"
	cmp -s "$source" host/hypercall.c && return 1
	! said=$(reference "$source" 2>&1 >/dev/null) && echo "$said" && [ "$said" = "$2" ]
}

made=$(mktemp)
source=$(mktemp)
plan 6
check "Documentation/abi/hypercalls.rst is up to date" up_to_date
check "an argument without description" missed '/^ \* @page:/d' \
	"ring1_hc_vcpu_register(): its comment does not have @page"
check "an error without description" missed '/^ \* Return: .*ENOENT/s/-ENOENT/else/' \
	"ring1_hc_vcpu_unregister(): its comment does not have -ENOENT"
check "a handler without comment" missed 's/^ \* ring1_hc_flush_tlb -/ * flush_tlb -/' \
	"ring1_hc_flush_tlb(): its comment does not have Return: or RAX:"
check "Documentation/tests.rst is up to date" tests_up_to_date
check "a test without claim" claim_is_missed
rm -f "$made" "$source"
