// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    every exception user code can raise, from 64-bit and from 32-bit code, gives
 *           the signal it gives natively, at the right instruction, with error code and
 *           address, and changes no register
 * How:      raises each with a pattern in every register; compares with a table
 * Needs:    for #AC, #XM and #SS a processor that raises them, which QEMU's does not
 * Timeout:  300
 * Catches:  an exception bounced that has an error code, or exits that need none; a
 *           privileged instruction emulated for the user
 */
#include "kselftest_harness.h"
#include "probe.h"

FIXTURE(exception)
{
};

FIXTURE_VARIANT(exception)
{
	const char *code;
	const char *end;
	bool is_32bit;
	/* Registers to start with, where the patterns will not do. */
	bool set_rax;
	bool set_rcx;
	bool set_rsp;
	uint64_t rax;
	uint64_t rcx;
	uint64_t rsp;
	unsigned long flags;
	/* What is expected. */
	int signal;
	int si_code;
	int trap;
	unsigned long error;
	long offset;
	unsigned long addr;
	/* Registers that the code itself changes. */
	unsigned long clobbers;
	/*
	 * QEMU's processor: where the code ends as it does not raise the exception, the one
	 * it raises instead, its INT n's error code.
	 */
	long or_offset;
	int or_trap;
	unsigned long or_error;
};

FIXTURE_SETUP(exception)
{
}

FIXTURE_TEARDOWN(exception)
{
}

#define CASE(name, text, ...)							\
	PROBE(name, text);							\
	FIXTURE_VARIANT_ADD(exception, name) { PROBE_CODE_OF(name), __VA_ARGS__ }
#define CASE32(name, text, ...)							\
	PROBE32(name, text);							\
	FIXTURE_VARIANT_ADD(exception, name) {					\
		PROBE_CODE_OF(name), .is_32bit = true, __VA_ARGS__ }

#define AT_RIP		.addr = PROBE_CODE
#define ADDR(a)		.addr = (a)
#define RAX(v)		.set_rax = true, .rax = (v)
#define RCX(v)		.set_rcx = true, .rcx = (v)
#define RSP(v)		.set_rsp = true, .rsp = (v)

#define DIVIDE		.signal = SIGFPE, .si_code = FPE_INTDIV, .trap = 0, AT_RIP
#define BREAKPOINT	.signal = SIGTRAP, .si_code = SI_KERNEL, .trap = 3
#define STEP		.signal = SIGTRAP, .si_code = TRAP_TRACE, .trap = 1
#define OVERFLOW	.signal = SIGSEGV, .si_code = SI_KERNEL, .trap = 4
#define BOUND		.signal = SIGSEGV, .si_code = SI_KERNEL, .trap = 5
#define UNDEFINED	.signal = SIGILL, .si_code = ILL_ILLOPN, .trap = 6, AT_RIP
#define STACK		.signal = SIGBUS, .si_code = SI_KERNEL, .trap = 12
#define PROTECTION	.signal = SIGSEGV, .si_code = SI_KERNEL, .trap = 13
#define ABSENT(a)	.signal = SIGSEGV, .si_code = SEGV_MAPERR, .trap = 14, ADDR(a)
#define FORBIDDEN(a)	.signal = SIGSEGV, .si_code = SEGV_ACCERR, .trap = 14, ADDR(a)
#define NO_GATE(n)	PROTECTION, .error = (n) * 8 + 2, .or_error = (n) * 16 + 2
#define NONCANONICAL	0x8000000000000000

#define PF_PRESENT	1
#define PF_WRITE	2
#define PF_USER		4
#define PF_FETCH	16

/* Divide error, traps, undefined instructions. */
CASE(divide, "div %rcx", DIVIDE, RCX(0));
CASE(divide_overflow, "div %ecx", DIVIDE, RCX(1));
CASE32(divide32, "div %ecx", DIVIDE, RCX(0));
CASE32(aam32, "aam $0", DIVIDE);
CASE(int3, "int3", BREAKPOINT, .offset = 1);
CASE(int_3, ".byte 0xcd, 3", BREAKPOINT, .offset = 2);
CASE32(int3_32, "int3", BREAKPOINT, .offset = 1);
CASE(int_4, ".byte 0xcd, 4", OVERFLOW, .offset = 2);
CASE32(into32, "cmpb $1, probe_min - code_into32 + 0x10000000; into; nop; probe_min: .byte 0x80",
       OVERFLOW, .offset = 8);
