// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    outside of 64-bit mode, where firmware and boot loaders run, events and INT n
 *           reach the guest's handlers as the processor would have them there, and IRET
 *           leads back; what faults on the way is the next event, and at last a shutdown;
 *           an exit is good for many instructions, also while an interrupt waits
 * How:      code for real mode and for protected mode of 16 and 32 bits; gates of both
 *           widths, a TSS of both; descriptors, gates and stacks that are not good; the
 *           monitor's counters of exits
 * Needs:    root, for the counters
 * Catches:  a tick in SeaBIOS that resets the guest, ENDBR in a boot loader that ends it; a
 *           fault while KVM injects, which KVM warns of; firmware of an exit an instruction
 */
#include "exits.h"
#include "machine.h"

/* The guest's tables: without paging, addresses are those of the memory. */
#define GPA_GDT32	(GPA_DATA + 0x1000)
#define GPA_IDT32	(GPA_DATA + 0x2000)
#define GPA_TSS32	(GPA_DATA + 0x3000)
#define GPA_STACK	(GPA_DATA + 0x10000)	/* grows down from here */
#define GPA_STACK0	(GPA_DATA + 0x18000)	/* the TSS's */
#define GPA_IVT		0
#define GPA_REAL_STACK	0x4000

/* Linux's selectors where there are such; also code of 16 bits, and what is not there. */
#define CS16		0x30
#define ABSENT_CODE	0x38
#define TSS_SELECTOR	0x48
#define CONFORMING	0x50
#define USER32_DS	USER_DS

#define TASK32		11
#define TASK16		3

/* In the middle of a gate: present, its DPL and its type. */
#define GATE_INT32	0x8e00
#define GATE_TRAP32	0x8f00
#define GATE_INT16	0x8600
#define GATE_TRAP16	0x8700
#define GATE_TASK	0x8500
#define GATE_USER	0x6000

#define CODE32(name, text) CODE(name, ".code32\n" text "\n.code64")
#define CODE16(name, text) CODE(name, ".code16\n" text "\n.code64")

CODE16(real_loop, "sti\n 1: jmp 1b\n");
CODE16(real_int, "int $0x21\n mov $7, %bx\n out %al, $0xd0\n");
CODE16(real_iret, "inc %cx\n iret\n");
CODE16(real_div, "xor %cx, %cx\n div %cx\n");
CODE16(real_endbr, ".byte 0xf3, 0x0f, 0x1e, 0xfb\n nopw (%si)\n"
		   ".byte 0xf3, 0x0f, 0x1e, 0xfa\n mov $7, %bx\n out %al, $0xd0\n");
/* CX times, with and without interrupts; then let them in */
CODE16(real_count, "1: loopl 1b\n sti\n nop\n nop\n out %al, $0xd0\n");
CODE16(real_stop, "out %al, $0xd0\n");
CODE32(loop, "sti\n 1: jmp 1b\n");
CODE32(int_n, "int $0x21\n mov $7, %ebx\n out %al, $0xd0\n");
CODE32(int3, "int3\n mov $7, %ebx\n out %al, $0xd0\n");
CODE32(into, "into\n mov $7, %ebx\n out %al, $0xd0\n");
CODE32(iret, "inc %ecx\n iret\n");
CODE32(iret_w, "inc %ecx\n iretw\n");
CODE32(bad_ds, "mov $0x58, %ax\n mov %ax, %ds\n");
CODE32(endbr, ".byte 0xf3, 0x0f, 0x1e, 0xfb\n.byte 0xf3, 0x0f, 0x1e, 0xc8\n mov $7, %ebx\n"
	      "out %al, $0xd0\n");
CODE32(clac, "stac\n clac\n out %al, $0xd0\n");
CODE32(hypercall32, "vmmcall\n out %al, $0xd0\n");
CODE32(stop32, "out %al, $0xd0\n");
CODE16(code16_int, "int $0x21\n mov $7, %bx\n out %al, $0xd0\n");

