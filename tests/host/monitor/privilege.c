// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    ring 1 is not ring 0: flags, segments, gates and system registers that belong
 *           to the host stay the host's, and the guest sees its own
 * How:      every flag by POPF and IRETQ; every selector by far returns and far jumps;
 *           every INT n; the instructions that show tables; code in the upper half from
 *           ring 3; the kernel's instructions from ring 3, also behind a MOV SS that KVM
 *           emulates while an interrupt waits
 * Catches:  IOPL, a gate or a descriptor that lets a guest through; user code that fakes
 *           a hypercall
 */
#include "machine.h"

CODE(pop_flags, "push %rbx\n popfq\n pushfq\n pop %rbx\n" STOP);
CODE(user_pop_flags, "push %rbx\n popfq\n pushfq\n pop %rbx\n ud2\n");
CODE(read_flags, "pushfq\n pop %rbx\n" STOP);
CODE(user_read_flags, "pushfq\n pop %rbx\n ud2\n");

#define MAY_CHANGE (FLAG_STATUS | FLAG_DF | FLAG_NT | FLAG_AC | FLAG_ID)

TEST_F(pv, popf)
{
	struct cpu *c = self->cpu;
	int bit;

	for (bit = 0; bit < 64; bit++) {
		uint64_t flag = 1ull << bit, want = FLAG_FIXED | FLAG_IF | (flag & MAY_CHANGE);

		if (flag == FLAG_TF)
			continue;
		c->regs.rbx = flag;
		c->regs.rflags = FLAG_FIXED;
		ASSERT_EQ(STOPPED, go_kernel(c, pop_flags));
		EXPECT_EQ(want, c->regs.rbx)
			TH_LOG("bit %d in ring 1", bit);
		EXPECT_EQ(0, c->page->vif);
		c->regs.rbx = flag;
		c->regs.rflags = FLAG_FIXED;
		ASSERT_EQ(ENTRY_USER, go_user(c, user_pop_flags));
		EXPECT_EQ(6, take(c).vector);
		EXPECT_EQ(want, c->regs.rbx)
			TH_LOG("bit %d in ring 3", bit);
	}
}

TEST_F(pv, iretq)
{
	struct cpu *c = self->cpu;
	int bit;

	for (bit = 0; bit < 64; bit++) {
		uint64_t flag = 1ull << bit, want = FLAG_FIXED | FLAG_IF | (flag & MAY_CHANGE);

		if (flag == FLAG_TF)
			continue;
		c->regs.rflags = FLAG_FIXED;
		ASSERT_EQ(STOPPED, go_iret(c, kernel_code(read_flags), RING1_CS, flag,
					   kernel_stack(c), RING1_SS));
		EXPECT_EQ(want, c->regs.rbx)
			TH_LOG("bit %d to ring 1", bit);
		c->regs.rflags = FLAG_FIXED;
		ASSERT_EQ(ENTRY_USER, go_iret(c, user_code(user_read_flags), USER_CS, flag,
					      user_stack(c), USER_DS))
			TH_LOG("bit %d: vector %u at %#llx", bit, take(c).vector, take(c).ip);
		EXPECT_EQ(6, take(c).vector);
		EXPECT_EQ(want, c->regs.rbx)
			TH_LOG("bit %d to ring 3", bit);
	}
}

CODE(ring1_cs, "mov %cs, %eax\n mov %ss, %ecx\n" STOP);
CODE(user_cs, "mov %cs, %eax\n mov %ss, %ecx\n ud2\n");
CODE(far_return, "lretq\n");
CODE(far_jump, "rex.w ljmp *(%rdi)\n");
CODE(far_call, "rex.w lcall *(%rdi)\n");

