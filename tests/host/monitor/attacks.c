// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    what has broken other hypervisors ends here as the guest's own fault, a triple
 *           fault or nothing at all: the host goes on, and so does the guest where it can
 * How:      MOV SS with a breakpoint before each way into ring 0, system calls with TF, NT,
 *           AC and DF, returns to addresses that are not canonical, events before and
 *           while there is nobody to take them, nested ones, LDTs, WRPKRU, a shared page
 *           whose memory goes away
 * Catches:  #DB in the switcher (CVE-2018-8897), SYSRET's #GP in ring 0 (CVE-2012-0217),
 *           a jump to 0 for want of a handler (XSA-259), a loop on a protection key
 * Beyond:   QEMU has #DB right behind MOV SS; that it comes in the switcher is for hardware
 */
#include <stddef.h>

#include "machine.h"

#define NOT_CANONICAL	(1ull << 47)

/* A breakpoint on what SS is loaded from comes one instruction late: in the switcher. */
#define MOV_SS(name, what) CODE(name, "movw (%rdi), %ss\n" what)
MOV_SS(ss_syscall, "syscall\n" STOP);
MOV_SS(ss_int3, "int3\n" STOP);
MOV_SS(ss_int80, "int $0x80\n" STOP);
MOV_SS(ss_ud2, "ud2\n" STOP);
MOV_SS(ss_load, "mov (%rsi), %rax\n" STOP);
MOV_SS(ss_out, STOP);
MOV_SS(ss_sysenter, "sysenter\n" STOP);
MOV_SS(user_ss_syscall, "syscall\n ud2\n");
MOV_SS(user_ss_int3, "int3\n ud2\n");
MOV_SS(user_ss_int80, "int $0x80\n ud2\n");
MOV_SS(user_ss_load, "mov (%rsi), %rax\n ud2\n");
MOV_SS(user_ss_sysenter, "sysenter\n ud2\n");

static void arm(struct cpu *c, uint64_t address)
{
	if (HYPERCALL(c, SET_DR, 0, address) ||
	    HYPERCALL(c, SET_DR, 7, 0x400 | 1 | 3 << 16 | 1 << 18))
		die("set_dr");
}

static void put_selector(struct cpu *c, uint16_t selector)
{
	*(uint16_t *)at(c->vm, GPA_DATA) = selector;
}

TEST_F(pv, mov_ss_in_ring1)
{
	const char *const code[] = {
		ss_syscall, ss_int3, ss_int80, ss_ud2, ss_load, ss_out, ss_sysenter,
	};
	struct cpu *c = self->cpu;
	unsigned int i;
	enum stop stop;

	put_selector(c, RING1_SS);
	arm(c, KERNEL(GPA_DATA));
	for (i = 0; i < ARRAY_SIZE(code); i++) {
		fill_registers(&c->regs, i);
		c->regs.rax = RING1_HC_ABI_VERSION;
		c->regs.rdi = KERNEL(GPA_DATA);
		c->regs.rsi = NOT_CANONICAL;
		stop = go_kernel(c, code[i]);
		TH_LOG("stopped with %#x", stop);
		EXPECT_TRUE(stop == STOPPED || stop == ENTRY_KERNEL || stop == ENTRY_DB ||
			    stop == ENTRY_SYSENTER32);
		take_frame(c, RING1_EVENT_DB);
		take(c);
		ASSERT_EQ(RING1_ABI_VERSION, HYPERCALL(c, ABI_VERSION));
	}
}

TEST_F(pv, mov_ss_in_ring3)
{
	const char *const code[] = {
		user_ss_syscall, user_ss_int3, user_ss_int80, user_ss_load, user_ss_sysenter,
	};
	struct cpu *c = self->cpu;
	unsigned int i;
	enum stop stop;

	put_selector(c, USER_DS);
	arm(c, USER(GPA_DATA));
	for (i = 0; i < ARRAY_SIZE(code); i++) {
		fill_registers(&c->regs, i);
		c->regs.rdi = USER(GPA_DATA);
		c->regs.rsi = NOT_CANONICAL;
		stop = go_user(c, code[i]);
		TH_LOG("stopped with %#x", stop);
		EXPECT_TRUE(stop == ENTRY_USER || stop == ENTRY_SYSCALL64 ||
			    stop == ENTRY_SYSENTER32);
		take(c);
		ASSERT_EQ(RING1_ABI_VERSION, HYPERCALL(c, ABI_VERSION));
	}
}

