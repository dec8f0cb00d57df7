/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A machine for the tests that need a guest kernel which obeys no rules: two
 * processors in 64-bit mode, 4 MiB of memory, and nothing that runs by itself. A
 * test puts registers into a processor, lets it execute a few instructions and
 * looks at where it stopped. So the guest's code stands beside what is expected of
 * it, as CODE(); there is no guest kernel to build. With ring1_test.mmu=own on the
 * host's command line, pv_start() leaves KVM's MMU for the monitor's own.
 *
 * Owns the machine and its memory, page tables, entry points and registers. What is
 * expected is the tests' business, what a broken machine means is not: then the
 * program ends with a message, which is a failure.
 */
#ifndef TEST_MACHINE_H
#define TEST_MACHINE_H

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmdline.h"
#include "kselftest_harness.h"
#include "ring1_abi.h"
#include "ring1-hypercalls.h"
#define __ASSEMBLY__			/* its types need the kernel's headers */
#include "switcher.h"
#undef __ASSEMBLY__

/* The harness's 30 seconds, on a host that is as slow as the debug one (TEST_SLOWNESS=5). */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	150

#define PAGE		4096ull
#define RAM_SIZE	(4ull << 20)

/*
 * Where things are in guest memory. All of it is mapped twice: for the guest kernel
 * in the upper half and, from USER_BASE, for its user; the rest of the address space
 * is empty.
 */
#define GPA_CODE	0x10000		/* CODE(), up to 64 KiB */
#define GPA_GDT		0x20000
#define GPA_IDT		0x21000		/* its gates lead to GPA_VECTORS */
#define GPA_VECTORS	0x22000
#define GPA_ENTRIES	0x23000
#define GPA_TSS		0x24000
#define GPA_CPU(n)	(0x30000 + (n) * 0x10000)	/* struct ring1_vcpu_page, then stacks */
#define GPA_LIVE	0x60000		/* for mmu_register(): bits of NR_LIVE frames */
#define GPA_DATA	0x100000	/* the test's own, 1 MiB, zeroed */
#define GPA_TABLES	0x200000	/* page tables; the root comes first */

#define KERNEL_BASE	0xffffffff80000000ull
#define USER_BASE	0x400000000ull
#define KERNEL(gpa)	(KERNEL_BASE + (gpa))
#define USER(gpa)	(USER_BASE + (gpa))

#define PTE_P		1ull
#define PTE_W		2ull
#define PTE_U		4ull
#define PTE_PS		0x80ull
#define PTE_G		0x100ull

#define NR_CPUS		2
#define NR_LIVE		0x8000ull

/* Selectors where Linux has them. */
#define KERNEL_CS	0x10
#define KERNEL_DS	0x18
#define USER32_CS	0x23
#define USER_DS		0x2b
#define USER_CS		0x33
#define TR_SELECTOR	0x40

#define FLAG_FIXED	0x2
#define FLAG_TF		0x100
#define FLAG_IF		0x200
#define FLAG_DF		0x400
#define FLAG_IOPL	0x3000
#define FLAG_NT		0x4000
#define FLAG_RF		0x10000
#define FLAG_VM		0x20000
#define FLAG_AC		0x40000
#define FLAG_VIF	0x80000
#define FLAG_VIP	0x100000
#define FLAG_ID		0x200000
#define FLAG_STATUS	0x8d5

/*
 * Why a processor stopped: at an entry point, which does OUT to a port of its own;
 * at a gate of the IDT (trap mode), a 16-bit OUT to the vector; or KVM's reason.
 */
enum stop {
	STOPPED = 0xd0,			/* STOP in the test's code */
	ENTRY = 0xe0,			/* in the order of struct ring1_setup */
	ENTRY_USER = ENTRY,
	ENTRY_KERNEL,
	ENTRY_DB,
	ENTRY_NMI,
	ENTRY_MC,
	ENTRY_DF,
	ENTRY_SYSCALL64,
	ENTRY_SYSCALL32,
	ENTRY_SYSENTER32,
	GATE = 0x1000,
	KVM = 0x2000,
	DEAD = 0x3000,			/* KVM_RUN: EIO */
	INTERRUPTED,			/* KVM_RUN: EINTR */
};

