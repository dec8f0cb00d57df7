/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Swap in the host VM, which has no disk: memory, compressed, by zram. Root only.
 */
#ifndef TEST_SWAP_H
#define TEST_SWAP_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline bool swap_is_on(void)
{
	FILE *f = fopen("/proc/swaps", "re");
	char line[256];
	int lines = 0;

	while (f && fgets(line, sizeof(line), f))
		lines++;
	if (f)
		fclose(f);
	return lines > 1;
}

/* Once on, it stays. False where the kernel has no zram. */
static inline bool have_swap(void)
{
	static const char *const commands[] = {
		"modprobe zram", "echo 256M >/sys/block/zram0/disksize", "mkswap /dev/zram0",
		"swapon /dev/zram0", NULL
	};
	char line[100];
	int i;

	if (swap_is_on())
		return true;
	if (geteuid())
		return false;
	for (i = 0; commands[i]; i++) {
		snprintf(line, sizeof(line), "{ %s; } >/dev/null 2>&1", commands[i]);
		if (system(line))
			return false;
	}
	return swap_is_on();
}

#endif
