# SPDX-License-Identifier: GPL-2.0-only
#
# Reads a table of batches (tests/batches/check explains them) and prints one line for
# each: without comments, and with the lines that go on with it.

function print_batch() {
	if (batch != "")
		print batch
}

/^#/ || !NF { next }

{
	goes_on = /^[ \t]/
	gsub(/^[ \t]+|[ \t]+$/, "")
}

goes_on {
	batch = batch " " $0
	next
}

{
	print_batch()
	batch = $0
}

END { print_batch() }
