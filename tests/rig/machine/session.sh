# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced where a machine is booted for a command or a shell. Owns which serial port
# goes where, and what becomes of the machine's end; PID 1 (init) is the other side.

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# session LOG TERMINAL KERNEL INITRD APPEND: TERMINAL is empty, or QEMU's escape
# character for a session on this one. Exits with the command's status, or with 125
# where there is none, and says why. Consoles go to LOG-console, LOG-guest-console.
session() {
	local log="$1" terminal="$2" status reason
	mkdir -p "${log%/*}"
	rm -f "$log-console" "$log-guest-console"
	: >"$work/status"
	# In the background, as a signal ends a wait at once, but not another command.
	exec 3<&0
	if [ -n "$terminal" ]; then
		boot "$3" "$4" "$5 quiet" -echr "$terminal" -serial mon:stdio -serial null <&3 &
	else
		# QEMU makes its stdio non-blocking, which it must not do to this one.
		boot "$3" "$4" "$5" -serial "file:$log-console" -serial stdio </dev/null | cat &
	fi
	wait $! || :

	# The status and, where the command did not come to run, the reason.
	read -r status reason <"$work/status" || {
		status=125
		reason="the machine died"
		[ -n "$terminal" ] ||
			grep -sE 'Kernel panic|BUG:|Oops|RIP: 0010' "$log-console" | tail -n 20 >&2
	}
	if [ -n "$reason" ]; then
		say "$reason"
		[ -n "$terminal" ] || say "consoles: $log-console $log-guest-console"
	fi
	exit "$status"
}

# Replaces the process it is called in: QEMU is to be a child of this script, and to
# end with it.
boot() {
	exec "${0%/*}/${emulator:-boot}" "$@" -serial "file:$work/status" -serial "file:$log-guest-console"
}
