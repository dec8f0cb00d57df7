// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest world's root: a private copy of the top level of the shadow table
 * that KVM's MMU keeps, plus slot 256. Everything below the top level is KVM's.
 *
 * KVM shares its root pages between vCPUs and rewrites them, and it never knows
 * of slot 256; so its root is never loaded into CR3. It tells of every change
 * that takes something away by load_mmu_pgd or a flush hook, before it frees the
 * table below and after all vCPUs have left the guest; the copy is made again
 * before the next enter, with interrupts off. A new top-level entry comes from
 * the vCPU's own fault; missing one costs another fault and nothing else.
 */
#include "mmu.h"
#include "x86.h"
#include "ring1.h"

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

void ring1_flush_tlb(struct kvm_vcpu *vcpu)
{
	/* The translations themselves go with the CR3 write of the next enter. */
	to_ring1(vcpu)->root_stale = true;
}

/*
 * Ring 3 must not reach the upper half, whatever the guest's tables say: SYSCALL
 * tells ring 1 by its address. Other entries of KVM's carry U and W always.
 */
static __fast u64 private_entry(u64 spte, unsigned int index)
{
	return index < RING1_SLOT ? spte : spte & ~(u64)PT_USER_MASK;
}

static __fast void sync_root(struct vcpu_ring1 *v)
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
 * ring1_mmu_sync_root - bring the private root in step with KVM's
 * @v:	vCPU about to enter
 *
 * Context: IRQs off, vcpu->mode IN_GUEST_MODE: a flush that comes now makes the
 * vCPU exit before the flusher goes on.
 */
__fast void ring1_mmu_sync_root(struct vcpu_ring1 *v)
{
	ring1_assert(irqs_disabled());
	sync_root(v);
	if (ring1_debug)
		check_root(v);
}

/* A fault that KVM's MMU can have nothing to do with. */
__fast bool ring1_mmu_guest_owns(const struct vcpu_ring1 *v, u64 gva)
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

/* The fault is the guest's; its own entry says whether there was a page. */
void ring1_mmu_inject_fault(struct kvm_vcpu *vcpu, bool present)
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

	/*
	 * WRPKRU is the guest user's, keys are not, and the next run sets PKRU to 0. But who
	 * has closed a key shall not find it open here of all places.
	 */
	if (v->exit.error & PFERR_PK_MASK) {
		if (v->user)
			ring1_mmu_inject_fault(vcpu, true);
		return 1;
	}

	/* An async page fault of the hypervisor above has a token for an address. */
	if (!vcpu->arch.apf.host_apf_flags) {
		if (ring1_mmu_guest_owns(v, gva)) {
			ring1_mmu_inject_fault(vcpu, false);
			return 1;
		}
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
