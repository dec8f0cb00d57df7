// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    write_cr0() does what MOV to CR0 does; -EINVAL stands for its #GP
 * How:      good and impossible values, read back by the VMM
 * Catches:  a guest that leaves long mode behind the monitor's back
 */
#include "machine.h"

#define PE	(1ull << 0)
#define TS	(1ull << 3)
#define WP	(1ull << 16)
#define NW	(1ull << 29)
#define CD	(1ull << 30)
#define PG	(1ull << 31)
#define CR0	0x80010033ull

TEST_F(pv, good_values)
{
	static const uint64_t good[] = { CR0, CR0 | TS, CR0 & ~WP, CR0 | CD, CR0 | CD | NW, CR0 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		EXPECT_EQ(0, HYPERCALL(self->cpu, WRITE_CR0, good[i]));
		EXPECT_EQ(good[i], get_sregs(self->cpu).cr0);
	}
}

TEST_F(pv, bad_values)
{
	static const uint64_t bad[] = {
		0, CR0 & ~PG, CR0 & ~PE, CR0 | NW, CR0 | 1ull << 32, CR0 | 1ull << 63, -1ull,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, HYPERCALL(self->cpu, WRITE_CR0, bad[i]))
			TH_LOG("value %#lx", bad[i]);
		EXPECT_EQ(CR0, get_sregs(self->cpu).cr0);
	}
}

/* Without WP ring 1 may write what is read-only; the switcher's pages it may not. */
TEST_F(pv, write_protection_follows)
{
	struct cpu *c = self->cpu;

	remap(c, KERNEL(GPA_DATA), GPA_DATA | PTE_P);
	c->regs.rdi = KERNEL(GPA_DATA);
	ASSERT_EQ(ENTRY_KERNEL, go_kernel(c, code_poke));
	EXPECT_EQ(14, take(c).vector);
	ASSERT_EQ(0, HYPERCALL(c, WRITE_CR0, CR0 & ~WP));
	c->regs.rdi = KERNEL(GPA_DATA);
	EXPECT_EQ(STOPPED, go_kernel(c, code_poke));
	c->regs.rdi = RING1_SLOT_BASE;
	EXPECT_EQ(ENTRY_KERNEL, go_kernel(c, code_poke));
	EXPECT_EQ(14, take(c).vector);
	ASSERT_EQ(0, HYPERCALL(c, WRITE_CR0, CR0));
	c->regs.rdi = KERNEL(GPA_DATA);
	EXPECT_EQ(ENTRY_KERNEL, go_kernel(c, code_poke));
}

TEST_F(trap, works_before_registration)
{
	EXPECT_EQ(0, HYPERCALL(self->cpu, WRITE_CR0, CR0 | TS));
	EXPECT_EQ(-EINVAL, HYPERCALL(self->cpu, WRITE_CR0, 0));
}

TEST_RING3(WRITE_CR0)

TEST_HARNESS_MAIN
