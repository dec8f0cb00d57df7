#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    a host on which guests are not safe does not get kvm-ring1: modprobe fails,
#           the kernel log and ring1 check say why and what to do, and nothing is left
#           behind; where what to do is a command, it helps
# How:      on a host of that kind; ring1_test.gate=NAME on its command line says which,
#           or none for one that is good
# Needs:    root; the batches whose names begin with gate-
# Catches:  a requirement that is not asked for on a real processor; a refusal after
#           something was done
# Beyond:   FRED, shadow stacks, Xen, encryption, an old KVM: build/unit/require, host/launcher/check

. "${0%/*}/../../lib/tap.sh"
. "${0%/*}/../../lib/ring1.sh"

gate=$(sed -n 's/.*ring1_test\.gate=\([^ ]*\).*/\1/p' /proc/cmdline)
parameter=guest_user_may_read_guest_kernel=1
reason=			# in the kernel log
remedy=
row=			# the line of ring1 check that says so, in these words if no others are here
row_reason=
row_remedy=
command=		# which helps
is_there=		# how the host differs, as a command

has_flag() {
	grep -qw "$1" /proc/cpuinfo
}

has_no_flag() {
	! has_flag "$1"
}

case $gate in
none)
	is_there="has_no_flag la57"
	row=loaded
	row_reason="kvm-ring1 is not loaded"
	row_remedy="\`modprobe kvm-ring1\`"
	command="modprobe kvm-ring1"
	;;
la57)
	is_there="has_flag la57"
	reason="five-level paging is on, which is not supported yet"
	remedy="boot the host with 'no5lvl'"
	row=paging
	;;
nx)
	is_there="has_no_flag nx"
	reason="the processor has no NX, or it is off"
	remedy="enable it in the firmware; boot the host without 'clearcpuid=nx'"
	row=processor
	;;
smep)
	is_there="has_no_flag smep"
	reason="the processor has no SMEP, or it is off"
	remedy="use a processor of 2013 or later; boot the host without 'clearcpuid=smep'"
	row=processor
	;;
fsgsbase)
	is_there="has_no_flag fsgsbase"
	reason="the processor has no FSGSBASE, or it is off"
	remedy="use a processor of 2013 or later; boot the host without 'nofsgsbase'"
	row=processor
	;;
old)
	# Both name the first thing that they miss, in an order of their own.
	is_there="has_no_flag fsgsbase && has_no_flag smep"
	reason="the processor has no FSGSBASE, or it is off"
	remedy="use a processor of 2013 or later; boot the host without 'nofsgsbase'"
	row=processor
	row_reason="the processor has no SMEP, or it is off"
	row_remedy="use a processor of 2013 or later; boot the host without 'clearcpuid=smep'"
	;;
predictions)
	is_there="grep LFENCE /sys/devices/system/cpu/vulnerabilities/spectre_v2"
	reason="the kernel uses branch predictions that the processor cannot flush"
	remedy="boot the host with 'spectre_v2=retpoline retbleed=stuff'"
	;;
meltdown)
	is_there="grep -v 'Not affected' /sys/devices/system/cpu/vulnerabilities/meltdown"
	reason="the processor has Meltdown: a guest's user could read its kernel"
	remedy="if that is acceptable: modprobe kvm-ring1 $parameter"
	row=meltdown
	command="modprobe kvm-ring1 $parameter"
	;;
amd)
	is_there="test -d /sys/module/kvm_amd"
	reason="another KVM vendor module is loaded"
	remedy="rmmod kvm-intel or kvm-amd"
	row="other module"
	row_reason="kvm_amd is loaded: KVM takes one vendor module, and this one is the quicker"
	row_remedy="keep it; or end its guests and \`rmmod kvm_amd\`"
	command="rmmod kvm_amd && modprobe kvm-ring1"
	;;
*)
	skip_all "ring1_test.gate= is not on the command line"
	;;
esac

# Those in the kernel log. busybox tries each load twice.
refusals() {
	dmesg | sed -n 's/.*kvm_ring1: \(cannot load: .*\)/\1/p' | uniq
}

refuses_to_load() {
	! modprobe kvm-ring1 && [ ! -e /sys/module/kvm_ring1 ]
}

log_says_why() {
	refusals
	[ "$(refusals)" = "cannot load: $reason; $remedy" ]
}

# check_refuses ROW REASON REMEDY: in two lines, one after the other.
check_refuses() {
	run_ring1 check
	[ "$status" -eq 1 ] || return
	printf '%-4s  %-13s %s\n' NO "$1" "$2" "" "" "what to do: $3" >wanted
	awk 'NR == FNR { wanted[NR] = $0; next }
		last == wanted[1] && $0 == wanted[2] { good = 1 }
		{ last = $0 }
		END { exit !good }' wanted out
}

# Pages that are free, with those in the processors' own lists.
free_pages() {
	echo 3 >/proc/sys/vm/drop_caches
	echo 1 >/proc/sys/vm/stat_refresh
	awk '/ pages free / || / count: / { n += $NF } END { print n }' /proc/zoneinfo
}

# load_in_vain COUNT
load_in_vain() {
	for _ in $(seq "$1"); do
		! modprobe kvm-ring1 2>/dev/null || return
	done
}

# A leak would be one for each of 30: busybox tries twice.
pages_stay() {
	local before after
	load_in_vain 3
	before=$(free_pages)
	load_in_vain 15 || return
	after=$(free_pages)
	echo "$((before - after)) pages less"
	[ $((before - after)) -lt 30 ]
}

# Not a device, nor a use of what it depends on; another module goes on.
nothing_is_left() {
	grep -c ring1 /proc/modules /proc/vmallocinfo && return 1
	if [ -e /sys/module/kvm_amd ]; then
		[ -c /dev/kvm ] && [ "$(cat /sys/module/kvm_amd/refcnt)" -eq 0 ]
	else
		[ ! -e /dev/kvm ] && rmmod kvm && modprobe kvm
	fi
}

run_says_what_to_do() {
	run_ring1 run --kernel /ring1/bzImage --mem 64M
	[ "$status" -eq 1 ] && [ ! -s out ] && said "modprobe kvm-ring1" && said "ring1 check"
}

helps() {
	eval "$1" && [ -c /dev/kvm ] && run_ring1 check && [ "$status" -eq 0 ]
}

unloads() {
	rmmod kvm_ring1 && [ ! -e /dev/kvm ] && rmmod kvm
}

case $gate in
none) plan 4 ;;
predictions) plan 7 ;;
amd) plan 9 ;;
meltdown) plan 10 ;;
*) plan 8 ;;
esac
check "the host is of the kind that the batch means" eval "$is_there"
[ -z "$row" ] ||
	check "ring1 check says why and what to do" check_refuses "$row" "${row_reason:-$reason}" \
		"${row_remedy:-$remedy}"
if [ -n "$reason" ]; then
	check "modprobe fails" refuses_to_load
	check "the kernel log says why and what to do" log_says_why
	check "ring1 check knows of it" check_refuses loaded \
		"kvm-ring1 last refused to load: $reason" "$remedy"
	[ "$gate" = amd ] || check "ring1 run says what to do" run_says_what_to_do
	check "nothing is left" nothing_is_left
	check "not a page either" pages_stay
fi
if [ -n "$command" ]; then
	check "what to do helps" helps "$command"
	check "and is undone" unloads
fi
