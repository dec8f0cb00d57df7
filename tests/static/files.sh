#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    every source file names its licence, and every test what it claims
# How:      greps the files under version control
# Catches:  a new file that was not finished

. "${0%/*}/../lib/tap.sh"

has_licence() {
	! git ls-files '*.c' '*.h' '*.S' '*.sh' '*.awk' 'tests/rig/*' Makefile '*/Makefile' Kbuild Kconfig \
		'*/Kconfig' '*/Kbuild' | grep -v '^tests/rig/packages$' |
		xargs grep -L 'SPDX-License-Identifier: ' | grep .
}

has_claim() {
	! git ls-files tests/static tests/make tests/unit tests/gates tests/install tests/host \
		tests/guest tests/hypercalls |
		grep -E '\.(c|sh)$' | xargs grep -LE '^(#| \*) *Claim: ' | grep .
}

sorted_packages() {
	grep -v '^#' tests/rig/packages | LC_ALL=C sort -uc
}

plan 3
check "sources have an SPDX line" has_licence
check "tests have a Claim: line" has_claim
check "tests/rig/packages is sorted" sorted_packages
