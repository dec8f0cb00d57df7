// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    set_dr() arms breakpoints that fire in ring 1 and ring 3; on the switcher's
 *           addresses they stay unarmed; -EINVAL stands for #GP
 * How:      a breakpoint on data and on code in both rings; on every page of slot 256,
 *           with exits and bounces going on
 * Catches:  #DB in the switcher; DR7 left armed for the host
 */
#include "machine.h"

#define DR7_FIXED	0x400ull
#define ENABLE(n)	(1ull << (2 * (n)))
#define EXECUTE(n)	0ull
#define WRITE_8(n)	(9ull << (16 + 4 * (n)))
#define ACCESS_8(n)	(11ull << (16 + 4 * (n)))
#define DR6_FIXED	0xffff0ff0ull

static void set_dr(struct cpu *c, int index, uint64_t value)
{
	if (HYPERCALL(c, SET_DR, index, value))
		die("set_dr(%d, %#llx)", index, (long long)value);
}

TEST_F(pv, data_in_ring1)
{
	struct cpu *c = self->cpu;

	set_dr(c, 1, KERNEL(GPA_DATA));
	set_dr(c, 7, DR7_FIXED | ENABLE(1) | WRITE_8(1));
	EXPECT_EQ(0, peek(c, KERNEL(GPA_DATA)));
	c->regs.rdi = KERNEL(GPA_DATA);
	ASSERT_EQ(ENTRY_DB, go_kernel(c, code_poke));
	EXPECT_EQ(DR6_FIXED | 2, take_frame(c, RING1_EVENT_DB).payload);
	ASSERT_EQ(0, HYPERCALL(c, GET_DR, 6));
	EXPECT_EQ(DR6_FIXED | 2, c->regs.rdi);
	set_dr(c, 7, DR7_FIXED);
	c->regs.rdi = KERNEL(GPA_DATA);
	EXPECT_EQ(STOPPED, go_kernel(c, code_poke));
}

TEST_F(pv, code_in_ring3)
{
	struct cpu *c = self->cpu;
	struct ring1_frame frame;

	set_dr(c, 0, user_code(code_user_ud2));
	set_dr(c, 7, DR7_FIXED | ENABLE(0) | EXECUTE(0));
	ASSERT_EQ(ENTRY_USER, go_user(c, code_user_ud2));
	frame = take(c);
	EXPECT_EQ(1, frame.vector);
	EXPECT_EQ(user_code(code_user_ud2), frame.ip);
	EXPECT_EQ(DR6_FIXED | 1, frame.payload);
	/* RF: past it. */
	ASSERT_EQ(ENTRY_USER, go_iret(c, user_code(code_user_ud2), USER_CS,
				      FLAG_FIXED | FLAG_IF | FLAG_RF, user_stack(c), USER_DS));
	EXPECT_EQ(6, take(c).vector);
}

TEST_F(pv, not_in_the_switcher)
{
	struct cpu *c = self->cpu;
	unsigned int page, offset;

	for (page = 0; page < RING1_NR_PAGES; page++)
		for (offset = 0; offset < 4; offset++) {
			uint64_t addr = RING1_SLOT_BASE + page * PAGE;

			/* where its data begins, and where stacks do */
			set_dr(c, 0, addr);
			set_dr(c, 1, addr + PAGE - 8 * (offset + 1));
			set_dr(c, 2, addr + 8 * offset);
			set_dr(c, 3, RING1_SLOT_BASE - 4);
			set_dr(c, 7, DR7_FIXED | ENABLE(0) | ENABLE(1) | ENABLE(2) | ENABLE(3) |
			       ACCESS_8(0) | ACCESS_8(1) | ACCESS_8(2) | ACCESS_8(3));
			ASSERT_EQ(RING1_ABI_VERSION, HYPERCALL(c, ABI_VERSION));
			ASSERT_EQ(ENTRY_USER, go_user(c, code_user_ud2));
			EXPECT_EQ(6, take(c).vector);
			ASSERT_EQ(ENTRY_SYSCALL64, go_user(c, code_user_syscall));
			set_dr(c, 7, DR7_FIXED);
		}
	ASSERT_EQ(0, HYPERCALL(c, GET_DR, 6));
	EXPECT_EQ(DR6_FIXED, c->regs.rdi);
}

TEST_F(pv, nor_on_its_entry_points)
{
	struct cpu *c = self->cpu;
	unsigned int i;

	for (i = 0; i < RING1_NR_TEXT_PAGES * PAGE / 4; i++) {
		set_dr(c, i & 3, RING1_SLOT_BASE + i * 4);
		if ((i & 3) != 3)
			continue;
		set_dr(c, 7, DR7_FIXED | ENABLE(0) | ENABLE(1) | ENABLE(2) | ENABLE(3));
		ASSERT_EQ(ENTRY_USER, go_user(c, code_user_ud2));
		EXPECT_EQ(6, take(c).vector);
	}
}

TEST_F(pv, bad_arguments)
{
	struct cpu *c = self->cpu;

	EXPECT_EQ(-EINVAL, HYPERCALL(c, SET_DR, 8, 0));
	EXPECT_EQ(-EINVAL, HYPERCALL(c, SET_DR, 0xffffffff, 0));
	EXPECT_EQ(-EINVAL, HYPERCALL(c, SET_DR, 6, 1ull << 32));
	EXPECT_EQ(-EINVAL, HYPERCALL(c, SET_DR, 7, 1ull << 32));
	EXPECT_EQ(-EINVAL, HYPERCALL(c, SET_DR, 7, -1ull));
	EXPECT_TRUE(refuses_high_bits(c, RING1_HC_SET_DR, 1, 0, 0));
	EXPECT_EQ(0, HYPERCALL(c, SET_DR, 0, -1ull));
}

TEST_F(trap, works_before_registration)
{
	EXPECT_EQ(0, HYPERCALL(self->cpu, SET_DR, 0, KERNEL(0)));
	EXPECT_EQ(-EINVAL, HYPERCALL(self->cpu, SET_DR, 7, 1ull << 40));
}

TEST_RING3(SET_DR)

TEST_HARNESS_MAIN
