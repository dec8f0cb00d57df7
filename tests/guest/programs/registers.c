// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    every register of user code lives through system calls, exceptions, interrupts
 *           and switches to other tasks; of the flags, those that are not its own stay what
 *           they must be
 * How:      tasks with patterns in all registers, more than there are processors, spin until
 *           the timer has taken each one off often; probes make system calls with each flag
 * Needs:    nothing; AVX where the processor has it
 * Timeout:  300
 * Catches:  a register that the switcher or an exit loses; the host's FPU state or another
 *           vCPU's GS base left in the processor; flags that a bounce does not carry
 */
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <asm/prctl.h>

#include "fixture.h"
#include "guest.h"
#include "probe.h"

/* Everything but RSP, RIP and what the system owns. */
struct world {
	uint64_t gpr[15];
	uint8_t x87[8][16];
	uint16_t x87_control;
	uint32_t mxcsr;
	uint8_t ymm[16][32];
};

struct world in, out;
uint64_t spins;
uint8_t has_avx;
void spin(void);

/* For each task. */
#define SWITCHES	10

#define EACH_GPR(m)								\
	m(rax, 0) m(rbx, 1) m(rcx, 2) m(rdx, 3) m(rsi, 4) m(rdi, 5) m(rbp, 6)	\
	m(r8, 7) m(r9, 8) m(r10, 9) m(r11, 10) m(r12, 11) m(r13, 12) m(r14, 13) m(r15, 14)
#define EACH_16(m)								\
	EACH_8(m) m(8) m(9) m(10) m(11) m(12) m(13) m(14) m(15)
#define EACH_8(m) m(0) m(1) m(2) m(3) m(4) m(5) m(6) m(7)

#define LOAD_GPR(r, n)	"mov in+8*" #n "(%rip), %" #r "\n"
#define STORE_GPR(r, n)	"mov %" #r ", out+8*" #n "(%rip)\n"
#define LOAD_X87(n)	"fldt in+120+16*" #n "(%rip)\n"
#define STORE_X87(n)	"fstpt out+120+16*7-16*" #n "(%rip)\n"
#define LOAD_YMM(n)	"vmovdqu in+256+32*" #n "(%rip), %ymm" #n "\n"
#define STORE_YMM(n)	"vmovdqu %ymm" #n ", out+256+32*" #n "(%rip)\n"
#define LOAD_XMM(n)	"movdqu in+256+32*" #n "(%rip), %xmm" #n "\n"
#define STORE_XMM(n)	"movdqu %xmm" #n ", out+256+32*" #n "(%rip)\n"

_Static_assert(offsetof(struct world, x87) == 120, "LOAD_X87");
_Static_assert(offsetof(struct world, x87_control) == 248, "spin");
_Static_assert(offsetof(struct world, mxcsr) == 252, "spin");
_Static_assert(offsetof(struct world, ymm) == 256, "LOAD_YMM");

asm(".pushsection .text\n"
    "spin:\n"
    "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "cmpb $0, has_avx(%rip)\n"
    "je 1f\n"
    EACH_16(LOAD_YMM)
    "jmp 2f\n"
    "1:\n"
    EACH_16(LOAD_XMM)
    "2:\n"
    "fninit; fldcw in+248(%rip)\n"
    EACH_8(LOAD_X87)
    "ldmxcsr in+252(%rip)\n"
    EACH_GPR(LOAD_GPR)
    "3: decq spins(%rip)\n"
    "jnz 3b\n"
    EACH_GPR(STORE_GPR)
    "stmxcsr out+252(%rip)\n"
    "fnstcw out+248(%rip)\n"
    EACH_8(STORE_X87)
    "cmpb $0, has_avx(%rip)\n"
    "je 1f\n"
    EACH_16(STORE_YMM)
    "vzeroupper\n"
    "jmp 2f\n"
    "1:\n"
    EACH_16(STORE_XMM)
    "2:\n"
    "fninit\n"
    "pushq $0x1f80; ldmxcsr (%rsp); add $8, %rsp\n"
    "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
    "ret\n"
    ".popsection");

