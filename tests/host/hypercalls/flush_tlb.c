// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    after flush_tlb() the vCPU uses the tables as they are, global pages too
 * How:      exchanges the page behind an address, grants and takes permissions
 * Catches:  a shadow table or private root that lags behind; stale translations
 */
#include "machine.h"

#define GVA	KERNEL(GPA_DATA)
#define PTE	gpa_of(self->vm, pte(self->vm, GVA))

TEST_F(pv, the_new_page_is_seen)
{
	static const uint64_t flags[] = { PTE_P, PTE_P | PTE_W, PTE_P | PTE_G };
	uint64_t *data = at(self->vm, GPA_DATA);
	unsigned int i, j;

	for (i = 0; i < 8; i++)
		data[i * 512] = i;
	for (j = 0; j < ARRAY_SIZE(flags); j++)
		for (i = 0; i < 8; i++) {
			poke(self->cpu, PTE, (GPA_DATA + i * PAGE) | flags[j]);
			ASSERT_EQ(0, HYPERCALL(self->cpu, FLUSH_TLB));
			EXPECT_EQ(i, peek(self->cpu, GVA));
		}
}

TEST_F(pv, permissions_and_absence_are_seen)
{
	struct cpu *c = self->cpu;

	poke(c, PTE, 0);
	ASSERT_EQ(0, HYPERCALL(c, FLUSH_TLB));
	c->regs.rdi = GVA;
	EXPECT_EQ(ENTRY_KERNEL, go_kernel(c, code_peek));
	EXPECT_EQ(0, take(c).error);
	poke(c, PTE, GPA_DATA | PTE_P);
	ASSERT_EQ(0, HYPERCALL(c, FLUSH_TLB));
	EXPECT_EQ(0, peek(c, GVA));
	c->regs.rdi = GVA;
	EXPECT_EQ(ENTRY_KERNEL, go_kernel(c, code_poke));
	EXPECT_EQ(3, take(c).error);
}

/* A whole quarter of the address space comes and goes. */
TEST_F(pv, top_level_entries_are_seen)
{
	uint64_t *root = at(self->vm, GPA_TABLES), index = USER_BASE >> 39 & 511;
	uint64_t entry = root[index];
	struct cpu *c = self->cpu;

	ASSERT_EQ(ENTRY_USER, go_user(c, code_user_ud2));
	EXPECT_EQ(6, take(c).vector);
	poke(c, GPA_TABLES + index * 8, 0);
	ASSERT_EQ(0, HYPERCALL(c, FLUSH_TLB));
	ASSERT_EQ(ENTRY_USER, go_user(c, code_user_ud2));
	EXPECT_EQ(14, take(c).vector);
	poke(c, GPA_TABLES + index * 8, entry);
	ASSERT_EQ(0, HYPERCALL(c, FLUSH_TLB));
	ASSERT_EQ(ENTRY_USER, go_user(c, code_user_ud2));
	EXPECT_EQ(6, take(c).vector);
}

TEST_F(trap, works_before_registration)
{
	EXPECT_EQ(0, HYPERCALL(self->cpu, FLUSH_TLB));
}

TEST_RING3(FLUSH_TLB)

TEST_HARNESS_MAIN
