// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which predictor state an exit must get rid of, and which residue an enter, from the
 * mitigations that the host chose for itself:
 *
 *	host's Spectre v2 mode		IBPB	RSB	why
 *	none (mitigations off)		-	-	the host does not care
 *	retpoline			-	x	no prediction is used but returns
 *	eIBRS + retpoline		-	x	"
 *	either, with steered returns	x	x	see below
 *	LFENCE				x	x	predictions are used, for a moment
 *	eIBRS, automatic IBRS		x	x	separates CPL 3, not ring 1
 *	legacy IBRS			x	x	"
 *	IBPB on entry, on VM exit	x	x	as the host does it for others
 *	BHI fought, in whatever way	BHB as well; BHI_DIS_S separates CPL 3 only
 *
 * IBPB, and with it the clearing of the BHB, is late where it may be: behind the fast set
 * (run.c), which has no indirect branch and does not empty the RSB. So neither does harm, but
 * to a processor that takes a direct branch for an indirect one, or the RSB for wrong: AMD's
 * with branch type confusion or SRSO, and ITS without thunks for returns. What the host
 * wants flushed on every entry of its own is flushed at each exit.
 *
 * Retpolines leave the returns, for which the RSB is filled. That is enough only where
 * a return takes its target from the RSB alone. Else Linux relies on eIBRS, or on a bit
 * that kvm-amd sets while VMs exist, and neither is between ring 1 and ring 0.
 *
 * Where exits do without IBPB it comes when the vCPU leaves the processor: retpolines
 * protect the host's kernel only, not the VMM or another guest, which Linux and KVM
 * protect by an IBPB when they switch tasks or vCPUs.
 *
 * AMD's untraining of returns and call depth tracking follow the kernel's alternatives
 * in world.S, and so does VERW on the way in. SPEC_CTRL stays the host's in the guest
 * world.
 */
#include <linux/context_tracking_state.h>
#include <linux/cpu.h>
#include <asm/cpufeature.h>
#include <asm/nospec-branch.h>
#include "mitigations.h"

unsigned int ring1_mitigate __ro_after_init;

/**
 * ring1_mitigations_choose - the table above
 * @m:	the host's choices
 *
 * Return: RING1_MITIGATE_* bits.
 */
unsigned int ring1_mitigations_choose(const struct ring1_mitigations *m)
{
	unsigned int bits = 0;

	if (m->spectre_v2)
		bits |= RING1_MITIGATE_RSB;
	if ((m->spectre_v2 && (!m->retpoline || m->steered_return)) || m->ibpb_entry)
		bits |= RING1_MITIGATE_IBPB | RING1_MITIGATE_RSB;
	else if (m->spectre_v2 && m->ibpb)
		bits |= RING1_MITIGATE_IBPB_PUT;
	if (bits & RING1_MITIGATE_IBPB && !m->ibpb_entry && !m->steered_code && !m->calls_out)
		bits |= RING1_MITIGATE_LATE;
	if (m->bhi)
		bits |= m->bhb_long ? RING1_MITIGATE_BHB | RING1_MITIGATE_BHB_LONG :
				      RING1_MITIGATE_BHB;
	if (m->div0)
		bits |= RING1_MITIGATE_DIVIDER;
	if (m->mmio)
		bits |= RING1_MITIGATE_MMIO;
	return bits;
}

/*
 * SRSO: Linux's thunk answers it for all of ring 0. The alternative, BP_SPEC_REDUCE, is
 * kvm-amd's to set, and the processor's claim that it separates user from kernel is one
 * about CPL 3. ITS: a return in the lower half of a cache line is an indirect branch, and
 * thunks avoid those. Retbleed: untraining on AMD; on Intel call depth tracking, which
 * keeps the RSB from running empty. IBRS and eIBRS do not know ring 1.
 */