#define NR_ENTRIES	9
#define GATE(vector)	(GATE + (vector))
#define KVM(reason)	(KVM + KVM_EXIT_##reason)

/*
 * Code for the guest: position independent, in its memory as GPA_CODE says, with the
 * labels of all other CODE in reach. STOP ends it in ring 1; ring 3 has `ud2`.
 */
#define CODE(name, text)							\
	asm(".pushsection guest_code, \"ax\"\n .balign 16\n" #name ":\n"	\
	    text "\n .popsection");						\
	extern const char name[]
#define STOP "out %al, $0xd0\n"

extern const char __start_guest_code[], __stop_guest_code[];

CODE(code_stop, STOP);
CODE(code_hypercall, "syscall\n" STOP);
CODE(code_user_syscall, "syscall\n ud2\n");
CODE(code_user_ud2, "ud2\n");
CODE(code_poke, "mov %rax, (%rdi)\n" STOP);
CODE(code_peek, "mov (%rdi), %rax\n" STOP);
CODE(code_iret_kernel, "iretq\n");
/* To ring 3: as a PV kernel does, with the user's GS base from the shared page. */
CODE(code_iret_user, "push %rax\n mov %gs:8, %rax\n wrgsbase %rax\n pop %rax\n iretq\n");

static inline uint64_t kernel_code(const char *code)
{
	return KERNEL(GPA_CODE + (code - __start_guest_code));
}

static inline uint64_t user_code(const char *code)
{
	return USER(GPA_CODE + (code - __start_guest_code));
}

struct vm {
	int fd;
	bool irqchip;
	uint8_t *ram;
	uint64_t next_table;
	struct cpu {
		struct vm *vm;
		int fd;
		struct kvm_run *run;
		struct kvm_regs regs;	/* loaded by go(), and what came of it */
		struct ring1_vcpu_page *page;
		uint64_t page_gpa;
	} cpu[NR_CPUS];
};

