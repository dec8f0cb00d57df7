// SPDX-License-Identifier: GPL-2.0-only
/*
 * The `ring1` command: finds the subcommand and leaves the rest to it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "launcher.h"

static const char help_text[] =
"usage: ring1 run --kernel FILE [options]   run a guest\n"
"       ring1 stat [PID]                    print the exit counters of a running guest\n"
"       ring1 check                         say whether this host can run guests\n"
"       ring1 bench [OPERATION]...          measure what operations cost on this machine\n"
"       ring1 COMMAND --help                describe a command\n"
"       ring1 --help | --version\n";

static const struct command {
	const char *name;
	int (*main)(int argc, char **argv);
} commands[] = {
	{ "run", run_main },
	{ "stat", stat_main },
	{ "check", check_main },
	{ "bench", bench_main },
};

/* A guest's console must never end up in a file that happened to get descriptor 1. */
static int fill_standard_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return fail("cannot open /dev/null: %s", strerror(errno));
	close(fd);
	return 0;
}

/* Output that a full disk swallowed is not a success. */
static int flush(int status)
{
	if (fflush(stdout) || ferror(stdout)) {
		fail("cannot write to stdout: %s", strerror(errno));
		return status ? status : RING1_ERROR;
	}
	return status;
}

int main(int argc, char **argv)
{
	unsigned int i;

	if (fill_standard_fds())
		return RING1_ERROR;
	if (argc < 2)
		return fail_usage("", "no command given");
	if (!strcmp(argv[1], "--help")) {
		fputs(help_text, stdout);
		return flush(RING1_OK);
	}
	if (!strcmp(argv[1], "--version")) {
		puts("ring1 " RING1_VERSION);
		return flush(RING1_OK);
	}
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(argv[1], commands[i].name))
			return flush(commands[i].main(argc - 1, argv + 1));
	}
	return fail_usage("", "unknown command %s", argv[1]);
}
