// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtual interrupt flag and halting: pv_ops.irq. The flag's own operations are
 * in entry_64.S.
 */
#include <linux/init.h>
#include <asm/paravirt.h>
#include "private.h"

/* The monitor sets the flag: an interrupt before the wait would be slept over. */
static noinstr void ring1_safe_halt(void)
{
	ring1_hc_halt(1);
}

static noinstr void ring1_halt(void)
{
	ring1_hc_halt(0);
}

void __init ring1_irq_init(void)
{
	pv_ops.irq.save_fl = __PV_IS_CALLEE_SAVE(ring1_save_fl);
	pv_ops.irq.irq_disable = __PV_IS_CALLEE_SAVE(ring1_irq_disable);
	pv_ops.irq.irq_enable = __PV_IS_CALLEE_SAVE(ring1_irq_enable);
	pv_ops.irq.safe_halt = ring1_safe_halt;
	pv_ops.irq.halt = ring1_halt;
}
