// SPDX-License-Identifier: GPL-2.0-only
/*
 * Segments, control registers and flags as KVM and VMMs see them: the guest
 * kernel at CPL 0 although the hardware runs it in ring 1, and the virtual
 * interrupt flag in RFLAGS.IF. MSRs are msr.c's, debug registers' loading run.c's.
 */
#include "x86.h"
#include "ring1.h"

/* Bits that must be what the processor has, see D12 in Documentation/decisions.rst. */
#define PINNED_CR4	(X86_CR4_SMEP | X86_CR4_SMAP | X86_CR4_UMIP)

/*
 * DS, ES, FS and GS: the switcher loads them from the host page, so that is where
 * they live; while the registers hold the guest's selectors, memory lags behind.
 */
static u16 *data_selector(struct vcpu_ring1 *v, int seg)
{
	switch (seg) {
	case VCPU_SREG_DS:
		return &v->host->ds;
	case VCPU_SREG_ES:
		return &v->host->es;
	case VCPU_SREG_FS:
		return &v->host->fs;
	case VCPU_SREG_GS:
		return &v->host->gs;
	default:
		return NULL;
	}
}

/* What the hardware gets for it: a kernel's selector has DPL 0 in its own table. */
static u16 hardware_selector(const struct vcpu_ring1 *v, u16 selector)
{
	return ring1_selector_loadable(v, selector) ? selector : 0;
}

/**
 * ring1_check_selectors - make the selectors in memory safe to load
 * @v:	vCPU that enters with conf.segments set
 *
 * A guest may take a descriptor away while its selector is loaded.
 */
void ring1_check_selectors(struct vcpu_ring1 *v)
{
	int seg;

	for (seg = VCPU_SREG_ES; seg <= VCPU_SREG_GS; seg++) {
		u16 *selector = data_selector(v, seg);

		if (selector)
			*selector = hardware_selector(v, *selector);
	}
}

u64 ring1_get_segment_base(struct kvm_vcpu *vcpu, int seg)
{
	struct kvm_segment var;

	ring1_get_segment(vcpu, &var, seg);
	return var.base;
}

void ring1_get_segment(struct kvm_vcpu *vcpu, struct kvm_segment *var, int seg)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	u16 *selector = data_selector(v, seg);

	if (seg == VCPU_SREG_CS && !v->user) {
		*var = v->kernel_cs;
		return;
	}
	*var = v->segment[seg];
	if (!selector || !is_long_mode(vcpu))
		return;

	/* The guest may have loaded another one since, without an exit. */
	ring1_save_segments(v);
	if (*selector != hardware_selector(v, var->selector))
		ring1_segment_fill(v, *selector, var);
	if (seg == VCPU_SREG_FS)
		var->base = v->host->guest_fs;
	else if (seg == VCPU_SREG_GS)
		var->base = v->gs_base;
}

void ring1_set_segment(struct kvm_vcpu *vcpu, struct kvm_segment *var, int seg)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	u16 *selector = data_selector(v, seg);

	if (seg == VCPU_SREG_CS) {
		v->user = var->dpl == 3 && is_protmode(vcpu);
		if (!v->user) {
			v->kernel_cs = *var;
			return;
		}
	}
	v->segment[seg] = *var;
	if (!selector)
		return;
	/* The VMM's; WRFSBASE and WRGSBASE would fault. */
	if (is_noncanonical_msr_address(var->base, vcpu))
		v->segment[seg].base = 0;

	ring1_take_segments(v);
	*selector = hardware_selector(v, var->selector);
	if (seg == VCPU_SREG_FS)
		v->host->guest_fs = v->segment[seg].base;
	else if (seg == VCPU_SREG_GS)
		v->gs_base = v->segment[seg].base;
}

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

unsigned long ring1_get_rflags(struct kvm_vcpu *vcpu)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);

	return v->rflags | (ring1_get_vif(v) ? X86_EFLAGS_IF : 0);
}

void ring1_set_rflags(struct kvm_vcpu *vcpu, unsigned long rflags)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);

	v->rflags = rflags & ~X86_EFLAGS_IF;
	ring1_set_vif(v, rflags & X86_EFLAGS_IF);
}

bool ring1_get_if_flag(struct kvm_vcpu *vcpu)
{
	return ring1_get_vif(to_ring1(vcpu));
}

/*
 * What the guest armed goes into the hardware at the next enter (run.c). A VMM's value
 * is not checked: the upper half would fault, and with GD the exit's own MOV DR7.
 */
void ring1_set_dr7(struct kvm_vcpu *vcpu, unsigned long value)
{
	to_ring1(vcpu)->dr7 = (u32)value & ~DR7_GD;
}
