// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    nothing is announced to a guest that does not work: CPUID that faults, controls
 *           of predictions, AMX, SGX, TSX_CTRL, bus lock detection, FFXSR
 * How:      looks at what KVM offers and at the MSRs that tell of features, before and after a
 *           VMM has set them to all that KVM itself would offer; then uses them
 * Catches:  a guest kernel that believes in a mitigation or a prctl(2) that does nothing; an
 *           MSR that a VMM saves and cannot restore
 */
#include "machine.h"

#define MSR_PLATFORM_INFO		0xce
#define PLATFORM_INFO_CPUID_FAULT	(1ull << 31)
#define MSR_ARCH_CAPABILITIES		0x10a
#define CAPABILITY_RDCL_NO		(1ull << 0)
#define CAPABILITY_IBRS_ALL		(1ull << 1)
#define CAPABILITY_TSX_CTRL		(1ull << 7)
#define MSR_TSX_CTRL			0x122
#define MSR_MISC_FEATURES_ENABLES	0x140
#define MSR_DEBUGCTL			0x1d9
#define DEBUGCTL_BUS_LOCK_DETECT	(1ull << 2)
#define MSR_EFER			0xc0000080
#define EFER_FFXSR			(1ull << 14)

#define ALL	0xffffffffu

enum output { EAX, EBX, ECX, EDX };

/* By leaf: what must not be in it. */
static const struct {
	uint32_t leaf, subleaf;
	enum output output;
	uint32_t bits;
} hidden[] = {
	{ 7, 0, EBX, 1u << 2 },					/* SGX */
	{ 7, 0, ECX, 1u << 3 | 1u << 24 | 1u << 30 },		/* PKU, bus locks, SGX_LC */
	{ 7, 0, EDX, 1u << 22 | 1u << 24 | 1u << 25 },		/* AMX */
	{ 7, 0, EDX, 1u << 26 | 1u << 27 | 1u << 31 },		/* IBRS, STIBP, SSBD */
	{ 7, 1, EAX, 1u << 21 },				/* AMX-FP16 */
	{ 7, 1, EDX, 1u << 8 },					/* AMX-COMPLEX */
	{ 7, 2, EDX, 1u << 0 | 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4 },	/* of SPEC_CTRL */
	{ 0x12, 0, EAX, ALL },					/* SGX's own leaf */
	{ 0x80000001, 0, EDX, 1u << 25 },			/* FFXSR */
	{ 0x80000008, 0, EBX, 1u << 14 | 1u << 15 | 1u << 17 | 1u << 24 }, /* of SPEC_CTRL */
};

static struct {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 entry[256];
} cpuid;

static uint32_t output_of(const struct kvm_cpuid_entry2 *e, enum output output)
{
	const uint32_t outputs[] = { e->eax, e->ebx, e->ecx, e->edx };

	return outputs[output];
}

TEST(no_such_feature_is_offered)
{
	int kvm = open("/dev/kvm", O_RDWR);
	unsigned int i, j;

	ASSERT_LE(0, kvm);
	cpuid.head.nent = ARRAY_SIZE(cpuid.entry);
	ASSERT_EQ(0, ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid));
	for (i = 0; i < cpuid.head.nent; i++)
		for (j = 0; j < ARRAY_SIZE(hidden); j++)
			if (cpuid.entry[i].function == hidden[j].leaf &&
			    cpuid.entry[i].index == hidden[j].subleaf)
				EXPECT_EQ(0, output_of(&cpuid.entry[i], hidden[j].output) &
					     hidden[j].bits)
					TH_LOG("leaf %#x, subleaf %#x, output %d", hidden[j].leaf,
					       hidden[j].subleaf, hidden[j].output);
}

/* Linux takes ARCH_SET_CPUID for possible if the first of them says so. */
TEST_F(pv, cpuid_does_not_fault)
{
	struct cpu *c = self->cpu;
	uint64_t value;
	int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, HYPERCALL(c, RDMSR, MSR_PLATFORM_INFO));
		EXPECT_EQ(0, c->regs.rdi & PLATFORM_INFO_CPUID_FAULT);
		EXPECT_EQ(-EIO, HYPERCALL(c, WRMSR, MSR_MISC_FEATURES_ENABLES, 1));
		EXPECT_EQ(0, HYPERCALL(c, WRMSR, MSR_MISC_FEATURES_ENABLES, 0));
		/* A VMM that restores what it has from kvm-intel. */
		EXPECT_EQ(1, set_msr(c, MSR_PLATFORM_INFO, PLATFORM_INFO_CPUID_FAULT));
		ASSERT_EQ(1, get_msr(c, MSR_PLATFORM_INFO, &value));
		EXPECT_EQ(0, value);
	}
}

/* Told of enhanced IBRS Linux does without retpolines, and its write of SPEC_CTRL fails. */
TEST_F(pv, capabilities_need_no_hidden_msr)
{
	const uint64_t offered = CAPABILITY_RDCL_NO | CAPABILITY_IBRS_ALL | CAPABILITY_TSX_CTRL;
	uint64_t value;

	if (get_msr(self->cpu, MSR_ARCH_CAPABILITIES, &value) != 1)
		SKIP(return, "KVM has no ARCH_CAPABILITIES for this processor");
	EXPECT_EQ(0, value & (CAPABILITY_IBRS_ALL | CAPABILITY_TSX_CTRL));
	self->vm = new_vm(true);
	self->cpu = &self->vm->cpu[0];
	ASSERT_EQ(1, set_msr(self->cpu, MSR_ARCH_CAPABILITIES, offered));
	ASSERT_EQ(1, get_msr(self->cpu, MSR_ARCH_CAPABILITIES, &value));
	EXPECT_EQ(CAPABILITY_RDCL_NO, value);
}

TEST_F(pv, tsx_ctrl_can_be_saved_and_not_used)
{
	uint64_t value = 1;

	ASSERT_EQ(1, get_msr(self->cpu, MSR_TSX_CTRL, &value));
	EXPECT_EQ(0, value);
	EXPECT_EQ(1, set_msr(self->cpu, MSR_TSX_CTRL, 0));
	EXPECT_NE(1, set_msr(self->cpu, MSR_TSX_CTRL, 1));
	EXPECT_EQ(-EIO, HYPERCALL(self->cpu, RDMSR, MSR_TSX_CTRL));
	EXPECT_EQ(-EIO, HYPERCALL(self->cpu, WRMSR, MSR_TSX_CTRL, 0));
}

TEST_F(pv, what_is_not_announced_is_refused)
{
	ASSERT_EQ(0, HYPERCALL(self->cpu, RDMSR, MSR_EFER));
	EXPECT_EQ(-EIO, HYPERCALL(self->cpu, WRMSR, MSR_EFER, self->cpu->regs.rdi | EFER_FFXSR));
	EXPECT_EQ(-EIO, HYPERCALL(self->cpu, WRMSR, MSR_DEBUGCTL, DEBUGCTL_BUS_LOCK_DETECT));
}

TEST_HARNESS_MAIN
