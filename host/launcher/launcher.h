/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every file of the `ring1` command may use: exit statuses, the
 * subcommands, the sandbox, and the few helpers of util.c. Nothing here knows KVM.
 */
#ifndef RING1_LAUNCHER_H
#define RING1_LAUNCHER_H

#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define KIB	(1ULL << 10)
#define MIB	(1ULL << 20)
#define GIB	(1ULL << 30)

/*
 * Exit statuses of `ring1 run`, for scripts. The other commands use the
 * first three. Ctrl-A x counts as an interrupt, so it ends like one.
 */
enum ring1_status {
	RING1_OK = 0,
	RING1_ERROR = 1,
	RING1_USAGE = 2,
	RING1_RESET = 3,
	RING1_CRASH = 4,
	RING1_SIGNAL = 128,
	RING1_ESCAPE = RING1_SIGNAL + 2,
};

/* The commands: run.c, stat.c, check.c, bench/bench.c */
int run_main(int argc, char **argv);
int stat_main(int argc, char **argv);
int check_main(int argc, char **argv);
int bench_main(int argc, char **argv);

/*
 * sandbox.c: leave to all threads only what serves a running guest. 0, with a warning where the
 * kernel cannot do that, or -1 with the reason printed.
 */
int sandbox_enter(void);

/* util.c */

/* Print one line `ring1: ...` on stderr; fail() returns -1, fail_usage() RING1_USAGE. */
int fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int fail_usage(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same about an option that getopt_long(), with ":" for short ones, refused. */
int fail_option(const char *command, int option, char **argv);

/* 0, or -1 when the text is not a whole number (in range) or a size such as 512M. */
int parse_number(const char *text, unsigned long max, unsigned long *val);
int parse_size(const char *text, uint64_t *bytes);

/* "512 MiB", in one of a few static buffers: good for the arguments of one message. */
const char *size_text(uint64_t bytes);

int write_all(int fd, const void *buf, size_t len);

#endif
