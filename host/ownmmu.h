/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The own MMU: what its files share. The guest's page tables, in its memory, are the
 * truth; what stands here is a cache of them, which may lack anything and is never behind
 * what the guest has announced.
 *
 *	verify.c	what must hold at any moment, for debugging
 *	frames.c	guest frame -> host frame, and which entries map a frame
 *	twin.c		twins: hardware tables, one for each place of a guest table
 *	fill.c		guest entry -> hardware entry: faults and announcements
 *	root.c		top-level tables: what CR3 holds
 *
 * Each calls those above it. One raw spinlock a VM guards all of it; nobody who holds it
 * sleeps, allocates, or waits for another CPU, so that it can be taken with interrupts
 * off in the run loop.
 */
#ifndef _RING1_OWNMMU_H
#define _RING1_OWNMMU_H

#include <linux/kvm_host.h>
#include <linux/nospec.h>
#include <asm/pgtable_types.h>
#include "ring1.h"

#define RING1_NR_GIBS		4096		/* 4 TiB of guest memory */
#define RING1_FRAME_MASK	GENMASK_ULL(51, 12)
#define RING1_ACCESS_SMAP	BIT(16)		/* ring 1, and AC is 0 */
#define RING1_GROUP		16		/* level-1 entries that are filled together */

/**
 * struct ring1_block - 2 MiB of guest frames that have been touched: a page
 * @users:	by frame: reference of the first twin entry that maps it, 0 if none does
 * @twins:	by frame: id of the first twin of the guest table in it
 */
struct ring1_block {
	u32	users[PTRS_PER_PTE];
	u32	twins[PTRS_PER_PTE];
};

/**
 * struct ring1_gib - 1 GiB of guest frames
 * @hw:		level-2 table for 1G entries of the guest. Its entries lead to the frame maps
 *		of 2 MiB: host frame, P U A, W and D if it may be written; 0 if not known.
 *		Each is a level-1 table as well, for 2M entries of the guest
 * @block:	those that exist, once @hw has their frame map
 * @writable:	frame maps in which an entry has had W since dirty logging looked last
 *
 * Frame maps live as long as the VM: large entries point at them, and no list leads back.
 */
struct ring1_gib {
	u64			*hw;
	struct ring1_block	*block[PTRS_PER_PMD];
	DECLARE_BITMAP(writable, PTRS_PER_PMD);
};

/**
 * struct ring1_link - a level-1 entry in the list of the frame it maps
 * @gfn:	frame; valid while the entry is present
 * @next:	references of other entries, RING1_REF(); 0 at the ends
 * @prev:	"
 */
struct ring1_link {
	u32	gfn;
	u32	next;
	u32	prev;
};

#define RING1_REF(twin, i)	((twin)->id << 9 | (i))

/* Levels of twins: the hardware's, and the private copy of level 4 that is in CR3. */
#define RING1_LEVEL_ROOT	4
#define RING1_LEVEL_TOP		5

/**
 * struct ring1_twin - the hardware table of one guest table at one place
 * @hw:		its page: all zeros in the pool
 * @link:	level 1: by entry, of those that are used
 * @child:	levels 2-4, likewise: twin it leads to; NULL if to a block
 * @used:	entries that are not 0
 * @gfn:	the guest table's frame
 * @id:		index into ring1_mmu.twin, never 0
 * @next_twin:	id of the next twin of @gfn
 * @level:	1-4, or RING1_LEVEL_TOP
 * @index:	entry of @parent that leads here
 * @chained:	stands in the list of twins of @gfn
 * @throwaway:	root: of a vCPU that announces nothing; its upper half is its own
 * @in_use:	not in the pool
 * @dead:	taken out of its tree; the hardware may still know of it
 * @parent:	levels 1-3
 * @root:	top: whose copy it is
 * @v:		top: whose region it has
 * @tops:	root: its tops
 * @of_root:	top: in @tops
 * @of_vcpu:	top: in vcpu_ring1.tops, the oldest first
 * @hash:	root: in ring1_mmu.hash
 * @list:	in the list of free, dying or dead twins, or of roots, the oldest first
 * @dead_gen:	in the list of dead ones: generation in which it is known to nobody
 */
