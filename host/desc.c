// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest world's GDT, TSS and IDT, and the check of every descriptor a guest
 * wants in its GDT. Selectors, and whether they may be loaded, are segments.c's.
 *
 * Every descriptor has its accessed bit set: the guest view maps the page
 * read-only, and the processor would fault on setting it.
 */
#include <linux/bitfield.h>
#include <asm/desc.h>
#include "ring1.h"

#define DESC_ACCESSED	BIT_ULL(40)
#define DESC_WRITABLE	BIT_ULL(41)
#define DESC_CODE	BIT_ULL(43)
#define DESC_S		BIT_ULL(44)
#define DESC_DPL	GENMASK_ULL(46, 45)
#define DESC_PRESENT	BIT_ULL(47)
#define DESC_L		BIT_ULL(53)
#define DESC_DB		BIT_ULL(54)
#define DESC_G		BIT_ULL(55)

#define DESC_FLAT	(GENMASK_ULL(15, 0) | GENMASK_ULL(51, 48) | DESC_G)
#define DESC_DPL_OF(n)	FIELD_PREP(DESC_DPL, n)
#define DESC_MEMORY	(DESC_FLAT | DESC_PRESENT | DESC_S | DESC_WRITABLE | DESC_ACCESSED)

static void set_gate(gate_desc *idt, unsigned long text, int vector, int ist, int dpl)
{
	struct idt_data data = {
		.vector		= vector,
		.segment	= __KERNEL_CS,
		.bits		= { .ist = ist, .type = GATE_INTERRUPT, .dpl = dpl, .p = 1 },
		.addr		= (void *)(text + vector * RING1_STUB_SIZE),
	};

	idt_init_desc(idt + vector, &data);
}

/*
 * The guest's INT 0x80 may come in if the host uses the vector for the same. A host
 * with ia32_emulation=0 may have given it to a device.
 */
static bool host_has_int80(void)
{
	struct desc_ptr host;
	gate_desc *gate;

	store_idt(&host);
	gate = (gate_desc *)host.address + IA32_SYSCALL_VECTOR;
	return gate->bits.p && gate->bits.dpl == 3;
}

static void init_idt(struct vcpu_ring1 *v)
{
	gate_desc *idt = v->region.page[RING1_PG_IDT];
	int i;

	for (i = 0; i < 256; i++)
		set_gate(idt, v->region.base, i, 0, 0);
	set_gate(idt, v->region.base, X86_TRAP_DF, RING1_IST_DF, 0);
	set_gate(idt, v->region.base, X86_TRAP_NMI, RING1_IST_NMI, 0);
	set_gate(idt, v->region.base, X86_TRAP_DB, RING1_IST_DB, 0);
	set_gate(idt, v->region.base, X86_TRAP_MC, RING1_IST_MC, 0);
	set_gate(idt, v->region.base, X86_TRAP_BP, 0, 3);
	set_gate(idt, v->region.base, X86_TRAP_OF, 0, 3);
	v->conf->int80 = host_has_int80();
	set_gate(idt, v->region.base, IA32_SYSCALL_VECTOR, 0, v->conf->int80 ? 3 : 0);
}

static void init_tss(struct vcpu_ring1 *v)
{
	struct x86_hw_tss *tss = v->region.page[RING1_PG_DESC] + RING1_DESC_TSS;
	unsigned long desc = v->region.base + RING1_PG_DESC * PAGE_SIZE;
	unsigned long ist = v->region.base + RING1_PG_IST * PAGE_SIZE;
	tss_desc td;
	int i;

	tss->sp0 = v->region.base + (RING1_PG_STACK + 1) * PAGE_SIZE;
	for (i = RING1_IST_DF; i <= RING1_IST_MC; i++)
		tss->ist[i - 1] = ist + i * RING1_IST_SIZE;
	/* A bitmap behind the limit: no port is open to ring 1 or 3. */
	tss->io_bitmap_base = sizeof(*tss);
	set_tssldt_descriptor(&td, desc + RING1_DESC_TSS, DESC_TSS, sizeof(*tss) - 1);
	memcpy(&v->gdt[RING1_GDT_TSS], &td, sizeof(td));
}

