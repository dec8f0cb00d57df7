// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ACPI tables of the machine `ring1 run` makes: processors, interrupt
 * controllers, power-off and reset, and nothing else. No device is described:
 * Linux finds the serial ports at their PC addresses. Pure function of the
 * number of processors; the fixed hardware named here lives in devices/pm.c.
 */
#include <string.h>

#include "boot/acpi-tables.h"
#include "boot/acpi.h"
#include "machine/layout.h"

/* Name (\_S5, Package (4) { 5, 5, 0, 0 }): SLP_TYP for PM1a and PM1b, two reserved. */
static const uint8_t dsdt_body[] = {
	0x08, '_', 'S', '5', '_',			/* NameOp */
	0x12, 0x08, 0x04,				/* PackageOp, length, elements */
	0x0a, ACPI_SLEEP_OFF, 0x0a, ACPI_SLEEP_OFF,	/* two byte constants */
	0x00, 0x00,					/* two times zero */
};

struct writer {
	uint8_t *buf;
	uint64_t size;
	uint64_t used;
	uint64_t gpa;
};

/* NULL when full; the tables written so far stay where they are. */
static void *put(struct writer *w, const void *data, uint64_t len)
{
	void *at = w->buf + w->used;

	if (len > w->size - w->used)
		return NULL;
	memcpy(at, data, len);
	w->used += len;
	return at;
}

static int align(struct writer *w, uint64_t to)
{
	static const uint8_t zeros[FACS_ALIGN];

	return put(w, zeros, -(w->gpa + w->used) & (to - 1)) ? 0 : -1;
}

static uint8_t checksum(const void *table, uint64_t len)
{
	const uint8_t *byte = table;
	uint8_t sum = 0;

	while (len--)
		sum += *byte++;
	return -sum;
}

static struct header header(const char *signature, uint8_t revision)
{
	struct header h = {
		.revision = revision,
		.oem_id = { 'R', 'I', 'N', 'G', '1', ' ' },
		.oem_table_id = { 'L', 'A', 'U', 'N', 'C', 'H', 'E', 'R' },
		.oem_revision = 1,
		.creator_id = { 'R', 'N', 'G', '1' },
		.creator_revision = 1,
	};

	memcpy(h.signature, signature, sizeof(h.signature));
	return h;
}

/* A table starts at `start` and ends where the writer stands: returns its address. */
static uint64_t finish(struct writer *w, uint64_t start)
{
	struct header *h = (struct header *)(w->buf + start);

	h->length = w->used - start;
	h->checksum = checksum(h, h->length);
	return w->gpa + start;
}

static uint64_t put_dsdt(struct writer *w)
{
	struct header h = header("DSDT", DSDT_REVISION);
	uint64_t start = w->used;

	if (!put(w, &h, sizeof(h)) || !put(w, dsdt_body, sizeof(dsdt_body)))
		return 0;
	return finish(w, start);
}

static uint64_t put_facs(struct writer *w)
{
	struct facs facs = {
		.signature = { 'F', 'A', 'C', 'S' },
		.length = sizeof(facs),
		.version = FACS_VERSION,
	};
	uint64_t start;

	if (align(w, FACS_ALIGN))
		return 0;
	start = w->used;
	return put(w, &facs, sizeof(facs)) ? w->gpa + start : 0;
}

static struct address io_port(uint16_t port, uint8_t bytes, uint8_t access)
{
	return (struct address){
		.space = SPACE_IO, .bits = bytes * 8, .access = access, .address = port,
	};
}

static uint64_t put_fadt(struct writer *w, uint64_t facs, uint64_t dsdt)
{
	struct fadt fadt = {
		.header = header("FACP", FADT_REVISION),
		.facs = facs,
		.dsdt = dsdt,
		.sci_irq = IRQ_SCI,
		.pm1a_event = PORT_PM1_EVENT,
		.pm1a_control = PORT_PM1_CONTROL,
		.pm_timer = PORT_PM_TIMER,
		.pm1_event_length = PM1_EVENT_LENGTH,
		.pm1_control_length = PM1_CONTROL_LENGTH,
		.pm_timer_length = PM_TIMER_LENGTH,
		.c2_latency = NO_C2,
		.c3_latency = NO_C3,
		.boot_flags = BOOT_LEGACY_DEVICES | BOOT_NO_VGA | BOOT_NO_CMOS_RTC,
		.flags = FADT_WBINVD | FADT_C1_EVERYWHERE | FADT_NO_POWER_BUTTON |
			 FADT_NO_SLEEP_BUTTON | FADT_NO_RTC_WAKE | FADT_TIMER_32BIT | FADT_RESET,
		.reset = io_port(PORT_RESET, 1, ACCESS_BYTE),
		.reset_value = ACPI_RESET,
		.x_dsdt = dsdt,
		.x_pm1a_event = io_port(PORT_PM1_EVENT, PM1_EVENT_LENGTH, ACCESS_WORD),
		.x_pm1a_control = io_port(PORT_PM1_CONTROL, PM1_CONTROL_LENGTH, ACCESS_WORD),
		.x_pm_timer = io_port(PORT_PM_TIMER, PM_TIMER_LENGTH, ACCESS_DWORD),
	};
	uint64_t start = w->used;

	return put(w, &fadt, sizeof(fadt)) ? finish(w, start) : 0;
}