struct ring1_twin {
	u64			*hw;
	union {
		struct ring1_link	*link;
		struct ring1_twin	**child;
	};
	DECLARE_BITMAP(used, PTRS_PER_PTE);
	u32			gfn;
	u32			id;
	u32			next_twin;
	u16			index;
	u8			level;
	bool			chained;
	bool			throwaway;
	bool			in_use;
	bool			dead;
	struct ring1_twin	*parent;
	struct ring1_twin	*root;
	struct vcpu_ring1	*v;
	struct list_head	tops;
	struct list_head	of_root;
	struct list_head	of_vcpu;
	struct hlist_node	hash;
	struct list_head	list;
	u64			dead_gen;
};

#define RING1_ROOT_HASH		256

/**
 * struct ring1_mmu - the own MMU of a VM
 * @lock:	guards everything below but @gib's pointers, which only appear
 * @kvm:	the VM
 * @log_mutex:	who takes write access because of a log of dirty pages
 * @gib:	guest frames
 * @twin:	by id
 * @nr_twins:	ids given away
 * @quota:	no more than that
 * @kernel:	root whose upper half is everybody's
 * @hash:	roots by guest frame, throw-away ones apart
 * @roots:	all roots, the oldest first
 * @nr_roots:	in @roots
 * @closed:	no new ones: all are being dropped
 * @free:	clean twins
 * @dying:	twins that are out of their tree and not yet empty
 * @dead:	empty ones that a TLB may still know, the oldest first
 * @nr_free:	twins in @free
 * @taking:	how many are taking frames away just now
 * @gen:	counts twins that died
 * @live:	the guest's bitmap of frames that have a twin, pinned; NULL if it has none
 * @nr_live:	bits in it
 * @live_page:	its pages
 * @live_gfn:	the first one's guest frame
 */
struct ring1_mmu {
	raw_spinlock_t		lock;
	struct kvm		*kvm;
	struct mutex		log_mutex;	/* the frame map of slots that log */
	struct ring1_gib	*gib[RING1_NR_GIBS];
	struct ring1_twin	**twin;
	u32			nr_twins;
	u32			quota;
	struct ring1_twin	*kernel;
	struct hlist_head	hash[RING1_ROOT_HASH];
	struct list_head	roots;
	unsigned int		nr_roots;
	bool			closed;
	struct list_head	free;
	struct list_head	dying;
	struct list_head	dead;
	unsigned int		nr_free;
	unsigned int		taking;
	u64			gen;
	unsigned long		*live;
	u64			nr_live;
	struct page		**live_page;
	gfn_t			live_gfn;
};

enum ring1_need {
	RING1_FILLED,
	RING1_REFUSED,		/* the guest's own tables do not allow the access */
	RING1_WANT_FRAME,	/* a guest frame is not in the frame map */
	RING1_WANT_TWIN,	/* the pool is empty */
	RING1_WANT_EMULATION,	/* there is nothing to map */
	RING1_WANT_RETRY,	/* the guest's entry changed meanwhile */
};

/**
 * struct ring1_want - what a fill found out
 * @gfn:	with RING1_WANT_FRAME
 * @write:	"; it is to be written
 * @table:	"; it is a page table of the guest's. With RING1_WANT_EMULATION: an entry
 *		cannot be used, and the emulator will find the same
 * @present:	with RING1_REFUSED: the guest's entry is present
 * @nr_dirty:	frames of the guest that were written: tables in which accessed or dirty bits
 *		were set, and its bitmap
 * @dirty:	which
 */
struct ring1_want {
	gfn_t		gfn;
	bool		write;
	bool		table;
	bool		present;
	unsigned int	nr_dirty;
	u64		dirty[4 * RING1_LEVEL_ROOT];
};

static inline enum ring1_need ring1_want_frame(struct ring1_want *want, u64 gfn, bool write)
{
	want->gfn = gfn;
	want->write = write;
	return RING1_WANT_FRAME;
}

