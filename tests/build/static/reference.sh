#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    the reference of the hypercalls is the one that the table and the handlers'
#           comments make, and these say something about every argument and error
# How:      makes it anew and compares; leaves out a description, an error and a handler
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

# missed SED TEXT: with the handlers' comments changed so, it fails and says TEXT.
missed() {
	sed "$1" host/hypercall.c >"$source"
	cmp -s "$source" host/hypercall.c && return 1
	! said=$(reference "$source" 2>&1 >/dev/null) && echo "$said" && [ "$said" = "$2" ]
}

made=$(mktemp)
source=$(mktemp)
plan 4
check "Documentation/abi/hypercalls.rst is up to date" up_to_date
check "an argument without description" missed '/^ \* @page:/d' \
	"ring1_hc_vcpu_register(): its comment does not have @page"
check "an error without description" missed '/^ \* Return: .*ENOENT/s/-ENOENT/else/' \
	"ring1_hc_vcpu_unregister(): its comment does not have -ENOENT"
check "a handler without comment" missed 's/^ \* ring1_hc_flush_tlb -/ * flush_tlb -/' \
	"ring1_hc_flush_tlb(): its comment does not have Return: or RAX:"
rm -f "$made" "$source"
