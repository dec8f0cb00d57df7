// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest world's page tables: KVM's MMU or the own one, and what an exit has to do
 * about them with interrupts off or on.
 *
 * With KVM's MMU the guest world's root is a private copy of the top level of the shadow
 * table that KVM keeps, plus slot 256. Everything below the top level is KVM's. KVM shares
 * its root pages between vCPUs and rewrites them, and it never knows of slot 256; so its
 * root is never loaded into CR3. It tells of every change that takes something away by
 * load_mmu_pgd or a flush hook, before it frees the table below and after all vCPUs have
 * left the guest; the copy is made again before the next enter, with interrupts off. A new
 * top-level entry comes from the vCPU's own fault; missing one costs another fault and
 * nothing else.
 *
 * With the own MMU (ownmmu.h) KVM's tables stay allocated and are never walked.
 */
#include <linux/module.h>
#include "mmu.h"
#include "x86.h"
#include "cpuid.h"
#include "ownmmu.h"
#include "ring1.h"

static bool bounce_pf = true;
module_param(bounce_pf, bool, 0444);
MODULE_PARM_DESC(bounce_pf,
		 "Let page faults of guest users go to the guest kernel without an exit");

static bool own_mmu = true;
module_param(own_mmu, bool, 0444);
MODULE_PARM_DESC(own_mmu, "Let guests leave KVM's shadow paging for the module's own (default: on)");

/* Entries that an announcement may touch with interrupts off. */
#define SYNC_BATCH	128
/* Entries of a process that is gone, likewise: most have fewer. */
#define FORGET_BATCH	256
/* Attempts at a fill before the guest tries again. */
#define FILL_ATTEMPTS	16

/* What guests are offered: RING1_FEATURE_*. */
unsigned int ring1_mmu_features(void)
{
	return (bounce_pf ? RING1_FEATURE_BOUNCE_PF : 0) |
	       (own_mmu ? RING1_FEATURE_OWN_MMU : 0);
}

void ring1_load_mmu_pgd(struct kvm_vcpu *vcpu, hpa_t root_hpa, int root_level)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);

	/*
	 * Roots of guests without paging are never run on (run.c); the dummy
	 * root, for a CR3 outside memory, is a page of zeros and needs no care.
	 */
	v->kvm_root = root_level == PT64_ROOT_4LEVEL ? root_hpa : INVALID_PAGE;
	v->root_stale = true;
}

/* The guest flushes, or KVM on its behalf. */
void ring1_flush_tlb(struct kvm_vcpu *vcpu)
{
	struct ring1_mmu *mmu = ring1_mmu_of(vcpu->kvm);

	/* The translations themselves go with the CR3 write of the next enter. */
	to_ring1(vcpu)->root_stale = true;
	if (mmu)
		ring1_root_flush(to_ring1(vcpu), mmu);
}

/* The host flushes. Its log of dirty pages begins anew here, too. */
void ring1_flush_tlb_all(struct kvm_vcpu *vcpu)
{
	struct ring1_mmu *mmu = ring1_mmu_of(vcpu->kvm);

	to_ring1(vcpu)->root_stale = true;
	if (mmu)
		ring1_frames_log(vcpu, mmu);
}

void ring1_flush_tlb_gva(struct kvm_vcpu *vcpu, gva_t gva)
{
	struct ring1_mmu *mmu = ring1_mmu_of(vcpu->kvm);

	if (mmu)
		ring1_root_flush(to_ring1(vcpu), mmu);
}

/* Does the switcher, or else the next enter, do all that a flush has to? */
bool ring1_mmu_flushes_itself(struct kvm_vcpu *vcpu)
{
	struct ring1_mmu *mmu = ring1_mmu_of(vcpu->kvm);

	return mmu && ring1_root_announces(to_ring1(vcpu), mmu);
}

/*
 * Ring 3 must not reach the upper half, whatever the guest's tables say: SYSCALL
 * tells ring 1 by its address. Other entries of KVM's carry U and W always.
 */
static u64 private_entry(u64 spte, unsigned int index)
{
	return index < RING1_SLOT ? spte : spte & ~(u64)PT_USER_MASK;
}

