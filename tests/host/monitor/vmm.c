// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    what a VMM says by KVM's ioctls, or does to its own process meanwhile, harms its
 *           guest at most
 * How:      values that a processor would refuse, and an LDT that another thread loads
 *           while the guest runs; the guest then goes on, and looks for the LDT; a reset by
 *           registers; segments got and put back
 * Catches:  a callback that KVM calls without a test; a value that faults in the switcher;
 *           state of the host's that an interrupt loads under a guest; an event that goes to a
 *           kernel that is gone
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

CODE(user_count, "inc %ebx\n syscall\n");

/* QEMU takes the CPL from SS, and puts back what it got. */
TEST_F(pv, segments_of_the_kernel)
{
	struct cpu *c = self->cpu;
	struct kvm_sregs sregs, again;
	int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(ENTRY_SYSCALL64, go_user(c, user_count));
		sregs = get_sregs(c);
		EXPECT_EQ(KERNEL_CS, sregs.cs.selector);
		EXPECT_EQ(0, sregs.cs.dpl);
		EXPECT_EQ(KERNEL_DS, sregs.ss.selector);
		EXPECT_EQ(0, sregs.ss.dpl);
		IOCTL(c->fd, KVM_SET_SREGS, &sregs);
		again = get_sregs(c);
		EXPECT_EQ(0, memcmp(&sregs, &again, sizeof(sregs)));
		c->regs.rsp = kernel_stack(c);
		EXPECT_EQ(STOPPED, go_kernel(c, code_stop));
		EXPECT_EQ(RING1_ABI_VERSION, HYPERCALL(c, ABI_VERSION));
	}
}

/* A user that takes no exit on its way has its own. */
TEST_F(pv, segments_of_the_user)
{
	struct cpu *c = self->cpu;
	struct kvm_guest_debug debug = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP,
		.arch.debugreg[0] = user_code(user_count) + 2, .arch.debugreg[7] = 0x401,
	};
	struct kvm_sregs sregs;

	c->regs.rbx = 0;
	IOCTL(c->fd, KVM_SET_GUEST_DEBUG, &debug);
	ASSERT_EQ(KVM(DEBUG), (int)go_user(c, user_count));
	sregs = get_sregs(c);
	EXPECT_EQ(USER_CS, sregs.cs.selector);
	EXPECT_EQ(USER_DS, sregs.ss.selector);
	EXPECT_EQ(3, sregs.ss.dpl);
	IOCTL(c->fd, KVM_SET_SREGS, &sregs);
	debug.control = 0;
	IOCTL(c->fd, KVM_SET_GUEST_DEBUG, &debug);
	EXPECT_EQ(ENTRY_SYSCALL64, resume(c));
	EXPECT_EQ(1, c->regs.rbx);
}

/* What QEMU has for a reset. An interrupt waits, and finds the reset processor. */
TEST_F(pv, reset_by_registers)
{
	static const char code[] = { 0xb0, 7, 0xe6, 0xd0 };	/* mov $7, %al; out */
	struct kvm_segment data = { .limit = 0xffff, .type = 3, .present = 1, .s = 1 };
	struct cpu *c = self->cpu;
	struct kvm_sregs sregs = get_sregs(c), before = sregs;
	struct ring1_vcpu_page page;

	ASSERT_EQ(STOPPED, go_kernel(c, code_stop));
	c->regs.rflags |= FLAG_IF;
	IOCTL(c->fd, KVM_SET_REGS, &c->regs);
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cs = data;
	sregs.cs.type = 11;
	sregs.idt.base = 0;
	sregs.idt.limit = 0x3ff;
	sregs.cr0 = 0x10;
	sregs.cr3 = sregs.cr4 = sregs.efer = 0;
	IOCTL(c->fd, KVM_SET_SREGS, &sregs);
	page = *c->page;
	*(uint32_t *)at(self->vm, 4 * 0x41) = 0x5000;
	memcpy(at(self->vm, 0x5000), code, sizeof(code));
	memcpy(at(self->vm, 0x6000), code, sizeof(code));
	interrupt(c, 0x41);
	c->regs.rsp = 0x4000;
	c->regs.rax = 0;
	c->regs.rflags = FLAG_FIXED | FLAG_IF;
	ASSERT_EQ(STOPPED, go(c, 0x6000));
	EXPECT_EQ(7, c->regs.rax & 0xff);
	EXPECT_EQ(0x5004, c->regs.rip);
	EXPECT_EQ(0x3ffa, c->regs.rsp);
	/* The page is the next kernel's memory. */
	EXPECT_EQ(0, memcmp(&page, c->page, sizeof(page)));
	EXPECT_EQ(0, c->regs.rflags & FLAG_IF);

	/* The next kernel registers as any. */
	IOCTL(c->fd, KVM_SET_SREGS, &before);
	c->regs.rflags = FLAG_FIXED;
	EXPECT_EQ(-ENOENT, HYPERCALL(c, VCPU_UNREGISTER));
	pv_start(c);
	EXPECT_EQ(RING1_ABI_VERSION, HYPERCALL(c, ABI_VERSION));
}

/* As many as KVM says, be it in one process. */
TEST_F(trap, as_many_vcpus_as_promised)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm, n = 2, fd = 0, most;

	most = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	ASSERT_LE(1024, most);
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	ASSERT_LE(0, vm);
	/* More than slot 256's first table has room for; for all, the host has no memory. */
	while (n < 600 && fd >= 0)
		fd = ioctl(vm, KVM_CREATE_VCPU, n++);
	EXPECT_LE(0, fd) TH_LOG("%d: %s", n, strerror(errno));
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