static int put_override(struct writer *w, uint8_t irq, uint32_t gsi, uint16_t flags)
{
	struct madt_override override = {
		.type = MADT_OVERRIDE, .length = sizeof(override),
		.irq = irq, .gsi = gsi, .flags = flags,
	};

	return put(w, &override, sizeof(override)) ? 0 : -1;
}

static int put_lapics(struct writer *w, unsigned int cpus)
{
	unsigned int i;

	for (i = 0; i < cpus; i++) {
		struct madt_lapic lapic = {
			.type = MADT_LAPIC, .length = sizeof(lapic),
			.cpu = i, .apic_id = i, .flags = LAPIC_ENABLED,
		};

		if (!put(w, &lapic, sizeof(lapic)))
			return -1;
	}
	return 0;
}

static uint64_t put_madt(struct writer *w, unsigned int cpus)
{
	struct madt madt = {
		.header = header("APIC", MADT_REVISION),
		.lapic_base = LAPIC_BASE,
		.flags = MADT_HAS_8259,
	};
	struct madt_ioapic ioapic = {
		.type = MADT_IOAPIC, .length = sizeof(ioapic), .base = IOAPIC_BASE,
	};
	struct madt_lapic_nmi nmi = {
		.type = MADT_LAPIC_NMI, .length = sizeof(nmi), .cpu = ALL_CPUS, .lint = LINT_NMI,
	};
	uint64_t start = w->used;

	if (!put(w, &madt, sizeof(madt)) || put_lapics(w, cpus) ||
	    !put(w, &ioapic, sizeof(ioapic)) ||
	    put_override(w, IRQ_TIMER, GSI_TIMER, INTI_BUS_DEFAULT) ||
	    put_override(w, IRQ_SCI, IRQ_SCI, INTI_LEVEL_HIGH) ||
	    !put(w, &nmi, sizeof(nmi)))
		return 0;
	return finish(w, start);
}

static uint64_t put_xsdt(struct writer *w, uint64_t fadt, uint64_t madt)
{
	struct header h = header("XSDT", XSDT_REVISION);
	uint64_t start = w->used;

	if (!put(w, &h, sizeof(h)) || !put(w, &fadt, sizeof(fadt)) ||
	    !put(w, &madt, sizeof(madt)))
		return 0;
	return finish(w, start);
}

uint64_t acpi_write(void *buf, uint64_t size, uint64_t gpa, unsigned int cpus)
{
	struct writer w = { .buf = buf, .size = size, .gpa = gpa };
	struct rsdp rsdp = {
		.signature = { 'R', 'S', 'D', ' ', 'P', 'T', 'R', ' ' },
		.oem_id = { 'R', 'I', 'N', 'G', '1', ' ' },
		.revision = RSDP_REVISION,
		.length = sizeof(rsdp),
	};
	uint64_t dsdt, facs, fadt, madt;

	/* Its place is first, its contents are known last. */
	if (!put(&w, &rsdp, sizeof(rsdp)))
		return 0;
	dsdt = put_dsdt(&w);
	facs = put_facs(&w);
	fadt = put_fadt(&w, facs, dsdt);
	madt = put_madt(&w, cpus);
	rsdp.xsdt = put_xsdt(&w, fadt, madt);
	if (!dsdt || !facs || !fadt || !madt || !rsdp.xsdt)
		return 0;

	rsdp.checksum = checksum(&rsdp, RSDP_V1_SIZE);
	rsdp.extended_checksum = checksum(&rsdp, sizeof(rsdp));
	memcpy(buf, &rsdp, sizeof(rsdp));
	return w.used;
}