static inline struct ring1_mmu *ring1_mmu_of(struct kvm *kvm)
{
	/* Whole, see ring1_root_register(). */
	return smp_load_acquire(&to_kvm_ring1(kvm)->mmu);
}

/* Does the vCPU's kernel tell what it changes? */
static inline bool ring1_root_announces(const struct vcpu_ring1 *v, const struct ring1_mmu *mmu)
{
	return ring1_is_pv(v) && mmu->kernel;
}

static inline struct ring1_gib *ring1_gib_of(struct ring1_mmu *mmu, u64 gfn)
{
	u64 i = gfn >> 18;

	if (i >= RING1_NR_GIBS)
		return NULL;
	return READ_ONCE(mmu->gib[array_index_nospec(i, RING1_NR_GIBS)]);
}

static inline struct ring1_block *ring1_block_of(struct ring1_mmu *mmu, u64 gfn)
{
	struct ring1_gib *gib = ring1_gib_of(mmu, gfn);

	return gib ? READ_ONCE(gib->block[gfn >> 9 & (PTRS_PER_PMD - 1)]) : NULL;
}

/* The frame map of the 2 MiB around a frame; NULL if there is none. */
static inline u64 *ring1_map_of(struct ring1_mmu *mmu, u64 gfn)
{
	struct ring1_gib *gib = ring1_gib_of(mmu, gfn);
	u64 entry = gib ? READ_ONCE(gib->hw[gfn >> 9 & (PTRS_PER_PMD - 1)]) : 0;

	return entry ? __va(entry & RING1_FRAME_MASK) : NULL;
}

/* Entry of the frame map; 0 if the frame is not known. */
static inline u64 ring1_frame_of(struct ring1_mmu *mmu, u64 gfn)
{
	u64 *map = ring1_map_of(mmu, gfn);

	return map ? map[gfn & (PTRS_PER_PTE - 1)] : 0;
}

static inline bool ring1_frame_present(u64 frame)
{
	return frame & _PAGE_PRESENT;
}

/**
 * struct ring1_place - the 2 MiB that a loop over entries was in last
 * @nr:		which, from frame 0 on
 * @block:	its block; NULL if there is none
 *
 * Neighbours in a table often are neighbours in memory.
 */
struct ring1_place {
	u64			nr;
	struct ring1_block	*block;
};

#define RING1_NOWHERE	{ .nr = ~0ull }

/* Return: whether it was elsewhere before. */
static __always_inline bool ring1_go_to(struct ring1_mmu *mmu, struct ring1_place *at, u64 gfn)
{
	if (at->nr == gfn >> 9)
		return false;
	at->nr = gfn >> 9;
	at->block = ring1_block_of(mmu, gfn);
	return true;
}

static __always_inline struct ring1_link *ring1_link_of(struct ring1_mmu *mmu, u32 ref)
{
	return &mmu->twin[ref >> 9]->link[ref & (PTRS_PER_PTE - 1)];
}

/**
 * ring1_frame_link - put a level-1 entry into the list of the frame it is to map
 * @mmu:	locked
 * @block:	the frame's
 * @link:	the entry's, in no list
 * @ref:	the entry's RING1_REF()
 * @gfn:	the frame
 */
static __always_inline void ring1_frame_link(struct ring1_mmu *mmu, struct ring1_block *block,
					     struct ring1_link *link, u32 ref, u32 gfn)
{
	u32 *head = &block->users[gfn & (PTRS_PER_PTE - 1)];

	lockdep_assert_held(&mmu->lock);
	link->gfn = gfn;
	link->prev = 0;
	link->next = *head;
	if (link->next)
		ring1_link_of(mmu, link->next)->prev = ref;
	*head = ref;
}

/**
 * ring1_frame_unlink - take a level-1 entry out of its frame's list
 * @mmu:	locked
 * @block:	the frame's
 * @twin:	level 1
 * @i:		its entry, in a list
 */
static __always_inline void ring1_frame_unlink(struct ring1_mmu *mmu, struct ring1_block *block,
					       struct ring1_twin *twin, unsigned int i)
{
	struct ring1_link *link = &twin->link[i];

