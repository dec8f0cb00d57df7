// SPDX-License-Identifier: GPL-2.0-only
/*
 * What must hold in the own MMU at any moment, looked at entry by entry. With
 * KVM_RING1_DEBUG it runs after each time that the host takes memory away; else never.
 * Nothing is mended here.
 */
#include "ownmmu.h"

#define NEVER	(_PAGE_GLOBAL | _PAGE_PCD | _PAGE_PWT | _PAGE_PAT)

/* An entry of level 1: its frame is the frame map's, and it stands in that frame's list. */
static bool leaf_ok(struct ring1_mmu *mmu, struct ring1_twin *twin, unsigned int i)
{
	const struct ring1_link *link = &twin->link[i], *prev;
	struct ring1_block *block = ring1_block_of(mmu, link->gfn);
	u64 frame = ring1_frame_of(mmu, link->gfn);

	if (!ring1_frame_present(frame) || (twin->hw[i] ^ frame) & RING1_FRAME_MASK ||
	    (twin->hw[i] & ~frame & _PAGE_RW))
		return false;
	if (!link->prev)
		return block->users[link->gfn & (PTRS_PER_PTE - 1)] == RING1_REF(twin, i);
	prev = &mmu->twin[link->prev >> 9]->link[link->prev & (PTRS_PER_PTE - 1)];
	return prev->next == RING1_REF(twin, i) && prev->gfn == link->gfn;
}

/* An entry above: to a twin one level down, or to a block of frames or their table. */
static bool upper_ok(struct ring1_mmu *mmu, struct ring1_twin *twin, unsigned int i)
{
	const struct ring1_twin *child = twin->child[i];
	u64 table = twin->hw[i] & RING1_FRAME_MASK;
	unsigned int j;

	if (child)
		return child->parent == twin && child->index == i && !child->dead &&
		       child->level == twin->level - 1 && table == __pa(child->hw);
	for (j = 0; j < RING1_NR_GIBS; j++) {
		struct ring1_gib *gib = READ_ONCE(mmu->gib[j]);
		unsigned int k;

		if (!gib)
			continue;
		if (twin->level == 3 && table == __pa(gib->hw))
			return true;
		for (k = 0; twin->level == 2 && k < PTRS_PER_PMD; k++)
			if (gib->block[k] && table == (gib->hw[k] & RING1_FRAME_MASK))
				return true;
	}
	return false;
}

static bool twin_ok(struct ring1_mmu *mmu, struct ring1_twin *twin)
{
	unsigned int i;

	for (i = 0; i < PTRS_PER_PTE; i++) {
		if (!!twin->hw[i] != test_bit(i, twin->used))
			return false;
		if (!twin->hw[i])
			continue;
		if (!(twin->hw[i] & _PAGE_PRESENT) || (twin->hw[i] & NEVER && twin->level == 1))
			return false;
		if (twin->level == 1 ? !leaf_ok(mmu, twin, i) : !upper_ok(mmu, twin, i))
			return false;
	}
	return true;
}

/* What CR3 may hold: ring 3 has nothing in the upper half, slot 256 is the vCPU's own. */
static bool top_ok(struct ring1_mmu *mmu, const struct ring1_twin *top)
{
	const struct ring1_twin *upper = top->root->throwaway ? top->root : mmu->kernel;
	unsigned int i;

	for (i = 0; i < PTRS_PER_PGD; i++) {
		u64 want = i < RING1_SLOT ? top->root->hw[i] :
			   i == RING1_SLOT ? top->v->region.root[i] :
			   upper->hw[i] & ~(u64)_PAGE_USER;

		if (top->hw[i] != want)
			return false;
	}
	return true;
}

/**
 * ring1_mmu_verify - look at every twin that is in a tree
 * @mmu:	the VM's
 */
void ring1_mmu_verify(struct ring1_mmu *mmu)
{
	struct ring1_twin *twin;
	u32 id;

	raw_spin_lock_irq(&mmu->lock);
	/* Somebody else is taking frames away, entry by entry. */
	for (id = 1; !mmu->taking && id <= mmu->nr_twins; id++) {
		twin = mmu->twin[id];
		if (twin->dead || !twin->in_use)
			continue;
		if (twin->level == RING1_LEVEL_TOP)
			WARN_ON_ONCE(!top_ok(mmu, twin));
		else
			WARN_ON_ONCE(!twin_ok(mmu, twin));
	}
	raw_spin_unlock_irq(&mmu->lock);
}