CASE32(bound32, "bound %eax, 0x10010000", BOUND, RAX(1));
CASE(ud2, "ud2", UNDEFINED);
CASE32(ud2_32, "ud2", UNDEFINED);
CASE(lock_on_register, ".byte 0xf0, 0x01, 0xc0", UNDEFINED);
CASE(into_in_64bit, ".byte 0xce", UNDEFINED);
CASE(vmcall, "vmcall", UNDEFINED);
CASE(monitor, "monitor", UNDEFINED);
CASE(mwait, "mwait", UNDEFINED);
CASE(stac, "stac", UNDEFINED);
CASE(clac, "clac", UNDEFINED);

/* Single step, from the instruction behind POPF on. */
CASE(step, "pushfq; orl $0x100, (%rsp); popfq; nop; nop", STEP, .offset = 10,
     ADDR(PROBE_CODE + 10));
CASE32(step32, "pushf; orl $0x100, (%esp); popf; nop; nop", STEP, .offset = 10,
       ADDR(PROBE_CODE + 10));
CASE(step_over_branch, "pushfq; orl $0x100, (%rsp); popfq; jmp 1f; nop; 1: nop", STEP,
     .offset = 12, ADDR(PROBE_CODE + 12));
CASE(step_over_cpuid, "pushfq; orl $0x100, (%rsp); popfq; cpuid; nop", STEP, .offset = 11,
     ADDR(PROBE_CODE + 11), RAX(0), RCX(0), .clobbers = 1UL << REG_RAX | 1UL << REG_RBX |
     1UL << REG_RCX | 1UL << REG_RDX);
CASE(step_into_fault, "pushfq; orl $0x100, (%rsp); popfq; hlt", PROTECTION, .offset = 9);

/* Interrupts whose gates user code may not use. */
CASE(int_0, "int $0", NO_GATE(0));
CASE(int_1, "int $1", NO_GATE(1));
CASE(int_2, "int $2", NO_GATE(2));
CASE(int_8, "int $8", NO_GATE(8));
CASE(int_14, "int $14", NO_GATE(14));
CASE(int_18, "int $18", NO_GATE(18));
CASE(int_32, "int $32", NO_GATE(32));
CASE(int_255, "int $255", NO_GATE(255));
CASE32(int_13_32, "int $13", NO_GATE(13));

/* Privileged instructions. */
CASE(cli, "cli", PROTECTION);
CASE(sti, "sti", PROTECTION);
CASE(hlt, "hlt", PROTECTION);
CASE32(cli32, "cli", PROTECTION);
CASE32(hlt32, "hlt", PROTECTION);
CASE(in_al, "in $0x80, %al", PROTECTION);
CASE(out_al, "out %al, $0x80", PROTECTION);
CASE(in_dx, "in (%dx), %eax", PROTECTION);
CASE(insb, "insb", PROTECTION);
CASE(outsb, "outsb", PROTECTION);
CASE32(in_al32, "in $0x80, %al", PROTECTION);
CASE(rdmsr, "rdmsr", PROTECTION, RCX(0x10));
CASE(wrmsr, "wrmsr", PROTECTION, RCX(0xc0000102));
CASE(rdpmc, "rdpmc", PROTECTION, RCX(0));
CASE(read_cr0, "mov %cr0, %rax", PROTECTION);
CASE(read_cr3, "mov %cr3, %rax", PROTECTION);
CASE(write_cr3, "mov %rax, %cr3", PROTECTION);
CASE(write_cr4, "mov %rax, %cr4", PROTECTION);
CASE(read_cr8, "mov %cr8, %rax", PROTECTION);
CASE(read_dr7, "mov %dr7, %rax", PROTECTION);
CASE(write_dr0, "mov %rax, %dr0", PROTECTION);
CASE(clts, "clts", PROTECTION);
CASE(lmsw, "lmsw %ax", PROTECTION);
CASE(invlpg, "invlpg (%rax)", PROTECTION);
CASE(invd, "invd", PROTECTION);
CASE(wbinvd, "wbinvd", PROTECTION);
CASE(swapgs, "swapgs", PROTECTION);
CASE(lgdt, "lgdt 0x10010000", PROTECTION);
CASE(lidt, "lidt 0x10010000", PROTECTION);
CASE(lldt, "lldt %ax", PROTECTION, RAX(0));
CASE(ltr, "ltr %ax", PROTECTION, RAX(0x40));
CASE(xsetbv, "xsetbv", PROTECTION, RCX(0));
CASE(sysretq, "sysretq", PROTECTION);
CASE(sysretl, "sysretl", PROTECTION);

