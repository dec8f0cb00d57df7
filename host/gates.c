// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can this host run ring-1 guests safely? Every condition has its own message,
 * which says what is wrong and what to do. `ring1 check` asks the same questions
 * from user space.
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
#include "ring1.h"

/* Oldest stable release with the shadow MMU's fixes (CVE-2026-53359 and its sequel). */
#define MIN_VERSION	KERNEL_VERSION(6, 12, 111)

static bool guest_user_may_read_guest_kernel;
module_param(guest_user_may_read_guest_kernel, bool, 0444);
MODULE_PARM_DESC(guest_user_may_read_guest_kernel,
		 "Load on a processor with Meltdown, where a guest's user can read its kernel");

struct gate {
	bool (*closed)(void);
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

static bool meltdown(void)
{
	return boot_cpu_has_bug(X86_BUG_CPU_MELTDOWN) && !guest_user_may_read_guest_kernel;
}

static bool old_kvm(void)
{
	return LINUX_VERSION_CODE < MIN_VERSION;
}

/* SYSCALL must clear what a gate clears, and IOPL. */
static bool sfmask(void)
{
	const u64 need = X86_EFLAGS_IF | X86_EFLAGS_TF | X86_EFLAGS_DF | X86_EFLAGS_AC |
			 X86_EFLAGS_NT | X86_EFLAGS_IOPL;
	u64 mask;

	rdmsrl(MSR_SYSCALL_MASK, mask);
	return (mask & need) != need;
}

static const struct gate gates[] = {
	{ no_fsgsbase, "the processor has no FSGSBASE, or it is off",
	  "use a processor of 2013 or later, and no 'nofsgsbase' on the kernel command line" },
	{ no_nx, "the processor has no NX, or it is off",
	  "enable it in the firmware, and no 'clearcpuid=nx' on the kernel command line" },
	{ no_smep, "the processor has no SMEP, or it is off",
	  "use a processor of 2013 or later, and no 'clearcpuid=smep' on the kernel command line" },
	{ la57, "5-level paging is on, which is not supported yet",
	  "boot the host with 'no5lvl'" },
	{ fred, "FRED is on, which is not supported",
	  "boot the host with 'fred=off'" },
	{ supervisor_shadow_stack, "supervisor shadow stacks are on, which is not supported",
	  "boot the host without them" },
	{ xen_pv, "the host is a Xen PV guest, which does not run in ring 0",
	  "use a PVH or HVM guest" },
	{ encrypted_state, "the host is an SEV-ES, SEV-SNP or TDX guest",
	  "use a machine without confidential computing" },
	{ encrypted_memory, "memory encryption is on (C-bit in page tables)",
	  "boot the host with 'mem_encrypt=off', or use a machine without SEV" },
	{ meltdown, "the processor has Meltdown: a guest's user could read its kernel",
	  "if that is acceptable, load with guest_user_may_read_guest_kernel=1" },
	{ ring1_mitigations_impossible,
	  "the kernel uses branch predictions that the processor cannot flush",
	  "boot the host with 'spectre_v2=retpoline'" },
	{ old_kvm, "kvm.ko is older than 6.12.111 and lacks fixes of its shadow MMU",
	  "upgrade the kernel package" },
	{ sfmask, "SYSCALL does not clear the flags it must",
	  "report this as a bug, with the kernel's version" },
};

static const struct gate *first_closed(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(gates); i++)
		if (gates[i].closed())
			return &gates[i];
	return NULL;
}

/**
 * ring1_check_host - refuse a host that cannot run guests safely
 *
 * Return: 0, or -EOPNOTSUPP after saying why.
 */
int __init ring1_check_host(void)
{
	const struct gate *gate = first_closed();

	if (!gate)
		return 0;
	pr_err("cannot load: %s; %s\n", gate->why, gate->remedy);
	return -EOPNOTSUPP;
}

/**
 * ring1_check_processor - the same for a CPU that comes online later
 *
 * Return: 0 or -EIO.
 */
int ring1_check_processor(void)
{
	const struct gate *gate = first_closed();

	if (!gate)
		return 0;
	pr_err("CPU %d: %s; %s\n", raw_smp_processor_id(), gate->why, gate->remedy);
	return -EIO;
}
