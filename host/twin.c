// SPDX-License-Identifier: GPL-2.0-only
/*
 * Twins, the hardware tables of the own MMU: their entries, the lists by which they are
 * found from a guest table, and their life from the pool into a tree and back. What an
 * entry holds is fill.c's business, which table is in CR3 root.c's.
 *
 *	free -> in a tree -> dying -> dead -> free
 *
 * Trees are pure: a twin has one parent, so that depth and size are bounded whatever the
 * guest links to what. One that is taken out of its tree takes everything below it along;
 * it is emptied later and in small steps. An empty one waits until every vCPU has flushed
 * its TLB, as a processor may still walk it.
 */
#include "ownmmu.h"

/* Entries that are cleared, or twins looked at, in one go with interrupts off. */
#define TWIN_BATCH	128
/* Twins that a full exit leaves in the pool: a new process takes about 15. */
#define POOL_LOW	32
/* Places at which a guest table may have twins, beside one in each throw-away tree. */
#define MAX_CHAIN	8

static struct kmem_cache *link_cache;

/* What a guest's table costs the VMM. */
static_assert(PAGE_SIZE + PTRS_PER_PTE * sizeof(struct ring1_link) + sizeof(struct ring1_twin) <=
	      12 * SZ_1K);

/**
 * ring1_twin_set - write an entry of a twin
 * @mmu:	locked
 * @twin:	any level but RING1_LEVEL_TOP
 * @i:		entry
 * @entry:	what the processor is to find there, or 0
 *
 * The copies of a root that are in CR3 follow: those of all roots, if it is the kernel's
 * half. Slot 256 of the guest's tables does not exist.
 */
__fast void ring1_twin_set(struct ring1_mmu *mmu, struct ring1_twin *twin, unsigned int i,
			   u64 entry)
{
	struct kvm_vcpu *vcpu;
	struct ring1_twin *top;
	unsigned long j;

	lockdep_assert_held(&mmu->lock);
	if (twin->hw[i] == entry)
		return;
	ring1_set_entry(twin, i, entry);
	if (twin->level != RING1_LEVEL_ROOT || i == RING1_SLOT)
		return;
	/* Ring 3 has no access to the upper half, see mmu.c. */
	if (i > RING1_SLOT)
		entry &= ~(u64)_PAGE_USER;
	if (i < RING1_SLOT || twin->throwaway) {
		list_for_each_entry(top, &twin->tops, of_root)
			ring1_set_entry(top, i, entry);
		return;
	}
	if (twin != mmu->kernel)
		return;
	kvm_for_each_vcpu(j, vcpu, mmu->kvm)
		list_for_each_entry(top, &to_ring1(vcpu)->tops, of_vcpu)
			if (!top->root->throwaway)
				ring1_set_entry(top, i, entry);
}

/**
 * ring1_twin_clear - empty an entry of a twin, whatever it leads to
 * @mmu:	locked
 * @twin:	any
 * @i:		an entry that is used
 *
 * A TLB may still know it: of vCPUs that are in the guest now.
 */
__fast void ring1_twin_clear(struct ring1_mmu *mmu, struct ring1_twin *twin, unsigned int i)
{
	struct ring1_place at = RING1_NOWHERE;
	struct ring1_twin *child;

	if (twin->level == RING1_LEVEL_TOP) {
		ring1_set_entry(twin, i, 0);
		return;
	}
	if (twin->level == 1) {
		ring1_leaf_clear(mmu, &at, twin, i);
		__clear_bit(i, twin->used);
		return;
	}
	child = twin->child[i];
	twin->child[i] = NULL;
	ring1_twin_set(mmu, twin, i, 0);
	if (child)
		ring1_twin_kill(mmu, child);
}

static __fast u64 live_gfn_of(const struct ring1_mmu *mmu, u32 gfn)
{
	return mmu->live_gfn + (gfn >> (PAGE_SHIFT + 3));
}

static __fast bool has_live_bit(const struct ring1_mmu *mmu, u32 gfn)
{
	return mmu->live && gfn < mmu->nr_live;
}

/*
 * The guest's bitmap is written as its tables are: where the frame map has W, so that the
 * log of dirty pages has it. Full barriers: the guest writes an entry and then reads the
 * bit, fill.c. A bit that stays set costs announcements and nothing else.
 */
