#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    every file names its licence and opens with what it is for, every test with
#           what it claims, and none is the kernel's
# How:      reads the first lines of all files under version control
# Catches:  a file that was not finished, a header copied from KVM to build without
#           Debian's source

. "${0%/*}/../../lib/tap.sh"

# Not texts of licences, what is Markdown, patches, which are under that of their files, and
# what make bench wrote.
ours() {
	git ls-files ':!LICENSES' ':!README.md' ':!*.patch' ':!Documentation/bench'
}

has_licence() {
	! ours | xargs awk '
		FNR == 1 && file != "" { print file }
		FNR == 1 { file = FILENAME }
		FNR <= 2 && /SPDX-License-Identifier: / { file = "" }
		END { if (file != "") print file }' | grep .
}

has_opening() {
	! ours | grep -v '\.rst$' | xargs awk '
		FNR == 1 { looking = 1 }
		!looking || /SPDX-License-Identifier/ || /^#!/ || /^# shellcheck/ { next }
		/^(#|\/\*|\/\/)?$/ { next }
		!/^(#| \*|\/\*|\/\/|\.\\"|<!--) +[^ ]/ { print FILENAME }
		{ looking = 0 }' | grep .
}

has_claim() {
	! git ls-files 'tests/build/*.c' 'tests/build/*.sh' 'tests/host/*.c' 'tests/host/*.sh' \
		'tests/guest/*.c' 'tests/guest/*.sh' |
		xargs grep -LE '^(#| \*) *Claim: ' | grep .
}

sorted_packages() {
	grep -v '^#' tests/rig/build/packages | LC_ALL=C sort -uc
}

# KVM's private headers, by the macros that keep them from being included twice.
no_private_header() {
	find build/linux-source/arch/x86/kvm/ build/linux-source/virt/kvm/ -name '*.h' -exec \
		sed -n '/^#ifndef .*_H_*$/ { s/#ifndef *//p; q }' {} \; | LC_ALL=C sort -u >"$guards"
	[ -s "$guards" ] && ! git grep -nwFf "$guards" -- '*.h' '*.c'
}

guards=$(mktemp)
plan 6
check "git knows the files, as all of these tests must" git ls-files --error-unmatch Makefile
check "files have an SPDX line" has_licence
check "files open with a comment" has_opening
check "tests have a Claim: line" has_claim
check "tests/rig/build/packages is sorted" sorted_packages
check "no header is one of KVM's private ones" no_private_header
rm -f "$guards"
