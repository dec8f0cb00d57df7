# shellcheck shell=sh disable=SC2034 # who sources this reads status
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced, after lib/tap.sh, by the launcher's tests in sh: a directory to work in,
# and ring1 with its results kept in it.

RING1=${RING1:-ring1}
work_dir=$(mktemp -d) || exit 1
trap 'rm -rf "$work_dir"; exit $((tap_failed > 0))' EXIT
cd "$work_dir" || exit 1

# run_ring1 ARGUMENTS: its status in $status, its output in the files out and err.
run_ring1() {
	status=0
	"$RING1" "$@" </dev/null >out 2>err || status=$?
	echo "status $status"
	cat out err
}

# One line that begins as all of the launcher's messages do, and holds this text.
said() {
	[ "$(wc -l <err)" -eq 1 ] && grep -q '^ring1: ' err && grep -qF -- "$1" err
}
