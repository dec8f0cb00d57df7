/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The program that a Linux guest runs while the host takes its memory away: on each processor
 * a process with two threads, which keeps writing pages and reads what it wrote. It goes on
 * until there is a line on its standard input, then tells how far it came. What the host does
 * meanwhile is the test's business.
 *
 * A page has a number, and a version that counts its writes; each word of it tells both. So
 * a page of another's is found, an old version, one that was lost, and a word of another
 * page.
 */
#ifndef TEST_CHECKER_H
#define TEST_CHECKER_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "affinity.h"
#include "kselftest_harness.h"

#define CHECKER_ENV	"TEST_CHECKER"
#define CHECKER_EXEC	"TEST_CHECKER_EXEC"
#define CHECKER_READY	"checker: all run"
#define CHECKER_WRONG	"checker: WRONG"
#define CHECKER_DONE	"checker: done"
#define CHECKER_OWN_MMU	"page tables are served by the monitor's own MMU"

#define CHECKER_PAGE	4096ul
#define CHECKER_WORDS	(CHECKER_PAGE / 8)

/* Pages: of a process's own, half of them for each thread; of a file; of all processes. */
#define CHECKER_OWN	1024u
#define CHECKER_ALIKE	256u
#define CHECKER_FILE	128u
#define CHECKER_SHARED	512u
#define CHECKER_CPUS	64

/* Seen by all processes: each page is under a lock, with its version. */
struct checker_shared {
	atomic_bool stop;
	atomic_ulong pages, wrong;
	atomic_ulong steps[CHECKER_CPUS], thread_steps[CHECKER_CPUS];
	struct checker_lock {
		atomic_int taken;
		uint32_t version;
	} lock[CHECKER_SHARED];
};

/* An area of pages with their versions, all for one thread. */
struct checker_area {
	uint64_t *pages;
	uint32_t *version;
	unsigned int count;
	uint64_t id;		/* of its first page */
};

struct checker {
	struct checker_shared *shared;
	uint64_t *shared_pages;
	struct checker_area own[2], alike, file, file_copy;
	int fd, cpu, cpus;
	uint64_t random;
};

static inline uint64_t checker_word(uint64_t id, uint32_t version, unsigned int i)
{
	return (id << 40 | (uint64_t)version << 10 | i) * 0x9e3779b97f4a7c15;
}

static inline unsigned int checker_random(uint64_t *state, unsigned int below)
{
	*state = *state * 6364136223846793005 + 1442695040888963407;
	return (*state >> 33) % below;
}

static inline void checker_fill(uint64_t *page, uint64_t id, uint32_t version)
{
	unsigned int i;

	for (i = 0; i < CHECKER_WORDS; i++)
		page[i] = checker_word(id, version, i);
}

static inline bool checker_look(struct checker_shared *s, const volatile uint64_t *page,
				uint64_t id, uint32_t version, const char *what)
{
	unsigned int i, count = 0, first = 0;
	uint64_t is = 0;

	for (i = 0; i < CHECKER_WORDS; i++) {
		uint64_t word = page[i];

		if (word == checker_word(id, version, i))
			continue;
		if (!count++) {
			first = i;
			is = word;
		}
	}
	atomic_fetch_add(&s->pages, 1);
	if (!count)
		return true;
	if (atomic_fetch_add(&s->wrong, 1) < 20)
		printf(CHECKER_WRONG " %s, page %#llx, version %u: of %u words %u is %#llx, not %#llx\n",
		       what, (unsigned long long)id, version, count, first, (unsigned long long)is,
		       (unsigned long long)checker_word(id, version, first));
	return false;
}

static inline void checker_failed(struct checker_shared *s, const char *what)
{
	if (atomic_fetch_add(&s->wrong, 1) < 20)
		printf(CHECKER_WRONG " %s: %s\n", what, strerror(errno));
}

