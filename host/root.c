// SPDX-License-Identifier: GPL-2.0-only
/*
 * Roots of the own MMU: one for each top-level table that the guest loads, and for each
 * vCPU that loads it a top, the page that CR3 holds: the root's entries, the kernel's
 * half, and the vCPU's region. The page RING1_PG_ROOTS tells the switcher which there are,
 * so that it can change CR3 without an exit.
 *
 * A vCPU that has not registered, or whose kernel has not registered its MMU, announces
 * nothing: it has a throw-away tree, all of its own, that goes at each CR3 load and flush.
 */
#include <linux/mm.h>
#include <linux/vmalloc.h>
#include "x86.h"
#include "ownmmu.h"

#define MAX_TOPS	64		/* of a vCPU */
#define MAX_ROOTS	4096
/* Frames that the bitmap may have beside twice those of the guest's memory. */
#define LIVE_SLACK	(64ull * 8 * PAGE_SIZE)
#define NO_GFN		U32_MAX		/* no memory there */
/* RING1_REF() has 32 bits; what a twin and its page take is 10 KiB of the VMM's memory. */
#define MAX_TWINS	BIT(22)

/* Twins beside those that the size of the guest's memory asks for. */
#define QUOTA_BASE	1024

static __fast struct hlist_head *bucket(struct ring1_mmu *mmu, u32 gfn)
{
	return &mmu->hash[gfn % RING1_ROOT_HASH];
}

static __fast struct ring1_twin *find_root(struct ring1_mmu *mmu, u32 gfn)
{
	struct ring1_twin *root;

	hlist_for_each_entry(root, bucket(mmu, gfn), hash)
		if (root->gfn == gfn)
			return root;
	return NULL;
}

static __fast struct ring1_twin *find_top(struct ring1_twin *root, const struct vcpu_ring1 *v)
{
	struct ring1_twin *top;

	list_for_each_entry(top, &root->tops, of_root)
		if (top->v == v)
			return top;
	return NULL;
}

static __fast struct ring1_root_slot *slot_of(struct vcpu_ring1 *v, u32 gfn)
{
	return &v->roots[gfn % RING1_NR_ROOT_SLOTS];
}

static __fast u64 cr3_of(const struct ring1_twin *top)
{
	return __pa(top->hw) | (cr4_read_shadow() & X86_CR4_PCIDE ? RING1_GUEST_PCID : 0);
}

/*
 * A top that nobody is to use any more. Its vCPU may be in the guest with it, or have
 * loaded it just now: it sees @dead when it exits, before the page is used again.
 */
static __fast void kill_top(struct ring1_mmu *mmu, struct ring1_twin *top)
{
	struct vcpu_ring1 *v = top->v;
	struct ring1_root_slot *slot = slot_of(v, top->gfn);

	if ((slot->cr3 & RING1_FRAME_MASK) == __pa(top->hw))
		WRITE_ONCE(slot->tag, 0);
	list_del(&top->of_root);
	list_del(&top->of_vcpu);
	v->nr_tops--;
	ring1_twin_kill(mmu, top);
	/* Pairs with ring1_root_exited(). */
	smp_mb();
	if (READ_ONCE(v->top) == top)
		WRITE_ONCE(v->top, NULL);
}

static __fast void kill_root(struct ring1_mmu *mmu, struct ring1_twin *root)
{
	struct ring1_twin *top, *next;

	list_for_each_entry_safe(top, next, &root->tops, of_root)
		kill_top(mmu, top);
	if (!root->throwaway) {
		hlist_del(&root->hash);
		list_del(&root->list);
		mmu->nr_roots--;
	}
	if (mmu->kernel == root)
		mmu->kernel = NULL;
	ring1_twin_kill(mmu, root);
}

/* What the first @end entries lead to. */
static __fast void empty_root(struct ring1_mmu *mmu, struct ring1_twin *root, unsigned int end)
{
	unsigned int i;

	for_each_set_bit(i, root->used, end)
		ring1_twin_clear(mmu, root, i);
}

/* But the kernel's. */
static __fast struct ring1_twin *oldest_root(struct ring1_mmu *mmu)
{
	struct ring1_twin *root;

	list_for_each_entry(root, &mmu->roots, list)
		if (root != mmu->kernel)
			return root;
	return NULL;
}

