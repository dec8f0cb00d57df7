#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    ring1 stat prints the counters of the guest that is meant, per vCPU
#           where kvm-ring1 counts them, and says clearly why it cannot
# How:      trees as debugfs shows them
# Needs:    ring1 in $RING1 or PATH
# Catches:  counters of another guest; an empty success

. "${0%/*}/../../lib/tap.sh"
. "${0%/*}/../../lib/ring1.sh"

root=root
kvm=$root/sys/kernel/debug/kvm

guest() {
	mkdir -p "$kvm/$1"
	printf '%s\n' "$2" >"$kvm/$1/${3:-ring1_exits}"
}

# does_say STATUS TEXT ARGUMENTS...: TEXT is what stderr says, or all of stdout.
does_say() {
	local want="$1" text="$2"
	shift 2
	run_ring1 stat --root $root "$@"
	if [ "$want" -eq 0 ]; then
		[ "$status" -eq 0 ] && [ ! -s err ] && [ "$(tr -s ' ' <out)" = "$text" ]
	else
		[ "$status" -eq "$want" ] && [ ! -s out ] && said "$text"
	fi
}

# says CLAIM STATUS TEXT ARGUMENTS...
says() {
	local claim="$1"
	shift
	check "$claim" does_say "$@"
}

plan 13

mkdir "$root"
says "no debugfs at all" 1 "without debugfs"
mkdir -p "$root/sys/kernel/debug"
says "debugfs is not mounted" 1 "mount -t debugfs"
mkdir "$root/sys/kernel/debug/bdi"
says "KVM is not loaded" 1 "KVM is not loaded"
guest . 17 exits
mkdir "$kvm/not-a-guest" "$kvm/12-" "$kvm/-12" "$kvm/1-2x"
says "no guest runs" 1 "no guest is running"

guest 123-4 "reason vcpu0 vcpu1
hypercall 5 4000000000
io 0 7"
counters="reason vcpu0 vcpu1 total
hypercall 5 4000000000 4000000005
io 0 7 7"
says "counters per vCPU and their sum" 0 "$counters"
says "the only guest by its process" 0 "$counters" 123
says "another process" 1 "process 12 runs no guest" 12
says "no process" 2 "not a process number" 12x
says "process 0" 2 "not a process number" 0
says "two processes" 2 "unexpected argument 124" 123 124

guest 124-5 1000 exits
guest 124-5 20 io_exits
guest 124-5 3 max_mmu_rmap_size
says "several guests" 1 "choose one with \`ring1 stat PID\`: 123-4 124-5"
says "KVM's own counters" 0 "exits 1000
io_exits 20" 124
guest 124-6 1 exits
says "a process with two guests" 0 "124-5:
exits 1000
io_exits 20
124-6:
exits 1" 124
