#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    every batch of every table has a name of its own and tests that are there, in
#           the folder of its machine; every test is in a batch; a wrong line is refused
# How:      reads the tables as run-tests does; gives the check a line with one mistake
# Catches:  a test that was renamed and since then is left out in silence, or is in no batch

. "${0%/*}/../../lib/tap.sh"

batches() {
	for table in tests/batches/*; do
		awk -f tests/rig/judge/table.awk "$table"
	done
}

names_differ() {
	batches | cut -d' ' -f1 | sort | uniq -d >"$work/twice"
	cat "$work/twice"
	[ ! -s "$work/twice" ]
}

batches_are_good() {
	batches | xargs -L 1 tests/rig/judge/check-batch
}

# A batch has a test by name, or by that of its folder.
every_test_is_run() {
	# shellcheck disable=SC2016 # for the inner shell
	batches | xargs -L 1 sh -c 'shift && printf "%s\n" "$@"' | grep -v = >"$work/run"
	! git ls-files tests/build tests/host tests/guest | grep '\.\(c\|sh\)$' |
		sed 's|^tests/||; s|\.[a-z]*$||' | while read -r test; do
		printf '%s\n' "$test" "${test%/*}" | grep -qxFf "$work/run" || echo "$test"
	done | grep .
}

# refused TEXT LINE
refused() {
	! said=$(echo "$2" | xargs -L 1 tests/rig/judge/check-batch 2>&1) && echo "$said" &&
		echo "$said" | grep -qF "$1"
}

work=$(mktemp -d)
trap 'rm -rf "$work"; exit $((tap_failed > 0))' EXIT
plan 8
check "no two batches have one name" names_differ
check "each batch is good" batches_are_good
check "each test is in one" every_test_is_run
check "an unknown machine" refused "no machine is called hosts" "x hosts host/monitor"
check "a test for another machine" refused "guest/programs is not in host/" \
	"x host host/monitor SMP=1 guest/programs"
check "a folder for another machine" refused "host/life is not in guest/" "x native host/life"
check "a test that is not there" refused "no test or folder tests/host/monitor/slots" \
	"x host host/monitor/slots"
check "no tests" refused "has no tests" "x host SMP=1 'HOST_APPEND=a b=c'"
