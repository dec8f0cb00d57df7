// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regions, the pages of a vCPU in PML4 slot 256: those of all vCPUs of a VMM process in
 * its PGD (the host view), and each vCPU's private tables that hold its own region and
 * nothing else (the guest view). What is in the pages is desc.c's and vcpu.c's business,
 * what they mean is switcher.h's.
 *
 * Slot 256 of a host PGD is empty, and PGDs of new processes are copies of the
 * kernel's own, so the entry stays in the one process. All functions may sleep.
 *
 * A region is kept for the process's next vCPU when its own ends: to free it, the TLB of
 * every CPU has to be flushed. That is done once, when the process's last VM ends. Any
 * user of /dev/kvm can create and end vCPUs as fast as it likes.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <asm/tlbflush.h>
#include "ring1.h"

/* No global entries: ring 1 could use them after its CR3 is loaded. */
#define TABLE_FLAGS	(_PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED)
#define TEXT_FLAGS	(_PAGE_PRESENT | _PAGE_ACCESSED)
#define RO_FLAGS	(_PAGE_PRESENT | _PAGE_ACCESSED | _PAGE_NX)
#define RW_FLAGS	(RO_FLAGS | _PAGE_RW | _PAGE_DIRTY)

#define TABLES_ORDER	get_order(RING1_NR_REGIONS * sizeof(u64))

static DEFINE_MUTEX(region_lock);	/* the list, and everything in struct ring1_mm */
static LIST_HEAD(mm_list);
static void *text[RING1_NR_TEXT_PAGES];

__fast bool ring1_region_contains(gva_t gva)
{
	return gva >= RING1_SLOT_BASE && gva < RING1_SLOT_BASE + PGDIR_SIZE;
}

