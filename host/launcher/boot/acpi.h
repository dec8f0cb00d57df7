/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's ACPI tables, for the CPUs and the two ports that they describe.
 */
#ifndef RING1_ACPI_H
#define RING1_ACPI_H

#include <stdint.h>

/* The SLP_TYP value that the DSDT's \_S5 names for "off"; devices/pm.c waits for it. */
#define ACPI_SLEEP_OFF	5
#define ACPI_RESET	0x06	/* what the FADT says to write to PORT_RESET */

/* How many ports the FADT gives to each block of the fixed hardware. */
#define PM1_EVENT_LENGTH	4
#define PM1_CONTROL_LENGTH	2
#define PM_TIMER_LENGTH		4

/*
 * Write all tables into buf, which the guest sees at gpa. Returns their size,
 * or 0 when they do not fit. The RSDP comes first.
 */
uint64_t acpi_write(void *buf, uint64_t size, uint64_t gpa, unsigned int cpus);

#endif
