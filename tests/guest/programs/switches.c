// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    what a thread switches off is off, for it and nobody else, until it is switched on
 *           again: RDTSC and RDTSCP by prctl(PR_SET_TSC), CPUID by arch_prctl(ARCH_SET_CPUID);
 *           and what the processor cannot do in ring 1 is refused: CPUID, PTRACE_SINGLEBLOCK
 * How:      uses each instruction behind its switch, over system calls, switches of tasks,
 *           forks and programs on the same processor that may; has the kernel tell the time
 *           meanwhile, which it does by RDTSC
 * Needs:    nothing; on an Intel processor CPUID is concerned as well
 * Timeout:  200
 * Catches:  a switch that is silently off; one that stays for the next task; a kernel that is
 *           kept from the counter with its user
 */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fixture.h"
#include "guest.h"

#define ARCH_GET_CPUID	0x1011
#define ARCH_SET_CPUID	0x1012
#define ROUNDS		50

/* Those of ABI version 1 leave the switch without effect, and say nothing. */
#define OLD_MONITOR	"ring1_test.abi=1"
#define OLD_GUEST	"ring1_test.guest=1"

EMPTY_FIXTURE(switches)

static sigjmp_buf back;

static void on_segv(int sig)
{
	(void)sig;
	siglongjmp(back, 1);
}

static void rdtsc(void)
{
	asm volatile("rdtsc" : : : "rax", "rdx");
}

static void rdtscp(void)
{
	asm volatile("rdtscp" : : : "rax", "rdx", "rcx");
}

static void cpuid(void)
{
	asm volatile("cpuid" : : "a" (0), "c" (0) : "rbx", "rdx");
}

static bool faults(void (*what)(void))
{
	signal(SIGSEGV, on_segv);
	if (sigsetjmp(back, 1))
		return true;
	what();
	return false;
}

static bool child_says(bool (*check)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(!check());
	return waitpid(pid, &status, 0) == pid && !status;
}

static bool rdtsc_faults(void)
{
	return faults(rdtsc);
}

static bool set_tsc(int mode)
{
	int now;

	return !prctl(PR_SET_TSC, mode, 0, 0, 0) && !prctl(PR_GET_TSC, &now, 0, 0, 0) &&
	       now == mode;
}

TEST_F(switches, rdtsc_faults_until_it_may_again)
{
	int i;

	if (cmdline_has(OLD_MONITOR))
		SKIP(return, "the monitor is of ABI version 1");
	EXPECT_FALSE(faults(rdtsc));
	ASSERT_TRUE(set_tsc(PR_TSC_SIGSEGV));
	EXPECT_TRUE(faults(rdtsc));
	for (i = 0; i < ROUNDS; i++) {
		usleep(1000);
		ASSERT_TRUE(faults(rdtsc));
		getppid();
		ASSERT_TRUE(faults(rdtsc));
	}
	EXPECT_TRUE(child_says(rdtsc_faults));
	ASSERT_TRUE(set_tsc(PR_TSC_ENABLE));
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_FALSE(faults(rdtsc));
		usleep(1000);
	}
	EXPECT_FALSE(child_says(rdtsc_faults));
}

TEST_F(switches, rdtscp_as_well)
{
	if (cmdline_has(OLD_MONITOR))
		SKIP(return, "the monitor is of ABI version 1");
	if (!cpu_has("rdtscp"))
		SKIP(return, "the processor has no RDTSCP");
	EXPECT_FALSE(faults(rdtscp));
	ASSERT_TRUE(set_tsc(PR_TSC_SIGSEGV));
	EXPECT_TRUE(faults(rdtscp));
	ASSERT_TRUE(set_tsc(PR_TSC_ENABLE));
	EXPECT_FALSE(faults(rdtscp));
}

static void stay_on_one_processor(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* Both on one processor, where one is preempted by the other, and each gives way. */
TEST_F(switches, another_task_goes_on_reading)
{
	int i, status;
	pid_t pid;

	if (cmdline_has(OLD_MONITOR))
		SKIP(return, "the monitor is of ABI version 1");
	stay_on_one_processor();
	pid = fork();
	if (!pid) {
		for (;;)
			if (faults(rdtsc))
				_exit(1);
	}
	ASSERT_TRUE(set_tsc(PR_TSC_SIGSEGV));
	for (i = 0; i < ROUNDS; i++) {
		if (i % 2)
			usleep(1000);
		else
			sched_yield();
		ASSERT_TRUE(faults(rdtsc));
	}
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

static int64_t now(void)
{
	struct timespec t;

	if (syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t))
		return -1;
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* It reads the counter where the user may not, and finds the same one. */
TEST_F(switches, the_kernel_tells_the_time)
{
	int64_t last = now(), next;
	int i;

	ASSERT_LT(0, last);
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_TRUE(set_tsc(i % 2 ? PR_TSC_ENABLE : PR_TSC_SIGSEGV));
		next = now();
		EXPECT_LT(last, next);
		EXPECT_LT(next - last, 10 * 1000000000LL);
		last = next;
	}
	set_tsc(PR_TSC_ENABLE);
}

/* Either there is none of it, or it works. */
TEST_F(switches, cpuid_faults_or_is_refused)
{
	EXPECT_EQ(1, syscall(SYS_arch_prctl, ARCH_GET_CPUID, 0));
	if (syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0)) {
		EXPECT_EQ(ENODEV, errno);
		EXPECT_FALSE(cpu_has("cpuid_fault"));
		EXPECT_FALSE(faults(cpuid));
		return;
	}
	EXPECT_TRUE(cpu_has("cpuid_fault"));
	EXPECT_TRUE(faults(cpuid));
	EXPECT_EQ(0, syscall(SYS_arch_prctl, ARCH_SET_CPUID, 1));
	EXPECT_FALSE(faults(cpuid));
}

/* As from a processor without DEBUGCTL. Natively an emulator may take it and not do it. */
TEST_F(switches, steps_from_branch_to_branch_are_refused)
{
	int status;
	pid_t pid;

	if (!in_ring1())
		SKIP(return, "not in ring 1");
	if (cmdline_has(OLD_GUEST))
		SKIP(return, "the guest is of ABI version 1");
	pid = fork();
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSTOPPED(status));
	EXPECT_EQ(-1, ptrace(PTRACE_SINGLEBLOCK, pid, NULL, NULL));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(0, ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL));
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

TEST_HARNESS_MAIN
