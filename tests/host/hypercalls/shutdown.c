// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    shutdown() tells the VMM why, and returns 0 if the VMM goes on
 * How:      each reason, and numbers that are none
 * Catches:  a reset taken for a crash; a guest that cannot be resumed
 */
#include "machine.h"

static enum stop shut_down(struct cpu *c, uint64_t reason)
{
	fill_registers(&c->regs, 1);
	c->regs.rax = RING1_HC_SHUTDOWN;
	c->regs.rdi = reason;
	return go_kernel(c, code_hypercall);
}

#define TELLS(reason, event) do {						\
	ASSERT_EQ(KVM(SYSTEM_EVENT), shut_down(self->cpu, RING1_SHUTDOWN_##reason));	\
	EXPECT_EQ(KVM_SYSTEM_EVENT_##event, self->cpu->run->system_event.type);	\
	EXPECT_EQ(STOPPED, resume(self->cpu));					\
	EXPECT_EQ(0, self->cpu->regs.rax);					\
} while (0)

TEST_F(pv, reasons)
{
	TELLS(POWEROFF, SHUTDOWN);
	TELLS(RESET, RESET);
	TELLS(CRASH, CRASH);
}

TEST_F(trap, reasons_before_registration)
{
	TELLS(CRASH, CRASH);
}

TEST_F(pv, no_reasons)
{
	EXPECT_EQ(-EINVAL, HYPERCALL(self->cpu, SHUTDOWN, 3));
	EXPECT_EQ(-EINVAL, HYPERCALL(self->cpu, SHUTDOWN, 0xffffffff));
	EXPECT_TRUE(refuses_high_bits(self->cpu, RING1_HC_SHUTDOWN, 1, 0, 0));
}

TEST_RING3(SHUTDOWN)

TEST_HARNESS_MAIN
