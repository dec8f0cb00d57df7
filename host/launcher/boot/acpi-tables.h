/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ACPI tables that acpi.c fills in, as the ACPI specification lays them
 * out, and the constants it uses in them.
 */
#ifndef RING1_ACPI_TABLES_H
#define RING1_ACPI_TABLES_H

#include <stdint.h>

#define PACKED			__attribute__((packed))

#define RSDP_REVISION		2
#define RSDP_V1_SIZE		20
#define XSDT_REVISION		1
#define FADT_REVISION		4
#define MADT_REVISION		3
#define DSDT_REVISION		2
#define FACS_VERSION		1
#define FACS_ALIGN		64

struct rsdp {
	char signature[8];
	uint8_t checksum;
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum;
	uint8_t reserved[3];
} PACKED;

struct header {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} PACKED;

struct address {
	uint8_t space;
	uint8_t bits;
	uint8_t offset;
	uint8_t access;
	uint64_t address;
} PACKED;

#define SPACE_IO		1
#define ACCESS_BYTE		1
#define ACCESS_WORD		2
#define ACCESS_DWORD		3

struct fadt {
	struct header header;
	uint32_t facs;
	uint32_t dsdt;
	uint8_t reserved1;
	uint8_t preferred_profile;
	uint16_t sci_irq;
	uint32_t smi_command;		/* none: ACPI mode is always on */
	uint8_t acpi_enable;
	uint8_t acpi_disable;
	uint8_t s4bios_request;
	uint8_t pstate_control;
	uint32_t pm1a_event;
	uint32_t pm1b_event;
	uint32_t pm1a_control;
	uint32_t pm1b_control;
	uint32_t pm2_control;
	uint32_t pm_timer;
	uint32_t gpe0;
	uint32_t gpe1;
	uint8_t pm1_event_length;
	uint8_t pm1_control_length;
	uint8_t pm2_control_length;
	uint8_t pm_timer_length;
	uint8_t gpe0_length;
	uint8_t gpe1_length;
	uint8_t gpe1_base;
	uint8_t cstate_control;
	uint16_t c2_latency;
	uint16_t c3_latency;
	uint16_t flush_size;
	uint16_t flush_stride;
	uint8_t duty_offset;
	uint8_t duty_width;
	uint8_t day_alarm;
	uint8_t month_alarm;
	uint8_t century;
	uint16_t boot_flags;
	uint8_t reserved2;
	uint32_t flags;
	struct address reset;
	uint8_t reset_value;
	uint16_t arm_boot_flags;
	uint8_t minor_revision;
	uint64_t x_facs;
	uint64_t x_dsdt;
	struct address x_pm1a_event;
	struct address x_pm1b_event;
	struct address x_pm1a_control;
	struct address x_pm1b_control;
	struct address x_pm2_control;
	struct address x_pm_timer;
	struct address x_gpe0;
	struct address x_gpe1;
} PACKED;

/* Latencies too long to be used: there is no C2 and no C3. */
#define NO_C2			101
#define NO_C3			1001

/* The serial ports are there; VGA and an RTC with interrupts are not. */
#define BOOT_LEGACY_DEVICES	(1 << 0)
#define BOOT_NO_VGA		(1 << 2)
#define BOOT_NO_CMOS_RTC	(1 << 5)

#define FADT_WBINVD		(1 << 0)
#define FADT_C1_EVERYWHERE	(1 << 2)
#define FADT_NO_POWER_BUTTON	(1 << 4)
#define FADT_NO_SLEEP_BUTTON	(1 << 5)
#define FADT_NO_RTC_WAKE	(1 << 6)
#define FADT_TIMER_32BIT	(1 << 8)
#define FADT_RESET		(1 << 10)

struct facs {
	char signature[4];
	uint32_t length;
	uint32_t hardware_signature;
	uint32_t waking_vector;
	uint32_t global_lock;
	uint32_t flags;
	uint64_t x_waking_vector;
	uint8_t version;
	uint8_t reserved[31];
} PACKED;

struct madt {
	struct header header;
	uint32_t lapic_base;
	uint32_t flags;
} PACKED;

#define MADT_HAS_8259		(1 << 0)

struct madt_lapic {
	uint8_t type;
	uint8_t length;
	uint8_t cpu;
	uint8_t apic_id;
	uint32_t flags;
} PACKED;

struct madt_ioapic {
	uint8_t type;
	uint8_t length;
	uint8_t id;
	uint8_t reserved;
	uint32_t base;
	uint32_t first_gsi;
} PACKED;

struct madt_override {
	uint8_t type;
	uint8_t length;
	uint8_t bus;
	uint8_t irq;
	uint32_t gsi;
	uint16_t flags;
} PACKED;

struct madt_lapic_nmi {
	uint8_t type;
	uint8_t length;
	uint8_t cpu;
	uint16_t flags;
	uint8_t lint;
} PACKED;

enum madt_type {
	MADT_LAPIC = 0,
	MADT_IOAPIC = 1,
	MADT_OVERRIDE = 2,
	MADT_LAPIC_NMI = 4,
};

#define LAPIC_ENABLED		(1 << 0)
#define ALL_CPUS		0xff
#define LINT_NMI		1
#define INTI_BUS_DEFAULT	0
#define INTI_LEVEL_HIGH		0x0d

#undef PACKED

#endif
