#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    the documents are well-formed, all in the index, and name nothing that is not
#           there; the manual page is; nothing is misspelt
# How:      docutils, groff and codespell, and a search for names of files
# Catches:  a table that does not come out, a document nobody finds, a comment that sends
#           the reader to a file with another name by now, or for a function that has
#           moved; a figure that was measured anew
# Timeout:  300

. "${0%/*}/../../lib/tap.sh"

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

# Files of this tree, of Linux or of a grafted tree, tests and their folders by name,
# numbers of patches.
exists() {
	for f in "$1" "$1".* "tests/$1" "tests/$1".* "$1"-*.patch "build/linux-source/$1" \
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

# Names of sources without a folder, in comments: of this tree or of Linux, generated or not.
bare_names_exist() {
	{
		git ls-files
		find build/linux-source/ -name '*.[chS]'
	} | sed 's|.*/||' | LC_ALL=C sort -u >"$names"
	! {
		git grep -n . -- 'Documentation/*.rst' '*.md'
		git grep -nE '^[[:space:]]*(#[^i]|\*|/\*|//)' -- ':!*.rst' ':!*.md' ':!*.patch'
	} | grep -oE '^[^:]+:[0-9]+:|(^|[ (,])[a-z][[:alnum:]_-]+\.[cS]\>' | awk '
		NR == FNR { known[$0]; next }
		/:$/ { where = $0; next }
		{ sub(/^[ (,]/, "") }
		!($0 in known) { print where, $0 }' "$names" - | grep .
}

# candidates PATH: the files that it may mean. One without a folder is of this tree.
candidates() {
	case $1 in
	*/*) [ ! -e "$1" ] || echo "$1" ;;
	*) git ls-files "$1" "*/$1" ;;
	esac
}

# defines FILE NAME: in C, assembly or sh.
defines() {
	grep -qE "^([[:alpha:]_][^;]*[^[:alnum:]_;]|#define )?$2\(.*[^;]\$|^SYM_[A-Z_]+\($2[,)]|^$2:" "$1"
}

# f() is defined where it is said to be, another name is there.
pairs_hold() {
	git ls-files ':!*.patch' ':!LICENSES' ':!Documentation/bench' |
		xargs awk -f tests/build/static/pairs.awk >"$names"
	[ "$(wc -l <"$names")" -gt 50 ] && ! while read -r where name path; do
		for f in $(candidates "$path"); do
			case $name in
			*'()') ! defines "$f" "${name%??}" || continue 2 ;;
			*) ! grep -qwF "$name" "$f" || continue 2 ;;
			esac
		done
		echo "$where $name is not in $path"
	done <"$names" | grep .
}

# figures REPORT COLUMN COLUMN: for each row the two, after the report's name.
figures() {
	awk -F ' *[|] *' -v report="$1" -v one="$2" -v two="$3" '
		$2 == "operation" { delete at; for (i = 3; i < NF; i++) at[$i] = i; next }
		one in at && two in at { print report, $at[one], $at[two] }' "Documentation/bench/$1.md"
}

# README's rows are some of the reports', for an operation the columns pv, xen, trap and qemu.
figures_hold() {
	{
		figures own-mmu pv xen
		figures report trap qemu
	} >"$names"
	awk -F ' *[|] *' '
		NR == FNR { known[$0]; next }
		$3 ~ /^[0-9.]+$/ {
			n++
			if (!("own-mmu " $3 " " $4 in known) || !("report " $5 " " $6 in known)) {
				print
				bad = 1
			}
		}
		END { exit bad || n < 5 }' "$names" README.md
}

# virtual-machines.rst shows the domain that is tested.
domain_holds() {
	sed -n '/^<domain /,$p' tests/host/libvirt/guest.xml >"$names"
	[ -s "$names" ] && sed -n '/<domain /,/<\/domain>/s/^    //p' \
		Documentation/virtual-machines.rst | diff - "$names"
}

manual_page() {
	! groff -mdoc -ww -Tutf8 -z host/launcher/ring1.1 2>&1 | grep .
}

# Interrupt stack tables, a field of struct user_desc, a macro of the manual page.
spelt() {
	git ls-files ':!LICENSES' | xargs codespell --ignore-words-list=ist,useable,nd
}

names=$(mktemp)
plan 11
check "documents are well-formed reST" well_formed
check "no line of theirs has more than 100 columns" narrow
check "all are in Documentation/index.rst" indexed
check "links between documents lead somewhere" linked
check "files that documents and comments name exist" paths_exist
check "so do sources that they name without a folder" bare_names_exist
check "functions and names are in the files where they are said to be" pairs_hold
check "README has the report's figures" figures_hold
check "the domain in virtual-machines.rst is tests/host/libvirt/guest.xml" domain_holds
check "the manual page has no warnings" manual_page
check "codespell finds nothing" spelt
rm -f "$names"
