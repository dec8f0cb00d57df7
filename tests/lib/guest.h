/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tests of the guest ask the kernel they run on: where it runs, and where its
 * things are.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cmdline.h"

static inline bool in_ring1(void)
{
	char line[32];

	return !strcmp(first_line("/sys/hypervisor/type", line, sizeof(line)), "ring1");
}

/* Are its privileged instructions emulated? The launcher tells it so. */
static inline bool is_trap_guest(void)
{
	return cmdline_has(" ring1=trap ");
}

/* Is the flag in /proc/cpuinfo? */
static inline bool cpu_has(const char *flag)
{
	char word[32], line[8192];
	FILE *f = fopen("/proc/cpuinfo", "r");
	bool has = false;

	snprintf(word, sizeof(word), " %s ", flag);
	while (f && !has && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = ' ';
		has = !strncmp(line, "flags\t", 6) && strstr(line, word);
	}
	if (f)
		fclose(f);
	return has;
}

/* A kernel symbol's address, 0 if there is none. */
static inline uint64_t kernel_symbol(const char *name)
{
	unsigned long long addr, found = 0;
	char symbol[128];
	FILE *f = fopen("/proc/kallsyms", "r");

	while (f && !found && fscanf(f, "%llx %*c %127s%*[^\n]", &addr, symbol) == 2)
		if (!strcmp(symbol, name))
			found = addr;
	if (f)
		fclose(f);
	return found;
}

static inline bool write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "a");
	bool ok = f && fputs(text, f) >= 0;

	return f && !fclose(f) && ok;
}

#endif /* GUEST_H */
