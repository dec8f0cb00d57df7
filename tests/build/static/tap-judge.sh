#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    the judge passes what is right and nothing else
# How:      feeds it streams with one fault each and compares its totals
# Catches:  a crash, an early end, or silence counted as success

. "${0%/*}/../../lib/tap.sh"

totals=$(mktemp)
trap 'rm -f "$totals"' HUP INT TERM

# judged EXPECTED TOTALS STREAM: \n in STREAM are line ends.
judged() {
	# shellcheck disable=SC2059 # a format on purpose
	printf "$3" | busybox awk -f tests/rig/judge/tap.awk -v batch=b -v totals="$totals" -v expected="$1"
	echo "wanted $2, got $(cat "$totals")"
	[ "$(cat "$totals")" = "$2" ]
}

two='#@ begin a\nTAP version 13\n1..2\n'
end='#@ end a 0 1\n'

plan 20
check "two results" judged a '2 0 0' "${two}ok 1 x\nok 2 y\n$end"
check "talk, a skip, CR LF" judged a '1 0 1' "${two}# hm\nok 1 x\r\nok 2 # SKIP why\n$end"
check "all skipped by plan" judged a '0 0 1' '#@ begin a\nTAP version 13\n1..0 # SKIP no\n#@ end a 4 0\n'
check "all skipped one by one" judged a '0 0 2' "${two}ok 1 # SKIP\nok 2 # SKIP\n#@ end a 4 1\n"
check "a failed result" judged a '1 1 0' "${two}ok 1 x\nnot ok 2 y\n#@ end a 1 0\n"
check "too few results" judged a '1 1 0' "${two}ok 1 x\n$end"
check "too many results" judged a '3 1 0' "${two}ok 1 x\nok 2 x\nok 3 x\n$end"
check "results out of order" judged a '2 1 0' "${two}ok 2 x\nok 1 x\n$end"
check "results without numbers" judged a '2 1 0' "${two}ok x\nok y\n$end"
check "no plan" judged a '1 1 0' "#@ begin a\nTAP version 13\nok 1 x\n$end"
check "two plans" judged a '2 1 0' "${two}1..2\nok 1 x\nok 2 x\n$end"
check "a late plan" judged a '1 1 0' "#@ begin a\nTAP version 13\nok 1 x\n1..1\n$end"
check "no version line" judged a '1 1 0' "#@ begin a\n1..1\nok 1 x\n$end"
check "a bad exit status" judged a '2 1 0' "${two}ok 1 x\nok 2 y\n#@ end a 3 0\n"
check "status 4 with a pass" judged a '1 1 1' "${two}ok 1 x\nok 2 # SKIP\n#@ end a 4 0\n"
check "a timeout" judged a '1 1 0' "${two}ok 1 x\n#@ end a 124 9\n"
check "bailing out" judged a '2 1 0' "${two}ok 1 x\nok 2 x\nBail out! no\n$end"
check "the machine dies in it" judged a '1 1 0' "${two}ok 1 x\no"
check "it never ran" judged 'a b' '2 1 0' "${two}ok 1 x\nok 2 y\n$end"
check "no output at all" judged 'a b' '0 2 0' ''
rm -f "$totals"
