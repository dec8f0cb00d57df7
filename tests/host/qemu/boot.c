// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    Debian's own QEMU boots the guest kernel on /dev/kvm, resets it, and ends when it
 *           powers itself off
 * How:      its microvm, one and two processors, with the host's CPU model and with the
 *           default one; commands in the guest's shell
 * Needs:    SHARE=build/qemu; kvm-ring1
 * Timeout:  600
 * Catches:  what no VMM of ours does to a vCPU: QEMU sets each register, in an order of its
 *           own, and resets by nothing else
 */
#include "qemu.h"

static bool is_pv_guest(QEMU *self, int cpus)
{
	return !in_guest(self, "grep -qw ring1 /proc/cpuinfo") &&
	       !in_guest(self, "[ $(nproc) = %d ]", cpus);
}

TEST_F_TIMEOUT(qemu, boots_and_powers_off, LIMIT)
{
	STARTED(LINUX("", "-M", "microvm", "-cpu", "host"));
	ASSERT_TRUE(at_prompt(self));
	print_exits(self, "microvm, to the prompt");
	EXPECT_TRUE(is_pv_guest(self, 1));
	POWERS_OFF();
}

TEST_F_TIMEOUT(qemu, two_processors_are_reset, LIMIT)
{
	STARTED(LINUX("", "-M", "microvm", "-smp", "2"));
	ASSERT_TRUE(at_prompt(self));
	print_exits(self, "microvm, 2 processors, qemu64, to the prompt");
	EXPECT_TRUE(is_pv_guest(self, 2));
	ASSERT_TRUE(hmp_silent(self, "system_reset"));
	ASSERT_TRUE(at_prompt(self));
	print_exits(self, "and again after system_reset");
	EXPECT_TRUE(is_pv_guest(self, 2));
	POWERS_OFF();
}

TEST_HARNESS_MAIN
