#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    among the files of a folder calls go one way: no file calls, by way of others
#           or not, one that calls it; and the monitor's go the way that ring1.h and
#           overview.rst have them
# How:      reads from the sources who defines a function and who else names it; plants a
#           circle in a copy of each folder, through C and through assembly
# Catches:  a helper put where it was needed and not where it belongs
# Timeout:  300

. "${0%/*}/../../lib/tap.sh"

# Each by itself; what is in a folder below it is another folder's.
folders=$(git ls-files 'host/*.c' 'arch/x86/*.c' | sed 's|/[^/]*$||' | sort | uniq -d)

work=$(mktemp -d)
trap 'rm -rf "$work"; exit $((tap_failed > 0))' EXIT

# calls DIR: lines "CALLER CALLEE FUNCTION" for its files, where FUNCTION is defined in
# CALLEE, not static, and named in CALLER, which has none of that name.
calls() {
	awk '
		# Without comments, strings and what the preprocessor is told.
		function plain(line,    out, at, end) {
			out = ""
			for (;;) {
				if (comment) {
					end = index(line, "*/")
					if (!end)
						return out
					line = substr(line, end + 2)
					comment = 0
				}
				if (!match(line, /"([^"\\]|\\.)*"|\047([^\047\\]|\\.[0-9a-f]*)\047|\/\*|\/\//))
					return out line
				at = substr(line, RSTART, 2)
				out = out substr(line, 1, RSTART - 1) " "
				if (at == "//")
					return out
				comment = at == "/*"
				line = substr(line, RSTART + (comment ? 2 : RLENGTH))
			}
		}
		function defined(name, is_static) {
			if (is_static)
				own[file, name] = 1
			else
				owner[name] = file
		}
		# At depth 0: what stands before a {, all of it: a function has a type and arguments.
		function opens(head,    name) {
			if (head !~ /[A-Za-z0-9_*][ *]+[A-Za-z_][A-Za-z0-9_]* *\(/ || head ~ /=/ ||
			    head !~ /\) *$/)
				return
			name = head
			sub(/^ */, "", name)
			while (match(name, /^[A-Za-z_][A-Za-z0-9_]*\([^()]*\) +[A-Za-z_]/))
				name = substr(name, RLENGTH)	# an attribute with arguments
			sub(/ *\(.*/, "", name)
			sub(/.*[ *]/, "", name)
			defined(name, head ~ /(^| )static /)
		}
		FNR == 1 {
			file = FILENAME
			sub(/.*\//, "", file)
			comment = depth = 0
			head = ""
			assembly = file ~ /\.S$/
		}
		{ line = plain($0) }
		/^[ \t]*#/ { macro = /\\$/; next }
		macro { macro = /\\$/; next }
		assembly && match(line, /^SYM_(FUNC|CODE)_START[A-Z_]*\(|^SYM_INNER_LABEL[A-Z_]*\(/) {
			name = substr(line, RLENGTH + 1)
			sub(/[,) ].*/, "", name)
			defined(name, line ~ /LOCAL/)
			next
		}
		{
			text = line
			while (match(text, /(->|\.)? *[A-Za-z_][A-Za-z0-9_]*/)) {
				name = substr(text, RSTART, RLENGTH)
				# Members of structures, and local labels, are not functions.
				if (name !~ /^(->|\.)/) {
					sub(/^ */, "", name)
					named[file, name] = 1
				}
				text = substr(text, RSTART + RLENGTH)
			}
		}
		assembly { next }
		{
			for (i = 1; i <= length(line); i++) {
				c = substr(line, i, 1)
				if (c == "{") {
					if (!depth++)
						opens(head)
				} else if (c == "}") {
					if (!--depth)
						head = ""
				} else if (!depth) {
					head = c == ";" ? "" : head c
				}
			}
			if (!depth)
				head = head " "
		}
		END {
			for (pair in named) {
				split(pair, p, SUBSEP)
				if (p[2] in owner && owner[p[2]] != p[1] && !((p[1], p[2]) in own))
					print p[1], owner[p[2]], p[2]
			}
		}' "$1"/*.[cS] | LC_ALL=C sort
}

# circles: of such lines, those that are part of a circle or lead from one to another.
circles() {
	awk '
		{ line[NR] = $0; caller[NR] = $1; callee[NR] = $2 }
		END {
			do {
				again = 0
				split("", calls)
				split("", called)
				for (i in line) {
					calls[caller[i]] = called[callee[i]] = 1
				}
				for (i in line)
					if (!(callee[i] in calls) || !(caller[i] in called)) {
						delete line[i]
						again = 1
					}
			} while (again)
			for (i in line)
				print line[i]
		}' | LC_ALL=C sort
}

# No call at all would mean that they were not understood.
goes_one_way() {
	calls "$1" >"$work/calls"
	[ -s "$work/calls" ] && ! circles <"$work/calls" | grep .
}

# circle FILE OTHER: the copy has this one, which may be part of a greater one.
circle() {
	calls "$work/copy" | circles >"$work/seen"
	cat "$work/seen"
	grep -qxF "$1 $2 planted_b" "$work/seen" && grep -qxF "$2 $1 planted_a" "$work/seen"
}

# planted DIR: by the first two files of the folder, and by one of them and assembly.
planted() {
	set -- "$1" "$1"/*.c
	rm -rf "$work/copy"
	mkdir "$work/copy"
	find "$1" -maxdepth 1 -name '*.[cS]' -exec cp {} "$work/copy" \;
	printf 'int planted_a(void)\n{\n\treturn planted_b();\n}\n' >>"$work/copy/${2##*/}"
	printf 'static int\nplanted(void)\n{\n\treturn planted_a();\n}\nint planted_b(int unused,\n\t      void (*f)(int))\n{\n\treturn planted();\n}\n' \
		>>"$work/copy/${3##*/}"
	circle "${2##*/}" "${3##*/}" || return

	sed -i '/^int planted_b/,$d' "$work/copy/${3##*/}"
	printf 'SYM_FUNC_START(planted_b)\n\tcall\tplanted_a\nSYM_FUNC_END(planted_b)\n' \
		>"$work/copy/planted.S"
	circle "${2##*/}" planted.S
}

# The monitor's files from the bottom up: the headings in ring1.h, and the table.
prototypes() {
	sed -n 's|^/\* \([a-z]*\.[cS]\) \*/$|\1|p' host/ring1.h
}

table() {
	sed -n '/^   Its files, bottom up/,/^[A-Z]/p' Documentation/overview.rst |
		sed -n 's/^   \([a-z]*\.[cS].*\)/\1/p' | sed 's/   .*//; s/, */\n/g'
}

# in_order COMMAND: no call from a file to one that stands behind it.
in_order() {
	"$1" >"$work/order"
	cat "$work/order"
	calls host | awk '
		NR == FNR { place[$1] = ++n; next }
		place[$1] && place[$2] && place[$1] < place[$2] { print "upwards: " $0; bad = 1 }
		END { exit bad || n < 10 }' "$work/order" -
}

# shellcheck disable=SC2086 # a list
set -- $folders
plan $((2 * $# + 2))
for folder; do
	check "no circle among the files of $folder" goes_one_way "$folder"
	check "one that is planted there is seen" planted "$folder"
done
check "host/ring1.h has the files from the bottom up" in_order prototypes
check "so has Documentation/overview.rst" in_order table
