// SPDX-License-Identifier: GPL-2.0-only
/*
 * PV vCPUs in the hands of a VMM that saves and restores: what of them is in no register.
 * Stock VMMs carry it without knowing, D18 in Documentation/decisions.rst: MSR_CSTAR, which a
 * PV guest does not use, is to the VMM the address of the shared page, with a mark; and the
 * rest is in that page, which goes with the guest's memory.
 *
 * A VMM reads MSRs before it copies the shared page for the last time, and writes them behind
 * memory and KVM_SET_SREGS.
 */
#include "x86.h"
#include "ownmmu.h"
#include "ring1.h"

/* An address of the lower half that no kernel has for its system calls. */
#define CSTAR_PV	0x500000000131ull
#define CSTAR_ADDRESS	GENMASK_ULL(RING1_SHARED_BITS - 1, PAGE_SHIFT)

static void collect(struct vcpu_ring1 *v, struct ring1_saved *saved)
{
	memset(saved, 0, sizeof(*saved));
	saved->setup = v->setup;
	memcpy(saved->desc, &v->gdt[RING1_GDT_TLS], sizeof(saved->desc));
	if (ring1_root_registered(v->vcpu.kvm, &saved->kernel_root, &saved->live, &saved->nr_gfns))
		saved->flags = RING1_SAVED_MMU;
}

/**
 * ring1_save - what the VMM reads from MSR_CSTAR of a PV vCPU
 * @v:	the vCPU, stopped
 *
 * Return: the value, for ring1_restore().
 */
u64 ring1_save(struct vcpu_ring1 *v)
{
	collect(v, &ring1_shared_to_write(v)->saved);
	return CSTAR_PV | gfn_to_gpa(v->shared_gfn);
}

static bool is_valid(const struct ring1_saved *saved)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(saved->desc); i++)
		if (!ring1_desc_allowed(saved->desc[i]))
			return false;
	return !(saved->flags & ~RING1_SAVED_MMU) && !saved->reserved;
}

/* The VMM's selectors may be of descriptors that were not there yet. */
static void restore_desc(struct kvm_vcpu *vcpu, const u64 *desc)
{
	static const int seg[] = { VCPU_SREG_DS, VCPU_SREG_ES, VCPU_SREG_FS, VCPU_SREG_GS };
	struct vcpu_ring1 *v = to_ring1(vcpu);
	struct kvm_segment var;
	int i;

	for (i = 0; i <= RING1_GDT_CPUNODE - RING1_GDT_TLS; i++)
		ring1_desc_write(v, RING1_GDT_TLS + i, desc[i]);
	for (i = 0; i < ARRAY_SIZE(seg); i++) {
		var = v->segment[seg[i]];
		ring1_set_segment(vcpu, &var, seg[i]);
	}
}

/* The first vCPU of a VM registers for all. */
static int restore_mmu(struct kvm_vcpu *vcpu, const struct ring1_saved *saved,
		       const struct ring1_saved *now)
{
	if (!(saved->flags & RING1_SAVED_MMU) ||
	    (now->flags & RING1_SAVED_MMU && saved->kernel_root == now->kernel_root &&
	     saved->live == now->live && saved->nr_gfns == now->nr_gfns))
		return 0;
	return ring1_paging_register(vcpu, saved->kernel_root, saved->live, saved->nr_gfns);
}

static int restore(struct kvm_vcpu *vcpu, gpa_t gpa)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	struct ring1_saved saved, now;
	int r;

	if (kvm_vcpu_read_guest(vcpu, gpa + RING1_PAGE_SAVED, &saved, sizeof(saved)) ||
	    !is_valid(&saved))
		return -EINVAL;
	collect(v, &now);
	/* VMMs write back what they have read. */
	if (ring1_is_pv(v) && v->shared_gfn == gpa_to_gfn(gpa) &&
	    !memcmp(&saved, &now, sizeof(saved)))
		return 0;
	r = ring1_pv_start(vcpu, gpa, &saved.setup);
	if (r)
		return r;
	/* In ring 3 it is in no register. */
	v->kernel_cs = ring1_trap_kernel_cs(__KERNEL_CS);
	restore_desc(vcpu, saved.desc);
	r = restore_mmu(vcpu, &saved, &now);
	if (r)
		ring1_pv_leave(v);
	return r;
}

/**
 * ring1_restore - the VMM writes MSR_CSTAR
 * @vcpu:	stopped; its segments are restored already
 * @cstar:	value
 *
 * Context: kvm->srcu held; may sleep.
 * Return: 0; 1 if the vCPU cannot be the PV vCPU that was saved.
 */
int ring1_restore(struct kvm_vcpu *vcpu, u64 cstar)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);

	if ((cstar & ~CSTAR_ADDRESS) == CSTAR_PV)
		return restore(vcpu, cstar & CSTAR_ADDRESS) ? 1 : 0;
	/* Of a kernel that had not registered. */
	if (ring1_is_pv(v))
		ring1_pv_leave(v);
	v->cstar = cstar;
	return 0;
}