static __fast struct ring1_twin *new_root(struct ring1_mmu *mmu, struct kvm_vcpu *self, u32 gfn)
{
	struct ring1_twin *root;

	if (mmu->closed)
		return NULL;
	if (mmu->nr_roots >= MAX_ROOTS)
		kill_root(mmu, oldest_root(mmu));
	root = ring1_twin_new(mmu, self, gfn, RING1_LEVEL_ROOT);
	if (!root)
		return NULL;
	mmu->nr_roots++;
	hlist_add_head(&root->hash, bucket(mmu, gfn));
	list_add_tail(&root->list, &mmu->roots);
	return root;
}

static __fast void copy_half(struct ring1_twin *top, const struct ring1_twin *from,
			     unsigned int first, unsigned int end, u64 mask)
{
	unsigned int i = first;

	for_each_set_bit_from(i, from->used, end) {
		if (i == RING1_SLOT)
			continue;
		top->hw[i] = from->hw[i] & mask;
		__set_bit(i, top->used);
	}
}

static __fast struct ring1_twin *new_top(struct ring1_mmu *mmu, struct vcpu_ring1 *v,
					 struct ring1_twin *root)
{
	struct ring1_twin *upper = root->throwaway ? root : mmu->kernel, *top;

	if (v->nr_tops >= MAX_TOPS)
		kill_top(mmu, list_first_entry(&v->tops, struct ring1_twin, of_vcpu));
	top = ring1_twin_new(mmu, &v->vcpu, root->gfn, RING1_LEVEL_TOP);
	if (!top)
		return NULL;
	top->root = root;
	top->v = v;
	copy_half(top, root, 0, RING1_SLOT, ~0ull);
	copy_half(top, upper, RING1_SLOT, PTRS_PER_PGD, ~(u64)_PAGE_USER);
	top->hw[RING1_SLOT] = v->region.root[RING1_SLOT];
	__set_bit(RING1_SLOT, top->used);
	list_add(&top->of_root, &root->tops);
	list_add_tail(&top->of_vcpu, &v->tops);
	v->nr_tops++;
	return top;
}

static __fast void use_top(struct vcpu_ring1 *v, struct ring1_twin *top, u64 gpa)
{
	struct ring1_root_slot *slot = slot_of(v, top->gfn);

	v->top = top;
	if (top->root->throwaway || top->gfn == NO_GFN)
		return;
	/* The vCPU is not in the guest. */
	slot->cr3 = cr3_of(top);
	slot->tag = gpa;
}

static __fast void drop_throwaway(struct vcpu_ring1 *v, struct ring1_mmu *mmu)
{
	if (v->throwaway)
		kill_root(mmu, v->throwaway);
	v->throwaway = NULL;
}

static __fast struct ring1_twin *choose_root(struct vcpu_ring1 *v, struct ring1_mmu *mmu, u32 gfn)
{
	struct ring1_twin *root;

	if (ring1_root_announces(v, mmu)) {
		drop_throwaway(v, mmu);
		root = find_root(mmu, gfn);
		return root ?: new_root(mmu, &v->vcpu, gfn);
	}
	if (v->throwaway && v->throwaway->gfn == gfn)
		return v->throwaway;
	drop_throwaway(v, mmu);
	root = ring1_twin_new(mmu, &v->vcpu, gfn, RING1_LEVEL_ROOT);
	if (root)
		root->throwaway = true;
	v->throwaway = root;
	return root;
}

/* Is the top the one that CR3, and what the vCPU announces, ask for? */
static __fast bool is_ready(const struct vcpu_ring1 *v, const struct ring1_mmu *mmu, u32 gfn)
{
	return v->top && v->top->gfn == gfn &&
	       v->top->root->throwaway == !ring1_root_announces(v, mmu);
}

/**
 * ring1_root_choose - have the top ready that the guest's CR3 asks for
 * @v:		vCPU in an exit
 * @mmu:	the VM's
 *
 * Context: interrupts off.
 * Return: whether there is one; if not, the pool is empty.
 */
__fast bool ring1_root_choose(struct vcpu_ring1 *v, struct ring1_mmu *mmu)
{
	u64 gpa = v->vcpu.arch.cr3 & RING1_FRAME_MASK;
	u32 gfn = gpa >> PAGE_SHIFT >> 18 < RING1_NR_GIBS ? gpa >> PAGE_SHIFT : NO_GFN;
	struct ring1_twin *root, *top;

	raw_spin_lock(&mmu->lock);
	top = is_ready(v, mmu, gfn) ? v->top : NULL;
	if (!top) {
		root = choose_root(v, mmu, gfn);
		if (root)
			top = find_top(root, v) ?: new_top(mmu, v, root);
		if (top)
			use_top(v, top, gpa);
	}
	if (top)
		v->conf->cr3 = cr3_of(top);
	v->announces = top && !top->root->throwaway;
	raw_spin_unlock(&mmu->lock);
	return top;
}

