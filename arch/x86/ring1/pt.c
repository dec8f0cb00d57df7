// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes to page tables, and announcing them. All writes go through the hooks here, but
 * those to a table no processor has been given yet: the kernel's half of a new PGD in
 * pgd_ctor(), the trampoline's PGD, init_top_pgt[511]. As long as KVM's MMU shadows the
 * tables nothing is announced. Walking tables, CR3 and translations are mmu.c's.
 *
 * The monitor's own MMU has a copy of each table that is in use, and the table's bit in
 * live_map is set then. It makes entries of a copy when they are missed, so new ones need
 * no word. A change of a present entry that takes something away is announced, by address,
 * before the lock that protects the table is released and before the flush.
 */
#define pr_fmt(fmt) "ring1: " fmt

#include <linux/bitops.h>
#include <linux/export.h>
#include <linux/init.h>
#include <linux/jump_label.h>
#include <linux/kstrtox.h>
#include <linux/memblock.h>
#include <linux/mm.h>
#include <linux/page_table_check.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <asm/paravirt.h>
#include <asm/sections.h>
#include <asm/x86_init.h>
#include "private.h"

#define ENTRY_SIZE	sizeof(pteval_t)

DEFINE_STATIC_KEY_FALSE_RO(ring1_own_mmu);

/* A bit for each frame, written by the monitor. Frames beyond it count as live. */
static unsigned long *live_map __ro_after_init;
static unsigned long live_frames __ro_after_init;

/*
 * Lazy mode: between enter and leave, announcements wait for each other. It belongs to the
 * task. The rest of this belongs to the CPU and is used with interrupts off; NMIs write no
 * page tables.
 */
struct ring1_batch {
	unsigned int lazy_depth;
	unsigned int nr;	/* operations in the shared page */
	unsigned long first;	/* the one behind them, not closed yet: its first entry, and */
	unsigned long next;	/* the one behind its last, with GROWS; 0 if there is none */
	bool urgent;		/* one of them more than a cleared accessed bit */
};

#define GROWS	1ul		/* the task's own, in lazy mode, and urgent */

static DEFINE_PER_CPU(struct ring1_batch, batch);

static void close(void)
{
	unsigned int nr = this_cpu_read(batch.nr);
	unsigned long first = this_cpu_read(batch.first);
	unsigned long next = this_cpu_read(batch.next) & ~GROWS;

	if (!next)
		return;
	this_cpu_write(ring1_vcpu.mmu_op[nr],
		       RING1_MMU_OP(__pa_nodebug(first), (next - first) / ENTRY_SIZE));
	this_cpu_write(batch.nr, nr + 1);
	this_cpu_write(batch.next, 0);
}

/* An error only says that this CPU is a trap vCPU again: before a kexec, nothing is kept. */
static void send(void)
{
	unsigned int nr;

	close();
	nr = this_cpu_read(batch.nr);
	this_cpu_write(batch.nr, 0);
	this_cpu_write(batch.urgent, false);
	ring1_hc_mmu_sync(nr, 0, 0);
}

/* All entries of a table are one operation if they come one after the other. */
static void append(unsigned long entry)
{
	unsigned long first = this_cpu_read(batch.first);
	unsigned long next = this_cpu_read(batch.next) & ~GROWS;

	if (next && !((entry ^ first) & PAGE_MASK)) {
		first = min(first, entry);
		next = max(next, entry + ENTRY_SIZE);
	} else {
		close();
		if (this_cpu_read(batch.nr) == RING1_NR_MMU_OPS)
			send();
		first = entry;
		next = entry + ENTRY_SIZE;
	}
	this_cpu_write(batch.first, first);
	this_cpu_write(batch.next, next);
}

/*
 * The same with interrupts on for what comes most often, the next entry of the table. What
 * interrupts may send all there is: then there is nothing that grows.
 */
static __always_inline bool grow(const void *entry)
{
	unsigned long next = (unsigned long)entry | GROWS;

	return next == this_cpu_read(batch.next) && !PAGE_ALIGNED(entry) && !in_interrupt() &&
	       this_cpu_try_cmpxchg(batch.next, &next, next + ENTRY_SIZE);
}

