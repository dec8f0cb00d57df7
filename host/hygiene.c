// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which predictor state an exit must get rid of, from the mitigations that the host
 * chose for itself:
 *
 *	host's Spectre v2 mode		IBPB	RSB	why
 *	none (mitigations off)		-	-	the host does not care
 *	retpoline			-	x	no prediction is used but returns
 *	eIBRS + retpoline		-	x	"
 *	LFENCE				x	x	predictions are used, for a moment
 *	eIBRS, automatic IBRS		x	x	separates CPL 3, not ring 1
 *	legacy IBRS			x	x	"
 *	IBPB on entry, on VM exit	x	x	as the host does it for others
 *	BHI fought, in whatever way	BHB as well; BHI_DIS_S separates CPL 3 only
 *
 * Where exits do without IBPB it comes when the vCPU leaves the processor: retpolines
 * protect the host's kernel only, not the VMM or another guest, which Linux and KVM
 * protect by an IBPB when they switch tasks or vCPUs.
 *
 * AMD's untraining of returns follows the kernel's alternatives in world.S, and
 * VERW on the way in, too. SPEC_CTRL stays the host's in the guest world.
 */
#include <linux/cpu.h>
#include <asm/cpufeature.h>
#include <asm/nospec-branch.h>
#include "hygiene.h"

unsigned int ring1_hygiene __ro_after_init;

/**
 * ring1_hygiene_choose - the table above
 * @m:	the host's choices
 *
 * Return: RING1_HYGIENE_* bits.
 */
unsigned int ring1_hygiene_choose(const struct ring1_mitigations *m)
{
	unsigned int bits = 0;

	if (m->spectre_v2)
		bits |= RING1_HYGIENE_RSB;
	if ((m->spectre_v2 && !m->retpoline) || m->ibpb_entry)
		bits |= RING1_HYGIENE_IBPB | RING1_HYGIENE_RSB;
	else if (m->spectre_v2 && m->ibpb)
		bits |= RING1_HYGIENE_IBPB_PUT;
	if (m->bhi)
		bits |= RING1_HYGIENE_BHB;
	return bits;
}

void ring1_hygiene_probe(struct ring1_mitigations *m)
{
	bool on = !cpu_mitigations_off();

	m->spectre_v2 = on && boot_cpu_has_bug(X86_BUG_SPECTRE_V2);
	m->retpoline = cpu_feature_enabled(X86_FEATURE_RETPOLINE) &&
		       !cpu_feature_enabled(X86_FEATURE_RETPOLINE_LFENCE);
	m->ibpb = boot_cpu_has(X86_FEATURE_IBPB);
	m->ibpb_entry = cpu_feature_enabled(X86_FEATURE_ENTRY_IBPB) ||
			cpu_feature_enabled(X86_FEATURE_IBPB_ON_VMEXIT);
	m->bhi = on && boot_cpu_has_bug(X86_BUG_BHI);
}

/* A gate: predictions are used, and cannot be flushed. */
bool ring1_hygiene_impossible(void)
{
	struct ring1_mitigations m;

	ring1_hygiene_probe(&m);
	return ring1_hygiene_choose(&m) & RING1_HYGIENE_IBPB && !m.ibpb;
}

void __init ring1_hygiene_init(void)
{
	struct ring1_mitigations m;

	ring1_hygiene_probe(&m);
	ring1_hygiene = ring1_hygiene_choose(&m);
}
