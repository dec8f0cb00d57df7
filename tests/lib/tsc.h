/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The TSC. Where QEMU counts instructions (HOST_ICOUNT=shift=0) it is the number of them
 * that the whole machine has retired.
 */
#ifndef TEST_TSC_H
#define TEST_TSC_H

#include <stdint.h>

static inline uint64_t tsc(void)
{
	uint32_t low, high;

	asm volatile("lfence\n\trdtsc" : "=a" (low), "=d" (high) : : "memory");
	return low | (uint64_t)high << 32;
}

#endif
