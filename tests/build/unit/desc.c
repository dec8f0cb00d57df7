// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    a guest gets into its GDT nothing but empty descriptors and 32-bit data
 *           segments of ring 3, and the monitor's check of a selector agrees with
 *           what the processor would do with it
 * How:      host/desc.c and host/segments.c over every combination of the bits that
 *           decide (type, S, DPL, P, AVL, L, D/B, G), with bases and limits from one end
 *           to the other
 * Catches:  a call gate, a conforming or 16-bit segment, a ring-1 segment let through
 */
#include "kernel.h"

#define GDT_ENTRY_KERNEL_CS		2
#define GDT_ENTRY_KERNEL_DS		3
#define GDT_ENTRY_DEFAULT_USER32_CS	4
#define GDT_ENTRY_DEFAULT_USER_DS	5
#define GDT_ENTRY_DEFAULT_USER_CS	6
#define GDT_ENTRY_TSS			8
#define GDT_ENTRY_TLS_MIN		12
#define GDT_ENTRY_CPUNODE		15
#define __KERNEL_CS			(GDT_ENTRY_KERNEL_CS * 8)
#define __KERNEL_DS			(GDT_ENTRY_KERNEL_DS * 8)
#define SEGMENT_TI_MASK			4

struct x86_hw_tss {
	u32 reserved1;
	u64 sp0, sp1, sp2, reserved2, ist[7];
	u32 reserved3, reserved4;
	u16 reserved5, io_bitmap_base;
} __packed;

static gate_desc fake_idt[256];

static inline void idt_init_desc(gate_desc *gate, const struct idt_data *d)
{
	unsigned long addr = (unsigned long)d->addr;

	*gate = (gate_desc){ .offset_low = addr, .offset_middle = addr >> 16,
			     .offset_high = addr >> 32, .segment = d->segment, .bits = d->bits };
}

static inline void store_idt(struct desc_ptr *ptr)
{
	*ptr = (struct desc_ptr){ sizeof(fake_idt) - 1, (unsigned long)fake_idt };
}

static inline void set_tssldt_descriptor(void *desc, unsigned long addr, unsigned int type,
					 unsigned int size)
{
	*(tss_desc *)desc = (tss_desc){ .limit0 = size, .base0 = addr, .type = type, .p = 1 };
}

static inline unsigned long get_desc_base(const struct desc_struct *d)
{
	return d->base0 | d->base1 << 16 | (unsigned long)d->base2 << 24;
}

static inline unsigned long get_desc_limit(const struct desc_struct *d)
{
	return d->limit0 | d->limit1 << 16;
}

#define is_long_mode(vcpu)		true
#define is_protmode(vcpu)		true
#define is_noncanonical_msr_address(address, vcpu) ((s64)(address) << 16 >> 16 != (s64)(address))
#define savesegment(seg, value)		((value) = fake_loaded.seg)
#define rdfsbase()			fake_loaded.fs_base

static struct {
	u16 ds, es, fs, gs;
	unsigned long fs_base;
} fake_loaded;

#include "../../../host/desc.c"
#include "../../../host/segments.c"

/* The access and flag bits, 40 to 47 and 52 to 55, from the low 12 bits of n. */
static u64 descriptor(unsigned int n)
{
	return (u64)(n & 0xff) << 40 | (u64)(n >> 8 & 0xf) << 52;
}

static const u64 places[] = {
	0,				/* base and limit 0 */
	0x000f00000000ffff,		/* limit at its end */
	0xff0000ffffff0000,		/* base at its end */
	0xff0f00ffffffffff,
};

