// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an operation costs, in ticks of the TSC: where QEMU counts instructions
 * (HOST_ICOUNT=shift=0) that is retired instructions of the whole machine. The same
 * program runs natively and in a guest:
 *
 *   operations [MARKS]	every operation, "NAME COST" a line. In the serial port MARKS,
 *			says before and between the two measurements of each operation
 *			"NAME TIMES", and waits for a byte (guest.c)
 *   operations boot	as PID 1: the TSC, then power off
 *   operations nothing	what the exec operations run
 *
 * Each operation is done n times and then 2n times. The difference of both is n
 * operations, and nothing of what goes with a measurement.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "tsc.h"

#define PAGE		4096UL
#define MODULE		"msr"

static const char *self;
static int marks = -1;

static void do_getppid(unsigned int n)
{
	while (n--)
		syscall(SYS_getppid);
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

static void do_ud(unsigned int n)
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

static void do_kill(unsigned int n)
{
	catch(SIGUSR1, 0);
	while (n--)
		raise(SIGUSR1);
}

static char *map(size_t size)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	madvise(p, size, MADV_NOHUGEPAGE);
	return p;
}

static void do_page_fault(unsigned int n)
{
	volatile char *p = map(n * PAGE);
	unsigned int i;

	for (i = 0; i < n; i++)
		p[i * PAGE] = 1;
	munmap((void *)p, n * PAGE);
}

/* As lmbench has it: the handler makes the page writable again. */
static char *protected_page;

static void unprotect(int signal)
{
	(void)signal;
	mprotect(protected_page, PAGE, PROT_READ | PROT_WRITE);
}

static void do_protection(unsigned int n)
{
	protected_page = map(PAGE);
	signal(SIGSEGV, unprotect);
	while (n--) {
		mprotect(protected_page, PAGE, PROT_READ);
		*(volatile char *)protected_page = 1;
	}
	munmap(protected_page, PAGE);
	signal(SIGSEGV, SIG_DFL);
}

static void do_mmap(unsigned int n)
{
	while (n--) {
		char *p = map(256 * PAGE);

		memset(p, 1, 256 * PAGE);
		munmap(p, 256 * PAGE);
	}
}

static void reap(pid_t child)
{
	int status;

	if (child < 0 || waitpid(child, &status, 0) != child || status)
		errx(1, "a child failed");
}

static void do_fork(unsigned int n)
{
	while (n--) {
		pid_t child = fork();

		if (!child)
			_exit(0);
		reap(child);
	}
}

static void do_exec(unsigned int n)
{
	while (n--) {
		pid_t child = fork();

		if (!child) {
			execl(self, self, "nothing", NULL);
			_exit(1);
		}
		reap(child);
	}
}

/* Two processes on one CPU. */
static void on_one_cpu(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		err(1, "sched_setaffinity");
}

static void do_pipe(unsigned int n)
{
	int to[2], from[2];
	char byte = 0;
	pid_t child;

	on_one_cpu();
	if (pipe(to) || pipe(from))
		err(1, "pipe");
	child = fork();
	if (!child) {
		close(to[1]);
		while (read(to[0], &byte, 1) == 1 && write(from[1], &byte, 1) == 1)
			;
		_exit(0);
	}
	while (n--)
		if (write(to[1], &byte, 1) != 1 || read(from[0], &byte, 1) != 1)
			err(1, "pipe");
	close(to[1]);
	reap(child);
	close(to[0]);
	close(from[0]);
	close(from[1]);
}

/* Each yield of the one runs the other. */
static void do_yield(unsigned int n)
{
	pid_t child;

	on_one_cpu();
	child = fork();
	if (!child) {
		for (;;)
			sched_yield();
	}
	while (n--)
		sched_yield();
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static void run(const char *command)
{
	if (system(command))
		errx(1, "%s failed", command);
}

/* What programs do to a kernel, and the kernel to its processor. */
static void do_mix(unsigned int n)
{
	while (n--) {
		do_fork(2);
		do_exec(2);
		do_pipe(20);
		do_kill(5);
		do_ud(5);
		do_protection(5);
		do_mmap(1);
		run("modprobe " MODULE);
		run("rmmod " MODULE);
	}
}

static const struct operation {
	const char *name;
	unsigned int n;
	void (*run)(unsigned int n);
} operations[] = {
	{ "getppid", 20000, do_getppid },
	{ "clock_gettime", 5000, do_clock_gettime },
	{ "signal", 1000, do_kill },
	{ "breakpoint", 1000, do_bp },
	{ "divide_error", 1000, do_de },
	{ "invalid_opcode", 1000, do_ud },
	{ "page_fault", 1000, do_page_fault },
	{ "protection_fault", 500, do_protection },
	{ "mmap_1M", 5, do_mmap },
	{ "context_switch", 1000, do_yield },
	{ "pipe_round_trip", 500, do_pipe },
	{ "fork_exit", 20, do_fork },
	{ "fork_exec", 20, do_exec },
	{ "mix", 3, do_mix },
};

static void mark(const char *name, unsigned int n)
{
	char line[80];
	int length = snprintf(line, sizeof(line), "%s %u\n", name, n);

	if (marks < 0)
		return;
	if (write(marks, line, length) != length || read(marks, line, 1) != 1)
		err(1, "marks");
}

static void measure(const struct operation *op)
{
	uint64_t begin, once, twice;

	op->run(op->n);
	mark(op->name, op->n);
	begin = tsc();
	op->run(op->n);
	once = tsc() - begin;
	mark(op->name, op->n);
	begin = tsc();
	op->run(2 * op->n);
	twice = tsc() - begin;
	mark(op->name, op->n);
	printf("%s %.1f\n", op->name, ((double)twice - once) / op->n);
	fflush(stdout);
}

static void open_marks(const char *path)
{
	struct termios mode;

	marks = open(path, O_RDWR | O_NOCTTY);
	if (marks < 0 || tcgetattr(marks, &mode))
		err(1, "%s", path);
	cfmakeraw(&mode);
	tcsetattr(marks, TCSANOW, &mode);
}

/* In place of the rig's init: its ports are the second for output, the third for 0. */
static void boot(uint64_t now)
{
	FILE *port;
	int i;

	for (i = 1; i <= 2; i++) {
		char path[] = "/port0";

		path[5] += i;
		if (mknod(path, S_IFCHR | 0600, makedev(4, 64 + i)))
			_exit(1);
		port = fopen(path, "w");
		if (!port)
			_exit(1);
		if (i == 1)
			fprintf(port, "boot %llu\n", (unsigned long long)now);
		else
			fprintf(port, "0\n");
		fflush(port);
		tcdrain(fileno(port));
	}
	reboot(RB_POWER_OFF);
}

int main(int argc, char **argv)
{
	uint64_t now = tsc();
	unsigned int i;

	self = argv[0];
	if (argc == 2 && !strcmp(argv[1], "nothing"))
		return 0;
	if (argc == 2 && !strcmp(argv[1], "boot"))
		boot(now);
	if (argc == 2)
		open_marks(argv[1]);
	for (i = 0; i < sizeof(operations) / sizeof(*operations); i++)
		measure(&operations[i]);
	return 0;
}
