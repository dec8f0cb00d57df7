// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which device answers at which port or memory address. Where there is none, reads give all
 * ones and writes are lost, as on a PC. Knows no device: run.c registers them. KVM keeps the
 * interrupt controllers and the timer to itself, so their addresses never come here.
 */
#include <string.h>

#include "devices/bus.h"
#include "launcher.h"

static struct {
	const struct bus_range *ranges;
	unsigned int n;
} spaces[BUS_SPACES];

static bool debug;

void bus_set_debug(bool on)
{
	debug = on;
}

void bus_register(enum bus_space space, const struct bus_range *ranges, unsigned int n)
{
	spaces[space].ranges = ranges;
	spaces[space].n = n;
}

static const struct bus_range *find_range(enum bus_space space, uint64_t address)
{
	unsigned int i;

	for (i = 0; i < spaces[space].n; i++) {
		const struct bus_range *range = &spaces[space].ranges[i];

		if (address >= range->first && address - range->first < range->size)
			return range;
	}
	return NULL;
}

static void report_missing(enum bus_space space, uint64_t address, bool write, unsigned int size)
{
	if (debug)
		fail("debug: %u-byte %s at %s %#llx, where no device is", size,
		     write ? "write" : "read", space == BUS_PORTS ? "port" : "address",
		     (unsigned long long)address);
}

void bus_access(enum bus_space space, uint64_t address, bool write, void *data,
		unsigned int size)
{
	const struct bus_range *range = find_range(space, address);
	uint64_t val = 0;

	if (!range)
		report_missing(space, address, write, size);
	if (write) {
		memcpy(&val, data, size);
		if (range && range->write)
			range->write(range->dev, address - range->first, size, val);
	} else {
		val = BUS_ALL_ONES;
		if (range && range->read)
			val = range->read(range->dev, address - range->first, size);
		memcpy(data, &val, size);
	}
}

void bus_write_string(uint64_t port, uint8_t *data, unsigned int size, unsigned int n)
{
	const struct bus_range *range = find_range(BUS_PORTS, port);

	if (size == 1 && range && range->write_string) {
		range->write_string(range->dev, port - range->first, data, n);
		return;
	}
	for (; n; n--, data += size)
		bus_access(BUS_PORTS, port, true, data, size);
}
