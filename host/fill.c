// SPDX-License-Identifier: GPL-2.0-only
/*
 * From guest entries to hardware entries: what a page fault fills in, and what an
 * announcement of the guest's takes away or changes. A hardware entry is always made of
 * the guest's entry, as it stands in its memory, and of the frame map.
 *
 *	frame	the frame map's
 *	P U NX	the guest's
 *	W	guest's W and D, and the frame map's W
 *	A	set; D as W: the processor never writes an entry of ours
 *	G PAT PWT PCD	never
 *
 * A guest entry without P or A has none. Accessed and dirty bits of the guest are set
 * here, as the processor does: with a compare and exchange, before the entry is used.
 *
 * The live bit of a table is set before its entries are read (twin.c), and the guest reads
 * it after it has written an entry, both with a full barrier in between: one of the two
 * sees the other.
 */
#include <asm/trap_pf.h>
#include "ownmmu.h"

#define BASE_FLAGS		(_PAGE_PRESENT | _PAGE_ACCESSED)
#define RIGHTS			(_PAGE_RW | _PAGE_USER)

/* Beside an entry of another table. */
#define ROOT_ENTRY_COST		31u

/* Bits of #PF's error code. */
#define ACCESS_W		X86_PF_WRITE
#define ACCESS_U		X86_PF_USER
#define ACCESS_I		X86_PF_INSTR

static __fast unsigned int index_of(u64 gva, unsigned int level)
{
	return gva >> (PAGE_SHIFT + 9 * (level - 1)) & (PTRS_PER_PTE - 1);
}

static __fast u64 gfn_of(u64 entry)
{
	return (entry & RING1_FRAME_MASK) >> PAGE_SHIFT;
}

static __fast bool is_large(u64 entry, unsigned int level)
{
	return entry & _PAGE_PSE && (level == 2 || level == 3);
}

/* Bits of a large entry's address that the processor wants to be 0; bit 12 is PAT. */
static __fast bool is_misaligned(u64 entry, unsigned int level)
{
	return is_large(entry, level) && entry & GENMASK_ULL(11 + 9 * (level - 1), 13);
}

/* The guest's table, as long as the lock is held; NULL if its frame is not known. */
static __fast u64 *guest_table(struct ring1_mmu *mmu, u64 gfn)
{
	u64 frame = ring1_frame_of(mmu, gfn);

	return ring1_frame_present(frame) ? __va(frame & RING1_FRAME_MASK) : NULL;
}

static __fast u64 upper_entry(u64 hw, u64 e)
{
	return hw | BASE_FLAGS | (e & (RIGHTS | _PAGE_NX));
}

static __fast u64 leaf_rights(u64 e)
{
	u64 rights = e & (_PAGE_USER | _PAGE_NX);

	if (e & _PAGE_RW && e & _PAGE_DIRTY)
		rights |= _PAGE_RW | _PAGE_DIRTY;
	return rights;
}

static __fast u64 leaf_entry(u64 frame, u64 e)
{
	if (!(frame & _PAGE_RW))
		e &= ~(u64)_PAGE_RW;
	return (frame & RING1_FRAME_MASK) | BASE_FLAGS | leaf_rights(e);
}

/* A large entry leads to frame maps, whose entries have their own W. */
static __fast u64 large_entry(struct ring1_mmu *mmu, u64 e, unsigned int level)
{
	u64 gfn = gfn_of(e) & ~((1ull << 9 * (level - 1)) - 1);
	void *table = NULL;

	if (is_misaligned(e, level))
		return 0;
	if (level == 2) {
		table = ring1_map_of(mmu, gfn);
	} else {
		struct ring1_gib *gib = ring1_gib_of(mmu, gfn);

		table = gib ? gib->hw : NULL;
	}
	return table ? __pa(table) | BASE_FLAGS | (leaf_rights(e) & ~(u64)_PAGE_DIRTY) : 0;
}

