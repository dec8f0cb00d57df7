/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Port I/O of the machine: bus.c finds the device of a port, the others are
 * the devices beside the serial ports. Called by any vCPU's thread.
 */
#ifndef RING1_BUS_H
#define RING1_BUS_H

#include <stdbool.h>
#include <stdint.h>

#define ALL_ONES	0xffffffff

/* One access, as wide as the guest made it; data holds it little-endian. */
void pio_access(uint16_t port, bool write, void *data, unsigned int size);
/* Whether accesses that meet no device are reported on stderr; and such an access. */
void device_set_debug(bool on);
void device_missing(const char *space, uint64_t address, bool write, unsigned int size);

/*
 * A device is given the port and, zero-extended, what was written; it answers
 * a read with 32 bits, of which the guest gets as many as it asked for.
 */
uint32_t pm_read(unsigned int port);
void pm_write(unsigned int port, uint32_t val);

uint32_t rtc_read(unsigned int port);
void rtc_write(unsigned int port, uint32_t val);

#endif
