/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between the files of the ring-1 port. What others may use is in asm/ring1.h.
 */
#ifndef _X86_RING1_PRIVATE_H
#define _X86_RING1_PRIVATE_H

#include <linux/jump_label.h>
#include <linux/linkage.h>
#include <linux/percpu.h>
#include <asm/asm.h>
#include <asm/paravirt_types.h>
#include <asm/segment.h>
#include "ring1_abi.h"
#include "ring1-hypercalls.h"
#include "ring1-stubs.h"

/* Shared with the monitor: no other variable lives in this page. */
DECLARE_PER_CPU_PAGE_ALIGNED(struct ring1_vcpu_page, ring1_vcpu);

static inline unsigned int ring1_current_ring(void)
{
	u16 cs;

	asm("mov %%cs, %0" : "=r" (cs));
	return cs & SEGMENT_RPL_MASK;
}

/* entry_64.S */
asmlinkage void ring1_pv_hypercall(void);
asmlinkage void ring1_save_fl(void);
asmlinkage void ring1_trap_save_fl(void);
asmlinkage void ring1_irq_disable(void);
asmlinkage void ring1_irq_enable(void);
asmlinkage void ring1_read_cr2(void);
asmlinkage void ring1_entry_user(void);
asmlinkage void ring1_entry_kernel(void);
asmlinkage void ring1_entry_db(void);
asmlinkage void ring1_entry_nmi(void);
asmlinkage void ring1_entry_mc(void);
asmlinkage void ring1_entry_df(void);
asmlinkage void ring1_entry_SYSCALL_64(void);
asmlinkage void ring1_entry_SYSCALL_compat(void);
asmlinkage void ring1_entry_SYSCALL32_ignore(void);
asmlinkage void ring1_entry_SYSENTER_compat(void);
asmlinkage void ring1_entry_SYSENTER_ignore(void);
extern const char ring1_win_user_begin[], ring1_win_user_end[];
extern const char ring1_win_kernel_begin[], ring1_win_kernel_end[];

/* lib/cmpxchg16b_emu.S, Linux's */
extern char this_cpu_cmpxchg16b_emu[];

/* event.c, called from entry_64.S */
asmlinkage void ring1_event(struct pt_regs *regs);
asmlinkage void ring1_event_nmi(struct pt_regs *regs);
asmlinkage void ring1_event_mc(struct pt_regs *regs);
asmlinkage void ring1_event_db(struct pt_regs *regs);
asmlinkage void ring1_event_df(struct pt_regs *regs);

/* event.c */
void __init ring1_event_init(void);
void ring1_write_idt_entry(gate_desc *idt, int entry, const gate_desc *gate);

/* irq.c, cpu.c, mmu.c: fill their part of pv_ops */
void __init ring1_irq_init(void);
void __init ring1_cpu_init(void);
void __init ring1_mmu_init(void);

/* pt.c */
DECLARE_STATIC_KEY_FALSE(ring1_own_mmu);
void ring1_pt_announce(void);
void __init ring1_pt_init(void);

/* setup.c: RING1_FEATURE_* */
extern u64 ring1_features;

/* trap.c */
void __init ring1_trap_init(void);

/* smp.c */
void ring1_register(void);

/* platform.c */
void __init ring1_platform_init(void);
void __init ring1_find_mptable(void);

/* mmu.c */
void ring1_mmu_init_cpu(void);
bool ring1_fault_is_monitors(unsigned long address, u32 *error);
void ring1_fault_handled(unsigned long address, u32 error);

#endif /* _X86_RING1_PRIVATE_H */
