# shellcheck shell=sh disable=SC2034 # names for the scripts that source this
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced, after rig/lib.sh, by what measures. The machines, all of which count
# instructions (QEMU's -icount shift=0): the kernel by itself, and the host VM. Wants
# out, a directory.

# shellcheck disable=SC2154 # of rig/lib.sh
bin=$build/tests/bench
rig=$top/tests/rig
export HOST_ICOUNT=shift=0 HOST_SMP="${HOST_SMP:-1}" SMP="${SMP:-1}" MEM=512M

# native COMMAND [/PATH=FILE]...
native() {
	local command="$1"
	shift
	GUEST_CMD="$command" "$rig/machine/native" "/bin/ring1=$build/launcher/ring1" \
		"/bench/init=$bin/init" "$@"
}

# host COMMAND [/PATH=FILE]...
host() {
	local command="$1"
	shift
	HOST_CMD="$command" "$rig/machine/host" "/rig/guest/bin/ring1=$build/launcher/ring1" \
		"/bench/guest=$bin/guest" "/bench/initrd=$out/initrd" "/bench/probe=$out/probe" "$@"
}

# What guests boot from to measure that: nothing but init.c is run.
make_initrd() {
	"$rig/build/initramfs" guest "$out/initrd" "/bench/init=$bin/init"
}

# make_probe BZIMAGE: $out/probe, which sends the time from the kernel's entry points. A
# bzImage says in its header how many sectors its real-mode part has; behind it is the
# 32-bit entry point, and 512 bytes further the 64-bit one.
make_probe() {
	local sector sectors
	gcc-12 -c -o "$out/entry.o" "$top/tests/bench/entry.S"
	objcopy -O binary -j .text "$out/entry.o" "$out/entry"
	cp --remove-destination "$1" "$out/probe"
	chmod u+w "$out/probe"
	sectors=$(od -An -tu1 -j497 -N1 "$out/probe")
	for sector in $((sectors + 1)) $((sectors + 2)); do
		dd if="$out/entry" of="$out/probe" seek=$sector bs=512 conv=notrunc status=none
	done
}

# The time of the native kernel's entry. The machine ends there by a reset, which is not
# how a command ends.
native_entry() {
	kernel=$out/probe LOG=$out/probe-log native true >"$out/probe.said" 2>&1 || :
	od -An -tu8 -N8 "$out/probe-log-console" | grep . ||
		die "the native kernel did not come to its entry: $out/probe.said"
}

# "boot ENTRY INIT", of one boot that ends at the kernel's entry and one that ends at /init.
native_boot() {
	local entry
	entry=$(native_entry)
	GUEST_APPEND="${GUEST_APPEND:-} rdinit=/bench/init" native true |
		awk -v entry="$entry" '{ print $1, entry, $2 }'
}
