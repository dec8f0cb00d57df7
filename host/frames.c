// SPDX-License-Identifier: GPL-2.0-only
/*
 * The frame map of the own MMU: which host frame backs a guest frame, and for each guest
 * frame the list of twin entries that map it. It is filled by page faults of the guest,
 * with interrupts on, and emptied when the host takes memory away.
 *
 * KVM says so by one hook without a range, guest_memory_reclaimed(), from three places:
 * an MMU notifier's invalidate_range_start(), a memory slot that is deleted or moved, and
 * the end of the process. The range is in KVM's own fields, which it raises before the
 * call and lowers at invalidate_range_end(); who fills compares them under our lock, as
 * KVM's own MMU does under mmu_lock. No page is pinned.
 */
#include <linux/sched/signal.h>
#include "ownmmu.h"

#define FRAME_RO	(_PAGE_PRESENT | _PAGE_USER | _PAGE_ACCESSED)
#define FRAME_RW	(FRAME_RO | _PAGE_RW | _PAGE_DIRTY)
#define TABLE_FLAGS	(_PAGE_PRESENT | _PAGE_RW | _PAGE_USER | _PAGE_ACCESSED)

/* Entries that are removed in one go with interrupts off. */
#define UNMAP_BATCH	128

static u64 *new_table(void)
{
	return (u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
}

static void free_gib(struct ring1_gib *gib)
{
	unsigned int i;

	for (i = 0; i < PTRS_PER_PMD; i++)
		if (gib->block[i]) {
			free_page((unsigned long)__va(gib->hw[i] & RING1_FRAME_MASK));
			kfree(gib->block[i]);
		}
	free_page((unsigned long)gib->hw);
	kfree(gib);
}

/* No vCPU is left. */
void ring1_frames_free(struct ring1_mmu *mmu)
{
	unsigned int i;

	for (i = 0; i < RING1_NR_GIBS; i++)
		if (mmu->gib[i])
			free_gib(mmu->gib[i]);
}

static struct ring1_gib *make_gib(struct ring1_mmu *mmu, u64 gfn)
{
	struct ring1_gib *gib = ring1_gib_of(mmu, gfn), *old;

	if (gib)
		return gib;
	gib = kzalloc(sizeof(*gib), GFP_KERNEL_ACCOUNT);
	if (!gib)
		return NULL;
	gib->hw = new_table();
	if (!gib->hw) {
		kfree(gib);
		return NULL;
	}
	old = cmpxchg(&mmu->gib[gfn >> 18], NULL, gib);
	if (old)
		free_gib(gib);
	return old ?: gib;
}

static bool make_block(struct ring1_mmu *mmu, u64 gfn)
{
	unsigned int i = gfn >> 9 & (PTRS_PER_PMD - 1);
	struct ring1_block *block;
	struct ring1_gib *gib;
	u64 *map;

	if (ring1_block_of(mmu, gfn))
		return true;
	gib = make_gib(mmu, gfn);
	if (!gib)
		return false;
	BUILD_BUG_ON(sizeof(*block) != PAGE_SIZE);
	block = kzalloc(sizeof(*block), GFP_KERNEL_ACCOUNT);
	map = new_table();
	if (block && map) {
		raw_spin_lock_irq(&mmu->lock);
		if (!gib->block[i]) {
			WRITE_ONCE(gib->hw[i], __pa(map) | TABLE_FLAGS);
			/* Whoever finds the block finds its frame map. */
			smp_store_release(&gib->block[i], block);
			map = NULL;
			block = NULL;
		}
		raw_spin_unlock_irq(&mmu->lock);
	}
	free_page((unsigned long)map);
	kfree(block);
	return ring1_block_of(mmu, gfn);
}

/* Entries of twins are found by the list, and they are the only ones of level 1. */
static bool unmap_some(struct ring1_mmu *mmu, struct ring1_block *block, unsigned int i,
		       unsigned int *budget)
{
	u32 ref;

	while ((ref = block->users[i])) {
		struct ring1_twin *twin = mmu->twin[ref >> 9];
		unsigned int entry = ref & (PTRS_PER_PTE - 1);

		if (!*budget)
			return false;
		--*budget;
		ring1_set_entry(twin, entry, 0);
		ring1_frame_unlink(mmu, block, twin, entry);
	}
	return true;
}

/*
 * Take bits from frame map entries, and away what maps them. Interrupts come on again
 * between batches: a frame may be mapped by many processes.
 */
static void take_frames(struct ring1_mmu *mmu, u64 first_gfn, u64 last_gfn, u64 bits)
{
	struct ring1_block *block = ring1_block_of(mmu, first_gfn);
	unsigned int i = first_gfn & (PTRS_PER_PTE - 1), last = last_gfn & (PTRS_PER_PTE - 1);
	u64 *map = ring1_map_of(mmu, first_gfn);
	unsigned int budget;

	raw_spin_lock_irq(&mmu->lock);
	mmu->taking++;
	while (i <= last) {
		budget = UNMAP_BATCH;
		for (; i <= last; i++) {
			if (!(map[i] & bits) && !block->users[i])
				continue;
			WRITE_ONCE(map[i], map[i] & ~bits);
			if (!unmap_some(mmu, block, i, &budget))
				break;
		}
		raw_spin_unlock_irq(&mmu->lock);
		raw_spin_lock_irq(&mmu->lock);
	}
	mmu->taking--;
	raw_spin_unlock_irq(&mmu->lock);
}

static void forget_range(struct ring1_mmu *mmu, u64 first, u64 end)
{
	u64 gfn, next;

	end = min_t(u64, end, (u64)RING1_NR_GIBS << 18);
	for (gfn = first; gfn < end; gfn = next) {
		if (!ring1_gib_of(mmu, gfn)) {
			next = ALIGN(gfn + 1, 1u << 18);
			continue;
		}
		next = min_t(u64, ALIGN(gfn + 1, PTRS_PER_PTE), end);
		if (ring1_block_of(mmu, gfn))
			take_frames(mmu, gfn, next - 1, ~0ull);
	}
}

/* Slots in flux: KVM has marked them and waited for all who may have seen them whole. */
static bool forget_invalid_slots(struct kvm *kvm, struct ring1_mmu *mmu)
{
	struct kvm_memory_slot *slot;
	bool found = false;
	int bkt, idx;

	idx = srcu_read_lock(&kvm->srcu);
	kvm_for_each_memslot(slot, bkt, kvm_memslots(kvm))
		if (slot->flags & KVM_MEMSLOT_INVALID) {
			forget_range(mmu, slot->base_gfn, slot->base_gfn + slot->npages);
			found = true;
		}
	srcu_read_unlock(&kvm->srcu, idx);
	return found;
}

/**
 * ring1_memory_reclaimed - the host has taken guest memory away, or is about to
 * @kvm:	the VM
 *
 * The range is the union of all invalidations that are under way, which covers the
 * caller's. Where there is none and no slot in flux, it is everything: at the end of the
 * process. The flush is unconditional: an entry may have gone before without one.
 *
 * Context: mmu_lock not held; must not sleep.
 */
void ring1_memory_reclaimed(struct kvm *kvm)
{
	struct ring1_mmu *mmu = ring1_mmu_of(kvm);
	u64 start = 0, end = 0;
	bool found;

	if (!mmu)
		return;
	read_lock(&kvm->mmu_lock);
	if (kvm->mmu_invalidate_in_progress && kvm->mmu_invalidate_range_start != INVALID_GPA) {
		start = kvm->mmu_invalidate_range_start;
		end = kvm->mmu_invalidate_range_end;
	}
	read_unlock(&kvm->mmu_lock);

	if (end)
		forget_range(mmu, start, end);
	found = forget_invalid_slots(kvm, mmu);
	if (!end && !found)
		forget_range(mmu, 0, (u64)RING1_NR_GIBS << 18);
	if (ring1_debug)
		ring1_mmu_verify(mmu);
	/* Returns when no vCPU runs in the guest that was there before the call. */
	kvm_make_all_cpus_request(kvm, KVM_REQ_TLB_FLUSH);
}

/* The host's zero page is reserved, and memory nevertheless. */
static bool is_ram(kvm_pfn_t pfn)
{
	return pfn_valid(pfn) && (!PageReserved(pfn_to_page(pfn)) || is_zero_pfn(pfn));
}

/*
 * Write an entry of the frame map, unless an invalidation has come since @seq. KVM raises
 * its fields before it calls the hook: who gets the lock behind the hook sees them.
 */
static bool set_frame(struct kvm *kvm, struct ring1_mmu *mmu, gfn_t gfn, kvm_pfn_t pfn,
		      bool writable, unsigned long seq)
{
	struct ring1_block *block = ring1_block_of(mmu, gfn);
	u64 *hw = &ring1_map_of(mmu, gfn)[gfn & (PTRS_PER_PTE - 1)];
	u64 frame = pfn << PAGE_SHIFT | (writable ? FRAME_RW : FRAME_RO);
	unsigned int all = UINT_MAX;
	bool ok;

	raw_spin_lock_irq(&mmu->lock);
	ok = !mmu_invalidate_retry_gfn_unsafe(kvm, seq, gfn);
	if (ok) {
		/* A hook of KVM's was missed: nothing of the old frame may stay. */
		if (WARN_ON_ONCE(*hw && (*hw ^ frame) & RING1_FRAME_MASK)) {
			unmap_some(mmu, block, gfn & (PTRS_PER_PTE - 1), &all);
			*hw = 0;
		}
		WRITE_ONCE(*hw, *hw | frame);
		if (writable)
			__set_bit(gfn >> 9 & (PTRS_PER_PMD - 1), ring1_gib_of(mmu, gfn)->writable);
	}
	raw_spin_unlock_irq(&mmu->lock);
	return ok;
}

/* Frames that the VMM's page table has and that may be written: a touch of one costs an exit. */
static void fill_around(struct kvm *kvm, struct ring1_mmu *mmu, struct kvm_memory_slot *slot,
			gfn_t gfn, unsigned long seq)
{
	gfn_t first = max(round_down(gfn, RING1_GROUP), slot->base_gfn);
	gfn_t end = min(round_down(gfn, RING1_GROUP) + RING1_GROUP, slot->base_gfn + slot->npages);
	struct page *page[RING1_GROUP];
	int i, n;

	n = gfn_to_page_many_atomic(slot, first, page, end - first);
	for (i = 0; i < n; i++) {
		if (!ring1_frame_of(mmu, first + i) && is_ram(page_to_pfn(page[i])) &&
		    set_frame(kvm, mmu, first + i, page_to_pfn(page[i]), true, seq))
			/* The guest may write it from now on, and the host does not see it. */
			kvm_release_pfn_dirty(page_to_pfn(page[i]));
		else
			put_page(page[i]);
	}
}

static int frame_error(struct kvm_vcpu *vcpu, gfn_t gfn, kvm_pfn_t pfn, hva_t hva, bool write)
{
	if (is_sigpending_pfn(pfn)) {
		kvm_handle_signal_exit(vcpu);
		return -EINTR;
	}
	if (pfn == KVM_PFN_ERR_RO_FAULT)
		return 0;
	if (pfn == KVM_PFN_ERR_HWPOISON) {
		send_sig_mceerr(BUS_MCEERR_AR, (void __user *)hva, PAGE_SHIFT, current);
		return 1;
	}
	kvm_prepare_memory_fault_exit(vcpu, gfn_to_gpa(gfn), PAGE_SIZE, write, false, false);
	return -EFAULT;
}

/**
 * ring1_frame_fill - learn which host frame backs a guest frame
 * @vcpu:	who needs it
 * @mmu:	the VM's
 * @gfn:	guest frame
 * @write:	it is to be written
 *
 * Context: an exit; kvm->srcu held; may sleep.
 * Return: 1: it is in the frame map, or was for a moment, try again; 0: no memory is there
 * that the guest could use itself, emulate; -EINTR, -EFAULT or -ENOMEM for KVM_RUN.
 */
int ring1_frame_fill(struct kvm_vcpu *vcpu, struct ring1_mmu *mmu, gfn_t gfn, bool write)
{
	struct kvm *kvm = vcpu->kvm;
	struct kvm_memory_slot *slot = gfn_to_memslot(kvm, gfn);
	unsigned long seq;
	bool writable, logs, ok;
	kvm_pfn_t pfn;
	hva_t hva;

	lockdep_assert_irqs_enabled();
	if (!slot || gfn >> 18 >= RING1_NR_GIBS)
		return 0;
	/* The slot is gone, or comes back elsewhere, when the guest tries again. */
	if (slot->flags & KVM_MEMSLOT_INVALID)
		return 1;
	if (!make_block(mmu, gfn))
		return -ENOMEM;
	logs = kvm_slot_dirty_track_enabled(slot);

	seq = READ_ONCE(kvm->mmu_invalidate_seq);
	/* Before the VMM's page table is read, as KVM's own faults do. */
	smp_rmb();
	pfn = __gfn_to_pfn_memslot(slot, gfn, false, true, NULL, write, &writable, &hva);
	if (is_error_noslot_pfn(pfn))
		return frame_error(vcpu, gfn, pfn, hva, write);
	if (!is_ram(pfn)) {
		kvm_release_pfn_clean(pfn);
		return 0;
	}
	if (logs && !write)
		writable = false;
	ok = set_frame(kvm, mmu, gfn, pfn, writable, seq);
	/* W first: whoever clears the bit of the log afterwards asks for a flush as well. */
	if (ok && writable)
		mark_page_dirty_in_slot(kvm, slot, gfn);
	if (writable)
		kvm_release_pfn_dirty(pfn);
	else
		kvm_release_pfn_clean(pfn);
	to_ring1(vcpu)->stat[RING1_STAT_FRAME]++;
	if (ok && writable && !logs)
		fill_around(kvm, mmu, slot, gfn, seq);
	return 1;
}

/* Since the last time that somebody asked. */
static bool was_writable(struct ring1_mmu *mmu, u64 gfn)
{
	struct ring1_gib *gib = ring1_gib_of(mmu, gfn);
	bool was;

	if (!gib)
		return false;
	raw_spin_lock_irq(&mmu->lock);
	was = __test_and_clear_bit(gfn >> 9 & (PTRS_PER_PMD - 1), gib->writable);
	raw_spin_unlock_irq(&mmu->lock);
	return was;
}

/**
 * ring1_frames_log - take write access where a slot logs dirty frames
 * @vcpu:	about to enter; it flushes then
 * @mmu:	the VM's
 *
 * Whatever reads or clears the log, or turns it on, has every vCPU pass here before it
 * enters again. A TLB that may write implies a bit in the log, or a flush to come. Entries
 * that may only read go as well: their next fault costs less than to tell them apart.
 * Another vCPU may have begun with that: this one waits, or its flush would come too early.
 *
 * Context: kvm->srcu held; may sleep.
 */
void ring1_frames_log(struct kvm_vcpu *vcpu, struct ring1_mmu *mmu)
{
	struct kvm_memory_slot *slot;
	u64 gfn;
	int bkt;

	if (!atomic_read(&vcpu->kvm->nr_memslots_dirty_logging))
		return;
	mutex_lock(&mmu->log_mutex);
	kvm_for_each_memslot(slot, bkt, kvm_memslots(vcpu->kvm)) {
		if (!kvm_slot_dirty_track_enabled(slot))
			continue;
		for (gfn = round_down(slot->base_gfn, PTRS_PER_PTE);
		     gfn < slot->base_gfn + slot->npages; gfn += PTRS_PER_PTE) {
			if (was_writable(mmu, gfn))
				take_frames(mmu, gfn, gfn + PTRS_PER_PTE - 1,
					    _PAGE_RW | _PAGE_DIRTY);
		}
	}
	mutex_unlock(&mmu->log_mutex);
}