/**
 * ring1_root_exited - the guest has loaded another root by itself
 * @v:		vCPU that has just exited
 * @cr3:	CR3 at the exit, from the switcher: ring 1 could write where it was kept, but
 *		has not run since
 *
 * Context: interrupts off.
 */
__fast void ring1_root_exited(struct vcpu_ring1 *v, u64 cr3)
{
	unsigned long pfn = (cr3 & RING1_FRAME_MASK) >> PAGE_SHIFT;
	struct ring1_twin *top;

	if (KVM_BUG_ON(!pfn_valid(pfn), v->vcpu.kvm))
		return;
	top = (struct ring1_twin *)page_private(pfn_to_page(pfn));
	if (KVM_BUG_ON(!top || top->v != v || top->level != RING1_LEVEL_TOP, v->vcpu.kvm))
		return;
	v->conf->cr3 = cr3;
	v->vcpu.arch.cr3 = (u64)top->gfn << PAGE_SHIFT;
	WRITE_ONCE(v->top, top);
	/* Either kill_top() sees what is used now, or we that it is dead. */
	smp_mb();
	if (READ_ONCE(top->dead))
		WRITE_ONCE(v->top, NULL);
}

/**
 * ring1_root_forget - a process is gone: what its root leads to, not the root itself
 * @mmu:	locked
 * @gpa:	of its top-level table
 *
 * What the page holds next, the root is filled from.
 *
 * Return: false for the kernel's root.
 */
__fast bool ring1_root_forget(struct ring1_mmu *mmu, u64 gpa)
{
	u64 gfn = gpa >> PAGE_SHIFT;
	struct ring1_twin *root;

	lockdep_assert_held(&mmu->lock);
	if (gfn >> 18 >= RING1_NR_GIBS)
		return true;
	root = find_root(mmu, gfn);
	if (!root)
		return true;
	if (root == mmu->kernel)
		return false;
	empty_root(mmu, root, RING1_SLOT);
	ring1_twin_unchain(mmu, root);
	return true;
}

/**
 * ring1_root_evict - make room: drop the root that is there longest
 * @v:		vCPU in an exit
 * @mmu:	the VM's
 *
 * Its next use brings it back. If there is no other, it is what the kernel's leads to and
 * the vCPU's own throw-away tree. Where something waits to be reused nothing is dropped.
 */
void ring1_root_evict(struct vcpu_ring1 *v, struct ring1_mmu *mmu)
{
	struct ring1_twin *root;

	raw_spin_lock_irq(&mmu->lock);
	root = oldest_root(mmu);
	if (!list_empty(&mmu->dying) || !list_empty(&mmu->dead)) {
		/* The caller's flush will do. */
	} else if (root) {
		kill_root(mmu, root);
	} else {
		drop_throwaway(v, mmu);
		if (mmu->kernel)
			empty_root(mmu, mmu->kernel, PTRS_PER_PGD);
	}
	raw_spin_unlock_irq(&mmu->lock);
}

/**
 * ring1_root_flush - the guest has flushed its translations
 * @v:		vCPU in an exit
 * @mmu:	the VM's
 *
 * Those that are cached here are exact, but for a vCPU that announces nothing.
 */
void ring1_root_flush(struct vcpu_ring1 *v, struct ring1_mmu *mmu)
{
	raw_spin_lock_irq(&mmu->lock);
	drop_throwaway(v, mmu);
	raw_spin_unlock_irq(&mmu->lock);
}

/**
 * ring1_root_drop - the VMM has written CR3, and who knows what else
 * @v:		vCPU in an exit
 * @mmu:	the VM's
 *
 * A snapshot may have been loaded, tables included.
 */
void ring1_root_drop(struct vcpu_ring1 *v, struct ring1_mmu *mmu)
{
	unsigned int n = READ_ONCE(mmu->nr_roots);
	struct ring1_twin *root;

	/* Those that are there now: other vCPUs may make new ones all the time. */
	while (n--) {
		raw_spin_lock_irq(&mmu->lock);
		root = oldest_root(mmu);
		if (root)
			kill_root(mmu, root);
		raw_spin_unlock_irq(&mmu->lock);
		cond_resched();
	}
	raw_spin_lock_irq(&mmu->lock);
	if (mmu->kernel)
		empty_root(mmu, mmu->kernel, PTRS_PER_PGD);
	raw_spin_unlock_irq(&mmu->lock);
	ring1_root_flush(v, mmu);
}

