// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    as a PV or trap guest the kernel runs in ring 1 and says so, and which of the
 *           two, once; its user runs in ring 3. Elsewhere it does not claim that. A PV guest's
 *           page tables are served by the monitor's own MMU.
 * How:      reads CS, /sys/hypervisor and the kernel's log. The batch says by ring1_test.ring=
 *           on the kernel's command line which ring it is to be, the launcher by ring1=
 *           whether it is a trap guest. With ring1_test.abi=1 the monitor is one of ABI
 *           version 1, with ring1_test.mmu=kvm the MMU is to be KVM's.
 * Catches:  a guest that fell back to another ring, the other mode or KVM's MMU, for which
 *           every other test would pass, too
 */
#include <sys/klog.h>

#include "kselftest_harness.h"
#include "guest.h"

static char line[256];

/* 0, 1, or -1 where the command line does not tell. */
static int expected_ring(void)
{
	return cmdline_number("ring1_test.ring=", -1);
}

static const char *expected_abi(void)
{
	return cmdline_has(" ring1_test.abi=1") ? "1" : "2";
}

/* How often the kernel's log has this text; the end of its line is cut off at the last one. */
static int log_has(const char *text, char **last)
{
	static char log[1 << 20];
	int len = klogctl(3, log, sizeof(log) - 1), found = 0;
	char *at = log;

	if (len <= 0)
		return -1;
	log[len] = '\0';
	while ((at = strstr(at, text))) {
		*last = at;
		at += strlen(text);
		found++;
	}
	if (found)
		(*last)[strcspn(*last, "\n")] = '\0';
	return found;
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
	EXPECT_STREQ(expected_abi(), first_line("/sys/hypervisor/abi_version", line, sizeof(line)));
}

/* In ring 1 there is exactly one line, with the mode and the version; elsewhere none. */
TEST(kernel_log_says_it_once)
{
	const char *mode = is_trap_guest() ? " by trap and emulate" : "";
	char *said;

	ASSERT_EQ(in_ring1(), log_has("ring1: this kernel runs in ", &said));
	if (!in_ring1())
		return;
	snprintf(line, sizeof(line), "ring1: this kernel runs in ring 1%s, monitor ABI version %s",
		 mode, expected_abi());
	EXPECT_STREQ(line, said);
}

TEST(page_tables_are_served_by_the_mmu_that_the_batch_wants)
{
	bool own = in_ring1() && !is_trap_guest() && !cmdline_has(" ring1_test.mmu=kvm");
	char *said;

	EXPECT_EQ(own, log_has("page tables are served by the monitor's own MMU", &said));
}

TEST_HARNESS_MAIN