static void sync_root(struct vcpu_ring1 *v)
{
	u64 *root = v->region.root;
	const u64 *kvm;
	unsigned int i;

	lockdep_assert_irqs_disabled();
	if (!v->root_stale && !v->fault_pending)
		return;
	if (!VALID_PAGE(v->kvm_root)) {
		for (i = 0; i < PTRS_PER_PGD; i++)
			if (i != RING1_SLOT)
				root[i] = 0;
		v->root_stale = false;
		v->fault_pending = false;
		return;
	}

	kvm = __va(v->kvm_root);
	if (v->root_stale) {
		for (i = 0; i < RING1_SLOT; i++)
			root[i] = READ_ONCE(kvm[i]);
		for (i = RING1_SLOT + 1; i < PTRS_PER_PGD; i++)
			root[i] = private_entry(READ_ONCE(kvm[i]), i);
		v->root_stale = false;
	} else {
		i = pgd_index(v->fault_gva);
		if (i != RING1_SLOT)
			root[i] = private_entry(READ_ONCE(kvm[i]), i);
	}
	v->fault_pending = false;
}

/*
 * Every entry is KVM's, or missing: what KVM writes where nothing is has bit 63 set, for
 * TDX. KASAN would look at each access.
 */
static bool __no_sanitize_address root_is_kvms(const struct vcpu_ring1 *v)
{
	const u64 *root = v->region.root, *kvm = __va(v->kvm_root);
	unsigned int i;

	for (i = 0; i < PTRS_PER_PGD; i++) {
		if (i == RING1_SLOT || !(root[i] & PT_PRESENT_MASK))
			continue;
		if (!VALID_PAGE(v->kvm_root) || root[i] != private_entry(READ_ONCE(kvm[i]), i))
			return false;
	}
	return true;
}

/* Where KVM takes an entry away now, it holds mmu_lock until this vCPU has left the guest. */
static void check_root(struct vcpu_ring1 *v)
{
	if (likely(root_is_kvms(v)) || !read_trylock(&v->vcpu.kvm->mmu_lock))
		return;
	read_unlock(&v->vcpu.kvm->mmu_lock);
	WARN_ON_ONCE(1);
}

/**
 * ring1_mmu_prepare_run - decide between the two, and have a root ready
 * @v:	vCPU about to run; conf.bounce is set
 *
 * Context: IRQs off.
 * Return: false if a root is wanting, and ring1_mmu_supply() is to be called.
 */
bool ring1_mmu_prepare_run(struct vcpu_ring1 *v)
{
	struct ring1_mmu *mmu = ring1_mmu_of(v->vcpu.kvm);

	v->mmu = mmu;
	v->conf->own_mmu = false;
	if (!mmu) {
		v->conf->cr3 = __pa(v->region.root) |
			       (cr4_read_shadow() & X86_CR4_PCIDE ? RING1_GUEST_PCID : 0);
		return true;
	}
	v->conf->own_mmu = v->conf->bounce && ring1_root_announces(v, mmu);
	return ring1_root_ready(v, mmu) || ring1_root_choose(v, mmu);
}

/**
 * ring1_mmu_prepare_enter - bring the private root in step with KVM's, or note the flush
 * @v:	vCPU about to enter
 *
 * Context: IRQs off, vcpu->mode IN_GUEST_MODE: a flush that comes now makes the
 * vCPU exit before the flusher goes on.
 */
void ring1_mmu_prepare_enter(struct vcpu_ring1 *v)
{
	ring1_assert(irqs_disabled());
	if (v->mmu) {
		/* The enter's CR3 write flushes all that died up to here. */
		WRITE_ONCE(v->seen_gen, READ_ONCE(v->mmu->gen));
		return;
	}
	sync_root(v);
	if (ring1_debug)
		check_root(v);
}

/* The guest may have changed CR3 by itself; an entry that was given up did not. */
void ring1_mmu_finish_exit(struct vcpu_ring1 *v)
{
	if (v->conf->own_mmu && v->exit.vector != RING1_EXIT_ABORT &&
	    !(v->exit.vector & RING1_EXIT_SWITCHER) && v->stack->cr3 != v->conf->cr3)
		ring1_root_exited(v, v->stack->cr3);
}

/* The root is gone: it was evicted, or the guest has registered anew. */
bool ring1_mmu_must_leave(struct vcpu_ring1 *v)
{
	return v->mmu && !READ_ONCE(v->top);
}

/*
 * What a fast path did not find in the pool. Where the quota is used up, roots make room;
 * what they leave can be used again when every vCPU has been out of the guest.
 */
