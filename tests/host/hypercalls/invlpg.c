// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    after invlpg() the vCPU uses the table entry as it is; an address that
 *           cannot be mapped is no error
 * How:      exchanges the page behind an address; addresses not canonical, in slot 256
 * Catches:  stale translations; a flush that trusts the address
 */
#include "machine.h"

#define GVA	KERNEL(GPA_DATA)

TEST_F(pv, the_new_page_is_seen)
{
	uint64_t *data = at(self->vm, GPA_DATA);
	unsigned int i;

	for (i = 0; i < 8; i++)
		data[i * 512] = i;
	for (i = 0; i < 8; i++) {
		remap(self->cpu, GVA, (GPA_DATA + i * PAGE) | PTE_P);
		EXPECT_EQ(i, peek(self->cpu, GVA));
	}
}

TEST_F(pv, any_address_will_do)
{
	static const uint64_t address[] = {
		0, 1, 1ull << 47, 1ull << 63, RING1_SLOT_BASE, RING1_SLOT_BASE + (1ull << 39) - 1,
		USER_BASE + 123, -1ull,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(address); i++)
		EXPECT_EQ(0, HYPERCALL(self->cpu, INVLPG, address[i]));
	EXPECT_EQ(0, peek(self->cpu, GVA));
}

TEST_F(trap, works_before_registration)
{
	EXPECT_EQ(0, HYPERCALL(self->cpu, INVLPG, GVA));
}

TEST_RING3(INVLPG)

TEST_HARNESS_MAIN
