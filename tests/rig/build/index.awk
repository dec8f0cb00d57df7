# SPDX-License-Identifier: GPL-2.0-only
#
# Makes Documentation/tests.rst from what tests say of themselves: awk -f index.awk FILE...
# The files are sorted by folder. Fails where one claims nothing.

function heading(text)
{
	print "\n" text "\n" substr("==================================================", 1, length(text))
}

# In lines of no more than 94 columns, all but the first one indented.
function print_folded(first, indent, text,    n, i, word, line)
{
	line = first
	n = split(text, word, " ")
	for (i = 1; i <= n; i++) {
		if (length(line " " word[i]) > 94) {
			print line
			line = indent
		}
		line = line (line == first || line == indent ? "" : " ") word[i]
	}
	print line
}

# What reST would take for markup; names of commands are in backquotes.
function literal(text)
{
	gsub(/[\\*|]/, "\\\\&", text)
	gsub(/`/, "``", text)
	return text
}

function test_ends(    name, folder)
{
	if (file == "")
		return
	if (claim == "") {
		print file ": it has no Claim:" >"/dev/stderr"
		failed = 1
	}
	name = file
	sub(/^tests\//, "", name)
	sub(/\.[a-z]*$/, "", name)
	folder = name
	sub(/\/[^\/]*$/, "", folder)
	sub(/.*\//, "", name)
	if (folder != last) {
		heading(folder)
		print "\n.. list-table::\n   :widths: 15 75\n"
	}
	last = folder
	print "   * - " name
	print_folded("     - ", "       ", literal(claim))
}

BEGIN {
	print ".. SPDX-License-Identifier: GPL-2.0-only"
	print ".. Made by `make reference` from the tests' Claim: lines.\n"
	print "=====\nTests\n=====\n"
	print "What each test claims. How it goes about it and which mistakes it catches is said in its"
	print "file, the one of its name below tests/; where and how tests run, in"
	print "`testing.rst <testing.rst>`_."
}

FNR == 1 {
	test_ends()
	file = FILENAME
	claim = ""
	claiming = 0
}

# A field of the opening begins where the comment does, what goes on with it is indented.
{ sub(/^(#| \*)/, "") }

/^ [A-Z][a-z]+:/ || /^ ?$/ { claiming = 0 }

sub(/^ Claim: +/, "") && claim == "" { claiming = 1 }

claiming {
	sub(/^ +/, "")
	claim = claim (claim == "" ? "" : " ") $0
}

END {
	test_ends()
	exit failed
}
