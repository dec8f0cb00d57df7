// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    processes, threads and memory mappings that change fast on all processors keep
 *           their contents: nothing is lost, nothing is another's
 * How:      forks with copy on write, execs, maps, protects, moves and unmaps with a
 *           pattern in every page that is checked afterwards, in several tasks at a time
 * Needs:    nothing
 * Timeout:  400
 * Catches:  a shadow page table that lags behind the guest's: a stale translation after
 *           a TLB flush, an entry that stays writable over fork, an accessed or dirty bit lost
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <linux/futex.h>
#include <linux/userfaultfd.h>

#include "kselftest_harness.h"
#include "guest.h"

#define PAGE		4096UL
#define WORDS		(PAGE / sizeof(uint64_t))

FIXTURE(storm)
{
	int workers;
};

FIXTURE_SETUP(storm)
{
	self->workers = 2 * sysconf(_SC_NPROCESSORS_ONLN);
}

FIXTURE_TEARDOWN(storm)
{
}

/* Runs it in each worker; the exit statuses must be 0. */
#define IN_WORKERS(function)							\
	do {									\
		int i, status;							\
		for (i = 0; i < self->workers; i++)				\
			if (!fork())						\
				_exit(function(i + 1));				\
		for (i = 0; i < self->workers; i++) {				\
			ASSERT_LT(0, wait(&status));				\
			EXPECT_EQ(0, status);					\
		}								\
	} while (0)

static void fill(void *page, uint64_t seed)
{
	uint64_t *word = page;
	unsigned int i;

	/* First, last and a few in between: time goes into faults, not into stores. */
	for (i = 0; i < WORDS; i += 73)
		word[i] = seed * 0x9e3779b97f4a7c15 + i;
}

static bool holds(const void *page, uint64_t seed)
{
	const uint64_t *word = page;
	unsigned int i;

	for (i = 0; i < WORDS; i += 73)
		if (word[i] != seed * 0x9e3779b97f4a7c15 + i)
			return false;
	return true;
}

static char *map(size_t pages, int flags)
{
	return mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);
}

/* Parent and child write to what both had: each sees its own. */
static int fork_and_write(int seed)
{
	enum { PAGES = 64, ROUNDS = 10 };
	char *p = map(PAGES, MAP_PRIVATE), *shared = map(1, MAP_SHARED);
	int round, i, status;

	for (i = 0; i < PAGES; i++)
		fill(p + i * PAGE, seed * 1000 + i);
	for (round = 0; round < ROUNDS; round++) {
		pid_t pid = fork();

		if (!pid) {
			for (i = 0; i < PAGES; i++) {
				if (!holds(p + i * PAGE, seed * 1000 + i))
					_exit(1);
				if (i % 2)
					fill(p + i * PAGE, seed * 1000 + i + 500);
			}
			for (i = 0; i < PAGES; i++)
				if (!holds(p + i * PAGE, seed * 1000 + i + i % 2 * 500))
					_exit(2);
			fill(shared, round);
			_exit(0);
		}
		for (i = 0; i < PAGES; i += 3) {
			fill(p + i * PAGE, 77);
			if (!holds(p + i * PAGE, 77))
				return 3;
			fill(p + i * PAGE, seed * 1000 + i);
		}
		if (waitpid(pid, &status, 0) != pid || status)
			return status >> 8 ?: 4;
		for (i = 0; i < PAGES; i++)
			if (!holds(p + i * PAGE, seed * 1000 + i))
				return 5;
		if (!holds(shared, round))
			return 6;
	}
	return 0;
}

TEST_F_TIMEOUT(storm, forks_copy_on_write, 120)
{
	IN_WORKERS(fork_and_write);
}

