// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    the ACPI tables are found from the RSDP, have valid checksums and
 *           say what the launcher emulates, for 1 and for 255 processors
 * How:      writes them into a buffer and walks them as an operating system does
 * Needs:    nothing
 * Catches:  a wrong length, pointer or checksum, which Linux would ignore or trust
 */
#include "boot/acpi.h"
#include "boot/acpi-tables.h"
#include "machine/layout.h"
#include "kselftest_harness.h"

#define BASE	0xe0000

FIXTURE(acpi)
{
	uint8_t buf[ACPI_TABLES_SIZE];
	uint64_t size;
};

FIXTURE_VARIANT(acpi)
{
	unsigned int cpus;
};

FIXTURE_VARIANT_ADD(acpi, one_processor) {
	.cpus = 1,
};

FIXTURE_VARIANT_ADD(acpi, all_processors) {
	.cpus = 255,
};

FIXTURE_SETUP(acpi)
{
	self->size = acpi_write(self->buf, sizeof(self->buf), BASE, variant->cpus);
	ASSERT_NE(0, self->size);
}

FIXTURE_TEARDOWN(acpi)
{
}

static uint8_t sum(const void *bytes, size_t len)
{
	const uint8_t *byte = bytes;
	uint8_t total = 0;

	while (len--)
		total += *byte++;
	return total;
}

/* A table at a guest address, if it has this signature and is all right. */
#define TABLE(gpa, name) ({						\
	uint64_t _at = (gpa) - BASE;					\
	struct header *_h = (void *)(self->buf + _at);			\
									\
	ASSERT_LT(_at, self->size);					\
	EXPECT_EQ(0, memcmp(_h->signature, name, 4));			\
	ASSERT_LE(_at + _h->length, self->size);			\
	EXPECT_EQ(0, sum(_h, _h->length));				\
	(void *)_h;							\
})

#define XSDT() TABLE(((struct rsdp *)self->buf)->xsdt, "XSDT")

/* The addresses follow the header, at no alignment. */
static uint64_t entry(const struct header *xsdt, unsigned int n)
{
	uint64_t gpa;

	memcpy(&gpa, (const uint8_t *)(xsdt + 1) + n * sizeof(gpa), sizeof(gpa));
	return gpa;
}

TEST_F(acpi, rsdp_is_valid_in_both_versions)
{
	struct rsdp *rsdp = (void *)self->buf;

	EXPECT_EQ(0, memcmp(rsdp->signature, "RSD PTR ", 8));
	EXPECT_EQ(0, sum(rsdp, 20));
	EXPECT_EQ(0, sum(rsdp, 36));
	EXPECT_EQ(36, rsdp->length);
	EXPECT_EQ(2, rsdp->revision);
}

TEST_F(acpi, xsdt_names_fadt_and_madt)
{
	struct header *xsdt = XSDT();

	ASSERT_EQ(sizeof(*xsdt) + 16, xsdt->length);
	TABLE(entry(xsdt, 0), "FACP");
	TABLE(entry(xsdt, 1), "APIC");
}

TEST_F(acpi, fadt_describes_the_emulated_ports)
{
	struct fadt *fadt = TABLE(entry(XSDT(), 0), "FACP");

	EXPECT_EQ(244, fadt->header.length);
	EXPECT_EQ(PORT_PM1_EVENT, fadt->pm1a_event);
	EXPECT_EQ(PORT_PM1_EVENT, fadt->x_pm1a_event.address);
	EXPECT_EQ(PORT_PM1_CONTROL, fadt->x_pm1a_control.address);
	EXPECT_EQ(PORT_PM_TIMER, fadt->x_pm_timer.address);
	EXPECT_EQ(PORT_RESET, fadt->reset.address);
	EXPECT_EQ(0, fadt->smi_command);
	EXPECT_NE(0, fadt->flags & FADT_RESET);
}

TEST_F(acpi, facs_is_aligned)
{
	struct fadt *fadt = TABLE(entry(XSDT(), 0), "FACP");

	EXPECT_EQ(0, fadt->facs % 64);
	EXPECT_EQ(0, memcmp(self->buf + fadt->facs - BASE, "FACS", 4));
}

TEST_F(acpi, dsdt_is_a_package_for_s5)
{
	static const uint8_t s5[] = {
		0x08, '_', 'S', '5', '_', 0x12, 8, 4, 0x0a, 5, 0x0a, 5, 0, 0,
	};
	struct fadt *fadt = TABLE(entry(XSDT(), 0), "FACP");
	struct header *dsdt = TABLE(fadt->x_dsdt, "DSDT");

	EXPECT_EQ(fadt->dsdt, fadt->x_dsdt);
	ASSERT_EQ(sizeof(*dsdt) + sizeof(s5), dsdt->length);
	EXPECT_EQ(0, memcmp(dsdt + 1, s5, sizeof(s5)));
}

TEST_F(acpi, madt_lists_each_processor_once)
{
	struct madt *madt = TABLE(entry(XSDT(), 1), "APIC");
	uint8_t *e = (void *)(madt + 1), *end = (uint8_t *)madt + madt->header.length;
	unsigned int cpus = 0, ioapics = 0, overrides = 0;

	for (; e < end; e += e[1]) {
		ASSERT_NE(0, e[1]);
		if (e[0] == MADT_LAPIC) {
			EXPECT_EQ(cpus, ((struct madt_lapic *)e)->apic_id);
			cpus++;
		}
		ioapics += e[0] == MADT_IOAPIC;
		overrides += e[0] == MADT_OVERRIDE;
	}
	EXPECT_EQ(end, e);
	EXPECT_EQ(variant->cpus, cpus);
	EXPECT_EQ(1, ioapics);
	EXPECT_EQ(2, overrides);
}

TEST_F(acpi, too_small_a_buffer_is_noticed)
{
	uint64_t size;

	for (size = 0; size < self->size; size++)
		ASSERT_EQ(0, acpi_write(self->buf, size, BASE, variant->cpus));
	EXPECT_EQ(self->size, acpi_write(self->buf, size, BASE, variant->cpus));
}

TEST_HARNESS_MAIN
