/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Branch hygiene on exit: what hygiene.c decides at load, world.S and vcpu.c do. Ring 1 and
 * ring 0 are one predictor mode to the processor, so everything that a VM exit
 * would flush or fence is done here by hand.
 */
#ifndef _RING1_HYGIENE_H
#define _RING1_HYGIENE_H

#define RING1_HYGIENE_IBPB	1	/* flush indirect predictions */
#define RING1_HYGIENE_RSB	2	/* overwrite return predictions */
#define RING1_HYGIENE_BHB	4	/* overwrite the branch history */
#define RING1_HYGIENE_IBPB_PUT	8	/* not on exit, but in vcpu_put() */

#ifndef __ASSEMBLY__

#include <linux/types.h>

/**
 * struct ring1_mitigations - the host's own choices, as far as they matter here
 * @spectre_v2:	the processor has the bug and the host fights it
 * @retpoline:	indirect branches are retpolines
 * @ibpb:	the processor can flush its indirect predictions
 * @ibpb_entry:	the host flushes them on every entry from user or guest
 * @bhi:	the processor has the bug and the host fights it
 */
struct ring1_mitigations {
	bool spectre_v2;
	bool retpoline;
	bool ibpb;
	bool ibpb_entry;
	bool bhi;
};

unsigned int ring1_hygiene_choose(const struct ring1_mitigations *m);
void ring1_hygiene_probe(struct ring1_mitigations *m);
bool ring1_hygiene_impossible(void);
void ring1_hygiene_init(void);

extern unsigned int ring1_hygiene;

#endif /* __ASSEMBLY__ */
#endif /* _RING1_HYGIENE_H */
