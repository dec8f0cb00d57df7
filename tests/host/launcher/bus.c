// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    an access to a port or to memory reaches the device in whose range it is, with
 *           the offset there and the device's own state; all others read ones and write nothing
 * How:      two devices of one kind in a table, accesses at and beside their edges
 * Needs:    nothing
 * Catches:  a device one address too wide, a port that answers as memory, state that two
 *           devices share
 */
#include "devices/bus.h"
#include "kselftest_harness.h"

struct cell {
	uint64_t val;
	uint64_t offset;
	unsigned int size;
	unsigned int writes;
	unsigned int strings;
};

static uint64_t cell_read(void *dev, uint64_t offset, unsigned int size)
{
	struct cell *cell = dev;

	cell->offset = offset;
	cell->size = size;
	return cell->val;
}

static void cell_write(void *dev, uint64_t offset, unsigned int size, uint64_t val)
{
	struct cell *cell = dev;

	cell->offset = offset;
	cell->size = size;
	cell->val = val;
	cell->writes++;
}

static void cell_write_string(void *dev, uint64_t offset, const uint8_t *bytes, unsigned int n)
{
	struct cell *cell = dev;

	cell->offset = offset;
	cell->val = bytes[n - 1];
	cell->strings++;
}

static struct cell one, two;

static const struct bus_range ranges[] = {
	{ 0x100, 4, cell_read, cell_write, &one, NULL },
	{ 0x104, 8, cell_read, cell_write, &two, NULL },
	{ 0x200, 1, cell_read, NULL, &one, NULL },
	{ 0x201, 1, NULL, cell_write, &one, cell_write_string },
};

static uint64_t bus_in(enum bus_space space, uint64_t address, unsigned int size)
{
	uint64_t val = 0x1122334455667788;

	bus_access(space, address, false, &val, size);
	return val;
}

static void bus_out(enum bus_space space, uint64_t address, uint64_t val, unsigned int size)
{
	bus_access(space, address, true, &val, size);
}

TEST(without_devices_all_reads_as_ones)
{
	bus_out(BUS_PORTS, 0x100, 0, 4);
	bus_out(BUS_MEMORY, 0x100, 0, 8);
	EXPECT_EQ(0x11223344556677ff, bus_in(BUS_PORTS, 0x100, 1));
	EXPECT_EQ(0x11223344ffffffff, bus_in(BUS_PORTS, 0x100, 4));
	EXPECT_EQ(0xffffffffffffffff, bus_in(BUS_MEMORY, 0x100, 8));
}

TEST(each_device_has_its_range_and_its_state)
{
	bus_register(BUS_MEMORY, ranges, 4);
	bus_out(BUS_MEMORY, 0x103, 0xaaaa, 2);
	EXPECT_EQ(3, one.offset);
	EXPECT_EQ(2, one.size);
	EXPECT_EQ(0xaaaa, one.val);
	bus_out(BUS_MEMORY, 0x104, 0x123456789abcdef0, 8);
	EXPECT_EQ(0, two.offset);
	EXPECT_EQ(0xaaaa, one.val);
	EXPECT_EQ(0x123456789abcdef0, bus_in(BUS_MEMORY, 0x10b, 8));
	EXPECT_EQ(7, two.offset);
	EXPECT_EQ(~0ULL, bus_in(BUS_MEMORY, 0xff, 8));
	EXPECT_EQ(~0ULL, bus_in(BUS_MEMORY, 0x10c, 8));
	EXPECT_EQ(1, one.writes);
	EXPECT_EQ(1, two.writes);
}

TEST(a_write_gives_as_many_bytes_as_the_guest_wrote)
{
	bus_register(BUS_PORTS, ranges, 4);
	bus_out(BUS_PORTS, 0x100, 0x123456789abcdef0, 1);
	EXPECT_EQ(0xf0, one.val);
	bus_out(BUS_PORTS, 0x100, 0x123456789abcdef0, 4);
	EXPECT_EQ(0x9abcdef0, one.val);
}

TEST(a_string_is_written_at_once_or_one_by_one)
{
	uint16_t words[] = { 0x1234, 0x5678 };
	uint8_t bytes[] = { 1, 2, 3 };

	bus_write_string(0x201, bytes, 1, 3);
	bus_register(BUS_PORTS, ranges, 4);
	EXPECT_EQ(0, one.strings);
	bus_write_string(0x201, bytes, 1, 3);
	EXPECT_EQ(1, one.strings);
	EXPECT_EQ(0, one.offset);
	EXPECT_EQ(3, one.val);
	EXPECT_EQ(0, one.writes);
	bus_write_string(0x102, bytes, 1, 3);
	EXPECT_EQ(3, one.writes);
	EXPECT_EQ(2, one.offset);
	bus_write_string(0x201, (uint8_t *)words, 2, 2);
	EXPECT_EQ(5, one.writes);
	EXPECT_EQ(0x5678, one.val);
	EXPECT_EQ(1, one.strings);
}

TEST(ports_are_no_memory)
{
	bus_register(BUS_PORTS, ranges, 4);
	EXPECT_EQ(~0ULL, bus_in(BUS_MEMORY, 0x100, 8));
	EXPECT_EQ(0, bus_in(BUS_PORTS, 0x100, 8));
	EXPECT_EQ(~0ULL, bus_in(BUS_PORTS, 0x100000100, 8));
}

TEST(what_only_reads_or_writes_does_no_more)
{
	bus_register(BUS_PORTS, ranges, 4);
	bus_out(BUS_PORTS, 0x200, 5, 1);
	EXPECT_EQ(0, one.writes);
	EXPECT_EQ(0x1122334455667700, bus_in(BUS_PORTS, 0x200, 1));
	bus_out(BUS_PORTS, 0x201, 5, 1);
	EXPECT_EQ(1, one.writes);
	EXPECT_EQ(0x11223344556677ff, bus_in(BUS_PORTS, 0x201, 1));
}

TEST_HARNESS_MAIN
