/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * NMIs to the host at moments of the test's choice, from the timer of the local APIC. On
 * a machine that counts instructions (HOST_ICOUNT=shift=0) it counts these as well, so
 * that an NMI comes before a certain instruction. The host must leave the timer alone
 * (nolapic_timer), its registers open to root (iomem=relaxed) and have one processor; it
 * takes the NMIs for those of unknown reason. Root only.
 */
#ifndef TEST_NMI_H
#define TEST_NMI_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmdline.h"
#include "leaks.h"

#define APIC_BASE	0xfee00000
#define APIC_LVT_TIMER	0x320
#define APIC_INITIAL	0x380
#define APIC_DIVIDE	0x3e0
#define LVT_NMI		0x400
#define LVT_MASKED	0x10000
#define LVT_PERIODIC	0x20000
#define DIVIDE_BY_1	0xb

static volatile uint32_t *nmi_apic;

static inline void nmi_apic_write(unsigned int at, uint32_t value)
{
	nmi_apic[at / 4] = value;
}

/* False where the host is not as above. */
static inline bool nmi_open(void)
{
	void *apic;
	int fd;

	if (!cmdline_has("nolapic_timer") || sysconf(_SC_NPROCESSORS_ONLN) != 1)
		return false;
	fd = open("/dev/mem", O_RDWR | O_SYNC | O_CLOEXEC);
	apic = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, APIC_BASE);
	close(fd);
	if (apic == MAP_FAILED)
		return false;
	nmi_apic = apic;
	nmi_apic_write(APIC_DIVIDE, DIVIDE_BY_1);
	return true;
}

/* One NMI after so many instructions from here. */
static inline void nmi_after(uint32_t instructions)
{
	nmi_apic_write(APIC_LVT_TIMER, LVT_NMI);
	nmi_apic_write(APIC_INITIAL, instructions);
}

static inline void nmi_every(uint32_t instructions)
{
	nmi_apic_write(APIC_LVT_TIMER, LVT_NMI | LVT_PERIODIC);
	nmi_apic_write(APIC_INITIAL, instructions);
}

static inline void nmi_stop(void)
{
	nmi_apic_write(APIC_LVT_TIMER, LVT_MASKED);
	nmi_apic_write(APIC_INITIAL, 0);
}

/* How many the host had. */
static inline long nmi_count(void)
{
	return number_in("/proc/interrupts", "NMI:");
}

#endif