static uint32_t where(const char *code)
{
	return GPA_CODE + (code - __start_guest_code);
}

FIXTURE(modes)
{
	struct vm *vm;
	struct cpu *cpu;
	struct kvm_sregs sregs;
};

static void set_gate(struct vm *vm, int vector, uint16_t selector, uint16_t kind, uint32_t to)
{
	uint64_t *gate = at(vm, GPA_IDT32 + vector * 8);

	*gate = (to & 0xffff) | selector << 16 | (uint64_t)kind << 32 |
		(uint64_t)(to >> 16) << 48;
}

static uint32_t stub(int vector)
{
	return GPA_VECTORS + vector * 16;
}

static void make_tables32(struct vm *vm)
{
	uint64_t *gdt = at(vm, GPA_GDT32);
	uint32_t *tss = at(vm, GPA_TSS32);
	int i;

	gdt[KERNEL_CS / 8] = 0x00cf9b000000ffff;
	gdt[KERNEL_DS / 8] = 0x00cf93000000ffff;
	gdt[USER32_CS / 8] = 0x00cffb000000ffff;
	gdt[USER32_DS / 8] = 0x00cff3000000ffff;
	gdt[CS16 / 8] = 0x008f9b000000ffff;
	gdt[ABSENT_CODE / 8] = 0x00cf1b000000ffff;
	gdt[CONFORMING / 8] = 0x00cf9f000000ffff;
	tss[1] = GPA_STACK0;			/* ESP0, SS0 */
	tss[2] = KERNEL_DS;
	tss[0x64 / 4] = 0x68 << 16;		/* no port is open */
	for (i = 0; i < 256; i++)
		set_gate(vm, i, KERNEL_CS, GATE_INT32, stub(i));
}

/* The processor as at reset, but with IVT and stack at hand. */
static void set_real(struct cpu *c)
{
	struct kvm_segment data = { .limit = 0xffff, .type = 3, .present = 1, .s = 1 };
	struct kvm_sregs s = get_sregs(c);
	uint32_t *ivt = at(c->vm, GPA_IVT);
	int i;

	for (i = 0; i < 256; i++)
		ivt[i] = stub(i) >> 4 << 16;
	s.ds = s.es = s.fs = s.gs = s.ss = data;
	s.ss.selector = GPA_REAL_STACK >> 4;
	s.ss.base = GPA_REAL_STACK;
	s.cs = data;
	s.cs.type = 11;
	s.cs.selector = GPA_CODE >> 4;
	s.cs.base = GPA_CODE;
	s.idt.base = GPA_IVT;
	s.idt.limit = 0x3ff;
	s.cr0 = 0x30;
	s.cr3 = s.cr4 = s.efer = 0;
	IOCTL(c->fd, KVM_SET_SREGS, &s);
	memset(&c->regs, 0, sizeof(c->regs));
	c->regs.rsp = 0x800;
	c->regs.rflags = FLAG_FIXED;
}

/* Protected mode without paging, at this CPL. */
static void set_protected(struct cpu *c, int cpl, int tss_type)
{
	struct kvm_segment data = {
		.limit = ~0u, .selector = cpl ? USER32_DS : KERNEL_DS, .dpl = cpl, .type = 3,
		.present = 1, .db = 1, .s = 1, .g = 1,
	};
	struct kvm_sregs s = get_sregs(c);

	make_tables32(c->vm);
	s.ds = s.es = s.fs = s.gs = s.ss = data;
	s.cs = data;
	s.cs.type = 11;
	s.cs.selector = cpl ? USER32_CS : KERNEL_CS;
	s.tr = (struct kvm_segment){
		.base = GPA_TSS32, .limit = 0x67, .selector = TSS_SELECTOR, .type = tss_type,
		.present = 1,
	};
	s.gdt.base = GPA_GDT32;
	s.gdt.limit = 0x57;
	s.idt.base = GPA_IDT32;
	s.idt.limit = 256 * 8 - 1;
	s.cr0 = 0x31;
	s.cr3 = s.cr4 = s.efer = 0;
	IOCTL(c->fd, KVM_SET_SREGS, &s);
	memset(&c->regs, 0, sizeof(c->regs));
	c->regs.rsp = GPA_STACK;
	c->regs.rflags = FLAG_FIXED;
}

