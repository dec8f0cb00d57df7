/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What bench.c, which measures, and the files beside it, which have what is measured,
 * know of each other. An operation runs in a process of its own, so it may leave
 * memory, signal handlers and an affinity behind.
 */
#ifndef RING1_BENCH_H
#define RING1_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>
#include <sys/types.h>

#define PAGE	4096UL

struct operation {
	const char *name;
	const char *what;
	unsigned int n;			/* times, at --effort 100 */
	void (*run)(unsigned int n);
	unsigned int cpus;		/* that it is not kept on the first of, but needs */
	bool parallel;			/* several processes can do it at the same time */
};

/* Each ends with an entry without a name. */
extern const struct operation bench_cpu[], bench_memory[], bench_process[], bench_switch[];

/* The command line that makes this program end at once, for what starts programs. */
#define BENCH_NOTHING	"--nothing"

/* Ends the operation's process: it cannot run on this machine. */
noreturn void bench_cannot(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* What of the time since the operation began is not its own, in ticks of the TSC. */
extern uint64_t bench_not_counted;

uint64_t bench_ticks(void);
uint64_t bench_ns(void);

/* An operation that reuses a part of another one. */
void bench_fork(unsigned int n);
void bench_exec(unsigned int n);
void bench_pipe(unsigned int n);
void bench_signal(unsigned int n);
void bench_ud(unsigned int n);
void bench_protection(unsigned int n);
void bench_mmap_1m(unsigned int n);

/* Waits for a child that must succeed. */
void bench_reap(pid_t child);

/* Runs a command of the shell's, which must succeed. */
void bench_shell(const char *command);

/* Keeps the calling thread on the nth of the processors that the process may use. */
void bench_pin(unsigned int nth);

/* Private memory, in small pages. */
char *bench_map(size_t size);

#endif