TEST_F(pv, rings_of_kernel_and_user)
{
	ASSERT_EQ(STOPPED, go_kernel(self->cpu, ring1_cs));
	EXPECT_EQ(RING1_CS, self->cpu->regs.rax);
	EXPECT_EQ(RING1_SS, self->cpu->regs.rcx);
	ASSERT_EQ(ENTRY_USER, go_user(self->cpu, user_cs));
	EXPECT_EQ(USER_CS, self->cpu->regs.rax);
	EXPECT_EQ(USER_DS, self->cpu->regs.rcx);
}

/* Wherever a far transfer within the kernel leads, it is ring 1. */
TEST_F(pv, far_transfers)
{
	const char *const how[] = { far_return, far_jump, far_call };
	struct cpu *c = self->cpu;
	uint64_t *pointer = at(self->vm, c->page_gpa + 0x7ff0), *gdt = at(self->vm, GPA_GDT);
	unsigned int selector, vector, i, ran = 0;
	enum stop stop;

	/* the guest's own GDT is full of gates and kernel segments */
	for (i = 8; i < 16; i += 2) {
		gdt[i] = 0xffffec0000100000 | (kernel_code(ring1_cs) & 0xffff) |
			 (kernel_code(ring1_cs) >> 16 & 0xffff) << 48;
		gdt[i + 1] = kernel_code(ring1_cs) >> 32;
	}
	for (i = 0; i < ARRAY_SIZE(how); i++)
		for (selector = 0; selector < RING1_GDT_ENTRIES * 8 + 16; selector++) {
			/* to ring 3, far returns take a stack as well */
			if ((selector & 3) == 3)
				continue;
			pointer[0] = kernel_code(ring1_cs);
			pointer[1] = selector;
			c->regs.rsp = c->regs.rdi = KERNEL(gpa_of(self->vm, pointer));
			stop = go_kernel(c, how[i]);
			if (stop == STOPPED) {
				ran++;
				EXPECT_EQ(RING1_CS, c->regs.rax)
					TH_LOG("selector %#x", selector);
				set_long_mode(c);
			} else if (stop == ENTRY_KERNEL) {
				/* #PF: the guest's own tables are not there */
				vector = take(c).vector;
				EXPECT_TRUE(vector == 11 || vector == 13 || vector == 14)
					TH_LOG("selector %#x: vector %u", selector, vector);
			} else {
				/* what KVM does not emulate, such as gates */
				ASSERT_EQ(KVM(INTERNAL_ERROR), stop);
				ASSERT_EQ(KVM_INTERNAL_ERROR_EMULATION,
					  c->run->internal.suberror);
			}
		}
	EXPECT_LT(0, ran);
}

CODE(int_n,
	".set n, 0\n .rept 256\n .byte 0xcd, n\n" STOP " .balign 8\n .set n, n + 1\n .endr\n");
CODE(user_int_n,
	".set n, 0\n .rept 256\n .byte 0xcd, n\n ud2\n .balign 8\n .set n, n + 1\n .endr\n");

static bool is_open(int vector)
{
	return vector == 3 || vector == 4 || vector == 0x80;
}

TEST_F(pv, int_n)
{
	struct cpu *c = self->cpu;
	struct ring1_frame f;
	uint64_t rip;
	int i, user;

	for (i = 0; i < 256; i++)
		for (user = 0; user < 2; user++) {
			rip = user ? user_code(user_int_n) + 8 * i : kernel_code(int_n) + 8 * i;
			ASSERT_EQ(user ? ENTRY_USER : ENTRY_KERNEL,
				  user ? go_user_at(c, rip) : go(c, rip))
				TH_LOG("int %d", i);
			f = take(c);
			EXPECT_EQ(is_open(i) ? i : 13, (int)f.vector)
				TH_LOG("int %d", i);
			/* QEMU has the index twice as large. */
			EXPECT_TRUE(is_open(i) ? !f.error :
				    f.error == (i << 3 | 2u) ||
				    f.error == (i << 4 | 2u));
			EXPECT_EQ(rip + (is_open(i) ? 2 : 0), f.ip);
			EXPECT_EQ(user ? USER_CS : KERNEL_CS, f.cs);
		}
}

