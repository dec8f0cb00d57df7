// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    a guest boots, computes and ends as ever while the host gets one NMI after the
 *           other
 * How:      Linux, which runs system calls, exceptions and processes; an NMI each 20011
 *           instructions of the whole machine
 * Needs:    root; the batch nmi (lib/nmi.h)
 * Timeout:  600
 * Catches:  an NMI that goes astray where no single step comes: boot, page faults, the
 *           host's own interrupts
 */
#include "launch.h"
#include "nmi.h"

#define PERIOD		20011

#define COMMANDS "for i in 1 2 3 4 5 6 7 8; do dd if=/dev/zero bs=8 count=500 2>/dev/null | " \
		 "md5sum; done; exit\n"
#define SUM "6c1b4100d743a6937ad6c59244d535b3"

static int count_sums(const char *text)
{
	int count = 0;

	while ((text = strstr(text, SUM))) {
		text += strlen(SUM);
		count++;
	}
	return count;
}

TEST_F_TIMEOUT(run, linux_in_a_storm, LIMIT)
{
	long count;

	if (!nmi_open())
		SKIP(return, "needs the batch nmi");
	count = nmi_count();
	nmi_every(PERIOD);
	ASSERT_TRUE(start_linux(self, COMMANDS, "panic=-1", 2));
	EXPECT_EQ(0, finish(self));
	nmi_stop();
	count = nmi_count() - count;
	TH_LOG("%ld NMIs", count);
	EXPECT_LT(1000, count);
	EXPECT_EQ(8, count_sums(self->text))
		TH_LOG("%s %s", self->text, self->said);
}

TEST_HARNESS_MAIN
