// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    wrmsr() writes the guest's MSRs; -EIO stands for #GP and changes nothing
 * How:      addresses canonical and not, reserved bits, absent MSRs; the two that have a
 *           short way in the monitor: the timer's deadline and the APIC's ICR
 * Catches:  a base that makes the switcher fault; RDX lost on the short way
 */
#include "machine.h"

#define APIC_BASE	0x1b
#define TSC_DEADLINE	0x6e0
#define X2APIC_ICR	0x830
#define SYSENTER_EIP	0x176
#define EFER		0xc0000080
#define LSTAR		0xc0000082
#define FS_BASE		0xc0000100
#define GS_BASE		0xc0000101
#define KERNEL_GS_BASE	0xc0000102
#define TSC_AUX		0xc0000103

static const uint64_t not_canonical[] = { 1ull << 47, 1ull << 63, 0xffff7fffffffffff };

TEST_F(pv, bases_must_be_canonical)
{
	static const uint32_t msr[] = { LSTAR, FS_BASE, GS_BASE, KERNEL_GS_BASE };
	unsigned int i, j;
	uint64_t value;

	for (i = 0; i < ARRAY_SIZE(msr); i++) {
		ASSERT_EQ(0, HYPERCALL(self->cpu, WRMSR, msr[i], KERNEL(GPA_DATA)));
		for (j = 0; j < ARRAY_SIZE(not_canonical); j++)
			EXPECT_EQ(-EIO, HYPERCALL(self->cpu, WRMSR, msr[i], not_canonical[j]))
				TH_LOG("MSR %#x, %#lx", msr[i], not_canonical[j]);
		ASSERT_EQ(1, get_msr(self->cpu, msr[i], &value));
		EXPECT_EQ(KERNEL(GPA_DATA), value);
	}
	EXPECT_EQ(KERNEL(GPA_DATA), get_sregs(self->cpu).fs.base);
	EXPECT_EQ(KERNEL(GPA_DATA), get_sregs(self->cpu).gs.base);
	EXPECT_EQ(KERNEL(GPA_DATA), self->cpu->page->user_gs);
}

/* AMD's processors take any value here; KVM makes it canonical. */
TEST_F(pv, sysenter_is_made_canonical)
{
	ASSERT_EQ(0, HYPERCALL(self->cpu, WRMSR, SYSENTER_EIP, 1ull << 47));
	ASSERT_EQ(0, HYPERCALL(self->cpu, RDMSR, SYSENTER_EIP));
	EXPECT_EQ(-1ull << 47, self->cpu->regs.rdi);
}

CODE(rdfsbase, "rdfsbase %rbx\n rdgsbase %rdx\n" STOP);

TEST_F(pv, bases_are_in_the_processor)
{
	ASSERT_EQ(0, HYPERCALL(self->cpu, WRMSR, FS_BASE, USER(0x123)));
	ASSERT_EQ(0, HYPERCALL(self->cpu, WRMSR, GS_BASE, USER(0x456)));
	ASSERT_EQ(STOPPED, go_kernel(self->cpu, rdfsbase));
	EXPECT_EQ(USER(0x123), self->cpu->regs.rbx);
	EXPECT_EQ(USER(0x456), self->cpu->regs.rdx);
}

CODE(rdtscp, "rdtscp\n mov %rcx, %rbx\n" STOP);

TEST_F(pv, tsc_aux_is_in_the_processor)
{
	ASSERT_EQ(0, HYPERCALL(self->cpu, WRMSR, TSC_AUX, 0x1abcd));
	ASSERT_EQ(STOPPED, go_kernel(self->cpu, rdtscp));
	EXPECT_EQ(0x1abcd, self->cpu->regs.rbx);
}

TEST_F(pv, what_faults_natively_fails)
{
	EXPECT_EQ(-EIO, HYPERCALL(self->cpu, WRMSR, EFER, -1ull));
	EXPECT_EQ(-EIO, HYPERCALL(self->cpu, WRMSR, EFER, 0x401));	/* LME off */
	EXPECT_EQ(-EIO, HYPERCALL(self->cpu, WRMSR, APIC_BASE, -1ull));
	EXPECT_EQ(-EIO, HYPERCALL(self->cpu, WRMSR, 0x48, 1));
	EXPECT_EQ(-EIO, HYPERCALL(self->cpu, WRMSR, 0xdeadbeef, 0));
	EXPECT_TRUE(refuses_high_bits(self->cpu, RING1_HC_WRMSR, 1, LSTAR, 0));
	EXPECT_EQ(0, HYPERCALL(self->cpu, RDMSR, EFER));
	EXPECT_EQ(0xd01, self->cpu->regs.rdi);
}

/* The x2APIC's only: with the APIC in memory the MSR is not there. */
TEST_F(pv, icr_sends_to_itself)
{
	struct cpu *c = self->cpu;
	uint64_t base;

	c->regs.rflags &= ~FLAG_IF;
	EXPECT_EQ(-EIO, HYPERCALL(c, WRMSR, X2APIC_ICR, 0x40041));
	ASSERT_EQ(1, get_msr(c, APIC_BASE, &base));
	ASSERT_EQ(0, HYPERCALL(c, WRMSR, APIC_BASE, base | 1 << 10));
	EXPECT_EQ(0, HYPERCALL(c, WRMSR, X2APIC_ICR, 0x40041));
	c->regs.rflags |= FLAG_IF;
	EXPECT_EQ(ENTRY_KERNEL, go_kernel(c, code_stop));
	EXPECT_EQ(0x41, take(c).vector);
}

TEST_F(pv, deadline_survives_the_short_way)
{
	uint64_t deadline = -1ull >> 2;

	EXPECT_EQ(0, HYPERCALL(self->cpu, WRMSR, TSC_DEADLINE, deadline));
	EXPECT_EQ(0, HYPERCALL(self->cpu, WRMSR, TSC_DEADLINE, 0));
	EXPECT_EQ(-EINVAL, HYPERCALL(self->cpu, WRMSR, 1ull << 32 | TSC_DEADLINE, deadline));
	EXPECT_EQ(-EINVAL, HYPERCALL(self->cpu, WRMSR, 1ull << 32 | X2APIC_ICR, deadline));
}

TEST_F(trap, works_before_registration)
{
	EXPECT_EQ(0, HYPERCALL(self->cpu, WRMSR, LSTAR, KERNEL(0)));
	EXPECT_EQ(-EIO, HYPERCALL(self->cpu, WRMSR, LSTAR, 1ull << 47));
}

TEST_RING3(WRMSR)

TEST_HARNESS_MAIN