static void fill(unsigned int seed)
{
	uint8_t *p = (uint8_t *)&in;
	unsigned int i;

	for (i = 0; i < sizeof(in); i++)
		p[i] = seed * 37 + i;
	for (i = 0; i < 8; i++) {
		/* Normal numbers: 64 bits with the first one set, and an exponent. */
		in.x87[i][7] |= 0x80;
		in.x87[i][9] = 0x3f;
		memset(in.x87[i] + 10, 0, 6);
	}
	in.x87_control = 0x37f & ~(seed % 4 << 10);
	in.mxcsr = 0x1f80 | (seed % 4 << 13);
	if (!has_avx)
		for (i = 0; i < 16; i++)
			memset(in.ymm[i] + 16, 0, 16);
	memset(&out, 0, sizeof(out));
}

static bool was_switched(int times)
{
	struct rusage usage;

	return !getrusage(RUSAGE_SELF, &usage) && usage.ru_nivcsw >= times;
}

/*
 * 0, or what was lost: a number for the exit status. @waiting of these tasks are to be taken
 * off a processor often yet; all spin until none is, as one alone never would be.
 */
static int spin_with(unsigned int seed, atomic_int *waiting)
{
	uint64_t gs = 0x100000000000 + seed * 0x123457, got = 0;
	bool counted = false;

	fill(seed);
	if (syscall(SYS_arch_prctl, ARCH_SET_GS, gs))
		return 1;
	while (*waiting > 0) {
		if (!counted && was_switched(SWITCHES)) {
			counted = true;
			--*waiting;
		}
		spins = 1000000;
		spin();
		if (memcmp(in.gpr, out.gpr, sizeof(in.gpr)))
			return 2;
		if (memcmp(in.x87, out.x87, sizeof(in.x87)) || in.x87_control != out.x87_control)
			return 3;
		if (in.mxcsr != out.mxcsr)
			return 4;
		if (memcmp(in.ymm, out.ymm, sizeof(in.ymm)))
			return 5;
		if (syscall(SYS_arch_prctl, ARCH_GET_GS, &got) || got != gs)
			return 6;
		if (getauxval(AT_HWCAP2) & 2) {
			asm volatile("rdgsbase %0" : "=r" (got));
			if (got != gs)
				return 7;
		}
	}
	return 0;
}

EMPTY_FIXTURE(spinners)

TEST_F_TIMEOUT(spinners, keep_their_registers, 200)
{
	int children = 2 * sysconf(_SC_NPROCESSORS_ONLN), i, status;
	atomic_int *waiting = mmap(NULL, sizeof(*waiting), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, waiting);
	*waiting = children;
	has_avx = cpu_has("avx");
	for (i = 0; i < children; i++) {
		if (!fork())
			_exit(spin_with(i + 1, waiting));
	}
	for (i = 0; i < children; i++) {
		ASSERT_LT(0, wait(&status));
		EXPECT_EQ(0, status);
		/* One that found a loss counts no more: the others need not wait for it. */
		if (status)
			*waiting = 0;
	}
	munmap(waiting, sizeof(*waiting));
}

PROBE(call, "syscall; ud2");

static const struct {
	const char *name;
	uint64_t number;
	int64_t result;
} calls[] = {
	{ "sched_yield", SYS_sched_yield, 0 },
	{ "no such call", 0x7fffffff, -ENOSYS },
	{ "no such call either", -1, -ENOSYS },
	{ "close", SYS_close, -EBADF },
};

static const uint64_t own_flags[] = {
	0, 0x8d5, EFLAGS_DF, EFLAGS_NT, EFLAGS_AC, EFLAGS_ID,
	0x8d5 | EFLAGS_DF | EFLAGS_NT | EFLAGS_AC | EFLAGS_ID,
};

#define LENGTH(array)	(sizeof(array) / sizeof(*(array)))

