// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    cpuid() answers what the VMM set for the vCPU, at every leaf
 * How:      compares with KVM_GET_CPUID2, less what follows the guest's state
 * Catches:  the hardware's CPUID, a subleaf ignored, results in wrong registers
 */
#include "machine.h"

#define OSXSAVE	(1u << 27)

static struct {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 entry[128];
} cpuid;

TEST_F(pv, answers_as_the_vmm_set)
{
	struct kvm_regs *regs = &self->cpu->regs;
	unsigned int i;

	cpuid.head.nent = 128;
	ASSERT_EQ(0, ioctl(self->cpu->fd, KVM_GET_CPUID2, &cpuid));
	ASSERT_LT(10, cpuid.head.nent);
	for (i = 0; i < cpuid.head.nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid.entry[i];

		ASSERT_EQ(0, HYPERCALL(self->cpu, CPUID, e->function, e->index));
		TH_LOG("leaf %#x, subleaf %#x", e->function, e->index);
		EXPECT_EQ(e->eax, regs->rdi);
		EXPECT_EQ(e->ecx & ~OSXSAVE, regs->rdx & ~(uint64_t)OSXSAVE);
		EXPECT_EQ(e->edx, regs->r10);
		/* 0xd: the size of what XCR0 has; 1 and others: runtime state, none here */
		EXPECT_EQ(e->ebx, regs->rsi);
	}
}

TEST_F(pv, absent_leaves_and_high_bits)
{
	EXPECT_EQ(0, HYPERCALL(self->cpu, CPUID, 0xffffffff, 0xffffffff));
	EXPECT_EQ(0, HYPERCALL(self->cpu, CPUID, 0x8fffffff, 0));
	EXPECT_TRUE(refuses_high_bits(self->cpu, RING1_HC_CPUID, 3, 0, 0));
}

TEST_F(trap, works_before_registration)
{
	ASSERT_EQ(0, HYPERCALL(self->cpu, CPUID, 0, 0));
	EXPECT_LT(0, self->cpu->regs.rdi);
}

TEST_RING3(CPUID)

TEST_HARNESS_MAIN