FIXTURE_SETUP(modes)
{
	self->vm = new_vm(true);
	self->cpu = &self->vm->cpu[0];
}

FIXTURE_TEARDOWN(modes)
{
}

static const uint32_t *stack32(const struct cpu *c)
{
	return at(c->vm, c->regs.rsp);
}

static const uint16_t *stack16(const struct cpu *c)
{
	return at(c->vm, c->regs.rsp);
}

/* A stub's OUT is of 32 bits in 16-bit code, and of 16 in 32-bit code. */
#define VECTOR16(vector) ((int)(vector))

TEST_F(modes, real_mode_interrupt)
{
	struct cpu *c = self->cpu;
	const uint16_t *frame;

	set_real(c);
	interrupt(c, 0x41);
	ASSERT_EQ(VECTOR16(0x41), (int)go(c, real_loop - __start_guest_code));
	frame = at(self->vm, GPA_REAL_STACK + c->regs.rsp);
	EXPECT_EQ(0x800 - 6, c->regs.rsp);
	EXPECT_EQ(real_loop + 1 - __start_guest_code, frame[0]);
	EXPECT_EQ(GPA_CODE >> 4, frame[1]);
	EXPECT_EQ(FLAG_FIXED | FLAG_IF, frame[2]);
	EXPECT_EQ(0, c->regs.rflags & FLAG_IF);
}

TEST_F(modes, real_mode_int_and_iret)
{
	struct cpu *c = self->cpu;
	uint16_t *ivt = at(self->vm, GPA_IVT);

	set_real(c);
	ivt[2 * 0x21] = real_iret - __start_guest_code;
	ivt[2 * 0x21 + 1] = GPA_CODE >> 4;
	ASSERT_EQ(STOPPED, go(c, real_int - __start_guest_code));
	EXPECT_EQ(7, c->regs.rbx);
	EXPECT_EQ(1, c->regs.rcx);
	EXPECT_EQ(0x800, c->regs.rsp);
}

TEST_F(modes, real_mode_exception)
{
	struct cpu *c = self->cpu;
	const uint16_t *frame;

	set_real(c);
	ASSERT_EQ(VECTOR16(0), (int)go(c, real_div - __start_guest_code));
	frame = at(self->vm, GPA_REAL_STACK + c->regs.rsp);
	EXPECT_EQ(0x800 - 6, c->regs.rsp);
	EXPECT_EQ(real_div + 2 - __start_guest_code, frame[0]);
}

/* KVM would push to the device, go on, and warn at the next KVM_RUN. */
TEST_F(modes, real_mode_stack_that_is_no_memory)
{
	struct cpu *c = self->cpu;
	struct kvm_sregs s;
	enum stop stop;

	set_real(c);
	s = get_sregs(c);
	s.ss.base = 64 << 20;
	s.ss.selector = 0xf000;
	IOCTL(c->fd, KVM_SET_SREGS, &s);
	interrupt(c, 0x41);
	EXPECT_EQ(KVM(SHUTDOWN), (int)go(c, real_loop - __start_guest_code));
	stop = resume(c);
	EXPECT_NE(DEAD, stop);
}

TEST_F(modes, endbr)
{
	struct cpu *c = self->cpu;

	set_real(c);
	EXPECT_EQ(STOPPED, go(c, real_endbr - __start_guest_code));
	EXPECT_EQ(7, c->regs.rbx);
	set_protected(c, 0, TASK32);
	EXPECT_EQ(STOPPED, go(c, where(endbr)));
	EXPECT_EQ(7, c->regs.rbx);
	EXPECT_EQ(STOPPED, go(c, where(clac)));
}

