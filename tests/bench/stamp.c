// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copies lines, with the time in nanoseconds before each: the one of the machine that
 * emulates, as the emulated ones have none of their own.
 */
#include <stdio.h>
#include <time.h>

int main(void)
{
	char line[2000];

	while (fgets(line, sizeof(line), stdin)) {
		struct timespec now;

		clock_gettime(CLOCK_MONOTONIC, &now);
		printf("%lld%09ld %s", (long long)now.tv_sec, now.tv_nsec, line);
		fflush(stdout);
	}
	return 0;
}