static __fast void link_leaf(struct ring1_mmu *mmu, struct ring1_twin *twin, unsigned int i,
			     u32 gfn)
{
	ring1_frame_link(mmu, ring1_block_of(mmu, gfn), &twin->link[i], RING1_REF(twin, i), gfn);
}

/* Put an entry of level 1 into place; @frame is present. */
static __fast void map(struct ring1_mmu *mmu, struct ring1_twin *twin, unsigned int i, u64 e,
		       u64 frame)
{
	if (twin->hw[i] && twin->link[i].gfn != gfn_of(e))
		ring1_twin_clear(mmu, twin, i);
	if (!twin->hw[i])
		link_leaf(mmu, twin, i, gfn_of(e));
	ring1_twin_set(mmu, twin, i, leaf_entry(frame, e));
}

/*
 * Neighbours that the guest has used before, and that cost a fault each otherwise: with the
 * first one of a group. Later ones come from faults of the guest's own.
 */
static __fast void map_around(struct ring1_mmu *mmu, struct ring1_twin *twin, const u64 *table,
			      unsigned int i)
{
	unsigned int first = round_down(i, RING1_GROUP), j;
	unsigned long *used = &twin->used[i / BITS_PER_LONG];
	u16 group = *used >> (first % BITS_PER_LONG), filled = group;
	struct ring1_link *link = &twin->link[first];
	struct ring1_place at = RING1_NOWHERE;
	u32 ref = RING1_REF(twin, first);
	u64 *hw = &twin->hw[first];
	const u64 *map = NULL;

	if (group & (group - 1))
		return;
	for (j = 0, table += first; j < RING1_GROUP; j++) {
		u64 e = READ_ONCE(table[j]), gfn = gfn_of(e), frame;

		if (~e & (_PAGE_PRESENT | _PAGE_ACCESSED) || hw[j])
			continue;
		if (ring1_go_to(mmu, &at, gfn))
			map = ring1_map_of(mmu, gfn);
		frame = map ? map[gfn & (PTRS_PER_PTE - 1)] : 0;
		if (!ring1_frame_present(frame))
			continue;
		ring1_frame_link(mmu, at.block, &link[j], ref + j, gfn);
		WRITE_ONCE(hw[j], leaf_entry(frame, e));
		filled |= BIT(j);
	}
	*used |= (unsigned long)filled << (first % BITS_PER_LONG);
}

/* The kernel's half is in one tree, but for vCPUs that announce nothing. */
static __fast struct ring1_twin *root_for(struct vcpu_ring1 *v, struct ring1_mmu *mmu, u64 gva)
{
	return (s64)gva < 0 && !v->top->root->throwaway ? mmu->kernel : v->top->root;
}

/*
 * What the guest's entries, ANDed, say to the access. SMEP and SMAP are the host's, and on
 * if the processor has them; a guest that is refused by the hardware gets its fault.
 */
static __fast enum ring1_need judge(struct vcpu_ring1 *v, u64 rights, bool nx, u32 access)
{
	if (access & ACCESS_I && nx)
		return RING1_REFUSED;
	if (access & ACCESS_U)
		return rights & _PAGE_USER && (!(access & ACCESS_W) || rights & _PAGE_RW) ?
		       RING1_FILLED : RING1_REFUSED;
	if (rights & _PAGE_USER) {
		if (access & ACCESS_I)
			return RING1_REFUSED;
		if (access & RING1_ACCESS_SMAP)
			return RING1_REFUSED;
	}
	if (access & ACCESS_W && !(rights & _PAGE_RW))
		return kvm_is_cr0_bit_set(&v->vcpu, X86_CR0_WP) ? RING1_REFUSED :
								  RING1_WANT_EMULATION;
	return RING1_FILLED;
}

/*
 * Set bits in a guest entry. RING1_FILLED if they are set now; if somebody else wrote the
 * entry meanwhile, the guest's access is tried again, which finds what stands there then.
 */
