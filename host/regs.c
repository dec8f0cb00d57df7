// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPL, control registers and flags as KVM and VMMs see them: the guest kernel at
 * CPL 0 although the hardware runs it in ring 1, and the virtual interrupt flag in
 * RFLAGS.IF. Here the guest changes its ring, and with it flag and GS base. Segments
 * are segments.c's, MSRs msr.c's, the loading of debug registers run.c's.
 */
#include "x86.h"
#include "ring1.h"

/* Bits that must be what the processor has, see D12 in Documentation/decisions.rst. */
#define PINNED_CR4	(X86_CR4_SMEP | X86_CR4_SMAP | X86_CR4_UMIP)

int ring1_get_cpl(struct kvm_vcpu *vcpu)
{
	return to_ring1(vcpu)->user ? 3 : 0;
}

void ring1_get_cs_db_l_bits(struct kvm_vcpu *vcpu, int *db, int *l)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	struct kvm_segment *cs = v->user ? &v->segment[VCPU_SREG_CS] : &v->kernel_cs;

	*db = cs->db;
	*l = cs->l;
}

bool ring1_is_valid_cr0(struct kvm_vcpu *vcpu, unsigned long cr0)
{
	return true;
}

void ring1_set_cr0(struct kvm_vcpu *vcpu, unsigned long cr0)
{
	if (vcpu->arch.efer & EFER_LME) {
		if (!is_paging(vcpu) && (cr0 & X86_CR0_PG))
			vcpu->arch.efer |= EFER_LMA;
		else if (is_paging(vcpu) && !(cr0 & X86_CR0_PG))
			vcpu->arch.efer &= ~EFER_LMA;
	}
	vcpu->arch.cr0 = cr0;
}

/* TSD goes into the processor's CR4 at the next enter (run.c), no other bit does. */
bool ring1_is_valid_cr4(struct kvm_vcpu *vcpu, unsigned long cr4)
{
	return !(cr4 & (X86_CR4_LA57 | X86_CR4_PCIDE | X86_CR4_PKE | X86_CR4_VMXE));
}

/*
 * The hardware runs with the host's SMEP, SMAP and UMIP. If the guest's differed,
 * KVM would find nothing wrong with an access that faults, for ever.
 */
void ring1_set_cr4(struct kvm_vcpu *vcpu, unsigned long cr4)
{
	unsigned long old = vcpu->arch.cr4;

	cr4 = (cr4 & ~PINNED_CR4) | (cr4_read_shadow() & PINNED_CR4);
	vcpu->arch.cr4 = cr4;
	if ((cr4 ^ old) & X86_CR4_OSXSAVE)
		kvm_update_cpuid_runtime(vcpu);
}

int ring1_set_efer(struct kvm_vcpu *vcpu, u64 efer)
{
	vcpu->arch.efer = efer;
	return 0;
}

void ring1_get_idt(struct kvm_vcpu *vcpu, struct desc_ptr *dt)
{
	*dt = to_ring1(vcpu)->guest_idt;
}

void ring1_set_idt(struct kvm_vcpu *vcpu, struct desc_ptr *dt)
{
	to_ring1(vcpu)->guest_idt = *dt;
}

void ring1_get_gdt(struct kvm_vcpu *vcpu, struct desc_ptr *dt)
{
	*dt = to_ring1(vcpu)->guest_gdt;
}

void ring1_set_gdt(struct kvm_vcpu *vcpu, struct desc_ptr *dt)
{
	to_ring1(vcpu)->guest_gdt = *dt;
}

__fast bool ring1_regs_get_vif(struct vcpu_ring1 *v)
{
	/* A trap guest's IRETQ to ring 3 does not trap. */
	if (v->user)
		return true;
	if (ring1_is_pv(v) && !(v->unwritten & RING1_UNWRITTEN_VIF))
		return READ_ONCE(v->shared->vif) & X86_EFLAGS_IF;
	return v->vif;
}

void ring1_regs_set_vif(struct vcpu_ring1 *v, bool on)
{
	if (v->user)
		return;
	v->vif = on;
	if (ring1_is_pv(v))
		v->unwritten |= RING1_UNWRITTEN_VIF;
	if (v->vcpu.wants_to_run)
		ring1_regs_write(v);
}

/**
 * ring1_regs_set_user_gs - set the GS base that the kernel's SWAPGS would bring
 * @v:		vCPU
 * @base:	canonical
 */
