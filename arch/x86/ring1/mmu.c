// SPDX-License-Identifier: GPL-2.0-only
/*
 * Address spaces, translations, and whose a page fault is. Writing page tables is pt.c's.
 */
#include <linux/context_tracking.h>
#include <linux/init.h>
#include <linux/jump_label.h>
#include <linux/mm.h>
#include <asm/paravirt.h>
#include <asm/tlbflush.h>
#include <asm/trap_pf.h>
#include "private.h"

#define LEVEL_BITS	9	/* of the address, for each of four levels */

static DEFINE_PER_CPU(unsigned long, ring1_cr3);

static unsigned long ring1_read_cr3(void)
{
	return this_cpu_read(ring1_cr3);
}

static void ring1_write_cr3(unsigned long cr3)
{
	this_cpu_write(ring1_cr3, cr3);
	ring1_hc_write_cr3(cr3);
}

static noinstr void ring1_write_cr2(unsigned long cr2)
{
	this_cpu_write(ring1_vcpu.frame[RING1_EVENT_NORMAL].payload, cr2);
}

static void ring1_flush_tlb(void)
{
	ring1_pt_announce();
	ring1_hc_flush_tlb();
}

static void ring1_flush_tlb_one_user(unsigned long addr)
{
	ring1_pt_announce();
	ring1_hc_invlpg(addr);
}

/*
 * Page faults of ring 3 come here unseen by the monitor, and may be of its making: its
 * tables lack what the guest's have. In the upper half there is nothing for ring 3, and
 * other bits of the error code are set by the guest's entry alone.
 */
static __always_inline bool plain(unsigned long address, u32 error)
{
	const u32 any = X86_PF_PROT | X86_PF_WRITE | X86_PF_USER | X86_PF_INSTR;

	return (long)address >= 0 && !(error & ~any);
}

static __always_inline bool may_be_monitors(unsigned long address, u32 error)
{
	return (ring1_features & RING1_FEATURE_BOUNCE_PF) && (error & X86_PF_USER) &&
	       plain(address, error);
}

/*
 * Whether the guest's entry allows the user's access, as the processor would decide. The
 * bit "present" of @error is the guest's afterwards, which Linux goes by. vif is 0 and RCU
 * watches, hence no table is freed meanwhile, as for gup_fast().
 */
static __always_inline bool walk(unsigned long address, u32 *error)
{
	unsigned long every = ~0UL, some = 0, value, table = this_cpu_read(ring1_cr3);
	unsigned long *entry, seen;
	int shift;

	*error &= ~X86_PF_PROT;
	table &= CR3_ADDR_MASK;
	for (shift = P4D_SHIFT; ; shift -= LEVEL_BITS) {
		entry = (unsigned long *)__va(table) + (address >> shift) % PTRS_PER_PTE;
		value = READ_ONCE(*entry);
		if (!(value & _PAGE_PRESENT))
			return false;
		every &= value;
		some |= value;
		if (shift == PAGE_SHIFT || (shift < P4D_SHIFT && (value & _PAGE_PSE)))
			break;
		table = value & PTE_PFN_MASK;
	}
	*error |= X86_PF_PROT;
	if (!(every & _PAGE_USER) || ((*error & X86_PF_WRITE) && !(every & _PAGE_RW)) ||
	    ((*error & X86_PF_INSTR) && (some & _PAGE_NX)))
		return false;

	/* As the processor does. If the entry is another by now, the monitor finds out. */
	seen = value | _PAGE_ACCESSED | (*error & X86_PF_WRITE ? _PAGE_DIRTY : 0);
	if (static_branch_likely(&ring1_own_mmu) && seen != value)
		arch_cmpxchg(entry, value, seen);
	return true;
}

/* On a nohz_full CPU, RCU does not watch before and after exc_page_fault(). */
static __always_inline bool entry_allows(unsigned long address, u32 *error)
{
	bool tracking = context_tracking_enabled_this_cpu(), allows;

	if (tracking)
		ct_nmi_enter();
	allows = walk(address, error);
	if (tracking)
		ct_nmi_exit();
	return allows;
}

/* False if the guest's entry does not allow it any more. KVM's MMU looks at the next try. */
static __always_inline bool monitor_allows(unsigned long address, u32 error)
{
	error &= X86_PF_WRITE | X86_PF_USER | X86_PF_INSTR;
	if (static_branch_likely(&ring1_own_mmu))
		return !ring1_hc_mmu_sync(0, address, RING1_ACCESS_VALID | error);
	this_cpu_write(ring1_vcpu.pf_exit, 1);
	return true;
}

/**
 * ring1_fault_is_monitors - before the kernel's handler
 * @address:	that faulted
 * @error:	code, from the monitor's tables; from the guest's afterwards
 *
 * Return: true if there is nothing for the handler to do. The user tries again.
 */
noinstr bool ring1_fault_is_monitors(unsigned long address, u32 *error)
{
	if (!may_be_monitors(address, *error) || !entry_allows(address, error))
		return false;
	if (monitor_allows(address, *error))
		return true;
	*error &= ~X86_PF_PROT;
	return false;
}

/**
 * ring1_fault_handled - after the kernel's handler
 * @address:	that faulted
 * @error:	code
 *
 * Spares the user a fault that would only find that the guest has the entry by now, and
 * the kernel's copies from and to the user with the monitor's own MMU. The task may have
 * slept, and moved: CR3 and page are those of the CPU it is on now.
 */
noinstr void ring1_fault_handled(unsigned long address, u32 error)
{
	if (static_branch_likely(&ring1_own_mmu)) {
		if (!plain(address, error))
			return;
		error |= X86_PF_USER;
	} else if (!may_be_monitors(address, error)) {
		return;
	}
	if (entry_allows(address, &error))
		monitor_allows(address, error);
}

/* The last CR3 was loaded by trapping code; the per-CPU area has none yet. */
void ring1_mmu_init_cpu(void)
{
	if (!this_cpu_read(ring1_cr3))
		this_cpu_write(ring1_cr3, __native_read_cr3());
}

void __init ring1_mmu_init(void)
{
	pv_ops.mmu.flush_tlb_user = ring1_flush_tlb;
	pv_ops.mmu.flush_tlb_kernel = ring1_flush_tlb;
	pv_ops.mmu.flush_tlb_one_user = ring1_flush_tlb_one_user;
	pv_ops.mmu.write_cr2 = ring1_write_cr2;
	pv_ops.mmu.read_cr3 = ring1_read_cr3;
	pv_ops.mmu.write_cr3 = ring1_write_cr3;
	ring1_pt_init();
}