static int refill(struct kvm_vcpu *vcpu, struct ring1_mmu *mmu)
{
	int r = ring1_twins_refill(mmu, vcpu);

	if (r != -EAGAIN)
		return r;
	ring1_root_evict(mmu);
	kvm_make_all_cpus_request(vcpu->kvm, KVM_REQ_TLB_FLUSH);
	r = ring1_twins_refill(mmu, vcpu);
	return r == -EAGAIN ? 0 : r;
}

/**
 * ring1_mmu_supply - after a run that could not begin
 * @vcpu:	stopped
 *
 * Return: as KVM's exit handlers.
 */
int ring1_mmu_supply(struct kvm_vcpu *vcpu)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	int r = 0;

	if (v->mmu && !ring1_root_ready(v, v->mmu))
		r = refill(vcpu, v->mmu);
	return r ?: 1;
}

/* A fault that KVM's MMU can have nothing to do with. */
static bool guest_owns_fault(const struct vcpu_ring1 *v, u64 gva)
{
	return ring1_region_contains(gva) || (v->user && (s64)gva < 0);
}

#define PROTECTED_WRITE	(PFERR_PRESENT_MASK | PFERR_WRITE_MASK)

/*
 * The first byte of a page table is written: most likely it is the top level of a
 * process that is gone, and is being cleared for another use. KVM unprotects no root
 * that is in use, takes the vCPU's last ones for such, and would emulate the whole of
 * a REP STOS, iteration by iteration. Roots of other vCPUs are not ours to free.
 */
static void free_previous_root(struct kvm_vcpu *vcpu, gva_t gva)
{
	struct kvm_mmu *mmu = vcpu->arch.mmu;
	gpa_t gpa = kvm_mmu_gva_to_gpa_write(vcpu, gva, NULL);
	ulong roots = 0;
	unsigned int i;

	for (i = 0; i < KVM_MMU_NUM_PREV_ROOTS; i++)
		if (gpa_to_gfn(mmu->prev_roots[i].pgd) == gpa_to_gfn(gpa))
			roots |= KVM_MMU_ROOT_PREVIOUS(i);
	if (roots)
		kvm_mmu_free_roots(vcpu->kvm, mmu, roots);
}

/* Accessed and dirty bits that were written into guest memory past KVM. */
static void mark_dirty(struct kvm *kvm, const struct ring1_want *want)
{
	unsigned int i;

	if (atomic_read(&kvm->nr_memslots_dirty_logging))
		for (i = 0; i < want->nr_dirty; i++)
			mark_page_dirty(kvm, want->dirty[i]);
}

static enum ring1_fill fill_irqoff(struct vcpu_ring1 *v, struct ring1_mmu *mmu, u64 gva,
				   u32 access, struct ring1_want *want)
{
	enum ring1_fill r = RING1_WANT_TWIN;
	unsigned long flags;

	raw_spin_lock_irqsave(&mmu->lock, flags);
	if (v->top)
		r = ring1_fill(v, mmu, gva, access, want);
	raw_spin_unlock_irqrestore(&mmu->lock, flags);
	return r;
}

/*
 * Fill with interrupts on, whatever it takes. Return RING1_FILLED, also where the guest is
 * to try again, RING1_REFUSED or RING1_WANT_EMULATION; or an error for KVM_RUN.
 */
static int fill(struct kvm_vcpu *vcpu, struct ring1_mmu *mmu, u64 gva, u32 access,
		struct ring1_want *want)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	int r = 0, i;

	for (i = 0; i < FILL_ATTEMPTS; i++) {
		enum ring1_fill done = RING1_WANT_TWIN;

		want->nr_dirty = 0;
		if (ring1_root_ready(v, mmu) || ring1_root_choose(v, mmu))
			done = fill_irqoff(v, mmu, gva, access, want);
		mark_dirty(vcpu->kvm, want);
		switch (done) {
		case RING1_WANT_FRAME:
			r = ring1_frame_fill(vcpu, mmu, want->gfn, want->write);
			if (!r)
				return RING1_WANT_EMULATION;
			break;
		case RING1_WANT_TWIN:
			r = refill(vcpu, mmu);
			break;
		case RING1_WANT_RETRY:
			break;
		default:
			return done;
		}
		if (r < 0)
			return r;
	}
	return RING1_FILLED;
}

/* What the hardware's error code says of the access, and SMAP of the mode it was made in. */
static u32 access_of(const struct vcpu_ring1 *v)
{
	u32 access = v->exit.error & (PFERR_WRITE_MASK | PFERR_USER_MASK | PFERR_FETCH_MASK);

	if (!(access & PFERR_USER_MASK) && !(v->rflags & X86_EFLAGS_AC) &&
	    cr4_read_shadow() & X86_CR4_SMAP)
		access |= RING1_ACCESS_SMAP;
	return access;
}