void ring1_desc_init(struct vcpu_ring1 *v)
{
	BUILD_BUG_ON(RING1_GDT_ENTRIES * 8 > RING1_DESC_TSS);
	BUILD_BUG_ON(RING1_IST_MC * RING1_IST_SIZE > PAGE_SIZE);
	BUILD_BUG_ON(GDT_ENTRY_TSS != RING1_GDT_TSS || GDT_ENTRY_TLS_MIN != RING1_GDT_TLS ||
		     GDT_ENTRY_CPUNODE != RING1_GDT_CPUNODE);

	v->gdt = v->region.page[RING1_PG_DESC] + RING1_DESC_GDT;
	v->gdt[GDT_ENTRY_KERNEL_CS] = DESC_MEMORY | DESC_CODE | DESC_L;
	v->gdt[GDT_ENTRY_KERNEL_DS] = DESC_MEMORY | DESC_DB;
	v->gdt[GDT_ENTRY_DEFAULT_USER32_CS] = DESC_MEMORY | DESC_CODE | DESC_DB | DESC_DPL_OF(3);
	v->gdt[GDT_ENTRY_DEFAULT_USER_DS] = DESC_MEMORY | DESC_DB | DESC_DPL_OF(3);
	v->gdt[GDT_ENTRY_DEFAULT_USER_CS] = DESC_MEMORY | DESC_CODE | DESC_L | DESC_DPL_OF(3);
	v->gdt[RING1_GDT_CS] = DESC_MEMORY | DESC_CODE | DESC_L | DESC_DPL_OF(1);
	v->gdt[RING1_GDT_SS] = DESC_MEMORY | DESC_DB | DESC_DPL_OF(1);
	init_tss(v);
	init_idt(v);
	v->conf->gdt.limit = RING1_GDT_ENTRIES * 8 - 1;
	v->conf->gdt.base = v->region.base + RING1_PG_DESC * PAGE_SIZE + RING1_DESC_GDT;
	v->conf->idt.limit = 256 * sizeof(gate_desc) - 1;
	v->conf->idt.base = v->region.base + RING1_PG_IDT * PAGE_SIZE;
	v->conf->tr = RING1_GDT_TSS * 8;
}

/**
 * ring1_desc_allowed - may a guest have this descriptor in its GDT?
 * @desc:	raw descriptor
 *
 * Allow an empty one, and 32-bit data segments of ring 3: no code, so that CS is
 * always one of ours; no gate or other system segment; nothing a ring below 3
 * could load; no 16-bit stack, whose IRETQ leaks bits of a ring-0 RSP.
 */
__fast bool ring1_desc_allowed(u64 desc)
{
	const u64 fixed = DESC_S | DESC_CODE | DESC_DPL | DESC_DB | DESC_L;

	if (!(desc & DESC_PRESENT))
		return !desc;
	return (desc & fixed) == (DESC_S | DESC_DB | DESC_DPL_OF(3));
}

/* Returns whether the entry held another descriptor. */
__fast bool ring1_desc_write(struct vcpu_ring1 *v, unsigned int index, u64 desc)
{
	u64 old = v->gdt[index];

	if (desc)
		desc |= DESC_ACCESSED;
	v->gdt[index] = desc;
	return old != desc;
}

/**
 * ring1_desc_close_user - make IRETQ to ring 3 fault, or work again
 * @v:		trap vCPU about to enter
 * @closed:	whether it shall fault, with #NP
 */
__fast void ring1_desc_close_user(struct vcpu_ring1 *v, bool closed)
{
	static const unsigned int index[] = {
		GDT_ENTRY_DEFAULT_USER32_CS, GDT_ENTRY_DEFAULT_USER_CS,
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(index); i++) {
		if (closed)
			v->gdt[index[i]] &= ~DESC_PRESENT;
		else
			v->gdt[index[i]] |= DESC_PRESENT;
	}
	v->user_closed = closed;
}
