// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a vCPU's CPUID says: KVM's table of all the host can offer, with the
 * host's topology replaced by the guest's: one package of single-thread
 * cores, APIC ids counted from zero. The processor has the name of the host's, and its TSC is
 * one to tell the time by if the host does so.
 */
#include <cpuid.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <asm/kvm_para.h>

#include "launcher.h"
#include "machine/vm.h"

#define FIRST_TRY		64
#define MAX_ENTRIES		256	/* KVM_SET_CPUID2 takes no more */
#define ADDED_ENTRIES		3
#define OWN_LEAVES		(CPUID_BRAND_LEAVES + 1)

#define LEAF_EXTENDED		0x80000000	/* says which is the last leaf from here up */
#define LEAF_BRAND			0x80000002
#define LEAF_POWER			0x80000007

#define FEATURES_CX_TSC_DEADLINE	(1U << 24)
#define FEATURES_CX_HYPERVISOR		(1U << 31)
#define FEATURES_DX_HTT			(1U << 28)
#define POWER_DX_INVARIANT_TSC		(1U << 8)
#define AMD_FEATURES_CX_CMP_LEGACY	(1U << 1)

#define CACHE_TYPE(eax)		((eax) & 0x1f)
#define CACHE_LEVEL(eax)	((eax) >> 5 & 7)
#define CACHE_SHARED_BY_ALL	3	/* from this level up */

enum topology_level { LEVEL_INVALID, LEVEL_THREAD, LEVEL_CORE };

/*
 * KVM_FEATURE_* that make a kernel execute VMCALL or VMMCALL. In ring 1 they reach the
 * hypervisor above the host, if there is one; a PV guest uses its own hypercall in place
 * of them, a trap guest cannot.
 */
#define KVM_HYPERCALL_FEATURES	(1U << 7 | 1U << 11 | 1U << 13 | 1U << 16)

struct topology {
	bool trap;
	unsigned int id;
	unsigned int cpus;
	unsigned int shift;	/* of the package number in an APIC id */
	bool amd;		/* whose leaves from 0x80000000 up say more than Intel's */
};

static size_t table_bytes(unsigned int entries)
{
	return sizeof(struct kvm_cpuid2) + entries * sizeof(struct kvm_cpuid_entry2);
}

static struct kvm_cpuid_entry2 *find(struct kvm_cpuid2 *table, uint32_t function, uint32_t index)
{
	unsigned int i;

	for (i = 0; i < table->nent; i++) {
		if (table->entries[i].function == function && table->entries[i].index == index)
			return &table->entries[i];
	}
	return NULL;
}

static struct kvm_cpuid_entry2 *find_or_add(struct kvm_cpuid2 *table, uint32_t function)
{
	struct kvm_cpuid_entry2 *e = find(table, function, 0);

	if (!e) {
		e = &table->entries[table->nent++];
		*e = (struct kvm_cpuid_entry2){ .function = function };
	}
	return e;
}

/* Whether a guest looks at this leaf, which it does if there are extended ones at all. */
static bool extend(struct kvm_cpuid2 *table, uint32_t last)
{
	struct kvm_cpuid_entry2 *extended = find(table, LEAF_EXTENDED, 0);

	if (extended && extended->eax < last)
		extended->eax = last;
	return extended;
}

void cpuid_set_brand(struct kvm_cpuid2 *table, const struct cpuid_brand *brand)
{
	unsigned int i;

	if (!extend(table, LEAF_BRAND + CPUID_BRAND_LEAVES - 1))
		return;
	for (i = 0; i < CPUID_BRAND_LEAVES; i++) {
		struct kvm_cpuid_entry2 *e = find_or_add(table, LEAF_BRAND + i);

		e->eax = brand->leaf[i].eax;
		e->ebx = brand->leaf[i].ebx;
		e->ecx = brand->leaf[i].ecx;
		e->edx = brand->leaf[i].edx;
	}
}

void cpuid_set_invariant_tsc(struct kvm_cpuid2 *table)
{
	if (extend(table, LEAF_POWER))
		find_or_add(table, LEAF_POWER)->edx |= POWER_DX_INVARIANT_TSC;
}

/*
 * Whether the host tells the time by its TSC, which its kernel has found the same on all
 * processors, at one rate and never at rest: then it is such to guests, though the processor may
 * not say so. Their vDSO reads it with less work than kvm-clock, which is made of it.
 */
static bool host_trusts_tsc(void)
{
	char name[16] = "";
	FILE *f = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");

	if (!f)
		return false;
	if (!fgets(name, sizeof(name), f))
		name[0] = '\0';
	fclose(f);
	return !strcmp(name, "tsc\n");
}

/* The processor's name, which KVM leaves empty. Any of the host's processors has it. */
static void take_brand(struct kvm_cpuid2 *table)
{
	struct cpuid_brand brand;
	unsigned int i;

	for (i = 0; i < CPUID_BRAND_LEAVES; i++) {
		if (!__get_cpuid(LEAF_BRAND + i, &brand.leaf[i].eax, &brand.leaf[i].ebx,
				 &brand.leaf[i].ecx, &brand.leaf[i].edx))
			return;
	}
	cpuid_set_brand(table, &brand);
}

struct kvm_cpuid2 *cpuid_supported(int kvm_fd)
{
	unsigned int entries;

	for (entries = FIRST_TRY; entries <= MAX_ENTRIES; entries *= 2) {
		struct kvm_cpuid2 *table = calloc(1, table_bytes(entries + OWN_LEAVES));

		if (!table)
			break;
		table->nent = entries;
		if (!ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, table)) {
			take_brand(table);
			if (host_trusts_tsc())
				cpuid_set_invariant_tsc(table);
			return table;
		}
		free(table);
		if (errno != E2BIG)
			break;
	}
	fail("KVM does not say what its processors can do: %s", strerror(errno));
	return NULL;
}