static void *new_page(void)
{
	return (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
}

static u64 entry(const void *page, u64 flags)
{
	return __pa(page) | flags;
}

static u64 *slot_in_pgd(struct mm_struct *mm)
{
	return (u64 *)&mm->pgd[RING1_SLOT];
}

static void flush_cpu(void *unused)
{
	__flush_tlb_all();
}

static struct ring1_mm *find_mm(struct mm_struct *mm)
{
	struct ring1_mm *rmm;

	lockdep_assert_held(&region_lock);

	list_for_each_entry(rmm, &mm_list, list)
		if (rmm->mm == mm)
			return rmm;
	return NULL;
}

static void free_mm(struct ring1_mm *rmm)
{
	free_pages((unsigned long)rmm->pmd, TABLES_ORDER);
	free_page((unsigned long)rmm->pud);
	kvfree(rmm);
}

static struct ring1_mm *new_mm(struct mm_struct *mm)
{
	struct ring1_mm *rmm;
	int i;

	lockdep_assert_held(&region_lock);

	rmm = kvzalloc(sizeof(*rmm), GFP_KERNEL_ACCOUNT);
	if (!rmm)
		return ERR_PTR(-ENOMEM);
	rmm->pud = new_page();
	rmm->pmd = (void *)__get_free_pages(GFP_KERNEL_ACCOUNT | __GFP_ZERO, TABLES_ORDER);
	if (!rmm->pud || !rmm->pmd) {
		free_mm(rmm);
		return ERR_PTR(-ENOMEM);
	}
	mmgrab(mm);
	rmm->mm = mm;
	for (i = 0; i < RING1_NR_REGIONS / PTRS_PER_PMD; i++)
		rmm->pud[i] = entry(rmm->pmd + i * PTRS_PER_PMD, TABLE_FLAGS);
	list_add(&rmm->list, &mm_list);
	return rmm;
}

/**
 * ring1_mm_get - let the calling process have regions
 *
 * Context: the VMM's process; may sleep.
 * Return: what ring1_mm_put() takes and ring1_region_create() needs, or an error pointer
 * with -ENOMEM.
 */
struct ring1_mm *ring1_mm_get(void)
{
	struct ring1_mm *rmm;

	mutex_lock(&region_lock);
	rmm = find_mm(current->mm);
	if (!rmm)
		rmm = new_mm(current->mm);
	if (!IS_ERR(rmm))
		rmm->vms++;
	mutex_unlock(&region_lock);
	return rmm;
}

static void fill_views(struct ring1_region *region)
{
	int i;

	for (i = 0; i < RING1_NR_TEXT_PAGES; i++) {
		region->host_pte[RING1_PG_TEXT + i] = entry(text[i], TEXT_FLAGS);
		region->guest_pte[RING1_PG_TEXT + i] = entry(text[i], TEXT_FLAGS);
	}
	for (i = 0; i < RING1_NR_PAGES; i++) {
		if (!region->page[i])
			continue;
		region->host_pte[i] = entry(region->page[i], RW_FLAGS);
		if (i == RING1_PG_STACK || i == RING1_PG_IST)
			region->guest_pte[i] = entry(region->page[i], RW_FLAGS);
		else if (i != RING1_PG_HOST)
			region->guest_pte[i] = entry(region->page[i], RO_FLAGS);
	}
	/* HOST(view) is 0 there. */
	region->guest_pte[RING1_PG_HOST] = page_to_phys(ZERO_PAGE(0)) | RO_FLAGS;
	region->guest_pmd[region->index % PTRS_PER_PMD] = entry(region->guest_pte, TABLE_FLAGS);
	region->guest_pud[region->index / PTRS_PER_PMD] = entry(region->guest_pmd, TABLE_FLAGS);
	region->root[RING1_SLOT] = entry(region->guest_pud, TABLE_FLAGS);
}

static void free_region(struct ring1_region *region)
{
	int i;

	for (i = 0; i < RING1_NR_PAGES; i++)
		free_page((unsigned long)region->page[i]);
	free_page((unsigned long)region->host_pte);
	free_page((unsigned long)region->guest_pte);
	free_page((unsigned long)region->guest_pmd);
	free_page((unsigned long)region->guest_pud);
	free_page((unsigned long)region->root);
	kfree(region);
}

static struct ring1_region *alloc_region(void)
{
	struct ring1_region *region = kzalloc(sizeof(*region), GFP_KERNEL_ACCOUNT);
	bool ok = true;
	int i;

	if (!region)
		return NULL;
	for (i = RING1_PG_IDT; i < RING1_NR_PAGES; i++)
		if (i != RING1_PG_SHARED)
			ok &= !!(region->page[i] = new_page());
	ok &= !!(region->host_pte = new_page());
	ok &= !!(region->guest_pte = new_page());
	ok &= !!(region->guest_pmd = new_page());
	ok &= !!(region->guest_pud = new_page());
	ok &= !!(region->root = new_page());
	if (!ok) {
		free_region(region);
		return NULL;
	}
	return region;
}

/* Nothing of the vCPU that had it is left but the tables, which are the same for the next. */
static void wipe(struct ring1_region *region)
{
	int i;

	for (i = 0; i < RING1_NR_PAGES; i++)
		if (region->page[i])
			clear_page(region->page[i]);
	clear_page(region->root);
	region->root[RING1_SLOT] = entry(region->guest_pud, TABLE_FLAGS);
}

/*
 * Put a new region into the host view. The slot is the process's from its first region on: a
 * VM without a vCPU has nothing that a processor's caches could hold when it ends.
 */
static int publish(struct ring1_mm *rmm, unsigned int index, struct ring1_region *region)
{
	lockdep_assert_held(&region_lock);

	if (!index && READ_ONCE(*slot_in_pgd(rmm->mm))) {
		pr_err_ratelimited("PML4 slot %d of this process is in use\n", RING1_SLOT);
		return -EBUSY;
	}
	region->mm = rmm;
	region->index = index;
	region->base = RING1_SLOT_BASE + index * RING1_REGION_SIZE;
	fill_views(region);
	WRITE_ONCE(rmm->pmd[index], entry(region->host_pte, TABLE_FLAGS));
	if (!index)
		WRITE_ONCE(*slot_in_pgd(rmm->mm), entry(rmm->pud, TABLE_FLAGS));
	rmm->region[index] = region;
	return 0;
}

/**
 * ring1_region_create - give a vCPU its region in both views
 * @rmm:	from ring1_mm_get(), the VM's
 * @region:	filled; the pages it names are empty
 *
 * Context: the VMM's process; may sleep.
 * Return: 0, -ENOMEM, -EBUSY if the slot belongs to somebody else, -ENOSPC if the process
 * has as many vCPUs as the slot has regions.
 */
int ring1_region_create(struct ring1_mm *rmm, struct ring1_region *region)
{
	struct ring1_region *fresh = NULL;
	unsigned int index;
	int r = 0;

	mutex_lock(&region_lock);
	index = find_first_zero_bit(rmm->used, RING1_NR_REGIONS);
	if (index < RING1_NR_REGIONS && !rmm->region[index]) {
		/* Allocations wait for the VMM's own memory cgroup: not with all others. */
		mutex_unlock(&region_lock);
		fresh = alloc_region();
		if (!fresh)
			return -ENOMEM;
		mutex_lock(&region_lock);
		index = find_first_zero_bit(rmm->used, RING1_NR_REGIONS);
	}
	if (index == RING1_NR_REGIONS) {
		r = -ENOSPC;
	} else if (!rmm->region[index]) {
		r = publish(rmm, index, fresh);
		if (!r)
			fresh = NULL;
	}
	if (!r) {
		__set_bit(index, rmm->used);
		*region = *rmm->region[index];
	}
	mutex_unlock(&region_lock);
	if (fresh)
		free_region(fresh);
	return r;
}

/**
 * ring1_region_destroy - take a vCPU's region away
 * @region:	from ring1_region_create(), without a shared page
 *
 * Context: any process; may sleep.
 */
void ring1_region_destroy(struct ring1_region *region)
{
	wipe(region);
	mutex_lock(&region_lock);
	__clear_bit(region->index, region->mm->used);
	mutex_unlock(&region_lock);
}

/**
 * ring1_mm_put - a VM of the process has ended, and all its vCPUs
 * @rmm:	from ring1_mm_get()
 *
 * With the last VM everything goes. The TLBs and paging-structure caches of every CPU
 * that ran the process may hold what is taken away; nobody may free it before they are
 * flushed. That is at once where the process is loaded; elsewhere what is left bears a
 * PCID, and the next switch to the process sees that its TLB generation has changed.
 *
 * Context: any process; may sleep, interrupts on.
 */
void ring1_mm_put(struct ring1_mm *rmm)
{
	unsigned int i;

	mutex_lock(&region_lock);
	if (--rmm->vms) {
		mutex_unlock(&region_lock);
		return;
	}
	list_del(&rmm->list);
	/* Under the lock: the process may be creating its next VM, in the same slot. */
	if (rmm->region[0]) {
		WRITE_ONCE(*slot_in_pgd(rmm->mm), 0);
		/* Orders mm_cpumask() behind the slot, as inc_mm_tlb_gen(), no module's, does. */
		atomic64_inc_return(&rmm->mm->context.tlb_gen);
		on_each_cpu_mask(mm_cpumask(rmm->mm), flush_cpu, NULL, true);
	}
	mutex_unlock(&region_lock);

	for (i = 0; i < RING1_NR_REGIONS && rmm->region[i]; i++)
		free_region(rmm->region[i]);
	mmdrop(rmm->mm);
	free_mm(rmm);
}

/**
 * ring1_region_share - set what the guest view has at RING1_PG_SHARED
 * @region:	region of a vCPU that is not in the guest; the next enter flushes
 * @page:	page of guest memory, held by the caller, or NULL
 */
void ring1_region_share(struct ring1_region *region, struct page *page)
{
	region->guest_pte[RING1_PG_SHARED] = page ? page_to_phys(page) | RW_FLAGS : 0;
}

void ring1_region_exit(void)
{
	int i;

	WARN_ON(!list_empty(&mm_list));
	for (i = 0; i < RING1_NR_TEXT_PAGES; i++)
		free_page((unsigned long)text[i]);
}

int __init ring1_region_init(void)
{
	int i;

	BUILD_BUG_ON(RING1_NR_PAGES > PTRS_PER_PTE);
	if (WARN_ON(ring1_text_end - ring1_text_start != RING1_NR_TEXT_PAGES * PAGE_SIZE))
		return -EINVAL;

	for (i = 0; i < RING1_NR_TEXT_PAGES; i++) {
		text[i] = (void *)__get_free_page(GFP_KERNEL);
		if (!text[i]) {
			ring1_region_exit();
			return -ENOMEM;
		}
		memcpy(text[i], ring1_text_start + i * PAGE_SIZE, PAGE_SIZE);
	}
	return 0;
}
