// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    however guests end, and whenever their launcher is killed, nothing of them is
 *           left in the host: no page, no VM, no use of the module; those that run
 *           beside them go on, and the module can be unloaded and loaded again
 * How:      kills at random moments: at a system call of the launcher, from its first to
 *           the guest's first words, and at a byte of what a booting Linux prints. Guests
 *           one after another and at once. Pages are counted by group, and over rounds
 * Needs:    root. life.seed=NUMBER on the host's command line repeats the moments
 * Timeout:  600
 * Catches:  a page of slot 256 or a reference to the VMM's memory that one of the ways out
 *           forgets; a vCPU that is freed while it is loaded
 */
#include <limits.h>
#include <sys/ptrace.h>

#include "cmdline.h"
#include "launch.h"
#include "leaks.h"

#define GROUP		"life"
#define NR_KILLS	50
#define NR_LINUX_KILLS	6
#define MAX_CPUS	4
#define NR_GUESTS	200
#define NR_LOADS	100

FIXTURE(life)
{
	uint64_t random;
};

/* Of the host's command line, or the time. */
static uint64_t seed(void)
{
	return cmdline_number("life.seed=", time(NULL));
}

static int module_uses(void)
{
	char line[256], name[64];
	FILE *f = fopen("/proc/modules", "re");
	int uses = -1, n;

	while (f && uses < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %*u %d", name, &n) == 2 && !strcmp(name, "kvm_ring1"))
			uses = n;
	if (f)
		fclose(f);
	return uses;
}

FIXTURE_SETUP(life)
{
	if (geteuid())
		SKIP(return, "needs root");
	signal(SIGPIPE, SIG_IGN);
	self->random = seed();
	TH_LOG("life.seed=%lu", self->random);
	self->random = self->random * 0x9e3779b97f4a7c15 | 1;
	ASSERT_EQ(0, count_vms());
	ASSERT_EQ(0, module_uses());
}

FIXTURE_TEARDOWN(life)
{
	EXPECT_EQ(0, count_vms());
	EXPECT_EQ(0, shadow_pages());
}

#define LIFE		FIXTURE_DATA(life)

static uint64_t below(LIFE *self, uint64_t limit)
{
	self->random ^= self->random << 13;
	self->random ^= self->random >> 7;
	self->random ^= self->random << 17;
	return self->random % limit;
}

/* A launcher between pipes, as launch.h's tests have one. */
static bool prepare(LAUNCH *l)
{
	int kernel = memfd_create("payload", 0);

	memset(l, 0, sizeof(*l));
	snprintf(l->kernel, sizeof(l->kernel), "/proc/self/fd/%d", kernel);
	l->text = malloc(OUTPUT_MAX + 1);
	return l->text && write(kernel, payload, payload_end - payload) == payload_end - payload;
}

static bool start_payload(LAUNCH *l, char *what, int cpus)
{
	char number[8];

	snprintf(number, sizeof(number), "%d", cpus);
	return prepare(l) && start(l, DO(what, "--cpus", number, "--mem", "16M")) > 0;
}

static bool boot_linux(LAUNCH *l, const char *commands, int cpus)
{
	memset(l, 0, sizeof(*l));
	l->text = malloc(OUTPUT_MAX + 1);
	return l->text && start_linux(l, commands, "panic=-1", cpus);
}

static bool kill_launcher(LAUNCH *l)
{
	int status;

	kill(l->pid, SIGKILL);
	return waitpid(l->pid, &status, 0) == l->pid && WIFSIGNALED(status) &&
	       WTERMSIG(status) == SIGKILL;
}

/* Run it in a process of its own, with which goes what a launcher left open. */
#define IN_CHILD(expression) ({							\
	int _status = -1;							\
	pid_t _pid = fork();							\
										\
	if (!_pid)								\
		_exit(expression);						\
	waitpid(_pid, &_status, 0);						\
	WIFEXITED(_status) ? WEXITSTATUS(_status) : -1;				\
})

/* And in the group, as is all it starts. */
#define IN_GROUP(expression) IN_CHILD(join_group(GROUP) ? (expression) : 99)

/* With every page counted that was made for them. */
#define NOTHING_IS_LEFT() do {							\
	long _dying = dying_groups();						\
										\
	EXPECT_TRUE(WITHIN_LIMIT(pages_of_group(GROUP) <= GROUP_SLACK))		\
		show_group(GROUP);						\
	EXPECT_TRUE(remove_group(GROUP));					\
	/* A page of a process that somebody holds keeps it from going away. */	\
	EXPECT_TRUE(WITHIN_LIMIT((drop_caches(), dying_groups() <= _dying)));	\
	EXPECT_EQ(0, module_uses());						\
	EXPECT_EQ(0, count_vms());						\
} while (0)