/* System calls with flags that must not reach ring 0, nor the guest's entry points. */
CODE(user_sysenter64, "sysenter\n ud2\n");
CODE(user_sysenter32, ".code32\n sysenter\n ud2\n .code64\n");
CODE(user_syscall32, ".code32\n syscall\n ud2\n .code64\n");
static const uint64_t nasty[] = {
	FLAG_TF, FLAG_NT, FLAG_AC, FLAG_DF, FLAG_ID, FLAG_NT | FLAG_AC | FLAG_DF,
	FLAG_TF | FLAG_NT | FLAG_AC | FLAG_DF,
};

TEST_F(trap, nasty_flags)
{
	struct cpu *c = self->cpu;
	struct ring1_frame f;
	unsigned int i, j;
	enum stop stop;

	map(self->vm, GPA_CODE, GPA_CODE, PTE_U);
	pv_start(c);
	for (i = 0; i < ARRAY_SIZE(nasty); i++)
		for (j = 0; j < 4; j++) {
			const char *code = j == 0 ? code_user_syscall : j == 1 ? user_sysenter64 :
					   j == 2 ? user_sysenter32 : user_syscall32;

			stop = go_iret(c, user_code(code) - (j < 2 ? 0 : USER_BASE),
				       j < 2 ? USER_CS : USER32_CS, FLAG_FIXED | nasty[i],
				       user_stack(c) - (j < 2 ? 0 : USER_BASE), USER_DS);
			EXPECT_EQ(FLAG_FIXED, c->regs.rflags)
				TH_LOG("call %u, flags %#lx: %#llx", j, nasty[i], c->regs.rflags);
			f = take(c);
			switch (stop) {
			case ENTRY_SYSCALL64:
			case ENTRY_SYSCALL32:
				EXPECT_EQ(nasty[i], c->regs.r11 & nasty[i]);
				break;
			case ENTRY_SYSENTER32:
				/* TF: QEMU may report the step as the user's, too */
				EXPECT_EQ(nasty[i] & ~FLAG_TF, f.flags & nasty[i] & ~FLAG_TF);
				break;
			default:
				/* an instruction this processor does not have, or a step */
				ASSERT_EQ(ENTRY_USER, stop);
				EXPECT_TRUE(f.vector == 6 || f.vector == 1);
			}
			ASSERT_EQ(RING1_ABI_VERSION, HYPERCALL(c, ABI_VERSION));
		}
}

TEST_F(pv, nasty_flags_from_ring1)
{
	struct cpu *c = self->cpu;
	unsigned int i;
	enum stop stop;

	for (i = 0; i < ARRAY_SIZE(nasty); i++) {
		c->regs.rax = RING1_HC_ABI_VERSION;
		c->regs.rflags = FLAG_FIXED | nasty[i];
		stop = go_kernel(c, code_hypercall);
		/* KVM emulates the OUT behind it, and a step over that is lost. */
		EXPECT_TRUE(stop == STOPPED || (stop == ENTRY_DB && nasty[i] & FLAG_TF));
		take_frame(c, RING1_EVENT_DB);
		c->regs.rflags = FLAG_FIXED | nasty[i];
		stop = go_kernel(c, user_sysenter64);
		EXPECT_TRUE(stop == ENTRY_SYSENTER32 || stop == ENTRY_KERNEL || stop == ENTRY_DB);
		take_frame(c, RING1_EVENT_DB);
		take(c);
		c->regs.rflags = FLAG_FIXED;
		ASSERT_EQ(RING1_ABI_VERSION, HYPERCALL(c, ABI_VERSION));
	}
}

CODE(sysretq, "sysretq\n");
CODE(sysretl, "sysretl\n");

TEST_F(pv, returns_to_addresses_not_canonical)
{
	static const uint64_t bad[] = {
		NOT_CANONICAL, 1ull << 63, 0xffff7fffffffffff, 0x7fffffffffff, -1ull,
	};
	struct cpu *c = self->cpu;
	struct ring1_frame f;
	unsigned int i, j;
	enum stop stop;

	/* STAR, without which SYSRET would be #GP before it looks at RCX */
	ASSERT_EQ(0, HYPERCALL(c, WRMSR, 0xc0000081, 0x23ull << 48 | 0x10ull << 32));
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		for (j = 0; j < 4; j++) {
			c->regs.rcx = bad[i];
			c->regs.r11 = FLAG_FIXED;
			stop = j == 0 ? go_kernel(c, sysretq) : j == 1 ? go_kernel(c, sysretl) :
			       j == 2 ? go_user_at(c, bad[i]) :
			       go_iret(c, bad[i], RING1_CS, FLAG_FIXED, kernel_stack(c), RING1_SS);
			f = take(c);
			EXPECT_TRUE(stop == ENTRY_USER || stop == ENTRY_KERNEL)
				TH_LOG("%#lx: stopped with %#x", bad[i], stop);
			EXPECT_TRUE(f.vector == 13 || f.vector == 14);
			set_long_mode(c);
			ASSERT_EQ(RING1_ABI_VERSION, HYPERCALL(c, ABI_VERSION));
		}
}

