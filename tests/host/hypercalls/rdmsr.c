// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    rdmsr() reads the guest's MSRs, and -EIO stands for #GP
 * How:      every MSR that KVM lists, compared with KVM_GET_MSRS; absent ones
 * Catches:  the host's MSRs; a value in RDI after a failure
 */
#include "machine.h"

#define EFER		0xc0000080
#define CSTAR		0xc0000083
#define GS_BASE		0xc0000101
#define KERNEL_GS_BASE	0xc0000102
#define SPEC_CTRL	0x48
#define PRED_CMD	0x49
#define ABSENT		0xdeadbeef

static struct {
	struct kvm_msr_list head;
	uint32_t index[512];
} list;

/* Not what runs on by itself. */
static bool is_clock(uint32_t index)
{
	return index == 0x10 || index == 0x40000020 || index == 0x40000021;
}

TEST_F(pv, what_kvm_lists_reads_as_kvm_says)
{
	int kvm = open("/dev/kvm", O_RDWR);
	unsigned int i, same = 0;
	uint64_t value;

	list.head.nmsrs = ARRAY_SIZE(list.index);
	ASSERT_EQ(0, ioctl(kvm, KVM_GET_MSR_INDEX_LIST, &list));
	for (i = 0; i < list.head.nmsrs; i++) {
		uint32_t index = list.index[i];

		ASSERT_EQ(1, get_msr(self->cpu, index, &value))
			TH_LOG("KVM_GET_MSRS refuses %#x, which it lists", index);
		/* A VMM reads another CSTAR, host/monitor/save. */
		if (is_clock(index) || index == CSTAR || HYPERCALL(self->cpu, RDMSR, index))
			continue;
		EXPECT_EQ(value, self->cpu->regs.rdi)
			TH_LOG("MSR %#x", index);
		same++;
	}
	EXPECT_LT(20, same);
}

TEST_F(pv, values_of_this_machine)
{
	struct cpu *c = self->cpu;

	ASSERT_EQ(0, HYPERCALL(c, RDMSR, EFER));
	EXPECT_EQ(0xd01, c->regs.rdi);
	ASSERT_EQ(0, HYPERCALL(c, RDMSR, GS_BASE));
	EXPECT_EQ(KERNEL(c->page_gpa), c->regs.rdi);
	c->page->user_gs = USER(0x5678);
	ASSERT_EQ(0, HYPERCALL(c, RDMSR, KERNEL_GS_BASE));
	EXPECT_EQ(USER(0x5678), c->regs.rdi);
}

TEST_F(pv, absent_and_hidden_ones_fail)
{
	EXPECT_EQ(-EIO, HYPERCALL(self->cpu, RDMSR, ABSENT));
	EXPECT_EQ(-EIO, HYPERCALL(self->cpu, RDMSR, 0xffffffff));
	EXPECT_EQ(-EIO, HYPERCALL(self->cpu, RDMSR, SPEC_CTRL));
	EXPECT_EQ(-EIO, HYPERCALL(self->cpu, RDMSR, PRED_CMD));
	EXPECT_TRUE(refuses_high_bits(self->cpu, RING1_HC_RDMSR, 1, EFER, 0));
}

TEST_F(trap, works_before_registration)
{
	ASSERT_EQ(0, HYPERCALL(self->cpu, RDMSR, EFER));
	EXPECT_EQ(0xd01, self->cpu->regs.rdi);
}

TEST_RING3(RDMSR)

TEST_HARNESS_MAIN
