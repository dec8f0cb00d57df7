/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files of one line, and the running kernel's command line, by which a batch tells its tests
 * what they are to expect: ring1_test.*.
 */
#ifndef TEST_CMDLINE_H
#define TEST_CMDLINE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first line of a file, without its end; empty if there is none. */
static inline char *first_line(const char *path, char *line, size_t size)
{
	FILE *f = fopen(path, "r");

	if (!f || !fgets(line, size, f))
		line[0] = '\0';
	if (f)
		fclose(f);
	line[strcspn(line, "\n")] = '\0';
	return line;
}

/* A word of the kernel's command line; blanks are a part of it. */
static inline bool cmdline_has(const char *word)
{
	char args[4096];

	return strstr(first_line("/proc/cmdline", args, sizeof(args)), word);
}

/* The number behind a word of the kernel's command line, such as "ring1_test.seed=". */
static inline unsigned long long cmdline_number(const char *word, unsigned long long otherwise)
{
	char args[4096];
	const char *at = strstr(first_line("/proc/cmdline", args, sizeof(args)), word);

	return at ? strtoull(at + strlen(word), NULL, 0) : otherwise;
}

#endif /* TEST_CMDLINE_H */