__fast void ring1_regs_set_user_gs(struct vcpu_ring1 *v, u64 base)
{
	v->kernel_gs_base = base;
	if (ring1_is_pv(v) && !v->user)
		v->unwritten |= RING1_UNWRITTEN_GS;
	if (v->vcpu.wants_to_run)
		ring1_regs_write(v);
}

/**
 * ring1_regs_write - bring a PV vCPU's shared page in step with its registers
 * @v:	vCPU in KVM_RUN
 *
 * What a VMM sets waits for that: while it loads another state of the VM, the page may be
 * any memory of that one.
 */
__fast void ring1_regs_write(struct vcpu_ring1 *v)
{
	if (v->unwritten & RING1_UNWRITTEN_VIF)
		WRITE_ONCE(ring1_shared_to_write(v)->vif, v->vif ? X86_EFLAGS_IF : 0);
	if (v->unwritten & RING1_UNWRITTEN_GS)
		WRITE_ONCE(ring1_shared_to_write(v)->user_gs, v->kernel_gs_base);
	v->unwritten = 0;
}

/**
 * ring1_regs_user_gs - the user's GS base while the kernel runs
 * @v:	PV vCPU
 *
 * Return: what the shared page holds; 0 in place of what WRGSBASE would refuse.
 */
u64 ring1_regs_user_gs(struct vcpu_ring1 *v)
{
	u64 gs = v->unwritten & RING1_UNWRITTEN_GS ? v->kernel_gs_base :
						     READ_ONCE(v->shared->user_gs);

	return is_noncanonical_msr_address(gs, &v->vcpu) ? 0 : gs;
}

/**
 * ring1_regs_to_user - the guest goes from ring 1 to ring 3
 * @v:	vCPU, user's CS already in its segment slot
 */
void ring1_regs_to_user(struct vcpu_ring1 *v)
{
	if (v->user)
		return;
	v->user = true;
	if (ring1_is_pv(v))
		v->gs_base = ring1_regs_user_gs(v);
}

/**
 * ring1_regs_to_kernel - the guest goes from ring 3 to ring 1
 * @v:	vCPU; in PV mode GS changes hands, in trap mode the guest does SWAPGS
 */
__fast void ring1_regs_to_kernel(struct vcpu_ring1 *v)
{
	if (!v->user)
		return;
	v->user = false;
	if (ring1_is_pv(v)) {
		WRITE_ONCE(ring1_shared_to_write(v)->user_gs, v->gs_base);
		v->gs_base = v->setup.kernel_gs;
		WRITE_ONCE(ring1_shared_to_write(v)->vif, 0);
	}
}

__fast unsigned long ring1_get_rflags(struct kvm_vcpu *vcpu)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);

	return v->rflags | (ring1_regs_get_vif(v) ? X86_EFLAGS_IF : 0);
}

void ring1_set_rflags(struct kvm_vcpu *vcpu, unsigned long rflags)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);

	v->rflags = rflags & ~X86_EFLAGS_IF;
	ring1_regs_set_vif(v, rflags & X86_EFLAGS_IF);
}

bool ring1_get_if_flag(struct kvm_vcpu *vcpu)
{
	return ring1_regs_get_vif(to_ring1(vcpu));
}

/**
 * ring1_regs_report_debug - tell the VMM of a breakpoint of its own
 * @vcpu:	at the instruction
 * @dr6:	which it was, in the processor's polarity or not
 *
 * Return: 0, as KVM's exit handlers.
 */
int ring1_regs_report_debug(struct kvm_vcpu *vcpu, unsigned long dr6)
{
	vcpu->run->exit_reason = KVM_EXIT_DEBUG;
	vcpu->run->debug.arch.dr6 = dr6 | DR6_ACTIVE_LOW;
	vcpu->run->debug.arch.dr7 = to_ring1(vcpu)->dr7;
	vcpu->run->debug.arch.pc = kvm_get_linear_rip(vcpu);
	vcpu->run->debug.arch.exception = DB_VECTOR;
	return 0;
}

/*
 * What the guest or its VMM armed goes into the hardware at the next enter (run.c). KVM does
 * not check a VMM's value: MOV DR7 would fault if a bit of the upper half were set.
 */
void ring1_set_dr7(struct kvm_vcpu *vcpu, unsigned long value)
{
	to_ring1(vcpu)->dr7 = (u32)value;
}