static inline void die(const char *format, ...)
{
	va_list args;

	printf("# machine: ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf(": %s\n", strerror(errno));
	fflush(stdout);
	_exit(KSFT_FAIL);
}

#define IOCTL(fd, request, ...) do {						\
	if (ioctl(fd, request, ##__VA_ARGS__) < 0)				\
		die(#request);							\
} while (0)

static inline void *at(struct vm *vm, uint64_t gpa)
{
	return vm->ram + gpa;
}

/*
 * The entry of that level, 1 to 4, for an address; tables above it are made. With KVM's MMU,
 * to be done before the guest uses the table: KVM does not see what is written from here.
 * Later, poke() and flush.
 */
static inline uint64_t *entry_in(struct vm *vm, uint64_t root, uint64_t gva, int level)
{
	uint64_t *table = at(vm, root);
	int shift;

	for (shift = 39; shift > 12 + 9 * (level - 1); shift -= 9) {
		uint64_t *entry = &table[gva >> shift & 511];

		if (!*entry) {
			*entry = vm->next_table | PTE_P | PTE_W | PTE_U;
			vm->next_table += PAGE;
			if (vm->next_table > RAM_SIZE)
				die("out of page tables");
		}
		table = at(vm, *entry & ~(PAGE - 1));
	}
	return &table[gva >> shift & 511];
}

/* What maps a page of the guest's. */
static inline uint64_t *pte(struct vm *vm, uint64_t gva)
{
	return entry_in(vm, GPA_TABLES, gva, 1);
}

static inline void map(struct vm *vm, uint64_t gva, uint64_t gpa, uint64_t flags)
{
	*pte(vm, gva) = gpa | flags | PTE_P;
}

static inline uint64_t gpa_of(struct vm *vm, const void *p)
{
	return (const uint8_t *)p - vm->ram;
}

/* OUT to a port of its own at each entry point and each gate. */
static inline void make_entries(struct vm *vm)
{
	uint8_t *entry = at(vm, GPA_ENTRIES), *stub = at(vm, GPA_VECTORS);
	uint64_t *idt = at(vm, GPA_IDT);
	int i;

	for (i = 0; i < NR_ENTRIES; i++)
		memcpy(entry + i * 16, (uint8_t[]){ 0xe6, ENTRY + i, 0xf4 }, 3);
	for (i = 0; i < 256; i++) {
		uint64_t addr = KERNEL(GPA_VECTORS + i * 16);

		memcpy(stub + i * 16, (uint8_t[]){ 0x66, 0xe7, i, 0xf4 }, 4);
		idt[2 * i] = (addr & 0xffff) | KERNEL_CS << 16 | 0xee00ull << 32 |
			     (addr >> 16 & 0xffff) << 48;
		idt[2 * i + 1] = addr >> 32;
	}
}

static inline void make_gdt(struct vm *vm)
{
	uint64_t *gdt = at(vm, GPA_GDT);

	gdt[KERNEL_CS / 8] = 0x00af9b000000ffff;
	gdt[KERNEL_DS / 8] = 0x00cf93000000ffff;
	gdt[USER32_CS / 8] = 0x00cffb000000ffff;
	gdt[USER_DS / 8] = 0x00cff3000000ffff;
	gdt[USER_CS / 8] = 0x00affb000000ffff;
}

static inline void make_tss(struct vm *vm)
{
	uint64_t sp0 = KERNEL(GPA_CPU(0) + 0x8000);
	uint16_t bitmap = 0x68;			/* beyond the limit: no port is open */

	memcpy(at(vm, GPA_TSS + 4), &sp0, sizeof(sp0));
	memcpy(at(vm, GPA_TSS + 0x66), &bitmap, sizeof(bitmap));
}

static inline void set_cpuid(int kvm, struct cpu *c)
{
	static struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entry[128];
	} cpuid;

	cpuid.head.nent = 128;
	IOCTL(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid);
	IOCTL(c->fd, KVM_SET_CPUID2, &cpuid);
}

static inline void set_long_mode(struct cpu *c)
{
	struct kvm_segment data = {
		.limit = ~0u, .selector = KERNEL_DS, .type = 3,
		.present = 1, .db = 1, .s = 1, .g = 1,
	};
	struct kvm_sregs s;

	IOCTL(c->fd, KVM_GET_SREGS, &s);
	s.ds = s.es = s.fs = s.gs = s.ss = data;
	s.cs = (struct kvm_segment){
		.limit = ~0u, .selector = KERNEL_CS, .type = 11,
		.present = 1, .s = 1, .l = 1, .g = 1,
	};
	s.tr = (struct kvm_segment){
		.base = KERNEL(GPA_TSS), .limit = 0x67, .selector = TR_SELECTOR, .type = 11,
		.present = 1,
	};
	s.gs.base = KERNEL(c->page_gpa);	/* for code_iret_user */
	s.gdt.base = KERNEL(GPA_GDT);
	s.gdt.limit = 0x7f;
	s.idt.base = KERNEL(GPA_IDT);
	s.idt.limit = PAGE - 1;
	s.cr0 = 0x80010033;			/* PG WP NE ET MP PE */
	s.cr3 = GPA_TABLES;
	s.cr4 = 0x10620;			/* FSGSBASE OSXMMEXCPT OSFXSR PAE */
	s.efer = 0xd01;				/* NXE LMA LME SCE */
	IOCTL(c->fd, KVM_SET_SREGS, &s);
}

static inline uint64_t kernel_stack(const struct cpu *c)
{
	return KERNEL(c->page_gpa + 0x8000);
}

static inline uint64_t user_stack(const struct cpu *c)
{
	return USER(c->page_gpa + 0xf000);
}

/* Enabled; and no processor waits to be started by another. */
static inline void start_apic(struct cpu *c)
{
	struct kvm_lapic_state apic;
	struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };
	uint32_t spurious = 0x1ff;

	IOCTL(c->fd, KVM_SET_MP_STATE, &runnable);
	IOCTL(c->fd, KVM_GET_LAPIC, &apic);
	memcpy(apic.regs + 0xf0, &spurious, sizeof(spurious));
	IOCTL(c->fd, KVM_SET_LAPIC, &apic);
}

/* An interrupt to a processor of a machine with irqchip. */
static inline void interrupt(struct cpu *c, uint8_t vector)
{
	struct kvm_msi msi = {
		.address_lo = 0xfee00000 | (uint32_t)(c - c->vm->cpu) << 12, .data = vector,
	};

	IOCTL(c->vm->fd, KVM_SIGNAL_MSI, &msi);
}

static inline void make_cpu(int kvm, struct vm *vm, int i)
{
	struct cpu *c = &vm->cpu[i];

	c->vm = vm;
	c->fd = ioctl(vm->fd, KVM_CREATE_VCPU, i);
	if (c->fd < 0)
		die("KVM_CREATE_VCPU");
	c->run = mmap(NULL, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE,
		      MAP_SHARED, c->fd, 0);
	if (c->run == MAP_FAILED)
		die("mmap of the vCPU");
	c->page_gpa = GPA_CPU(i);
	c->page = at(vm, c->page_gpa);
	set_cpuid(kvm, c);
	set_long_mode(c);
	if (vm->irqchip)
		start_apic(c);
	c->regs.rflags = FLAG_FIXED;
	c->regs.rsp = kernel_stack(c);
}

/* A memory slot; flags as KVM's. */
static inline void add_memory(struct vm *vm, int slot, uint64_t gpa, void *host, uint64_t size,
			      unsigned int flags)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot, .flags = flags, .guest_phys_addr = gpa, .memory_size = size,
		.userspace_addr = (uintptr_t)host,
	};

	IOCTL(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
}