/* Segments: those of rings 0 and 1, system segments, an LDT that is not there. */
CASE(load_kernel_cs_into_ds, "mov %eax, %ds", PROTECTION, RAX(0x10), .error = 0x10);
CASE(load_kernel_ds_into_es, "mov %eax, %es", PROTECTION, RAX(0x18), .error = 0x18);
CASE(load_tss_into_fs, "mov %eax, %fs", PROTECTION, RAX(0x40), .error = 0x40);
CASE(load_ring1_ss_into_ds, "mov %eax, %ds", PROTECTION, RAX(0x89), .error = 0x88);
CASE(load_ring1_ss_into_ss, "mov %eax, %ss", PROTECTION, RAX(0x8b), .error = 0x88);
CASE(load_kernel_ds_into_ss, "mov %eax, %ss", PROTECTION, RAX(0x18), .error = 0x18);
CASE(load_ldt_into_ds, "mov %eax, %ds", PROTECTION, RAX(0x0f), .error = 0x0c);
CASE(load_beyond_gdt, "mov %eax, %ds", PROTECTION, RAX(0xfffb), .error = 0xfff8);
CASE32(load_ring1_ss_into_ds32, "mov %eax, %ds", PROTECTION, RAX(0x89), .error = 0x88);
CASE32(jump_to_ring1_cs32, "ljmp $0x81, $0x10000000", PROTECTION, .error = 0x80);
CASE32(jump_to_kernel_cs32, "ljmp $0x10, $0x10000000", PROTECTION, .error = 0x10);
CASE32(call_tss32, "lcall $0x40, $0", PROTECTION, .error = 0x40);

/* Stack and addresses. */
CASE(push_noncanonical, "push %rax", STACK, RSP(NONCANONICAL), .or_trap = 13);
CASE(read_noncanonical, "mov (%rax), %rcx", PROTECTION, RAX(NONCANONICAL));
CASE(write_noncanonical, "mov %rcx, (%rax)", PROTECTION, RAX(NONCANONICAL));

/* Page faults. */
CASE(read_absent, "mov (%rax), %rcx", ABSENT(0x1234), RAX(0x1234), .error = PF_USER);
CASE(write_absent, "mov %rcx, (%rax)", ABSENT(0x1234), RAX(0x1234),
     .error = PF_USER | PF_WRITE);
CASE(push_absent, "push %rax", ABSENT(0x0ff8), RSP(0x1000), .error = PF_USER | PF_WRITE);
CASE(write_code, "mov %cl, (%rax)", FORBIDDEN(PROBE_CODE + 5), RAX(PROBE_CODE + 5),
     .error = PF_USER | PF_WRITE | PF_PRESENT);
CASE(run_absent, "jmp *%rax", ABSENT(0x1234), RAX(0x1234), .error = PF_USER | PF_FETCH,
     .offset = 0x1234 - PROBE_CODE);
CASE(run_data, "movb $0xc3, (%rax); jmp *%rax", FORBIDDEN(PROBE_DATA), RAX(PROBE_DATA),
     .error = PF_USER | PF_FETCH | PF_PRESENT, .offset = PROBE_DATA - PROBE_CODE);
