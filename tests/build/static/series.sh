#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    the series applies to Debian's source, each hunk exactly where it says, and
#           each patch says what it is for; with MODVERSIONS, as Debian builds, each symbol
#           gets its version
# How:      applies it to copies of the files it changes, and reads every patch
# Catches:  a hunk that would move with the next kernel, a patch that is not in the
#           series, contexts that were not trimmed; a symbol exported from assembly without
#           a prototype where genksyms looks for it

. "${0%/*}/../../lib/tap.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"; exit $((tap_failed > 0))' EXIT

series() {
	sed 's/#.*//' guest-patches/series | grep .
}

complete() {
	(cd guest-patches && ls -- *.patch) | LC_ALL=C sort >"$work/there"
	series | diff "$work/there" -
}

# patch tells about an offset, and with -F0 applies nothing with fuzz.
applies() {
	sed -n 's|^--- a/||p' guest-patches/*.patch | LC_ALL=C sort -u >"$work/files"
	rsync -aL --files-from="$work/files" build/linux-source "$work/tree" || return
	for p in $(series); do
		patch -d "$work/tree" -p1 -F0 --no-backup-if-mismatch <"guest-patches/$p" || return
	done | tee "$work/log"
	! grep -v '^patching file ' "$work/log"
}

# From, Subject and whatever else one has in its head all have; then come sentences.
described() {
	for p in $(series); do
		sed '/^---$/,$d' "guest-patches/$p" >"$work/head"
		grep -oE '^(From: .*|[A-Z][a-z]+(-[a-z]+)*: )' "$work/head" | sed "s/^/$p /"
		grep -qE '^Subject: \[PATCH\] [a-z0-9/]+: [A-Z].*[^.]$' "$work/head" || echo "$p's subject"
		sed '1,/^$/d' "$work/head" | grep -q '[[:alnum:]]\.$' || echo "$p's description"
	done >"$work/heads"
	sed 's/^[^ ]* //' "$work/heads" | sort | uniq -c >"$work/counts"
	cat "$work/counts"
	! awk -v n="$(series | wc -l)" '$1 != n' "$work/counts" | grep .
}

trimmed() {
	awk '
		function hunk_ends() {
			if (context > 3)
				print name ": " context " lines after what changes: " hunk
			hunk = ""
			context = 0
		}
		/^@@ / { hunk_ends(); name = FILENAME; hunk = $0; first = 1; next }
		/^diff / { hunk_ends() }
		hunk == "" { next }
		/^( |$)/ { context++; next }
		first && context > 3 { print name ": " context " lines before what changes: " hunk }
		{ first = context = 0 }
		END { hunk_ends() }' guest-patches/*.patch >"$work/wide" || return
	cat "$work/wide"
	[ ! -s "$work/wide" ]
}

# The tests' own kernel is built without MODVERSIONS, which would take twice as long.
exports_have_prototypes() {
	grep -qx '#include <asm/ring1.h>' "$work/tree/arch/x86/include/asm/asm-prototypes.h" || return
	sed -n 's/^EXPORT_SYMBOL[A-Z_]*(\(.*\))$/\1/p' arch/x86/ring1/*.S >"$work/exports"
	[ -s "$work/exports" ] || return
	while read -r symbol; do
		grep "[ *]$symbol(.*);$" arch/x86/include/asm/ring1.h || return
	done <"$work/exports"
}

plan 5
check "the series names every patch, in the order of their numbers" complete
check "it applies without fuzz and without offsets" applies
check "each patch has a subject and a description, and the fields that all have" described
check "no hunk has more than three lines of context" trimmed
check "what assembly exports has prototypes for genksyms" exports_have_prototypes