static __fast enum ring1_need set_live(struct ring1_mmu *mmu, u32 gfn, struct ring1_want *want)
{
	if (!has_live_bit(mmu, gfn))
		return RING1_FILLED;
	if (!(ring1_frame_of(mmu, live_gfn_of(mmu, gfn)) & _PAGE_RW))
		return ring1_want_frame(want, live_gfn_of(mmu, gfn), true);
	set_bit(gfn, mmu->live);
	want->dirty[want->nr_dirty++] = live_gfn_of(mmu, gfn);
	return RING1_FILLED;
}

static __fast void clear_live(struct ring1_mmu *mmu, u32 gfn)
{
	if (has_live_bit(mmu, gfn) && !atomic_read(&mmu->kvm->nr_memslots_dirty_logging))
		clear_bit(gfn, mmu->live);
}

static __fast u32 *chain_of(struct ring1_mmu *mmu, u32 gfn)
{
	return &ring1_block_of(mmu, gfn)->twins[gfn & (PTRS_PER_PTE - 1)];
}

/* For a table that the guest has linked to many places: an announcement looks at each. */
static __fast void thin(struct ring1_mmu *mmu, u32 id)
{
	u32 next;

	for (; id; id = next) {
		struct ring1_twin *twin = mmu->twin[id];

		next = twin->next_twin;
		if (twin->parent)
			ring1_twin_clear(mmu, twin->parent, twin->index);
	}
}

/**
 * ring1_twin_chain - let a twin be found from its guest table
 * @mmu:	locked
 * @twin:	levels 1-4, not there yet; its frame is in the frame map
 * @want:	out: frame of the guest's bitmap
 *
 * Return: RING1_FILLED; RING1_WANT_FRAME; RING1_WANT_RETRY if the table was linked to too
 * many places, and is to none now.
 */
__fast enum ring1_need ring1_twin_chain(struct ring1_mmu *mmu, struct ring1_twin *twin,
					struct ring1_want *want)
{
	unsigned int n = 0;
	enum ring1_need r;
	u32 *head, id;

	lockdep_assert_held(&mmu->lock);
	head = chain_of(mmu, twin->gfn);
	for (id = *head; id; id = mmu->twin[id]->next_twin)
		n += !!mmu->twin[id]->parent;
	if (n >= MAX_CHAIN + atomic_read(&mmu->kvm->online_vcpus)) {
		thin(mmu, *head);
		return RING1_WANT_RETRY;
	}
	r = set_live(mmu, twin->gfn, want);
	if (r != RING1_FILLED)
		return r;
	twin->next_twin = *head;
	*head = twin->id;
	twin->chained = true;
	return RING1_FILLED;
}

/**
 * ring1_twin_unchain - the guest need not announce what it does to this table
 * @mmu:	locked
 * @twin:	levels 1-4; out of its tree, or with no entry that the guest can take away
 */
__fast void ring1_twin_unchain(struct ring1_mmu *mmu, struct ring1_twin *twin)
{
	u32 *id;

	if (!twin->chained)
		return;
	for (id = chain_of(mmu, twin->gfn); *id != twin->id; id = &mmu->twin[*id]->next_twin)
		;
	*id = twin->next_twin;
	twin->chained = false;
	if (!*chain_of(mmu, twin->gfn))
		clear_live(mmu, twin->gfn);
}

/**
 * ring1_twin_kill - a twin that nothing leads to any more
 * @mmu:	locked
 * @twin:	out of its parent, or out of the lists of roots or tops
 */
__fast void ring1_twin_kill(struct ring1_mmu *mmu, struct ring1_twin *twin)
{
	lockdep_assert_held(&mmu->lock);
	ring1_twin_unchain(mmu, twin);
	twin->parent = NULL;
	WRITE_ONCE(twin->dead, true);
	list_add_tail(&twin->list, &mmu->dying);
}

