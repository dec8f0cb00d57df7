// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    load_tr() sets the TSS whose bitmap says which ports ring 3 may use
 * How:      the smallest TSS, ones too small, bases not canonical; ports open and not
 * Catches:  a bitmap of the monitor's own TSS; a limit that is not obeyed
 */
#include "machine.h"

#define TSS_LIMIT	0x67
#define BITMAP		0x66		/* offset of its 16-bit field */
#define OPEN_PORT	0x3f8
#define SHUT_PORT	0x3f9
#define FAR_PORT	0x7f8		/* beyond the limit */

CODE(user_out, "out %al, %dx\n ud2\n");

static enum stop out(struct cpu *c, uint16_t port)
{
	c->regs.rdx = port;
	return go_user(c, user_out);
}

TEST_F(pv, the_bitmap_counts)
{
	struct cpu *c = self->cpu;
	uint8_t *tss = at(self->vm, GPA_DATA);

	*(uint16_t *)(tss + BITMAP) = TSS_LIMIT + 1;
	tss[TSS_LIMIT + 1 + SHUT_PORT / 8] = 1 << SHUT_PORT % 8;
	tss[TSS_LIMIT + 1 + FAR_PORT / 8] = 0;
	ASSERT_EQ(0, HYPERCALL(c, LOAD_TR, KERNEL(GPA_DATA), TSS_LIMIT + 1 + 0x80));

	EXPECT_EQ(OPEN_PORT, (int)out(c, OPEN_PORT));
	/* It stands behind the OUT in ring 3: let it go on to the next event. */
	EXPECT_EQ(ENTRY_USER, resume(c));
	EXPECT_EQ(6, take(c).vector);
	ASSERT_EQ(ENTRY_USER, out(c, SHUT_PORT));
	EXPECT_EQ(13, take(c).vector);
	ASSERT_EQ(ENTRY_USER, out(c, FAR_PORT));
	EXPECT_EQ(13, take(c).vector);
}

TEST_F(pv, no_port_is_open_at_first)
{
	struct cpu *c = self->cpu;

	ASSERT_EQ(0, HYPERCALL(c, LOAD_TR, KERNEL(GPA_TSS), TSS_LIMIT));
	ASSERT_EQ(ENTRY_USER, out(c, OPEN_PORT));
	EXPECT_EQ(13, take(c).vector);
}

TEST_F(pv, bad_arguments)
{
	struct cpu *c = self->cpu;
	static const uint64_t bad[] = { 1ull << 47, 1ull << 63, 0xffff7fffffffffff };
	unsigned int i;

	EXPECT_EQ(-EINVAL, HYPERCALL(c, LOAD_TR, KERNEL(GPA_TSS), 0));
	EXPECT_EQ(-EINVAL, HYPERCALL(c, LOAD_TR, KERNEL(GPA_TSS), TSS_LIMIT - 1));
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, HYPERCALL(c, LOAD_TR, bad[i], TSS_LIMIT));
	EXPECT_TRUE(refuses_high_bits(c, RING1_HC_LOAD_TR, 2, KERNEL(GPA_TSS), TSS_LIMIT));
	EXPECT_EQ(KERNEL(GPA_TSS), get_sregs(c).tr.base);
}

/* It is read by the guest's tables: an address that is not there is a shut port. */
TEST_F(pv, a_tss_that_is_not_there)
{
	static const uint64_t base[] = {
		0, RING1_SLOT_BASE + RING1_PG_DESC * PAGE + RING1_DESC_TSS, -PAGE,
	};
	struct cpu *c = self->cpu;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(base); i++) {
		ASSERT_EQ(0, HYPERCALL(c, LOAD_TR, base[i], 0xffffffff));
		ASSERT_EQ(ENTRY_USER, out(c, OPEN_PORT));
		EXPECT_EQ(13, take(c).vector);
	}
}

TEST_F(trap, works_before_registration)
{
	EXPECT_EQ(0, HYPERCALL(self->cpu, LOAD_TR, KERNEL(GPA_TSS), TSS_LIMIT));
	EXPECT_EQ(-EINVAL, HYPERCALL(self->cpu, LOAD_TR, KERNEL(GPA_TSS), TSS_LIMIT - 1));
}

TEST_RING3(LOAD_TR)

TEST_HARNESS_MAIN
