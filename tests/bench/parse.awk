# SPDX-License-Identifier: GPL-2.0-only
#
# What a cell printed, each line with the time before it (stamp.c), as lines of a form:
#   cost NAME CPUS TICKS		one operation
#   wall NAME CPUS NANOSECONDS		the same in the time of the machine that emulates
#   exits NAME CPUS REASON COUNT	of one operation
#   cannot NAME CPUS REASON...		why there is no cost
# Nothing else comes through, such as messages of kernels.

{ sub(/\r$/, "") }

function split_name(text) {
	cpus = 1
	name = text
	if (match(text, /@[0-9]+$/)) {
		name = substr(text, 1, RSTART - 1)
		cpus = substr(text, RSTART + 1)
	}
}

# Three of them: before n times, before 2n times, and behind them.
$2 == "mark" && NF == 4 {
	if ($3 != marked) {
		marked = $3
		marks = 0
	}
	if (!marks++)
		began = $1
	if (marks == 3) {
		split_name($3)
		print "wall", name, cpus, ($1 - began) / (3 * $4)
		marked = ""
	}
	next
}

$2 == "boot" && NF == 4 && $3 ~ /^[0-9]+$/ && $4 ~ /^[0-9]+$/ {
	printf "cost boot 1 %.0f\n", $4 - $3
	next
}

$2 == "start" && NF == 3 {
	start = $3
	started = 1
	next
}

$2 == "boot" && NF == 3 && $3 ~ /^[0-9]+$/ && started {
	printf "cost boot 1 %.0f\n", $3 - start
	next
}

$2 == "exits" && NF == 5 {
	split_name($3)
	print "exits", name, cpus, $4, $5
	next
}

$3 ~ /^[0-9]+$/ && $4 ~ /^-?[0-9]+\.[0-9]$/ && NF == 5 {
	print "cost", $2, $3, $4
	next
}

$3 ~ /^[0-9]+$/ && $4 == "-" && $5 == "-" {
	line = "cannot " $2 " " $3
	for (i = 6; i <= NF; i++)
		line = line " " $i
	print line
}
