// SPDX-License-Identifier: GPL-2.0-only
/*
 * Address spaces and translations: pv_ops.mmu. The monitor shadows the page tables
 * and sees writes to them by itself, so far; all of them go through the hooks
 * nevertheless, but those to a table no processor has been given yet: the
 * kernel's half of a new PGD in pgd_ctor(), the trampoline's PGD, init_top_pgt[511].
 */
#include <linux/context_tracking.h>
#include <linux/export.h>
#include <linux/init.h>
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
	ring1_hc_flush_tlb();
}

static void ring1_flush_tlb_one_user(unsigned long addr)
{
	ring1_hc_invlpg(addr);
}

/*
 * Every write to a page table ends in one of these. As long as the monitor shadows
 * the tables it also sets accessed and dirty bits in them, on behalf of other CPUs,
 * so what depends on the old value has to be atomic.
 */
static __always_inline void write_entry(void *entry, unsigned long value)
{
	WRITE_ONCE(*(unsigned long *)entry, value);
}

unsigned long ring1_pt_xchg(void *entry, unsigned long value)
{
	return xchg((unsigned long *)entry, value);
}
EXPORT_SYMBOL_GPL(ring1_pt_xchg);

bool ring1_pt_try_cmpxchg(void *entry, void *old, unsigned long value)
{
	return try_cmpxchg((unsigned long *)entry, (unsigned long *)old, value);
}
EXPORT_SYMBOL_GPL(ring1_pt_try_cmpxchg);

bool ring1_pt_clear_bit(void *entry, unsigned int bit)
{
	return test_and_clear_bit(bit, entry);
}

/*
 * Lazy mode: between enter and leave, writes may wait for each other. None does as
 * long as the monitor sees each by itself, but this is where a batch begins and ends.
 * It belongs to the task.
 */
static DEFINE_PER_CPU(unsigned int, ring1_lazy_depth);

static void ring1_enter_lazy_mmu(void)
{
	this_cpu_inc(ring1_lazy_depth);
}

static void ring1_leave_lazy_mmu(void)
{
	this_cpu_dec(ring1_lazy_depth);
}

static void ring1_flush_lazy_mmu(void)
{
	preempt_disable();
	if (this_cpu_read(ring1_lazy_depth)) {
		arch_leave_lazy_mmu_mode();
		arch_enter_lazy_mmu_mode();
	}
	preempt_enable();
}

static void ring1_start_context_switch(struct task_struct *prev)
{
	if (!this_cpu_read(ring1_lazy_depth))
		return;
	arch_leave_lazy_mmu_mode();
	set_tsk_thread_flag(prev, TIF_LAZY_MMU_UPDATES);
}

static void ring1_end_context_switch(struct task_struct *next)
{
	if (test_and_clear_tsk_thread_flag(next, TIF_LAZY_MMU_UPDATES))
		arch_enter_lazy_mmu_mode();
}

static void ring1_set_pte(pte_t *ptep, pte_t pte)
{
	write_entry(ptep, pte.pte);
}

static void ring1_set_pmd(pmd_t *pmdp, pmd_t pmd)
{
	write_entry(pmdp, pmd.pmd);
}

static void ring1_set_pud(pud_t *pudp, pud_t pud)
{
	write_entry(pudp, pud.pud);
}

static void ring1_set_p4d(p4d_t *p4dp, p4d_t p4d)
{
	write_entry(p4dp, native_p4d_val(p4d));
}

/*
 * Page faults of ring 3 come here unseen by the monitor, and may be of its making: its
 * tables lack what the guest's have. In the upper half there is nothing for ring 3.
 */
static __always_inline bool may_be_monitors(unsigned long address, u32 error)
{
	const u32 any = X86_PF_PROT | X86_PF_WRITE | X86_PF_INSTR;

	return (ring1_features & RING1_FEATURE_BOUNCE_PF) && (error & ~any) == X86_PF_USER &&
	       (long)address >= 0;
}

/*
 * Whether the guest's entry allows the access, as the processor would decide. The bit
 * "present" of @error is the guest's afterwards, which Linux goes by. vif is 0 and RCU
 * watches, hence no table is freed meanwhile, as for gup_fast().
 */
static __always_inline bool walk(unsigned long address, u32 *error)
{
	unsigned long every = ~0UL, some = 0, value, table = this_cpu_read(ring1_cr3);
	const unsigned long *entry;
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
	return (every & _PAGE_USER) && !((*error & X86_PF_WRITE) && !(every & _PAGE_RW)) &&
	       !((*error & X86_PF_INSTR) && (some & _PAGE_NX));
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
	this_cpu_write(ring1_vcpu.pf_exit, 1);
	return true;
}

/**
 * ring1_fault_handled - after the kernel's handler
 * @address:	that faulted
 * @error:	code
 *
 * Spares the user a fault that would only find that the guest has the entry by now. The
 * task may have slept, and moved: CR3 and page are those of the CPU it is on now.
 */
noinstr void ring1_fault_handled(unsigned long address, u32 error)
{
	if (may_be_monitors(address, error) && entry_allows(address, &error))
		this_cpu_write(ring1_vcpu.pf_exit, 1);
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
	pv_ops.mmu.read_cr2 = __PV_IS_CALLEE_SAVE(ring1_read_cr2);
	pv_ops.mmu.write_cr2 = ring1_write_cr2;
	pv_ops.mmu.read_cr3 = ring1_read_cr3;
	pv_ops.mmu.write_cr3 = ring1_write_cr3;
	pv_ops.cpu.start_context_switch = ring1_start_context_switch;
	pv_ops.cpu.end_context_switch = ring1_end_context_switch;
	pv_ops.mmu.lazy_mode.enter = ring1_enter_lazy_mmu;
	pv_ops.mmu.lazy_mode.leave = ring1_leave_lazy_mmu;
	pv_ops.mmu.lazy_mode.flush = ring1_flush_lazy_mmu;
	pv_ops.mmu.set_pte = ring1_set_pte;
	pv_ops.mmu.set_pmd = ring1_set_pmd;
	pv_ops.mmu.set_pud = ring1_set_pud;
	pv_ops.mmu.set_p4d = ring1_set_p4d;
}