CODE(show_tables,
	"sgdt (%rdi)\n sidt 16(%rdi)\n sldt %eax\n str %ecx\n smsw %rdx\n" STOP);
CODE(user_show_tables, "sgdt (%rdi)\n sidt 16(%rdi)\n ud2\n");
CODE(user_tables,
	"sgdt (%rdi)\n .balign 16\n sidt (%rdi)\n .balign 16\n sldt %eax\n .balign 16\n"
	"str %eax\n .balign 16\n smsw %eax\n .balign 16\n");

#define UMIP (1ull << 11)

/* Without UMIP, processors show what they use: the switcher's tables, and the host's CR0. */
static bool in_slot_256(const uint8_t *shown)
{
	uint64_t base;

	memcpy(&base, shown + 2, 8);
	return base >> 39 == 0x1ffff00;
}

static void without_umip(struct __test_metadata *_metadata, struct cpu *c, uint8_t *data)
{
	EXPECT_TRUE(in_slot_256(data) && in_slot_256(data + 16));
	memset(data, 0, 32);
	c->regs.rdi = USER(GPA_DATA);
	ASSERT_EQ(ENTRY_USER, go_user(c, user_show_tables));
	EXPECT_EQ(6, take(c).vector);
	EXPECT_TRUE(in_slot_256(data) && in_slot_256(data + 16));
}

TEST_F(pv, tables_are_the_guests_own)
{
	struct cpu *c = self->cpu;
	uint8_t *data = at(self->vm, GPA_DATA);
	struct kvm_sregs s = get_sregs(c);
	uint64_t base;
	int i;

	c->regs.rdi = KERNEL(GPA_DATA);
	ASSERT_EQ(STOPPED, go_kernel(c, show_tables));
	if (!(s.cr4 & UMIP)) {
		without_umip(_metadata, c, data);
		return;
	}
	memcpy(&base, data + 2, 8);
	EXPECT_EQ(s.gdt.base, base);
	EXPECT_EQ(s.gdt.limit, *(uint16_t *)data);
	memcpy(&base, data + 18, 8);
	EXPECT_EQ(s.idt.base, base);
	EXPECT_EQ(s.idt.limit, *(uint16_t *)(data + 16));
	EXPECT_EQ(s.ldt.selector, c->regs.rax & 0xffff);
	EXPECT_EQ(s.tr.selector, c->regs.rcx & 0xffff);
	EXPECT_EQ(s.cr0, c->regs.rdx);

	for (i = 0; i < 5; i++) {
		c->regs.rdi = USER(GPA_DATA);
		ASSERT_EQ(ENTRY_USER, go_user_at(c, user_code(user_tables) + 16 * i));
		EXPECT_EQ(13, take(c).vector)
			TH_LOG("instruction %d", i);
	}
}

/* U/S is off in the top level, whatever the guest's own tables say. */
TEST_F(trap, ring3_in_the_upper_half)
{
	const uint64_t va[] = { 0xffff900000000000, KERNEL(8 << 20), 0xffffc90000000000 };
	struct cpu *c = self->cpu;
	struct ring1_frame f;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(va); i++)
		map(self->vm, va[i], GPA_CODE, PTE_U | PTE_W);
	pv_start(c);
	for (i = 0; i < ARRAY_SIZE(va); i++) {
		uint64_t rip = va[i] + (code_user_syscall - __start_guest_code);

		fill_registers(&c->regs, i);
		c->regs.rax = RING1_HC_SHUTDOWN;
		c->regs.rdi = RING1_SHUTDOWN_POWEROFF;
		ASSERT_EQ(ENTRY_USER, go_user_at(c, rip));
		f = take(c);
		EXPECT_EQ(14, f.vector);
		EXPECT_EQ(rip, f.payload);
		EXPECT_EQ(0x14, f.error);
	}
}

