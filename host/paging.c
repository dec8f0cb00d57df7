// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest world's page tables: KVM's MMU (mmu.c) or the own one (ownmmu.h), and what an
 * exit has to do about the latter with interrupts off or on. A VM changes to the own MMU
 * once, when its guest registers it. KVM's tables stay allocated then, and are never walked.
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
/* Entries that it looks at in one go otherwise. */
#define SYNC_SLICE	16u
/* Entries of a process that is gone, likewise: most have fewer. */
#define FORGET_BATCH	256
/* Of four-level tables. */
#define LOWER_HALF_END	BIT_ULL(47)
/* Attempts at a fill before the guest tries again. */
#define FILL_ATTEMPTS	16

/* What guests are offered: RING1_FEATURE_*. */
unsigned int ring1_paging_features(void)
{
	return (bounce_pf ? RING1_FEATURE_BOUNCE_PF : 0) |
	       (own_mmu ? RING1_FEATURE_OWN_MMU : 0);
}

/* The own MMU, of a vCPU whose guest keeps it true; else NULL. */
static __fast struct ring1_mmu *announced_to(struct kvm_vcpu *vcpu)
{
	struct ring1_mmu *mmu = ring1_mmu_of(vcpu->kvm);

	return mmu && ring1_root_announces(to_ring1(vcpu), mmu) ? mmu : NULL;
}

/*
 * KVM has chosen a root of its own. A guest that announces what it does never makes it do
 * so, but the VMM does, by KVM_SET_SREGS.
 */
void ring1_paging_load_pgd(struct kvm_vcpu *vcpu, hpa_t root_hpa, int root_level)
{
	struct ring1_mmu *mmu = announced_to(vcpu);

	ring1_load_mmu_pgd(vcpu, root_hpa, root_level);
	if (mmu)
		ring1_root_drop(to_ring1(vcpu), mmu);
}

/* The guest flushes, or KVM on its behalf. */
void ring1_paging_flush(struct kvm_vcpu *vcpu)
{
	struct ring1_mmu *mmu = ring1_mmu_of(vcpu->kvm);

	/* The translations themselves go with the CR3 write of the next enter. */
	ring1_flush_tlb(vcpu);
	if (mmu)
		ring1_root_flush(to_ring1(vcpu), mmu);
}

/* The host flushes. Its log of dirty pages begins anew here, too. */
void ring1_paging_flush_all(struct kvm_vcpu *vcpu)
{
	struct ring1_mmu *mmu = ring1_mmu_of(vcpu->kvm);

	/* KVM takes this for a flush of the guest's, too, if one is asked for. */
	ring1_paging_flush(vcpu);
	if (mmu)
		ring1_frames_log(vcpu, mmu);
}

void ring1_paging_flush_gva(struct kvm_vcpu *vcpu, gva_t gva)
{
	struct ring1_mmu *mmu = ring1_mmu_of(vcpu->kvm);

	if (mmu)
		ring1_root_flush(to_ring1(vcpu), mmu);
}

/* Does the switcher, or else the next enter, do all that a flush has to? */
__fast bool ring1_paging_flushes_itself(struct kvm_vcpu *vcpu)
{
	return announced_to(vcpu);
}

/**
 * ring1_paging_prepare_run - decide between the two, and have a root ready
 * @v:	vCPU about to run; conf.bounce is set, and conf.cr3 for KVM's MMU
 *
 * Context: IRQs off.
 * Return: false if a root is wanting, and ring1_paging_supply() is to be called.
 */
bool ring1_paging_prepare_run(struct vcpu_ring1 *v)
{
	struct ring1_mmu *mmu = ring1_mmu_of(v->vcpu.kvm);

	if (v->mmu != mmu)
		vcpu_clear_mmio_info(&v->vcpu, MMIO_GVA_ANY);
	v->mmu = mmu;
	v->conf->own_mmu = false;
	if (!mmu)
		return true;
	if (!ring1_root_choose(v, mmu))
		return false;
	v->conf->own_mmu = v->conf->bounce && v->announces;
	return true;
}

/**
 * ring1_paging_prepare_enter - bring the private root in step with KVM's, or note the flush
 * @v:	vCPU about to enter
 *
 * Context: IRQs off, vcpu->mode IN_GUEST_MODE: a flush that comes now makes the
 * vCPU exit before the flusher goes on.
 */