TEST_F(modes, interrupt_by_each_kind_of_gate)
{
	static const struct {
		uint16_t kind;
		int width;
		uint64_t flags;
	} gate[] = {
		{ GATE_INT32, 4, 0 }, { GATE_TRAP32, 4, FLAG_IF },
		{ GATE_INT16, 2, 0 }, { GATE_TRAP16, 2, FLAG_IF },
	};
	struct cpu *c = self->cpu;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(gate); i++) {
		int vector = 0x41 + 16 * i;	/* a higher one, as none is acknowledged */

		set_protected(c, 0, TASK32);
		/* A gate of 16 bits has no more of the address: code below 64 KiB. */
		memcpy(at(self->vm, 0x8000), at(self->vm, stub(vector)), 16);
		set_gate(self->vm, vector, KERNEL_CS, gate[i].kind,
			 gate[i].width == 2 ? 0xffff8000 : stub(vector));
		interrupt(c, vector);
		ASSERT_EQ(GATE(vector), (int)go(c, where(loop))) TH_LOG("gate %u", i);
		EXPECT_EQ(GPA_STACK - 3 * gate[i].width, (int)c->regs.rsp);
		EXPECT_EQ(gate[i].flags, c->regs.rflags & FLAG_IF);
		if (gate[i].width == 4) {
			EXPECT_EQ(where(loop) + 1, stack32(c)[0]);
			EXPECT_EQ(KERNEL_CS, stack32(c)[1]);
			EXPECT_EQ(FLAG_FIXED | FLAG_IF, stack32(c)[2]);
		} else {
			EXPECT_EQ((uint16_t)(where(loop) + 1), stack16(c)[0]);
			EXPECT_EQ(KERNEL_CS, stack16(c)[1]);
			EXPECT_EQ(FLAG_FIXED | FLAG_IF, stack16(c)[2]);
		}
	}
}

TEST_F(modes, int_and_iret)
{
	struct cpu *c = self->cpu;

	set_protected(c, 0, TASK32);
	set_gate(self->vm, 0x21, KERNEL_CS, GATE_INT32, where(iret));
	ASSERT_EQ(STOPPED, go(c, where(int_n)));
	EXPECT_EQ(7, c->regs.rbx);
	EXPECT_EQ(1, c->regs.rcx);
	EXPECT_EQ(GPA_STACK, c->regs.rsp);
	set_gate(self->vm, 3, KERNEL_CS, GATE_INT32, where(iret));
	EXPECT_EQ(STOPPED, go(c, where(int3)));
	EXPECT_EQ(2, c->regs.rcx);
	set_gate(self->vm, 4, KERNEL_CS, GATE_INT32, where(iret));
	c->regs.rflags |= 0x800;
	EXPECT_EQ(STOPPED, go(c, where(into)));
	EXPECT_EQ(3, c->regs.rcx);
	c->regs.rflags &= ~0x800ull;
	EXPECT_EQ(STOPPED, go(c, where(into)));
	EXPECT_EQ(3, c->regs.rcx);
}

TEST_F(modes, code_of_16_bits)
{
	struct cpu *c = self->cpu;
	struct kvm_sregs s;

	set_protected(c, 0, TASK16);
	s = get_sregs(c);
	s.cs.selector = CS16;
	s.cs.db = 0;
	s.cs.base = GPA_CODE;
	s.ss.db = 0;
	s.ss.base = GPA_STACK;
	IOCTL(c->fd, KVM_SET_SREGS, &s);
	((uint64_t *)at(self->vm, GPA_GDT32))[CS16 / 8] = 0x008f9b010000ffff;
	set_gate(self->vm, 0x21, CS16, GATE_INT16, real_iret - __start_guest_code);
	c->regs.rsp = 0x55550800;		/* the upper half stays */
	ASSERT_EQ(STOPPED, go(c, code16_int - __start_guest_code));
	EXPECT_EQ(7, c->regs.rbx);
	EXPECT_EQ(1, c->regs.rcx);
	EXPECT_EQ(0x55550800, c->regs.rsp);
}