/* Trap mode: nobody to take it. */
static void forget_idt(struct cpu *c, uint64_t base)
{
	struct kvm_sregs s = get_sregs(c);

	s.idt.base = base;
	s.idt.limit = base ? PAGE - 1 : 0;
	IOCTL(c->fd, KVM_SET_SREGS, &s);
}

CODE(spin, "1: jmp 1b\n");

TEST_F(trap, an_interrupt_without_handler_is_held)
{
	struct cpu *c = self->cpu;

	forget_idt(c, 0);
	interrupt(c, 0x41);
	ASSERT_EQ(STOPPED, go_kernel(c, code_stop));
	c->regs.rflags |= FLAG_IF;
	EXPECT_EQ(KVM(SHUTDOWN), go_kernel(c, spin));
}

TEST_F(trap, an_nmi_without_handler_is_a_triple_fault)
{
	forget_idt(self->cpu, 0);
	IOCTL(self->cpu->fd, KVM_NMI);
	EXPECT_EQ(KVM(SHUTDOWN), go_kernel(self->cpu, spin));
}

TEST_F(trap, an_idt_that_is_not_there)
{
	static const uint64_t base[] = {
		RING1_SLOT_BASE + RING1_PG_IDT * PAGE, NOT_CANONICAL, KERNEL(RAM_SIZE), -8ull,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(base); i++) {
		struct vm *vm = new_vm(true);

		forget_idt(&vm->cpu[0], base[i]);
		EXPECT_EQ(KVM(SHUTDOWN), go_kernel(&vm->cpu[0], code_user_ud2));
	}
}

/* Stacks for a gate: in the switcher, in its read-only pages, nowhere. */
TEST_F(trap, a_stack_that_is_not_there)
{
	static const uint64_t rsp[] = {
		RING1_SLOT_BASE + (RING1_PG_STACK + 1) * PAGE, RING1_SLOT_BASE + 2 * PAGE,
		NOT_CANONICAL, KERNEL(RAM_SIZE) + PAGE, 8,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rsp); i++) {
		struct vm *vm = new_vm(true);

		vm->cpu[0].regs.rsp = rsp[i];
		EXPECT_EQ(KVM(SHUTDOWN), go_kernel(&vm->cpu[0], code_user_ud2));
	}
}

/* PV: the frame is taken. An exception becomes #DF, then a triple fault; interrupts wait. */
TEST_F(pv, events_into_a_busy_frame)
{
	struct cpu *c = self->cpu;

	ASSERT_EQ(ENTRY_KERNEL, go_kernel(c, code_user_ud2));
	c->regs.rflags |= FLAG_IF;
	interrupt(c, 0x41);
	ASSERT_EQ(STOPPED, go_kernel(c, code_stop));
	ASSERT_EQ(ENTRY_DF, go_kernel(c, code_user_ud2));
	EXPECT_EQ(8, c->page->frame[RING1_EVENT_DF].vector);
	EXPECT_EQ(6, c->page->frame[RING1_EVENT_NORMAL].vector);
	EXPECT_EQ(KVM(SHUTDOWN), go_kernel(c, code_user_ud2));
}

TEST_F(pv, events_into_busy_frames_of_other_classes)
{
	struct cpu *c = self->cpu;

	IOCTL(c->fd, KVM_NMI);
	ASSERT_EQ(ENTRY_NMI, go_kernel(c, code_stop));
	IOCTL(c->fd, KVM_NMI);
	ASSERT_EQ(STOPPED, go_kernel(c, code_stop));	/* masked */
	ASSERT_EQ(ENTRY_KERNEL, go_kernel(c, code_user_ud2));
	c->regs.rdi = KERNEL(GPA_DATA);
	c->regs.rflags |= FLAG_TF;
	ASSERT_EQ(ENTRY_DB, go_kernel(c, code_poke));
	c->regs.rflags |= FLAG_TF;
	ASSERT_EQ(ENTRY_DF, go_kernel(c, code_poke));
}

