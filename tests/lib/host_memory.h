/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the host kernel has its memory, with KASLR on, and what is in it: from
 * /proc/kcore, whose program headers list every range, and /proc/kallsyms. Root only.
 */
#ifndef TEST_HOST_MEMORY_H
#define TEST_HOST_MEMORY_H

#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_RANGES	64

struct host_memory {
	int kcore;
	int nr_ranges;
	Elf64_Phdr range[MAX_RANGES];
};

static inline bool open_host_memory(struct host_memory *m)
{
	Elf64_Ehdr head;
	Elf64_Phdr p;
	int i;

	m->nr_ranges = 0;
	m->kcore = open("/proc/kcore", O_RDONLY | O_CLOEXEC);
	if (m->kcore < 0 || pread(m->kcore, &head, sizeof(head), 0) != sizeof(head))
		return false;
	for (i = 0; i < head.e_phnum && m->nr_ranges < MAX_RANGES; i++) {
		if (pread(m->kcore, &p, sizeof(p), head.e_phoff + i * sizeof(p)) != sizeof(p))
			return false;
		if (p.p_type == PT_LOAD)
			m->range[m->nr_ranges++] = p;
	}
	return m->nr_ranges;
}

/* Read a word as the host's kernel would; false if it is not in any range. */
static inline bool read_host(const struct host_memory *m, uint64_t va, uint64_t *value)
{
	int i;

	for (i = 0; i < m->nr_ranges; i++) {
		const Elf64_Phdr *r = &m->range[i];

		if (va >= r->p_vaddr && va < r->p_vaddr + r->p_memsz)
			return pread(m->kcore, value, 8, r->p_offset + (va - r->p_vaddr)) == 8;
	}
	return false;
}

/* Where the direct map has a physical address; 0 if nowhere. */
static inline uint64_t direct_map(const struct host_memory *m, uint64_t pa)
{
	int i;

	for (i = 0; i < m->nr_ranges; i++) {
		const Elf64_Phdr *r = &m->range[i];

		/* the kernel's text has a physical address as well */
		if (r->p_vaddr < 0xffffe00000000000 && r->p_paddr != -1ull &&
		    pa >= r->p_paddr && pa < r->p_paddr + r->p_memsz)
			return r->p_vaddr + (pa - r->p_paddr);
	}
	return 0;
}

static inline uint64_t physical_address(const void *p)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	if (pread(fd, &entry, 8, (uintptr_t)p / 4096 * 8) != 8)
		entry = 0;
	close(fd);
	return (entry & ((1ull << 55) - 1)) * 4096 + (uintptr_t)p % 4096;
}

/* The addresses of these names; 0 where there is none. In one go: the file is long. */
static inline void find_symbols(const char *const *wanted, uint64_t *va, int count)
{
	FILE *f = fopen("/proc/kallsyms", "r");
	char line[512], *name, *end;
	uint64_t addr;
	int i;

	memset(va, 0, count * sizeof(*va));
	while (f && fgets(line, sizeof(line), f)) {
		addr = strtoull(line, &name, 16);
		name += 3;			/* " t " */
		end = name + strcspn(name, "\t\n");
		*end = '\0';
		for (i = 0; i < count; i++)
			if (!va[i] && !strcmp(name, wanted[i]))
				va[i] = addr;
	}
	if (f)
		fclose(f);
}

#endif