/* Set bits [low, low + width) of a register to a value, or to all ones where it does not fit. */
static void set_field(uint32_t *reg, unsigned int low, unsigned int width, uint32_t val)
{
	uint32_t max = (1U << width) - 1;

	*reg = (*reg & ~(max << low)) | (val < max ? val : max) << low;
}

static void fix_features(struct kvm_cpuid_entry2 *e, const struct topology *t)
{
	set_field(&e->ebx, 16, 8, 1U << t->shift);
	set_field(&e->ebx, 24, 8, t->id);
	/* KVM leaves it to us to say these two; it has both with its own APIC. */
	e->ecx |= FEATURES_CX_TSC_DEADLINE | FEATURES_CX_HYPERVISOR;
	e->edx &= ~FEATURES_DX_HTT;
	if (t->cpus > 1)
		e->edx |= FEATURES_DX_HTT;
}

/* Intel's leaf 4 and AMD's 0x8000001d differ only in a field that AMD leaves unused. */
static void fix_cache(struct kvm_cpuid_entry2 *e, const struct topology *t, bool intel)
{
	uint32_t others = (1U << t->shift) - 1;

	if (!CACHE_TYPE(e->eax))
		return;
	set_field(&e->eax, 14, 12, CACHE_LEVEL(e->eax) < CACHE_SHARED_BY_ALL ? 0 : others);
	if (intel)
		set_field(&e->eax, 26, 6, others);
}

static void fix_extended_topology(struct kvm_cpuid_entry2 *e, const struct topology *t)
{
	e->eax = 0;
	e->ebx = 0;
	e->ecx = e->index & 0xff;
	e->edx = t->id;
	if (e->index == 0) {
		e->ebx = 1;
		e->ecx |= LEVEL_THREAD << 8;
	} else if (e->index == 1) {
		e->eax = t->shift;
		e->ebx = t->cpus;
		e->ecx |= LEVEL_CORE << 8;
	}
}

static void fix_amd_cores(struct kvm_cpuid_entry2 *e, const struct topology *t)
{
	set_field(&e->ecx, 0, 8, t->cpus - 1);
	set_field(&e->ecx, 12, 4, t->shift);
}

static void fix_amd_topology(struct kvm_cpuid_entry2 *e, const struct topology *t)
{
	e->eax = t->id;
	e->ebx = t->id & 0xff;
	e->ecx = 0;
	e->edx = 0;
}

static void fix_amd_entry(struct kvm_cpuid_entry2 *e, const struct topology *t)
{
	switch (e->function) {
	case 0x80000001:
		if (t->cpus > 1)
			e->ecx |= AMD_FEATURES_CX_CMP_LEGACY;
		break;
	case 0x80000008:
		fix_amd_cores(e, t);
		break;
	case 0x8000001d:
		fix_cache(e, t, false);
		break;
	case 0x8000001e:
		fix_amd_topology(e, t);
		break;
	}
}

static void fix_entry(struct kvm_cpuid_entry2 *e, const struct topology *t)
{
	switch (e->function) {
	case 0x1:
		fix_features(e, t);
		break;
	case 0x4:
		fix_cache(e, t, true);
		break;
	case 0xb:
		fix_extended_topology(e, t);
		break;
	case 0x1f:
	case 0x80000026:
		/* Would be believed before leaf 0xb; it has nothing to add. */
		e->eax = 0;
		e->ebx = 0;
		e->ecx = e->index & 0xff;
		e->edx = t->id;
		break;
	case KVM_CPUID_FEATURES:
		if (t->trap)
			e->eax &= ~KVM_HYPERCALL_FEATURES;
		break;
	default:
		if (t->amd)
			fix_amd_entry(e, t);
		break;
	}
}

/* Hygon's processors are AMD's by another name. */
static bool is_amd(struct kvm_cpuid2 *table)
{
	struct kvm_cpuid_entry2 *vendor = find(table, 0, 0);

	return vendor && (!memcmp(&vendor->ebx, "Auth", 4) || !memcmp(&vendor->ebx, "Hygo", 4));
}

/* KVM may list no more than the empty subleaf 0. The room is there: see cpuid_for_vcpu(). */
static void complete_topology(struct kvm_cpuid2 *table)
{
	struct kvm_cpuid_entry2 *basic = find(table, 0, 0);
	uint32_t index;

	if (!basic || basic->eax < 0xb)
		return;
	for (index = 0; index < ADDED_ENTRIES; index++) {
		if (!find(table, 0xb, index))
			table->entries[table->nent++] = (struct kvm_cpuid_entry2){
				.function = 0xb,
				.index = index,
				.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
			};
	}
}

struct kvm_cpuid2 *cpuid_for_vcpu(const struct kvm_cpuid2 *supported, unsigned int id,
				  unsigned int cpus, bool trap)
{
	struct topology topology = { .id = id, .cpus = cpus, .trap = trap };
	struct kvm_cpuid2 *table = calloc(1, table_bytes(supported->nent + ADDED_ENTRIES));
	unsigned int i;

	if (!table)
		return NULL;
	while (1U << topology.shift < cpus)
		topology.shift++;
	memcpy(table, supported, table_bytes(supported->nent));
	complete_topology(table);
	topology.amd = is_amd(table);
	for (i = 0; i < table->nent; i++)
		fix_entry(&table->entries[i], &topology);
	return table;
}
