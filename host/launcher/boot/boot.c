// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes what the 64-bit boot protocol finds in memory at the entry: zero
 * page with memory map and command line, page tables that map the first
 * 4 GiB to themselves, and a flat GDT. The registers are machine/vcpu.c's.
 */
#include <string.h>

#include "boot/boot.h"
#include "boot/load.h"
#include "launcher.h"
#include "machine/layout.h"

#define LOADER_UNDEFINED	0xff
#define E820_RAM		1
#define E820_RESERVED		2

#define PTE_PRESENT		(1ULL << 0)
#define PTE_WRITE		(1ULL << 1)
#define PTE_LARGE		(1ULL << 7)
#define ENTRIES_PER_TABLE	512
#define LARGE_PAGE		(2 * MIB)
#define MAPPED_GIB		4

static void add_e820(struct boot_params *bp, uint64_t from, uint64_t to, uint32_t type)
{
	struct boot_e820_entry *entry = &bp->e820_table[bp->e820_entries];

	if (from >= to)
		return;
	entry->addr = from;
	entry->size = to - from;
	entry->type = type;
	bp->e820_entries++;
}

static void write_page_tables(const struct ram *ram)
{
	/* Without the user bit: under SMEP a supervisor cannot fetch from user pages. */
	const uint64_t flags = PTE_PRESENT | PTE_WRITE;
	uint64_t *pml4 = ram_at(ram, BOOT_PML4, 4096);
	uint64_t *pdpt = ram_at(ram, BOOT_PDPT, 4096);
	uint64_t *pd = ram_at(ram, BOOT_PD, MAPPED_GIB * 4096);
	unsigned int i;

	pml4[0] = BOOT_PDPT | flags;
	for (i = 0; i < MAPPED_GIB; i++)
		pdpt[i] = (BOOT_PD + i * 4096) | flags;
	for (i = 0; i < MAPPED_GIB * ENTRIES_PER_TABLE; i++)
		pd[i] = i * LARGE_PAGE | PTE_LARGE | flags;
}

static void write_gdt(const struct ram *ram)
{
	uint64_t *gdt = ram_at(ram, BOOT_GDT, BOOT_GDT_SIZE);

	/* Accessed bits are set, so that no segment load writes here. */
	gdt[BOOT_CS / 8] = 0x00af9b000000ffff;
	gdt[BOOT_DS / 8] = 0x00cf93000000ffff;
}

int boot_write(const struct ram *ram, const struct kernel *kernel, const char *cmdline,
	       uint64_t rsdp)
{
	struct boot_params *bp = ram_at(ram, BOOT_PARAMS, sizeof(*bp));
	uint64_t max = kernel->cmdline_max;
	size_t len = strlen(cmdline);

	if (max > BOOT_CMDLINE_SIZE - 1)
		max = BOOT_CMDLINE_SIZE - 1;
	if (len > max)
		return fail("the kernel command line is %zu characters long and this kernel takes %llu: shorten --append",
			    len, (unsigned long long)max);
	memcpy(ram_at(ram, BOOT_CMDLINE, len + 1), cmdline, len + 1);

	memset(bp, 0, sizeof(*bp));
	bp->hdr = kernel->hdr;
	bp->hdr.type_of_loader = LOADER_UNDEFINED;
	bp->hdr.cmd_line_ptr = BOOT_CMDLINE;
	bp->acpi_rsdp_addr = rsdp;
	add_e820(bp, 0, LOW_RAM_END, E820_RAM);
	add_e820(bp, ACPI_TABLES, ACPI_TABLES + ACPI_TABLES_SIZE, E820_RESERVED);
	add_e820(bp, HIGH_RAM_START, ram->low_size, E820_RAM);
	add_e820(bp, HOLE_END, HOLE_END + ram->high_size, E820_RAM);

	write_page_tables(ram);
	write_gdt(ram);
	return 0;
}
