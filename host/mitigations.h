/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What of the processor's speculation an exit and an enter must see to: mitigations.c
 * decides at load, world.S, run.c and vcpu.c do. Ring 1 and ring 0 are one predictor mode
 * to the processor, so everything that a VM exit would flush or fence is done by hand.
 */
#ifndef _RING1_MITIGATIONS_H
#define _RING1_MITIGATIONS_H

#define RING1_MITIGATE_IBPB	1	/* exit: flush indirect predictions */
#define RING1_MITIGATE_RSB	2	/* exit: overwrite return predictions */
#define RING1_MITIGATE_BHB	4	/* exit: overwrite the branch history */
#define RING1_MITIGATE_BHB_LONG	8	/* exit: the same where it reaches back further */
#define RING1_MITIGATE_IBPB_PUT	16	/* vcpu_put(): flush indirect predictions */
#define RING1_MITIGATE_DIVIDER	32	/* enter: overwrite the divider's last quotient */
#define RING1_MITIGATE_MMIO	64	/* enter, with an assigned device: clear buffers */
#define RING1_MITIGATE_LATE	128	/* not at each exit, but behind the fast set */

/* Bytes of a gate of ring1_late_gates[]. */
#define RING1_LATE_GATE_SIZE	32

#ifndef __ASSEMBLY__

#include <linux/types.h>

/**
 * struct ring1_mitigations - the host's own choices, as far as they matter here
 * @spectre_v2:	the processor has the bug and the host fights it
 * @retpoline:	indirect branches are retpolines
 * @steered_return: a return may go where ring 1 trained it, be it from an empty RSB only, and
 *		nothing that the host does prevents it
 * @steered_code: a direct branch may, or a return whatever the RSB holds
 * @calls_out:	an exit calls what is not in the fast set
 * @ibpb:	the processor can flush its indirect predictions
 * @ibpb_entry:	the host flushes them on every entry from user or guest
 * @bhi:	the processor has the bug and the host fights it
 * @bhb_long:	the branch history is as long as in processors with BHI_DIS_S
 * @div0:	a division by zero shows the last quotient
 * @mmio:	fill buffers reach a guest by MMIO, and nothing else clears them
 */
struct ring1_mitigations {
	bool spectre_v2;
	bool retpoline;
	bool steered_return;
	bool steered_code;
	bool calls_out;
	bool ibpb;
	bool ibpb_entry;
	bool bhi;
	bool bhb_long;
	bool div0;
	bool mmio;
};

unsigned int ring1_mitigations_choose(const struct ring1_mitigations *m);
bool ring1_mitigations_impossible(void);
void ring1_mitigations_init(void);

extern unsigned int ring1_mitigate;

#endif /* __ASSEMBLY__ */
#endif /* _RING1_MITIGATIONS_H */
