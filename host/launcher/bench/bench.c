// SPDX-License-Identifier: GPL-2.0-only
/*
 * `ring1 bench`: what operations cost on this machine, in ticks of the TSC and in
 * nanoseconds. Where an emulator counts instructions (QEMU's -icount shift=0), a tick is
 * one that the whole machine has retired. What operations need is in harness.c, the
 * operations are in the other files here.
 *
 * Each is done n times and then 2n times. The difference of both is n operations, and
 * nothing of what goes with a measurement.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "bench/bench.h"
#include "launcher.h"

#define REPEAT		5
#define MAX_REPEAT	99
#define MAX_COMMANDS	32
#define MAX_EFFORT	100000
/* Without --effort, an operation is done until so much time passes, or so often. */
#define MIN_NS		20000000
#define MOST_TIMES	16

static const char help_text[] =
"usage: ring1 bench [--json] [--cpus N[,N]...] [--effort PERCENT] [--repeat N]\n"
"                   [--marks FILE] [--command NAME=COMMAND]... [OPERATION]...\n"
"       ring1 bench --list\n"
"\n"
"Measure what operations cost on this machine, natively or in a guest: those given and\n"
"commands, or else all of them.\n"
"\n"
"  --json           print the results as JSON\n"
"  --cpus N[,N]...  measure with 1 process; with N, each on a processor of its own,\n"
"                   those operations that can; 1 if not given\n"
"  --effort PERCENT do each operation that much of a fixed number of times; if not given,\n"
"                   so often that the clock and other processes hardly matter\n"
"  --repeat N       measure N times, for the median; 5 if not given, 1 with --marks\n"
"  --marks FILE     between measurements write which one it is to FILE, a serial port or\n"
"                   the like, and wait for a byte; - is standard output, without waiting\n"
"  --command NAME=COMMAND  an operation of this name is to run this command of the shell's\n"
"  --list           list the operations\n"
"  --help           print this\n";

static const struct operation *const groups[] = {
	bench_cpu, bench_memory, bench_switch, bench_process,
};

/* Operations that the command line made. */
static struct operation commands[MAX_COMMANDS + 1];
static unsigned int nr_commands;

struct cost {
	double ticks;
	double ns;
};

/* The operation's process fills it in. */
static struct result {
	struct cost cost[MAX_REPEAT];
	unsigned int done;
	char reason[BENCH_REASON_SIZE];
} *result;

static struct {
	bool json;
	unsigned long effort;
	unsigned long repeat;
	int marks;
	unsigned long cpus[16];
	unsigned int nr_cpus;
} config = { .marks = -1, .cpus = { 1 }, .nr_cpus = 1 };

static const struct operation *find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(groups); i++) {
		const struct operation *op;

		for (op = groups[i]; op->name; op++)
			if (!strcmp(op->name, name))
				return op;
	}
	return NULL;
}

static void list(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(groups); i++) {
		const struct operation *op;

		for (op = groups[i]; op->name; op++)
			printf("%-20s %s%s\n", op->name, op->what,
			       op->parallel ? " (--cpus N)" : "");
	}
}

/* "mark NAME TIMES", with @CPUS behind the name if they are several. */
#define MARK	"mark"

static void mark(const struct operation *op, unsigned int cpus, unsigned int n)
{
	char line[80], at[16] = "";
	int length;

	if (config.marks < 0)
		return;
	if (cpus > 1)
		snprintf(at, sizeof(at), "@%u", cpus);
	length = snprintf(line, sizeof(line), MARK " %s%s %u\n", op->name, at, n);
	if (write_all(config.marks, line, length) ||
	    (config.marks != STDOUT_FILENO && read(config.marks, line, 1) != 1))
		bench_cannot("the marks' other side is gone");
}

/* Several processes that do the same, whenever they are told how often. */
struct team {
	unsigned int size;
	int go[CPU_SETSIZE];
	int done;
};

noreturn static void team_member(const struct operation *op, int go, int done)
{
	unsigned int n;

	while (read(go, &n, sizeof(n)) == sizeof(n)) {
		op->run(n);
		if (write(done, "", 1) != 1)
			break;
	}
	_exit(0);
}

static void team_start(struct team *team, const struct operation *op, unsigned int size)
{
	int done[2], go[2];

	if (pipe(done))
		bench_cannot("no pipe: %s", strerror(errno));
	for (team->size = 0; team->size < size; team->size++) {
		pid_t child;

		if (pipe2(go, O_CLOEXEC))
			bench_cannot("no pipe: %s", strerror(errno));
		child = fork();
		if (child < 0)
			bench_cannot("no new process: %s", strerror(errno));
		if (!child) {
			bench_pin(team->size);
			close(done[0]);
			while (team->size--)
				close(team->go[team->size]);
			close(go[1]);
			team_member(op, go[0], done[1]);
		}
		close(go[0]);
		team->go[team->size] = go[1];
	}
	close(done[1]);
	team->done = done[0];
}