static inline void *checker_map(size_t pages, int flags, int fd)
{
	void *p = mmap(NULL, pages * CHECKER_PAGE, PROT_READ | PROT_WRITE,
		       flags | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

	if (p == MAP_FAILED) {
		perror("checker: mmap");
		_exit(1);
	}
	return p;
}

static inline uint64_t *checker_page(const struct checker_area *a, unsigned int i)
{
	return a->pages + i * CHECKER_WORDS;
}

static inline bool checker_check(struct checker_shared *s, const struct checker_area *a,
				 unsigned int i, const char *what)
{
	return checker_look(s, checker_page(a, i), a->id + i, a->version[i], what);
}

static inline void checker_write(struct checker_area *a, unsigned int i)
{
	checker_fill(checker_page(a, i), a->id + i, ++a->version[i]);
}

static inline void checker_area(struct checker_area *a, void *pages, unsigned int count,
				uint64_t id)
{
	unsigned int i;

	*a = (struct checker_area){
		.pages = pages, .count = count, .id = id,
		.version = calloc(count, sizeof(*a->version)),
	};
	for (i = 0; i < count; i++)
		checker_write(a, i);
}

/* Steps: each begins and ends with the areas as their versions say. */
static inline void checker_touch_some(struct checker *c, struct checker_area *a, uint64_t *random)
{
	unsigned int n;

	for (n = 0; n < 24; n++) {
		unsigned int i = checker_random(random, a->count);

		checker_check(c->shared, a, i, "own");
		if (n % 3)
			checker_write(a, i);
	}
}

static inline void checker_touch(struct checker *c)
{
	checker_touch_some(c, &c->own[0], &c->random);
}

/* Pages of four contents that all processes have: the host may merge them. */
static inline void checker_alike(struct checker *c)
{
	unsigned int n;

	for (n = 0; n < 8; n++) {
		unsigned int i = checker_random(&c->random, c->alike.count);
		uint64_t *page = checker_page(&c->alike, i);

		checker_look(c->shared, page, 1, c->alike.version[i], "alike");
		c->alike.version[i] = checker_random(&c->random, 4);
		checker_fill(page, 1, c->alike.version[i]);
	}
}

/* A child has the pages as they were, and its writes are its own. */
static inline void checker_fork(struct checker *c)
{
	struct checker_area *a = &c->own[0];
	unsigned int n, i, first = checker_random(&c->random, a->count);
	int status;
	pid_t pid = fork();

	if (pid < 0) {
		checker_failed(c->shared, "fork");
		return;
	}
	if (!pid) {
		bool ok = true;

		for (n = 0; n < 16; n++) {
			i = (first + n * 7) % a->count;
			ok &= checker_check(c->shared, a, i, "child");
			if (n % 2)
				continue;
			/* no version that the parent has */
			checker_fill(checker_page(a, i), a->id + i, ~0u);
			ok &= checker_look(c->shared, checker_page(a, i), a->id + i, ~0u,
					   "the child's");
		}
		fflush(stdout);
		_exit(!ok);
	}
	for (n = 0; n < 16; n += 3)
		checker_write(a, (first + n * 7) % a->count);
	if (waitpid(pid, &status, 0) != pid || status)
		checker_failed(c->shared, "a child");
	for (n = 0; n < 16; n++)
		checker_check(c->shared, a, (first + n * 7) % a->count, "parent");
}

static __thread sigjmp_buf checker_faulted;

static inline void checker_on_fault(int sig)
{
	(void)sig;
	siglongjmp(checker_faulted, 1);
}

static inline bool checker_may(volatile uint64_t *p, bool write)
{
	if (sigsetjmp(checker_faulted, 1))
		return false;
	if (write)
		*p = *p;
	else
		(void)*p;
	return true;
}

static inline void checker_protect(struct checker *c)
{
	enum { PAGES = 16 };
	struct checker_area *a = &c->own[0];
	unsigned int first = checker_random(&c->random, a->count - PAGES), n;
	uint64_t *p = checker_page(a, first);

	mprotect(p, PAGES * CHECKER_PAGE, PROT_READ);
	for (n = 0; n < PAGES; n += 5) {
		checker_check(c->shared, a, first + n, "read-only");
		if (checker_may(checker_page(a, first + n), true))
			checker_failed(c->shared, "a write to what may be read only");
	}
	mprotect(p, PAGES * CHECKER_PAGE, PROT_NONE);
	if (checker_may(checker_page(a, first + 3), false))
		checker_failed(c->shared, "a read of what may not be read");
	mprotect(p, PAGES * CHECKER_PAGE, PROT_READ | PROT_WRITE);
	for (n = 0; n < PAGES; n += 2) {
		checker_check(c->shared, a, first + n, "protected");
		checker_write(a, first + n);
	}
}

static inline void checker_maps(struct checker *c)
{
	enum { PAGES = 32 };
	struct checker_area a;
	unsigned int i;
	void *p = checker_map(2 * PAGES, MAP_PRIVATE, -1);

	checker_area(&a, p, PAGES, 0x700000 + c->cpu * 0x1000);
	a.pages = mremap(p, PAGES * CHECKER_PAGE, PAGES * CHECKER_PAGE,
			 MREMAP_MAYMOVE | MREMAP_FIXED, (char *)p + PAGES * CHECKER_PAGE);
	if (checker_may(p, false))
		checker_failed(c->shared, "a read of what has moved");
	for (i = 0; i < PAGES; i++)
		checker_check(c->shared, &a, i, "moved");
	madvise(a.pages, PAGES / 2 * CHECKER_PAGE, MADV_DONTNEED);
	for (i = 0; i < PAGES; i++) {
		if (i >= PAGES / 2)
			checker_check(c->shared, &a, i, "neighbour of what was given back");
		else if (*(volatile uint64_t *)checker_page(&a, i))
			checker_failed(c->shared, "what was given back is not zero");
	}
	munmap(a.pages, PAGES * CHECKER_PAGE);
	free(a.version);
}

/* Written by write() and by a mapping, read by the other; a private mapping keeps its own. */
static inline void checker_file(struct checker *c)
{
	static __thread uint64_t page[CHECKER_WORDS];
	struct checker_area *a = &c->file;
	unsigned int n;

	for (n = 0; n < 8; n++) {
		unsigned int i = checker_random(&c->random, a->count);
		off_t at = i * CHECKER_PAGE;

		checker_check(c->shared, a, i, "file, mapped");
		checker_check(c->shared, &c->file_copy, i, "file, private");
		if (n % 2) {
			checker_write(a, i);
			if (pread(c->fd, page, sizeof(page), at) != sizeof(page))
				checker_failed(c->shared, "read");
			checker_look(c->shared, page, a->id + i, a->version[i], "file, read");
		} else {
			checker_fill(page, a->id + i, ++a->version[i]);
			if (pwrite(c->fd, page, sizeof(page), at) != sizeof(page))
				checker_failed(c->shared, "write");
			checker_check(c->shared, a, i, "file, written");
		}
		checker_write(&c->file_copy, i);
	}
}

/* What one processor wrote, another one reads. */
static inline void checker_exchange_some(struct checker *c, uint64_t *random)
{
	unsigned int n;

	for (n = 0; n < 16; n++) {
		unsigned int i = checker_random(random, CHECKER_SHARED);
		uint64_t *page = c->shared_pages + i * CHECKER_WORDS;
		struct checker_lock *lock = &c->shared->lock[i];
		int is_free = 0;

		if (!atomic_compare_exchange_strong(&lock->taken, &is_free, 1))
			continue;
		checker_look(c->shared, page, 0x800000 + i, lock->version, "shared");
		checker_fill(page, 0x800000 + i, ++lock->version);
		atomic_store(&lock->taken, 0);
	}
}

static inline void checker_exchange(struct checker *c)
{
	checker_exchange_some(c, &c->random);
}

static inline void checker_exec(struct checker *c)
{
	char *const argv[] = { "checker", NULL };
	char *const env[] = { CHECKER_EXEC "=1", NULL };
	int status;
	pid_t pid = vfork();

	if (!pid) {
		execve("/proc/self/exe", argv, env);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid || status != 42 << 8)
		checker_failed(c->shared, "exec");
}

/* The process's other thread, one processor further: what the first unmaps, it may have. */
static inline void *checker_thread(void *arg)
{
	struct checker *c = arg;
	uint64_t random = 7 * c->cpu + 3;

	stay_on((c->cpu + 1) % c->cpus);
	while (!atomic_load(&c->shared->stop)) {
		checker_touch_some(c, &c->own[1], &random);
		checker_exchange_some(c, &random);
		atomic_fetch_add(&c->shared->thread_steps[c->cpu], 1);
	}
	return NULL;
}

static inline int checker_process(struct checker *c)
{
	static void (*const steps[])(struct checker *c) = {
		checker_touch, checker_touch, checker_alike, checker_fork, checker_protect,
		checker_maps, checker_file, checker_exchange, checker_exec,
	};
	const struct sigaction action = { .sa_handler = checker_on_fault };
	pthread_t thread;
	unsigned int i;
	char name[32];
	void *p;

	stay_on(c->cpu);
	c->random = c->cpu + 1;
	sigaction(SIGSEGV, &action, NULL);
	p = checker_map(CHECKER_OWN, MAP_PRIVATE, -1);
	madvise(p, CHECKER_OWN * CHECKER_PAGE / 2, MADV_HUGEPAGE);
	checker_area(&c->own[0], p, CHECKER_OWN / 2, 0x100000 + c->cpu * 0x10000);
	checker_area(&c->own[1], (char *)p + CHECKER_OWN / 2 * CHECKER_PAGE, CHECKER_OWN / 2,
		     0x108000 + c->cpu * 0x10000);
	c->alike.pages = checker_map(CHECKER_ALIKE, MAP_PRIVATE, -1);
	c->alike.version = calloc(CHECKER_ALIKE, sizeof(*c->alike.version));
	c->alike.count = CHECKER_ALIKE;
	for (i = 0; i < CHECKER_ALIKE; i++)
		checker_fill(checker_page(&c->alike, i), 1, 0);
	snprintf(name, sizeof(name), "/tmp/checker-%d", c->cpu);
	c->fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (c->fd < 0 || ftruncate(c->fd, CHECKER_FILE * CHECKER_PAGE))
		return 1;
	checker_area(&c->file, checker_map(CHECKER_FILE, MAP_SHARED, c->fd), CHECKER_FILE,
		     0x500000 + c->cpu * 0x1000);
	checker_area(&c->file_copy, checker_map(CHECKER_FILE, MAP_PRIVATE, c->fd), CHECKER_FILE,
		     0x600000 + c->cpu * 0x1000);
	if (pthread_create(&thread, NULL, checker_thread, c))
		return 1;
	while (!atomic_load(&c->shared->stop)) {
		steps[checker_random(&c->random, ARRAY_SIZE(steps))](c);
		atomic_fetch_add(&c->shared->steps[c->cpu], 1);
	}
	pthread_join(thread, NULL);
	for (i = 0; i < CHECKER_OWN / 2; i++) {
		checker_check(c->shared, &c->own[0], i, "own, in the end");
		checker_check(c->shared, &c->own[1], i, "own, in the end");
	}
	fflush(stdout);
	return 0;
}

static inline bool checker_own_mmu(void)
{
	static char log[1 << 20];
	int len = klogctl(3, log, sizeof(log) - 1);

	return len > 0 && strstr(log, CHECKER_OWN_MMU);
}

static inline bool checker_all_run(struct checker_shared *s, int cpus)
{
	int i;

	for (i = 0; i < cpus; i++)
		if (!atomic_load(&s->steps[i]) || !atomic_load(&s->thread_steps[i]))
			return false;
	return true;
}

static inline void checker_main(void)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	struct checker c = { .cpus = sysconf(_SC_NPROCESSORS_ONLN) };
	unsigned long least = ~0ul;
	bool told = false;
	unsigned int i;
	int status;

	c.shared = checker_map((sizeof(*c.shared) + CHECKER_PAGE - 1) / CHECKER_PAGE, MAP_SHARED,
			       -1);
	c.shared_pages = checker_map(CHECKER_SHARED, MAP_SHARED, -1);
	for (i = 0; i < CHECKER_SHARED; i++)
		checker_fill(c.shared_pages + i * CHECKER_WORDS, 0x800000 + i, 0);
	for (c.cpu = 0; c.cpu < c.cpus; c.cpu++)
		if (!fork())
			_exit(checker_process(&c));
	while (poll(&input, 1, 200) < 1) {
		if (told || !checker_all_run(c.shared, c.cpus))
			continue;
		told = true;
		printf(CHECKER_READY "%s\n", checker_own_mmu() ? ": " CHECKER_OWN_MMU : "");
		fflush(stdout);
	}
	atomic_store(&c.shared->stop, true);
	for (c.cpu = 0; c.cpu < c.cpus; c.cpu++) {
		if (wait(&status) < 0 || status)
			checker_failed(c.shared, "a process has ended");
		if (atomic_load(&c.shared->steps[c.cpu]) < least)
			least = atomic_load(&c.shared->steps[c.cpu]);
	}
	printf(CHECKER_DONE ": %lu pages, %lu wrong, %lu steps on the slowest of %d processors\n",
	       atomic_load(&c.shared->pages), atomic_load(&c.shared->wrong), least, c.cpus);
	fflush(stdout);
}

/* In the guest the test's program is this one. */
__attribute__((constructor)) static void be_checker(void)
{
	if (getenv(CHECKER_EXEC))
		_exit(42);
	if (!getenv(CHECKER_ENV))
		return;
	checker_main();
	_exit(0);
}

#endif /* TEST_CHECKER_H */
