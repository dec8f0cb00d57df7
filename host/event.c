// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events into the guest: whether it can take one now, and what KVM calls to inject
 * one. When KVM asks for an injection it is done at once, so nothing is ever left
 * half injected. What the guest then finds is pv.c's or idt.c's business. The masks,
 * interrupt shadow and NMIs in progress, are kept here.
 */
#include "lapic.h"
#include "trace.h"
#include "x86.h"
#include "ring1.h"

/* A local APIC has an interrupt: note it, and have the vCPU look. */
void ring1_deliver_interrupt(struct kvm_lapic *apic, int delivery_mode, int trig_mode, int vector)
{
	kvm_lapic_set_irr(vector, apic);
	kvm_make_request(KVM_REQ_EVENT, apic->vcpu);
	kvm_vcpu_kick(apic->vcpu);
}

static void deliver(struct kvm_vcpu *vcpu, unsigned int vector, bool has_error, u32 error)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);

	v->int_shadow = 0;
	if (ring1_is_pv(v))
		ring1_pv_deliver(v, vector, has_error ? error : 0);
	else
		ring1_idt_deliver(v, vector, has_error, error);
}

#define INTN_INSN_SIZE	2

/* The guest's user made INT 0x80: RIP is behind the instruction. */
void ring1_event_deliver_int80(struct kvm_vcpu *vcpu)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	u64 next = kvm_rip_read(vcpu);

	if (ring1_is_pv(v)) {
		deliver(vcpu, IA32_SYSCALL_VECTOR, false, 0);
		return;
	}
	kvm_rip_write(vcpu, next - INTN_INSN_SIZE);
	ring1_idt_intn(v, IA32_SYSCALL_VECTOR, next);
}

void ring1_inject_irq(struct kvm_vcpu *vcpu, bool reinjected)
{
	trace_kvm_inj_virq(vcpu->arch.interrupt.nr, false, reinjected);
	deliver(vcpu, vcpu->arch.interrupt.nr, false, 0);
}

void ring1_inject_nmi(struct kvm_vcpu *vcpu)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	const struct ring1_restart_range *range = ring1_pv_restart_range(v);

	if (range)
		ring1_pv_rewind(v, range);
	v->nmi_masked = true;
	deliver(vcpu, NMI_VECTOR, false, 0);
}

/*
 * In a restart range, an exception is that of IRETQ itself and is delivered with
 * IRETQ's RIP, by which the guest knows it; only GS has to be the kernel's. #DB and
 * #MC come behind an instruction that can be repeated.
 */
static __fast void begin_exception(struct vcpu_ring1 *v, unsigned int vector)
{
	const struct ring1_restart_range *range = ring1_pv_restart_range(v);

	if (range && (vector == DB_VECTOR || vector == MC_VECTOR))
		ring1_pv_rewind(v, range);
	else if (range)
		v->gs_base = v->setup.kernel_gs;
	v->stat[RING1_STAT_EXCEPTION]++;
}

void ring1_inject_exception(struct kvm_vcpu *vcpu)
{
	struct kvm_queued_exception *ex = &vcpu->arch.exception;

	kvm_deliver_exception_payload(vcpu, ex);
	begin_exception(to_ring1(vcpu), ex->vector);
	deliver(vcpu, ex->vector, ex->has_error_code, ex->error_code);
}

/**
 * ring1_event_deliver_fault - as KVM would, at once
 * @vcpu:	PV vCPU that has raised a fault, and for which nothing else is pending; no
 *		event of the monitor's is traced
 * @vector:	fault
 * @error:	its error code
 */
__fast void ring1_event_deliver_fault(struct kvm_vcpu *vcpu, unsigned int vector, u32 error)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);

	begin_exception(v, vector);
	v->int_shadow = 0;
	ring1_pv_deliver(v, vector, error);
}

/* What KVM calls injected has been delivered: there is nothing to take back. */
void ring1_cancel_injection(struct kvm_vcpu *vcpu)
{
	vcpu->arch.nmi_injected = false;
	kvm_clear_exception_queue(vcpu);
	kvm_clear_interrupt_queue(vcpu);
}

__fast int ring1_interrupt_allowed(struct kvm_vcpu *vcpu, bool for_injection)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);

	if (!ring1_regs_get_vif(v) || v->int_shadow || ring1_pv_restart_range(v))
		return 0;
	return !ring1_is_pv(v) || v->user ||
	       !READ_ONCE(v->shared->frame[RING1_EVENT_NORMAL].busy);
}

__fast int ring1_nmi_allowed(struct kvm_vcpu *vcpu, bool for_injection)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);

	return !v->nmi_masked && !v->int_shadow;
}

/*
 * An interrupt or NMI waits: look again at the next exit. A PV guest is told in
 * the shared page; one in a restart range has made its last test and must make it
 * again. A trap guest exits when it enables interrupts, but not by IRETQ to
 * ring 3, unless run.c closes that way, nor at the end of an interrupt shadow: the
 * one instruction in the shadow is emulated.
 */
void ring1_enable_irq_window(struct kvm_vcpu *vcpu)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	const struct ring1_restart_range *range = ring1_pv_restart_range(v);

	v->event_wanted = true;
	if (ring1_is_pv(v))
		WRITE_ONCE(ring1_shared_to_write(v)->pending, 1);
	if (range)
		ring1_pv_rewind(v, range);
}

void ring1_enable_nmi_window(struct kvm_vcpu *vcpu)
{
	to_ring1(vcpu)->event_wanted = true;
}

void ring1_set_interrupt_shadow(struct kvm_vcpu *vcpu, int mask)
{
	to_ring1(vcpu)->int_shadow = mask;
}

u32 ring1_get_interrupt_shadow(struct kvm_vcpu *vcpu)
{
	return to_ring1(vcpu)->int_shadow;
}

bool ring1_get_nmi_mask(struct kvm_vcpu *vcpu)
{
	return to_ring1(vcpu)->nmi_masked;
}

/* KVM's emulator calls this for IRET. */
void ring1_set_nmi_mask(struct kvm_vcpu *vcpu, bool masked)
{
	if (to_ring1(vcpu)->nmi_masked && !masked)
		kvm_make_request(KVM_REQ_EVENT, vcpu);
	to_ring1(vcpu)->nmi_masked = masked;
}

/*
 * At every exit: let KVM decide again about what it could not inject. In a trap guest all
 * that it waits for is seen here, and nothing is said as long as it does not come.
 */
__fast void ring1_event_recheck(struct vcpu_ring1 *v)
{
	struct kvm_vcpu *vcpu = &v->vcpu;

	if (!v->event_wanted)
		return;
	if (ring1_is_pv(v))
		WRITE_ONCE(ring1_shared_to_write(v)->pending, 0);
	else if (!ring1_interrupt_allowed(vcpu, true) &&
		 !(vcpu->arch.nmi_pending && ring1_nmi_allowed(vcpu, true)))
		return;
	v->event_wanted = false;
	kvm_make_request(KVM_REQ_EVENT, vcpu);
}

/* Guests have no SMM: no SMI is ever pending. */
#ifdef CONFIG_KVM_SMM
int ring1_smi_allowed(struct kvm_vcpu *vcpu, bool for_injection)
{
	return 0;
}

int ring1_enter_smm(struct kvm_vcpu *vcpu, union kvm_smram *smram)
{
	return -EOPNOTSUPP;
}

int ring1_leave_smm(struct kvm_vcpu *vcpu, const union kvm_smram *smram)
{
	return -EOPNOTSUPP;
}
#endif