static __fast bool empty_leaves(struct ring1_mmu *mmu, struct ring1_twin *twin,
				unsigned int *budget)
{
	struct ring1_place at = RING1_NOWHERE;
	unsigned int i;

	for (i = 0; i < PTRS_PER_PTE; i += BITS_PER_LONG) {
		unsigned long *used = &twin->used[i / BITS_PER_LONG], left = *used;
		unsigned int n = 0;

		if (!left)
			continue;
		if (!*budget)
			return false;
		for (; left; left &= left - 1, n++)
			ring1_leaf_clear(mmu, &at, twin, i + __ffs(left));
		*used = 0;
		*budget -= min(*budget, n);
	}
	return true;
}

/* All entries but the switcher's. Return false if the budget did not do. */
static __fast bool empty(struct ring1_mmu *mmu, struct ring1_twin *twin, unsigned int *budget)
{
	unsigned int i;

	if (twin->level == 1)
		return empty_leaves(mmu, twin, budget);
	for_each_set_bit(i, twin->used, PTRS_PER_PTE) {
		if (!*budget)
			return false;
		--*budget;
		if (twin->level != RING1_LEVEL_TOP || i != RING1_SLOT)
			ring1_twin_clear(mmu, twin, i);
	}
	return true;
}

/**
 * ring1_twins_bury - empty twins that are dying
 * @mmu:	locked
 * @budget:	entries at most
 *
 * Children that come to light go to the end of the list. A vCPU may still run on a top that
 * is dying: the switcher, in slot 256, stays in it until recycle().
 */
__fast void ring1_twins_bury(struct ring1_mmu *mmu, unsigned int budget)
{
	lockdep_assert_held(&mmu->lock);
	while (budget && !list_empty(&mmu->dying)) {
		struct ring1_twin *twin = list_first_entry(&mmu->dying, struct ring1_twin, list);

		if (!empty(mmu, twin, &budget))
			return;
		/* An empty one takes time, too. */
		budget -= !!budget;
		twin->dead_gen = ++mmu->gen;
		list_move_tail(&twin->list, &mmu->dead);
	}
}

/*
 * The generation up to which no processor knows a dead twin. A vCPU notes the generation
 * and then flushes, at each enter. One that is outside flushes before it comes in; it
 * becomes IN_GUEST_MODE before it walks any table, so that either we see that, or it sees
 * our tables without the twin. @self is in here.
 */
static __fast u64 flushed_gen(struct ring1_mmu *mmu, const struct kvm_vcpu *self)
{
	u64 gen = mmu->gen;
	struct kvm_vcpu *vcpu;
	unsigned long i;

	/* Between what left the tables and the modes. */
	smp_mb();
	kvm_for_each_vcpu(i, vcpu, mmu->kvm)
		if (vcpu != self && READ_ONCE(vcpu->mode) != OUTSIDE_GUEST_MODE)
			gen = min(gen, READ_ONCE(to_ring1(vcpu)->seen_gen));
	return gen;
}

static __fast void recycle(struct ring1_mmu *mmu, const struct kvm_vcpu *self)
{
	unsigned int budget = TWIN_BATCH;
	struct ring1_twin *twin, *next;
	u64 gen;

	if (list_empty(&mmu->dead))
		return;
	gen = flushed_gen(mmu, self);
	list_for_each_entry_safe(twin, next, &mmu->dead, list) {
		if (twin->dead_gen > gen || !budget--)
			return;
		if (twin->level == RING1_LEVEL_TOP)
			ring1_set_entry(twin, RING1_SLOT, 0);
		list_move(&twin->list, &mmu->free);
		twin->in_use = false;
		mmu->nr_free++;
	}
}

/**
 * ring1_twin_new - take a twin from the pool
 * @mmu:	locked
 * @self:	vCPU that asks, in an exit
 * @gfn:	the guest table's frame
 * @level:	its level
 *
 * Return: the twin, empty, in no list; NULL if the pool is.
 */
__fast struct ring1_twin *ring1_twin_new(struct ring1_mmu *mmu, struct kvm_vcpu *self, u32 gfn,
					 u8 level)
{
	struct ring1_twin *twin;

	lockdep_assert_held(&mmu->lock);
	if (list_empty(&mmu->free)) {
		ring1_twins_bury(mmu, TWIN_BATCH);
		recycle(mmu, self);
	}
	twin = list_first_entry_or_null(&mmu->free, struct ring1_twin, list);
	if (!twin)
		return NULL;
	list_del(&twin->list);
	mmu->nr_free--;
	if (ring1_debug)
		WARN_ON_ONCE(memchr_inv(twin->hw, 0, PAGE_SIZE));
	twin->gfn = gfn;
	twin->level = level;
	twin->next_twin = 0;
	twin->chained = false;
	twin->throwaway = false;
	twin->in_use = true;
	twin->dead = false;
	twin->parent = NULL;
	twin->root = NULL;
	twin->v = NULL;
	INIT_LIST_HEAD(&twin->tops);
	return twin;
}

