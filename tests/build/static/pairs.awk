# SPDX-License-Identifier: GPL-2.0-only
#
# For docs.sh. Prints what documents and comments say is where: lines "FILE:LINE NAME PATH",
# LINE that of the paragraph. A function or several, in parentheses or quoted, are followed
# by "in PATH" or "(PATH)"; another name counts if it is quoted.

function flush(	rest, hit, path, names, end) {
	rest = text
	text = ""
	while (match(rest, pair)) {
		hit = substr(rest, RSTART, RLENGTH)
		rest = substr(rest, RSTART + RLENGTH)
		# The longest match ends with the path, unless that is the beginning of a word.
		if (rest ~ /^[[:alnum:]_]/)
			continue
		match(hit, file "$")
		path = substr(hit, RSTART)
		names = substr(hit, 1, RSTART - 1)
		while (match(names, item)) {
			name = substr(names, RSTART, RLENGTH)
			names = substr(names, RSTART + RLENGTH)
			gsub(/`/, "", name)
			print where ":" first, name, path
		}
	}
}

BEGIN {
	word = "[[:alpha:]_][[:alnum:]_]*"
	item = "(``" word "(\\(\\))?``|" word "\\(\\))"
	file = "(([[:alnum:]_-]+/)*[[:alnum:]_-]+\\.(c|h|S|sh|awk)|(host|tests)/[[:alnum:]_/-]*[[:alnum:]_])"
	pair = item "((,| and|, and| or) " item ")* (in |\\()" file
}

FNR == 1 {
	flush()
	where = FILENAME
	prose = FILENAME ~ /\.(rst|md)$/
}

{
	if (!prose && $0 !~ /^[ \t]*(#|\*|\/\*|\/\/)/)
		$0 = ""
	gsub(/^[ \t]*(#+|\/\*+|\*+|\/\/)?[ \t]*|[ \t]*\**\/?$/, "")
	if ($0 == "") {
		flush()
		next
	}
	if (text == "")
		first = FNR
	text = text " " $0
}

END {
	flush()
}
