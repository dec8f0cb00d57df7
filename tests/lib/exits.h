/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters of a VM of this process, the monitor's and KVM's. Root only: they are in debugfs.
 */
#ifndef TEST_EXITS_H
#define TEST_EXITS_H

#include "leaks.h"

/* A file in the folder of the newest VM of this process. */
static inline void vm_file(char *path, size_t size, const char *name)
{
	DIR *dir = opendir(KVM_DEBUGFS);
	int newest = 0;
	struct dirent *e;

	path[0] = '\0';
	while (dir && (e = readdir(dir))) {
		if (atoi(e->d_name) != getpid() || atoi(strchr(e->d_name, '-') + 1) < newest)
			continue;
		newest = atoi(strchr(e->d_name, '-') + 1);
		snprintf(path, size, KVM_DEBUGFS "/%s/%s", e->d_name, name);
	}
	if (dir)
		closedir(dir);
}

/* A counter of the monitor's, of the first processor. */
static inline long exits(const char *name)
{
	char path[600];

	vm_file(path, sizeof(path), "ring1_exits");
	return number_in(path, name);
}

/* How often KVM has had a processor flush its TLB, the guest or the host asking; -1 if unknown. */
static inline long tlb_flushes(void)
{
	char path[600];
	long n = -1;
	FILE *f;

	vm_file(path, sizeof(path), "tlb_flush");
	f = fopen(path, "re");
	if (f && fscanf(f, "%ld", &n) != 1)
		n = -1;
	if (f)
		fclose(f);
	return n;
}

#endif