/* A member that cannot has given the reason and is gone. */
static void team_run(struct team *team, unsigned int n)
{
	unsigned int i;
	char byte;

	for (i = 0; i < team->size; i++)
		if (write(team->go[i], &n, sizeof(n)) != sizeof(n))
			_exit(1);
	for (i = 0; i < team->size; i++)
		if (read(team->done, &byte, 1) != 1)
			_exit(1);
}

static struct cost run(const struct operation *op, struct team *team, unsigned int n)
{
	uint64_t ns, ticks;

	bench_not_counted = 0;
	ns = bench_ns();
	ticks = bench_ticks();
	if (team)
		team_run(team, n);
	else
		op->run(n);
	ticks = bench_ticks() - ticks;
	ns = bench_ns() - ns;
	/* Ticks are the finer measure. */
	return (struct cost) {
		.ticks = ticks - bench_not_counted,
		.ns = ns - (double)bench_not_counted * ns / ticks,
	};
}

/* In the operation's process, which has one. */
static const char *command;

static void run_command(unsigned int n)
{
	while (n--)
		bench_shell(command);
}

static unsigned int times(const struct operation *op, struct team *team)
{
	unsigned int n = op->n * config.effort / 100;

	if (config.effort) {
		n = n ? n : 1;
		run(op, team, n);
		return n;
	}
	/* The first time is longer than others. */
	run(op, team, 1);
	for (n = 1; run(op, team, n).ns < MIN_NS && n < MOST_TIMES * op->n; n *= 2)
		;
	return n;
}

/* In the operation's own process. */
noreturn static void measure(const struct operation *op, unsigned int cpus)
{
	struct team members, *team = NULL;
	unsigned int n, i;

	if (op->run == run_command)
		command = op->what;
	if (op->cpus > (unsigned int)CPU_COUNT(&bench_allowed))
		bench_cannot("it needs %u processors", op->cpus);
	if (cpus > (unsigned int)CPU_COUNT(&bench_allowed))
		bench_cannot("there are only %d processors", CPU_COUNT(&bench_allowed));
	if (!op->cpus)
		bench_pin(0);
	if (cpus > 1) {
		team = &members;
		team_start(team, op, cpus);
	}
	n = times(op, team);
	for (i = 0; i < config.repeat; i++) {
		struct cost once, twice;

		mark(op, cpus, n);
		once = run(op, team, n);
		mark(op, cpus, n);
		twice = run(op, team, 2 * n);
		mark(op, cpus, n);
		result->cost[i].ticks = (twice.ticks - once.ticks) / n;
		result->cost[i].ns = (twice.ns - once.ns) / n;
		result->done++;
	}
	_exit(0);
}

static int by_ticks(const void *a, const void *b)
{
	const struct cost *x = a, *y = b;

	return (x->ticks > y->ticks) - (x->ticks < y->ticks);
}

static void json_string(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		putchar((unsigned char)*text < ' ' ? ' ' : *text);
	}
	putchar('"');
}

static void print(const struct operation *op, unsigned int cpus, bool first)
{
	const struct cost *cost = &result->cost[result->done / 2];

	if (config.json) {
		printf("%s\n    {\"operation\": \"%s\", \"cpus\": %u, ", first ? "" : ",", op->name,
		       cpus);
		if (result->done) {
			printf("\"ticks\": %.1f, \"ns\": %.1f}", cost->ticks, cost->ns);
		} else {
			fputs("\"reason\": ", stdout);
			json_string(result->reason);
			putchar('}');
		}
	} else if (result->done) {
		printf("%-20s %4u %14.1f %14.1f\n", op->name, cpus, cost->ticks, cost->ns);
	} else {
		printf("%-20s %4u %14s %14s  %s\n", op->name, cpus, "-", "-", result->reason);
	}
	fflush(stdout);
}

static void bench(const struct operation *op, unsigned int cpus)
{
	static bool not_first;
	pid_t child;
	int status = 0;

	fprintf(stderr, "ring1: %s", op->name);
	if (cpus > 1)
		fprintf(stderr, " on %u processors", cpus);
	fputc('\n', stderr);
	memset(result, 0, sizeof(*result));
	fflush(stdout);
	child = fork();
	if (!child)
		measure(op, cpus);
	if (child < 0 || waitpid(child, &status, 0) != child)
		snprintf(result->reason, sizeof(result->reason), "no new process: %s",
			 strerror(errno));
	else if (WIFSIGNALED(status))
		snprintf(result->reason, sizeof(result->reason), "it was ended by signal %d",
			 WTERMSIG(status));
	if (status)
		result->done = 0;
	else
		qsort(result->cost, result->done, sizeof(*result->cost), by_ticks);
	print(op, cpus, !not_first);
	not_first = true;
}