TEST_F(modes, error_code)
{
	struct cpu *c = self->cpu;

	set_protected(c, 0, TASK32);
	ASSERT_EQ(GATE(13), (int)go(c, where(bad_ds)));
	EXPECT_EQ(GPA_STACK - 16, c->regs.rsp);
	EXPECT_EQ(0x58, stack32(c)[0]);
	EXPECT_EQ(where(bad_ds) + 4, stack32(c)[1]);
	EXPECT_EQ(KERNEL_CS, stack32(c)[2]);
	EXPECT_EQ(FLAG_RF, stack32(c)[3] & FLAG_RF);
}

/* By the TSS, of both kinds, and back: what the kernel had in DS is not the user's. */
TEST_F(modes, from_the_user_and_back)
{
	static const int tss_type[] = { TASK32, TASK16 };
	struct cpu *c = self->cpu;
	uint16_t *tss16 = at(self->vm, GPA_TSS32);
	struct kvm_sregs s;
	uint32_t frame[5];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tss_type); i++) {
		set_protected(c, 3, tss_type[i]);
		if (tss_type[i] == TASK16) {
			tss16[1] = 0x9000;
			tss16[2] = KERNEL_DS;
		}
		set_gate(self->vm, 0x21, KERNEL_CS, GATE_INT32 | GATE_USER, stub(0x21));
		c->regs.rsp = GPA_STACK;
		ASSERT_EQ(GATE(0x21), (int)go(c, where(int_n)));
		s = get_sregs(c);
		EXPECT_EQ(0, s.ss.dpl);
		EXPECT_EQ(KERNEL_DS, s.ss.selector);
		EXPECT_EQ(KERNEL_CS, s.cs.selector);
		EXPECT_EQ((tss_type[i] == TASK16 ? 0x9000 : GPA_STACK0) - 20, (int)c->regs.rsp);
		memcpy(frame, stack32(c), sizeof(frame));
		EXPECT_EQ(where(int_n) + 2, frame[0]);
		EXPECT_EQ(USER32_CS, frame[1]);
		EXPECT_EQ(FLAG_FIXED, frame[2] & FLAG_FIXED);
		EXPECT_EQ(GPA_STACK, frame[3]);
		EXPECT_EQ(USER32_DS, frame[4]);

		/* ES is closed, DS open to it */
		s.es.selector = KERNEL_DS;
		s.es.dpl = 0;
		IOCTL(c->fd, KVM_SET_SREGS, &s);
		c->regs.rip = where(iret);
		IOCTL(c->fd, KVM_SET_REGS, &c->regs);
		/* The user's OUT is not allowed. */
		ASSERT_EQ(GATE(13), (int)resume(c));
		EXPECT_EQ(7, c->regs.rbx);
		s = get_sregs(c);
		EXPECT_EQ(0, s.es.selector);
		EXPECT_EQ(USER32_DS, s.ds.selector);
		EXPECT_EQ(USER32_CS, stack32(c)[2]);
	}
}

TEST_F(modes, gates_that_are_not_the_users)
{
	struct cpu *c = self->cpu;

	set_protected(c, 3, TASK32);
	ASSERT_EQ(GATE(13), (int)go(c, where(int_n)));
	EXPECT_EQ(0x21 * 8 + 2, stack32(c)[0]);
	EXPECT_EQ(where(int_n), stack32(c)[1]);
	EXPECT_EQ(USER32_CS, stack32(c)[2]);
	/* nor one that would leave it a user */
	set_protected(c, 3, TASK32);
	set_gate(self->vm, 0x21, CONFORMING, GATE_INT32 | GATE_USER, stub(0x21));
	EXPECT_EQ(GATE(13), (int)go(c, where(int_n)));
}

