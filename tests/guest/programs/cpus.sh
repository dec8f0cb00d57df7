#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    all processors come up, go offline and come back, and take NMIs and IPIs
#           wherever they are
# How:      /proc/sysrq-trigger's backtraces by NMI, while idle and under load; hotplug
#           of every processor but the first, again and again, some of it while processes
#           fork, map memory and check what is in it; counters of interrupts
# Needs:    root; most of it two processors
# Timeout:  300
# Catches:  a vCPU that is not registered again after INIT; an NMI or IPI that is lost
#           while its processor is halted, in user mode or in a restart range; page tables
#           that a processor knows from before it was off

. "${0%/*}/../../lib/tap.sh"

cpus=$(nproc)
last=$((cpus - 1))

# Backtraces are long, and the console slow; so this looks for warnings itself.
dmesg -n 4

interrupts() {
	awk -v name="$1:" '$1 == name { for (i = 2; $i ~ /^[0-9]+$/; i++) sum += $i } END { print sum + 0 }' \
		/proc/interrupts
}

# backtraces: every processor but the one that asks answers by NMI.
backtraces() {
	before=$(interrupts NMI)
	echo "cpus.sh: $before NMIs" >/dev/kmsg
	echo l >/proc/sysrq-trigger
	after=$(interrupts NMI)
	answers=$(dmesg | awk '/cpus.sh: / { n = 0 } /NMI backtrace for cpu/ { n++ } END { print n }')
	echo "NMIs $before $after, answers $answers of $cpus"
	[ "$answers" = "$cpus" ]
}

repeat() {
	for _ in $(seq "$1"); do
		"$2" || return
	done
}

spin_on_all() {
	busy=
	for cpu in $(seq 0 $last); do
		taskset $((1 << cpu)) sh -c "$1" &
		busy="$busy $!"
	done
}

backtraces_of_users() {
	spin_on_all 'while :; do :; done'
	repeat 3 backtraces
	status=$?
	# shellcheck disable=SC2086 # a list
	kill $busy
	return $status
}

backtraces_of_kernels() {
	spin_on_all 'while :; do read -r _ </proc/self/stat; done'
	repeat 3 backtraces
	status=$?
	# shellcheck disable=SC2086 # a list
	kill $busy
	return $status
}

online() {
	echo "$2" >"/sys/devices/system/cpu/cpu$1/online"
}

# Down, gone from what is online, up, and running a task there.
hotplug() {
	for cpu in $(seq 1 $last); do
		online "$cpu" 0 && [ "$(nproc)" = "$last" ] && online "$cpu" 1 &&
			[ "$(nproc)" = "$cpus" ] && taskset $((1 << cpu)) true || return
	done
}

hotplug_all_at_once() {
	for cpu in $(seq 1 $last); do
		online "$cpu" 0 || return
	done
	[ "$(nproc)" = 1 ] || return
	for cpu in $(seq 1 $last); do
		online "$cpu" 1 || return
	done
	[ "$(nproc)" = "$cpus" ]
}

# A tree of processes that map memory, hand its contents on and give it back, again and again.
# What a process reads is what the other one wrote, or there is a line in $wrong.
wrong=/tmp/cpus.sh-wrong
zeros=$(dd if=/dev/zero bs=256k count=1 2>/dev/null | md5sum)

map_and_fork() {
	while :; do
		(
			sum=$(dd if=/dev/zero bs=256k count=1 2>/dev/null | md5sum)
			[ "$sum" = "$zeros" ] || echo "$sum" >>$wrong
		)
	done
}

# Processors go while the others, and they themselves to the last, change page tables.
hotplug_under_memory_load() {
	busy=
	: >$wrong
	for _ in $(seq $((2 * cpus))); do
		map_and_fork &
		busy="$busy $!"
	done
	hotplug && hotplug_all_at_once && hotplug
	status=$?
	# shellcheck disable=SC2086 # a list
	kill $busy
	cat $wrong
	[ $status = 0 ] && [ ! -s $wrong ]
}

hotplug_under_load() {
	busy=
	for _ in $(seq "$cpus"); do
		sh -c 'while :; do (:); done' &
		busy="$busy $!"
	done
	hotplug
	status=$?
	# shellcheck disable=SC2086 # a list
	kill $busy
	return $status
}

timer_ticks() {
	before=$(interrupts LOC)
	spin=0
	while [ $spin -lt 100000 ]; do
		spin=$((spin + 1))
	done
	[ "$(interrupts LOC)" -gt "$before" ]
}

# A backtrace asked for is no complaint, whatever functions it names: "install" has "stall" in it.
no_complaints() {
	! dmesg | grep -E 'WARNING:|BUG:|Oops|hard LOCKUP|rcu:.*(stall|starved)|unchecked MSR'
}

plan 10
check "the timer ticks while user code runs" timer_ticks
check "NMI backtraces of idle processors" repeat 3 backtraces
check "NMI backtraces of processors in user mode" backtraces_of_users
check "NMI backtraces of processors that make system calls" backtraces_of_kernels
if [ "$cpus" = 1 ]; then
	skip "processors go offline and come back" "one processor"
	skip "all at once" "one processor"
	skip "under load" "one processor"
	skip "while processes map memory" "one processor"
	skip "and answer NMIs again" "one processor"
else
	check "processors go offline and come back" repeat 2 hotplug
	check "all at once" repeat 2 hotplug_all_at_once
	check "under load" hotplug_under_load
	check "while processes map memory" hotplug_under_memory_load
	check "and answer NMIs again" backtraces
fi
check "the kernel did not complain" no_complaints
dmesg -n 7
