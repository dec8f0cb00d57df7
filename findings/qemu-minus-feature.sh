#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Tool:      QEMU 7.2, qemu-system-x86 1:7.2+dfsg-7+deb12u18+b3 of Debian 12
# Behaviour: In -cpu MODEL,... the last of two settings does not always count. -feature and
#            +feature are applied after every feature=on and feature=off, wherever they
#            stand, and -feature after every +feature: so -la57 cannot be taken back by
#            what is appended, be it la57=on or +la57. QEMU warns of the mixture with an
#            opposite = behind it, and says nothing of -la57,+la57.
# Remedy:    la57=off and la57=on, of which the last one counts
# Output:    what CPUID leaf 7 says of LA57, ECX bit 16, and whether QEMU warned
#: -cpu max: on, silent
#: -cpu max,-la57: off, silent
#: -cpu max,la57=off,la57=on: on, silent
#: -cpu max,la57=on,la57=off: off, silent
#: -cpu max,la57=off,+la57: on, silent
#: -cpu max,+la57,la57=off: on, warned
#: -cpu max,la57=on,-la57: off, silent
#: -cpu max,-la57,la57=on: off, warned
#: -cpu max,+la57,-la57: off, silent
#: -cpu max,-la57,+la57: off, silent

. "$(dirname "$0")/lib/qemu.sh"

settings() {
	for model in max max,-la57 max,la57=off,la57=on max,la57=on,la57=off \
		max,la57=off,+la57 max,+la57,la57=off max,la57=on,-la57 max,-la57,la57=on \
		max,+la57,-la57 max,-la57,+la57; do
		cpuid "$model"
		la57=off
		[ $((0x$(register 7 ecx) >> 16 & 1)) = 0 ] || la57=on
		warned=silent
		! grep -q Ambiguous "$dir/log" || warned=warned
		echo "-cpu $model: $la57, $warned"
	done
}

qemu
settings >"$dir/output"
judge <"$dir/output"