	lockdep_assert_held(&mmu->lock);
	if (link->prev)
		ring1_link_of(mmu, link->prev)->next = link->next;
	else
		block->users[link->gfn & (PTRS_PER_PTE - 1)] = link->next;
	if (link->next)
		ring1_link_of(mmu, link->next)->prev = link->prev;
}

/* Empty a level-1 entry. The caller clears its bit in @used, or those of several at once. */
static __always_inline void ring1_leaf_clear(struct ring1_mmu *mmu, struct ring1_place *at,
					     struct ring1_twin *twin, unsigned int i)
{
	ring1_go_to(mmu, at, twin->link[i].gfn);
	ring1_frame_unlink(mmu, at->block, twin, i);
	WRITE_ONCE(twin->hw[i], 0);
}

/* Write an entry, of which there may be copies: ring1_twin_set() knows. Level 1 has none. */
static __always_inline void ring1_set_entry(struct ring1_twin *twin, unsigned int i, u64 entry)
{
	WRITE_ONCE(twin->hw[i], entry);
	__assign_bit(i, twin->used, entry != 0);
}

/* verify.c */
void ring1_mmu_verify(struct ring1_mmu *mmu);

/* frames.c */
void ring1_frames_free(struct ring1_mmu *mmu);
int ring1_frame_fill(struct kvm_vcpu *vcpu, struct ring1_mmu *mmu, gfn_t gfn, bool write);
void ring1_frames_log(struct kvm_vcpu *vcpu, struct ring1_mmu *mmu);
void ring1_memory_reclaimed(struct kvm *kvm);

/* twin.c */
void ring1_twin_set(struct ring1_mmu *mmu, struct ring1_twin *twin, unsigned int i, u64 entry);
void ring1_twin_clear(struct ring1_mmu *mmu, struct ring1_twin *twin, unsigned int i);
void ring1_twin_kill(struct ring1_mmu *mmu, struct ring1_twin *twin);
enum ring1_need ring1_twin_chain(struct ring1_mmu *mmu, struct ring1_twin *twin,
				 struct ring1_want *want);
void ring1_twin_unchain(struct ring1_mmu *mmu, struct ring1_twin *twin);
void ring1_twins_bury(struct ring1_mmu *mmu, unsigned int budget);
struct ring1_twin *ring1_twin_new(struct ring1_mmu *mmu, struct kvm_vcpu *self, u32 gfn, u8 level);
int ring1_twins_refill(struct ring1_mmu *mmu, struct kvm_vcpu *self);
int ring1_twins_init(struct ring1_mmu *mmu);
void ring1_twins_free(struct ring1_mmu *mmu);
int ring1_twins_setup(void);
void ring1_twins_exit(void);

/* fill.c */
enum ring1_need ring1_fill(struct vcpu_ring1 *v, struct ring1_mmu *mmu, u64 gva, u32 access,
			   struct ring1_want *want);
bool ring1_sync(struct ring1_mmu *mmu, u64 gpa, unsigned int nr, unsigned int *budget);

/* root.c */
bool ring1_root_choose(struct vcpu_ring1 *v, struct ring1_mmu *mmu);
void ring1_root_exited(struct vcpu_ring1 *v, u64 cr3);
bool ring1_root_forget(struct ring1_mmu *mmu, u64 gpa);
void ring1_root_evict(struct vcpu_ring1 *v, struct ring1_mmu *mmu);
void ring1_root_drop(struct vcpu_ring1 *v, struct ring1_mmu *mmu);
void ring1_root_flush(struct vcpu_ring1 *v, struct ring1_mmu *mmu);
int ring1_root_register(struct kvm_vcpu *vcpu, u64 kernel_root, u64 live, u64 nr_gfns);
bool ring1_root_registered(struct kvm *kvm, u64 *kernel_root, u64 *live, u64 *nr_gfns);
void ring1_root_unregister(struct vcpu_ring1 *v);
void ring1_root_free(struct kvm *kvm);

#endif /* _RING1_OWNMMU_H */
