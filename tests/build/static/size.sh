#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    the module is less than 5,000 lines of code, the guest port with the lines
#           that its patches add less than 3,000
# How:      counts all files under version control, which no generated one is, without
#           blank lines and those that are only comment; prints the figures of both kinds
# Catches:  growth that nobody decided on

. "${0%/*}/../../lib/tap.sh"

module() {
	git ls-files host hypercalls ':!host/launcher' ':!host/dkms' | xargs cat
}

port() {
	git ls-files arch/x86 | xargs cat
	sed -n '/^+++ /d; s/^+//p' guest-patches/*.patch
}

code() {
	awk '
		comment { comment = !/\*\//; next }
		/^[ \t]*\/\*/ { comment = !/\*\//; next }
		/^[ \t]*(\/\/|#( |$)|$)/ { next }
		{ n++ }
		END { print n + 0 }'
}

less() {
	[ "$1" -gt 0 ] && [ "$1" -lt "$2" ]
}

module=$(module | code)
port=$(port | code)
plan 2
check "module and ABI: $module lines (all: $(module | wc -l)), below 5000" less "$module" 5000
check "guest port and patches: $port lines (all: $(port | wc -l)), below 3000" less "$port" 3000