static int exec_often(int seed)
{
	char text[32], *argv[] = { "storm", NULL }, *env[] = { text, NULL };
	int i, status;

	snprintf(text, sizeof(text), "STORM_EXEC=%d", seed);
	for (i = 0; i < 10; i++) {
		pid_t pid = vfork();

		if (!pid) {
			execve("/proc/self/exe", argv, env);
			_exit(127);
		}
		if (waitpid(pid, &status, 0) != pid || status != seed << 8)
			return 1;
	}
	return 0;
}

TEST_F_TIMEOUT(storm, programs_start, 120)
{
	IN_WORKERS(exec_often);
}

/* Each change of a mapping shows at once, and back. */
static sigjmp_buf faulted;

static void on_fault(int sig)
{
	siglongjmp(faulted, sig);
}

static bool may_write(volatile char *p)
{
	if (sigsetjmp(faulted, 1))
		return false;
	*p = *p;
	return true;
}

static bool may_read(volatile char *p)
{
	if (sigsetjmp(faulted, 1))
		return false;
	(void)*p;
	return true;
}

static int change_mappings(int seed)
{
	enum { PAGES = 16, ROUNDS = 40 };
	char *p, *moved;
	int round, i;

	signal(SIGSEGV, on_fault);
	for (round = 0; round < ROUNDS; round++) {
		p = map(2 * PAGES, MAP_PRIVATE);
		if (p == MAP_FAILED)
			return 1;
		for (i = 0; i < PAGES; i++)
			fill(p + i * PAGE, seed + round + i);
		mprotect(p, PAGES * PAGE, PROT_READ);
		if (may_write(p + (round % PAGES) * PAGE))
			return 2;
		mprotect(p, PAGES * PAGE, PROT_NONE);
		if (may_read(p + (round % PAGES) * PAGE))
			return 3;
		mprotect(p, PAGES * PAGE, PROT_READ | PROT_WRITE);
		for (i = 0; i < PAGES; i++)
			if (!holds(p + i * PAGE, seed + round + i))
				return 4;
		/* Moved: there, and no longer here. */
		moved = mremap(p, PAGES * PAGE, PAGES * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			       p + PAGES * PAGE);
		if (moved != p + PAGES * PAGE || may_read(p + PAGE))
			return 5;
		for (i = 0; i < PAGES; i++)
			if (!holds(moved + i * PAGE, seed + round + i))
				return 6;
		/* Given back: zero, not what was there. */
		madvise(moved, PAGES * PAGE / 2, MADV_DONTNEED);
		for (i = 0; i < PAGES / 2; i++)
			if (*(uint64_t *)(moved + i * PAGE))
				return 7;
		if (!holds(moved + (PAGES - 1) * PAGE, seed + round + PAGES - 1))
			return 8;
		munmap(p, 2 * PAGES * PAGE);
		if (may_read(moved + (PAGES - 1) * PAGE))
			return 9;
	}
	return 0;
}

TEST_F_TIMEOUT(storm, mappings_change_at_once, 120)
{
	IN_WORKERS(change_mappings);
}

/* Threads of one process: unmapping on one processor reaches all others. */
static char *_Atomic current_page;
static atomic_int futex_word;
static atomic_int wrong, stop;

static void *read_what_is_there(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		/* Never unmapped under us: the page is replaced by a shared zero page. */
		char *p = atomic_load(&current_page);
		uint64_t first = *(volatile uint64_t *)p;

		if (first && first != 0x5a5a5a5a5a5a5a5a && first != 0xa5a5a5a5a5a5a5a5)
			atomic_store(&wrong, 1);
	}
	return NULL;
}

TEST_F_TIMEOUT(storm, other_processors_see_mappings_go, 120)
{
	enum { ROUNDS = 300 };
	pthread_t thread[16];
	char *p = map(1, MAP_PRIVATE), *other;
	int n = self->workers > 16 ? 16 : self->workers, i;

	atomic_store(&current_page, p);
	for (i = 0; i < n; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, read_what_is_there, NULL));
	for (i = 0; i < ROUNDS; i++) {
		memset(p, i & 1 ? 0x5a : 0xa5, PAGE);
		ASSERT_EQ(0, madvise(p, PAGE, MADV_DONTNEED));
		/* The frame is another's now: who still reads it sees 1s. */
		other = map(4, MAP_PRIVATE);
		memset(other, 1, 4 * PAGE);
		munmap(other, 4 * PAGE);
	}
	atomic_store(&stop, 1);
	for (i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
	EXPECT_EQ(0, atomic_load(&wrong));
}

