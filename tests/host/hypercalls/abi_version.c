// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    abi_version() reports the version of the ABI, before registration as
 *           after; numbers that no call has are -ENOSYS; ring 3 cannot call anything
 * How:      SYSCALL in ring 1 and ring 3, with numbers around the table's ends
 * Catches:  a dispatcher that looks at 32 bits of the number, or past its table; a
 *           SYSCALL of the user's taken for the kernel's
 */
#include "machine.h"

TEST_F(trap, reports_version_before_registration)
{
	EXPECT_EQ(RING1_ABI_VERSION, HYPERCALL(self->cpu, ABI_VERSION));
}

TEST_F(pv, reports_version)
{
	EXPECT_EQ(RING1_ABI_VERSION, HYPERCALL(self->cpu, ABI_VERSION));
}

static const uint64_t no_call[] = {
	RING1_NR_HYPERCALLS, RING1_NR_HYPERCALLS + 1, 255, 256, 0x7fffffff, 0x80000000, 0xffffffff,
	1ull << 32, (1ull << 32) + RING1_HC_SHUTDOWN, INT64_MAX, 1ull << 63, -1ull,
};

TEST_F(trap, numbers_without_call_are_enosys)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(no_call); i++)
		EXPECT_EQ(-ENOSYS, hypercall5(self->cpu, no_call[i], 0, 0, 0, 0, 0))
			TH_LOG("number %#lx", (long)no_call[i]);
}

TEST_F(pv, numbers_without_call_are_enosys)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(no_call); i++)
		EXPECT_EQ(-ENOSYS, hypercall5(self->cpu, no_call[i], 0, 0, 0, 0, 0))
			TH_LOG("number %#lx", (long)no_call[i]);
}

TEST_F(pv, ring3_bounces)
{
	unsigned int i;

	EXPECT_TRUE(bounces_from_ring3(self->cpu, RING1_HC_ABI_VERSION));
	for (i = 0; i < ARRAY_SIZE(no_call); i++)
		EXPECT_TRUE(bounces_from_ring3(self->cpu, no_call[i]));
}

TEST_HARNESS_MAIN