static __fast enum ring1_need set_bits(struct ring1_mmu *mmu, struct ring1_twin *twin, u64 *ptr,
				       u64 *e, u64 bits, struct ring1_want *want)
{
	u64 old = *e;

	if (!(~old & bits))
		return RING1_FILLED;
	if (!(ring1_frame_of(mmu, twin->gfn) & _PAGE_RW))
		return ring1_want_frame(want, twin->gfn, true);
	*e |= bits;
	if (cmpxchg(ptr, old, *e) != old)
		return RING1_WANT_RETRY;
	want->dirty[want->nr_dirty++] = twin->gfn;
	return RING1_FILLED;
}

/* The twin that @e, entry @i of @twin, leads to; NULL if the pool is empty. */
static __fast struct ring1_twin *descend(struct vcpu_ring1 *v, struct ring1_mmu *mmu,
					 struct ring1_twin *twin, unsigned int i, u64 e)
{
	struct ring1_twin *child = NULL;

	if (twin->hw[i]) {
		child = twin->child[i];
		if (!child || child->gfn != gfn_of(e)) {
			ring1_twin_clear(mmu, twin, i);
			child = NULL;
		}
	}
	if (!child) {
		child = ring1_twin_new(mmu, &v->vcpu, gfn_of(e), twin->level - 1);
		if (!child)
			return NULL;
		child->parent = twin;
		child->index = i;
		twin->child[i] = child;
	}
	ring1_twin_set(mmu, twin, i, upper_entry(__pa(child->hw), e));
	return child;
}

static __fast enum ring1_need fill_large(struct ring1_mmu *mmu, struct ring1_twin *twin,
					 unsigned int i, u64 e, u64 gva, bool write,
					 struct ring1_want *want)
{
	u64 pages = 1ull << 9 * (twin->level - 1);
	u64 gfn = (gfn_of(e) & ~(pages - 1)) | (gva >> PAGE_SHIFT & (pages - 1));
	u64 frame = ring1_frame_of(mmu, gfn), entry;

	if (!ring1_frame_present(frame) || (write && !(frame & _PAGE_RW)))
		return ring1_want_frame(want, gfn, write);
	entry = large_entry(mmu, e, twin->level);
	if (twin->hw[i] && (twin->child[i] || (twin->hw[i] ^ entry) & RING1_FRAME_MASK))
		ring1_twin_clear(mmu, twin, i);
	twin->child[i] = NULL;
	ring1_twin_set(mmu, twin, i, entry);
	return RING1_FILLED;
}

/* Down to the lowest twin that is there. What leads to it is what the guest's entries say. */
static __fast struct ring1_twin *skip(struct ring1_twin *twin, u64 gva, u64 *rights, bool *nx)
{
	while (twin->level > 1) {
		unsigned int i = index_of(gva, twin->level);

		if (!twin->hw[i] || !twin->child[i])
			break;
		*rights &= twin->hw[i];
		*nx |= !!(twin->hw[i] & _PAGE_NX);
		twin = twin->child[i];
	}
	return twin;
}