static inline struct vm *new_vm(bool irqchip)
{
	struct vm *vm = calloc(1, sizeof(*vm));
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	uint64_t gpa;
	int i;

	if (kvm < 0)
		die("/dev/kvm");
	vm->fd = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm->fd < 0)
		die("KVM_CREATE_VM");
	vm->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (vm->ram == MAP_FAILED)
		die("mmap of the memory");
	add_memory(vm, 0, 0, vm->ram, RAM_SIZE, 0);
	if (irqchip)
		IOCTL(vm->fd, KVM_CREATE_IRQCHIP, 0);
	vm->irqchip = irqchip;

	vm->next_table = GPA_TABLES + PAGE;
	for (gpa = 0; gpa < RAM_SIZE; gpa += PAGE) {
		map(vm, KERNEL(gpa), gpa, PTE_W);
		map(vm, USER(gpa), gpa, PTE_W | PTE_U);
	}
	memcpy(at(vm, GPA_CODE), __start_guest_code, __stop_guest_code - __start_guest_code);
	make_entries(vm);
	make_gdt(vm);
	make_tss(vm);
	for (i = 0; i < NR_CPUS; i++)
		make_cpu(kvm, vm, i);
	close(kvm);
	return vm;
}

/* Go on with the registers that are in the processor. */
static inline enum stop resume(struct cpu *c)
{
	enum stop stop;

	if (ioctl(c->fd, KVM_RUN, 0)) {
		if (errno != EINTR && errno != EIO)
			die("KVM_RUN");
		stop = errno == EINTR ? INTERRUPTED : DEAD;
	} else if (c->run->exit_reason == KVM_EXIT_IO && c->run->io.direction == KVM_EXIT_IO_OUT) {
		stop = c->run->io.port + (c->run->io.size == 2 ? GATE : 0);
	} else {
		stop = KVM + c->run->exit_reason;
	}
	IOCTL(c->fd, KVM_GET_REGS, &c->regs);
	return stop;
}

