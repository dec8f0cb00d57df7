// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSRs that KVM leaves to the vendor: those the processor uses in segments and
 * system calls, and the few an AMD or Intel guest expects to be there. A VMM
 * restores every MSR that KVM lists; each of those must be accepted here or in
 * kvm.ko, as one refusal spoils a restore.
 */
#include "x86.h"
#include "ring1.h"

/* Where a plain 64-bit MSR lives; NULL for any other MSR. */
static u64 *plain_msr(struct vcpu_ring1 *v, u32 index)
{
	switch (index) {
	case MSR_STAR:
		return &v->star;
	case MSR_LSTAR:
		return &v->lstar;
	case MSR_CSTAR:
		return &v->cstar;
	case MSR_SYSCALL_MASK:
		return &v->sfmask;
	case MSR_IA32_SYSENTER_CS:
		return &v->sysenter_cs;
	case MSR_IA32_SYSENTER_ESP:
		return &v->sysenter_esp;
	case MSR_IA32_SYSENTER_EIP:
		return &v->sysenter_eip;
	case MSR_TSC_AUX:
		return &v->tsc_aux;
	case MSR_GS_BASE:
		return &v->gs_base;
	case MSR_FS_BASE:
		return &v->host->guest_fs;
	default:
		return NULL;
	}
}

/* The GS base that is not in use: in a PV guest's kernel, the user's. */
static u64 get_kernel_gs_base(struct vcpu_ring1 *v)
{
	if (!ring1_is_pv(v))
		return v->kernel_gs_base;
	return v->user ? v->setup.kernel_gs : ring1_regs_user_gs(v);
}

int ring1_get_msr(struct kvm_vcpu *vcpu, struct msr_data *msr)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	u64 *plain = plain_msr(v, msr->index);

	if (msr->index == MSR_CSTAR && msr->host_initiated && ring1_is_pv(v)) {
		msr->data = ring1_save(v);
		return 0;
	}
	if (plain) {
		if (msr->index == MSR_FS_BASE)
			ring1_segments_sync(v);
		msr->data = *plain;
		return 0;
	}

	switch (msr->index) {
	case MSR_KERNEL_GS_BASE:
		msr->data = get_kernel_gs_base(v);
		return 0;
	case MSR_IA32_SPEC_CTRL:
		if (!msr->host_initiated)
			return 1;
		msr->data = v->spec_ctrl;
		return 0;
	case MSR_IA32_TSX_CTRL:
		msr->data = 0;
		return !msr->host_initiated;
	case MSR_IA32_DEBUGCTLMSR:
	/* CPUID, which does not trap, may tell of SME where KVM has no such MSR. */
	case MSR_AMD64_SEV:
		msr->data = 0;
		return 0;
	case MSR_AMD64_DE_CFG:
		return ring1_get_feature_msr(msr->index, &msr->data);
	default:
		return kvm_get_msr_common(vcpu, msr);
	}
}

/* kvm.ko has checked addresses: canonical or refused. */
int ring1_set_msr(struct kvm_vcpu *vcpu, struct msr_data *msr)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	u64 *plain = plain_msr(v, msr->index);

	if (msr->index == MSR_CSTAR && msr->host_initiated)
		return ring1_restore(vcpu, msr->data);
	if (plain) {
		if (msr->index == MSR_FS_BASE)
			ring1_segments_claim(v);
		*plain = msr->data;
		return msr->index == MSR_TSC_AUX ? ring1_vcpu_load_tsc_aux(v) : 0;
	}

	switch (msr->index) {
	case MSR_KERNEL_GS_BASE:
		ring1_regs_set_user_gs(v, msr->data);
		return 0;
	case MSR_IA32_SPEC_CTRL:
		/* SPEC_CTRL is hidden from the guest, whose system calls would all exit. */
		if (!msr->host_initiated)
			return 1;
		v->spec_ctrl = msr->data;
		return 0;
	case MSR_IA32_TSC:
	case MSR_IA32_TSC_ADJUST:
		/* RDTSC shows the host's counter. A restore must not fail, but a guest is told. */
		if (!msr->host_initiated)
			return msr->index == MSR_IA32_TSC || msr->data;
		return kvm_set_msr_common(vcpu, msr);
	case MSR_IA32_XFD:
	case MSR_IA32_XFD_ERR:
		/* XFD is the monitor's, see ring1_vcpu_create(). */
		return msr->data || !msr->host_initiated;
	case MSR_IA32_TSX_CTRL:
		return msr->data || !msr->host_initiated;
	case MSR_PLATFORM_INFO:
		msr->data &= ~RING1_HIDDEN_PLATFORM_INFO;
		return kvm_set_msr_common(vcpu, msr);
	case MSR_IA32_ARCH_CAPABILITIES:
		msr->data &= ~RING1_HIDDEN_CAPABILITIES;
		return kvm_set_msr_common(vcpu, msr);
	case MSR_IA32_DEBUGCTLMSR:
		/* LBR and BTF are not virtualized. */
		return msr->data & ~DEBUGCTLMSR_BTF ? 1 : 0;
	case MSR_AMD64_DE_CFG:
		return msr->data & ~MSR_AMD64_DE_CFG_LFENCE_SERIALIZE ? 1 : 0;
	case MSR_K7_EVNTSEL0 ... MSR_K7_PERFCTR3:
	case MSR_P6_EVNTSEL0 ... MSR_P6_EVNTSEL1:
	case MSR_P6_PERFCTR0 ... MSR_P6_PERFCTR1:
		/*
		 * No counter is there, and writes are lost: as kvm.ko has it, but kvm.ko
		 * logs an error whenever a guest's boot probes for them.
		 */
		return 0;
	default:
		return kvm_set_msr_common(vcpu, msr);
	}
}

int ring1_get_feature_msr(u32 index, u64 *data)
{
	switch (index) {
	case MSR_AMD64_DE_CFG:
		*data = cpu_feature_enabled(X86_FEATURE_LFENCE_RDTSC) ?
			MSR_AMD64_DE_CFG_LFENCE_SERIALIZE : 0;
		return 0;
	default:
		return KVM_MSR_RET_UNSUPPORTED;
	}
}

bool ring1_has_emulated_msr(struct kvm *kvm, u32 index)
{
	switch (index) {
	case MSR_IA32_SMBASE:
	case MSR_IA32_MCG_EXT_CTL:
	case KVM_FIRST_EMULATED_VMX_MSR ... KVM_LAST_EMULATED_VMX_MSR:
	case MSR_AMD64_VIRT_SPEC_CTRL:
	case MSR_AMD64_TSC_RATIO:
		return false;
	default:
		return true;
	}
}
