// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    an interrupt at any instruction of a fault, its signal and the way back leaves
 *           all registers of the program as they were
 * How:      a timer that comes one instruction later each time, from before the fault to
 *           behind it
 * Needs:    a machine on which an instruction takes a nanosecond (-icount shift=0) and all
 *           of this takes the same path each time: one processor, and a KVM that does not
 *           fire timers early
 * Catches:  a restart range of the kernel's that cannot be begun again at one of its instructions;
 *           an event that overwrites the frame of another
 */
#include <time.h>

#include "kselftest_harness.h"

#define NR_REGS		16
/* In one tick of a local APIC's timer, so many instructions. */
#define NR_PHASES	16
/* The kernel's own ticks come in between: one sweep has gaps. */
#define NR_SWEEPS	4

/* In the order of FOR_EACH_REG, RSP last, whose own is set when it is known. */
uint64_t pattern[NR_REGS], seen[NR_REGS];
void faulting_round(long nops);

#define FOR_EACH_REG(op)							\
	op(rax, 0) op(rbx, 1) op(rcx, 2) op(rdx, 3) op(rsi, 4) op(rdi, 5)	\
	op(rbp, 6) op(r8, 7) op(r9, 8) op(r10, 9) op(r11, 10) op(r12, 11)	\
	op(r13, 12) op(r14, 13) op(r15, 14)
#define LOAD(reg, i)	"mov pattern+8*" #i "(%rip), %" #reg "\n"
#define STORE(reg, i)	"mov %" #reg ", seen+8*" #i "(%rip)\n"

/* So many NOPs, and HLT with patterns in all registers, which its handler steps over. */
asm(".pushsection .text\n"
    "faulting_round:\n"
    "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "mov %rsp, pattern+8*15(%rip)\n"
    "lea 1f(%rip), %rax; sub %rdi, %rax; jmp *%rax\n"
    ".fill 16, 1, 0x90\n"
    "1:\n"
    FOR_EACH_REG(LOAD)
    "hlt\n"
    FOR_EACH_REG(STORE)
    "mov %rsp, seen+8*15(%rip)\n"
    "mov pattern+8*15(%rip), %rsp\n"
    "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
    "ret\n"
    ".popsection");

static volatile long ticks, faults;

static void tick(int sig)
{
	(void)sig;
	ticks++;
}

static void step_over(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)info;
	faults++;
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP]++;
}

static timer_t timer;

/* With a timer of so many nanoseconds: whether it came before the round's end. */
static bool round_with_timer(struct __test_metadata *_metadata, long ns, long nops, long *lost)
{
	const struct itimerspec once = { .it_value.tv_nsec = ns };
	long ticks_before = ticks, faults_before = faults;
	bool early;

	ASSERT_EQ(0, timer_settime(timer, 0, &once, NULL));
	faulting_round(nops);
	early = ticks != ticks_before;
	while (ticks == ticks_before)
		;
	ASSERT_EQ(ticks_before + 1, ticks);
	ASSERT_EQ(faults_before + 1, faults);
	*lost += memcmp(seen, pattern, sizeof(seen)) != 0;
	return early;
}

/* A sweep ends when the timer has come behind the round throughout two of its ticks. */
TEST(an_interrupt_at_any_instruction_loses_no_register)
{
	struct sigaction fault = { .sa_sigaction = step_over, .sa_flags = SA_SIGINFO };
	long sweep, round, behind, all = 0, early = 0, lost = 0, i;

	for (i = 0; i < NR_REGS; i++)
		pattern[i] = 0x8081828384858687 + (i + 1ul) * 0x0808080808080808;
	signal(SIGALRM, tick);
	sigaction(SIGSEGV, &fault, NULL);
	ASSERT_EQ(0, timer_create(CLOCK_MONOTONIC, NULL, &timer));

	for (sweep = 0; sweep < NR_SWEEPS; sweep++) {
		behind = 0;
		for (round = 0; behind < 2 * NR_PHASES; round++) {
			if (round_with_timer(_metadata, 1 + round / NR_PHASES * NR_PHASES,
					     NR_PHASES - 1 - round % NR_PHASES, &lost)) {
				early++;
				behind = 0;
			} else {
				behind++;
			}
		}
		all += round;
	}
	TH_LOG("%ld rounds; the timer came by the end of %ld, and %ld lost registers",
	       all, early, lost);
	EXPECT_LT(1000 * NR_SWEEPS, early);
	EXPECT_EQ(0, lost);
}

TEST_HARNESS_MAIN
