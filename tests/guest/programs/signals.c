// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    signal handlers nest, faults inside them included, on the program's stack and
 *           on another, and the interrupted code goes on with all its registers
 * How:      each handler raises the next exception and steps over its own; a timer's
 *           signals come in the middle of it
 * Needs:    nothing
 * Timeout:  200
 * Catches:  an event frame overwritten by the next event before the kernel has read it; a
 *           return to user code that loses a register when an interrupt waits
 */
#include <sys/syscall.h>
#include <sys/time.h>

#include "kselftest_harness.h"
#include "probe.h"

static volatile int order[16], depth;
static volatile long ticks;

/* Each exception, with as many bytes as its handler steps over. */
static void nest(int sig, siginfo_t *info, void *context)
{
	greg_t *reg = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)info;
	order[depth++] = sig;
	switch (sig) {
	case SIGSEGV:
		asm volatile("div %0" : : "r" (0L), "a" (1L), "d" (0L) : "cc");
		reg[REG_RIP] += 1;
		break;
	case SIGFPE:
		asm volatile("ud2");
		reg[REG_RIP] += 3;
		break;
	case SIGILL:
		asm volatile("int3");
		reg[REG_RIP] += 2;
		break;
	case SIGTRAP:
		syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1);
		break;
	}
}

static void tick(int sig)
{
	(void)sig;
	ticks++;
	/* Registers that the interrupted code uses. */
	asm volatile("pxor %%xmm0, %%xmm0; pxor %%xmm15, %%xmm15" : : : "xmm0", "xmm15");
}

static void handle(int flags)
{
	static const int signals[] = { SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGUSR1 };
	struct sigaction action = { .sa_sigaction = nest, .sa_flags = SA_SIGINFO | flags };
	unsigned int i;

	for (i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		sigaction(signals[i], &action, NULL);
}

/* HLT with patterns in the registers; how many were lost. */
static int fault(void)
{
	register uint64_t r12 asm("r12") = 0x1212121212121212;
	register uint64_t r8 asm("r8") = 0x0808080808080808;
	uint64_t bx = 0xb0b0b0b0b0b0b0b0, dx = 0xd0d0d0d0d0d0d0d0, x;

	asm volatile("movq %%rbx, %%xmm15; hlt; movq %%xmm15, %0"
		     : "=r" (x), "+b" (bx), "+d" (dx), "+r" (r12), "+r" (r8) : : "xmm15", "memory");
	return (x != bx) + (bx != 0xb0b0b0b0b0b0b0b0) + (dx != 0xd0d0d0d0d0d0d0d0) +
	       (r12 != 0x1212121212121212) + (r8 != 0x0808080808080808);
}

FIXTURE(stack)
{
};

FIXTURE_VARIANT(stack)
{
	int flags;
};

FIXTURE_VARIANT_ADD(stack, of_the_program) { .flags = 0 };
FIXTURE_VARIANT_ADD(stack, of_its_own) { .flags = SA_ONSTACK };

FIXTURE_SETUP(stack)
{
	static char stack[1 << 16];
	const stack_t alternate = { .ss_sp = stack, .ss_size = sizeof(stack) };

	ASSERT_EQ(0, sigaltstack(&alternate, NULL));
	handle(variant->flags);
}

FIXTURE_TEARDOWN(stack)
{
}

TEST_F(stack, holds_nested_handlers)
{
	static const int expected[] = { SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGUSR1 };
	int i;

	EXPECT_EQ(0, fault());
	ASSERT_EQ(5, depth);
	for (i = 0; i < 5; i++)
		EXPECT_EQ(expected[i], order[i]);
}

/*
 * On and on, until the timer has come in the middle of 100 rounds. It is armed for one signal
 * at a time: on a machine that takes longer over a signal than the timer's period, a periodic
 * one leaves the program itself no instruction. The delay goes up and starts again, so that
 * whatever a round takes, some of the signals find it anywhere in its middle.
 */
TEST_F_TIMEOUT(stack, holds_timer_signals_besides, 100)
{
	struct itimerval once = { };
	long hits = 0, armed = 0, lost = 0, order_lost = 0, before;

	signal(SIGALRM, tick);
	while (hits < 100) {
		if (armed == ticks) {
			once.it_value.tv_usec = 1 + armed++ * 97 % 4000;
			ASSERT_EQ(0, setitimer(ITIMER_REAL, &once, NULL));
		}
		depth = 0;
		before = ticks;
		lost += fault();
		order_lost += depth != 5;
		hits += ticks != before;
	}
	EXPECT_EQ(0, lost);
	EXPECT_EQ(0, order_lost);
}

TEST_HARNESS_MAIN
