// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which features of the processor KVM may offer to guests. VMMs choose from these,
 * and the guest sees their choice by hypercall or by emulation: CPUID itself does not
 * trap. Bits of CR4 that are the host's, whatever was chosen, are regs.c's.
 */
#include "x86.h"
#include "cpuid.h"
#include "ring1.h"

/**
 * ring1_cpuid_init - take away what a ring-1 guest cannot have
 */
void __init ring1_cpuid_init(void)
{
	kvm_set_cpu_caps();
	kvm_caps.supported_xss = 0;
	kvm_caps.supported_perf_cap = 0;

	/* XSAVES faults in ring 1. PCIDs, INVPCID and LA57 go with CR3, which is ours. */
	kvm_cpu_cap_clear(X86_FEATURE_XSAVES);
	kvm_cpu_cap_clear(X86_FEATURE_PCID);
	kvm_cpu_cap_clear(X86_FEATURE_INVPCID);
	kvm_cpu_cap_clear(X86_FEATURE_LA57);
	/* SPEC_CTRL is the host's; a guest that wrote it would exit each time. */
	kvm_cpu_cap_clear(X86_FEATURE_SPEC_CTRL);
	kvm_cpu_cap_clear(X86_FEATURE_INTEL_STIBP);
	kvm_cpu_cap_clear(X86_FEATURE_SPEC_CTRL_SSBD);
	kvm_cpu_cap_clear(X86_FEATURE_AMD_IBRS);
	kvm_cpu_cap_clear(X86_FEATURE_AMD_STIBP);
	kvm_cpu_cap_clear(X86_FEATURE_AMD_SSBD);
	kvm_cpu_cap_clear(X86_FEATURE_VIRT_SSBD);
	kvm_cpu_cap_clear(X86_FEATURE_AMD_PSFD);
	kvm_cpu_cap_clear(X86_FEATURE_AUTOIBRS);
	kvm_cpu_cap_clear(X86_FEATURE_AMD_STIBP_ALWAYS_ON);
	kvm_cpu_cap_clear(X86_FEATURE_INTEL_PSFD);
	kvm_cpu_cap_clear(X86_FEATURE_IPRED_CTRL);
	kvm_cpu_cap_clear(X86_FEATURE_RRSBA_CTRL);
	kvm_cpu_cap_clear(X86_FEATURE_DDPD_U);
	kvm_cpu_cap_clear(X86_FEATURE_BHI_CTRL);
	kvm_cpu_cap_clear(X86_FEATURE_LAM);
	/* #NM for a disabled AMX state would have to be told from the guest's own. */
	kvm_cpu_cap_clear(X86_FEATURE_XFD);
	kvm_cpu_cap_clear(X86_FEATURE_AMX_TILE);
	kvm_cpu_cap_clear(X86_FEATURE_AMX_INT8);
	kvm_cpu_cap_clear(X86_FEATURE_AMX_BF16);
	kvm_cpu_cap_clear(X86_FEATURE_AMX_FP16);
	kvm_cpu_cap_clear(X86_FEATURE_AMX_COMPLEX);
	/* ENCLS is for CPL 0; DEBUGCTL and EFER are the host's, and FFXSR would want CPL 0. */
	kvm_cpu_cap_clear(X86_FEATURE_SGX);
	kvm_cpu_cap_clear(X86_FEATURE_SGX_LC);
	kvm_cpu_cap_clear(X86_FEATURE_SGX1);
	kvm_cpu_cap_clear(X86_FEATURE_SGX2);
	kvm_cpu_cap_clear(X86_FEATURE_SGX_EDECCSSA);
	kvm_cpu_cap_clear(X86_FEATURE_BUS_LOCK_DETECT);
	kvm_cpu_cap_clear(X86_FEATURE_FXSR_OPT);
	/* What is not on in the host is not there for the guest. */
	if (!(cr4_read_shadow() & X86_CR4_SMAP))
		kvm_cpu_cap_clear(X86_FEATURE_SMAP);
	if (!(cr4_read_shadow() & X86_CR4_UMIP))
		kvm_cpu_cap_clear(X86_FEATURE_UMIP);
}

/*
 * KVM has worked out which bits CR4 may have. The pinned ones are read back whatever
 * the guest's CPUID says (regs.c), so they are never reserved.
 */
void ring1_vcpu_after_set_cpuid(struct kvm_vcpu *vcpu)
{
	vcpu->arch.cr4_guest_rsvd_bits &= ~(X86_CR4_SMEP | X86_CR4_SMAP | X86_CR4_UMIP);
}