static __fast enum ring1_need fill_from(struct vcpu_ring1 *v, struct ring1_mmu *mmu,
					struct ring1_twin *twin, u64 rights, bool nx, u64 gva,
					u32 access, struct ring1_want *want)
{
	bool write = access & ACCESS_W;
	struct ring1_twin *child;
	u64 *table, e, frame;
	enum ring1_need r;
	unsigned int i;

	want->present = false;
	want->table = false;
	for (;;) {
		table = guest_table(mmu, twin->gfn);
		if (!table) {
			want->table = true;
			return ring1_want_frame(want, twin->gfn, false);
		}
		if (!twin->chained) {
			r = ring1_twin_chain(mmu, twin, want);
			if (r != RING1_FILLED)
				return r;
		}
		i = index_of(gva, twin->level);
		e = READ_ONCE(table[i]);
		if (!(e & _PAGE_PRESENT))
			return RING1_REFUSED;
		rights &= e;
		nx |= !!(e & _PAGE_NX);
		if (twin->level == 1 || is_large(e, twin->level))
			break;
		if (gfn_of(e) >> 18 >= RING1_NR_GIBS || e & _PAGE_PSE) {
			want->table = true;
			return RING1_WANT_EMULATION;
		}
		r = set_bits(mmu, twin, &table[i], &e, _PAGE_ACCESSED, want);
		if (r != RING1_FILLED)
			return r;
		child = descend(v, mmu, twin, i, e);
		if (!child)
			return RING1_WANT_TWIN;
		twin = child;
	}
	/* The emulator tells the guest that it is a reserved bit. */
	if (is_misaligned(e, twin->level)) {
		want->table = true;
		return RING1_WANT_EMULATION;
	}
	want->present = true;
	r = judge(v, rights, nx, access);
	if (r != RING1_FILLED)
		return r;
	if (gfn_of(e) >> 18 >= RING1_NR_GIBS)
		return RING1_WANT_EMULATION;
	/* Before D is set: a frame that cannot be written must not look written. */
	frame = ring1_frame_of(mmu, gfn_of(e));
	if (twin->level == 1 && (!ring1_frame_present(frame) || (write && !(frame & _PAGE_RW))))
		return ring1_want_frame(want, gfn_of(e), write);
	r = set_bits(mmu, twin, &table[i], &e, _PAGE_ACCESSED | (write ? _PAGE_DIRTY : 0), want);
	if (r != RING1_FILLED)
		return r;
	if (twin->level > 1)
		return fill_large(mmu, twin, i, e, gva, write, want);
	map(mmu, twin, i, e, frame);
	map_around(mmu, twin, table, i);
	return RING1_FILLED;
}

/*
 * Most fills: a user's access, the twin of the lowest table is there and has no entry yet,
 * the guest's has all that it needs, and its frame is known. Return false if it is not so;
 * the long way finds out what is.
 */
static __fast bool fill_leaf(struct ring1_mmu *mmu, struct ring1_twin *twin, u64 rights, bool nx,
			     u64 gva, u32 access)
{
	unsigned int i = index_of(gva, 1);
	u64 need = _PAGE_PRESENT | _PAGE_ACCESSED | _PAGE_USER, known = _PAGE_PRESENT;
	u64 *table, e, frame;

	if (twin->level != 1 || !twin->chained || twin->hw[i] || !(access & ACCESS_U))
		return false;
	table = guest_table(mmu, twin->gfn);
	if (!table)
		return false;
	e = READ_ONCE(table[i]);
	if (access & ACCESS_W) {
		need |= _PAGE_RW | _PAGE_DIRTY;
		known |= _PAGE_RW;
	}
	if (~(e & (rights | ~(u64)RIGHTS)) & need || (access & ACCESS_I && (nx || e & _PAGE_NX)))
		return false;
	frame = ring1_frame_of(mmu, gfn_of(e));
	if (~frame & known)
		return false;
	link_leaf(mmu, twin, i, gfn_of(e));
	ring1_set_entry(twin, i, leaf_entry(frame, e));
	map_around(mmu, twin, table, i);
	return true;
}

/**
 * ring1_fill - make an address accessible, if the guest's tables allow it
 * @v:		vCPU in an exit, with a top
 * @mmu:	locked
 * @gva:	canonical address
 * @access:	X86_PF_WRITE, _USER, _INSTR, RING1_ACCESS_SMAP
 * @want:	out: what is missing
 *
 * Rights that the guest adds are not announced: what is refused is looked at from the root.
 *
 * Return: RING1_*.
 */
__fast enum ring1_need ring1_fill(struct vcpu_ring1 *v, struct ring1_mmu *mmu, u64 gva, u32 access,
				  struct ring1_want *want)
{
	struct ring1_twin *root = root_for(v, mmu, gva), *twin;
	u64 rights = RIGHTS;
	bool nx = false;
	enum ring1_need r;

	lockdep_assert_held(&mmu->lock);
	want->nr_dirty = 0;
	twin = skip(root, gva, &rights, &nx);
	if (fill_leaf(mmu, twin, rights, nx, gva, access))
		return RING1_FILLED;
	r = fill_from(v, mmu, twin, rights, nx, gva, access, want);
	if (r == RING1_REFUSED && twin != root)
		r = fill_from(v, mmu, root, RIGHTS, false, gva, access, want);
	return r;
}

