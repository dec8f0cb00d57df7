// SPDX-License-Identifier: GPL-2.0-only
/*
 * ACPI's fixed hardware, as far as the FADT in boot/acpi.c announces it: the PM1 registers,
 * through which an operating system powers the machine off, the PM timer and the reset
 * register. No event is ever raised, so the SCI stays silent.
 */
#include <time.h>

#include "boot/acpi.h"
#include "devices/bus.h"
#include "devices/devices.h"
#include "machine/end.h"

#define PM1_STATUS		0	/* offsets in the event block */
#define PM1_ENABLE		2

#define SCI_ENABLED		(1 << 0)
#define SLEEP_TYPE(control)	((control) >> 10 & 7)
#define SLEEP_ENABLE		(1 << 13)

#define PM_TIMER_HZ		3579545
#define NSEC_PER_SEC		1000000000ULL

#define RESET_CPU		0x04	/* a bit of the reset register */

uint64_t pm1_event_read(void *dev, uint64_t offset, unsigned int size)
{
	const struct pm *pm = dev;

	(void)size;
	switch (offset) {
	case PM1_STATUS:
		return (uint64_t)pm->enable << 16;
	case PM1_ENABLE:
		return pm->enable;
	default:
		return 0;
	}
}

void pm1_event_write(void *dev, uint64_t offset, unsigned int size, uint64_t val)
{
	struct pm *pm = dev;

	(void)size;
	if (offset == PM1_ENABLE)
		pm->enable = val;
}

uint64_t pm1_control_read(void *dev, uint64_t offset, unsigned int size)
{
	(void)dev;
	(void)size;
	return offset ? 0 : SCI_ENABLED;
}

void pm1_control_write(void *dev, uint64_t offset, unsigned int size, uint64_t val)
{
	(void)dev;
	(void)size;
	if (!offset && val & SLEEP_ENABLE && SLEEP_TYPE(val) == ACPI_SLEEP_OFF)
		end_guest(RING1_OK, "the guest powered off");
}

uint64_t pm_timer_read(void *dev, uint64_t offset, unsigned int size)
{
	struct timespec now;

	(void)dev;
	(void)size;
	if (offset)
		return 0;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint32_t)(now.tv_sec * PM_TIMER_HZ + now.tv_nsec * PM_TIMER_HZ / NSEC_PER_SEC);
}

uint64_t reset_read(void *dev, uint64_t offset, unsigned int size)
{
	(void)dev;
	(void)offset;
	(void)size;
	return BUS_BYTE(0);
}

void reset_write(void *dev, uint64_t offset, unsigned int size, uint64_t val)
{
	(void)dev;
	(void)offset;
	(void)size;
	if (val & RESET_CPU)
		end_guest(RING1_RESET, "the guest asked for a reset");
}
