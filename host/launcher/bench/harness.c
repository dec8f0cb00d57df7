// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an operation of `ring1 bench` may use in its own process: the clocks, a processor to
 * be kept on, memory, children, and the way to say that it cannot be measured here. Does not
 * measure (bench.c) and has no operation.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/bench.h"
#include "launcher.h"

char *bench_reason;
cpu_set_t bench_allowed;
uint64_t bench_not_counted;

uint64_t bench_ticks(void)
{
	uint32_t low, high;

	asm volatile("lfence\n\trdtsc" : "=a" (low), "=d" (high) : : "memory");
	return low | (uint64_t)high << 32;
}

uint64_t bench_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

void bench_cannot(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(bench_reason, BENCH_REASON_SIZE, fmt, args);
	va_end(args);
	_exit(1);
}

void bench_pin(unsigned int nth)
{
	cpu_set_t one;
	int cpu;

	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &bench_allowed) && !nth--)
			break;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one) && CPU_COUNT(&bench_allowed) > 1)
		bench_cannot("processor %d: %s", cpu, strerror(errno));
}

char *bench_map(size_t size)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		bench_cannot("there is no memory for %s", size_text(size));
	madvise(p, size, MADV_NOHUGEPAGE);
	return p;
}

void bench_reap(pid_t child)
{
	int status;

	if (child < 0)
		bench_cannot("no new process: %s", strerror(errno));
	if (waitpid(child, &status, 0) != child || status)
		bench_cannot("a child failed");
}

void bench_shell(const char *command)
{
	if (system(command))
		bench_cannot("%s failed", command);
}
