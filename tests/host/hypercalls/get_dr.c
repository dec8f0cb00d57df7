// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    get_dr() reads the guest's debug registers
 * How:      what the VMM set by KVM_SET_DEBUGREGS; numbers that none has
 * Catches:  the host's registers; 4 and 5, which are 6 and 7
 */
#include "machine.h"

TEST_F(pv, reads_what_is_set)
{
	struct kvm_debugregs dr = {
		.db = { 0x1111, USER(0x2222), KERNEL(0x3333), -1ull },
		.dr6 = 0xffff0ff1, .dr7 = 0x500,
	};
	uint64_t want[] = {
		dr.db[0], dr.db[1], dr.db[2], dr.db[3], dr.dr6, dr.dr7, dr.dr6, dr.dr7,
	};
	unsigned int i;

	ASSERT_EQ(0, ioctl(self->cpu->fd, KVM_SET_DEBUGREGS, &dr));
	for (i = 0; i < ARRAY_SIZE(want); i++) {
		ASSERT_EQ(0, HYPERCALL(self->cpu, GET_DR, i));
		EXPECT_EQ(want[i], self->cpu->regs.rdi)
			TH_LOG("DR%u", i);
	}
}

TEST_F(pv, bad_numbers)
{
	EXPECT_EQ(-EINVAL, HYPERCALL(self->cpu, GET_DR, 8));
	EXPECT_EQ(-EINVAL, HYPERCALL(self->cpu, GET_DR, 0xffffffff));
	EXPECT_TRUE(refuses_high_bits(self->cpu, RING1_HC_GET_DR, 1, 0, 0));
}

TEST_F(trap, works_before_registration)
{
	ASSERT_EQ(0, HYPERCALL(self->cpu, GET_DR, 7));
	EXPECT_EQ(0x400, self->cpu->regs.rdi);
}

TEST_RING3(GET_DR)

TEST_HARNESS_MAIN