TEST_F(modes, gates_that_are_not_good)
{
	const struct {
		uint16_t selector, kind;
		int vector;
		uint32_t error;
	} gate[] = {
		{ KERNEL_CS, 0x0e00, 11, 0x21 * 8 + 2 },
		{ KERNEL_CS, 0x8c00, 13, 0x21 * 8 + 2 },
		{ TSS_SELECTOR, GATE_TASK, 13, 0x21 * 8 + 2 },
		{ ABSENT_CODE, GATE_INT32, 11, ABSENT_CODE },
		{ KERNEL_DS, GATE_INT32, 13, KERNEL_DS },
		{ USER32_CS, GATE_INT32, 13, USER32_CS & ~3 },
		{ 0, GATE_INT32, 13, 0 },
		{ 0x1000, GATE_INT32, 13, 0x1000 },
	};
	struct cpu *c = self->cpu;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(gate); i++) {
		set_protected(c, 0, TASK32);
		set_gate(self->vm, 0x21, gate[i].selector, gate[i].kind, stub(0x21));
		ASSERT_EQ(GATE(gate[i].vector), (int)go(c, where(int_n))) TH_LOG("gate %u", i);
		EXPECT_EQ(gate[i].error, stack32(c)[0]) TH_LOG("gate %u", i);
		EXPECT_EQ(where(int_n), stack32(c)[1]);
	}
}

/* As events: an interrupt's fault has EXT, two faults are a double fault, and so on. */
TEST_F(modes, faults_on_the_way)
{
	struct cpu *c = self->cpu;
	struct kvm_sregs s;

	set_protected(c, 0, TASK32);
	set_gate(self->vm, 0x41, KERNEL_CS, 0x0e00, 0);
	interrupt(c, 0x41);
	ASSERT_EQ(GATE(11), (int)go(c, where(loop)));
	EXPECT_EQ(0x41 * 8 + 3, stack32(c)[0]);
	EXPECT_EQ(where(loop) + 1, stack32(c)[1]);

	set_protected(c, 0, TASK32);
	set_gate(self->vm, 13, KERNEL_CS, 0x0e00, 0);
	ASSERT_EQ(GATE(8), (int)go(c, where(bad_ds)));
	EXPECT_EQ(0, stack32(c)[0]);
	EXPECT_EQ(where(bad_ds) + 4, stack32(c)[1]);

	set_gate(self->vm, 8, KERNEL_CS, 0x0e00, 0);
	c->regs.rsp = GPA_STACK;
	EXPECT_EQ(KVM(SHUTDOWN), (int)go(c, where(bad_ds)));

	/* no room on the stack, and none for the fault either */
	set_protected(c, 0, TASK32);
	s = get_sregs(c);
	s.ss.limit = 0xfff;
	IOCTL(c->fd, KVM_SET_SREGS, &s);
	EXPECT_EQ(KVM(SHUTDOWN), (int)go(c, where(int_n)));
	/* a stack that is no memory */
	set_protected(c, 0, TASK32);
	c->regs.rsp = 64 << 20;
	EXPECT_EQ(KVM(SHUTDOWN), (int)go(c, where(int_n)));
	/* the user's is not needed */
	set_protected(c, 3, TASK32);
	c->regs.rsp = 64 << 20;
	EXPECT_EQ(GATE(13), (int)go(c, where(int_n)));
	/* but the TSS is */
	set_protected(c, 3, TASK32);
	((uint32_t *)at(self->vm, GPA_TSS32))[2] = USER32_DS;
	EXPECT_EQ(KVM(SHUTDOWN), (int)go(c, where(int_n)));
}