/* What interrupts lazy mode does not know that it is on, and cannot wait for its end. */
static noinline void note(void *entry, bool urgent)
{
	unsigned long flags;

	raw_local_irq_save(flags);
	append((unsigned long)entry);
	if (urgent) {
		this_cpu_write(batch.urgent, true);
		if (this_cpu_read(batch.lazy_depth) && !in_interrupt())
			this_cpu_or(batch.next, GROWS);
		else
			send();
	}
	raw_local_irq_restore(flags);
}

/**
 * ring1_pt_announce - announce what waits, if it must not
 */
void ring1_pt_announce(void)
{
	unsigned long flags;

	if (!static_branch_likely(&ring1_own_mmu) || !this_cpu_read(batch.urgent))
		return;
	raw_local_irq_save(flags);
	send();
	raw_local_irq_restore(flags);
}

/*
 * A table that is live is so before the monitor reads it for the first time: it sets the
 * bit, then reads. Here the entry is written, then the bit is read, and a locked
 * instruction stands between. An @entry on a stack, of which Linux makes a table's image
 * sometimes, is not in the direct map and comes out as some frame beyond.
 */
static __always_inline bool live(const void *entry)
{
	unsigned long pfn = PFN_DOWN(__pa_nodebug(entry));

	return pfn >= live_frames || test_bit(pfn, live_map);
}

/*
 * After a locked write of @new over @old. Without P the monitor has no entry. It has none
 * without A either, and W only with D. A cleared A only matters to aging and may wait.
 */
static __always_inline void changed(void *entry, unsigned long old, unsigned long new)
{
	const unsigned long rights = _PAGE_RW | _PAGE_USER | _PAGE_DIRTY;
	bool urgent = !(new & _PAGE_PRESENT) || (old & ~new & rights) ||
		      (~old & new & _PAGE_NX) || ((old ^ new) & (PTE_PFN_MASK | _PAGE_PSE));

	if (!static_branch_likely(&ring1_own_mmu) || !(old & _PAGE_PRESENT))
		return;
	if ((urgent || (old & ~new & _PAGE_ACCESSED)) && !grow(entry) && live(entry))
		note(entry, urgent);
}

/*
 * Accessed and dirty bits are set by the monitor, by other CPUs too, so what depends on
 * the old value has to be atomic, with either MMU.
 */
static __always_inline void write_entry(void *entry, unsigned long value)
{
	unsigned long *e = entry;

	if (static_branch_likely(&ring1_own_mmu) && (READ_ONCE(*e) & _PAGE_PRESENT))
		changed(e, xchg(e, value), value);
	else
		WRITE_ONCE(*e, value);
}

unsigned long ring1_pt_xchg(void *entry, unsigned long value)
{
	unsigned long old = xchg((unsigned long *)entry, value);

	changed(entry, old, value);
	return old;
}
EXPORT_SYMBOL_GPL(ring1_pt_xchg);

/* An exchange for 0, which most are: of changed() there is little left then. */
unsigned long ring1_pt_clear(void *entry)
{
	unsigned long old = xchg((unsigned long *)entry, 0);

	changed(entry, old, 0);
	return old;
}
EXPORT_SYMBOL_GPL(ring1_pt_clear);

bool ring1_pt_try_cmpxchg(void *entry, void *old, unsigned long value)
{
	if (!try_cmpxchg((unsigned long *)entry, (unsigned long *)old, value))
		return false;
	changed(entry, *(unsigned long *)old, value);
	return true;
}
EXPORT_SYMBOL_GPL(ring1_pt_try_cmpxchg);

