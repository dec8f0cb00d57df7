// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    a PV guest of `ring1 run` comes to its shell by few exits
 * How:      boots Linux and asks `ring1 stat`
 * Needs:    root
 * Catches:  a search through memory or ports for what the VMM has told already
 */
#include "launch.h"

/* It takes some thousands; the search for an MP table alone would be 70,000. */
#define MOST_EXITS	15000

TEST_F_TIMEOUT(run, boot_takes_few_exits, LIMIT)
{
	long exits;

	ASSERT_TRUE(start_linux(self, "", "", 1));
	ASSERT_TRUE(wait_for(self, "guest# "));
	exits = counter(self, "exits");
	printf("# %ld exits, %ld of them invlpg()\n", exits, counter(self, "hypercall_invlpg"));
	EXPECT_LT(0, exits);
	EXPECT_GT(MOST_EXITS, exits);
	ASSERT_TRUE(give(self, "poweroff -f\n"));
	EXPECT_EQ(0, finish(self));
}

TEST_HARNESS_MAIN
