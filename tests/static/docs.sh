#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    the documents are well-formed, all in the index, and name nothing that is not
#           there; the manual page is; nothing is misspelt
# How:      docutils, groff and codespell, and a search for names of files
# Catches:  a table that does not come out, a document nobody finds, a comment that sends
#           the reader to a file with another name by now
# Timeout:  300

. "${0%/*}/../lib/tap.sh"

documents() {
	git ls-files 'Documentation/*.rst'
}

# Warnings are 2 and up.
well_formed() {
	! documents | while read -r f; do
		rst2html --halt=2 "$f" >/dev/null || echo "$f"
	done | grep .
}

narrow() {
	! documents | xargs grep -nE '^.{101}' /dev/null
}

indexed() {
	! documents | sed 's|^Documentation/||' | grep -vx index.rst | while read -r f; do
		grep -qF "<$f>\`_" Documentation/index.rst || echo "$f"
	done | grep .
}

# Links to files, and names of documents without a link; relative to where they are.
linked() {
	! git grep -oE '<[^<>: ]*[^<>: _]>`_|[A-Za-z0-9/-]+\.rst\>' -- README.md 'Documentation/*.rst' |
		sed 's/>`_$//; s/:</:/' | sort -u | while IFS=: read -r f target; do
		[ -e "${f%/*}/$target" ] || [ -e "$target" ] || echo "$f: $target"
	done | grep .
}

# Files of this tree, of Linux or of a grafted tree, tests without the end of their name,
# numbers of patches.
exists() {
	for f in "$1" "$1".* "tests/$1".* "$1"-*.patch "build/linux-source/$1" \
		".${1#arch/x86/kvm/ring1}"; do
		[ ! -e "$f" ] || return 0
	done
	return 1
}

# Where code is named in documents and comments.
paths_exist() {
	{
		git grep -n . -- '*.rst' '*.md'
		git grep -nE '^[[:space:]]*(#|\*|/\*|//)' -- ':!*.rst' ':!*.md'
	} | grep -E '(host|tests|arch|hypercalls|guest-patches|Documentation)/' |
		awk '{
			colon = index($0, ":")
			where = substr($0, 1, colon + index(substr($0, colon + 1), ":"))
			text = substr($0, length(where) + 1)
			while (match(text, /(^|[^[:alnum:]_.\/}<$-])(host|tests|arch|hypercalls|guest-patches|Documentation)\/[[:alnum:]_\/-]*[[:alnum:]_](\.[[:alnum:]_-]+)*/)) {
				path = substr(text, RSTART, RLENGTH)
				sub(/^[^[:alnum:]]/, "", path)
				print where, path
				text = substr(text, RSTART + RLENGTH)
			}
		}' >"$names"
	[ -s "$names" ] && ! while read -r where path; do
		exists "$path" || echo "$where $path"
	done <"$names" | grep .
}

manual_page() {
	! groff -mdoc -ww -Tutf8 -z host/launcher/ring1.1 2>&1 | grep .
}

# Interrupt stack tables, a field of struct user_desc, a macro of the manual page.
spelt() {
	git ls-files ':!LICENSES' | xargs codespell --ignore-words-list=ist,useable,nd
}

names=$(mktemp)
plan 7
check "documents are well-formed reST" well_formed
check "no line of theirs has more than 100 columns" narrow
check "all are in Documentation/index.rst" indexed
check "links between documents lead somewhere" linked
check "files that documents and comments name exist" paths_exist
check "the manual page has no warnings" manual_page
check "codespell finds nothing" spelt
rm -f "$names"