/* Start at this address with the registers in c->regs. */
static inline enum stop go(struct cpu *c, uint64_t rip)
{
	c->regs.rip = rip;
	IOCTL(c->fd, KVM_SET_REGS, &c->regs);
	return resume(c);
}

static inline enum stop go_kernel(struct cpu *c, const char *code)
{
	return go(c, kernel_code(code));
}

/* By IRETQ from ring 1, with any frame. What the shared page says of IF does not matter. */
static inline enum stop go_iret(struct cpu *c, uint64_t rip, uint64_t cs, uint64_t rflags,
				uint64_t rsp, uint64_t ss)
{
	uint64_t top = kernel_stack(c) - 5 * 8;

	memcpy(at(c->vm, top - KERNEL_BASE), (uint64_t[]){ rip, cs, rflags, rsp, ss }, 5 * 8);
	c->regs.rsp = top;
	return go_kernel(c, (cs & 3) == 3 ? code_iret_user : code_iret_kernel);
}

static inline enum stop go_user_at(struct cpu *c, uint64_t rip)
{
	return go_iret(c, rip, USER_CS, FLAG_FIXED | FLAG_IF, user_stack(c), USER_DS);
}

static inline enum stop go_user(struct cpu *c, const char *code)
{
	return go_user_at(c, user_code(code));
}

/* The frame of the event that just came, given free. */
static inline struct ring1_frame take_frame(struct cpu *c, int class)
{
	struct ring1_frame frame = c->page->frame[class];

	c->page->frame[class].busy = 0;
	c->regs.rsp = kernel_stack(c);
	return frame;
}

static inline struct ring1_frame take(struct cpu *c)
{
	return take_frame(c, RING1_EVENT_NORMAL);
}

static const char *const register_names[] = {
	"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rsp", "rbp", "r8", "r9", "r10", "r11", "r12",
	"r13", "r14", "r15",
};

/* Indices into the registers as struct kvm_regs has them. */
enum { RAX, RBX, RCX, RDX, RSI, RDI, RSP, RBP, R8, R9, R10, R11, R12, R13, R14, R15, NR_GPRS };
#define REG(name)	(1u << (name))

/* A value for each register that no other has, above 32 bits as well; not for RSP. */
static inline void fill_registers(struct kvm_regs *regs, uint64_t seed)
{
	__u64 *reg = &regs->rax;
	int i;

	for (i = 0; i < NR_GPRS; i++)
		if (i != RSP)
			reg[i] = (seed + i) * 0x9e3779b97f4a7c15 | 1;
}

/* Which of the two sets differ, less those that may; says so. */
static inline unsigned int changed(const struct kvm_regs *was, const struct kvm_regs *is,
				   unsigned int may)
{
	const __u64 *a = &was->rax, *b = &is->rax;
	unsigned int set = 0;
	int i;

	for (i = 0; i < NR_GPRS; i++) {
		if (a[i] == b[i] || may & REG(i))
			continue;
		printf("# %s was %#llx, is %#llx\n", register_names[i], (long long)a[i],
		       (long long)b[i]);
		set |= REG(i);
	}
	return set;
}

/* What a hypercall may change besides: its results, if it succeeds. */
static inline unsigned int result_registers(uint64_t nr, int64_t ret)
{
	if (ret)
		return 0;
	switch (nr) {
	case RING1_HC_CPUID:
		return REG(RDI) | REG(RSI) | REG(RDX) | REG(R10);
	case RING1_HC_RDMSR:
	case RING1_HC_GET_DR:
	case RING1_HC_FEATURES:
		return REG(RDI);
	}
	return 0;
}

/*
 * A hypercall with up to five arguments; what it does to other registers is part of
 * every test. Results but RAX are in c->regs.
 */
