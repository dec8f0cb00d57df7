/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which processor a thread runs on.
 */
#ifndef TEST_AFFINITY_H
#define TEST_AFFINITY_H

#include <sched.h>
#include <stdbool.h>

/* The calling thread, and those that it starts. */
static inline bool stay_on(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return !sched_setaffinity(0, sizeof(set), &set);
}

#endif
