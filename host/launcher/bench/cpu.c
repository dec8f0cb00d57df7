// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations of `ring1 bench` that one thread does by itself: system calls, signals,
 * exceptions, the clock and its timer.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "bench/bench.h"

#define SLEEP_NS	200000

static void do_getppid(unsigned int n)
{
	while (n--)
		syscall(SYS_getppid);
}

static void do_read(unsigned int n)
{
	int fd = open("/dev/zero", O_RDONLY);
	char byte;

	if (fd < 0)
		bench_cannot("there is no /dev/zero");
	while (n--)
		if (read(fd, &byte, 1) != 1)
			bench_cannot("/dev/zero does not read");
	close(fd);
}

static void do_clock_gettime(unsigned int n)
{
	struct timespec now;

	while (n--)
		clock_gettime(CLOCK_MONOTONIC, &now);
}

/* Exceptions that are the user's own, each to a handler and back. */
static unsigned int skip;

static void on_signal(int signal, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)signal;
	(void)info;
	uc->uc_mcontext.gregs[REG_RIP] += skip;
}

static void catch(int signal, unsigned int bytes)
{
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };

	skip = bytes;
	sigaction(signal, &action, NULL);
}

void bench_ud(unsigned int n)
{
	catch(SIGILL, 2);
	while (n--)
		asm volatile("ud2");
}

static void do_bp(unsigned int n)
{
	catch(SIGTRAP, 0);
	while (n--)
		asm volatile("int3");
}

static void do_de(unsigned int n)
{
	catch(SIGFPE, 2);
	while (n--)
		asm volatile("xorl %%ecx, %%ecx\n\tdivl %%ecx" : : : "eax", "ecx", "edx");
}

void bench_signal(unsigned int n)
{
	catch(SIGUSR1, 0);
	while (n--)
		raise(SIGUSR1);
}

/* By how much a sleeper wakes up late. */
static void do_timer(unsigned int n)
{
	uint64_t late = 0, ns = bench_ns(), ticks = bench_ticks();
	struct timespec until;

	prctl(PR_SET_TIMERSLACK, 1);
	while (n--) {
		uint64_t deadline = bench_ns() + SLEEP_NS;

		until.tv_sec = deadline / 1000000000;
		until.tv_nsec = deadline % 1000000000;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
		late += bench_ns() - deadline;
	}
	ns = bench_ns() - ns;
	ticks = bench_ticks() - ticks;
	bench_not_counted += ticks - (double)late * ticks / ns;
}

const struct operation bench_cpu[] = {
	{
		.name = "getppid",
		.what = "a system call that does nothing",
		.n = 20000,
		.run = do_getppid,
		.parallel = true,
	},
	{
		.name = "read_zero",
		.what = "read() of a byte of /dev/zero",
		.n = 5000,
		.run = do_read,
		.parallel = true,
	},
	{
		.name = "clock_gettime",
		.what = "reads the clock",
		.n = 5000,
		.run = do_clock_gettime,
	},
	{
		.name = "signal",
		.what = "raise() to a handler and back",
		.n = 1000,
		.run = bench_signal,
		.parallel = true,
	},
	{
		.name = "breakpoint",
		.what = "INT3 to a signal handler and back",
		.n = 1000,
		.run = do_bp,
	},
	{
		.name = "divide_error",
		.what = "a division by zero to a signal handler and back",
		.n = 1000,
		.run = do_de,
	},
	{
		.name = "invalid_opcode",
		.what = "UD2 to a signal handler and back",
		.n = 1000,
		.run = bench_ud,
	},
	{
		.name = "timer",
		.what = "how late a sleep of 200 us ends",
		.n = 50,
		.run = do_timer,
	},
	{ }
};
