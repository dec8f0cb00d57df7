// SPDX-License-Identifier: GPL-2.0-only
/*
 * Address spaces and translations: pv_ops.mmu. The monitor shadows the page tables
 * and sees writes to them by itself, so far; all of them go through the hooks
 * nevertheless, but those to a table no processor has been given yet: the
 * kernel's half of a new PGD in pgd_ctor(), the trampoline's PGD, init_top_pgt[511].
 */
#include <linux/export.h>
#include <linux/init.h>
#include <linux/mm.h>
#include <asm/paravirt.h>
#include <asm/tlbflush.h>
#include "private.h"

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
