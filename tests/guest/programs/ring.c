// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    as a PV or trap guest the kernel runs in ring 1 and says so, and which of the
 *           two, once; its user runs in ring 3. Elsewhere it does not claim that.
 * How:      reads CS, /sys/hypervisor and the kernel's log. The batch says by ring1_test.ring=
 *           on the kernel's command line which ring it is to be, the launcher by ring1=
 *           whether it is a trap guest.
 * Catches:  a guest that fell back to another ring or the other mode, for which every
 *           other test would pass, too
 */
#include <sys/klog.h>

#include "kselftest_harness.h"
#include "guest.h"

static char line[256];

/* 0, 1, or -1 where the command line does not tell. */
static int expected_ring(void)
{
	static char args[4096];
	const char *arg = strstr(first_line("/proc/cmdline", args, sizeof(args)),
				 "ring1_test.ring=");

	return arg ? atoi(arg + strlen("ring1_test.ring=")) : -1;
}

TEST(user_is_in_ring_3)
{
	unsigned int cs, ss;

	asm volatile("mov %%cs, %0; mov %%ss, %1" : "=r" (cs), "=r" (ss));
	EXPECT_EQ(0x33, cs);
	EXPECT_EQ(0x2b, ss);
}

TEST(kernel_is_in_the_ring_that_the_batch_wants)
{
	int ring = expected_ring();

	if (ring < 0)
		SKIP(return, "no ring1_test.ring= on the kernel's command line");
	EXPECT_EQ(ring == 1, in_ring1());
}

TEST(kernel_reports_ring_1_from_its_cs)
{
	if (!in_ring1())
		SKIP(return, "not in ring 1");
	EXPECT_STREQ("1", first_line("/sys/hypervisor/ring", line, sizeof(line)));
	EXPECT_STREQ(is_trap_guest() ? "trap" : "pv",
		     first_line("/sys/hypervisor/mode", line, sizeof(line)));
	EXPECT_STREQ("2", first_line("/sys/hypervisor/abi_version", line, sizeof(line)));
}

/* In ring 1 there is exactly one line, with the mode and the version; elsewhere none. */
TEST(kernel_log_says_it_once)
{
	const char *mode = is_trap_guest() ? " by trap and emulate" : "";
	static char log[1 << 20];
	int len = klogctl(3, log, sizeof(log) - 1), found = 0;
	char *at = log;

	ASSERT_LT(0, len);
	while ((at = strstr(at, "ring1: this kernel runs in "))) {
		at[strcspn(at, "\n")] = '\0';
		snprintf(line, sizeof(line),
			 "ring1: this kernel runs in ring 1%s, monitor ABI version 2", mode);
		EXPECT_STREQ(line, at);
		at += strlen(at) + 1;
		found++;
	}
	EXPECT_EQ(in_ring1(), found);
}

TEST_HARNESS_MAIN
