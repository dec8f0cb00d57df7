// SPDX-License-Identifier: GPL-2.0-only
/*
 * A trap guest: "ring1=trap" on the command line. Privileged instructions are the
 * native ones, and each faults into the monitor, for comparison with hypercalls. What
 * does not fault in ring 1 but shows or changes the wrong state gets KVM's emulation
 * prefix, and faults then, too: PUSHF and CPUID. POPF, in this_cpu_cmpxchg16b_emu(), goes
 * away (setup.c); elsewhere only AC and TF are at stake, which are the processor's own.
 */
#include <linux/init.h>
#include <asm/emulate_prefix.h>
#include <asm/paravirt.h>
#include <asm/processor.h>
#include "private.h"

#define PREFIX	".byte " __stringify(__KVM_EMULATE_PREFIX) "\n\t"

static void ring1_trap_cpuid(unsigned int *ax, unsigned int *bx, unsigned int *cx,
			     unsigned int *dx)
{
	asm volatile(PREFIX "cpuid"
		     : "=a" (*ax), "=b" (*bx), "=c" (*cx), "=d" (*dx)
		     : "0" (*ax), "2" (*cx)
		     : "memory");
}

void __init ring1_trap_init(void)
{
	pv_ops.irq.save_fl = __PV_IS_CALLEE_SAVE(ring1_trap_save_fl);
	pv_ops.cpu.cpuid = ring1_trap_cpuid;
}
