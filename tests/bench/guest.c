// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the host VM: measures in a guest, and counts its exits by reason, as debugfs has
 * them. Both hand their further arguments to ring1 run:
 *
 *   guest operations COMMAND [OPTION]...
 *		runs COMMAND in a guest, a ring1 bench --marks /dev/ttyS3 among it, and
 *		prints after its lines "exits NAME REASON COUNT", exits of one operation
 *   guest boot PROBE KERNEL APPEND [OPTION]...
 *		prints "boot START INIT": TSC at the kernel's entry and when its /init,
 *		init.c, began; PROBE is the kernel with entry.S in it, or - to count
 *		from the launcher's start. Then "exits boot REASON COUNT"
 *   guest start COMMAND...
 *		prints "start TSC", and is the command: one that has no such probe
 *
 * The guest says on a serial port when counters are to be read (ring1 bench --marks, or
 * init.c), and waits until they have been.
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
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tsc.h"

#define MAX_REASONS	100
#define MAX_MARKS	500
#define MAX_REPEAT	9
#define MAX_ARGUMENTS	40

struct counters {
	char name[32];			/* operation */
	unsigned int times;
	int nr;
	char reason[MAX_REASONS][40];
	uint64_t count[MAX_REASONS];
};

#define BLANKS	"\n "

static struct counters marks[MAX_MARKS];

static void add_counter(struct counters *c, const char *reason, uint64_t count)
{
	if (c->nr == MAX_REASONS)
		errx(1, "there are more than %d reasons", MAX_REASONS);
	snprintf(c->reason[c->nr], sizeof(c->reason[0]), "%s", reason);
	c->count[c->nr++] = count;
}

/* kvm-ring1: the sums over all vCPUs. */
static void read_exits(struct counters *c, FILE *file)
{
	char line[512];

	while (fgets(line, sizeof(line), file)) {
		char *reason = strtok(line, BLANKS), *word;
		uint64_t count = 0;

		if (!reason || !strcmp(reason, "reason"))
			continue;
		while ((word = strtok(NULL, BLANKS)))
			count += strtoull(word, NULL, 10);
		add_counter(c, reason, count);
	}
}

/* Another vendor module: the counters KVM has itself, a file each. */
static void read_statistics(struct counters *c, const char *vm)
{
	char pattern[300];
	glob_t found;
	size_t i;

	snprintf(pattern, sizeof(pattern), "%s/*", vm);
	if (glob(pattern, 0, NULL, &found))
		errx(1, "%s has no counters", vm);
	for (i = 0; i < found.gl_pathc; i++) {
		FILE *file = fopen(found.gl_pathv[i], "r");
		struct stat st;
		uint64_t count;

		if (!file)
			continue;
		if (!fstat(fileno(file), &st) && S_ISREG(st.st_mode) &&
		    fscanf(file, "%" SCNu64, &count) == 1)
			add_counter(c, strrchr(found.gl_pathv[i], '/') + 1, count);
		fclose(file);
	}
	globfree(&found);
}

