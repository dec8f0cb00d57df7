// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    what a VMM says by KVM's ioctls, or does to its own process meanwhile, harms its
 *           guest at most
 * How:      values that a processor would refuse, and an LDT that another thread loads
 *           while the guest runs; the guest then goes on, and looks for the LDT
 * Catches:  a callback that KVM calls without a test; a value that faults in the switcher;
 *           state of the host's that an interrupt loads under a guest
 * Beyond:   a reboot of the host, PEBS: build/unit/run
 */
#include <asm/ldt.h>
#include <pthread.h>
#include <sys/syscall.h>

#include "machine.h"

#define NOT_CANONICAL	(1ull << 63)
#define LDT_LOADS	200
#define LDT_SELECTOR	0x7		/* its first entry, RPL 3 */

/* KVM leaves nested guests then, of which there are none. */
TEST_F(pv, system_management_mode)
{
	struct kvm_vcpu_events events;

	IOCTL(self->cpu->fd, KVM_GET_VCPU_EVENTS, &events);
	events.flags = KVM_VCPUEVENT_VALID_SMM;
	events.smi.smm = 1;
	ioctl(self->cpu->fd, KVM_SET_VCPU_EVENTS, &events);
	events.smi.smm = 0;
	ioctl(self->cpu->fd, KVM_SET_VCPU_EVENTS, &events);
	EXPECT_EQ(STOPPED, go_kernel(self->cpu, code_stop));
}

TEST_F(pv, segment_bases_that_are_not_canonical)
{
	struct kvm_sregs sregs = get_sregs(self->cpu);

	sregs.fs.base = NOT_CANONICAL;
	sregs.gs.base = NOT_CANONICAL;
	IOCTL(self->cpu->fd, KVM_SET_SREGS, &sregs);
	/* QEMU's WRGSBASE takes them; a processor's faults. */
	sregs = get_sregs(self->cpu);
	EXPECT_EQ(0, sregs.fs.base);
	EXPECT_EQ(0, sregs.gs.base);
	EXPECT_EQ(STOPPED, go_kernel(self->cpu, code_stop));
}

/* Armed, with bits in the upper half and with GD. */
TEST_F(pv, bits_of_dr7_that_there_are_not)
{
	static const uint64_t dr7[] = { 1ull << 32, 1ull << 63, ~0ull << 32, 1 << 13 };
	struct kvm_guest_debug debug = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP,
	};
	unsigned int i;

	debug.arch.debugreg[0] = KERNEL(GPA_DATA);
	for (i = 0; i < ARRAY_SIZE(dr7); i++) {
		debug.arch.debugreg[7] = 0x401 | dr7[i];
		IOCTL(self->cpu->fd, KVM_SET_GUEST_DEBUG, &debug);
		EXPECT_EQ(STOPPED, go_kernel(self->cpu, code_stop))
			TH_LOG("DR7 %#lx", debug.arch.debugreg[7]);
	}
}

/* RBX counts the times that there is a descriptor, until the word at RDI is not 0. */
CODE(look_for_ldt, "1: lar %ecx, %eax\n jnz 2f\n inc %ebx\n"
		   "2: cmpl $0, (%rdi)\n je 1b\n" STOP);

static void *load_ldts(void *word)
{
	struct user_desc d = { .limit = 0xfff, .seg_32bit = 1, .useable = 1 };
	unsigned int i;

	for (i = 0; i < LDT_LOADS; i++)
		if (syscall(SYS_modify_ldt, 1, &d, sizeof(d)))
			die("modify_ldt");
	*(volatile uint32_t *)word = 1;
	return NULL;
}

TEST_F(pv, ldt_of_another_thread)
{
	struct cpu *c = self->cpu;
	pthread_t thread;

	c->regs.rbx = 0;
	c->regs.rcx = LDT_SELECTOR;
	c->regs.rdi = KERNEL(GPA_DATA);
	ASSERT_EQ(0, pthread_create(&thread, NULL, load_ldts, at(self->vm, GPA_DATA)));
	EXPECT_EQ(STOPPED, go_kernel(c, look_for_ldt))
		TH_LOG("vector %u, error code %#x, at %#llx", c->page->frame[0].vector,
		       c->page->frame[0].error, c->page->frame[0].payload);
	EXPECT_EQ(0, c->regs.rbx);
	EXPECT_EQ(0, pthread_join(thread, NULL));
}

TEST_HARNESS_MAIN