bool ring1_pt_clear_bit(void *entry, unsigned int bit)
{
	if (!test_and_clear_bit(bit, entry))
		return false;
	changed(entry, _PAGE_PRESENT | BIT(bit), _PAGE_PRESENT);
	return true;
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

/* The lock is held until commit, so that the two need one announcement. */
static pte_t ring1_ptep_modify_prot_start(struct vm_area_struct *vma, unsigned long addr,
					  pte_t *ptep)
{
	pte_t pte = native_make_pte(xchg(&ptep->pte, 0));

	page_table_check_pte_clear(vma->vm_mm, pte);
	return pte;
}

static void ring1_ptep_modify_prot_commit(struct vm_area_struct *vma, unsigned long addr,
					  pte_t *ptep, pte_t pte)
{
	page_table_check_ptes_set(vma->vm_mm, ptep, pte, 1);
	if (!static_branch_likely(&ring1_own_mmu)) {
		WRITE_ONCE(ptep->pte, pte.pte);
		return;
	}
	xchg(&ptep->pte, pte.pte);
	if (!grow(ptep) && live(ptep))
		note(ptep, true);
}

/*
 * Nobody runs there any more. The tables are not live afterwards, and taking them apart
 * needs no announcements. The CPUs that still have the PGD only need its kernel half.
 */
static void ring1_exit_mmap(struct mm_struct *mm)
{
	if (static_branch_likely(&ring1_own_mmu) && live(mm->pgd))
		ring1_hc_mmu_forget(__pa(mm->pgd));
}

static void ring1_enter_lazy_mmu(void)
{
	this_cpu_inc(batch.lazy_depth);
}

/* In this order: a task that is preempted in between is still in lazy mode. */
static void ring1_leave_lazy_mmu(void)
{
	ring1_pt_announce();
	this_cpu_dec(batch.lazy_depth);
}

static void ring1_start_context_switch(struct task_struct *prev)
{
	if (!this_cpu_read(batch.lazy_depth))
		return;
	arch_leave_lazy_mmu_mode();
	set_tsk_thread_flag(prev, TIF_LAZY_MMU_UPDATES);
}

static void ring1_end_context_switch(struct task_struct *next)
{
	if (test_and_clear_tsk_thread_flag(next, TIF_LAZY_MMU_UPDATES))
		arch_enter_lazy_mmu_mode();
}

static bool own_mmu __initdata = true;

static int __init parse_own_mmu(char *s)
{
	return kstrtobool(s, &own_mmu);
}
early_param("ring1.own_mmu", parse_own_mmu);

/*
 * From KVM's MMU to the monitor's own. Nothing is handed over: the monitor starts with
 * empty tables. The hooks test the map from before its first look on; a map of zeros asks
 * for no announcements.
 */
static void __init use_own_mmu(void)
{
	size_t size = PAGE_ALIGN(BITS_TO_LONGS(max_pfn) * sizeof(long));
	long err = -ENOMEM;

	live_map = memblock_alloc(size, PAGE_SIZE);
	if (live_map) {
		live_frames = max_pfn;
		static_branch_enable(&ring1_own_mmu);
		err = ring1_hc_mmu_register(__pa_symbol(swapper_pg_dir), __pa(live_map),
					    live_frames, 0);
	}
	if (!err) {
		pr_info("page tables are served by the monitor's own MMU\n");
		return;
	}
	pr_warn("no own MMU of the monitor's, error %ld\n", err);
	if (live_map) {
		static_branch_disable(&ring1_own_mmu);
		memblock_free(live_map, size);
	}
}

/*
 * The last hook before memblock is gone, and before there is another CPU. kasan_init()
 * changes the kernel's half of a PGD that is not swapper_pg_dir, earlier.
 */
static void __init ring1_banner(void)
{
	default_banner();
	if (own_mmu && (ring1_features & RING1_FEATURE_OWN_MMU))
		use_own_mmu();
}

void __init ring1_pt_init(void)
{
	pv_ops.cpu.start_context_switch = ring1_start_context_switch;
	pv_ops.cpu.end_context_switch = ring1_end_context_switch;
	pv_ops.mmu.lazy_mode.enter = ring1_enter_lazy_mmu;
	pv_ops.mmu.lazy_mode.leave = ring1_leave_lazy_mmu;
	pv_ops.mmu.lazy_mode.flush = ring1_pt_announce;
	pv_ops.mmu.set_pte = ring1_set_pte;
	pv_ops.mmu.set_pmd = ring1_set_pmd;
	pv_ops.mmu.set_pud = ring1_set_pud;
	pv_ops.mmu.set_p4d = ring1_set_p4d;
	pv_ops.mmu.ptep_modify_prot_start = ring1_ptep_modify_prot_start;
	pv_ops.mmu.ptep_modify_prot_commit = ring1_ptep_modify_prot_commit;
	pv_ops.mmu.exit_mmap = ring1_exit_mmap;
	x86_init.oem.banner = ring1_banner;
}
