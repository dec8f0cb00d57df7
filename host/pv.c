// SPDX-License-Identifier: GPL-2.0-only
/*
 * PV vCPUs: the page they share with the monitor and what the guest wrote there as
 * it registered, and the delivery of events by that page: a frame and a jump to an
 * entry point, or back to the start of the guest's restart range. When to
 * deliver is event.c's; bounces, which do without an exit, are the switcher's. The
 * other kind of guest is trap.c's.
 */
#include <linux/mm.h>
#include <asm/desc.h>
#include "x86.h"
#include "ownmmu.h"
#include "ring1.h"

/* RFLAGS a PV guest starts with at its entry points, less IF. */
#define ENTRY_RFLAGS	X86_EFLAGS_FIXED

static bool is_kernel_address(struct kvm_vcpu *vcpu, u64 addr)
{
	return (s64)addr < 0 && !is_noncanonical_msr_address(addr, vcpu) &&
	       !ring1_region_contains(addr);
}

static bool setup_valid(struct kvm_vcpu *vcpu, const struct ring1_setup *s)
{
	const u64 *entry = &s->entry_user;
	int i;

	if (s->abi_version < 1 || s->abi_version > RING1_ABI_VERSION ||
	    s->flags & ~(s->abi_version < 2 ? 0 : RING1_SETUP_BOUNCE_PF) ||
	    is_noncanonical_msr_address(s->kernel_gs, vcpu))
		return false;
	for (i = 0; i < (offsetof(struct ring1_setup, restart) -
			 offsetof(struct ring1_setup, entry_user)) / sizeof(u64); i++)
		if (!is_kernel_address(vcpu, entry[i]))
			return false;
	for (i = 0; i < ARRAY_SIZE(s->restart); i++)
		if (!is_kernel_address(vcpu, s->restart[i].start) ||
		    !is_kernel_address(vcpu, s->restart[i].end) ||
		    s->restart[i].start > s->restart[i].end)
			return false;
	return true;
}

/*
 * The page stays pinned as long as the switcher writes to it: neither migration
 * nor a fork of the VMM may give guest and monitor different pages.
 */
static struct page *pin_guest_page(struct kvm_vcpu *vcpu, gfn_t gfn)
{
	unsigned long hva = kvm_vcpu_gfn_to_hva(vcpu, gfn);
	struct page *page;

	if (kvm_is_error_hva(hva) ||
	    pin_user_pages_fast(hva, 1, FOLL_WRITE | FOLL_LONGTERM, &page) != 1)
		return NULL;
	return page;
}

/**
 * ring1_pv_start - make a vCPU a PV vCPU, or give it another page and setup
 * @vcpu:	vCPU that is not in the guest
 * @gpa:	of its struct ring1_vcpu_page
 * @setup:	what it registers
 *
 * Context: kvm->srcu held; may sleep.
 * Return: 0; -EINVAL or -EFAULT, and nothing has changed.
 */
int ring1_pv_start(struct kvm_vcpu *vcpu, gpa_t gpa, const struct ring1_setup *setup)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	struct page *pinned;

	if (offset_in_page(gpa))
		return -EINVAL;
	pinned = gpa >> RING1_SHARED_BITS ? NULL : pin_guest_page(vcpu, gpa_to_gfn(gpa));
	if (!pinned)
		return -EFAULT;
	if (!setup_valid(vcpu, setup)) {
		unpin_user_page(pinned);
		return -EINVAL;
	}

	ring1_pv_stop(v);
	v->setup = *setup;
	v->shared_page = pinned;
	v->shared_gfn = gpa_to_gfn(gpa);
	v->shared = page_address(pinned);
	v->conf->kernel_gs = setup->kernel_gs;
	v->conf->entry_user = setup->entry_user;
	v->conf->entry_syscall64 = setup->entry_syscall64;
	v->conf->entry_syscall32 = setup->entry_syscall32;
	v->conf->entry_sysenter32 = setup->entry_sysenter32;
	ring1_region_share(&v->region, pinned);
	kvm_make_request(KVM_REQ_EVENT, vcpu);
	return 0;
}

/**
 * ring1_pv_stop - back to trap mode, if the vCPU is not there
 * @v:	vCPU that is not in the guest
 *
 * The interrupt flag and the GS bases are carried over.
 */
void ring1_pv_stop(struct vcpu_ring1 *v)
{
	if (!ring1_is_pv(v))
		return;
	v->vif = ring1_regs_get_vif(v);
	v->kernel_gs_base = v->user ? v->setup.kernel_gs : ring1_regs_user_gs(v);
	v->unwritten = 0;
	v->shared = NULL;
	ring1_region_share(&v->region, NULL);
	kvm_vcpu_mark_page_dirty(&v->vcpu, v->shared_gfn);
	unpin_user_pages_dirty_lock(&v->shared_page, 1, true);
}

/**
 * ring1_pv_put - put the shared page into the log of dirty pages
 * @v:	vCPU that a CPU or the VMM lets go
 *
 * The page is pinned, and written by no entry of the guest's that the log could watch. A VMM
 * that reads the log for the last time has stopped the vCPU before. One that does not run
 * leaves a ring of dirty pages as it is, which may be full.
 *
 * Context: as vcpu_put(): may be preemption by another task.
 */
void ring1_pv_put(struct vcpu_ring1 *v)
{
	struct kvm *kvm = v->vcpu.kvm;
	int idx;

	if (!v->shared_written)
		return;
	v->shared_written = false;
	if (!ring1_is_pv(v) || !atomic_read(&kvm->nr_memslots_dirty_logging))
		return;
	idx = srcu_read_lock(&kvm->srcu);
	kvm_vcpu_mark_page_dirty(&v->vcpu, v->shared_gfn);
	srcu_read_unlock(&kvm->srcu, idx);
}

