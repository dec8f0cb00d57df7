#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    each mutant applies to the monitor as it is, at the lines it is for, and names a
#           batch, a test of it and one of that test's results; the document names each mutant,
#           and no other
# How:      patch without fuzz, on a copy; reads first lines, the table of batches, the tests
# Catches:  a mutant that make mutants cannot make, which takes an hour to tell
#
# That the tests find them is for make mutants.

. "${0%/*}/../../lib/tap.sh"

mutants() {
	git ls-files 'tests/mutants/*.patch'
}

applies() {
	! mutants | while read -r f; do
		rm -rf "$work/host"
		cp -r host "$work"
		patch -d "$work" -sfp1 -F0 <"$f" || echo "$f"
	done | grep .
}

in_host() {
	! mutants | xargs grep -HE '^(---|\+\+\+) ' | grep -vE ' [ab]/host/[^ /]*$'
}

# has_test BATCH TEST: as a test of its own, or by its folder.
has_test() {
	awk -f tests/rig/judge/table.awk tests/batches/check |
		awk -v batch="$1" -v test="$2" '
			$1 == batch { for (i = 3; i <= NF; i++) if (index(test "/", $i "/") == 1) found = 1 }
			END { exit !found }'
}

names_a_test() {
	! mutants | while read -r f; do
		line=$(sed -n '1s/^Test: //p' "$f")
		# shellcheck disable=SC2086 # words
		set -- $line
		if [ $# -lt 2 ] || ! has_test "$1" "$2"; then
			echo "$f: ${line:-no Test:}"
			continue
		fi
		[ -z "${3:-}" ] || grep -qw -- "$3" "tests/$2.c" || echo "$f: $2 has no result $3"
	done | grep .
}

says_what_it_is() {
	! mutants | xargs awk 'FNR == 2 && !/^[A-Z].*[.]$/ { print FILENAME }' | grep .
}

# Behind "mutant" or "mutants", up to the next sentence or cell.
in_document() {
	awk '/^   \* - / { inside = 0 }
		{
			line = $0
			if (match(line, /mutants? [a-z]+-/)) {
				inside = 1
				line = substr(line, RSTART)
			}
			if (inside)
				while (match(line, /[a-z]+-[a-z-]+/)) {
					print substr(line, RSTART, RLENGTH)
					line = substr(line, RSTART + RLENGTH)
				}
		}' Documentation/mmu.rst | LC_ALL=C sort -u >"$work/documented"
	mutants | sed 's|.*/||; s|\.patch$||' | LC_ALL=C sort | diff "$work/documented" -
}

work=$(mktemp -d)
trap 'rm -rf "$work"; exit $((tap_failed > 0))' EXIT
plan 5
check "each applies" applies
check "each is one of the monitor's" in_host
check "each names a test that there is" names_a_test
check "each says what it is" says_what_it_is
check "Documentation/mmu.rst names each, and no other" in_document
