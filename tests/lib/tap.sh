# shellcheck shell=sh disable=SC2034 # the trap uses it
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by tests written in sh, on the build machine and in the machines (busybox).
# Prints TAP: plan COUNT, then COUNT times check or skip. Ends with 1 after a failure.

tap_count=0
tap_failed=0
trap 'exit $((tap_failed > 0))' EXIT

plan() {
	echo "TAP version 13"
	echo "1..$1"
}

# check CLAIM COMMAND...: holds when the command succeeds; shows its output when not.
check() {
	tap_count=$((tap_count + 1))
	tap_claim=$1
	shift
	if tap_output=$("$@" 2>&1); then
		echo "ok $tap_count - $tap_claim"
	else
		tap_failed=1
		printf '%s\n' "$tap_output" "failed: $*" | sed 's/^/# /'
		echo "not ok $tap_count - $tap_claim"
	fi
}

# skip CLAIM REASON
skip() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

# skip_all REASON, instead of a plan
skip_all() {
	echo "TAP version 13"
	echo "1..0 # SKIP $1"
	exit 0
}