CASE32(read_absent32, "mov (%eax), %ecx", ABSENT(0x1234), RAX(0x1234), .error = PF_USER);
CASE32(write_code32, "mov %cl, (%eax)", FORBIDDEN(PROBE_CODE + 5), RAX(PROBE_CODE + 5),
       .error = PF_USER | PF_WRITE | PF_PRESENT);
CASE32(read_top32, "mov (%eax), %ecx", ABSENT(0xfffff000), RAX(0xfffff000),
       .error = PF_USER);

/* The three that arithmetic and alignment raise. */
CASE(x87, "fninit; movw $0x37b, (%rsp); fldcw (%rsp); fld1; fldz; fdivrp %st, %st(1); fwait",
     .signal = SIGFPE, .si_code = FPE_FLTDIV, .trap = 16, .offset = 17, ADDR(PROBE_CODE + 17));
CASE32(x87_32,
       "fninit; movw $0x37b, (%esp); fldcw (%esp); fld1; fldz; fdivrp %st, %st(1); fwait",
       .signal = SIGFPE, .si_code = FPE_FLTDIV, .trap = 16, .offset = 17,
       ADDR(PROBE_CODE + 17));
CASE(sse, "movl $0x1d80, (%rsp); ldmxcsr (%rsp); xorps %xmm0, %xmm0; pcmpeqd %xmm1, %xmm1;"
     "psrld $25, %xmm1; cvtdq2ps %xmm1, %xmm1; divps %xmm0, %xmm1; ud2",
     .signal = SIGFPE, .si_code = FPE_FLTDIV, .trap = 19, .offset = 26,
     ADDR(PROBE_CODE + 26), .or_offset = 29);
CASE(alignment, "mov 1(%rsp), %eax; ud2", .signal = SIGBUS, .si_code = BUS_ADRALN, .trap = 17,
     .flags = EFLAGS_AC, .or_offset = 4, .clobbers = 1UL << REG_RAX, ADDR(0));

TEST_F(exception, gives_its_signal)
{
	struct probe p = {
		.code = variant->code, .end = variant->end, .is_32bit = variant->is_32bit,
	};

	probe_init(&p);
	if (variant->set_rax)
		p.reg[REG_RAX] = variant->rax;
	if (variant->set_rcx)
		p.reg[REG_RCX] = variant->rcx;
	if (variant->set_rsp)
		p.reg[REG_RSP] = variant->rsp;
	p.reg[REG_EFL] |= variant->flags;
	probe_run(&p);

	if (variant->or_offset && p.signal == SIGILL && probe_offset(&p) == variant->or_offset)
		SKIP(return, "the processor does not raise it");
	if (variant->or_trap && p.seen[REG_TRAPNO] == variant->or_trap)
		SKIP(return, "the processor raises another");
	EXPECT_EQ(variant->signal, p.signal);
	EXPECT_EQ(variant->si_code, p.info.si_code);
	EXPECT_EQ(variant->trap, p.seen[REG_TRAPNO]);
	if (!variant->or_error || (uint64_t)p.seen[REG_ERR] != variant->or_error)
		EXPECT_EQ(variant->error, p.seen[REG_ERR]);
	EXPECT_EQ(variant->offset, probe_offset(&p));
	EXPECT_EQ(variant->addr, (unsigned long)p.info.si_addr);
	EXPECT_EQ(0, probe_changed(&p) & ~variant->clobbers);
	EXPECT_EQ(variant->is_32bit ? USER32_CS : USER_CS, p.seen[REG_CSGSFS] & 0xffff);
	EXPECT_EQ(USER_DS, (uint64_t)p.seen[REG_CSGSFS] >> 48);
	EXPECT_EQ(EFLAGS_FIXED | EFLAGS_IF,
		  p.seen[REG_EFL] & (EFLAGS_FIXED | EFLAGS_IF | EFLAGS_IOPL));
}

TEST_HARNESS_MAIN
