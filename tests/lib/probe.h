/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A probe runs a few instructions with every register known, and tells how they ended:
 * in a signal, always, with the registers the kernel saw. For tests of what user code
 * meets at the border to the kernel, from 64-bit and from 32-bit code.
 *
 * The code is entered by a far JMP: the emulator that tests run on takes the stack
 * accesses of far RET and IRET in ring 3 for the kernel's (QEMU before 9.1), which
 * SMAP forbids.
 */
#ifndef PROBE_H
#define PROBE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ucontext.h>

#define USER32_CS	0x23
#define USER_DS		0x2b
#define USER_CS		0x33

#define EFLAGS_CF	0x1
#define EFLAGS_FIXED	0x2
#define EFLAGS_TF	0x100
#define EFLAGS_IF	0x200
#define EFLAGS_DF	0x400
#define EFLAGS_IOPL	0x3000
#define EFLAGS_NT	0x4000
#define EFLAGS_RF	0x10000
#define EFLAGS_AC	0x40000
#define EFLAGS_ID	0x200000

/* In the low 2 GiB, so that 32-bit code reaches them. The code is not writable. */
#define PROBE_CODE	0x10000000UL
#define PROBE_DATA	0x10010000UL
#define PROBE_STACK	0x10020000UL
#define PROBE_SIZE	0x10000UL
#define PROBE_SP	(PROBE_STACK + PROBE_SIZE / 2)

/* PROBE(name, "instructions"), PROBE32(): what a struct probe points to. */
#define PROBE_BITS(name, bits, text)						\
	asm(".pushsection .rodata.probe, \"a\"\n.code" #bits "\n"		\
	    "code_" #name ":\n" text "\ncode_end_" #name ":\n"		\
	    ".code64\n.popsection");						\
	extern const char code_##name[], code_end_##name[]
#define PROBE(name, text)	PROBE_BITS(name, 64, text)
#define PROBE32(name, text)	PROBE_BITS(name, 32, text)
#define PROBE_CODE_OF(name)	.code = code_##name, .end = code_end_##name

/* Registers by their position in gregset_t. RIP is not set, but found in seen. */
#define PROBE_NR_REGS	(REG_EFL + 1)

struct probe {
	const char *code;
	const char *end;
	bool is_32bit;
	uint64_t reg[PROBE_NR_REGS];	/* probe_init() sets them, each differently */

	int signal;			/* what ended it */
	siginfo_t info;
	gregset_t seen;
};

/*
 * The registers to start with; RIP's place holds the far pointer. A signal sends RIP to
 * probe_leave. The handler gets the user's AC and DF, which C code cannot live with.
 */
uint64_t probe_start[PROBE_NR_REGS], probe_saved_sp;
void probe_enter(void);
void probe_handler_entry(int sig, siginfo_t *info, void *context);
extern const char probe_leave[];

#define PROBE_LOAD(register, position) \
	"mov probe_start+8*" #position "(%rip), %" #register "\n"
asm(".pushsection .text\n"
    "probe_enter:\n"
    "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "mov %rsp, probe_saved_sp(%rip)\n"
    "pushq probe_start+8*17(%rip); popfq\n"
    PROBE_LOAD(r8, 0) PROBE_LOAD(r9, 1) PROBE_LOAD(r10, 2) PROBE_LOAD(r11, 3)
    PROBE_LOAD(r12, 4) PROBE_LOAD(r13, 5) PROBE_LOAD(r14, 6) PROBE_LOAD(r15, 7)
    PROBE_LOAD(rdi, 8) PROBE_LOAD(rsi, 9) PROBE_LOAD(rbp, 10) PROBE_LOAD(rbx, 11)
    PROBE_LOAD(rdx, 12) PROBE_LOAD(rax, 13) PROBE_LOAD(rcx, 14) PROBE_LOAD(rsp, 15)
    "ljmpl *probe_start+8*16(%rip)\n"
    "probe_leave:\n"
    "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
    "ret\n"
    "probe_handler_entry:\n"
    "pushfq; andl $~0x40400, (%rsp); popfq\n"
    "jmp probe_handler\n"
    ".popsection");

static struct probe *probe_running;

__attribute__((used)) static void probe_handler(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	greg_t *reg = uc->uc_mcontext.gregs;
	struct probe *p = probe_running;

	if (!p)
		abort();
	probe_running = NULL;
	p->signal = sig;
	p->info = *info;
	memcpy(p->seen, reg, sizeof(p->seen));
	reg[REG_RIP] = (uint64_t)probe_leave;
	reg[REG_RSP] = probe_saved_sp;
	reg[REG_EFL] = EFLAGS_FIXED | EFLAGS_IF;
	reg[REG_CSGSFS] = (reg[REG_CSGSFS] & 0xffffffff0000) | USER_CS | (uint64_t)USER_DS << 48;
}

static void *probe_map(unsigned long addr)
{
	void *p = mmap((void *)addr, PROBE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

/* Bytes 0xp8, 0xp9 and so on for register p: no two the same, upper halves negative. */
static uint64_t probe_pattern(unsigned int position, bool is_32bit)
{
	uint64_t value = 0x8081828384858687 + (position + 1) * 0x0808080808080808;

	/* 32-bit code sees R8 to R15 as little as RDI's upper half. */
	return is_32bit && position >= REG_RDI ? (uint32_t)value : value;
}

/* Fresh memory, registers and signal handlers. */
static void __attribute__((unused)) probe_init(struct probe *p)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS };
	static char stack[65536];
	const stack_t alternate = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = {
		.sa_sigaction = probe_handler_entry, .sa_flags = SA_SIGINFO | SA_ONSTACK,
	};
	unsigned int i;

	sigfillset(&action.sa_mask);
	sigaltstack(&alternate, NULL);
	for (i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		sigaction(signals[i], &action, NULL);

	memset(probe_map(PROBE_CODE), 0xcc, PROBE_SIZE);
	probe_map(PROBE_DATA);
	probe_map(PROBE_STACK);
	for (i = 0; i < REG_RSP; i++)
		p->reg[i] = probe_pattern(i, p->is_32bit);
	p->reg[REG_RSP] = PROBE_SP;
	p->reg[REG_EFL] = EFLAGS_FIXED | EFLAGS_IF;
}

static void __attribute__((unused)) probe_run(struct probe *p)
{
	char *code = (char *)PROBE_CODE;

	mprotect(code, PROBE_SIZE, PROT_READ | PROT_WRITE);
	memcpy(code, p->code, p->end - p->code);
	mprotect(code, PROBE_SIZE, PROT_READ | PROT_EXEC);
	memcpy(probe_start, p->reg, sizeof(probe_start));
	probe_start[REG_RIP] = PROBE_CODE | (p->is_32bit ? (uint64_t)USER32_CS : USER_CS) << 32;
	probe_running = p;
	probe_enter();
}

/* How far into the code it stopped. */
static inline long probe_offset(const struct probe *p)
{
	return p->seen[REG_RIP] - PROBE_CODE;
}

/* The general registers that are not what they were at the start, one bit each. */
static inline unsigned long probe_changed(const struct probe *p)
{
	unsigned long changed = 0;
	unsigned int i;

	for (i = 0; i <= REG_RSP; i++)
		if ((uint64_t)p->seen[i] != p->reg[i])
			changed |= 1UL << i;
	return changed;
}

#endif /* PROBE_H */
