#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    sparse and gcc with W=1 find nothing in the module
# How:      has kbuild check each file of the module that is built for Debian's amd64
# Catches:  a pointer of the guest's or of user space that is taken for one of the
#           kernel's, locks that are not released, functions that should be static
# Timeout:  600

. "${0%/*}/../../lib/tap.sh"

version=${KERNEL_VERSION:-$(awk '$1 == "version" { print $2 }' guest-patches/base)}
release=${version%%-*}+deb12-amd64
log=$(mktemp)
trap 'rm -f "$log"; exit $((tap_failed > 0))' EXIT

# On module-build's copy of the sources, whose objects are up to date and stay as they are.
kbuild_checks() {
	flock "build/modules/$release.lock" make -C "build/headers/$release" \
		M="$PWD/build/modules/$release" KVM_SRC="$(realpath build/linux-source)" \
		W=1 C=2 modules >"$log" 2>&1 || {
		cat "$log"
		return 1
	}
}

every_file() {
	sed -n 's|^ *CHECK .*/host/||p' "$log" | LC_ALL=C sort >"$log.checked"
	git ls-files 'host/*.c' ':!host/*/*' ':!host/asm-offsets.c' | sed 's|host/||' |
		diff - "$log.checked"
	status=$?
	rm "$log.checked"
	return $status
}

no_warning() {
	! grep -E 'warning:|error:' "$log"
}

plan 3
check "the build with C=2 W=1 succeeds" kbuild_checks
check "it checked every file" every_file
check "it warned of nothing" no_warning
