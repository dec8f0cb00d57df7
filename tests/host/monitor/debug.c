// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    a VMM can debug a PV guest: single steps, breakpoints in code and in debug
 *           registers come to it; what the guest does meanwhile goes on as without it
 * How:      KVM_SET_GUEST_DEBUG over instructions, hypercalls, system calls of each kind
 *           and exceptions of ring 3
 * Catches:  a system call that gets lost because it does not bounce while debugged
 */
#include "machine.h"

static void set_debug(struct cpu *c, uint32_t control, uint64_t dr0)
{
	struct kvm_guest_debug debug = { .control = control };

	if (control)
		debug.control |= KVM_GUESTDBG_ENABLE;
	debug.arch.debugreg[0] = dr0;
	debug.arch.debugreg[7] = dr0 ? 0x401 : 0x400;
	IOCTL(c->fd, KVM_SET_GUEST_DEBUG, &debug);
}

CODE(steps, "nop\n mov $1, %ebx\n syscall\n nop\n" STOP);
CODE(user_steps, "nop\n mov $1, %ebx\n syscall\n");

#define STEPS_TO(address) do {							\
	ASSERT_EQ(KVM(DEBUG), stop);						\
	EXPECT_EQ(address, c->run->debug.arch.pc);				\
	EXPECT_EQ(1, c->run->debug.arch.exception);				\
	stop = resume(c);							\
} while (0)

/* KVM steps from where the processor stands when it is told to. */
static enum stop step_from(struct cpu *c, uint64_t rip)
{
	c->regs.rip = rip;
	IOCTL(c->fd, KVM_SET_REGS, &c->regs);
	set_debug(c, KVM_GUESTDBG_SINGLESTEP, 0);
	return resume(c);
}

TEST_F(pv, single_steps_in_ring1)
{
	struct cpu *c = self->cpu;
	enum stop stop;

	c->regs.rax = RING1_HC_ABI_VERSION;
	stop = step_from(c, kernel_code(steps));
	STEPS_TO(kernel_code(steps) + 1);
	STEPS_TO(kernel_code(steps) + 6);
	/* The step over SYSCALL ends behind the next one, as R11 has TF. */
	STEPS_TO(kernel_code(steps) + 9);
	while (stop == KVM(DEBUG))
		stop = resume(c);
	EXPECT_EQ(STOPPED, stop);
	EXPECT_EQ(RING1_ABI_VERSION, c->regs.rax);
	set_debug(c, 0, 0);
	EXPECT_EQ(RING1_ABI_VERSION, HYPERCALL(c, ABI_VERSION));
	EXPECT_EQ(0, c->regs.rflags & FLAG_TF);
}

static void put_int3(struct cpu *c, const char *code, int offset)
{
	*(uint8_t *)at(c->vm, GPA_CODE + (code + offset - __start_guest_code)) = 0xcc;
}

static void put_back(struct cpu *c, const char *code, int offset)
{
	*(char *)at(c->vm, GPA_CODE + (code + offset - __start_guest_code)) = code[offset];
}

TEST_F(pv, single_steps_in_ring3)
{
	struct cpu *c = self->cpu;
	enum stop stop;

	set_debug(c, KVM_GUESTDBG_USE_SW_BP, 0);
	put_int3(c, user_steps, 0);
	ASSERT_EQ(KVM(DEBUG), go_user(c, user_steps));
	put_back(c, user_steps, 0);
	stop = step_from(c, user_code(user_steps));
	STEPS_TO(user_code(user_steps) + 1);
	STEPS_TO(user_code(user_steps) + 6);
	/* The guest's entry point is reached without TF, as behind any SYSCALL. */
	EXPECT_EQ(ENTRY_SYSCALL64, stop);
	EXPECT_EQ(user_code(user_steps) + 8, c->regs.rcx);
	EXPECT_EQ(1, c->regs.rbx);
}

TEST_F(pv, software_breakpoints)
{
	struct cpu *c = self->cpu;

	set_debug(c, KVM_GUESTDBG_USE_SW_BP, 0);
	put_int3(c, steps, 1);
	ASSERT_EQ(KVM(DEBUG), go_kernel(c, steps));
	EXPECT_EQ(kernel_code(steps) + 1, c->run->debug.arch.pc);
	EXPECT_EQ(3, c->run->debug.arch.exception);
	EXPECT_EQ(kernel_code(steps) + 1, c->regs.rip);
	put_back(c, steps, 1);
	c->regs.rax = RING1_HC_ABI_VERSION;
	EXPECT_EQ(STOPPED, go(c, c->regs.rip));
	EXPECT_EQ(RING1_ABI_VERSION, c->regs.rax);
	put_int3(c, user_steps, 0);
	ASSERT_EQ(KVM(DEBUG), go_user(c, user_steps));
	EXPECT_EQ(user_code(user_steps), c->run->debug.arch.pc);
}

