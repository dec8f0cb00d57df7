#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    the guest is what the tests take it for
# How:      looks at it from inside
# Catches:  a kernel without what the tests need, which they would skip for

. "${0%/*}/../../lib/tap.sh"

# The launcher says by ring1= that it is a trap guest, which may run Debian's own.
no_debian() {
	grep -w ring1=trap /proc/cmdline || ! grep -F deb12 /proc/sys/kernel/osrelease
}

loads() {
	modprobe "$1" && grep -w "^$1" /proc/modules && rmmod "$1"
}

# Of Debian's kernels, this one has to be fit for ring 1 like the kernel.
module=crc7
[ ! -e "/lib/modules/$(uname -r)/bridge.ko" ] || module=bridge

plan 5
check "it is not the host, nor the host's kernel" no_debian
check "a module loads and unloads" loads $module
check "debugfs is mounted" test -d /sys/kernel/debug/x86
check "tracefs is mounted" test -e /sys/kernel/tracing/trace
check "there are four serial ports" test -c /dev/ttyS3
