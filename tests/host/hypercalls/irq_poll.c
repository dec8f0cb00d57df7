// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    an interrupt that comes while vif is 0 waits, pending says so, and irq_poll()
 *           takes it once vif is set
 * How:      KVM_SIGNAL_MSI at a guest that polls in the right and the wrong order
 * Catches:  interrupts lost, taken with vif 0, or taken twice
 */
#include "machine.h"

#define VECTOR	0x41

/* From here it cannot be seen: at an exit the monitor takes its word back. */
CODE(read_pending, "mov %gs:4, %eax\n" STOP);

TEST_F(pv, an_interrupt_waits_for_vif)
{
	struct cpu *c = self->cpu;
	struct ring1_frame frame;

	c->regs.rflags &= ~FLAG_IF;
	interrupt(c, VECTOR);
	ASSERT_EQ(STOPPED, go_kernel(c, read_pending));
	EXPECT_EQ(1, c->regs.rax);
	EXPECT_EQ(0, HYPERCALL(c, IRQ_POLL));

	c->page->vif = FLAG_IF;
	fill_registers(&c->regs, 1);
	c->regs.rax = RING1_HC_IRQ_POLL;
	c->regs.rflags |= FLAG_IF;
	ASSERT_EQ(ENTRY_KERNEL, go_kernel(c, code_hypercall));
	frame = take(c);
	EXPECT_EQ(VECTOR, frame.vector);
	EXPECT_EQ(KERNEL(0) >> 32, frame.ip >> 32);
	EXPECT_EQ(KERNEL_CS, frame.cs);
	EXPECT_EQ(KERNEL_DS, frame.ss);
	EXPECT_EQ(FLAG_IF, frame.flags & FLAG_IF);
	EXPECT_EQ(0, c->page->vif);

	/* It does not come again. */
	c->regs.rflags |= FLAG_IF;
	EXPECT_EQ(0, HYPERCALL(c, IRQ_POLL));
	ASSERT_EQ(STOPPED, go_kernel(c, read_pending));
	EXPECT_EQ(0, c->regs.rax);
}

/* A guest kernel sets vif by a store, which the monitor does not see: it must ask. */
CODE(enable_and_poll,
	"movl $0x200, %gs:0\n"
	"cmpl $0, %gs:4\n"
	"je 1f\n"
	"mov $4, %eax\n"
	"syscall\n"
	"1:" STOP);

TEST_F(pv, by_a_store_and_a_poll)
{
	struct cpu *c = self->cpu;

	c->regs.rflags &= ~FLAG_IF;
	ASSERT_EQ(STOPPED, go_kernel(c, code_stop));
	interrupt(c, VECTOR);
	ASSERT_EQ(STOPPED, go_kernel(c, code_stop));
	ASSERT_EQ(ENTRY_KERNEL, go_kernel(c, enable_and_poll));
	EXPECT_EQ(VECTOR, take(c).vector);
}

TEST_F(pv, ring3_has_them_at_once)
{
	struct cpu *c = self->cpu;
	struct ring1_frame frame;

	c->regs.rflags &= ~FLAG_IF;
	interrupt(c, VECTOR);
	ASSERT_EQ(STOPPED, go_kernel(c, code_stop));
	ASSERT_EQ(ENTRY_USER, go_user(c, code_user_ud2));
	frame = take(c);
	/* By IRETQ the user is reached without an exit: the next one delivers. */
	if (frame.vector == 6) {
		ASSERT_EQ(STOPPED, go_kernel(c, code_stop));
		c->regs.rflags |= FLAG_IF;
		ASSERT_EQ(ENTRY_KERNEL, go_kernel(c, code_stop));
		frame = take(c);
	}
	EXPECT_EQ(VECTOR, frame.vector);
}

TEST_F(pv, nothing_waits)
{
	EXPECT_EQ(0, HYPERCALL(self->cpu, IRQ_POLL));
}

TEST_F(trap, works_before_registration)
{
	EXPECT_EQ(0, HYPERCALL(self->cpu, IRQ_POLL));
}

TEST_RING3(IRQ_POLL)

TEST_HARNESS_MAIN
