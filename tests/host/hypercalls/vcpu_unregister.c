// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    vcpu_unregister() brings the vCPU back to its IDT, with its interrupt flag
 *           and GS bases
 * How:      #UD before, while and after it is registered
 * Catches:  events into a page that is the guest's memory again; a lost GS base
 */
#include "machine.h"

CODE(ring1_ud2, "ud2\n");

TEST_F(trap, nothing_to_unregister)
{
	EXPECT_EQ(-ENOENT, HYPERCALL(self->cpu, VCPU_UNREGISTER));
}

TEST_F(pv, events_come_through_the_idt_again)
{
	struct cpu *c = self->cpu;
	uint64_t base;

	ASSERT_EQ(ENTRY_KERNEL, go_kernel(c, ring1_ud2));
	EXPECT_EQ(6, take(c).vector);

	c->page->user_gs = USER(0x1234);
	c->regs.rflags |= FLAG_IF;
	ASSERT_EQ(0, HYPERCALL(c, VCPU_UNREGISTER));
	EXPECT_NE(0, c->regs.rflags & FLAG_IF);
	EXPECT_EQ(KERNEL(c->page_gpa), get_sregs(c).gs.base);
	ASSERT_EQ(1, get_msr(c, 0xc0000102, &base));
	EXPECT_EQ(USER(0x1234), base);
	EXPECT_EQ(-ENOENT, HYPERCALL(c, VCPU_UNREGISTER));

	memset(c->page, 0xee, sizeof(*c->page));
	ASSERT_EQ(GATE(6), go_kernel(c, ring1_ud2));
	EXPECT_EQ(0xee, *(uint8_t *)c->page);
	EXPECT_EQ(0xeeeeeeeeeeeeeeee, c->page->frame[RING1_EVENT_NORMAL].ip);

	pv_start(c);
	c->page->frame[RING1_EVENT_NORMAL].busy = 0;
	ASSERT_EQ(ENTRY_KERNEL, go_kernel(c, ring1_ud2));
}

TEST_RING3(VCPU_UNREGISTER)

TEST_HARNESS_MAIN
