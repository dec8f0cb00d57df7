#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    ring1 bench measures each of its operations or says why it cannot, and its
#           marks come as they are documented
# How:      runs all of them, a few times each, and reads what is printed
# Needs:    ring1 in $RING1 or PATH
# Catches:  an operation that crashes or hangs, a line without a figure or a reason,
#           JSON that is none

. "${0%/*}/../../lib/tap.sh"
. "${0%/*}/../../lib/ring1.sh"

# Each of the listed ones, with two figures, or with a reason behind them.
all_measured() {
	run_ring1 bench --effort 1 --repeat 1
	"$RING1" bench --list | awk '{ print $1 }' >listed
	awk 'NR > 1 { print $1 }' out | diff listed - &&
		awk 'NR > 1 && !(NF == 4 && $3 != "-" || NF > 4 && $3 == "-") { print; bad = 1 }
			END { exit bad || NR < 2 }' out
}

no_crash() {
	! grep -E "ended by signal|child failed" out
}

two_processes() {
	run_ring1 bench --effort 1 --repeat 1 --cpus 1,2 getppid timer
	awk 'NR > 1 { print $1, $2 }' out | paste -sd" " | grep -x "getppid 1 timer 1 getppid 2"
}

marked() {
	run_ring1 bench --effort 1 --marks - getppid
	[ "$(grep -c "^mark getppid 200$" out)" = 3 ]
}

json() {
	run_ring1 bench --json --effort 1 --repeat 1 getppid signal
	tr -d ' \n' <out | grep -E '^\{"kernel":"[^"]+","processors":[0-9]+,"results":\[(\{"operation":"[a-z]+","cpus":1,"ticks":-?[0-9.]+,"ns":-?[0-9.]+\},?){2}\]\}$'
}

plan 5
check "every operation has figures or a reason" all_measured
check "none crashes" no_crash
check "several processes, for operations that can" two_processes
check "three marks" marked
check "JSON" json
