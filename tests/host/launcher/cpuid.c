// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    each vCPU's CPUID names its own APIC id and one package of
 *           single-thread cores, on Intel's and on AMD's leaves, and a trap guest no
 *           hypercalls of KVM's; the processor's name comes with its leaves
 * How:      adapts a table as a large host's KVM could give it
 * Needs:    nothing
 * Catches:  the host's topology shown to the guest; a trap guest told to use VMCALL; a
 *           name in leaves that the guest does not look at
 */
#include "machine/vm.h"
#include "kselftest_harness.h"

#define LEAVES	9

/* The host: 64 APIC ids in a package, caches shared by 2 and by 32 threads. */
static const struct kvm_cpuid_entry2 host[LEAVES] = {
	{ .function = 0x0, .eax = 0x1f, .ebx = 0x68747541 /* AuthenticAMD */ },
	{ .function = 0x1, .ebx = 0x2a400800, .edx = 1 << 28 },
	{ .function = 0x4, .index = 0, .eax = 31 << 26 | 1 << 14 | 1 << 5 | 1 },
	{ .function = 0x4, .index = 1, .eax = 31 << 26 | 31 << 14 | 3 << 5 | 3 },
	{ .function = 0xb, .index = 0, .eax = 1, .ebx = 2, .ecx = 0x100, .edx = 42 },
	{ .function = 0x1f, .index = 0, .eax = 1, .ebx = 2, .ecx = 0x100, .edx = 42 },
	{ .function = 0x40000001, .eax = 0x01012a9b },
	{ .function = 0x80000008, .eax = 48, .ecx = 0x603f },
	{ .function = 0x8000001e, .eax = 42, .ebx = 0x115, .ecx = 3 },
};

FIXTURE(cpuid)
{
	struct kvm_cpuid2 *table;
	struct kvm_cpuid2 *intel;
};

FIXTURE_VARIANT(cpuid)
{
	unsigned int id;
	unsigned int cpus;
	unsigned int shift;
	bool trap;
};

FIXTURE_VARIANT_ADD(cpuid, only) {
	.id = 0, .cpus = 1, .shift = 0,
};

FIXTURE_VARIANT_ADD(cpuid, last_of_three) {
	.id = 2, .cpus = 3, .shift = 2,
};

FIXTURE_VARIANT_ADD(cpuid, last_of_many) {
	.id = 254, .cpus = 255, .shift = 8,
};

FIXTURE_VARIANT_ADD(cpuid, trap_guest) {
	.id = 1, .cpus = 2, .shift = 1, .trap = true,
};

FIXTURE_SETUP(cpuid)
{
	struct kvm_cpuid2 *supported = calloc(1, sizeof(*supported) + sizeof(host));

	ASSERT_NE(NULL, supported);
	supported->nent = LEAVES;
	memcpy(supported->entries, host, sizeof(host));
	self->table = cpuid_for_vcpu(supported, variant->id, variant->cpus, variant->trap);
	ASSERT_NE(NULL, self->table);
	memcpy(&supported->entries[0].ebx, "Genu", 4);
	self->intel = cpuid_for_vcpu(supported, variant->id, variant->cpus, variant->trap);
	ASSERT_NE(NULL, self->intel);
	free(supported);
}

FIXTURE_TEARDOWN(cpuid)
{
	free(self->table);
	free(self->intel);
}

static const struct kvm_cpuid_entry2 nothing;

static const struct kvm_cpuid_entry2 *leaf(const struct kvm_cpuid2 *table, uint32_t function,
					   uint32_t index)
{
	unsigned int i;

	for (i = 0; i < table->nent; i++) {
		if (table->entries[i].function == function && table->entries[i].index == index)
			return &table->entries[i];
	}
	return &nothing;
}

TEST_F(cpuid, features_name_the_guest)
{
	const struct kvm_cpuid_entry2 *e = leaf(self->table, 0x1, 0);

	EXPECT_EQ(variant->id, e->ebx >> 24);
	EXPECT_EQ(variant->cpus > 1, e->edx >> 28 & 1);
	EXPECT_EQ(8, e->ebx >> 8 & 0xff);
	/* Hypervisor and TSC deadline timer. */
	EXPECT_EQ(0x81000000, e->ecx & 0x81000000);
}

/* PV unhalt, PV send IPI, PV sched yield: of KVM's features, what needs VMCALL. */
TEST_F(cpuid, no_feature_of_a_trap_guest_needs_a_hypercall)
{
	EXPECT_EQ(variant->trap ? 0x0100021b : 0x01012a9b, leaf(self->table, 0x40000001, 0)->eax);
}

TEST_F(cpuid, extended_topology_has_two_levels)
{
	const struct kvm_cpuid_entry2 *thread = leaf(self->table, 0xb, 0);
	const struct kvm_cpuid_entry2 *core = leaf(self->table, 0xb, 1);

	EXPECT_EQ(0, thread->eax);
	EXPECT_EQ(1, thread->ebx);
	EXPECT_EQ(0x100, thread->ecx);
	EXPECT_EQ(variant->id, thread->edx);
	EXPECT_EQ(variant->shift, core->eax);
	EXPECT_EQ(variant->cpus, core->ebx);
	EXPECT_EQ(0x201, core->ecx);
	EXPECT_EQ(variant->id, core->edx);
	EXPECT_EQ(0, leaf(self->table, 0xb, 2)->ebx);
	EXPECT_EQ(0, leaf(self->table, 0x1f, 0)->ebx);
}

