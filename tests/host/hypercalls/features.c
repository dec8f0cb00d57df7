// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    features() tells what the monitor can do, words it does not know are 0
 * How:      every bit of the first word, the words beyond
 * Catches:  a bit that means nothing yet; a word read beyond the last one
 */
#include "machine.h"

#define ALL (RING1_FEATURE_BOUNCE_PF | RING1_FEATURE_OWN_MMU)

TEST_F(pv, both_are_there)
{
	ASSERT_EQ(0, HYPERCALL(self->cpu, FEATURES, 0));
	EXPECT_EQ(ALL, self->cpu->regs.rdi);
}

TEST_F(pv, other_words_are_empty)
{
	static const uint64_t word[] = { 1, 2, 63, 64, 0x7fffffff, 0x80000000, 0xffffffff };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(word); i++) {
		ASSERT_EQ(0, HYPERCALL(self->cpu, FEATURES, word[i]));
		EXPECT_EQ(0, self->cpu->regs.rdi)
			TH_LOG("word %#lx", word[i]);
	}
}

TEST_F(pv, high_bits)
{
	EXPECT_TRUE(refuses_high_bits(self->cpu, RING1_HC_FEATURES, 1, 0, 0));
}

TEST_F(trap, works_before_registration)
{
	ASSERT_EQ(0, HYPERCALL(self->cpu, FEATURES, 0));
	EXPECT_EQ(ALL, self->cpu->regs.rdi);
}

TEST_RING3(FEATURES)

TEST_HARNESS_MAIN