/* The kernel's own code below: its SYSCALL is taken for its user's, and no more. */
TEST_F(trap, ring1_in_the_lower_half)
{
	struct cpu *c = self->cpu;

	map(self->vm, GPA_CODE, GPA_CODE, 0);
	pv_start(c);
	c->regs.rax = RING1_HC_SHUTDOWN;
	ASSERT_EQ(ENTRY_SYSCALL64, go(c, kernel_code(code_hypercall) - KERNEL_BASE));
	EXPECT_EQ(RING1_ABI_VERSION, HYPERCALL(c, ABI_VERSION));
}

CODE(kernel_insns,
	"cli\n .balign 16\n sti\n .balign 16\n hlt\n .balign 16\n clts\n .balign 16\n"
	"mov %cr0, %rax\n .balign 16\n mov %cr3, %rax\n .balign 16\n mov %dr7, %rax\n .balign 16\n"
	"invd\n .balign 16\n wbinvd\n .balign 16\n rdmsr\n .balign 16\n wrmsr\n .balign 16\n"
	"in $0x80, %al\n .balign 16\n out %al, $0x80\n .balign 16\n invlpg (%rdi)\n .balign 16\n"
	"lgdt (%rdi)\n .balign 16\n lidt (%rdi)\n .balign 16\n lmsw %ax\n .balign 16\n"
	"ltr %ax\n .balign 16\n lldt %ax\n .balign 16\n swapgs\n .balign 16\n sysretq\n .balign 16\n"
	"xsetbv\n .balign 16\n mov %rax, %cr8\n .balign 16\n monitor\n .balign 16\n clac\n"
	".balign 16\n stac\n .balign 16\n");
#define NR_KERNEL_INSNS	26

TEST_F(pv, ring3_cannot_what_is_the_kernels)
{
	struct ring1_frame f;
	int i;

	for (i = 0; i < NR_KERNEL_INSNS; i++) {
		fill_registers(&self->cpu->regs, i);
		self->cpu->regs.rdi = USER(GPA_DATA);
		ASSERT_EQ(ENTRY_USER, go_user_at(self->cpu, user_code(kernel_insns) + 16 * i));
		f = take(self->cpu);
		EXPECT_TRUE(f.vector == 13 || f.vector == 6)
			TH_LOG("instruction %d: vector %u", i, f.vector);
		EXPECT_EQ(user_code(kernel_insns) + 16 * i, f.ip);
	}
}

/* The selector comes from a device, so that KVM emulates the MOV: two bytes. */
#define MOV_SS(insn) "mov (%rdi), %ss\n " insn "\n ud2\n .balign 16\n"
CODE(user_mov_ss, MOV_SS("swapgs") MOV_SS("sysretq") MOV_SS("stac"));

static const int refused_by[] = { 13, 13, 6 };

/* Of rising priority, as none ends. */
#define VECTOR(n)	(0x51 + 16 * (n))
#define STAR		0xc0000081
#define KERNEL_GS_BASE	0xc0000102
#define DEVICE		RAM_SIZE

/* SYSRET would not be emulated with a STAR that is none of Linux. */
static void prepare_mov_ss(struct vm *vm, uint64_t kernel_gs)
{
	map(vm, USER(DEVICE), DEVICE, PTE_U | PTE_W);
	if (set_msr(vm->cpu, STAR, (uint64_t)USER32_CS << 48 | (uint64_t)KERNEL_CS << 32) != 1 ||
	    set_msr(vm->cpu, KERNEL_GS_BASE, kernel_gs) != 1)
		die("KVM_SET_MSRS");
}

/* An interrupt comes between the MOV, which holds it off, and the next instruction. */
static enum stop go_user_mov_ss(struct cpu *c, uint64_t rip, uint8_t vector)
{
	const uint16_t selector = USER_DS;
	struct kvm_vcpu_events events;

