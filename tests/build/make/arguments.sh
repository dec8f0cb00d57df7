#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    wrong variables are refused with their name before anything is booted
# How:      gives make one wrong value at a time
# Catches:  a typing error that costs a boot, or is silently ignored

. "${0%/*}/../../lib/tap.sh"

# refused TARGET VARIABLE=VALUE...: an error that repeats the first assignment.
refused() {
	local target="$1" status=0 said
	shift
	said=$(make "$target" "$@" 2>&1 </dev/null) || status=$?
	echo "status $status, said: $said"
	[ $status = 2 ] && echo "$said" | grep -qF "ring1: $1:"
}

plan 29
for bad in SMP=abc SMP=0 SMP=65 SMP=-1 MEM=-1 MEM=12x MEM=1M HOST_MEM=1M HOST_KERNEL=foo \
	HOST_KVM=foo GUEST_MODE=foo GUEST_KERNEL=foo SHARE=/nonexistent HOST_GDB=gdb HOST_GDB=65536 \
	VERSION1=foo DISK=/nonexistent SNAPSHOT=foo FIRMWARE=foo; do
	check "$bad" refused run "$bad" GUEST_CMD=true
done
check "hypercalls of Debian's kernel" refused run GUEST_MODE=pv GUEST_KERNEL=amd64 GUEST_CMD=true
check "more memory than there is" refused host HOST_MEM=9000G HOST_CMD=true
check "features for Bochs" refused host HOST_CPU=,nx=off HOST_EMULATOR=bochs HOST_CMD=true
check "gdb with Bochs" refused host HOST_GDB=1234 HOST_EMULATOR=bochs HOST_CMD=true
check "a command for a disk" refused run DISK=README.md GUEST_CMD=true
check "a disk in Bochs" refused run DISK=README.md HOST_EMULATOR=bochs
check "a seed without a disk" refused run SEED=README.md GUEST_CMD=true
check "a snapshot without a disk" refused run SNAPSHOT=on GUEST_CMD=true
check "firmware without a disk" refused run FIRMWARE=bios GUEST_CMD=true
check "a guest without KVM" refused run HOST_KVM=none GUEST_CMD=true