/* With paging: a page fault on the way. */
TEST_F(modes, page_faults_on_the_way)
{
	struct cpu *c = self->cpu;
	uint32_t *pd = at(self->vm, GPA_DATA + 0x20000);
	struct kvm_sregs s;

	set_protected(c, 0, TASK32);
	pd[0] = PTE_PS | PTE_P | PTE_W;		/* 4 MiB, one to one */
	s = get_sregs(c);
	s.cr3 = GPA_DATA + 0x20000;
	s.cr4 = 0x10;				/* PSE */
	s.cr0 |= 1u << 31;
	IOCTL(c->fd, KVM_SET_SREGS, &s);
	c->regs.rsp = GPA_STACK;
	EXPECT_EQ(GATE(0x21), (int)go(c, where(int_n)));
	/* a stack in a page that is not there: the page fault's own, too */
	c->regs.rsp = 8 << 20;
	EXPECT_EQ(KVM(SHUTDOWN), (int)go(c, where(int_n)));
	/* an IDT that is not: a page fault, and one by it */
	s.idt.base = 8 << 20;
	IOCTL(c->fd, KVM_SET_SREGS, &s);
	c->regs.rsp = GPA_STACK;
	EXPECT_EQ(KVM(SHUTDOWN), (int)go(c, where(int_n)));
	/* a gate whose stack is in the TSS, and the TSS is not there */
	set_protected(c, 3, TASK32);
	pd[0] |= PTE_U;
	s = get_sregs(c);
	s.cr3 = GPA_DATA + 0x20000;
	s.cr4 = 0x10;
	s.cr0 |= 1u << 31;
	s.tr.base = 8 << 20;
	IOCTL(c->fd, KVM_SET_SREGS, &s);
	EXPECT_EQ(KVM(SHUTDOWN), (int)go(c, where(int_n)));
}

static enum stop iret_to(struct cpu *c, const char *code, uint32_t ip, uint32_t cs, uint32_t flags,
			 uint32_t sp, uint32_t ss)
{
	uint32_t *frame = at(c->vm, GPA_STACK - 20);

	memcpy(frame, (uint32_t[]){ ip, cs, flags, sp, ss }, 20);
	c->regs.rsp = GPA_STACK - 20;
	return go(c, where(code));
}

TEST_F(modes, irets_that_are_not_good)
{
	const struct {
		uint32_t cs, flags, ss;
		int vector;
		uint32_t error;
	} frame[] = {
		{ 0, 0, 0, 13, 0 },
		{ KERNEL_DS, 0, 0, 13, KERNEL_DS },
		{ ABSENT_CODE, 0, 0, 11, ABSENT_CODE },
		{ USER32_CS & ~3, 0, 0, 13, USER32_CS & ~3 },
		{ KERNEL_CS | 1, 0, 0, 13, KERNEL_CS },
		{ KERNEL_CS | 3, 0, USER32_DS, 13, KERNEL_CS },
		{ USER32_CS, 0, KERNEL_DS, 13, KERNEL_DS },
		{ USER32_CS, 0, 0, 13, 0 },
		{ KERNEL_CS, FLAG_VM, 0, 13, 0 },
	};
	struct cpu *c = self->cpu;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(frame); i++) {
		set_protected(c, 0, TASK32);
		ASSERT_EQ(GATE(frame[i].vector), (int)
			  iret_to(c, iret, where(stop32), frame[i].cs, frame[i].flags | FLAG_FIXED,
				  GPA_STACK, frame[i].ss)) TH_LOG("frame %u", i);
		EXPECT_EQ(frame[i].error, stack32(c)[0]) TH_LOG("frame %u", i);
		EXPECT_EQ(where(iret) + 1, stack32(c)[1]);
	}
	/* The good one, with flags; of 16 bits; and the task that NT names is not there. */
	set_protected(c, 0, TASK32);
	EXPECT_EQ(STOPPED, iret_to(c, iret, where(stop32), KERNEL_CS, FLAG_ID | FLAG_AC | FLAG_IOPL,
				   0, 0));
	EXPECT_EQ(FLAG_ID | FLAG_AC | FLAG_IOPL | FLAG_FIXED, c->regs.rflags);
	set_protected(c, 0, TASK32);
	c->regs.rflags |= FLAG_NT;
	EXPECT_EQ(GATE(13), (int)iret_to(c, iret, where(stop32), KERNEL_CS, 0, 0, 0));
}