TEST(system_calls_change_rax_rcx_and_r11_only)
{
	struct probe p = { PROBE_CODE_OF(call) };
	unsigned int i, j;

	probe_init(&p);
	for (i = 0; i < LENGTH(calls); i++) {
		for (j = 0; j < LENGTH(own_flags); j++) {
			p.reg[REG_RAX] = calls[i].number;
			p.reg[REG_EFL] = EFLAGS_FIXED | EFLAGS_IF | own_flags[j];
			probe_run(&p);
			EXPECT_EQ(SIGILL, p.signal) {
				TH_LOG("%s", calls[i].name);
			}
			EXPECT_EQ(2, probe_offset(&p));
			EXPECT_EQ(calls[i].result, p.seen[REG_RAX]) {
				TH_LOG("%s", calls[i].name);
			}
			EXPECT_EQ(PROBE_CODE + 2, (uint64_t)p.seen[REG_RCX]);
			EXPECT_EQ(p.reg[REG_EFL], (uint64_t)p.seen[REG_R11]);
			EXPECT_EQ(p.reg[REG_EFL], (uint64_t)p.seen[REG_EFL] & ~EFLAGS_RF);
			EXPECT_EQ(1UL << REG_RAX | 1UL << REG_RCX | 1UL << REG_R11,
				  probe_changed(&p) | 1UL << REG_RAX);
		}
	}
}

PROBE(breakpoint, "int3");
PROBE(int80, "int $0x80; int3");
PROBE(fault, "hlt");

TEST(exceptions_show_the_flags_as_they_were)
{
	struct probe p[] = {
		{ PROBE_CODE_OF(breakpoint) }, { PROBE_CODE_OF(int80) }, { PROBE_CODE_OF(fault) },
	};
	unsigned int i, j;

	for (i = 0; i < LENGTH(p); i++) {
		probe_init(&p[i]);
		p[i].reg[REG_RAX] = 0x7fffffff;
		for (j = 0; j < LENGTH(own_flags); j++) {
			p[i].reg[REG_EFL] = EFLAGS_FIXED | EFLAGS_IF | own_flags[j];
			probe_run(&p[i]);
			EXPECT_EQ(p[i].reg[REG_EFL], (uint64_t)p[i].seen[REG_EFL] & ~EFLAGS_RF);
			EXPECT_EQ(i == 1 ? 1UL << REG_RAX : 0, probe_changed(&p[i]));
		}
	}
}

/* POPF in ring 3 changes neither IF nor IOPL, and PUSHF shows the truth. */
PROBE(popf, "push %rax; popfq; pushfq; pop %rbx; ud2");

TEST(popf_leaves_if_and_iopl_alone)
{
	struct probe p = { PROBE_CODE_OF(popf) };

	probe_init(&p);
	p.reg[REG_RAX] = EFLAGS_FIXED | EFLAGS_IOPL;
	probe_run(&p);
	EXPECT_EQ(EFLAGS_FIXED | EFLAGS_IF, p.seen[REG_RBX]);
	EXPECT_EQ(EFLAGS_FIXED | EFLAGS_IF, p.seen[REG_EFL] & ~EFLAGS_RF);
}

/* Nor does the return from a signal handler that asks for all of them. */
static void ask_for_all_flags(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)sig;
	(void)info;
	uc->uc_mcontext.gregs[REG_EFL] = ~(EFLAGS_IF | EFLAGS_TF | EFLAGS_DF | EFLAGS_AC);
}

TEST(sigreturn_leaves_if_and_iopl_alone)
{
	struct sigaction action = {
		.sa_sigaction = ask_for_all_flags, .sa_flags = SA_SIGINFO,
	};
	uint64_t flags;

	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	asm volatile("syscall; pushfq; pop %0; pushq $0x202; popfq"
		     : "=&b" (flags)
		     : "a" (SYS_kill), "D" (getpid()), "S" (SIGUSR1)
		     : "rcx", "r11", "memory", "cc");
	/* What FIX_EFLAGS lets through: the arithmetic flags and RF, which PUSHF hides. */
	EXPECT_EQ(EFLAGS_FIXED | EFLAGS_IF | 0x8d5, flags);
}

TEST_HARNESS_MAIN
