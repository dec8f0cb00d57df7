/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether the threads of a process are in the launcher's sandbox, as the kernel says.
 */
#ifndef TEST_CONFINED_H
#define TEST_CONFINED_H

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static inline bool thread_confined(const char *path)
{
	bool filter = false, no_new_privs = false;
	char line[256];
	FILE *f = fopen(path, "re");

	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		filter |= !strcmp(line, "Seccomp:\t2\n");
		no_new_privs |= !strcmp(line, "NoNewPrivs:\t1\n");
	}
	fclose(f);
	return filter && no_new_privs;
}

/* How many threads it has, if all of them are in it; else 0. */
static inline int confined_threads(int pid)
{
	const struct dirent *entry;
	int threads = 0;
	char path[300];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/status", pid, entry->d_name);
		if (!thread_confined(path)) {
			threads = 0;
			break;
		}
		threads++;
	}
	if (dir)
		closedir(dir);
	return threads;
}

#endif
