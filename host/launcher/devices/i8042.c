// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command port of a keyboard controller, by which a PC can be reset. No keyboard, and
 * no data port.
 */
#include "devices/bus.h"
#include "devices/devices.h"
#include "machine/end.h"

#define IDLE		0x00	/* nothing to read, ready for the next command */
#define PULSE_RESET	0xfe

/* Linux waits here for idle before it pulses the reset line. */
uint64_t i8042_read(void *dev, uint64_t offset, unsigned int size)
{
	(void)dev;
	(void)offset;
	(void)size;
	return BUS_BYTE(IDLE);
}

void i8042_write(void *dev, uint64_t offset, unsigned int size, uint64_t val)
{
	(void)dev;
	(void)offset;
	(void)size;
	if ((uint8_t)val == PULSE_RESET)
		end_guest(RING1_RESET, "the guest asked for a reset");
}