TEST_F(cpuid, private_caches_are_private)
{
	EXPECT_EQ(0, leaf(self->table, 0x4, 0)->eax >> 14 & 0xfff);
	EXPECT_EQ((1U << variant->shift) - 1, leaf(self->table, 0x4, 1)->eax >> 14 & 0xfff);
}

TEST_F(cpuid, amd_leaves_agree)
{
	EXPECT_EQ(variant->cpus - 1, leaf(self->table, 0x80000008, 0)->ecx & 0xff);
	EXPECT_EQ(variant->shift, leaf(self->table, 0x80000008, 0)->ecx >> 12 & 15);
	EXPECT_EQ(48, leaf(self->table, 0x80000008, 0)->eax);
	EXPECT_EQ(variant->id, leaf(self->table, 0x8000001e, 0)->eax);
	EXPECT_EQ(variant->id, leaf(self->table, 0x8000001e, 0)->ebx);
	EXPECT_EQ(0, leaf(self->table, 0x8000001e, 0)->ecx);
}

TEST_F(cpuid, leaves_that_only_amd_has_stay_on_intel)
{
	EXPECT_EQ(0x603f, leaf(self->intel, 0x80000008, 0)->ecx);
	EXPECT_EQ(42, leaf(self->intel, 0x8000001e, 0)->eax);
	EXPECT_EQ(variant->id, leaf(self->intel, 0xb, 0)->edx);
}

/* As KVM gives them: empty; or not at all, where the host has no more leaves. */
static struct kvm_cpuid2 *table_with(const struct kvm_cpuid_entry2 *entries, unsigned int n)
{
	struct kvm_cpuid2 *table = calloc(1, sizeof(*table) +
					  (n + CPUID_BRAND_LEAVES) * sizeof(*entries));

	if (table) {
		table->nent = n;
		memcpy(table->entries, entries, n * sizeof(*entries));
	}
	return table;
}

static const struct cpuid_brand brand = {
	{ { 1, 2, 3, 4 }, { 5, 6, 7, 8 }, { 9, 10, 11, 12 } },
};

static bool has_brand(const struct kvm_cpuid2 *table)
{
	unsigned int i;

	for (i = 0; i < CPUID_BRAND_LEAVES; i++) {
		const struct kvm_cpuid_entry2 *e = leaf(table, 0x80000002 + i, 0);

		if (e->eax != 4 * i + 1 || e->ebx != 4 * i + 2 || e->ecx != 4 * i + 3 ||
		    e->edx != 4 * i + 4)
			return false;
	}
	return true;
}

TEST(brand_fills_the_empty_leaves)
{
	const struct kvm_cpuid_entry2 entries[] = {
		{ .function = 0x80000000, .eax = 0x80000008 },
		{ .function = 0x80000002 },
		{ .function = 0x80000003 },
		{ .function = 0x80000004 },
		{ .function = 0x80000008, .eax = 48 },
	};
	struct kvm_cpuid2 *table = table_with(entries, 5);

	ASSERT_NE(NULL, table);
	cpuid_set_brand(table, &brand);
	EXPECT_TRUE(has_brand(table));
	EXPECT_EQ(5, table->nent);
	EXPECT_EQ(0x80000008, leaf(table, 0x80000000, 0)->eax);
	EXPECT_EQ(48, leaf(table, 0x80000008, 0)->eax);
	free(table);
}

TEST(brand_comes_with_its_leaves)
{
	const struct kvm_cpuid_entry2 entries[] = {
		{ .function = 0x80000000, .eax = 0x80000001 },
		{ .function = 0x80000001, .eax = 1 },
	};
	struct kvm_cpuid2 *table = table_with(entries, 2);

	ASSERT_NE(NULL, table);
	cpuid_set_brand(table, &brand);
	EXPECT_TRUE(has_brand(table));
	EXPECT_EQ(5, table->nent);
	EXPECT_EQ(0x80000004, leaf(table, 0x80000000, 0)->eax);
	EXPECT_EQ(1, leaf(table, 0x80000001, 0)->eax);
	free(table);
}

TEST(without_extended_leaves_there_is_no_brand)
{
	struct kvm_cpuid2 *table = table_with(host, 1);

	ASSERT_NE(NULL, table);
	cpuid_set_brand(table, &brand);
	cpuid_set_invariant_tsc(table);
	EXPECT_EQ(1, table->nent);
	free(table);
}

TEST(invariant_tsc_is_one_bit_of_its_leaf)
{
	const struct kvm_cpuid_entry2 entries[] = {
		{ .function = 0x80000000, .eax = 0x80000001 },
		{ .function = 0x80000007, .edx = 1 },
	};
	struct kvm_cpuid2 *table = table_with(entries, 2);

	ASSERT_NE(NULL, table);
	cpuid_set_invariant_tsc(table);
	EXPECT_EQ(2, table->nent);
	EXPECT_EQ(0x80000007, leaf(table, 0x80000000, 0)->eax);
	EXPECT_EQ(0x101, leaf(table, 0x80000007, 0)->edx);
	free(table);

	table = table_with(entries, 1);
	ASSERT_NE(NULL, table);
	cpuid_set_invariant_tsc(table);
	EXPECT_EQ(2, table->nent);
	EXPECT_EQ(0x100, leaf(table, 0x80000007, 0)->edx);
	free(table);
}

TEST_HARNESS_MAIN