	c->regs.rdi = USER(DEVICE);
	if (go_user_at(c, rip) != KVM(MMIO) || c->run->mmio.is_write)
		die("MOV SS at %#llx", (long long)rip);
	memcpy(c->run->mmio.data, &selector, sizeof(selector));
	c->run->immediate_exit = 1;
	if (resume(c) != INTERRUPTED || c->regs.rip != rip + 2)
		die("the end of MOV SS");
	c->run->immediate_exit = 0;
	IOCTL(c->fd, KVM_GET_VCPU_EVENTS, &events);
	if (events.interrupt.shadow != KVM_X86_SHADOW_INT_MOV_SS)
		die("no interrupt shadow behind MOV SS");
	interrupt(c, vector);
	return resume(c);
}

/* Where an event came from, by the frame on a trap guest's stack. */
static uint64_t frame_ip(struct cpu *c, bool has_error)
{
	return *(uint64_t *)at(c->vm, c->regs.rsp - KERNEL_BASE + (has_error ? 8 : 0));
}

TEST_F(trap, ring3_cannot_behind_mov_ss)
{
	struct cpu *c = self->cpu;
	uint64_t gs = KERNEL(c->page_gpa), kernel_gs = KERNEL(GPA_DATA), value, rip;
	unsigned int i;

	prepare_mov_ss(self->vm, kernel_gs);
	c->page->user_gs = gs;			/* nobody swaps it */
	for (i = 0; i < ARRAY_SIZE(refused_by); i++) {
		rip = user_code(user_mov_ss) + 16 * i;
		c->regs.rcx = user_code(code_user_ud2);
		c->regs.r11 = FLAG_FIXED | FLAG_IF;
		ASSERT_EQ(GATE(VECTOR(i)), go_user_mov_ss(c, rip, VECTOR(i)));
		EXPECT_EQ(rip + 2, frame_ip(c, false))
			TH_LOG("instruction %d", i);
		EXPECT_EQ(gs, get_sregs(c).gs.base);
		ASSERT_EQ(GATE(refused_by[i]), go_kernel(c, code_iret_kernel));
		EXPECT_EQ(rip + 2, frame_ip(c, refused_by[i] == 13))
			TH_LOG("instruction %d", i);
		EXPECT_EQ(gs, get_sregs(c).gs.base);
		ASSERT_EQ(1, get_msr(c, KERNEL_GS_BASE, &value));
		EXPECT_EQ(kernel_gs, value);
	}
}

TEST_F(trap, ring3_cannot_behind_mov_ss_in_pv)
{
	struct cpu *c = self->cpu;
	uint64_t gs = USER(GPA_DATA), rip;
	struct ring1_frame f;
	unsigned int i;

	prepare_mov_ss(self->vm, KERNEL(GPA_DATA));
	pv_start(c);
	c->page->user_gs = gs;
	for (i = 0; i < ARRAY_SIZE(refused_by); i++) {
		rip = user_code(user_mov_ss) + 16 * i;
		c->regs.rcx = user_code(code_user_ud2);
		c->regs.r11 = FLAG_FIXED | FLAG_IF;
		ASSERT_EQ(ENTRY_USER, go_user_mov_ss(c, rip, VECTOR(i)));
		f = take(c);
		EXPECT_EQ(VECTOR(i), f.vector);
		EXPECT_EQ(rip + 2, f.ip)
			TH_LOG("instruction %d", i);
		EXPECT_EQ(gs, c->page->user_gs);
		ASSERT_EQ(ENTRY_USER, go_user_at(c, rip + 2));
		f = take(c);
		EXPECT_EQ(refused_by[i], (int)f.vector);
		EXPECT_EQ(rip + 2, f.ip);
		EXPECT_EQ(gs, c->page->user_gs);
		EXPECT_EQ(KERNEL(c->page_gpa), get_sregs(c).gs.base);
	}
}

TEST_HARNESS_MAIN