/* A user can change neither IOPL nor, below it, IF; and not become the kernel. */
TEST_F(modes, irets_of_the_user)
{
	struct cpu *c = self->cpu;

	set_protected(c, 3, TASK32);
	ASSERT_EQ(GATE(13), (int)iret_to(c, iret, where(stop32), USER32_CS, FLAG_IOPL | FLAG_ID, 0,
					 0));
	EXPECT_EQ(where(stop32), stack32(c)[1]);
	EXPECT_EQ(FLAG_ID, stack32(c)[3] & (FLAG_IOPL | FLAG_ID));
	set_protected(c, 3, TASK32);
	ASSERT_EQ(GATE(13), (int)iret_to(c, iret, where(stop32), KERNEL_CS, 0, 0, 0));
	EXPECT_EQ(KERNEL_CS, stack32(c)[0]);
	EXPECT_EQ(where(iret) + 1, stack32(c)[1]);
}

TEST_F(modes, nmi_until_iret)
{
	struct cpu *c = self->cpu;

	set_protected(c, 0, TASK32);
	IOCTL(c->fd, KVM_NMI);
	ASSERT_EQ(GATE(2), (int)go(c, where(stop32)));
	/* The next one waits for the handler's IRET. */
	IOCTL(c->fd, KVM_NMI);
	ASSERT_EQ(STOPPED, go(c, where(stop32)));
	c->regs.rsp = GPA_STACK - 12;
	c->regs.rip = where(iret);
	IOCTL(c->fd, KVM_SET_REGS, &c->regs);
	ASSERT_EQ(GATE(2), (int)resume(c));
	EXPECT_EQ(where(stop32), stack32(c)[0]);
}

/* The kernel's code of 32 bits in long mode: by a gate of 64 bits. */
TEST_F(modes, compatibility_mode)
{
	struct cpu *c = self->cpu;
	struct kvm_sregs s = get_sregs(c);

	map(self->vm, GPA_CODE, GPA_CODE, PTE_W);
	map(self->vm, GPA_CODE + PAGE, GPA_CODE + PAGE, PTE_W);
	s.cs.l = 0;
	s.cs.db = 1;
	IOCTL(c->fd, KVM_SET_SREGS, &s);
	ASSERT_EQ(GATE(0x21), (int)go(c, where(int_n)));
	EXPECT_EQ(1, get_sregs(c).cs.l);
	EXPECT_EQ(where(int_n) + 2, *(uint64_t *)at(self->vm, c->regs.rsp - KERNEL_BASE));
}

/* VMMCALL is KVM's emulator's, and so is what it puts in its place. */
TEST_F(modes, hypercall)
{
	struct cpu *c = self->cpu;

	set_protected(c, 0, TASK32);
	c->regs.rax = 1;			/* KVM_HC_VAPIC_POLL_IRQ: does nothing */
	ASSERT_EQ(STOPPED, go(c, where(hypercall32)));
	EXPECT_EQ(0, c->regs.rax);
	c->regs.rax = 99;
	ASSERT_EQ(STOPPED, go(c, where(hypercall32)));
	EXPECT_EQ((uint32_t)-1000, c->regs.rax);	/* -KVM_ENOSYS */
}

#define LOOPS 40000

TEST_F(modes, many_instructions_an_exit)
{
	struct cpu *c = self->cpu;
	long before, emulated;
	int waiting;

	for (waiting = 0; waiting < 2; waiting++) {
		set_real(c);
		c->regs.rcx = LOOPS;
		before = exits("exits");
		emulated = exits("emulate_mode");
		ASSERT_LE(0, before);
		if (waiting)
			interrupt(c, 0x41);
		EXPECT_EQ(waiting ? VECTOR16(0x41) : (int)STOPPED,
			  (int)go(c, real_count - __start_guest_code));
		before = exits("exits") - before;
		emulated = exits("emulate_mode") - emulated;
		printf("# %ld exits for %ld instructions, an interrupt waiting: %d\n", before,
		       emulated, waiting);
		EXPECT_LE(LOOPS, emulated);
		/* The host's own interrupts end some earlier. */
		EXPECT_GE(LOOPS / 20, before);
	}
}

TEST_HARNESS_MAIN
