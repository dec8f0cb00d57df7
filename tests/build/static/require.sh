#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    what the module requires of a host is in install.rst and in ring1 check, in the
#           same words; what check cannot ask for has a star there; the documents have the
#           oldest kernel and the release right
# How:      compares host/require-table.h, install.rst's table and host/launcher/check.c,
#           and numbers with those of host/require.h and host/VERSION
# Catches:  a new requirement that no document or finding names, a remedy that was changed
#           in one place, a number that was not raised everywhere

. "${0%/*}/../../lib/tap.sh"

table=host/require-table.h
document=Documentation/install.rst
check=host/launcher/check.c

number() {
	awk -v name="RING1_KERNEL_$1" '$2 == name { print $3 }' host/require.h
}

# The words of stdin in one line.
one_line() {
	tr -s '\n\t ' ' '
	echo
}

# Lines "MISSING<tab>WHY<tab>REMEDY", without quotation marks.
rows() {
	sed '1,/^ \*\//d' "$table" | one_line | sed 's/REQUIREMENT(/\n/g' |
		sed "1d; s/\" RING1_KERNEL_OLDEST \"/$oldest/; s/, \"/\t/g; s/\") *$//; s/[\\\\\`\"']//g"
}

# The document's, likewise, with the column between.
documented() {
	sed -n '/^Requirements of the host/,/^On VMware the/p' "$document" | one_line |
		sed 's/ \* - /\n/g' | sed "1,2d; s/ - /\t/g; s/ *On VMware the.*//; s/[\`\"']//g"
}

# has_rows: each requirement is a row, with its remedy; there is no other.
has_rows() {
	rows | while IFS="$tab" read -r _ why remedy; do
		documented | awk -F '\t' -v why="$why" -v remedy="$remedy" '
			{ sub(/^\(\*\) /, "") }
			$1 == why && $3 == remedy { good = 1 }
			END { exit !good }' || echo "not in $document: $why; $remedy"
	done >"$list"
	cat "$list"
	[ ! -s "$list" ] && [ "$(rows | wc -l)" -gt 10 ] &&
		[ "$(documented | wc -l)" -eq "$(rows | wc -l)" ]
}

# Asked for by ring1 check, or with a star in the document; not both.
has_star() {
	rows | while IFS="$tab" read -r missing why _; do
		asked=$(grep -cE "missing\(f, $missing\)" "$check")
		starred=$(documented | cut -f1 | grep -cxF "(*) $why")
		[ $((asked > 0)) -ne "$starred" ] || echo "$missing: asked $asked times, $starred stars"
	done >"$list"
	cat "$list"
	[ ! -s "$list" ]
}

# numbers_are PATTERN GOOD: whatever matches PATTERN in the documents is GOOD, and something is.
numbers_are() {
	git grep -ohE "$1" -- 'Documentation/*.rst' README.md | LC_ALL=C sort -u >"$list"
	cat "$list"
	[ "$(cat "$list")" = "$2" ]
}

oldest=$(number MAJOR).$(number MINOR).$(number PATCH)
tab=$(printf '\t')
list=$(mktemp)
# shellcheck source=../../../host/VERSION
. host/VERSION
plan 5
check "each requirement is a row of $document" has_rows
check "ring1 check asks for those without a star" has_star
check "the oldest kernel is $oldest" \
	numbers_are '6\.12\.[0-9]+ (on|or later|and lacks)' "$oldest and lacks
$oldest on"
check "and by number" numbers_are 'N [0-9]+ or' "N $(number PATCH) or"
check "the release is $version" numbers_are 'ring1[-/][0-9]+\.[0-9]+' "ring1-$version
ring1/$version"
rm -f "$list"
