#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Tool:      QEMU 7.2, qemu-system-x86 1:7.2+dfsg-7+deb12u18+b3 of Debian 12, with TCG
# Behaviour: query-cpu-model-expansion of type "full" is asked what a CPU model comes to. It
#            answers with what the model or the caller wants, features included that TCG has
#            not: it does not take away what the accelerator lacks, as the start of a machine
#            does. IBPB is true for EPYC-Rome and for max,ibpb=on, and CPUID has neither.
#            x-force-features=on keeps such a feature in CPUID; QEMU warns all the same.
# Remedy:    start a machine with the model, and read the properties of its processor, or
#            "filtered-features" there
# Output:    the property "ibpb" in the answer, and CPUID leaf 80000008h, EBX bit 12, of a
#            machine
#: EPYC-Rome: expanded true, CPUID 0
#: max: expanded false, CPUID 0
#: max,ibpb=on: expanded true, CPUID 0
#: max,ibpb=on,x-force-features=on: expanded true, CPUID 1

. "$(dirname "$0")/lib/qemu.sh"

# expanded MODEL: what the answer says of IBPB.
expanded() {
	properties=$(echo "$1" | awk -F, '{
		for (i = 2; i <= NF; i++) {
			split($i, p, "=")
			printf "%s\"%s\":%s", (i > 2 ? "," : ""), p[1], p[2] == "on" ? "true" : "false"
		}
	}')
	printf '%s\n' '{"execute":"qmp_capabilities"}' '{"execute":"query-cpu-model-expansion",
		"arguments":{"type":"full","model":{"name":"'"${1%%,*}"'","props":{'"$properties"'}}}}' \
		'{"execute":"quit"}' | emulator -machine none -qmp stdio >"$dir/answer" 2>"$dir/log" ||
		cannot "QEMU does not answer for $1"
	grep -o '"ibpb": [a-z]*' "$dir/answer" | cut -d' ' -f2
}

answers() {
	for model in EPYC-Rome max max,ibpb=on max,ibpb=on,x-force-features=on; do
		expansion=$(expanded "$model")
		cpuid "$model"
		echo "$model: expanded $expansion, CPUID $((0x$(register 80000008 ebx) >> 12 & 1))"
	done
}

qemu
answers >"$dir/output"
judge <"$dir/output"
