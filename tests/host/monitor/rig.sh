#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    the host VM is what the tests take it for
# How:      looks at it from inside
# Catches:  tests that pass because they run on the wrong machine

. "${0%/*}/../../lib/tap.sh"

is_kernel() {
	case $HOST_KERNEL in
	debug) grep -e '-debug$' /proc/sys/kernel/osrelease ;;
	*) grep -F '+deb12-' /proc/sys/kernel/osrelease ;;
	esac
}

no_hardware_virtualization() {
	! grep -wE 'svm|vmx|la57' /proc/cpuinfo
}

# 36 bits is what Linux takes where the processor has no such leaf.
tells_address_sizes() {
	grep '^address sizes' /proc/cpuinfo
	! grep -E '^address sizes.*: 36 bits physical' /proc/cpuinfo
}

plan 6
check "it is Debian's kernel, or the one for debugging that was asked for" is_kernel
check "it has no hardware virtualization" no_hardware_virtualization
check "its processor tells its address sizes" tells_address_sizes
check "there is /dev/kvm" test -c /dev/kvm
check "ring1 is a command" ring1 --version
check "the guest kernel and its initrd are there" test -s /ring1/bzImage -a -s /ring1/initrd