static void free_twin(struct ring1_twin *twin)
{
	free_page((unsigned long)twin->hw);
	if (twin->link)
		kmem_cache_free(link_cache, twin->link);
	kfree(twin);
}

static struct ring1_twin *alloc_twin(void)
{
	struct ring1_twin *twin = kzalloc(sizeof(*twin), GFP_KERNEL_ACCOUNT);

	if (!twin)
		return NULL;
	twin->hw = (u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	twin->link = kmem_cache_alloc(link_cache, GFP_KERNEL_ACCOUNT);
	if (!twin->hw || !twin->link) {
		free_twin(twin);
		return NULL;
	}
	/* From CR3 to the twin, root.c. */
	set_page_private(virt_to_page(twin->hw), (unsigned long)twin);
	return twin;
}

/* Another vCPU may have used up the quota meanwhile. */
static bool add_twin(struct ring1_mmu *mmu, struct ring1_twin *twin)
{
	if (mmu->nr_twins + 1 >= mmu->quota)
		return false;
	twin->id = ++mmu->nr_twins;
	mmu->twin[twin->id] = twin;
	list_add(&twin->list, &mmu->free);
	mmu->nr_free++;
	return true;
}

/**
 * ring1_twins_refill - bring the pool up to what the fast paths need
 * @mmu:	the VM's
 * @self:	vCPU that asks, in an exit
 *
 * Context: interrupts on; may sleep.
 * Return: 0; where the pool is empty, -ENOMEM, or -EAGAIN if the quota is used up.
 */
int ring1_twins_refill(struct ring1_mmu *mmu, struct kvm_vcpu *self)
{
	struct ring1_twin *twin, *surplus = NULL;
	int r = 0;

	raw_spin_lock_irq(&mmu->lock);
	while (mmu->nr_free < POOL_LOW && !r) {
		bool waits = !list_empty(&mmu->dying);

		ring1_twins_bury(mmu, TWIN_BATCH);
		recycle(mmu, self);
		if (mmu->nr_free >= POOL_LOW)
			break;
		if (!waits && mmu->nr_twins + 1 >= mmu->quota) {
			r = -EAGAIN;
			break;
		}
		raw_spin_unlock_irq(&mmu->lock);
		twin = waits ? NULL : alloc_twin();
		if (!waits && !twin)
			r = -ENOMEM;
		raw_spin_lock_irq(&mmu->lock);
		if (twin && !add_twin(mmu, twin))
			surplus = twin;
		if (surplus)
			break;
	}
	raw_spin_unlock_irq(&mmu->lock);
	if (surplus)
		free_twin(surplus);
	/* What there is will do for now. */
	return mmu->nr_free ? 0 : r;
}

int ring1_twins_init(struct ring1_mmu *mmu)
{
	mmu->twin = kvcalloc(mmu->quota, sizeof(*mmu->twin), GFP_KERNEL_ACCOUNT);
	INIT_LIST_HEAD(&mmu->roots);
	INIT_LIST_HEAD(&mmu->free);
	INIT_LIST_HEAD(&mmu->dying);
	INIT_LIST_HEAD(&mmu->dead);
	return mmu->twin ? 0 : -ENOMEM;
}

/* No vCPU is left. */
void ring1_twins_free(struct ring1_mmu *mmu)
{
	u32 id;

	for (id = 1; id <= mmu->nr_twins; id++)
		free_twin(mmu->twin[id]);
	kvfree(mmu->twin);
}

void ring1_twins_exit(void)
{
	kmem_cache_destroy(link_cache);
}

int __init ring1_twins_setup(void)
{
	link_cache = kmem_cache_create("ring1_link", PTRS_PER_PTE * sizeof(struct ring1_link),
				       0, SLAB_ACCOUNT, NULL);
	return link_cache ? 0 : -ENOMEM;
}