/* Wake-ups that must not be lost: a token goes round. */
static int members;

static void *pass_on(void *arg)
{
	int me = (long)arg, turn;

	while ((turn = atomic_load(&futex_word)) < 2000) {
		if (turn % members == me) {
			atomic_fetch_add(&futex_word, 1);
			syscall(SYS_futex, &futex_word, FUTEX_WAKE_PRIVATE, 100, NULL, NULL, 0);
		} else {
			syscall(SYS_futex, &futex_word, FUTEX_WAIT_PRIVATE, turn, NULL, NULL, 0);
		}
	}
	return NULL;
}

TEST_F_TIMEOUT(storm, no_wakeup_is_lost, 120)
{
	pthread_t thread[16];
	long i;

	members = self->workers > 16 ? 16 : self->workers;
	for (i = 0; i < members; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, pass_on, (void *)i));
	for (i = 0; i < members; i++)
		pthread_join(thread[i], NULL);
	EXPECT_LE(2000, atomic_load(&futex_word));
}

static int pipe_contents(int seed)
{
	enum { CHUNK = 5000, ROUNDS = 100 };
	static char in[CHUNK], out[CHUNK];
	int to[2], from[2], i, n, got;

	if (pipe(to) || pipe(from))
		return 1;
	if (!fork()) {
		close(to[1]);
		while ((n = read(to[0], in, CHUNK)) > 0)
			if (write(from[1], in, n) != n)
				_exit(1);
		_exit(0);
	}
	for (i = 0; i < ROUNDS; i++) {
		memset(out, seed + i, CHUNK);
		if (write(to[1], out, CHUNK) != CHUNK)
			return 2;
		for (got = 0; got < CHUNK; got += n) {
			n = read(from[0], in + got, CHUNK - got);
			if (n <= 0)
				return 3;
		}
		if (memcmp(in, out, CHUNK))
			return 4;
	}
	close(to[1]);
	wait(&n);
	return n;
}

TEST_F_TIMEOUT(storm, pipes_keep_contents, 120)
{
	IN_WORKERS(pipe_contents);
}

/* File pages, shared and private; the dirty bit decides what another mapping sees. */
static int file_mappings(int seed)
{
	enum { PAGES = 16, ROUNDS = 10 };
	char name[32], *shared, *copy;
	int fd, round, i;
	uint64_t word;

	snprintf(name, sizeof(name), "/tmp/storm-%d", seed);
	fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || ftruncate(fd, PAGES * PAGE))
		return 1;
	for (round = 0; round < ROUNDS; round++) {
		shared = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		copy = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
		for (i = 0; i < PAGES; i++)
			fill(shared + i * PAGE, seed + round + i);
		for (i = 0; i < PAGES; i += 2)
			fill(copy + i * PAGE, 99);
		msync(shared, PAGES * PAGE, MS_SYNC);
		for (i = 0; i < PAGES; i++) {
			if (!holds(shared + i * PAGE, seed + round + i))
				return 2;
			if (!holds(copy + i * PAGE, i % 2 ? seed + round + i : 99))
				return 3;
			if (pread(fd, &word, 8, i * PAGE) != 8 ||
			    word != *(uint64_t *)(shared + i * PAGE))
				return 4;
		}
		munmap(shared, PAGES * PAGE);
		munmap(copy, PAGES * PAGE);
	}
	close(fd);
	return unlink(name);
}

TEST_F_TIMEOUT(storm, files_keep_contents, 120)
{
	IN_WORKERS(file_mappings);
}

