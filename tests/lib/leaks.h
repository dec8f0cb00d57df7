/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What guests leave behind in the host: memory, in two ways of counting, and folders in
 * debugfs. Root only.
 *
 * A group (a cgroup) has every page charged that the processes in it made the kernel
 * allocate for them, and so those of KVM and the monitor, whoever frees them: with all of
 * the processes gone, what it still has is a leak. used_pages() sees allocations that are
 * nobody's as well, but is true only to some dozens of pages, by how the slabs happen to be
 * filled: up to 65 were seen, whatever was done between. So it takes more rounds than that.
 */
#ifndef TEST_LEAKS_H
#define TEST_LEAKS_H

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CGROUPS		"/sys/fs/cgroup"
#define KVM_DEBUGFS	"/sys/kernel/debug/kvm"

static inline bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	close(fd);
	return ok;
}

/* The number behind a name in a file of such lines; -1 if there is none. */
static inline long number_in(const char *path, const char *name)
{
	FILE *f = fopen(path, "re");
	long number = -1, n;
	char line[256], word[64];

	while (f && number < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %ld", word, &n) == 2 && !strcmp(word, name))
			number = n;
	if (f)
		fclose(f);
	return number;
}

static inline void sleep_ms(long ms)
{
	const struct timespec time = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

/* Wait, for ten seconds at most, until the expression is true. */
#define WITHIN_LIMIT(expression) ({						\
	int _tries = 200;							\
										\
	while (!(expression) && --_tries)					\
		sleep_ms(50);							\
	_tries > 0;								\
})

/* Whatever the kernel keeps and could do without. */
static inline void drop_caches(void)
{
	DIR *dir = opendir("/sys/kernel/slab");
	struct dirent *entry;
	char path[300];

	put("/proc/sys/vm/drop_caches", "3");
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink", entry->d_name);
		if (entry->d_name[0] != '.')
			put(path, "1");
	}
	if (dir)
		closedir(dir);
}

/* The kernel's counters are the sum of the processors' only now and then. */
static inline void refresh_counters(void)
{
	put("/proc/sys/vm/stat_refresh", "1");
}

/* Of page tables that are KVM's, in KiB. */
static inline long shadow_pages(void)
{
	refresh_counters();
	return number_in("/proc/meminfo", "SecPageTables:");
}

/* Free pages, with those in the processors' own lists. */
static inline long free_pages(void)
{
	char line[256];
	long sum = 0, n;
	FILE *f;

	refresh_counters();
	f = fopen("/proc/zoneinfo", "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, " pages free %ld", &n) == 1 ||
		    sscanf(line, " count: %ld", &n) == 1)
			sum += n;
	if (f)
		fclose(f);
	return sum;
}

/* KASAN delays what is freed, kmemleak remembers it: used_pages() is no measure there. */
static inline bool is_debug_kernel(void)
{
	return !access("/sys/kernel/debug/kmemleak", F_OK);
}

/* The least of a few looks: much is freed a grace period later. */
static inline long used_pages(void)
{
	long least = 0, used;
	int i;

	for (i = 0; i < 4; i++) {
		drop_caches();
		used = -free_pages();
		if (!i || used < least)
			least = used;
		sleep_ms(50);
	}
	return least;
}

static inline void group_path(char *path, size_t size, const char *group, const char *file)
{
	snprintf(path, size, CGROUPS "/%s/%s", group, file);
}

static inline long dying_groups(void)
{
	return number_in(CGROUPS "/cgroup.stat", "nr_dying_descendants");
}

static inline bool make_group(const char *group)
{
	char path[128];

	if (access(CGROUPS "/cgroup.stat", F_OK) &&
	    mount("none", CGROUPS, "cgroup2", 0, NULL))
		return false;
	put(CGROUPS "/cgroup.subtree_control", "+memory");
	group_path(path, sizeof(path), group, "");
	rmdir(path);
	if (mkdir(path, 0755))
		return false;
	group_path(path, sizeof(path), group, "memory.stat");
	return !access(path, R_OK);
}

/* This process, and what it starts, from here on. */
static inline bool join_group(const char *group)
{
	char path[128];

	group_path(path, sizeof(path), group, "cgroup.procs");
	return put(path, "0");
}

/*
 * Pages a group has though nobody is in it. Objects smaller than a page are charged by
 * the page and the rest of it is kept for later: up to a few pages may seem to be left.
 */
#define GROUP_SLACK	4

static inline long pages_of_group(const char *group)
{
	static const char *const names[] = { "kernel", "anon", "file" };
	char path[128];
	long sum = 0, n;
	unsigned int i;

	group_path(path, sizeof(path), group, "memory.stat");
	drop_caches();
	for (i = 0; i < 3; i++) {
		n = number_in(path, names[i]);
		if (n < 0)
			return -1;
		sum += n / 4096;
	}
	return sum;
}

static inline void show_group(const char *group)
{
	char path[128], line[256];
	FILE *f;

	group_path(path, sizeof(path), group, "memory.stat");
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strstr(line, " 0\n"))
			printf("# group %s: %s", group, line);
	if (f)
		fclose(f);
}

static inline bool remove_group(const char *group)
{
	char path[128];

	group_path(path, sizeof(path), group, "");
	return !rmdir(path);
}

/* VMs there are, by their folders. */
static inline int count_vms(void)
{
	DIR *dir = opendir(KVM_DEBUGFS);
	struct dirent *entry;
	int count = 0;

	if (!dir)
		return -1;
	while ((entry = readdir(dir)))
		count += entry->d_type == DT_DIR && entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

#endif
