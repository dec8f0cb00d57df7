#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Tool:      QEMU 7.2, qemu-system-x86 1:7.2+dfsg-7+deb12u18+b3 of Debian 12, under TCG
# Behaviour: Who takes AMD-V from -cpu max, by svm=off or -svm, takes the processor's name
#            and its address sizes as well. The highest extended leaf of CPUID that max
#            says is that of its last feature. TCG's are in leaf 80000001h, and SVM needs
#            8000000Ah: without it nothing keeps the leaves 80000002h to 80000008h, neither
#            la57 nor phys-bits=, which are about one of them. Linux then guesses: 36 bits
#            of physical address, and 48 of virtual although it uses LA57; and it names an
#            AMD processor by family, Hammer.
#            A feature in leaf 80000007h or 80000008h raises the highest leaf even where
#            TCG does not have it, warns so and leaves it out: invtsc, clzero. A model with a
#            name of its own, as qemu64, has its highest leaf written down.
# Remedy:    min-xlevel=0x80000008
# Output:    the highest extended leaf, bits of a physical and of a virtual address, name;
#            of Linux the same out of /proc/cpuinfo
#: -cpu max: 8000000a, 40 57, QEMU TCG CPU version 2.5+
#: -cpu max,-vmx,-la57: 8000000a, 40 48, QEMU TCG CPU version 2.5+
#: -cpu max,-svm: 80000001, none, none
#: -cpu max,svm=off: 80000001, none, none
#: -cpu max,-svm,-vmx,-la57: 80000001, none, none
#: -cpu max,-svm,phys-bits=46: 80000001, none, none
#: -cpu max,-svm,+invtsc: 80000007, none, QEMU TCG CPU version 2.5+
#: -cpu max,-svm,+clzero: 80000008, 40 57, QEMU TCG CPU version 2.5+
#: -cpu max,-svm,min-xlevel=0x80000008: 80000008, 40 57, QEMU TCG CPU version 2.5+
#: -cpu max,-svm,min-xlevel=0x80000008,phys-bits=46: 80000008, 46 57, QEMU TCG CPU version 2.5+
#: -cpu qemu64,-svm: 8000000a, 40 48, QEMU Virtual CPU version 2.5+
#: Linux on max: la57, 40 57, QEMU TCG CPU version 2.5+
#: Linux on max,-svm: la57, 36 48, Hammer
#: Linux on max,-svm,-la57: no la57, 36 48, Hammer
#: Linux on max,-svm,min-xlevel=0x80000008: la57, 40 57, QEMU TCG CPU version 2.5+

. "$(dirname "$0")/lib/qemu.sh"
. "$(dirname "$0")/lib/linux.sh"

leaves() {
	for model in max max,-vmx,-la57 max,-svm max,svm=off max,-svm,-vmx,-la57 \
		max,-svm,phys-bits=46 max,-svm,+invtsc max,-svm,+clzero \
		max,-svm,min-xlevel=0x80000008 max,-svm,min-xlevel=0x80000008,phys-bits=46 \
		qemu64,-svm; do
		cpuid "$model"
		highest=$(register 80000000 eax)
		sizes=$((0x$(register 80000008 eax)))
		sizes="$((sizes & 255)) $((sizes >> 8 & 255))"
		name=$(brand)
		[ $((0x$highest)) -ge $((0x80000004)) ] || name=none
		[ $((0x$highest)) -ge $((0x80000008)) ] || sizes=none
		echo "-cpu $model: $highest, $sizes, $name"
	done
}

guesses() {
	for model in max max,-svm max,-svm,-la57 max,-svm,min-xlevel=0x80000008; do
		cpuinfo "$model"
		la57="no la57"
		! grep -qw la57 "$dir/cpuinfo" || la57=la57
		sizes=$(sed -n 's/^address sizes.*: \([0-9]*\) bits physical, \([0-9]*\) .*/\1 \2/p' \
			"$dir/cpuinfo")
		echo "Linux on $model: $la57, $sizes, $(sed -n 's/^model name.*: //p' "$dir/cpuinfo")"
	done
}

qemu
linux
leaves >"$dir/output"
guesses >>"$dir/output"
judge <"$dir/output"