/* Bring an entry that is used in step with the guest's. Rights that were taken go. */
static __fast void sync_entry(struct ring1_mmu *mmu, struct ring1_twin *twin, unsigned int i, u64 e)
{
	u64 entry = 0;

	if (!(~e & (_PAGE_PRESENT | _PAGE_ACCESSED))) {
		if (twin->level == 1) {
			if (twin->link[i].gfn == gfn_of(e))
				entry = leaf_entry(ring1_frame_of(mmu, gfn_of(e)), e);
		} else if (is_large(e, twin->level)) {
			if (!twin->child[i])
				entry = large_entry(mmu, e, twin->level);
		} else if (twin->child[i] && twin->child[i]->gfn == gfn_of(e)) {
			entry = upper_entry(__pa(twin->child[i]->hw), e);
		}
	}
	if (!entry || (twin->hw[i] ^ entry) & RING1_FRAME_MASK)
		ring1_twin_clear(mmu, twin, i);
	else
		ring1_twin_set(mmu, twin, i, entry);
}

/* Return false if the budget did not do. */
static __fast bool sync_leaves(struct ring1_mmu *mmu, struct ring1_twin *twin, const u64 *table,
			       unsigned int first, unsigned int end, unsigned int *budget)
{
	struct ring1_place at = RING1_NOWHERE;
	unsigned int base;

	for (base = round_down(first, BITS_PER_LONG); base < end; base += BITS_PER_LONG) {
		unsigned int from = max(first, base), to = min(end, base + BITS_PER_LONG) - 1;
		unsigned long *used = &twin->used[base / BITS_PER_LONG], left, gone;
		unsigned int n = 0;

		gone = *used & GENMASK(to - base, from - base);
		left = gone;
		if (!left)
			continue;
		if (!*budget)
			return false;
		for (; left; left &= left - 1, n++) {
			unsigned int i = base + __ffs(left);
			u64 e = table ? READ_ONCE(table[i]) : 0;

			if (~e & (_PAGE_PRESENT | _PAGE_ACCESSED)) {
				ring1_leaf_clear(mmu, &at, twin, i);
			} else {
				sync_entry(mmu, twin, i, e);
				gone &= ~(left & -left);
			}
		}
		*used &= ~gone;
		*budget -= min(*budget, n);
	}
	return true;
}

/**
 * ring1_sync - the guest says that it has changed entries of one of its tables
 * @mmu:	locked
 * @gpa:	of the first one
 * @nr:		how many, cut at the end of the table
 * @budget:	entries to look at, at most; out: what is left
 *
 * Return: whether all have been looked at.
 */
__fast bool ring1_sync(struct ring1_mmu *mmu, u64 gpa, unsigned int nr, unsigned int *budget)
{
	unsigned int first = gpa >> 3 & (PTRS_PER_PTE - 1), end = min(first + nr, PTRS_PER_PTE), i;
	u64 gfn = gpa >> PAGE_SHIFT;
	struct ring1_block *block = ring1_block_of(mmu, gfn);
	const u64 *table = guest_table(mmu, gfn);
	struct ring1_twin *twin;
	u32 id;

	lockdep_assert_held(&mmu->lock);
	if (!block)
		return true;
	for (id = block->twins[gfn & (PTRS_PER_PTE - 1)]; id; id = twin->next_twin) {
		twin = mmu->twin[id];
		if (twin->level == 1) {
			if (!sync_leaves(mmu, twin, table, first, end, budget))
				return false;
			continue;
		}
		i = first;
		for_each_set_bit_from(i, twin->used, end) {
			if (!*budget)
				return false;
			--*budget;
			sync_entry(mmu, twin, i, table ? READ_ONCE(table[i]) : 0);
			/* All vCPUs' tops. */
			if (twin->level == RING1_LEVEL_ROOT)
				*budget -= min(*budget, ROOT_ENTRY_COST);
		}
	}
	return true;
}