static bool returns_are_steered(void)
{
	u64 capabilities = 0, control = 0;

	if (boot_cpu_has_bug(X86_BUG_SRSO) && !boot_cpu_has(X86_FEATURE_SRSO_NO) &&
	    !cpu_feature_enabled(X86_FEATURE_SRSO) &&
	    !cpu_feature_enabled(X86_FEATURE_SRSO_ALIAS))
		return true;
	if (boot_cpu_has_bug(X86_BUG_ITS) && !cpu_feature_enabled(X86_FEATURE_RETHUNK))
		return true;
	if (cpu_feature_enabled(X86_FEATURE_CALL_DEPTH))
		return false;
	if (boot_cpu_has_bug(X86_BUG_RETBLEED) && !cpu_feature_enabled(X86_FEATURE_UNRET))
		return true;

	/* Restricted RSBA: an empty RSB lets a return use indirect predictions. */
	if (boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL))
		rdmsrl(MSR_IA32_SPEC_CTRL, control);
	if (control & SPEC_CTRL_RRSBA_DIS_S)
		return false;
	if (boot_cpu_has(X86_FEATURE_ARCH_CAPABILITIES))
		rdmsrl(MSR_IA32_ARCH_CAPABILITIES, capabilities);
	if (capabilities & (ARCH_CAP_RSBA | ARCH_CAP_RRSBA))
		return true;
	/* A hypervisor above may have hidden the bits. */
	return boot_cpu_data.x86_vendor == X86_VENDOR_INTEL &&
	       boot_cpu_has(X86_FEATURE_IBRS_ENHANCED) && boot_cpu_has(X86_FEATURE_HYPERVISOR);
}

/* Whatever the host does about it: thunks keep returns in place, not direct branches. */
static bool code_is_steered(void)
{
	bool amd = boot_cpu_data.x86_vendor == X86_VENDOR_AMD ||
		   boot_cpu_data.x86_vendor == X86_VENDOR_HYGON;

	return (boot_cpu_has_bug(X86_BUG_RETBLEED) && amd) ||
	       (boot_cpu_has_bug(X86_BUG_SRSO) && !boot_cpu_has(X86_FEATURE_SRSO_NO)) ||
	       (boot_cpu_has_bug(X86_BUG_ITS) && !cpu_feature_enabled(X86_FEATURE_RETHUNK));
}

static void probe(struct ring1_mitigations *m)
{
	bool on = !cpu_mitigations_off();

	m->spectre_v2 = on && boot_cpu_has_bug(X86_BUG_SPECTRE_V2);
	m->retpoline = cpu_feature_enabled(X86_FEATURE_RETPOLINE) &&
		       !cpu_feature_enabled(X86_FEATURE_RETPOLINE_LFENCE);
	m->steered_return = returns_are_steered();
	m->steered_code = code_is_steered();
	m->calls_out = context_tracking_enabled() || IS_ENABLED(CONFIG_KVM_RING1_DEBUG);
	m->ibpb = boot_cpu_has(X86_FEATURE_IBPB);
	m->ibpb_entry = cpu_feature_enabled(X86_FEATURE_ENTRY_IBPB) ||
			cpu_feature_enabled(X86_FEATURE_IBPB_ON_VMEXIT);
	m->bhi = on && boot_cpu_has_bug(X86_BUG_BHI);
	m->bhb_long = boot_cpu_has(X86_FEATURE_BHI_CTRL);
	/* Linux fights it with the other mitigations off, too. */
	m->div0 = boot_cpu_has_bug(X86_BUG_DIV0);
	m->mmio = static_key_enabled(&mmio_stale_data_clear);
}

/* A requirement of the host: predictions are used, and cannot be flushed. */
bool ring1_mitigations_impossible(void)
{
	struct ring1_mitigations m;

	probe(&m);
	return ring1_mitigations_choose(&m) & RING1_MITIGATE_IBPB && !m.ibpb;
}

void __init ring1_mitigations_init(void)
{
	struct ring1_mitigations m;

	probe(&m);
	ring1_mitigate = ring1_mitigations_choose(&m);
}
