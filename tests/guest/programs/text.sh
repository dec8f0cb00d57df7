#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    the kernel's text changes under way as it does natively: modules, static
#           keys, the function tracers, kprobes, uprobes and BPF programs
# How:      loads and unloads modules, turns tracers and probes on and off, many times,
#           while a task on every CPU runs through the patched code; counts hits
# Needs:    root, tracefs
# Timeout:  400
# Catches:  text written through a mapping that the monitor shadows wrongly; a CPU that
#           runs old text; a #BP or #DB of the kernel's own that is lost

. "${0%/*}/../../lib/tap.sh"

cd /sys/kernel/tracing || exit
echo 64 >buffer_size_kb

# System calls on every CPU, until the end; the rest goes first.
for cpu in $(seq 0 $(($(nproc) - 1))); do
	taskset $((1 << cpu)) sh -c 'while :; do read -r _ </proc/self/stat; done' &
	busy="$busy $!"
	renice -n 19 -p $! >/dev/null
done
# shellcheck disable=SC2086,SC2154 # a list; tap.sh sets tap_failed
trap 'kill $busy; echo nop >current_tracer; exit $((tap_failed > 0))' EXIT

loads() {
	for _ in $(seq 10); do
		modprobe "$1" && grep -qw "^$1" /proc/modules && rmmod "$1" || return
	done
	! grep -w "^$1" /proc/modules
}

# test_static_keys fails to load when a key is not what it was set to.
static_keys() {
	for _ in $(seq 3); do
		modprobe test_static_key_base && modprobe test_static_keys &&
			rmmod test_static_keys && rmmod test_static_key_base || return
	done
}

# traces TRACER LINE: turned on and off; there are lines like this one each time. Not on
# all functions: an emulator translates all of the kernel again for each turn.
traces() {
	for _ in 1 2 3; do
		echo 'proc_* seq_* vfs_*' >set_ftrace_filter
		echo "$1" >current_tracer || return
		cat /proc/self/stat >/dev/null
		echo 0 >tracing_on
		grep -q "$2" trace || return
		echo nop >current_tracer || return
		echo 1 >tracing_on
		echo >set_ftrace_filter
	done
}

traces_one_function() {
	echo proc_reg_open >set_ftrace_filter
	echo function >current_tracer
	cat /proc/version >/dev/null
	echo 0 >tracing_on
	hits=$(grep -c ': proc_reg_open <-' trace)
	others=$(grep -v '^#' trace | grep -vc ': proc_reg_open <-')
	echo nop >current_tracer
	echo 1 >tracing_on
	echo >set_ftrace_filter
	echo "hits $hits, others $others"
	[ "$hits" -gt 0 ] && [ "$others" = 0 ]
}

# hits TYPE DEFINITION LINE: a probe, on while twenty programs run. Lines like this one
# are as many at least.
hits() {
	echo "$2" >"$1_events" || return
	echo 1 >"events/$1s/ring1_test/enable" || return
	for _ in $(seq 20); do
		busybox true
	done
	echo 0 >"events/$1s/ring1_test/enable" || return
	hits=$(grep -cE "ring1_test: .*$3" trace)
	echo >"$1_events"
	echo "$2: $hits"
	[ "$hits" -ge 20 ]
}

again() {
	for _ in 1 2 3; do
		"$@" || return
	done
}

# An address in kernel_clone() that kprobes accept and no jump can replace: INT3 and a
# step do the work.
inside() {
	for offset in $(seq 6 40); do
		if echo "p:ring1_try kernel_clone+$offset" 2>/dev/null >kprobe_events; then
			echo >kprobe_events
			echo "$offset"
			return
		fi
	done 2>/dev/null
}

# The entry point of busybox, from its ELF header, as an offset in the file.
entry() {
	readelf=$(od -A n -t u8 -j 24 -N 8 /bin/busybox)
	segments=$(od -A n -t u8 -v -j 64 -N 560 /bin/busybox | tr -s ' \n' ' ')
	# Program headers of seven words: the second is the offset, the third the address,
	# the fifth the size in the file.
	echo "$segments" | awk -v entry="$readelf" '{
		for (i = 1; i + 6 <= NF; i += 7)
			if (entry >= $(i + 2) && entry < $(i + 2) + $(i + 4)) {
				print entry - $(i + 2) + $(i + 1)
				exit
			}
	}'
}

system_call_events() {
	echo 1 >events/syscalls/enable &&
		cat /proc/self/stat >/dev/null &&
		grep -q 'sys_openat(' trace &&
		echo 0 >events/syscalls/enable &&
		: >trace
}

plan 10
check "modules load and unload" loads crc7
check "static keys of modules switch" static_keys
check "the function tracer goes on and off" traces function '<-'
check "the function graph tracer goes on and off" traces function_graph '();'
check "one function is traced, and no other" traces_one_function
check "a kprobe at the entry of a function hits" again hits kprobe 'p:ring1_test kernel_clone' ''
check "a kprobe inside a function hits" again hits kprobe \
	"p:ring1_test kernel_clone+$(inside)" ''
check "a kretprobe hits" again hits kprobe "r:ring1_test kernel_clone \$retval" 'arg1=0x'
check "a uprobe hits" again hits uprobe "p:ring1_test /bin/busybox:$(entry)" ''
check "system call events are recorded" system_call_events
