#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    nothing under version control names the place where it was written
# How:      searches contents and links for paths that only exist there
# Catches:  a note or a path that means nothing to anybody else

. "${0%/*}/../../lib/tap.sh"

# With brackets, so that this file does not match.
places='(^|[^[:alnum:]_$}.-])/wor[k]/|[.][.]/share[d]/|[.]librar[y]/'

in_contents() {
	! git grep -nIE "$places"
}

in_names() {
	! git ls-files -s | awk '$1 == 120000 { print $4 }' | while read -r f; do
		echo "/$f -> $(readlink "$f")"
	done | grep -E "$places"
}

plan 2
check "no file's content" in_contents
check "no link's target" in_names