/* What the kernel says of a page is what was done to it. */
TEST_F(storm, pagemap_tells_the_truth)
{
	enum { PRESENT = 63, SOFT_DIRTY = 55 };
	int fd = open("/proc/self/pagemap", O_RDONLY), i;
	char *p = map(8, MAP_PRIVATE);
	uint64_t entry[8];

	ASSERT_LE(0, fd);
	for (i = 0; i < 8; i += 2)
		fill(p + i * PAGE, i);
	ASSERT_EQ(sizeof(entry), (size_t)pread(fd, entry, sizeof(entry), (uintptr_t)p / PAGE * 8));
	for (i = 0; i < 8; i++)
		EXPECT_EQ(i % 2 == 0, entry[i] >> PRESENT);
	/* Frames are all different, and stay over a fork until one writes. */
	for (i = 2; i < 8; i += 2)
		EXPECT_NE(entry[0] << 9, entry[i] << 9);
	ASSERT_EQ(0, madvise(p, PAGE, MADV_DONTNEED));
	ASSERT_EQ(8, pread(fd, entry, 8, (uintptr_t)p / PAGE * 8));
	EXPECT_EQ(0, entry[0] >> PRESENT);
}

/* Transparent huge pages: made, split and read again. */
TEST_F_TIMEOUT(storm, huge_pages_split, 60)
{
	enum { HUGE = 512 };
	char *p = map(2 * HUGE, MAP_PRIVATE), *start;
	int i, round;

	start = (char *)(((uintptr_t)p + HUGE * PAGE - 1) & -(HUGE * PAGE));
	madvise(start, HUGE * PAGE, MADV_HUGEPAGE);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < HUGE; i++)
			fill(start + i * PAGE, i + round);
		mprotect(start + 5 * PAGE, PAGE, PROT_READ);
		madvise(start + 7 * PAGE, PAGE, MADV_DONTNEED);
		for (i = 0; i < HUGE; i++)
			ASSERT_TRUE(i == 7 ? !*(uint64_t *)(start + i * PAGE) :
				    holds(start + i * PAGE, i + round));
		mprotect(start + 5 * PAGE, PAGE, PROT_READ | PROT_WRITE);
		madvise(start, HUGE * PAGE, MADV_DONTNEED);
	}
}

/* A thread that fills in what others touch. */
static int uffd;

static void *fill_in(void *arg)
{
	char page[4096] __attribute__((aligned(4096)));
	struct pollfd poller = { .fd = uffd, .events = POLLIN };
	struct uffd_msg msg;
	int n = *(int *)arg;

	while (n-- && poll(&poller, 1, -1) == 1 && read(uffd, &msg, sizeof(msg)) == sizeof(msg)) {
		struct uffdio_copy copy = {
			.dst = msg.arg.pagefault.address & -PAGE, .src = (uintptr_t)page,
			.len = PAGE,
		};

		fill(page, copy.dst / PAGE);
		ioctl(uffd, UFFDIO_COPY, &copy);
	}
	return NULL;
}

TEST_F_TIMEOUT(storm, userfaultfd_fills_pages, 60)
{
	int pages = 64, i;
	char *p = map(pages, MAP_PRIVATE);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.range = { (uintptr_t)p, pages * PAGE }, .mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	pthread_t thread;

	uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	ASSERT_LE(0, uffd);
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_API, &api));
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_REGISTER, &range));
	ASSERT_EQ(0, pthread_create(&thread, NULL, fill_in, &pages));
	for (i = 0; i < pages; i++)
		EXPECT_TRUE(holds(p + i * PAGE, (uintptr_t)p / PAGE + i));
	pthread_join(thread, NULL);
}

/* programs_start's program: this one, which does no more than this then. */
__attribute__((constructor)) static void exec_target(void)
{
	if (getenv("STORM_EXEC"))
		_exit(atoi(getenv("STORM_EXEC")));
}

TEST_HARNESS_MAIN
