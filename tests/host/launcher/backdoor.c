// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    where VMware's port answers programs without permission, ring1 knows it, and
 *           ring1 check says so with a remedy; where the processor refuses, all is well
 * How:      the port with and without permission for it, as root; check's judgement with
 *           faked facts, since no emulator has a hypervisor that ignores permissions
 * Needs:    a processor or hypervisor that does not ignore them
 * Catches:  an answer that is taken for a refusal; permission of root's own that is taken
 *           for a hypervisor's answer; a signal handler that stays
 */
#include <signal.h>
#include <stdbool.h>
#include <sys/io.h>

#include "check.c"

#include "backdoor.h"
#include "kselftest_harness.h"

int host_examine(struct host *host, const char *from)
{
	(void)host;
	(void)from;
	return -1;
}

bool host_has(const struct host *host, const char *flag)
{
	(void)host;
	(void)flag;
	return false;
}

TEST(a_program_is_refused)
{
	struct sigaction after;

	EXPECT_FALSE(backdoor_answers_us());
	EXPECT_FALSE(backdoor_answers());
	ASSERT_EQ(0, sigaction(SIGSEGV, NULL, &after));
	EXPECT_EQ(SIG_DFL, after.sa_handler);
}

/* The port of no device answers as well: with all ones. */
TEST(permission_is_an_answer_and_is_given_away)
{
	if (ioperm(0x5658, 4, 1))
		SKIP(return, "only root may have it");
	EXPECT_TRUE(backdoor_answers_us());
	EXPECT_FALSE(backdoor_answers());
	EXPECT_FALSE(backdoor_answers_us());
	if (iopl(3))
		SKIP(return, "only root may have it");
	EXPECT_TRUE(backdoor_answers_us());
	EXPECT_FALSE(backdoor_answers());
}

static bool judged(const struct host *host, enum verdict verdict, const char *reason,
		   const char *remedy)
{
	struct finding f;

	check_hypervisor(host, &f);
	if (f.verdict == verdict && strstr(f.reason, reason) && strstr(f.remedy, remedy))
		return true;
	printf("# verdict %d, %s; %s\n", f.verdict, f.reason, f.remedy);
	return false;
}

TEST(nobody_answers)
{
	struct host host = { 0 };

	EXPECT_TRUE(judged(&host, YES, "no hypervisor", ""));
	host.vmware_accepted = true;
	EXPECT_TRUE(judged(&host, YES, "no hypervisor", ""));
}

TEST(vmware_answers)
{
	struct host host = { .vmware = true, .backdoor = true };

	EXPECT_TRUE(judged(&host, NO, "VMware guest", "monitor_control.restrict_backdoor"));
	host.ring1_loaded = true;
	host.vmware_accepted = true;
	EXPECT_TRUE(judged(&host, NOTE, "behind the monitor's back", ""));
}

TEST(vmware_does_not_answer)
{
	struct host host = { .vmware = true };

	EXPECT_TRUE(judged(&host, NO, "closed to guests", "guest_may_call_vmware=1"));
	host.ring1_loaded = true;
	host.vmware_accepted = true;
	EXPECT_TRUE(judged(&host, YES, "no hypervisor", ""));
}

TEST(an_imitation_answers)
{
	struct host host = { .backdoor = true };

	EXPECT_TRUE(judged(&host, NO, "behind the monitor's back", "enable_vmware_backdoor"));
	host.ring1_loaded = true;
	EXPECT_TRUE(judged(&host, NO, "behind the monitor's back", "enable_vmware_backdoor"));
	host.vmware_accepted = true;
	EXPECT_TRUE(judged(&host, NOTE, "behind the monitor's back", ""));
}

TEST_HARNESS_MAIN