/* Stopped at its first instruction; its output can be read from *out. */
static pid_t start_traced(char *what, int cpus, int *out)
{
	char number[8];
	int fds[2];
	pid_t pid;
	LAUNCH l;

	snprintf(number, sizeof(number), "%d", cpus);
	if (!prepare(&l) || pipe2(fds, O_CLOEXEC | O_NONBLOCK))
		return -1;
	pid = fork();
	if (!pid) {
		if (!join_group(GROUP) || ptrace(PTRACE_TRACEME, 0, 0, 0))
			_exit(97);
		becomes(fds[1], STDOUT_FILENO);
		raise(SIGSTOP);
		exec_ring1(l.kernel, DO(what, "--cpus", number, "--mem", "16M"));
	}
	close(fds[1]);
	close(atoi(l.kernel + strlen("/proc/self/fd/")));
	free(l.text);
	*out = fds[0];
	return pid;
}

/*
 * Let it run to its last stop, at the entry to or the exit from a system call of any of its
 * threads, or until the guest has said something; then kill it. The number of stops.
 */
static int kill_at_stop(pid_t pid, int out, int last)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
			     PTRACE_O_EXITKILL;
	int status, stops = 0;
	pid_t tid;
	char c;

	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, pid, 0, options))
		return -1;
	for (tid = pid; tid > 0; tid = waitpid(-1, &status, __WALL)) {
		if (!WIFSTOPPED(status)) {
			if (tid == pid)
				return -1;
			continue;
		}
		if (WSTOPSIG(status) == (SIGTRAP | 0x80) && ++stops == last)
			break;
		if (read(out, &c, 1) == 1)
			break;
		/* The launcher's own: it asks a port that it may not (backdoor.c). */
		ptrace(PTRACE_SYSCALL, tid, 0, WSTOPSIG(status) == SIGSEGV ? SIGSEGV : 0);
	}
	kill(pid, SIGKILL);
	while (waitpid(-1, &status, __WALL) > 0)
		;
	close(out);
	return stops;
}

static int traced_kill(int cpus, int last)
{
	int out;
	pid_t pid = start_traced("halt", cpus, &out);

	return pid > 0 ? kill_at_stop(pid, out, last) : -1;
}

TEST_F_TIMEOUT(life, killed_at_random_system_calls, LIMIT)
{
	int stops[MAX_CPUS + 1], cpus, i, last;

	ASSERT_TRUE(make_group(GROUP));
	for (cpus = 1; cpus <= MAX_CPUS; cpus++) {
		stops[cpus] = traced_kill(cpus, INT_MAX);
		TH_LOG("%d processors: the guest speaks after %d stops", cpus, stops[cpus]);
		ASSERT_LT(50, stops[cpus]);
		ASSERT_EQ(0, count_vms());
	}
	for (i = 0; i < NR_KILLS - NR_LINUX_KILLS - MAX_CPUS; i++) {
		cpus = 1 + below(self, MAX_CPUS);
		last = 1 + below(self, stops[cpus]);
		TH_LOG("%d: %d processors, killed at stop %d", i, cpus, last);
		ASSERT_LT(0, traced_kill(cpus, last));
		ASSERT_EQ(0, count_vms());
		ASSERT_EQ(0, module_uses());
	}
	NOTHING_IS_LEFT();
}

#define TALK "echo is' 'up; while :; do cat /proc/self/maps; done\n"

/* With the kernel's own words; until so many bytes came, or the text. How many came. */
static int kill_linux(int cpus, size_t bytes, const char *text)
{
	LAUNCH l;

	memset(&l, 0, sizeof(l));
	l.text = malloc(OUTPUT_MAX + 1);
	if (!l.text || !start_linux(&l, TALK, "loglevel=7", cpus))
		return -1;
	while (l.len < bytes && !(text && strstr(l.text, text)))
		if (!read_some(&l))
			return -1;
	return kill_launcher(&l) ? (int)l.len : -1;
}

TEST_F_TIMEOUT(life, killed_while_linux_boots_and_runs, LIMIT)
{
	int up, cpus, i;
	size_t bytes;

	up = kill_linux(2, OUTPUT_MAX, "is up");
	TH_LOG("Linux is up after %d bytes", up);
	ASSERT_LT(1000, up);
	ASSERT_TRUE(make_group(GROUP));
	for (i = 0; i < NR_LINUX_KILLS; i++) {
		cpus = 1 + below(self, 2);
		bytes = below(self, up * 5 / 4);
		TH_LOG("%d: %d processors, killed after %zu bytes", i, cpus, bytes);
		ASSERT_EQ(0, IN_GROUP(kill_linux(cpus, bytes, NULL) < 0));
		ASSERT_EQ(0, count_vms());
		ASSERT_EQ(0, module_uses());
	}
	NOTHING_IS_LEFT();
}

static int run_payload(int cpus)
{
	LAUNCH l;

	return start_payload(&l, "off", cpus) ? finish(&l) : 98;
}

/* For IN_CHILD(): its output cannot be looked at there. */
static int show(LAUNCH *l, int status)
{
	printf("# ended with %d: %s %s\n", status, l->text, l->said);
	fflush(stdout);
	return 98;
}

