// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocates guest memory and hands out checked pointers into it. Does not
 * tell KVM about it (vm.c) and does not decide what goes where (layout.h).
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "launcher.h"
#include "machine/layout.h"
#include "machine/ram.h"

static void *map_pages(uint64_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	/* Large host pages let KVM map large guest pages; not having them is no error. */
	madvise(p, bytes, MADV_HUGEPAGE);
	return p;
}

int ram_alloc(struct ram *ram, uint64_t bytes)
{
	struct sysinfo host;

	memset(ram, 0, sizeof(*ram));
	if (!sysinfo(&host) && bytes > (uint64_t)host.totalram * host.mem_unit)
		return fail("%s of guest memory is more than this host has (%s): use a smaller --mem",
			    size_text(bytes), size_text((uint64_t)host.totalram * host.mem_unit));

	ram->low_size = bytes < HOLE_START ? bytes : HOLE_START;
	ram->high_size = bytes - ram->low_size;
	ram->low = map_pages(ram->low_size);
	if (!ram->low)
		goto no_memory;
	if (ram->high_size) {
		ram->high = map_pages(ram->high_size);
		if (!ram->high)
			goto no_memory;
	}
	return 0;

no_memory:
	fail("cannot allocate %s of guest memory: %s: use a smaller --mem",
	     size_text(bytes), strerror(errno));
	ram_free(ram);
	return -1;
}

void ram_free(struct ram *ram)
{
	if (ram->low)
		munmap(ram->low, ram->low_size);
	if (ram->high)
		munmap(ram->high, ram->high_size);
	memset(ram, 0, sizeof(*ram));
}

void *ram_at(const struct ram *ram, uint64_t gpa, uint64_t len)
{
	if (gpa > ram->low_size || len > ram->low_size - gpa)
		return NULL;
	return ram->low + gpa;
}

int ram_read_file(const struct ram *ram, uint64_t gpa, int fd, uint64_t offset, uint64_t len)
{
	uint8_t *to = ram_at(ram, gpa, len);

	if (!to) {
		errno = EFAULT;
		return -1;
	}
	while (len) {
		ssize_t n = pread(fd, to, len, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (!n)
				errno = 0;
			return -1;
		}
		to += n;
		offset += n;
		len -= n;
	}
	return 0;
}
