// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    kvm() makes KVM's own hypercalls with KVM's results
 * How:      the call that does nothing, calls with bad arguments, absent ones
 * Catches:  registers of KVM's convention that leak into ours; a call that kills
 */
#include <linux/kvm_para.h>

#include "machine.h"

TEST_F(pv, results_are_kvms)
{
	struct cpu *c = self->cpu;

	EXPECT_EQ(0, HYPERCALL(c, KVM, KVM_HC_VAPIC_POLL_IRQ));
	EXPECT_EQ(-KVM_ENOSYS, HYPERCALL(c, KVM, 0));
	EXPECT_EQ(-KVM_ENOSYS, HYPERCALL(c, KVM, 1000));
	EXPECT_EQ(-KVM_ENOSYS, HYPERCALL(c, KVM, -1ull));
	EXPECT_EQ(-KVM_ENOSYS, HYPERCALL(c, KVM, 1ull << 32 | KVM_HC_VAPIC_POLL_IRQ));
	EXPECT_EQ(-KVM_ENOSYS, HYPERCALL(c, KVM, KVM_HC_MAP_GPA_RANGE, GPA_DATA, 1, 0));
}

TEST_F(pv, bad_arguments_harm_nobody)
{
	struct cpu *c = self->cpu;

	EXPECT_NE(0, HYPERCALL(c, KVM, KVM_HC_CLOCK_PAIRING, -1ull, 0));
	EXPECT_NE(0, HYPERCALL(c, KVM, KVM_HC_CLOCK_PAIRING, GPA_DATA, 99));
	HYPERCALL(c, KVM, KVM_HC_SEND_IPI, -1ull, -1ull, 0xffffffff, -1ull);
	HYPERCALL(c, KVM, KVM_HC_KICK_CPU, 0, -1ull);
	HYPERCALL(c, KVM, KVM_HC_SCHED_YIELD, -1ull);
	EXPECT_EQ(0, HYPERCALL(c, KVM, KVM_HC_VAPIC_POLL_IRQ));
}

TEST_F(trap, works_before_registration)
{
	EXPECT_EQ(0, HYPERCALL(self->cpu, KVM, KVM_HC_VAPIC_POLL_IRQ));
}

TEST_RING3(KVM)

TEST_HARNESS_MAIN