static void heading(void)
{
	struct utsname name;

	if (!config.json) {
		printf("%-20s %4s %14s %14s\n", "operation", "cpus", "ticks", "ns");
		return;
	}
	uname(&name);
	printf("{\n  \"kernel\": ");
	json_string(name.release);
	printf(",\n  \"processors\": %d,\n  \"results\": [", CPU_COUNT(&bench_allowed));
}

static int open_marks(const char *path)
{
	struct termios mode;

	config.marks = STDOUT_FILENO;
	if (!strcmp(path, "-"))
		return 0;
	config.marks = open(path, O_RDWR | O_NOCTTY);
	if (config.marks < 0)
		return fail("cannot open %s: %s", path, strerror(errno));
	if (!tcgetattr(config.marks, &mode)) {
		cfmakeraw(&mode);
		tcsetattr(config.marks, TCSANOW, &mode);
	}
	return 0;
}

static int parse_command(char *text)
{
	struct operation *op = &commands[nr_commands];
	char *equals = strchr(text, '=');

	if (nr_commands == MAX_COMMANDS || !equals || equals == text || strlen(text) > 4000)
		return -1;
	*equals = '\0';
	*op = (struct operation) { .name = text, .what = equals + 1, .n = 1, .run = run_command };
	nr_commands++;
	return 0;
}

static int parse_cpus(char *text)
{
	char *word;

	config.nr_cpus = 0;
	while ((word = strsep(&text, ","))) {
		unsigned long *cpus = &config.cpus[config.nr_cpus++];

		if (config.nr_cpus > ARRAY_SIZE(config.cpus) ||
		    parse_number(word, CPU_SETSIZE - 1, cpus) || !*cpus)
			return -1;
	}
	return 0;
}

/* 0, or the status to exit with after what was wrong has been said; -1 when all is done. */
static int parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json",	no_argument,		NULL, 'j' },
		{ "list",	no_argument,		NULL, 'l' },
		{ "cpus",	required_argument,	NULL, 'c' },
		{ "effort",	required_argument,	NULL, 'e' },
		{ "repeat",	required_argument,	NULL, 'r' },
		{ "marks",	required_argument,	NULL, 'm' },
		{ "command",	required_argument,	NULL, 'C' },
		{ "help",	no_argument,		NULL, 'h' },
		{ }
	};
	int option;

	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (option) {
		case 'j':
			config.json = true;
			break;
		case 'l':
			list();
			return -1;
		case 'c':
			if (parse_cpus(optarg))
				return fail_usage("bench", "--cpus wants numbers of processors");
			break;
		case 'e':
			if (parse_number(optarg, MAX_EFFORT, &config.effort) || !config.effort)
				return fail_usage("bench", "--effort %s is not 1 to %d percent",
						  optarg, MAX_EFFORT);
			break;
		case 'r':
			if (parse_number(optarg, MAX_REPEAT, &config.repeat) || !config.repeat)
				return fail_usage("bench", "--repeat %s is not 1 to %d", optarg,
						  MAX_REPEAT);
			break;
		case 'm':
			if (open_marks(optarg))
				return RING1_ERROR;
			break;
		case 'C':
			if (parse_command(optarg))
				return fail_usage("bench", "--command wants NAME=COMMAND, and %d at most",
						  MAX_COMMANDS);
			break;
		case 'h':
			fputs(help_text, stdout);
			return -1;
		default:
			return fail_option("bench", option, argv);
		}
	}
	if (!config.repeat)
		config.repeat = config.marks < 0 ? REPEAT : 1;
	for (option = optind; option < argc; option++)
		if (!find(argv[option]))
			return fail_usage("bench", "there is no operation %s; --list has them",
					  argv[option]);
	return 0;
}

static void bench_at(const struct operation *op, unsigned long cpus)
{
	if (cpus == 1 || op->parallel)
		bench(op, cpus);
}

static void bench_group(const struct operation *op, unsigned long cpus)
{
	for (; op->name; op++)
		bench_at(op, cpus);
}

int bench_main(int argc, char **argv)
{
	unsigned int i;
	int at, status;

	if (argc == 2 && !strcmp(argv[1], BENCH_NOTHING))
		return RING1_OK;
	status = parse(argc, argv);
	if (status)
		return status < 0 ? RING1_OK : status;
	if (sched_getaffinity(0, sizeof(bench_allowed), &bench_allowed))
		CPU_SET(0, &bench_allowed);
	result = mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (result == MAP_FAILED) {
		fail("out of memory");
		return RING1_ERROR;
	}
	bench_reason = result->reason;
	heading();
	for (i = 0; i < config.nr_cpus; i++) {
		for (at = optind; at < argc; at++)
			bench_at(find(argv[at]), config.cpus[i]);
		if (nr_commands)
			bench_group(commands, config.cpus[i]);
		for (at = 0; at < (int)ARRAY_SIZE(groups) && optind == argc && !nr_commands; at++)
			bench_group(groups[at], config.cpus[i]);
	}
	if (config.json)
		puts("\n  ]\n}");
	return RING1_OK;
}
