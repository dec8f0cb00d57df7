// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    write_cr4() does what MOV to CR4 does, except that SMEP, SMAP and UMIP stay
 *           as the host has them; -EINVAL stands for #GP
 * How:      good and impossible values, read back by the VMM
 * Catches:  PCIDs or 5-level paging in the guest; a guest that sheds SMEP
 */
#include "machine.h"

#define DE	(1ull << 3)
#define PAE	(1ull << 5)
#define PGE	(1ull << 7)
#define LA57	(1ull << 12)
#define VMXE	(1ull << 13)
#define PCIDE	(1ull << 17)
#define OSXSAVE	(1ull << 18)
#define PKE	(1ull << 22)
#define UMIP	(1ull << 11)
#define SMEP	(1ull << 20)
#define SMAP	(1ull << 21)
#define PINNED	(UMIP | SMEP | SMAP)
#define CR4	0x10620ull

/* Linux in the host turns on what its processor has. */
static uint64_t of_the_host(void)
{
	unsigned int eax = 7, ebx, ecx = 0, edx;

	asm volatile("cpuid" : "+a" (eax), "=b" (ebx), "+c" (ecx), "=d" (edx));
	return (ecx & 1 << 2 ? UMIP : 0) | (ebx & 1 << 7 ? SMEP : 0) | (ebx & 1 << 20 ? SMAP : 0);
}

TEST_F(pv, good_values)
{
	uint64_t pinned = get_sregs(self->cpu).cr4 & PINNED;
	uint64_t good[] = {
		CR4, CR4 | pinned, CR4 | DE, CR4 | PGE, CR4 | OSXSAVE, CR4,
	};
	unsigned int i;

	EXPECT_EQ(of_the_host(), pinned);
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		EXPECT_EQ(0, HYPERCALL(self->cpu, WRITE_CR4, good[i]));
		EXPECT_EQ(good[i] | pinned, get_sregs(self->cpu).cr4);
	}
}

TEST_F(pv, bad_values)
{
	static const uint64_t bad[] = {
		0, CR4 & ~PAE, CR4 | LA57, CR4 | VMXE, CR4 | PCIDE, CR4 | PKE, CR4 | 1ull << 31,
		CR4 | 1ull << 32, CR4 | 1ull << 63, -1ull,
	};
	uint64_t cr4 = get_sregs(self->cpu).cr4;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, HYPERCALL(self->cpu, WRITE_CR4, bad[i]))
			TH_LOG("value %#lx", bad[i]);
		EXPECT_EQ(cr4, get_sregs(self->cpu).cr4);
	}
}

/* What the host's processor does not have, the guest's has not either. */
TEST_F(pv, bits_that_the_host_has_not)
{
	uint64_t bits[] = { UMIP, SMEP, SMAP };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bits); i++)
		EXPECT_EQ(bits[i] & of_the_host() ? 0 : -EINVAL,
			  HYPERCALL(self->cpu, WRITE_CR4, CR4 | bits[i]));
}

TEST_F(pv, ring1_cannot_execute_or_touch_user_pages)
{
	struct cpu *c = self->cpu;

	ASSERT_EQ(0, HYPERCALL(c, WRITE_CR4, CR4));
	ASSERT_EQ(ENTRY_KERNEL, go(c, user_code(code_stop)));
	EXPECT_EQ(14, take(c).vector);
	if (!(of_the_host() & SMAP))
		return;
	c->regs.rdi = USER(GPA_DATA);
	ASSERT_EQ(ENTRY_KERNEL, go_kernel(c, code_peek));
	EXPECT_EQ(14, take(c).vector);
	c->regs.rflags |= FLAG_AC;
	EXPECT_EQ(0, peek(c, USER(GPA_DATA)));
}

TEST_F(trap, works_before_registration)
{
	EXPECT_EQ(0, HYPERCALL(self->cpu, WRITE_CR4, CR4 | DE));
	EXPECT_EQ(-EINVAL, HYPERCALL(self->cpu, WRITE_CR4, 0));
}

TEST_RING3(WRITE_CR4)

TEST_HARNESS_MAIN