static inline int64_t hypercall5(struct cpu *c, uint64_t nr, uint64_t rdi, uint64_t rsi,
				 uint64_t rdx, uint64_t r10, uint64_t r8)
{
	struct kvm_regs before;
	enum stop stop;

	fill_registers(&c->regs, nr);
	c->regs.rax = nr;
	c->regs.rdi = rdi;
	c->regs.rsi = rsi;
	c->regs.rdx = rdx;
	c->regs.r10 = r10;
	c->regs.r8 = r8;
	c->regs.rsp = kernel_stack(c);
	before = c->regs;
	stop = go_kernel(c, code_hypercall);
	if (stop != STOPPED)
		die("hypercall %d ended in %#x", (int)nr, stop);
	if (changed(&before, &c->regs, REG(RAX) | REG(RCX) | REG(R11) |
		    result_registers(nr, c->regs.rax)))
		die("hypercall %d changed registers", (int)nr);
	return c->regs.rax;
}

#define HYPERCALL_ARGS(c, nr, a, b, d, e, f, ...)				\
	hypercall5(c, RING1_HC_##nr, (uint64_t)(a), (uint64_t)(b), (uint64_t)(d),	\
		   (uint64_t)(e), (uint64_t)(f))
#define HYPERCALL(c, nr, ...) HYPERCALL_ARGS(c, nr, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)

/* From ring 3, whatever RAX says, it is the user's system call, registers and all. */
static inline bool bounces_from_ring3(struct cpu *c, uint64_t nr)
{
	struct kvm_regs before;
	enum stop stop;

	fill_registers(&c->regs, nr);
	c->regs.rax = nr;
	before = c->regs;
	stop = go_user(c, code_user_syscall);
	printf("# system call %d from ring 3 stopped with %#x\n", (int)nr, stop);
	return stop == ENTRY_SYSCALL64 && c->regs.rcx == user_code(code_user_syscall) + 2 &&
	       c->regs.rsp == user_stack(c) &&
	       !changed(&before, &c->regs, REG(RCX) | REG(R11) | REG(RSP));
}

/* Each u32 argument in `which`, a bit mask, with each bit of its upper half. */
static inline bool refuses_high_bits(struct cpu *c, uint64_t nr, unsigned int which, uint64_t rdi,
				     uint64_t rsi)
{
	uint64_t arg[2];
	int i, bit;

	for (i = 0; i < 2; i++) {
		for (bit = 32; bit < 64 && which & 1 << i; bit++) {
			arg[0] = rdi;
			arg[1] = rsi;
			arg[i] |= 1ull << bit;
			if (hypercall5(c, nr, arg[0], arg[1], 0, 0, 0) != -EINVAL) {
				printf("# argument %d with bit %d is taken\n", i, bit);
				return false;
			}
		}
	}
	return true;
}

