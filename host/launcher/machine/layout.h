/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where things are in the guest's physical address space and port space: the
 * one place for these numbers. Memory below 1 MiB that is not named here is
 * the guest's; the kernel and the initrd go above 1 MiB.
 */
#ifndef RING1_LAYOUT_H
#define RING1_LAYOUT_H

/* Set up for the entry and free again once the kernel has its own. */
#define BOOT_GDT		0x00001000
#define BOOT_STACK_TOP		0x00003000
#define BOOT_PARAMS		0x00007000
#define BOOT_PML4		0x00008000
#define BOOT_PDPT		0x00009000
#define BOOT_PD			0x0000a000	/* four pages: the first 4 GiB */
#define BOOT_CMDLINE		0x00020000
#define BOOT_CMDLINE_SIZE	0x00010000

/* A PC's conventional memory ends here; a BIOS would keep its data after it. */
#define LOW_RAM_END		0x0009fc00
#define ACPI_TABLES		0x000e0000	/* in the range an RSDP is searched in */
#define ACPI_TABLES_SIZE	0x00010000
#define HIGH_RAM_START		0x00100000

/* From here to 4 GiB there is no memory: I/O APIC, local APICs, KVM's own pages. */
#define HOLE_START		0xc0000000
#define HOLE_END		0x100000000
#define IOAPIC_BASE		0xfec00000
#define LAPIC_BASE		0xfee00000
#define KVM_TSS_PAGES		0xfffbd000	/* three pages, wanted by KVM on Intel only */

#define PORT_COM1		0x3f8
#define PORT_COM2		0x2f8
#define PORT_COM3		0x3e8
#define PORT_COM4		0x2e8
#define PORT_RTC		0x70
#define PORT_I8042_COMMAND	0x64
#define PORT_RESET		0xcf9
#define PORT_PM1_EVENT		0x600
#define PORT_PM1_CONTROL	0x604
#define PORT_PM_TIMER		0x608

#define IRQ_TIMER		0
#define IRQ_SCI			9
#define GSI_TIMER		2		/* where a PC wires the timer to the I/O APIC */
#define IOAPIC_PINS		24

#endif