__fast void ring1_paging_prepare_enter(struct vcpu_ring1 *v)
{
	if (v->mmu) {
		u64 gen = READ_ONCE(v->mmu->gen);

		/*
		 * The enter's CR3 write flushes all that died up to here, unless it loads
		 * what did: a top is taken from its vCPU first, and then it dies.
		 */
		smp_rmb();
		if (READ_ONCE(v->top))
			WRITE_ONCE(v->seen_gen, gen);
		return;
	}
	ring1_mmu_sync_root(v);
}

/* The guest may have changed CR3 by itself. After an abort STACK(cr3) is what it was to be. */
__fast void ring1_paging_finish_exit(struct vcpu_ring1 *v)
{
	if (v->conf->own_mmu && !(v->exit.vector & RING1_EXIT_SWITCHER) &&
	    v->stack->cr3 != v->conf->cr3)
		ring1_root_exited(v, v->stack->cr3);
}

/* The root is gone: it was evicted, or the guest has registered anew. */
__fast bool ring1_paging_must_leave(struct vcpu_ring1 *v)
{
	return v->mmu && !READ_ONCE(v->top);
}

static bool choose_root(struct vcpu_ring1 *v, struct ring1_mmu *mmu)
{
	bool r;

	local_irq_disable();
	r = ring1_root_choose(v, mmu);
	local_irq_enable();
	return r;
}

/*
 * What a fast path did not find in the pool. Where the quota is used up, roots make room;
 * what they leave can be used again when every vCPU has been out of the guest.
 */
static int refill(struct kvm_vcpu *vcpu, struct ring1_mmu *mmu)
{
	int r = ring1_twins_refill(mmu, vcpu);

	if (!r)
		return 0;
	ring1_root_evict(to_ring1(vcpu), mmu);
	kvm_make_all_cpus_request(vcpu->kvm, KVM_REQ_TLB_FLUSH);
	r = ring1_twins_refill(mmu, vcpu);
	/* The other vCPUs are on their way out: the guest tries again. */
	return r == -EAGAIN ? 0 : r;
}

/**
 * ring1_paging_supply - after a run that could not begin
 * @vcpu:	stopped
 *
 * Return: as KVM's exit handlers.
 */
int ring1_paging_supply(struct kvm_vcpu *vcpu)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	int r = 0;

	if (v->mmu && !choose_root(v, v->mmu))
		r = refill(vcpu, v->mmu);
	return r ?: 1;
}

/* Accessed and dirty bits that were written into guest memory past KVM. */
static void mark_dirty(struct kvm *kvm, const struct ring1_want *want)
{
	unsigned int i;

	if (atomic_read(&kvm->nr_memslots_dirty_logging))
		for (i = 0; i < want->nr_dirty; i++)
			mark_page_dirty(kvm, want->dirty[i]);
}

/* Its root may be gone. Locked. */
static __fast enum ring1_need fill_locked(struct vcpu_ring1 *v, struct ring1_mmu *mmu, u64 gva,
					  u32 access, struct ring1_want *want)
{
	return v->top ? ring1_fill(v, mmu, gva, access, want) : RING1_WANT_TWIN;
}

