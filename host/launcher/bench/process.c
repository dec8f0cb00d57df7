// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations of `ring1 bench` that make processes, threads or modules come and go.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench/bench.h"
#include "launcher.h"

#define SELF			"/proc/self/exe"
#define MODULE			"msr"
#define MODULE_COMPRESSED	4	/* MODULE_INIT_COMPRESSED_FILE */

static char *const nothing[] = {
	(char *)"ring1", (char *)"bench", (char *)BENCH_NOTHING, NULL,
};

static void do_fork(unsigned int n)
{
	while (n--) {
		pid_t child = fork();

		if (!child)
			_exit(0);
		bench_reap(child);
	}
}

static void do_exec(unsigned int n)
{
	while (n--) {
		pid_t child = fork();

		if (!child) {
			execv(SELF, nothing);
			_exit(1);
		}
		bench_reap(child);
	}
}

static void do_spawn(unsigned int n)
{
	while (n--) {
		pid_t child;
		int err = posix_spawn(&child, SELF, NULL, NULL, nothing, NULL);

		if (err)
			bench_cannot("posix_spawn: %s", strerror(err));
		bench_reap(child);
	}
}

static void *no_thread(void *nothing)
{
	return nothing;
}

static void do_thread(unsigned int n)
{
	while (n--) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, no_thread, NULL))
			bench_cannot("no new thread");
		pthread_join(thread, NULL);
	}
}

static int open_module(int *flags)
{
	static const char *const places[] = { "kernel/arch/x86/kernel/", "" };
	struct utsname kernel;
	char pattern[200];
	int fd = -1;
	glob_t found;
	size_t i;

	uname(&kernel);
	for (i = 0; i < ARRAY_SIZE(places) && fd < 0; i++) {
		snprintf(pattern, sizeof(pattern), "/lib/modules/%s/%s" MODULE ".ko*",
			 kernel.release, places[i]);
		if (!glob(pattern, 0, NULL, &found)) {
			const char *path = found.gl_pathv[0];

			fd = open(path, O_RDONLY | O_CLOEXEC);
			*flags = strcmp(path + strlen(path) - 3, ".ko") ? MODULE_COMPRESSED : 0;
		}
		globfree(&found);
	}
	if (fd < 0)
		bench_cannot("there is no module " MODULE " of this kernel's");
	return fd;
}

/* By the system calls: modprobe would be most of the time. */
static void do_module(unsigned int n)
{
	int flags, fd = open_module(&flags);

	while (n--) {
		if (syscall(SYS_finit_module, fd, "", flags))
			bench_cannot("the module " MODULE " does not load: %s", strerror(errno));
		if (syscall(SYS_delete_module, MODULE, 0))
			bench_cannot("the module " MODULE " does not unload: %s", strerror(errno));
	}
	close(fd);
}

/* What programs do to a kernel, and the kernel to its processor. */
static void do_mix(unsigned int n)
{
	while (n--) {
		do_fork(2);
		do_exec(2);
		bench_pipe(20);
		bench_signal(5);
		bench_ud(5);
		bench_protection(5);
		bench_mmap_1m(1);
		bench_shell("modprobe " MODULE);
		bench_shell("rmmod " MODULE);
	}
}

const struct operation bench_process[] = {
	{
		.name = "fork_exit",
		.what = "fork(), exit() and wait()",
		.n = 20,
		.run = do_fork,
		.parallel = true,
	},
	{
		.name = "fork_exec",
		.what = "fork(), exec() of a static program and wait()",
		.n = 20,
		.run = do_exec,
		.parallel = true,
	},
	{
		.name = "posix_spawn",
		.what = "posix_spawn() of a static program and wait()",
		.n = 20,
		.run = do_spawn,
		.parallel = true,
	},
	{
		.name = "thread",
		.what = "pthread_create() and pthread_join()",
		.n = 100,
		.run = do_thread,
	},
	{
		.name = "module",
		.what = "loads the module " MODULE " and removes it; as root",
		.n = 20,
		.run = do_module,
	},
	{
		.name = "mix",
		.what = "fork_exit, fork_exec, pipe_round_trip, signal and others, modprobe; as root",
		.n = 3,
		.run = do_mix,
	},
	{ }
};