static void unpin(struct page **page, unsigned long *live, u64 nr_live)
{
	if (!page)
		return;
	vunmap(live);
	unpin_user_pages_dirty_lock(page, DIV_ROUND_UP(nr_live, 8 * PAGE_SIZE), true);
	kvfree(page);
}

/* All trees but throw-away ones, and the bitmap. */
static void forget_all(struct ring1_mmu *mmu)
{
	struct ring1_twin *root;
	unsigned long *live;
	struct page **page;
	bool more = true;
	u64 nr_live;

	/*
	 * The kernel's goes last: the others' upper halves are its. Other vCPUs cannot make
	 * new ones meanwhile.
	 */
	while (more) {
		raw_spin_lock_irq(&mmu->lock);
		mmu->closed = true;
		root = oldest_root(mmu) ?: mmu->kernel;
		more = root && root != mmu->kernel;
		if (root)
			kill_root(mmu, root);
		raw_spin_unlock_irq(&mmu->lock);
		cond_resched();
	}
	raw_spin_lock_irq(&mmu->lock);
	mmu->closed = false;
	live = mmu->live;
	nr_live = mmu->nr_live;
	page = mmu->live_page;
	mmu->live = NULL;
	mmu->nr_live = 0;
	mmu->live_page = NULL;
	raw_spin_unlock_irq(&mmu->lock);
	unpin(page, live, nr_live);
}

static struct ring1_mmu *new_mmu(struct kvm *kvm)
{
	struct ring1_mmu *mmu = kvzalloc(sizeof(*mmu), GFP_KERNEL_ACCOUNT);

	if (!mmu)
		return NULL;
	raw_spin_lock_init(&mmu->lock);
	mutex_init(&mmu->log_mutex);
	mmu->kvm = kvm;
	mmu->quota = min_t(u64, QUOTA_BASE + kvm->nr_memslot_pages / 64 +
			   MAX_TOPS * atomic_read(&kvm->online_vcpus), MAX_TWINS);
	if (ring1_twins_init(mmu)) {
		kvfree(mmu);
		return NULL;
	}
	return mmu;
}

void ring1_root_free(struct kvm *kvm)
{
	struct ring1_mmu *mmu = to_kvm_ring1(kvm)->mmu;

	if (!mmu)
		return;
	unpin(mmu->live_page, mmu->live, mmu->nr_live);
	ring1_twins_free(mmu);
	ring1_frames_free(mmu);
	kvfree(mmu);
}

/*
 * The bitmap stays pinned, as the shared page does: it is written with interrupts off, and
 * guest and monitor must not have different pages.
 */
static int pin_live(struct kvm_vcpu *vcpu, u64 live, u64 nr_gfns, struct page ***pages,
		    unsigned long **map)
{
	u64 n = DIV_ROUND_UP(nr_gfns, 8 * PAGE_SIZE), i;
	struct page **page;

	*pages = NULL;
	*map = NULL;
	if (!n)
		return 0;
	page = kvcalloc(n, sizeof(*page), GFP_KERNEL_ACCOUNT);
	if (!page)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		unsigned long hva = kvm_vcpu_gfn_to_hva(vcpu, gpa_to_gfn(live) + i);

		if (kvm_is_error_hva(hva) ||
		    pin_user_pages_fast(hva, 1, FOLL_WRITE | FOLL_LONGTERM, &page[i]) != 1)
			break;
	}
	if (i == n)
		*map = vmap(page, n, VM_MAP, PAGE_KERNEL);
	if (!*map) {
		unpin_user_pages(page, i);
		kvfree(page);
		return i == n ? -ENOMEM : -EFAULT;
	}
	*pages = page;
	return 0;
}

/* Frames that there may be, holes included. */
static gfn_t end_of_memory(struct kvm *kvm)
{
	struct kvm_memory_slot *slot;
	gfn_t end = 0;
	int bkt;

	kvm_for_each_memslot(slot, bkt, kvm_memslots(kvm))
		end = max(end, slot->base_gfn + slot->npages);
	return end;
}

/* The kernel's root and the bitmap in one: each twin's bit is set from the first one on. */
static bool publish(struct kvm_vcpu *vcpu, struct ring1_mmu *mmu, u32 gfn, struct page **page,
		    unsigned long *map, gfn_t live_gfn, u64 nr_live)
{
	raw_spin_lock_irq(&mmu->lock);
	mmu->kernel = new_root(mmu, vcpu, gfn);
	if (mmu->kernel) {
		mmu->live_gfn = live_gfn;
		mmu->live_page = page;
		mmu->nr_live = nr_live;
		mmu->live = map;
	}
	raw_spin_unlock_irq(&mmu->lock);
	return mmu->kernel;
}