TEST_F(pv, hardware_breakpoints)
{
	struct cpu *c = self->cpu;

	set_debug(c, KVM_GUESTDBG_USE_HW_BP, kernel_code(steps) + 1);
	ASSERT_EQ(KVM(DEBUG), go_kernel(c, steps));
	EXPECT_EQ(kernel_code(steps) + 1, c->run->debug.arch.pc);
	EXPECT_EQ(1, c->run->debug.arch.exception);
	EXPECT_NE(0, c->run->debug.arch.dr6 & 1);
	/* not in the switcher */
	set_debug(c, KVM_GUESTDBG_USE_HW_BP, RING1_SLOT_BASE);
	EXPECT_EQ(RING1_ABI_VERSION, HYPERCALL(c, ABI_VERSION));
}

/* While the VMM has nothing but the switch on, the guest sees no difference. */
#define KINDS	{ 0, KVM_GUESTDBG_USE_HW_BP, KVM_GUESTDBG_USE_SW_BP }

TEST_F(pv, system_calls)
{
	static const uint32_t kind[] = KINDS;
	struct cpu *c = self->cpu;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kind); i++) {
		set_debug(c, KVM_GUESTDBG_ENABLE | kind[i], 0);
		EXPECT_TRUE(bounces_from_ring3(c, 7));
		EXPECT_EQ(FLAG_FIXED, c->regs.rflags);
		EXPECT_EQ(0, c->page->vif);
		EXPECT_EQ(KERNEL(c->page_gpa), get_sregs(c).gs.base);
		EXPECT_EQ(RING1_ABI_VERSION, HYPERCALL(c, ABI_VERSION));
	}
}

CODE(user_syscall32, ".code32\n syscall\n ud2\n .code64\n");
CODE(user_sysenter, ".code32\n sysenter\n ud2\n .code64\n");
CODE(user_int80, "int $0x80\n");
CODE(user_de, "xor %ecx, %ecx\n div %ecx\n");

static enum stop go_user32(struct cpu *c, const char *code, uint64_t flags)
{
	return go_iret(c, user_code(code) - USER_BASE, USER32_CS, FLAG_FIXED | FLAG_IF | flags,
		       user_stack(c) - USER_BASE, USER_DS);
}

TEST_F(trap, compat_system_calls)
{
	static const uint32_t kind[] = KINDS;
	struct cpu *c = self->cpu;
	enum stop plain, stop;
	unsigned int i;

	map(self->vm, GPA_CODE, GPA_CODE, PTE_U);
	pv_start(c);
	plain = go_user32(c, user_syscall32, 0);
	/* Intel's processors do not know it in 32-bit code. */
	ASSERT_TRUE(plain == ENTRY_SYSCALL32 || take(c).vector == 6);
	for (i = 0; i < ARRAY_SIZE(kind); i++) {
		set_debug(c, KVM_GUESTDBG_ENABLE | kind[i], 0);
		stop = go_user32(c, user_syscall32, 0);
		EXPECT_EQ(plain, stop);
		if (stop == ENTRY_SYSCALL32)
			EXPECT_EQ(user_code(user_syscall32) - USER_BASE + 2, c->regs.rcx);
		take(c);
	}
}

TEST_F(trap, sysenter)
{
	static const uint32_t kind[] = KINDS;
	struct cpu *c = self->cpu;
	enum stop plain, stop;
	unsigned int i;

	map(self->vm, GPA_CODE, GPA_CODE, PTE_U);
	pv_start(c);
	plain = go_user32(c, user_sysenter, FLAG_AC);
	ASSERT_TRUE(plain == ENTRY_SYSENTER32 || take(c).vector == 6);
	for (i = 0; i < ARRAY_SIZE(kind); i++) {
		set_debug(c, KVM_GUESTDBG_ENABLE | kind[i], 0);
		c->page->frame[RING1_EVENT_NORMAL].flags = 0;
		stop = go_user32(c, user_sysenter, FLAG_AC);
		EXPECT_EQ(plain, stop);
		if (stop == ENTRY_SYSENTER32) {
			EXPECT_EQ(FLAG_AC, c->page->frame[RING1_EVENT_NORMAL].flags & FLAG_AC);
			EXPECT_EQ(0, c->regs.rflags & FLAG_AC);
			EXPECT_EQ(0, c->page->vif);
			EXPECT_EQ(KERNEL(c->page_gpa), get_sregs(c).gs.base);
		}
		take(c);
	}
}

TEST_F(pv, exceptions_of_ring3)
{
	struct cpu *c = self->cpu;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		set_debug(c, i ? KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP : 0, 0);
		ASSERT_EQ(ENTRY_USER, go_user(c, code_user_ud2));
		EXPECT_EQ(6, take(c).vector);
		ASSERT_EQ(ENTRY_USER, go_user(c, user_int80));
		EXPECT_EQ(0x80, take(c).vector);
		ASSERT_EQ(ENTRY_USER, go_user(c, user_de));
		EXPECT_EQ(0, take(c).vector);
	}
}

TEST_HARNESS_MAIN
