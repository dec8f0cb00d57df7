// SPDX-License-Identifier: GPL-2.0-only
/*
 * Port space: which device answers at which port. Where there is none, reads
 * give all ones and writes are lost, as on a PC; a wide access to a device of
 * byte registers reaches the first of them. KVM keeps the ports of the
 * interrupt controllers and of the timer to itself.
 */
#include <string.h>

#include "boot/acpi.h"
#include "devices/bus.h"
#include "machine/end.h"
#include "machine/layout.h"
#include "devices/uart.h"

#define BYTE_ANSWER(byte)	(ALL_ONES << 8 | (byte))

#define I8042_IDLE		0x00	/* nothing to read, ready for the next command */
#define I8042_PULSE_RESET	0xfe
#define RESET_CPU		0x04	/* a bit of the reset register */

static bool debug;

void device_set_debug(bool on)
{
	debug = on;
}

void device_missing(const char *space, uint64_t address, bool write, unsigned int size)
{
	if (debug)
		fail("debug: %u-byte %s at %s %#llx, where no device is", size,
		     write ? "write" : "read", space, (unsigned long long)address);
}

/* No keyboard; but Linux waits here for idle before it pulses the reset line. */
static uint32_t i8042_read(unsigned int port)
{
	(void)port;
	return BYTE_ANSWER(I8042_IDLE);
}

static void i8042_write(unsigned int port, uint32_t val)
{
	(void)port;
	if ((uint8_t)val == I8042_PULSE_RESET)
		end_guest(RING1_RESET, "the guest asked for a reset");
}

static uint32_t reset_read(unsigned int port)
{
	(void)port;
	return BYTE_ANSWER(0);
}

static void reset_write(unsigned int port, uint32_t val)
{
	(void)port;
	if (val & RESET_CPU)
		end_guest(RING1_RESET, "the guest asked for a reset");
}

/* COM1 to COM4 have their registers at the same offsets of four aligned blocks. */
static unsigned int uart_at(unsigned int port)
{
	unsigned int uart = 0;

	while (uart_base[uart] != port - port % UART_REGS)
		uart++;
	return uart;
}

static uint32_t serial_read(unsigned int port)
{
	return BYTE_ANSWER(uart_read(uart_at(port), port % UART_REGS));
}

static void serial_write(unsigned int port, uint32_t val)
{
	uart_write(uart_at(port), port % UART_REGS, val);
}

struct port_range {
	uint16_t first;
	uint16_t ports;
	uint32_t (*read)(unsigned int port);
	void (*write)(unsigned int port, uint32_t val);
};

static const struct port_range ranges[] = {
	{ PORT_RTC_INDEX,	2,		rtc_read,	rtc_write },
	{ PORT_I8042_COMMAND,	1,		i8042_read,	i8042_write },
	{ PORT_COM4,		UART_REGS,	serial_read,	serial_write },
	{ PORT_COM2,		UART_REGS,	serial_read,	serial_write },
	{ PORT_COM3,		UART_REGS,	serial_read,	serial_write },
	{ PORT_COM1,		UART_REGS,	serial_read,	serial_write },
	{ PORT_PM1_EVENT,	4,		pm_read,	pm_write },
	{ PORT_PM1_CONTROL,	2,		pm_read,	pm_write },
	{ PORT_PM_TIMER,	4,		pm_read,	pm_write },
	{ PORT_RESET,		1,		reset_read,	reset_write },
};

static const struct port_range *find_range(uint16_t port)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		if (port >= ranges[i].first && port - ranges[i].first < ranges[i].ports)
			return &ranges[i];
	}
	return NULL;
}

void pio_access(uint16_t port, bool write, void *data, unsigned int size)
{
	const struct port_range *range = find_range(port);
	uint32_t val = 0;

	if (!range)
		device_missing("port", port, write, size);
	if (write) {
		memcpy(&val, data, size);
		if (range)
			range->write(port, val);
	} else {
		val = range ? range->read(port) : ALL_ONES;
		memcpy(data, &val, size);
	}
}
