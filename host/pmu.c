// SPDX-License-Identifier: GPL-2.0-only
/*
 * No virtual PMU: no counter exists, no MSR is valid. Counters of the host's that
 * must not run in the guest are run.c's business.
 */
#include "x86.h"
#include "pmu.h"
#include "ring1.h"

static struct kvm_pmc *no_counter(struct kvm_vcpu *vcpu, unsigned int idx, u64 *mask)
{
	return NULL;
}

static struct kvm_pmc *no_msr(struct kvm_vcpu *vcpu, u32 msr)
{
	return NULL;
}

static int check_rdpmc_early(struct kvm_vcpu *vcpu, unsigned int idx)
{
	return -EINVAL;
}

static bool is_valid_msr(struct kvm_vcpu *vcpu, u32 msr)
{
	return false;
}

static int access_msr(struct kvm_vcpu *vcpu, struct msr_data *msr)
{
	return 1;
}

static void do_nothing(struct kvm_vcpu *vcpu)
{
}

struct kvm_pmu_ops ring1_pmu_ops __initdata = {
	.rdpmc_ecx_to_pmc = no_counter,
	.msr_idx_to_pmc = no_msr,
	.check_rdpmc_early = check_rdpmc_early,
	.is_valid_msr = is_valid_msr,
	.get_msr = access_msr,
	.set_msr = access_msr,
	.refresh = do_nothing,
	.init = do_nothing,
	.EVENTSEL_EVENT = 0,
	.MAX_NR_GP_COUNTERS = 0,
	.MIN_NR_GP_COUNTERS = 0,
};
