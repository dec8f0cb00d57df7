// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each CPU and the monitor: the page they share, and registering it with the CPU's
 * entry points. Bringing CPUs up and down is Linux's own; who calls here is setup.c for
 * the boot CPU, start_secondary() for the others, cpu.c when a per-CPU area moves, and
 * kexec.
 */
#include <linux/init.h>
#include <linux/panic.h>
#include <linux/percpu.h>
#include <asm/cpufeature.h>
#include <asm/fsgsbase.h>
#include <asm/ia32.h>
#include <asm/pgtable_types.h>
#include <asm/ring1.h>
#include "private.h"

DEFINE_PER_CPU_PAGE_ALIGNED(struct ring1_vcpu_page, ring1_vcpu);

static phys_addr_t shared_page_phys(void)
{
	void *page = this_cpu_ptr(&ring1_vcpu);

	/* The boot CPU's first area is in the kernel image. */
	if ((unsigned long)page >= __START_KERNEL_map && (unsigned long)page < MODULES_VADDR)
		return __pa(page);
	return per_cpu_ptr_to_phys(page);
}

unsigned long ring1_shared_page(unsigned int cpu)
{
	return (unsigned long)per_cpu_ptr(&ring1_vcpu, cpu);
}

/**
 * ring1_register - tell the monitor where this CPU's page and entry points are
 *
 * Again whenever the CPU's per-CPU area has moved. Interrupts are off.
 */
void ring1_register(void)
{
	struct ring1_setup *s = this_cpu_ptr(&ring1_vcpu.setup);

	*s = (struct ring1_setup) {
		.abi_version		= ring1_features ? RING1_ABI_VERSION : 1,
		.kernel_gs		= rdgsbase(),
		.entry_user		= (unsigned long)ring1_entry_user,
		.entry_kernel		= (unsigned long)ring1_entry_kernel,
		.entry_db		= (unsigned long)ring1_entry_db,
		.entry_nmi		= (unsigned long)ring1_entry_nmi,
		.entry_mc		= (unsigned long)ring1_entry_mc,
		.entry_df		= (unsigned long)ring1_entry_df,
		.entry_syscall64	= (unsigned long)ring1_entry_SYSCALL_64,
		.entry_syscall32	= (unsigned long)ring1_entry_SYSCALL32_ignore,
		.entry_sysenter32	= (unsigned long)ring1_entry_SYSENTER_ignore,
		.restart	= {
			{ (unsigned long)ring1_win_user_begin, (unsigned long)ring1_win_user_end },
			{ (unsigned long)ring1_win_kernel_begin,
			  (unsigned long)ring1_win_kernel_end },
		},
	};
	if (ring1_features & RING1_FEATURE_BOUNCE_PF)
		s->flags = RING1_SETUP_BOUNCE_PF;
	if (ia32_enabled()) {
		s->entry_syscall32 = (unsigned long)ring1_entry_SYSCALL_compat;
		s->entry_sysenter32 = (unsigned long)ring1_entry_SYSENTER_compat;
	}
	if (ring1_hc_vcpu_register(shared_page_phys()))
		panic("ring1: the monitor refuses this CPU\n");
	ring1_mmu_init_cpu();
}

void ring1_pv_init_cpu(void)
{
	if (boot_cpu_has(X86_FEATURE_RING1))
		ring1_register();
}

/**
 * ring1_pv_exit_cpu - make this CPU a trap vCPU again
 *
 * For the next kernel, which does not know of this one's entry points. Interrupts are
 * off and stay off, and no exception is delivered any more.
 */
void ring1_pv_exit_cpu(void)
{
	if (boot_cpu_has(X86_FEATURE_RING1))
		ring1_hc_vcpu_unregister();
}
