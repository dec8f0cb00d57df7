// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    a VMM can debug a PV guest: single steps, breakpoints in code and in debug
 *           registers come to it; what the guest does meanwhile goes on as without it
 * How:      KVM_SET_GUEST_DEBUG over instructions, hypercalls, system calls of each kind
 *           and exceptions of ring 3
 * Catches:  a system call that gets lost because it does not bounce while debugged; a step
 *           over a hypercall that depends on the way by which the hypercall is served
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

/* Where the steps over a hypercall end; no more than there is room for. */
#define MAX_STEPS 8

static unsigned int steps_over(struct cpu *c, uint64_t nr, uint64_t rdi, uint64_t rsi,
			       uint64_t pc[MAX_STEPS])
{
	unsigned int n = 0;
	enum stop stop;

	c->regs.rax = nr;
	c->regs.rdi = rdi;
	c->regs.rsi = rsi;
	stop = step_from(c, kernel_code(steps));
	for (; stop == KVM(DEBUG) && n < MAX_STEPS; n++) {
		pc[n] = c->run->debug.arch.pc - kernel_code(steps);
		printf("# hypercall %d: %#llx, step to %lld\n", (int)nr, (long long)rdi,
		       (long long)pc[n]);
		stop = resume(c);
	}
	if (stop != STOPPED)
		die("hypercall %d by steps stopped with %#x", (int)nr, stop);
	set_debug(c, 0, 0);
	return n;
}

#define APIC_BASE	0x1b
#define TSC_DEADLINE	0x6e0
#define X2APIC_ICR	0x830
#define LSTAR		0xc0000082

/* KVM has a short way for some MSRs, which reports a step by itself. */
TEST_F(pv, single_steps_over_each_wrmsr)
{
	const uint64_t wrmsr[][2] = {
		{ LSTAR, KERNEL(0) },
		{ TSC_DEADLINE, -1ull >> 2 },
		{ X2APIC_ICR, 1ull << 32 | 0x41 },	/* to the other processor */
	};
	struct cpu *c = self->cpu;
	uint64_t plain[MAX_STEPS], pc[MAX_STEPS], base;
	unsigned int n, i;

	ASSERT_EQ(1, get_msr(c, APIC_BASE, &base));
	ASSERT_EQ(0, HYPERCALL(c, WRMSR, APIC_BASE, base | 1 << 10));
	n = steps_over(c, RING1_HC_ABI_VERSION, 0, 0, plain);
	EXPECT_EQ(RING1_ABI_VERSION, c->regs.rax);
	ASSERT_EQ(3, n);
	for (i = 0; i < ARRAY_SIZE(wrmsr); i++) {
		ASSERT_EQ(n, steps_over(c, RING1_HC_WRMSR, wrmsr[i][0], wrmsr[i][1], pc));
		EXPECT_EQ(0, c->regs.rax);
		EXPECT_EQ(0, memcmp(plain, pc, n * sizeof(*pc)));
	}
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

/* By DR7, a VMM tells which kind of breakpoint it was. */
TEST_F(pv, watchpoints)
{
	struct kvm_guest_debug debug = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP,
	};
	struct cpu *c = self->cpu;

	debug.arch.debugreg[1] = KERNEL(GPA_DATA);
	debug.arch.debugreg[7] = 0x00d00404;	/* DR1: four bytes, written to */
	IOCTL(c->fd, KVM_SET_GUEST_DEBUG, &debug);
	c->regs.rdi = KERNEL(GPA_DATA);
	ASSERT_EQ(KVM(DEBUG), (int)go_kernel(c, code_poke));
	EXPECT_EQ(kernel_code(code_poke) + 3, c->run->debug.arch.pc);
	EXPECT_EQ(2, c->run->debug.arch.dr6 & 0xf);
	EXPECT_EQ(0x00d00404, c->run->debug.arch.dr7);
	EXPECT_EQ(STOPPED, resume(c));
}

CODE(move_dr, "mov %dr6, %rax\n mov %rax, %dr6\n" STOP);

/* A VMM that guards the debug registers hears of each access. */
TEST_F(trap, general_detect)
{
	struct kvm_guest_debug debug = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP,
		.arch.debugreg[7] = 0x400 | 1 << 13,
	};
	struct cpu *c = self->cpu;

	IOCTL(c->fd, KVM_SET_GUEST_DEBUG, &debug);
	ASSERT_EQ(KVM(DEBUG), (int)go_kernel(c, move_dr));
	EXPECT_EQ(kernel_code(move_dr), c->run->debug.arch.pc);
	EXPECT_EQ(1, c->run->debug.arch.exception);
	EXPECT_EQ(0xffff0ff0 | 1 << 13, c->run->debug.arch.dr6);
	ASSERT_EQ(KVM(DEBUG), (int)go(c, kernel_code(move_dr) + 3));
	EXPECT_EQ(kernel_code(move_dr) + 3, c->run->debug.arch.pc);
	set_debug(c, 0, 0);
	EXPECT_EQ(STOPPED, resume(c));
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
