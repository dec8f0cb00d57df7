// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    set_tls() writes the three TLS descriptors, all or none, with the same rules
 *           as set_gdt_entry()
 * How:      good ones; each kind of bad one in each of the three places
 * Catches:  the first one written before the third is refused
 */
#include "machine.h"

#define GOOD	0x00cff3000000ffffull
#define TLS(n)	(RING1_SLOT_BASE + RING1_PG_DESC * PAGE + RING1_DESC_GDT + \
		 (RING1_GDT_TLS + (n)) * 8)

static const uint64_t bad[] = {
	0x00cffb000000ffff,	/* code */
	0x00affb000000ffff,	/* 64-bit code */
	0x00cf93000000ffff,	/* data of ring 0 */
	0x00cfb3000000ffff,	/* of ring 1 */
	0x00cfd3000000ffff,	/* of ring 2 */
	0x008ff3000000ffff,	/* 16-bit */
	0x00eff3000000ffff,	/* L */
	0x00cf73000000ffff,	/* not present */
	0x0000ec000010ffff,	/* call gate */
	0x0000ee000010ffff,	/* interrupt gate */
	0x0000e9000000ffff,	/* TSS */
	0x0000e2000000ffff,	/* LDT */
	1,
};

TEST_F(pv, all_or_none)
{
	struct cpu *c = self->cpu;
	uint64_t tls[3];
	unsigned int i, j;

	ASSERT_EQ(0, HYPERCALL(c, SET_TLS, GOOD, 0, GOOD | 1 << 16));
	for (i = 0; i < ARRAY_SIZE(bad) * 3; i++) {
		for (j = 0; j < 3; j++)
			tls[j] = i % 3 == j ? bad[i / 3] : GOOD | 2 << 16;
		EXPECT_EQ(-EINVAL, HYPERCALL(c, SET_TLS, tls[0], tls[1], tls[2]))
			TH_LOG("descriptor %#lx in place %d", bad[i / 3], i % 3);
	}
	EXPECT_EQ(GOOD, peek(c, TLS(0)));
	EXPECT_EQ(0, peek(c, TLS(1)));
	EXPECT_EQ(GOOD | 1 << 16, peek(c, TLS(2)));
	EXPECT_EQ(0, HYPERCALL(c, SET_TLS, 0, 0, 0));
	EXPECT_EQ(0, peek(c, TLS(0)));
	EXPECT_EQ(0, peek(c, TLS(2)));
}

TEST_F(trap, works_before_registration)
{
	EXPECT_EQ(0, HYPERCALL(self->cpu, SET_TLS, GOOD, GOOD, GOOD));
	EXPECT_EQ(-EINVAL, HYPERCALL(self->cpu, SET_TLS, GOOD, GOOD, bad[0]));
}

TEST_RING3(SET_TLS)

TEST_HARNESS_MAIN