/**
 * ring1_pv_leave - the vCPU's kernel is gone, or about to go
 * @v:	vCPU that is not in the guest
 */
void ring1_pv_leave(struct vcpu_ring1 *v)
{
	ring1_pv_stop(v);
	ring1_root_unregister(v);
}

/**
 * ring1_pv_restart_range - find the restart range in which the guest kernel stands
 * @v:	any vCPU
 *
 * Return: the range, or NULL if the kernel is in none.
 */
__fast const struct ring1_restart_range *ring1_pv_restart_range(struct vcpu_ring1 *v)
{
	unsigned long rip = kvm_rip_read(&v->vcpu);
	int i;

	if (!ring1_is_pv(v) || v->user)
		return NULL;
	for (i = 0; i < ARRAY_SIZE(v->setup.restart); i++)
		if (rip >= v->setup.restart[i].start && rip < v->setup.restart[i].end)
			return &v->setup.restart[i];
	return NULL;
}

/**
 * ring1_pv_rewind - go back to where the guest kernel tests what is pending
 * @v:		PV vCPU
 * @range:	from ring1_pv_restart_range()
 */
__fast void ring1_pv_rewind(struct vcpu_ring1 *v, const struct ring1_restart_range *range)
{
	kvm_rip_write(&v->vcpu, range->start);
	v->gs_base = v->setup.kernel_gs;
	WRITE_ONCE(ring1_shared_to_write(v)->vif, 0);
	v->stat[RING1_STAT_REWIND]++;
}

static __fast unsigned int event_class(unsigned int vector, bool user)
{
	switch (vector) {
	case NMI_VECTOR:
		return RING1_EVENT_NMI;
	case MC_VECTOR:
		return RING1_EVENT_MC;
	case DF_VECTOR:
		return RING1_EVENT_DF;
	case DB_VECTOR:
		return user ? RING1_EVENT_NORMAL : RING1_EVENT_DB;
	default:
		return RING1_EVENT_NORMAL;
	}
}

static __fast u64 entry_point(const struct vcpu_ring1 *v, unsigned int class, bool user)
{
	switch (class) {
	case RING1_EVENT_NMI:
		return v->setup.entry_nmi;
	case RING1_EVENT_MC:
		return v->setup.entry_mc;
	case RING1_EVENT_DF:
		return v->setup.entry_df;
	case RING1_EVENT_DB:
		return v->setup.entry_db;
	default:
		return user ? v->setup.entry_user : v->setup.entry_kernel;
	}
}

/**
 * ring1_pv_deliver - fill the frame of the event's class, and go to its entry point
 * @v:		PV vCPU
 * @vector:	event
 * @error:	its error code; 0 if it has none
 *
 * An exception that finds its frame busy hit the guest's own entry code: a double
 * fault, and if the frame of #DF is busy as well, a triple fault. Interrupts do not
 * come here with the frame busy.
 */
__fast void ring1_pv_deliver(struct vcpu_ring1 *v, unsigned int vector, u32 error)
{
	struct kvm_vcpu *vcpu = &v->vcpu;
	bool user = v->user;
	unsigned int class = event_class(vector, user);
	struct ring1_frame *frame = &ring1_shared_to_write(v)->frame[class];
	unsigned long flags = ring1_get_rflags(vcpu);

	if (!user && READ_ONCE(frame->busy)) {
		if (class == RING1_EVENT_DF) {
			kvm_make_request(KVM_REQ_TRIPLE_FAULT, vcpu);
			return;
		}
		ring1_pv_deliver(v, DF_VECTOR, 0);
		return;
	}

	frame->ip = kvm_rip_read(vcpu);
	frame->cs = user ? v->segment[VCPU_SREG_CS].selector : __KERNEL_CS;
	frame->flags = flags;
	frame->sp = kvm_rsp_read(vcpu);
	frame->ss = user ? v->segment[VCPU_SREG_SS].selector : __KERNEL_DS;
	frame->error = error;
	frame->vector = vector;
	frame->payload = vector == DB_VECTOR ? vcpu->arch.dr6 : vcpu->arch.cr2;
	WRITE_ONCE(frame->busy, 1);

	ring1_regs_to_kernel(v);
	WRITE_ONCE(ring1_shared_to_write(v)->vif, 0);
	v->rflags = ENTRY_RFLAGS;
	kvm_rip_write(vcpu, entry_point(v, class, user));
}

/**
 * ring1_pv_syscall - handle a SYSCALL of the guest's user that did not bounce
 * @vcpu:	vCPU that a VMM debugs, which is why
 * @entry:	where the bounce ends (switcher.S, BOUNCE_SYSCALL)
 *
 * Return: as KVM's exit handlers.
 */
int ring1_pv_syscall(struct kvm_vcpu *vcpu, u64 entry)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);

	ring1_regs_to_kernel(v);
	v->rflags = X86_EFLAGS_FIXED;
	kvm_rip_write(vcpu, entry);
	return 1;
}

/* The entry point of SYSENTER takes the user's RFLAGS from the frame. */
int ring1_pv_sysenter(struct kvm_vcpu *vcpu)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);

	ring1_shared_to_write(v)->frame[RING1_EVENT_NORMAL].flags = v->exit.flags;
	return ring1_pv_syscall(vcpu, v->setup.entry_sysenter32);
}
