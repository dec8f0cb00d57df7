/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `ring1 bench`: bench.c measures, harness.c has what operations need in their processes,
 * the other files have the operations. An operation runs in a process of its own, so it may
 * leave memory, signal handlers and an affinity behind.
 */
#ifndef RING1_BENCH_H
#define RING1_BENCH_H

#include <sched.h>
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

/* The operations; each list ends with an entry without a name. */
extern const struct operation bench_cpu[], bench_memory[], bench_process[], bench_switch[];

/* bench.c: the command line that makes this program end at once, for what starts programs. */
#define BENCH_NOTHING		"--nothing"

/*
 * harness.c
 *
 * bench.c sets the first two before any operation: memory that it shares with the
 * operations' processes, where bench_cannot() writes, and the processors that the process
 * may use.
 */
#define BENCH_REASON_SIZE	200
extern char *bench_reason;
extern cpu_set_t bench_allowed;
/* What of the time since the operation began is not its own, in ticks of the TSC. */
extern uint64_t bench_not_counted;

uint64_t bench_ticks(void);
uint64_t bench_ns(void);
/* Ends the operation's process: it cannot run on this machine. */
noreturn void bench_cannot(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Keeps the calling thread on the nth of the processors that the process may use. */
void bench_pin(unsigned int nth);
/* Private memory, in small pages. */
char *bench_map(size_t size);
/* Waits for a child that must succeed. */
void bench_reap(pid_t child);
/* Runs a command of the shell's, which must succeed. */
void bench_shell(const char *command);

/* Of the operations, those that the mix in process.c is made of besides its own. */

/* cpu.c */
void bench_signal(unsigned int n);
void bench_ud(unsigned int n);

/* memory.c */
void bench_protection(unsigned int n);
void bench_mmap_1m(unsigned int n);

/* switch.c */
void bench_pipe(unsigned int n);

#endif