/* The fault is the guest's. Its own entry says whether there was a page. */
static void deliver_fault(struct vcpu_ring1 *v, bool present)
{
	u32 error = v->exit.error & ~PFERR_PRESENT_MASK;

	v->vcpu.arch.cr2 = v->fault_gva;
	v->stat[RING1_STAT_EXCEPTION]++;
	ring1_pv_deliver(v, PF_VECTOR, error | (present ? PFERR_PRESENT_MASK : 0));
}

static void inject_fault(struct kvm_vcpu *vcpu, bool present)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	struct x86_exception fault = {
		.vector = PF_VECTOR,
		.error_code_valid = true,
		.error_code = v->exit.error & ~PFERR_PRESENT_MASK,
		.address = v->fault_gva,
	};

	if (present)
		fault.error_code |= PFERR_PRESENT_MASK;
	__kvm_inject_emulated_page_fault(vcpu, &fault, false);
}

static int own_fault(struct kvm_vcpu *vcpu, struct ring1_mmu *mmu)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	struct ring1_want want;
	int r;

	r = fill(vcpu, mmu, v->fault_gva, access_of(v), &want);
	switch (r) {
	case RING1_FILLED:
		return 1;
	case RING1_REFUSED:
		inject_fault(vcpu, want.present);
		return 1;
	case RING1_WANT_EMULATION:
		v->stat[RING1_STAT_MMIO]++;
		return kvm_emulate_instruction(vcpu, 0);
	default:
		return r;
	}
}

#define PLAIN_FAULT	(PFERR_PRESENT_MASK | PFERR_WRITE_MASK | PFERR_USER_MASK | PFERR_FETCH_MASK)

/**
 * ring1_mmu_fault_irqoff - handle a #PF of a guest that is on the own MMU
 * @vcpu:	in the run loop; as for ring1_mmu_fault()
 *
 * Return: whether that was all; if not, ring1_mmu_fault() is to handle it.
 */
bool ring1_mmu_fault_irqoff(struct kvm_vcpu *vcpu)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	struct ring1_want want;

	if (!v->conf->own_mmu || vcpu->arch.apf.host_apf_flags || v->exit.error & ~PLAIN_FAULT)
		return false;
	if (guest_owns_fault(v, v->fault_gva)) {
		deliver_fault(v, false);
		return true;
	}
	switch (fill_irqoff(v, v->mmu, v->fault_gva, access_of(v), &want)) {
	case RING1_FILLED:
		return true;
	case RING1_REFUSED:
		deliver_fault(v, want.present);
		return true;
	default:
		return false;
	}
}

/**
 * ring1_mmu_fault - handle a #PF
 * @vcpu:	stopped; vcpu->arch.cr2 and v->exit.error from the hardware
 *
 * Return: as KVM's exit handlers.
 */
int ring1_mmu_fault(struct kvm_vcpu *vcpu)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	u64 emulated = vcpu->stat.pf_emulate, mmio = vcpu->stat.mmio_exits;
	u64 gva = v->fault_gva;
	int r;

	/* WRPKRU is the guest user's, keys are not: the next enter sets PKRU to 0. */
	if (v->exit.error & PFERR_PK_MASK)
		return 1;

	/* An async page fault of the hypervisor above has a token for an address. */
	if (!vcpu->arch.apf.host_apf_flags) {
		if (guest_owns_fault(v, gva)) {
			inject_fault(vcpu, false);
			return 1;
		}
		if (v->mmu)
			return own_fault(vcpu, v->mmu);
		if (!offset_in_page(gva) &&
		    (v->exit.error & PROTECTED_WRITE) == PROTECTED_WRITE)
			free_previous_root(vcpu, gva);
	}

	r = kvm_handle_page_fault(vcpu, v->exit.error, gva, NULL, 0);
	v->fault_pending = true;
	if (vcpu->stat.mmio_exits != mmio)
		v->stat[RING1_STAT_MMIO]++;
	else if (vcpu->stat.pf_emulate != emulated)
		v->stat[RING1_STAT_PT_WRITE]++;
	return r;
}