static enum ring1_need choose_and_fill(struct vcpu_ring1 *v, struct ring1_mmu *mmu, u64 gva,
				       u32 access, struct ring1_want *want)
{
	enum ring1_need r = RING1_WANT_TWIN;

	want->nr_dirty = 0;
	if (!choose_root(v, mmu))
		return r;
	raw_spin_lock_irq(&mmu->lock);
	r = fill_locked(v, mmu, gva, access, want);
	raw_spin_unlock_irq(&mmu->lock);
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
		enum ring1_need done = choose_and_fill(v, mmu, gva, access, want);

		mark_dirty(vcpu->kvm, want);
		switch (done) {
		case RING1_WANT_FRAME:
			r = ring1_frame_fill(vcpu, mmu, want->gfn, want->write);
			/* A table where no memory is has no entries. */
			if (!r)
				return want->table ? RING1_REFUSED : RING1_WANT_EMULATION;
			break;
		case RING1_WANT_TWIN:
			r = refill(vcpu, mmu);
			if (!r && !READ_ONCE(mmu->nr_free))
				return RING1_FILLED;
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
static __fast u32 access_of(const struct vcpu_ring1 *v)
{
	u32 access = v->exit.error & (PFERR_WRITE_MASK | PFERR_USER_MASK | PFERR_FETCH_MASK);

	if (!(access & PFERR_USER_MASK) && !(v->rflags & X86_EFLAGS_AC) &&
	    cr4_read_shadow() & X86_CR4_SMAP)
		access |= RING1_ACCESS_SMAP;
	return access;
}

/* The fault is the guest's. Its own entry says whether there was a page. */
static __fast void deliver_fault(struct vcpu_ring1 *v, bool present)
{
	u32 error = v->exit.error & ~PFERR_PRESENT_MASK;

	v->vcpu.arch.cr2 = v->fault_gva;
	ring1_event_deliver_fault(&v->vcpu, PF_VECTOR,
				  error | (present ? PFERR_PRESENT_MASK : 0));
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
		ring1_mmu_inject_fault(vcpu, want.present);
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
 * ring1_paging_fault_fast - handle a #PF of a guest that is on the own MMU
 * @vcpu:	in the run loop; as for ring1_mmu_fault()
 *
 * Return: whether that was all; if not, ring1_mmu_fault() is to handle it.
 */
__fast bool ring1_paging_fault_fast(struct kvm_vcpu *vcpu)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	struct ring1_want want;
	enum ring1_need r;

	if (!v->conf->own_mmu || vcpu->arch.apf.host_apf_flags || v->exit.error & ~PLAIN_FAULT)
		return false;
	if (ring1_mmu_guest_owns(v, v->fault_gva)) {
		deliver_fault(v, false);
		return true;
	}
	raw_spin_lock(&v->mmu->lock);
	r = fill_locked(v, v->mmu, v->fault_gva, access_of(v), &want);
	raw_spin_unlock(&v->mmu->lock);
	switch (r) {
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
 * ring1_paging_fault - handle a #PF
 * @vcpu:	stopped; v->fault_gva and v->exit.error from the hardware
 *
 * What is none of an MMU's is told in the one place for both: protection keys, async page
 * faults of a hypervisor above us, faults that can only be the guest's.
 *
 * Return: as KVM's exit handlers.
 */
int ring1_paging_fault(struct kvm_vcpu *vcpu)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);

	if (!v->mmu || v->exit.error & ~PLAIN_FAULT || vcpu->arch.apf.host_apf_flags ||
	    ring1_mmu_guest_owns(v, v->fault_gva))
		return ring1_mmu_fault(vcpu);
	return own_fault(vcpu, v->mmu);
}

/* As ring1_hc_mmu_register(). */
long ring1_paging_register(struct kvm_vcpu *vcpu, u64 kernel_root, u64 live, u64 nr_gfns)
{
	if (kernel_root & ~PAGE_MASK || live & ~PAGE_MASK || nr_gfns > 1ull << 32 ||
	    !ring1_is_pv(to_ring1(vcpu)))
		return -EINVAL;
	if (!own_mmu)
		return -EOPNOTSUPP;
	return ring1_root_register(vcpu, kernel_root, live, nr_gfns);
}

/* With interrupts on between slices, each bounded by the places that a table may have. */
static void run_op(struct ring1_mmu *mmu, u64 gpa, unsigned int nr)
{
	unsigned int budget, n;

	/* Cut at the end of the table, as the whole would be. */
	nr = min_t(unsigned int, nr, (PAGE_SIZE - offset_in_page(gpa)) / sizeof(u64));
	for (; nr; nr -= n, gpa += n * sizeof(u64)) {
		n = min(nr, SYNC_SLICE);
		budget = UINT_MAX;
		raw_spin_lock_irq(&mmu->lock);
		ring1_sync(mmu, gpa, n, &budget);
		raw_spin_unlock_irq(&mmu->lock);
	}
}

/* Locked. Return false if it was too much. */
static __fast bool run_ops(struct vcpu_ring1 *v, struct ring1_mmu *mmu, unsigned int nr)
{
	unsigned int budget = SYNC_BATCH, i;

	for (i = 0; i < nr; i++) {
		u64 op = READ_ONCE(v->shared->mmu_op[i]);

		if (!ring1_sync(mmu, RING1_MMU_OP_GPA(op), RING1_MMU_OP_NR(op), &budget))
			return false;
	}
	return true;
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
	if (r == RING1_WANT_EMULATION && want.table)
		return RING1_REFUSED;
	if (access & PFERR_USER_MASK)
		WRITE_ONCE(ring1_shared_to_write(v)->pf_exit, 1);
	return RING1_FILLED;
}

static __fast bool sync_valid(const struct ring1_mmu *mmu, u32 nr, u32 access)
{
	u32 bits = PFERR_WRITE_MASK | PFERR_USER_MASK | PFERR_FETCH_MASK;

	return mmu && nr <= RING1_NR_MMU_OPS && !(access & ~(RING1_ACCESS_VALID | bits)) &&
	       (!access || access & RING1_ACCESS_VALID);
}

/* No table of the guest's, of four levels, says anything about the address to the access. */
static __fast bool out_of_reach(struct kvm_vcpu *vcpu, u64 addr, u32 access)
{
	if (access & PFERR_USER_MASK)
		return addr >= LOWER_HALF_END;
	return is_noncanonical_address(addr, vcpu, 0) || ring1_region_contains(addr);
}

/* As ring1_hc_mmu_sync(). */
long ring1_paging_sync(struct kvm_vcpu *vcpu, u32 nr, u64 addr, u32 access)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	struct ring1_mmu *mmu = announced_to(vcpu);
	unsigned int i;

	if (!sync_valid(mmu, nr, access))
		return -EINVAL;
	for (i = 0; i < nr; i++) {
		u64 op = READ_ONCE(v->shared->mmu_op[i]);

		run_op(mmu, RING1_MMU_OP_GPA(op), RING1_MMU_OP_NR(op));
	}
	if (!access)
		return 0;
	if (out_of_reach(vcpu, addr, access))
		return 1;
	return fill_for_sync(vcpu, mmu, addr, access & ~RING1_ACCESS_VALID) == RING1_REFUSED;
}

/**
 * ring1_paging_sync_fast - the same, as far as it goes with interrupts off
 * @vcpu:	caller
 * @nr:		as in ring1_hc_mmu_sync()
 * @addr:	"
 * @access:	"
 *
 * Return: -EAGAIN if the operations are too much, or what @addr needs is not there.
 */
__fast long ring1_paging_sync_fast(struct kvm_vcpu *vcpu, u32 nr, u64 addr, u32 access)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	struct ring1_mmu *mmu = announced_to(vcpu);
	struct ring1_want want;
	enum ring1_need r;

	if (!sync_valid(mmu, nr, access))
		return -EINVAL;
	raw_spin_lock(&mmu->lock);
	if (!run_ops(v, mmu, nr))
		r = RING1_WANT_RETRY;
	else if (!access)
		r = RING1_FILLED;
	else if (out_of_reach(vcpu, addr, access))
		r = RING1_REFUSED;
	else
		r = fill_locked(v, mmu, addr, access & ~RING1_ACCESS_VALID, &want);
	raw_spin_unlock(&mmu->lock);
	return r == RING1_FILLED ? 0 : r == RING1_REFUSED ? 1 : -EAGAIN;
}

