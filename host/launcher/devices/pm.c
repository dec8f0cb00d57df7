// SPDX-License-Identifier: GPL-2.0-only
/*
 * ACPI's fixed hardware, as far as the FADT in boot/acpi.c announces it: the PM1
 * registers, through which an operating system powers the machine off, and
 * the PM timer. No event is ever raised, so the SCI stays silent.
 */
#include <time.h>

#include "boot/acpi.h"
#include "devices/bus.h"
#include "machine/end.h"
#include "machine/layout.h"

#define PORT_PM1_ENABLE		(PORT_PM1_EVENT + 2)

#define SCI_ENABLED		(1 << 0)
#define SLEEP_TYPE(control)	((control) >> 10 & 7)
#define SLEEP_ENABLE		(1 << 13)

#define PM_TIMER_HZ		3579545
#define NSEC_PER_SEC		1000000000ULL

static uint16_t pm1_enable;

static uint32_t timer(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * PM_TIMER_HZ + now.tv_nsec * PM_TIMER_HZ / NSEC_PER_SEC;
}

uint32_t pm_read(unsigned int port)
{
	switch (port) {
	case PORT_PM1_EVENT:
		return (uint32_t)pm1_enable << 16;
	case PORT_PM1_ENABLE:
		return pm1_enable;
	case PORT_PM1_CONTROL:
		return SCI_ENABLED;
	case PORT_PM_TIMER:
		return timer();
	default:
		return 0;
	}
}

void pm_write(unsigned int port, uint32_t val)
{
	switch (port) {
	case PORT_PM1_ENABLE:
		pm1_enable = val;
		break;
	case PORT_PM1_CONTROL:
		if (val & SLEEP_ENABLE && SLEEP_TYPE(val) == ACPI_SLEEP_OFF)
			end_guest(RING1_OK, "the guest powered off");
		break;
	}
}