static void read_counters(struct counters *c)
{
	glob_t found;
	char path[300];
	FILE *file;

	if (glob("/sys/kernel/debug/kvm/*-*", 0, NULL, &found) || found.gl_pathc != 1)
		errx(1, "there must be one guest");
	snprintf(path, sizeof(path), "%s/ring1_exits", found.gl_pathv[0]);
	file = fopen(path, "r");
	if (file) {
		read_exits(c, file);
		fclose(file);
	} else {
		read_statistics(c, found.gl_pathv[0]);
	}
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

static void append_options(char **argv, char **options)
{
	char **end = argv;

	while (*end)
		end++;
	while (*options && end < argv + MAX_ARGUMENTS - 1)
		*end++ = *options++;
	*end = NULL;
}

/* Runs a command with one more serial port of the guest's, whose other end it returns. */
static FILE *start_with_port(char **argv, char **options, pid_t *child)
{
	static char serial[16];
	FILE *port;
	int pair[2];
	char **end = argv;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		err(1, "socketpair");
	fcntl(pair[1], F_SETFD, 0);
	snprintf(serial, sizeof(serial), "fd:%d", pair[1]);
	while (*end)
		end++;
	*end++ = "--serial";
	*end++ = serial;
	*end = NULL;
	append_options(argv, options);
	*child = start(argv);
	close(pair[1]);
	port = fdopen(pair[0], "r+");
	setvbuf(port, NULL, _IONBF, 0);
	return port;
}

static int serve_marks(FILE *port)
{
	struct counters *c = marks;

	while (c < marks + MAX_MARKS &&
	       fscanf(port, " mark %31s %u", c->name, &c->times) == 2) {
		/* So that whoever is outside can tell the time. */
		printf("mark %s %u\n", c->name, c->times);
		fflush(stdout);
		read_counters(c++);
		fputc('.', port);
	}
	fclose(port);
	return c - marks;
}

/* Three marks a measurement: before n times, before 2n times, and behind them. */
static double exits_once(const struct counters *c, int reason)
{
	int64_t once = c[1].count[reason] - c[0].count[reason];
	int64_t twice = c[2].count[reason] - c[1].count[reason];

	return (double)(twice - once) / c->times;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/*
 * Of the measurements of one operation the one with the median of all exits: its reasons
 * add up to that, which their own medians need not.
 */
static const struct counters *median(const struct counters *c, int repeat)
{
	double exits[MAX_REPEAT], sorted[MAX_REPEAT];
	int i, all = 0;

	while (all < c->nr - 1 && strcmp(c->reason[all], "exits"))
		all++;
	for (i = 0; i < repeat; i++)
		exits[i] = exits_once(c + 3 * i, all);
	memcpy(sorted, exits, repeat * sizeof(sorted[0]));
	qsort(sorted, repeat, sizeof(sorted[0]), by_value);
	for (i = 0; exits[i] != sorted[repeat / 2]; i++)
		;
	return c + 3 * i;
}

static void print_operation(const struct counters *c)
{
	int j;

	for (j = 0; j < c->nr; j++)
		printf("exits %s %s %.4f\n", c->name, c->reason[j], exits_once(c, j));
}

static void print_exits(int nr_marks)
{
	int i, repeat;

	for (i = 0; i + 2 < nr_marks; i += 3 * repeat) {
		for (repeat = 1; repeat < MAX_REPEAT && i + 3 * repeat + 2 < nr_marks; repeat++)
			if (strcmp(marks[i].name, marks[i + 3 * repeat].name))
				break;
		print_operation(median(&marks[i], repeat));
	}
}

static int run_operations(char *command, char **options)
{
	char *argv[MAX_ARGUMENTS] = { "guest-run", command, NULL };
	pid_t child;
	int nr_marks, status;

	nr_marks = serve_marks(start_with_port(argv, options, &child));
	status = wait_for(child);
	print_exits(nr_marks);
	return status;
}

/* entry.S sends the TSC, eight bytes, over the first port. */
static uint64_t entry_time(const char *probe, char **options)
{
	char *argv[MAX_ARGUMENTS] = {
		"ring1", "run", "--kernel", (char *)probe, "--initrd", "/bench/initrd",
		"--serial", "file:/tmp/probe",
	};
	uint64_t time;
	FILE *file;

	append_options(argv, options);
	wait_for(start(argv));
	file = fopen("/tmp/probe", "r");
	if (!file || fread(&time, sizeof(time), 1, file) != 1)
		errx(1, "%s did not come to its entry", probe);
	fclose(file);
	return time;
}

/* What the launcher needs before the entry is the same for both kernels. */
static int run_boot(char *probe, char *kernel, const char *append, char **options)
{
	char line[1000];
	char *argv[MAX_ARGUMENTS] = {
		"ring1", "run", "--kernel", kernel, "--initrd", "/bench/initrd", "--append", line,
		"--serial", "file:/dev/ttyS3", NULL,
	};
	uint64_t begin, launch = 0, init;
	struct counters *c = marks;
	pid_t child;
	FILE *port;
	int i;

	snprintf(line, sizeof(line), "console=ttyS0 panic=-1 %s rdinit=/bench/init -- wait",
		 append);
	if (strcmp(probe, "-")) {
		entry_time(probe, options);	/* what it reads is in the page cache now */
		begin = tsc();
		launch = entry_time(probe, options) - begin;
	}
	begin = tsc();
	port = start_with_port(argv, options, &child);
	if (fscanf(port, " boot %" SCNu64, &init) != 1)
		errx(1, "the guest did not boot (ring1 run: %d)", wait_for(child));
	read_counters(c);
	fputc('\n', port);
	wait_for(child);
	printf("boot %" PRIu64 " %" PRIu64 "\n", begin + launch, init);
	for (i = 0; i < c->nr; i++)
		printf("exits boot %s %" PRIu64 "\n", c->reason[i], c->count[i]);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 3 && !strcmp(argv[1], "operations"))
		return run_operations(argv[2], argv + 3);
	if (argc >= 5 && !strcmp(argv[1], "boot"))
		return run_boot(argv[2], argv[3], argv[4], argv + 5);
	if (argc >= 3 && !strcmp(argv[1], "start")) {
		printf("start %" PRIu64 "\n", tsc());
		fflush(stdout);
		execvp(argv[2], argv + 2);
		err(1, "%s", argv[2]);
	}
	errx(2, "usage: guest operations COMMAND [OPTION]...\n"
	     "       guest boot PROBE KERNEL APPEND [OPTION]...\n"
	     "       guest start COMMAND...");
}