/* As ring1_hc_mmu_forget(). */
__fast long ring1_paging_forget(struct kvm_vcpu *vcpu, u64 root)
{
	struct ring1_mmu *mmu = announced_to(vcpu);
	unsigned long flags;
	bool ok;

	if (!mmu)
		return -EINVAL;
	raw_spin_lock_irqsave(&mmu->lock, flags);
	ok = ring1_root_forget(mmu, root);
	/* With its tables, so that the guest's own tearing down needs no announcement. */
	ring1_twins_bury(mmu, FORGET_BATCH);
	raw_spin_unlock_irqrestore(&mmu->lock, flags);
	return ok ? 0 : -EINVAL;
}

/* As ring1_hc_write_cr3(). */
long ring1_paging_write_cr3(struct kvm_vcpu *vcpu, u64 value)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	struct ring1_mmu *mmu = announced_to(vcpu);

	if (!mmu)
		return kvm_set_cr3(vcpu, value) ? -EINVAL : 0;
	if (!kvm_vcpu_is_legal_cr3(vcpu, value))
		return -EINVAL;
	vcpu->arch.cr3 = value;
	/* The next run finds that there is none, and chooses. */
	if (!choose_root(v, mmu))
		v->top = NULL;
	return 0;
}

/* The same; -EAGAIN if there is no root for it. */
__fast long ring1_paging_write_cr3_fast(struct kvm_vcpu *vcpu, u64 value)
{
	struct ring1_mmu *mmu = announced_to(vcpu);
	u64 old = vcpu->arch.cr3;

	if (!mmu)
		return -EAGAIN;
	if (!kvm_vcpu_is_legal_cr3(vcpu, value))
		return -EINVAL;
	vcpu->arch.cr3 = value;
	if (ring1_root_choose(to_ring1(vcpu), mmu))
		return 0;
	vcpu->arch.cr3 = old;
	return -EAGAIN;
}
