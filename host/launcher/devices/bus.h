/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ports and memory addresses of the machine as its devices see them: ranges, of which each
 * has a device behind it. run.c has the tables of what is where.
 */
#ifndef RING1_BUS_H
#define RING1_BUS_H

#include <stdbool.h>
#include <stdint.h>

enum bus_space { BUS_PORTS, BUS_MEMORY, BUS_SPACES };

/*
 * A device is given its `dev`, the offset from the first address, and how many bytes the
 * guest accesses, 1 to 8. Of the answer to a read the guest gets as many. Any vCPU's thread
 * calls. Without read or write, the device is as if it was not there.
 */
struct bus_range {
	uint64_t first;
	uint64_t size;
	uint64_t (*read)(void *dev, uint64_t offset, unsigned int size);
	void (*write)(void *dev, uint64_t offset, unsigned int size, uint64_t val);
	void *dev;
	/* If there is one: bytes to the same address, one by one, as REP OUTSB writes them. */
	void (*write_string)(void *dev, uint64_t offset, const uint8_t *bytes, unsigned int n);
};

/* What a bus reads as where nothing answers. */
#define BUS_ALL_ONES	(~0ULL)
/* The answer of a device of byte registers, of which a wide access reaches the first. */
#define BUS_BYTE(byte)	(BUS_ALL_ONES << 8 | (byte))

/* Before any vCPU runs. The table is not copied. */
void bus_register(enum bus_space space, const struct bus_range *ranges, unsigned int n);

/* One access, as wide as the guest made it; data holds it little-endian. */
void bus_access(enum bus_space space, uint64_t address, bool write, void *data,
		unsigned int size);

/* A string of elements of the same size, which all go to one port. */
void bus_write_string(uint64_t port, uint8_t *data, unsigned int size, unsigned int n);

/* Whether accesses that meet no device are reported on stderr. */
void bus_set_debug(bool on);

#endif
