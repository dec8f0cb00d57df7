// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations of `ring1 bench` on memory: page faults, mappings, and access to much of
 * it.
 */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "bench/bench.h"
#include "launcher.h"

/* So many pages Linux maps at once when one of a file's is missing. */
#define AROUND	16

static void touch_pages(volatile char *p, size_t pages)
{
	size_t i;

	for (i = 0; i < pages; i++)
		p[i * PAGE] = 1;
}

static void do_page_fault(unsigned int n)
{
	char *p = bench_map(n * PAGE);

	touch_pages(p, n);
	munmap(p, n * PAGE);
}

/* A file in memory, all of which is there. */
static size_t fill_file(int fd, size_t size)
{
	static const char zeros[AROUND * PAGE];
	size_t at;

	for (at = 0; at < size; at += sizeof(zeros))
		if (pwrite(fd, zeros, sizeof(zeros), at) != sizeof(zeros))
			bench_cannot("there is no memory for a file of %s", size_text(size));
	return size;
}

static void do_file_fault(unsigned int n)
{
	size_t step = AROUND * PAGE;
	static size_t size;
	static int fd = -1;
	volatile char *p;
	unsigned int i;

	if (fd < 0)
		fd = memfd_create("ring1-bench", MFD_CLOEXEC);
	/* For the next run as well, which is measured. */
	if (n * step > size)
		size = fill_file(fd, 2 * n * step);
	p = mmap(NULL, n * step, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		bench_cannot("the file does not map");
	for (i = 0; i < n; i++)
		(void)p[i * step];
	munmap((void *)p, n * step);
}

/* As lmbench has it: the handler makes the page writable again. */
static char *protected_page;

static void unprotect(int signal)
{
	(void)signal;
	mprotect(protected_page, PAGE, PROT_READ | PROT_WRITE);
}

void bench_protection(unsigned int n)
{
	protected_page = bench_map(PAGE);
	signal(SIGSEGV, unprotect);
	while (n--) {
		mprotect(protected_page, PAGE, PROT_READ);
		*(volatile char *)protected_page = 1;
	}
	munmap(protected_page, PAGE);
	signal(SIGSEGV, SIG_DFL);
}

void bench_mmap_1m(unsigned int n)
{
	while (n--) {
		char *p = bench_map(MIB);

		memset(p, 1, MIB);
		munmap(p, MIB);
	}
}

static void do_mmap_64m(unsigned int n)
{
	while (n--) {
		char *p = bench_map(64 * MIB);

		touch_pages(p, 64 * MIB / PAGE);
		munmap(p, 64 * MIB);
	}
}

/* Half of what is free, as the rest has to do for the kernel; but no more than a GiB. */
static void do_touch(unsigned int n)
{
	static volatile char *p;
	static size_t pages;
	struct sysinfo info;
	size_t i;

	if (!p) {
		sysinfo(&info);
		pages = (uint64_t)info.freeram * info.mem_unit / 2 / PAGE;
		pages = pages < GIB / PAGE ? pages : GIB / PAGE;
		p = bench_map(pages * PAGE);
		touch_pages(p, pages);
	}
	for (i = 0; n--; i = i + 1 < pages ? i + 1 : 0)
		p[i * PAGE] = 1;
}

const struct operation bench_memory[] = {
	{
		.name = "page_fault",
		.what = "the first write to a page",
		.n = 1000,
		.run = do_page_fault,
		.parallel = true,
	},
	{
		.name = "file_page_fault",
		.what = "the first read in 64 KiB of a file in memory",
		.n = 200,
		.run = do_file_fault,
	},
	{
		.name = "protection_fault",
		.what = "a write to a read-only page, to a handler and back",
		.n = 500,
		.run = bench_protection,
	},
	{
		.name = "mmap_1M",
		.what = "maps 1 MiB, writes all of it, unmaps it",
		.n = 5,
		.run = bench_mmap_1m,
		.parallel = true,
	},
	{
		.name = "mmap_64M",
		.what = "maps 64 MiB, writes a byte to each page, unmaps it",
		.n = 1,
		.run = do_mmap_64m,
	},
	{
		.name = "touch",
		.what = "a write to the next page of much of the memory",
		.n = 100000,
		.run = do_touch,
	},
	{ }
};