static int run_linux(int cpus)
{
	int status;
	LAUNCH l;

	if (!boot_linux(&l, "echo is' 'up\nexit\n", cpus))
		return 97;
	status = finish(&l);
	return !status && strstr(l.text, "is up") ? 0 : show(&l, status);
}

TEST_F_TIMEOUT(life, twenty_one_after_another, LIMIT)
{
	int i;

	ASSERT_TRUE(make_group(GROUP));
	for (i = 0; i < 17; i++)
		ASSERT_EQ(0, IN_GROUP(run_payload(1 + i % MAX_CPUS)));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, IN_GROUP(run_linux(1 + i % 2)));
	NOTHING_IS_LEFT();
}

/*
 * Four at once; one is killed while the others are busy, which are then still right: they
 * have a checksum to compute, a system call for each few bytes.
 */
#define BUSY "echo is' 'up; read x; dd if=/dev/zero bs=64 count=3000 2>/dev/null | md5sum; " \
	     "echo is' 'busy; dd if=/dev/zero bs=1 count=20000 2>/dev/null | md5sum; exit\n"
#define SUMS	"fe384f668da282694c29a84ebd33481d", "b2fe457348de243a579a1591d3815170"

static int four_at_once(void)
{
	static const char *const sum[] = { SUMS };
	LAUNCH l[4];
	int i, status;

	for (i = 0; i < 4; i++)
		if (!boot_linux(&l[i], BUSY, 1 + i % 2))
			return 1;
	for (i = 0; i < 4; i++)
		if (!wait_for(&l[i], "is up"))
			return 2;
	if (count_vms() != 4)
		return 3;
	for (i = 0; i < 4; i++)
		if (write(l[i].in, "go\n", 3) != 3)
			return 4;
	if (!wait_for(&l[1], "is busy") || !kill_launcher(&l[1]))
		return 5;
	for (i = 0; i < 4; i++) {
		if (i == 1)
			continue;
		status = finish(&l[i]);
		if (status || !strstr(l[i].text, sum[0]) || !strstr(l[i].text, sum[1]))
			return show(&l[i], status);
	}
	return 0;
}

TEST_F_TIMEOUT(life, four_at_once_and_one_is_killed, LIMIT)
{
	ASSERT_TRUE(make_group(GROUP));
	EXPECT_EQ(0, IN_GROUP(four_at_once()));
	NOTHING_IS_LEFT();
}

static bool reload(void)
{
	return !system("rmmod kvm_ring1 && modprobe kvm_ring1");
}

static bool run_one(void)
{
	return !IN_CHILD(run_payload(2));
}

static bool repeat(bool (*round)(void), int count)
{
	while (count--)
		if (!round())
			return false;
	return true;
}

/*
 * Pages that so many rounds take which differ in nothing. As many before bring what may
 * stay: page tables of the kernel's own, for the addresses the rounds use. vfree() leaves
 * the areas' objects for later; loading a module makes the kernel free them.
 */
static bool count_growth(bool (*round)(void), int count, long *pages)
{
	long before;

	if (!repeat(round, count) || !reload())
		return false;
	before = used_pages();
	if (!repeat(round, count) || !reload())
		return false;
	*pages = used_pages() - before;
	return true;
}

/* While a guest runs the module stays; without one it goes, and comes back. */
TEST_F_TIMEOUT(life, module_is_unloaded_and_loaded, LIMIT)
{
	LAUNCH l;
	long pages;

	ASSERT_TRUE(start_payload(&l, "halt", 2));
	ASSERT_TRUE(wait_for(&l, "halting\n"));
	EXPECT_LT(0, module_uses());
	EXPECT_NE(0, system("rmmod kvm_ring1 2>/dev/null"));
	ASSERT_TRUE(kill_launcher(&l));
	EXPECT_EQ(0, module_uses());
	ASSERT_EQ(0, system("rmmod kvm_ring1"));
	EXPECT_NE(0, access("/dev/kvm", F_OK));
	ASSERT_EQ(0, system("modprobe kvm_ring1"));
	ASSERT_EQ(0, IN_CHILD(run_payload(1)));

	if (is_debug_kernel())
		return;
	ASSERT_TRUE(count_growth(reload, NR_LOADS, &pages));
	TH_LOG("%ld pages more after loading it %d times", pages, NR_LOADS);
	EXPECT_GT(NR_LOADS, pages);
	ASSERT_EQ(0, IN_CHILD(run_payload(1)));
}

TEST_F_TIMEOUT(life, no_page_is_lost, LIMIT)
{
	long pages;

	if (is_debug_kernel())
		SKIP(return, "a debug kernel keeps what is freed");
	ASSERT_TRUE(count_growth(run_one, NR_GUESTS, &pages));
	TH_LOG("%ld pages more after %d guests", pages, NR_GUESTS);
	EXPECT_GT(NR_GUESTS, pages);
}

TEST_HARNESS_MAIN
