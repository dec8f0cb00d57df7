// SPDX-License-Identifier: GPL-2.0-only
/*
 * The boot: finding out that this kernel runs in ring 1, and becoming a PV or a trap
 * guest. Each CPU's page and entry points are smp.c's, what of the platform changes is
 * platform.c's, and pv_ops are filled by those that have the operations.
 *
 * CS tells: RPL 1 means ring 1, and nothing else can. Until ring1_pv_init() the
 * monitor traps and emulates.
 */
#include <linux/cache.h>
#include <linux/init.h>
#include <linux/string.h>
#include <asm/cmdline.h>
#include <asm/cpufeature.h>
#include <asm/paravirt.h>
#include <asm/ring1.h>
#include <asm/setup.h>
#include <asm/x86_init.h>
#include "private.h"

/*
 * Until alternatives are applied, this_cpu_cmpxchg16b() is a function that turns
 * interrupts off by CLI and restores them by POPF, which cannot. Put the real
 * instruction there: every processor that runs the monitor has it. The function's
 * address is taken to write there, not to jump, so it needs no ENDBR.
 */
asm(".pushsection .discard.noendbr; .long this_cpu_cmpxchg16b_emu; .popsection");

static void __init use_cmpxchg16b(void)
{
	static const u8 insns[] __initconst = {
		0x65, 0x48, 0x0f, 0xc7, 0x0e,	/* cmpxchg16b %gs:(%rsi) */
		0xc3,				/* ret */
	};

	char *text = this_cpu_cmpxchg16b_emu;

	OPTIMIZER_HIDE_VAR(text);
	memcpy(text, insns, sizeof(insns));
}

u64 ring1_features __ro_after_init;

/* A monitor of version 1 has none, nor the call. */
static void __init ask_features(void)
{
	if (ring1_hc_features(0, &ring1_features))
		ring1_features = 0;
}

static bool __init trap_wanted(void)
{
	char value[8];

	return cmdline_find_option(boot_command_line, "ring1", value, sizeof(value)) == 4 &&
	       !strcmp(value, "trap");
}

/**
 * ring1_pv_init - become a PV guest, or a trap guest, if this is ring 1
 *
 * Before the first use of pv_ops that cannot be emulated: PUSHF and POPF do not
 * trap, and the alternatives that would inline them come much later.
 */
void __init ring1_pv_init(void)
{
	if (ring1_current_ring() != 1)
		return;

	setup_force_cpu_cap(X86_FEATURE_VIRT_IF);
	use_cmpxchg16b();
	x86_init.mpparse.find_mptable = ring1_find_mptable;
	if (trap_wanted()) {
		setup_force_cpu_cap(X86_FEATURE_RING1_TRAP);
		pv_info.name = "ring1 (trap)";
		ring1_trap_init();
		return;
	}

	setup_force_cpu_cap(X86_FEATURE_RING1);
	setup_force_cpu_cap(X86_FEATURE_DEPRIV);
	pv_info.name = "ring1";
	ring1_irq_init();
	ring1_event_init();
	ring1_cpu_init();
	ring1_mmu_init();
	pv_ops.mmu.read_cr2 = __PV_IS_CALLEE_SAVE(ring1_read_cr2);
	ask_features();
	ring1_register();
	ring1_platform_init();
}
