// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    halt(1) enables interrupts and waits with nothing in between; halt(0) leaves
 *           the flag; whoever sends an event ends the wait
 * How:      interrupts before and during the wait, an NMI into a wait with vif 0
 * Catches:  a wake-up lost between the two steps; a wait that ends by itself
 */
#include <signal.h>
#include <sys/time.h>

#include "machine.h"

#define VECTOR	0x41

static enum stop halt(struct cpu *c, uint64_t enable)
{
	fill_registers(&c->regs, enable);
	c->regs.rax = RING1_HC_HALT;
	c->regs.rdi = enable;
	c->regs.rflags &= ~FLAG_IF;
	return go_kernel(c, code_hypercall);
}

static void on_alarm(int signal)
{
	(void)signal;
}

/*
 * KVM_RUN ends with EINTR: there is nothing else that could end a wait. A signal may come
 * before the guest has got as far, so on until it waits.
 */
static enum stop halt_until_alarm(struct cpu *c, int vif)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval timer = { .it_interval.tv_usec = 100000, .it_value.tv_usec = 100000 };
	struct kvm_mp_state state;
	enum stop stop;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	for (stop = halt(c, vif); stop == INTERRUPTED; stop = resume(c)) {
		IOCTL(c->fd, KVM_GET_MP_STATE, &state);
		if (state.mp_state == KVM_MP_STATE_HALTED)
			break;
	}
	return stop;
}

TEST_F(pv, an_interrupt_that_waits_ends_it_at_once)
{
	struct cpu *c = self->cpu;
	struct ring1_frame frame;

	interrupt(c, VECTOR);
	ASSERT_EQ(ENTRY_KERNEL, halt(c, 1));
	frame = take(c);
	EXPECT_EQ(VECTOR, frame.vector);
	EXPECT_EQ(FLAG_IF, frame.flags & FLAG_IF);
	EXPECT_EQ(kernel_code(code_hypercall) + 2, frame.ip);
	EXPECT_EQ(0, c->regs.rax);
}

TEST_F(pv, an_interrupt_that_comes_later_ends_it)
{
	struct cpu *c = self->cpu;

	ASSERT_EQ(INTERRUPTED, halt_until_alarm(c, 1));
	ASSERT_EQ(INTERRUPTED, resume(c));
	interrupt(c, VECTOR);
	ASSERT_EQ(ENTRY_KERNEL, resume(c));
	EXPECT_EQ(VECTOR, take(c).vector);
}

TEST_F(pv, with_vif_0_only_an_nmi_ends_it)
{
	struct cpu *c = self->cpu;

	interrupt(c, VECTOR);
	ASSERT_EQ(INTERRUPTED, halt_until_alarm(c, 0));
	ASSERT_EQ(INTERRUPTED, resume(c));
	IOCTL(c->fd, KVM_NMI);
	ASSERT_EQ(ENTRY_NMI, resume(c));
	EXPECT_EQ(2, take_frame(c, RING1_EVENT_NMI).vector);
}

TEST_F(pv, bad_arguments)
{
	EXPECT_EQ(-EINVAL, HYPERCALL(self->cpu, HALT, 2));
	EXPECT_EQ(-EINVAL, HYPERCALL(self->cpu, HALT, 0xffffffff));
	EXPECT_TRUE(refuses_high_bits(self->cpu, RING1_HC_HALT, 1, 1, 0));
	EXPECT_EQ(0, self->cpu->page->vif);
}

TEST(without_an_apic_the_vmm_waits)
{
	struct vm *vm = new_vm(false);
	struct cpu *c = &vm->cpu[0];

	pv_start(c);
	ASSERT_EQ(KVM(HLT), halt(c, 1));
	EXPECT_EQ(0, c->regs.rax);
	EXPECT_EQ(FLAG_IF, c->page->vif);
	EXPECT_EQ(STOPPED, resume(c));
}

TEST_F(trap, works_before_registration)
{
	interrupt(self->cpu, VECTOR);
	EXPECT_EQ(GATE(VECTOR), halt(self->cpu, 1));
}

TEST_RING3(HALT)

TEST_HARNESS_MAIN
