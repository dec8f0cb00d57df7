#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Tool:      OVMF, ovmf 2022.11-6+deb12u2 of Debian 12, in QEMU 7.2, under TCG
# Behaviour: OVMF_CODE_4M.fd is not OVMF_CODE.fd with more room. The small one goes to 64-bit
#            mode in its reset vector, Secure Boot's of that size as well. The big one, which
#            the package's descriptor for libvirt names, runs its first phases, SEC and PEI,
#            as 32-bit code, floating-point control included, and gets to 64-bit mode with its
#            drivers. Both are amd64 firmware by package, and boot the same loaders. For an
#            emulator or a hypervisor that is at its best in 64-bit mode they differ by tens
#            of thousands of distinct instructions.
# Remedy:    OVMF_CODE.fd with OVMF_VARS.fd, named one by one
# Output:    distinct instructions translated before the first 64-bit one, and whether FLDCW
#            is among them
#: OVMF_CODE: fewer than 1000, no fldcw
#: OVMF_CODE_4M: more than 20000, fldcw
#: OVMF_CODE.secboot: fewer than 1000, no fldcw

. "$(dirname "$0")/lib/qemu.sh"

# Instructions that QEMU translates are in its log once; the first 64-bit one ends the run.
code() {
	cp "$root/usr/share/OVMF/$2" "$dir/variables"
	rm -f "$dir/asm"
	emulator -machine q35,smm="$3" -m 256 -pidfile "$dir/pid" -d in_asm -D "$dir/asm" \
		-drive if=pflash,format=raw,readonly=on,file="$root/usr/share/OVMF/$1.fd" \
		-drive if=pflash,format=raw,file="$dir/variables" >"$dir/log" 2>&1 &
	seconds=0
	until grep -q '%r[a-ds0-9]' "$dir/asm" 2>/dev/null || [ $seconds = 250 ]; do
		sleep 1
		seconds=$((seconds + 1))
	done
	kill "$(cat "$dir/pid")" 2>/dev/null || cannot "QEMU ended: $(cat "$dir/log")"
	wait $! || :
	[ $seconds != 250 ] || cannot "$1 executes no 64-bit code"
	sed '/%r[a-ds0-9]/,$d' "$dir/asm" >"$dir/before"
	n=$(grep -c '^0x' "$dir/before")
	fldcw="no fldcw"
	! grep -q fldcw "$dir/before" || fldcw=fldcw
	if [ "$n" -lt 1000 ]; then
		n="fewer than 1000"
	elif [ "$n" -gt 20000 ]; then
		n="more than 20000"
	fi
	echo "$1: $n, $fldcw"
}

qemu
fetch ovmf=2022.11-6+deb12u2
{
	code OVMF_CODE OVMF_VARS.fd off
	code OVMF_CODE_4M OVMF_VARS_4M.fd off
	code OVMF_CODE.secboot OVMF_VARS.fd on
} >"$dir/output"
judge <"$dir/output"