/* As ring1_hc_mmu_register(), whose arguments are checked. */
long ring1_mmu_register(struct kvm_vcpu *vcpu, u64 kernel_root, u64 live, u64 nr_gfns)
{
	if (!own_mmu)
		return -EOPNOTSUPP;
	return ring1_root_register(vcpu, kernel_root, live, nr_gfns);
}

static bool run_ops(struct vcpu_ring1 *v, struct ring1_mmu *mmu, unsigned int nr, bool irqoff)
{
	unsigned int budget = SYNC_BATCH, i;
	unsigned long flags;
	bool done = true;

	for (i = 0; i < nr && done; i++) {
		u64 op = READ_ONCE(v->shared->mmu_op[i]);

		/* One operation is bounded by the places that a table may have. */
		if (!irqoff)
			budget = UINT_MAX;
		raw_spin_lock_irqsave(&mmu->lock, flags);
		done = ring1_sync(mmu, RING1_MMU_OP_GPA(op), RING1_MMU_OP_NR(op), &budget);
		raw_spin_unlock_irqrestore(&mmu->lock, flags);
	}
	return done;
}

/* With interrupts on. What only the VMM can mend shows at an exit of the user's own. */
static int fill_for_sync(struct kvm_vcpu *vcpu, struct ring1_mmu *mmu, u64 addr, u32 access)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	struct ring1_want want;
	int r;

	r = fill(vcpu, mmu, addr, access, &want);
	if (r == RING1_FILLED || r == RING1_REFUSED)
		return r;
	if (access & PFERR_USER_MASK)
		WRITE_ONCE(v->shared->pf_exit, 1);
	return RING1_FILLED;
}

/* As ring1_hc_mmu_sync(). */
long ring1_mmu_sync(struct kvm_vcpu *vcpu, bool irqoff, unsigned int nr, u64 addr, u32 access)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	struct ring1_mmu *mmu = ring1_mmu_of(vcpu->kvm);
	u32 bits = access & ~RING1_ACCESS_VALID;
	struct ring1_want want;
	int r;

	if (!mmu || !ring1_root_announces(v, mmu) || (bits && bits == access) ||
	    bits & ~(PFERR_WRITE_MASK | PFERR_USER_MASK | PFERR_FETCH_MASK))
		return -EINVAL;
	if (!run_ops(v, mmu, nr, irqoff))
		return -EAGAIN;
	if (!access)
		return 0;
	if (is_noncanonical_address(addr, vcpu, 0) || ring1_region_contains(addr) ||
	    (bits & PFERR_USER_MASK && (s64)addr < 0))
		return 1;
	if (!irqoff)
		return fill_for_sync(vcpu, mmu, addr, bits) == RING1_REFUSED;
	r = fill_irqoff(v, mmu, addr, bits, &want);
	return r == RING1_FILLED || r == RING1_REFUSED ? r == RING1_REFUSED : -EAGAIN;
}

/* As ring1_hc_mmu_forget(). */
long ring1_mmu_forget(struct kvm_vcpu *vcpu, u64 root)
{
	struct ring1_mmu *mmu = ring1_mmu_of(vcpu->kvm);
	unsigned long flags;
	bool ok;

	if (!mmu || !ring1_root_announces(to_ring1(vcpu), mmu))
		return -EINVAL;
	raw_spin_lock_irqsave(&mmu->lock, flags);
	ok = ring1_root_forget(mmu, root);
	/* With its tables, so that the guest's own tearing down needs no announcement. */
	ring1_twins_bury(mmu, FORGET_BATCH);
	raw_spin_unlock_irqrestore(&mmu->lock, flags);
	return ok ? 0 : -EINVAL;
}

/* As ring1_hc_write_cr3(). */
long ring1_mmu_write_cr3(struct kvm_vcpu *vcpu, bool irqoff, u64 value)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	struct ring1_mmu *mmu = ring1_mmu_of(vcpu->kvm);
	u64 old = vcpu->arch.cr3;

	if (!mmu || !ring1_root_announces(v, mmu)) {
		if (irqoff)
			return -EAGAIN;
		return kvm_set_cr3(vcpu, value) ? -EINVAL : 0;
	}
	if (!kvm_vcpu_is_legal_cr3(vcpu, value))
		return -EINVAL;
	vcpu->arch.cr3 = value;
	if (ring1_root_choose(v, mmu))
		return 0;
	if (irqoff) {
		vcpu->arch.cr3 = old;
		return -EAGAIN;
	}
	/* The next run finds that there is none, and chooses. */
	v->top = NULL;
	return 0;
}