/* The words of the shared page are the guest's to garble. */
TEST_F(pv, garbage_in_the_shared_page)
{
	static const uint8_t garbage[] = { 0xff, 0x80, 0x7f, 0 };
	struct cpu *c = self->cpu;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(garbage); i++) {
		memset(c->page, garbage[i], offsetof(struct ring1_vcpu_page, frame));
		memset(&c->page->setup, garbage[i], sizeof(c->page->setup));
		memset(c->page->frame, 0, sizeof(c->page->frame));
		interrupt(c, 0x41 + 16 * i);
		go_kernel(c, code_stop);
		take(c);
		/* a user GS base that is not canonical: the monitor's way to ring 3 */
		c->regs.rax = RING1_HC_IRET;
		c->regs.rsp = kernel_stack(c) - 9 * 8;
		memcpy(at(c->vm, c->page_gpa + 0x8000 - 9 * 8),
		       (uint64_t[]){ 0, 0, 0, 0, user_code(code_user_ud2), USER_CS, FLAG_FIXED,
				     user_stack(c), USER_DS }, 9 * 8);
		ASSERT_EQ(ENTRY_USER, go_kernel(c, code_hypercall));
		take(c);
		ASSERT_EQ(RING1_ABI_VERSION, HYPERCALL(c, ABI_VERSION));
	}
}

/* The VMM takes away the memory of the shared page: the monitor has it pinned. */
TEST_F(pv, memory_of_the_shared_page_goes_away)
{
	struct cpu *c = self->cpu;
	uint64_t gpa = 16 << 20, gva = KERNEL(gpa);
	void *memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	make_setup(c);
	memcpy(memory, c->page, PAGE);
	add_memory(self->vm, 1, gpa, memory, PAGE, 0);
	ASSERT_EQ(0, HYPERCALL(c, VCPU_REGISTER, gpa));
	add_memory(self->vm, 1, gpa, memory, 0, 0);
	munmap(memory, PAGE);
	ASSERT_EQ(ENTRY_USER, go_user(c, code_user_ud2));
	EXPECT_EQ(6, peek(c, RING1_SLOT_BASE + RING1_PG_SHARED * PAGE +
			  RING1_PAGE_FRAME(0) + RING1_FRAME_VECTOR) & 0xff);
	c->regs.rdi = gva;
	EXPECT_EQ(ENTRY_DF, go_kernel(c, code_peek));
}

CODE(load_ldt, "lldt %ax\n mov %ecx, %ds\n mov %ecx, %es\n mov %ecx, %fs\n mov %ecx, %gs\n"
	"mov %ds, %eax\n" STOP);

/* The guest's LDT exists for KVM's emulator only. */
TEST_F(pv, selectors_of_an_ldt)
{
	uint64_t *gdt = at(self->vm, GPA_GDT);
	struct cpu *c = self->cpu;
	enum stop stop;

	gdt[10] = 0x8000e20000000000 | 0xffull | (uint64_t)(GPA_DATA & 0xffffff) << 16 |
		  0x80ull << 56;
	gdt[11] = KERNEL_BASE >> 32;
	*(uint64_t *)at(self->vm, GPA_DATA) = 0x00cff3000000ffff;
	c->regs.rax = 10 * 8;
	c->regs.rcx = 7;
	stop = go_kernel(c, load_ldt);
	EXPECT_TRUE(stop == STOPPED || stop == ENTRY_KERNEL);
	take(c);
	EXPECT_EQ(RING1_ABI_VERSION, HYPERCALL(c, ABI_VERSION));
	set_long_mode(c);			/* GS base */
	ASSERT_EQ(ENTRY_USER, go_user(c, code_user_ud2));
	EXPECT_EQ(6, take(c).vector);
}

static bool has_pkru(void)
{
	unsigned int eax = 7, ebx, ecx = 0, edx;

	asm volatile("cpuid" : "+a" (eax), "=b" (ebx), "+c" (ecx), "=d" (edx));
	return ecx & 1 << 4;			/* OSPKE */
}

static uint32_t rdpkru(void)
{
	uint32_t pkru, edx;

	asm volatile("rdpkru" : "=a" (pkru), "=d" (edx) : "c" (0));
	return pkru;
}

CODE(user_wrpkru,
	"mov $-1, %eax\n xor %ecx, %ecx\n xor %edx, %edx\n wrpkru\n"
	"mov %rbx, (%rdi)\n mov (%rdi), %rbx\n rdpkru\n ud2\n");

/* Keys are hidden from guests; the instruction is not. */
TEST_F(pv, wrpkru)
{
	struct cpu *c = self->cpu;
	uint32_t was;

	if (!has_pkru())
		SKIP(return, "the processor has no protection keys");
	was = rdpkru();
	c->regs.rdi = USER(GPA_DATA);
	c->regs.rbx = 0x1234;
	ASSERT_EQ(ENTRY_USER, go_user(c, user_wrpkru));
	EXPECT_EQ(6, take(c).vector);
	EXPECT_EQ(0x1234, *(uint64_t *)at(self->vm, GPA_DATA));
	EXPECT_EQ(was, rdpkru());
	EXPECT_EQ(0x1234, peek(c, KERNEL(GPA_DATA)));
}

TEST_HARNESS_MAIN