#define TEST_RING3(nr)								\
	TEST_F(pv, ring3_cannot)						\
	{									\
		EXPECT_TRUE(bounces_from_ring3(self->cpu, RING1_HC_##nr));	\
	}

/* Is the host to be tested with the monitor's own MMU wherever that is possible? */
static inline bool wants_own_mmu(void)
{
	static int wants = -1;

	if (wants < 0)
		wants = cmdline_has("ring1_test.mmu=own");
	return wants;
}

/* Tell the own MMU of this many entries of a page table, from the one at @gpa on. */
static inline void announce(struct cpu *c, uint64_t gpa, unsigned int nr)
{
	c->page->mmu_op[0] = RING1_MMU_OP(gpa, nr);
	if (HYPERCALL(c, MMU_SYNC, 1, 0, 0))
		die("mmu_sync of %#llx", (long long)gpa);
}

/* Change a word of guest memory as the guest does, so that KVM sees it. */
static inline void poke(struct cpu *c, uint64_t gpa, uint64_t value)
{
	c->regs.rdi = KERNEL(gpa);
	c->regs.rax = value;
	if (go_kernel(c, code_poke) != STOPPED)
		die("poke at %#llx", (long long)gpa);
	if (!wants_own_mmu())
		return;
	/* From a vCPU that is not registered, nothing is to be announced. */
	c->page->mmu_op[0] = RING1_MMU_OP(gpa & -8ull, 1);
	HYPERCALL(c, MMU_SYNC, 1, 0, 0);
}

static inline uint64_t peek(struct cpu *c, uint64_t gva)
{
	enum stop stop;

	c->regs.rdi = gva;
	stop = go_kernel(c, code_peek);
	if (stop != STOPPED)
		die("peek at %#llx stopped with %#x", (long long)gva, stop);
	return c->regs.rax;
}

/* Change a mapping while the guest runs. */
static inline void remap(struct cpu *c, uint64_t gva, uint64_t entry)
{
	poke(c, gpa_of(c->vm, pte(c->vm, gva)), entry);
	HYPERCALL(c, INVLPG, gva);
}

/* A good setup, in the processor's shared page. */
static inline struct ring1_setup *make_setup(struct cpu *c)
{
	struct ring1_setup *setup = &c->page->setup;
	__u64 *entry = &setup->entry_user;
	int i;

	memset(setup, 0, sizeof(*setup));
	setup->abi_version = RING1_ABI_VERSION;
	setup->kernel_gs = KERNEL(c->page_gpa);
	for (i = 0; i < NR_ENTRIES; i++)
		entry[i] = KERNEL(GPA_ENTRIES + i * 16);
	for (i = 0; i < 2; i++)
		setup->restart[i].start = setup->restart[i].end = KERNEL(GPA_ENTRIES);
	return setup;
}

static inline struct kvm_sregs get_sregs(const struct cpu *c)
{
	struct kvm_sregs sregs;

	IOCTL(c->fd, KVM_GET_SREGS, &sregs);
	return sregs;
}

static inline int get_msr(const struct cpu *c, uint32_t index, uint64_t *value)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msr = { { .nmsrs = 1 }, { .index = index } };
	int n = ioctl(c->fd, KVM_GET_MSRS, &msr);

	*value = msr.entry.data;
	return n;
}

static inline int set_msr(const struct cpu *c, uint32_t index, uint64_t value)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msr = { { .nmsrs = 1 }, { .index = index, .data = value } };

	return ioctl(c->fd, KVM_SET_MSRS, &msr);
}

/* A PV vCPU with these RING1_SETUP_*, on KVM's MMU. */
static inline void pv_start_on_kvm(struct cpu *c, uint32_t flags)
{
	make_setup(c)->flags = flags;
	if (HYPERCALL(c, VCPU_REGISTER, c->page_gpa))
		die("vcpu_register");
}

static inline void leave_kvm_mmu(struct cpu *c)
{
	if (HYPERCALL(c, MMU_REGISTER, GPA_TABLES, GPA_LIVE, NR_LIVE, 0))
		die("mmu_register");
}

static inline void pv_start(struct cpu *c)
{
	pv_start_on_kvm(c, 0);
	if (wants_own_mmu())
		leave_kvm_mmu(c);
}

/*
 * The fixtures: a machine in trap mode, and one whose first processor is registered.
 */
FIXTURE(trap)
{
	struct vm *vm;
	struct cpu *cpu;
};

FIXTURE_SETUP(trap)
{
	self->vm = new_vm(true);
	self->cpu = &self->vm->cpu[0];
}

FIXTURE_TEARDOWN(trap)
{
}

FIXTURE(pv)
{
	struct vm *vm;
	struct cpu *cpu;
};

FIXTURE_SETUP(pv)
{
	self->vm = new_vm(true);
	self->cpu = &self->vm->cpu[0];
	pv_start(self->cpu);
}

FIXTURE_TEARDOWN(pv)
{
}

#endif
