// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can this host run ring-1 guests safely? Each requirement is asked for here, at load and
 * on a processor that comes later; what is said where one is missing is in
 * require-table.h. `ring1 check` asks for those that user space can see
 * (launcher/check.c). That no other vendor module is loaded is left to kvm.ko.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cc_platform.h>
#include <linux/module.h>
#include <linux/version.h>
#include <asm/cpufeature.h>
#include <asm/desc.h>
#include <asm/hypervisor.h>
#include <asm/tlbflush.h>
#include "mitigations.h"
#include "require.h"
#include "ring1.h"

static bool guest_user_may_read_guest_kernel;
module_param(guest_user_may_read_guest_kernel, bool, 0444);
MODULE_PARM_DESC(guest_user_may_read_guest_kernel,
		 "Load on a processor with Meltdown, where a guest's user can read its kernel");

static bool guest_may_call_vmware;
module_param(guest_may_call_vmware, bool, 0444);
MODULE_PARM_DESC(guest_may_call_vmware,
		 "Load on a VMware guest, where guests can read what VMware tells the host (guestinfo)");

struct requirement {
	bool (*missing)(void);
	const char *why;
	const char *remedy;
};

static bool no_fsgsbase(void)
{
	return !(cr4_read_shadow() & X86_CR4_FSGSBASE);
}

static bool no_nx(void)
{
	return !boot_cpu_has(X86_FEATURE_NX);
}

static bool no_smep(void)
{
	return !(cr4_read_shadow() & X86_CR4_SMEP);
}

static bool la57(void)
{
	return cr4_read_shadow() & X86_CR4_LA57;
}

static bool fred(void)
{
	return cpu_feature_enabled(X86_FEATURE_FRED);
}

static bool supervisor_shadow_stack(void)
{
	u64 s_cet;

	if (!(__read_cr4() & X86_CR4_CET) || rdmsrl_safe(MSR_IA32_S_CET, &s_cet))
		return false;
	return s_cet & CET_SHSTK_EN;
}

static bool xen_pv(void)
{
	return cpu_feature_enabled(X86_FEATURE_XENPV);
}

static bool encrypted_state(void)
{
	return cc_platform_has(CC_ATTR_GUEST_STATE_ENCRYPT) ||
	       boot_cpu_has(X86_FEATURE_TDX_GUEST);
}

static bool encrypted_memory(void)
{
	return cc_platform_has(CC_ATTR_MEM_ENCRYPT);
}

/*
 * VMware answers IN of its port at any CPL and without permission, for what it tells this
 * host. Whether it is set not to, and whether KVM imitates it, ring 0 cannot find out, as
 * it has permission: `ring1` asks in ring 3 (launcher/backdoor.c).
 */
static bool vmware(void)
{
	return hypervisor_is_type(X86_HYPER_VMWARE) && !guest_may_call_vmware;
}

static bool meltdown(void)
{
	return boot_cpu_has_bug(X86_BUG_CPU_MELTDOWN) && !guest_user_may_read_guest_kernel;
}

/* A host that uses predictions has to flush them at exits. */
static bool unflushed_predictions(void)
{
	return ring1_mitigations_impossible();
}

static bool old_kvm(void)
{
	return LINUX_VERSION_CODE < KERNEL_VERSION(RING1_KERNEL_MAJOR, RING1_KERNEL_MINOR,
						   RING1_KERNEL_PATCH);
}

/* SYSCALL must clear what a gate clears, and IOPL. */
static bool unmasked_flags(void)
{
	const u64 need = X86_EFLAGS_IF | X86_EFLAGS_TF | X86_EFLAGS_DF | X86_EFLAGS_AC |
			 X86_EFLAGS_NT | X86_EFLAGS_IOPL;
	u64 mask;

	rdmsrl(MSR_SYSCALL_MASK, mask);
	return (mask & need) != need;
}

static const struct requirement requirements[] = {
#define REQUIREMENT(missing, why, remedy) { missing, why, remedy },
#include "require-table.h"
#undef REQUIREMENT
};

static const struct requirement *first_missing(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(requirements); i++)
		if (requirements[i].missing())
			return &requirements[i];
	return NULL;
}

/**
 * ring1_require_host - refuse a host that cannot run guests safely
 *
 * Return: 0, or -EOPNOTSUPP after saying why.
 */
int __init ring1_require_host(void)
{
	const struct requirement *r = first_missing();

	if (!r)
		return 0;
	pr_err("cannot load: %s; %s\n", r->why, r->remedy);
	return -EOPNOTSUPP;
}

/**
 * ring1_require_processor - the same for a CPU that comes online later
 *
 * Return: 0 or -EIO.
 */
int ring1_require_processor(void)
{
	const struct requirement *r = first_missing();

	if (!r)
		return 0;
	pr_err("CPU %d: %s; %s\n", raw_smp_processor_id(), r->why, r->remedy);
	return -EIO;
}
