// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    load_gs() loads what ring 3 may load; the base is the user's, GS base stays
 *           the kernel's; else GS is null and -EINVAL
 * How:      every selector of 16 bits, and more
 * Catches:  a selector that faults in the switcher on the way in
 */
#include "machine.h"

#define DATA(base)	(0x00cff3000000ffffull | (uint64_t)(base) << 16)

static bool loadable(unsigned int selector)
{
	switch (selector & ~3) {
	case 0:
	case USER32_CS & ~3:
	case USER_DS & ~3:
	case USER_CS & ~3:
	case RING1_GDT_TLS * 8:
		return true;
	}
	return false;
}

CODE(read_gs, "mov %gs, %eax\n rdgsbase %rbx\n" STOP);

TEST_F_TIMEOUT(pv, selectors, 120)
{
	struct cpu *c = self->cpu;
	unsigned int selector;

	ASSERT_EQ(0, HYPERCALL(c, SET_TLS, DATA(0x1234), 0, 0));
	for (selector = 0; selector < 0x10000; selector += selector < 0x200 ? 1 : 0x3fb) {
		bool ok = loadable(selector);

		c->page->user_gs = 1;
		ASSERT_EQ(ok ? 0 : -EINVAL, HYPERCALL(c, LOAD_GS, selector))
			TH_LOG("selector %#x", selector);
		ASSERT_EQ((selector & ~3) == RING1_GDT_TLS * 8 ? 0x1234 : 0, c->page->user_gs);
		ASSERT_EQ(STOPPED, go_kernel(c, read_gs));
		ASSERT_EQ(ok ? selector : 0, c->regs.rax & 0xffff)
			TH_LOG("selector %#x", selector);
		ASSERT_EQ(KERNEL(c->page_gpa), c->regs.rbx);
	}
	EXPECT_EQ(-EINVAL, HYPERCALL(c, LOAD_GS, 0x10000 | USER_DS));
	EXPECT_EQ(-EINVAL, HYPERCALL(c, LOAD_GS, 0xffffffff));
	EXPECT_TRUE(refuses_high_bits(c, RING1_HC_LOAD_GS, 1, USER_DS, 0));
}

CODE(user_gs, "mov %gs, %eax\n rdgsbase %rbx\n ud2\n");

TEST_F(pv, the_user_has_it)
{
	struct cpu *c = self->cpu;

	ASSERT_EQ(0, HYPERCALL(c, SET_TLS, DATA(0x1234), 0, 0));
	ASSERT_EQ(0, HYPERCALL(c, LOAD_GS, RING1_GDT_TLS * 8 + 3));
	ASSERT_EQ(ENTRY_USER, go_user(c, user_gs));
	EXPECT_EQ(RING1_GDT_TLS * 8 + 3, c->regs.rax);
	EXPECT_EQ(0x1234, c->regs.rbx);
}

TEST_F(trap, base_is_in_the_msr)
{
	struct cpu *c = self->cpu;
	uint64_t base;

	ASSERT_EQ(0, HYPERCALL(c, SET_TLS, DATA(0x1234), 0, 0));
	ASSERT_EQ(0, HYPERCALL(c, LOAD_GS, RING1_GDT_TLS * 8 + 3));
	ASSERT_EQ(1, get_msr(c, 0xc0000102, &base));
	EXPECT_EQ(0x1234, base);
	EXPECT_EQ(KERNEL(c->page_gpa), get_sregs(c).gs.base);
}

/* Where its selector is loaded again, on the way in, there is nothing to load. */
TEST_F(pv, descriptor_taken_away)
{
	struct cpu *c = self->cpu;

	ASSERT_EQ(0, HYPERCALL(c, SET_TLS, DATA(0x1234), 0, 0));
	ASSERT_EQ(0, HYPERCALL(c, LOAD_GS, RING1_GDT_TLS * 8 + 3));
	ASSERT_EQ(0, HYPERCALL(c, SET_TLS, 0, 0, 0));
	ASSERT_EQ(STOPPED, go_kernel(c, read_gs));
	EXPECT_EQ(0, c->regs.rax);
	EXPECT_EQ(KERNEL(c->page_gpa), c->regs.rbx);
}

TEST_RING3(LOAD_GS)

TEST_HARNESS_MAIN
