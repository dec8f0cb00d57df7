#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    the kernel's checkpatch --strict finds nothing in any C or assembly file, nor
#           in any patch, but what is excused with a reason
# How:      runs it in each directory that has a .checkpatch.conf, on what is below it
# Catches:  code in another style than the kernel's, and the mistakes that checkpatch
#           knows: unsafe macros, messages in pieces, memory barriers without a reason
# Timeout:  600

. "${0%/*}/../../lib/tap.sh"

checkpatch=$(realpath build/linux-source/scripts/checkpatch.pl)

# What single files are excused from.
excused='
# TRACE_EVENT has a form of its own.
host/tracepoints.h	OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT,COMPLEX_MACRO
# It must know what it was built for.
host/require.c		LINUX_VERSION_CODE
# The call that does not exist; and a file name with the name of the function.
host/hypercall.c	ENOSYS,EMBEDDED_FUNCTION_NAME
# _Static_assert is of C: programs include the file as well.
hypercalls/ring1_abi.h	CAMELCASE'

ruled() {
	git ls-files '*.checkpatch.conf' | sed 's|[^/]*$||; s|^|./|'
}

single() {
	echo "$excused" | grep '^[^#]'
}

# run DIR OPTION...: on the files whose names are on stdin.
run() {
	cd "$1" || return
	shift
	xargs -r -P "$(nproc)" -n 12 "$checkpatch" --quiet --no-summary --show-types "$@"
}

# files DIR: those that its rules are for, relative to it.
files() {
	local dir="${1#./}" d
	set --
	for d in $(ruled) $(single | cut -f1); do
		d=${d#./}
		case $d in "$dir"?*) set -- "$@" ":(top,exclude)$d" ;; esac
	done
	(cd "./$dir" && git ls-files '*.[chS]' '*.patch' "$@")
}

files_are_silent() {
	case $1 in
	./guest-patches/) files "$1" | run "$1" ;;
	*) files "$1" | run "$1" -f ;;
	esac
}

file_is_silent() {
	echo "$1" | run . --ignore="$2" -f
}

plan $(($(ruled | wc -l) + $(single | wc -l)))
for dir in $(ruled); do
	check "the files in $dir, with its rules" files_are_silent "$dir"
done
for f in $(single | cut -f1); do
	types=$(single | awk -v f="$f" '$1 == f { print $2 }')
	check "$f, except for $types" file_is_silent "$f" "$types"
done
