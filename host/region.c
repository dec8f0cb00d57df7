// SPDX-License-Identifier: GPL-2.0-only
/*
 * PML4 slot 256: the regions of all vCPUs of a VMM process in its PGD (the host
 * view), and each vCPU's private tables that hold its own region and nothing
 * else (the guest view). What is in the pages is desc.c's and vcpu.c's business,
 * what they mean is switcher.h's.
 *
 * Slot 256 of a host PGD is empty, and PGDs of new processes are copies of the
 * kernel's own, so the entry stays in the one process. All functions may sleep.
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

static DEFINE_MUTEX(slot_lock);	/* the list, and everything in struct ring1_mm */
static LIST_HEAD(slot_list);
static void *text[RING1_NR_TEXT_PAGES];

bool ring1_is_slot_address(gva_t gva)
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

static struct ring1_mm *get_mm_slot(struct mm_struct *mm)
{
	struct ring1_mm *rmm;

	lockdep_assert_held(&slot_lock);

	list_for_each_entry(rmm, &slot_list, list)
		if (rmm->mm == mm)
			return rmm;

	if (READ_ONCE(*slot_in_pgd(mm))) {
		pr_err("PML4 slot %d of this process is in use\n", RING1_SLOT);
		return ERR_PTR(-EBUSY);
	}

	rmm = kzalloc(sizeof(*rmm), GFP_KERNEL_ACCOUNT);
	if (!rmm)
		return ERR_PTR(-ENOMEM);
	rmm->pud = new_page();
	rmm->pmd = new_page();
	if (!rmm->pud || !rmm->pmd) {
		free_page((unsigned long)rmm->pmd);
		free_page((unsigned long)rmm->pud);
		kfree(rmm);
		return ERR_PTR(-ENOMEM);
	}
	mmgrab(mm);
	rmm->mm = mm;
	rmm->pud[0] = entry(rmm->pmd, TABLE_FLAGS);
	WRITE_ONCE(*slot_in_pgd(mm), entry(rmm->pud, TABLE_FLAGS));
	list_add(&rmm->list, &slot_list);
	return rmm;
}

/*
 * The TLBs and paging-structure caches of every CPU that ran the process may
 * hold what is taken away; nobody may free it before they are flushed.
 */
static void put_mm_slot(struct ring1_mm *rmm)
{
	lockdep_assert_held(&slot_lock);

	if (!bitmap_empty(rmm->used, PTRS_PER_PMD)) {
		on_each_cpu(flush_cpu, NULL, true);
		return;
	}
	WRITE_ONCE(*slot_in_pgd(rmm->mm), 0);
	on_each_cpu(flush_cpu, NULL, true);
	list_del(&rmm->list);
	mmdrop(rmm->mm);
	free_page((unsigned long)rmm->pmd);
	free_page((unsigned long)rmm->pud);
	kfree(rmm);
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
	region->guest_pmd[region->index] = entry(region->guest_pte, TABLE_FLAGS);
	region->guest_pud[0] = entry(region->guest_pmd, TABLE_FLAGS);
	region->root[RING1_SLOT] = entry(region->guest_pud, TABLE_FLAGS);
}

static void free_pages_of(struct ring1_region *region)
{
	int i;

	for (i = 0; i < RING1_NR_PAGES; i++)
		free_page((unsigned long)region->page[i]);
	free_page((unsigned long)region->host_pte);
	free_page((unsigned long)region->guest_pte);
	free_page((unsigned long)region->guest_pmd);
	free_page((unsigned long)region->guest_pud);
	free_page((unsigned long)region->root);
}

static int alloc_pages_of(struct ring1_region *region)
{
	bool ok = true;
	int i;

	for (i = RING1_PG_IDT; i < RING1_NR_PAGES; i++)
		if (i != RING1_PG_SHARED)
			ok &= !!(region->page[i] = new_page());
	ok &= !!(region->host_pte = new_page());
	ok &= !!(region->guest_pte = new_page());
	ok &= !!(region->guest_pmd = new_page());
	ok &= !!(region->guest_pud = new_page());
	ok &= !!(region->root = new_page());
	return ok ? 0 : -ENOMEM;
}

/**
 * ring1_region_create - give a vCPU its region in both views
 * @region:	zeroed
 *
 * Context: the VMM's process; may sleep.
 * Return: 0, -ENOMEM, -EBUSY if the slot belongs to somebody else, -ENOSPC if
 * the process has as many vCPUs as the slot has regions.
 */
int ring1_region_create(struct ring1_region *region)
{
	struct ring1_mm *rmm;
	int r;

	r = alloc_pages_of(region);
	if (r)
		goto err_free;

	mutex_lock(&slot_lock);
	rmm = get_mm_slot(current->mm);
	if (IS_ERR(rmm)) {
		r = PTR_ERR(rmm);
		goto err_unlock;
	}
	region->index = find_first_zero_bit(rmm->used, PTRS_PER_PMD);
	if (region->index == PTRS_PER_PMD) {
		r = -ENOSPC;
		goto err_unlock;
	}
	__set_bit(region->index, rmm->used);
	region->mm = rmm;
	region->base = RING1_SLOT_BASE + region->index * RING1_REGION_SIZE;
	fill_views(region);
	WRITE_ONCE(rmm->pmd[region->index], entry(region->host_pte, TABLE_FLAGS));
	mutex_unlock(&slot_lock);
	return 0;

err_unlock:
	mutex_unlock(&slot_lock);
err_free:
	free_pages_of(region);
	return r;
}

/**
 * ring1_region_destroy - take a vCPU's region away
 * @region:	from ring1_region_create()
 *
 * Context: any process; may sleep, interrupts on.
 */
void ring1_region_destroy(struct ring1_region *region)
{
	struct ring1_mm *rmm = region->mm;

	mutex_lock(&slot_lock);
	WRITE_ONCE(rmm->pmd[region->index], 0);
	__clear_bit(region->index, rmm->used);
	put_mm_slot(rmm);
	mutex_unlock(&slot_lock);
	free_pages_of(region);
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

void ring1_slot_exit(void)
{
	int i;

	WARN_ON(!list_empty(&slot_list));
	for (i = 0; i < RING1_NR_TEXT_PAGES; i++)
		free_page((unsigned long)text[i]);
}

int __init ring1_slot_init(void)
{
	int i;

	BUILD_BUG_ON(RING1_NR_PAGES > PTRS_PER_PTE);
	if (WARN_ON(ring1_text_end - ring1_text_start != RING1_NR_TEXT_PAGES * PAGE_SIZE))
		return -EINVAL;

	for (i = 0; i < RING1_NR_TEXT_PAGES; i++) {
		text[i] = (void *)__get_free_page(GFP_KERNEL);
		if (!text[i]) {
			ring1_slot_exit();
			return -ENOMEM;
		}
		memcpy(text[i], ring1_text_start + i * PAGE_SIZE, PAGE_SIZE);
	}
	return 0;
}