/**
 * ring1_root_register - the guest leaves KVM's MMU, or its next kernel registers
 * @vcpu:	caller, a PV vCPU
 * @kernel_root: as in ring1_hc_mmu_register()
 * @live:	"
 * @nr_gfns:	"
 *
 * No way leads back: KVM's shadow tables miss what the guest writes from now on.
 *
 * Context: an exit; kvm->srcu held; may sleep.
 * Return: 0; -EFAULT, -ENOMEM.
 */
int ring1_root_register(struct kvm_vcpu *vcpu, u64 kernel_root, u64 live, u64 nr_gfns)
{
	struct kvm_ring1 *vm = to_kvm_ring1(vcpu->kvm);
	struct ring1_mmu *mmu;
	unsigned long *map;
	struct page **page;
	int r;

	if (!kvm_is_visible_gfn(vcpu->kvm, gpa_to_gfn(kernel_root)) ||
	    gpa_to_gfn(kernel_root) >> 18 >= RING1_NR_GIBS)
		return -EFAULT;
	/* The bitmap is pinned: a guest does not choose how much that is. */
	if (nr_gfns > LIVE_SLACK + 2 * end_of_memory(vcpu->kvm))
		return -ENOMEM;
	r = pin_live(vcpu, live, nr_gfns, &page, &map);
	if (r)
		return r;
	mutex_lock(&vm->mmu_mutex);
	mmu = vm->mmu ?: new_mmu(vcpu->kvm);
	if (!mmu) {
		r = -ENOMEM;
		goto out;
	}
	forget_all(mmu);
	/* Who runs on trees that are gone comes out, and they can be used again. */
	kvm_make_all_cpus_request(vcpu->kvm, KVM_REQ_TLB_FLUSH);
	r = ring1_twins_refill(mmu, vcpu);
	if (r || !publish(vcpu, mmu, gpa_to_gfn(kernel_root), page, map, gpa_to_gfn(live),
			  nr_gfns)) {
		r = -ENOMEM;
		if (!vm->mmu) {
			ring1_twins_free(mmu);
			kvfree(mmu);
		}
		goto out;
	}
	page = NULL;
	/* The hook of frames.c sees no own MMU or a whole one. */
	smp_store_release(&vm->mmu, mmu);
	/* Who runs on KVM's tables comes out. */
	kvm_make_all_cpus_request(vcpu->kvm, KVM_REQ_TLB_FLUSH);
out:
	mutex_unlock(&vm->mmu_mutex);
	unpin(page, map, nr_gfns);
	return r;
}

/**
 * ring1_root_registered - ask what ring1_root_register() was told
 * @kvm:	the VM
 * @kernel_root: out
 * @live:	out
 * @nr_gfns:	out
 *
 * Return: whether a kernel has registered.
 */
bool ring1_root_registered(struct kvm *kvm, u64 *kernel_root, u64 *live, u64 *nr_gfns)
{
	struct ring1_mmu *mmu = ring1_mmu_of(kvm);
	bool r;

	if (!mmu)
		return false;
	raw_spin_lock_irq(&mmu->lock);
	r = mmu->kernel;
	if (r) {
		*kernel_root = (u64)mmu->kernel->gfn << PAGE_SHIFT;
		*live = gfn_to_gpa(mmu->live_gfn);
		*nr_gfns = mmu->nr_live;
	}
	raw_spin_unlock_irq(&mmu->lock);
	return r;
}

/**
 * ring1_root_unregister - a vCPU is no PV vCPU any more
 * @v:		the vCPU
 *
 * With the last one goes what the kernel registered; the next one has not yet.
 */
void ring1_root_unregister(struct vcpu_ring1 *v)
{
	struct kvm_ring1 *vm = to_kvm_ring1(v->vcpu.kvm);
	struct ring1_mmu *mmu = ring1_mmu_of(v->vcpu.kvm);
	struct kvm_vcpu *vcpu;
	unsigned long i;

	if (!mmu)
		return;
	mutex_lock(&vm->mmu_mutex);
	kvm_for_each_vcpu(i, vcpu, v->vcpu.kvm)
		if (ring1_is_pv(to_ring1(vcpu)))
			goto out;
	forget_all(mmu);
	kvm_make_all_cpus_request(v->vcpu.kvm, KVM_REQ_TLB_FLUSH);
out:
	mutex_unlock(&vm->mmu_mutex);
}