static struct vcpu_ring1 v;
static char pages[RING1_NR_PAGES][PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

static void make_vcpu(void)
{
	unsigned int i;

	memset(&v, 0, sizeof(v));
	memset(pages, 0, sizeof(pages));
	for (i = RING1_PG_IDT; i < RING1_NR_PAGES; i++)
		v.region.page[i] = pages[i];
	v.region.base = RING1_SLOT_BASE + RING1_REGION_SIZE;
	v.conf = (void *)pages[RING1_PG_CONF];
	ring1_desc_init(&v);
}

TEST(only_empty_and_32_bit_user_data_are_allowed)
{
	unsigned int n, i, allowed = 0;

	for (n = 0; n < 1 << 12; n++) {
		const unsigned int type = n & 0xf, s = n >> 4 & 1, dpl = n >> 5 & 3,
				   p = n >> 7 & 1, l = n >> 9 & 1, db = n >> 10 & 1;

		for (i = 0; i < ARRAY_SIZE(places); i++) {
			u64 desc = descriptor(n) | places[i];
			bool want = !desc || (p && s && type < 8 && dpl == 3 && db && !l);

			ASSERT_EQ(want, ring1_desc_allowed(desc)) TH_LOG("descriptor %llx", desc);
			allowed += want;
		}
	}
	/* AVL, G and three bits of the type are free: 32 of them at each place. */
	EXPECT_EQ(1 + 32 * ARRAY_SIZE(places), allowed);
}

TEST(what_linux_uses_is_allowed)
{
	EXPECT_TRUE(ring1_desc_allowed(0x00cff3000000ffff));	/* TLS of glibc */
	EXPECT_TRUE(ring1_desc_allowed(0x0040f50000000000 | 3));/* the CPU's number */
	EXPECT_FALSE(ring1_desc_allowed(0x00affb000000ffff));	/* 64-bit user code */
	EXPECT_FALSE(ring1_desc_allowed(0x00cffb000000ffff));	/* 32-bit user code */
	EXPECT_FALSE(ring1_desc_allowed(0x0000ec0000080000));	/* a call gate, DPL 3 */
}

TEST(written_descriptors_are_accessed)
{
	make_vcpu();
	EXPECT_TRUE(ring1_desc_write(&v, RING1_GDT_TLS, 0x00cff2000000ffff));
	EXPECT_EQ(0x00cff3000000ffff, v.gdt[RING1_GDT_TLS]);
	EXPECT_FALSE(ring1_desc_write(&v, RING1_GDT_TLS, 0x00cff2000000ffff));
	EXPECT_TRUE(ring1_desc_write(&v, RING1_GDT_TLS, 0));
	EXPECT_EQ(0, v.gdt[RING1_GDT_TLS]);
}

/* The processor writes the accessed bit, to a page that the guest view maps read-only. */
TEST(every_own_descriptor_is_accessed_and_none_lets_ring_1_into_ring_0)
{
	unsigned int i;

	make_vcpu();
	for (i = 0; i < RING1_GDT_ENTRIES; i++) {
		struct desc_struct *d = (struct desc_struct *)&v.gdt[i];

		if (!d->p || i == RING1_GDT_TSS || i == RING1_GDT_TSS + 1)
			continue;
		EXPECT_TRUE(d->s == 1);
		EXPECT_TRUE(d->type & 1);
		EXPECT_FALSE(d->type & 4);	/* neither conforming nor expand-down */
	}
	EXPECT_TRUE(((struct desc_struct *)v.gdt)[RING1_GDT_CS].dpl == 1);
	EXPECT_TRUE(((struct desc_struct *)v.gdt)[RING1_GDT_CS].l == 1);
	EXPECT_TRUE(((struct desc_struct *)v.gdt)[RING1_GDT_SS].dpl == 1);
}

/* What the manual says of loading DS, ES, FS or GS at CPL 0, with RPL n. */
static bool processor_loads(u16 selector)
{
	const struct desc_struct *d = (struct desc_struct *)&v.gdt[selector >> 3];

	if (selector < 4)
		return true;
	if (selector & SEGMENT_TI_MASK || selector >> 3 >= RING1_GDT_ENTRIES)
		return false;
	if (!d->p || !d->s || ((d->type & 8) && !(d->type & 2)))
		return false;
	return d->dpl >= (selector & 3);
}

TEST(what_is_loadable_does_not_fault)
{
	static const u64 tls[] = { 0, 0x00cff3000000ffff, 0x00cff1000000ffff };
	unsigned int i, selector;

	for (i = 0; i < ARRAY_SIZE(tls); i++) {
		make_vcpu();
		ring1_desc_write(&v, RING1_GDT_TLS, tls[i]);
		for (selector = 0; selector <= 0xffff; selector++) {
			bool loadable = ring1_segments_loadable(&v, selector);

			if (loadable)
				ASSERT_TRUE(processor_loads(selector)) TH_LOG("%x", selector);
			/* All that ring 3 may load, and nothing of another ring's. */
			if (selector > 3 && loadable)
				ASSERT_TRUE(((struct desc_struct *)v.gdt)[selector / 8].dpl == 3);
		}
		EXPECT_TRUE(ring1_segments_loadable(&v, GDT_ENTRY_DEFAULT_USER_DS * 8 + 3));
		EXPECT_EQ(!!tls[i], ring1_segments_loadable(&v, RING1_GDT_TLS * 8 + 3));
		EXPECT_FALSE(ring1_segments_loadable(&v, RING1_SS));
	}
}

/* A trap guest's IRETQ and SYSRETL's target get #NP, and nothing else changes. */
TEST(closing_ring_3_takes_two_present_bits)
{
	u64 before[RING1_GDT_ENTRIES];
	unsigned int i;

	make_vcpu();
	memcpy(before, v.gdt, sizeof(before));
	ring1_desc_close_user(&v, true);
	EXPECT_TRUE(v.user_closed);
	for (i = 0; i < RING1_GDT_ENTRIES; i++) {
		bool code = i == GDT_ENTRY_DEFAULT_USER32_CS || i == GDT_ENTRY_DEFAULT_USER_CS;

		EXPECT_EQ(code ? 1ULL << 47 : 0, before[i] ^ v.gdt[i]);
	}
	/* Nor does the switcher load a selector of theirs then. */
	EXPECT_FALSE(ring1_segments_loadable(&v, GDT_ENTRY_DEFAULT_USER_CS * 8 + 3));
	ring1_desc_close_user(&v, false);
	EXPECT_FALSE(v.user_closed);
	EXPECT_EQ(0, memcmp(before, v.gdt, sizeof(before)));
	EXPECT_TRUE(ring1_segments_loadable(&v, GDT_ENTRY_DEFAULT_USER_CS * 8 + 3));
}

TEST(segments_are_described_as_they_are)
{
	struct kvm_segment var;

	make_vcpu();
	ring1_desc_write(&v, RING1_GDT_TLS, 0xa1cff3b2c3d4ffff);
	ring1_segments_fill(&v, RING1_GDT_TLS * 8 + 3, &var);
	EXPECT_EQ(0xa1b2c3d4, var.base);
	EXPECT_EQ(0xffffffff, var.limit);
	EXPECT_EQ(3, var.dpl);
	EXPECT_EQ(0, var.unusable);
	ring1_segments_fill(&v, 3, &var);
	EXPECT_EQ(1, var.unusable);
	ring1_segments_fill(&v, 0xfff8, &var);
	EXPECT_EQ(1, var.unusable);
}

/* INT n from ring 1 or 3 reaches these gates and no other. */
TEST(few_gates_are_open_to_int)
{
	const gate_desc *idt;
	unsigned int i, host;

	for (host = 0; host < 2; host++) {
		fake_idt[IA32_SYSCALL_VECTOR].bits = (struct idt_bits){ .p = host, .dpl = 3 };
		make_vcpu();
		idt = v.region.page[RING1_PG_IDT];
		for (i = 0; i < 256; i++) {
			EXPECT_TRUE(idt[i].bits.p == 1);
			EXPECT_TRUE(idt[i].bits.type == GATE_INTERRUPT);
			EXPECT_EQ(v.region.base + i * RING1_STUB_SIZE, gate_offset(&idt[i]));
			EXPECT_TRUE(idt[i].bits.dpl ==
				    (i == X86_TRAP_BP || i == X86_TRAP_OF ||
				     (host && i == IA32_SYSCALL_VECTOR) ? 3 : 0))
				TH_LOG("vector %u", i);
		}
	}
}

TEST_HARNESS_MAIN
