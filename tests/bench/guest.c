// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the host VM: runs the operations in a guest and counts exits.
 *
 *   guest operations	runs operations.c in a guest, and prints after its lines
 *			"exits NAME REASON COUNT", exits of one operation by reason as
 *			debugfs has them
 *   guest boot PROBE	prints "boot START INIT": TSC at the guest kernel's entry and
 *			when its /init began; PROBE is the kernel with entry.S in it
 *
 * The guest says on its fourth serial port when an operation is about to be
 * measured (operations.c), and waits until the counters have been read.
 */
#include <err.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tsc.h"

#define MAX_REASONS	100
#define MAX_MARKS	100

struct counters {
	char name[32];			/* operation */
	unsigned int times;
	int nr;
	char reason[MAX_REASONS][40];
	uint64_t count[MAX_REASONS];
};

#define BLANKS	"\n "

static struct counters marks[MAX_MARKS];

/* The sums over all vCPUs of the one guest there is. */
static void read_counters(struct counters *c)
{
	char line[512];
	glob_t found;
	FILE *file;

	if (glob("/sys/kernel/debug/kvm/*/ring1_exits", 0, NULL, &found) || found.gl_pathc != 1)
		errx(1, "there must be one guest");
	file = fopen(found.gl_pathv[0], "r");
	if (!file)
		err(1, "%s", found.gl_pathv[0]);
	while (fgets(line, sizeof(line), file) && c->nr < MAX_REASONS) {
		char *word = strtok(line, BLANKS);

		if (!word || !strcmp(word, "reason"))
			continue;
		snprintf(c->reason[c->nr], sizeof(c->reason[0]), "%s", word);
		while ((word = strtok(NULL, BLANKS)))
			c->count[c->nr] += strtoull(word, NULL, 10);
		c->nr++;
	}
	fclose(file);
	globfree(&found);
}

/* guest-run's arguments are a command, and options for ring1 run. */
static pid_t start(char *const argv[])
{
	pid_t child = fork();

	if (child < 0)
		err(1, "fork");
	if (!child) {
		execvp(argv[0], argv);
		err(1, "%s", argv[0]);
	}
	return child;
}

static int wait_for(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) != child)
		err(1, "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int serve_marks(int fd)
{
	FILE *port = fdopen(fd, "r+");
	struct counters *c = marks;

	setvbuf(port, NULL, _IONBF, 0);
	while (c < marks + MAX_MARKS && fscanf(port, " %31s %u", c->name, &c->times) == 2) {
		read_counters(c++);
		fputc('.', port);
	}
	fclose(port);
	return c - marks;
}

/* Three marks an operation: before n times, before 2n times, and behind them. */
static void print_exits(int nr_marks)
{
	int i, j;

	for (i = 0; i + 2 < nr_marks; i += 3) {
		const struct counters *c = &marks[i];

		for (j = 0; j < c->nr; j++) {
			int64_t once = c[1].count[j] - c[0].count[j];
			int64_t twice = c[2].count[j] - c[1].count[j];

			printf("exits %s %s %.4f\n", c->name, c->reason[j],
			       (double)(twice - once) / c->times);
		}
	}
}

static int run_operations(void)
{
	char serial[16];
	char *argv[16] = {
		"guest-run", "exec /bench/operations /dev/ttyS3", "--serial", serial, NULL,
	};
	int pair[2], nr_marks, status;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		err(1, "socketpair");
	fcntl(pair[1], F_SETFD, 0);
	snprintf(serial, sizeof(serial), "fd:%d", pair[1]);
	child = start(argv);
	close(pair[1]);
	nr_marks = serve_marks(pair[0]);
	status = wait_for(child);
	print_exits(nr_marks);
	return status;
}

/* entry.S sends the TSC, eight bytes, over the first port. */
static uint64_t entry_time(const char *probe)
{
	char *argv[16] = {
		"ring1", "run", "--kernel", (char *)probe, "--initrd", "/bench/initrd",
		"--serial", "file:/tmp/probe", NULL,
	};
	uint64_t time;
	FILE *file;

	wait_for(start(argv));
	file = fopen("/tmp/probe", "r");
	if (!file || fread(&time, sizeof(time), 1, file) != 1)
		errx(1, "%s did not come to its entry", probe);
	fclose(file);
	return time;
}

/* What the launcher needs before the entry is the same for both kernels. */
static int run_boot(const char *probe)
{
	char *argv[16] = {
		"ring1", "run", "--kernel", "/ring1/bzImage", "--initrd", "/bench/initrd",
		"--append", "console=ttyS0 panic=-1 rdinit=/bench/operations -- boot",
		"--serial", "file:/tmp/console", "--serial", "file:/tmp/output", NULL,
	};
	uint64_t begin, launch, init;
	int status;
	FILE *file;

	entry_time(probe);		/* what it reads is in the page cache now */
	begin = tsc();
	launch = entry_time(probe) - begin;
	begin = tsc();
	status = wait_for(start(argv));
	file = fopen("/tmp/output", "r");
	if (!file || fscanf(file, "boot %" SCNu64, &init) != 1)
		errx(1, "the guest did not boot (status %d)", status);
	fclose(file);
	printf("boot %" PRIu64 " %" PRIu64 "\n", begin + launch, init);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "operations"))
		return run_operations();
	if (argc == 3 && !strcmp(argv[1], "boot"))
		return run_boot(argv[2]);
	errx(2, "usage: guest operations | guest boot PROBE");
}
