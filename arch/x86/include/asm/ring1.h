/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the rest of the kernel may know of running in ring 1. The feature bits:
 *
 *   X86_FEATURE_RING1		a PV guest: hypercalls, events through the shared page
 *   X86_FEATURE_RING1_TRAP	a trap guest: native code, each privileged instruction
 *				of which faults and is emulated
 *   X86_FEATURE_DEPRIV		CLI, SWAPGS or SYSRET must not be used: Xen PV or RING1
 *   X86_FEATURE_VIRT_IF	PUSHF does not show the interrupt flag: all three
 */
#ifndef _ASM_X86_RING1_H
#define _ASM_X86_RING1_H

#include <asm/cpufeatures.h>

#ifdef CONFIG_RING1_GUEST

#ifndef __ASSEMBLY__
#include <linux/init.h>

void __init ring1_pv_init(void);
void ring1_pv_init_cpu(void);
void ring1_pv_exit_cpu(void);
#endif

#else /* !CONFIG_RING1_GUEST */

#ifndef __ASSEMBLY__
static inline void ring1_pv_init(void) { }
static inline void ring1_pv_init_cpu(void) { }
static inline void ring1_pv_exit_cpu(void) { }
#endif

#endif /* CONFIG_RING1_GUEST */

#ifndef __ASSEMBLY__
#include <linux/types.h>

/* In ring 1 at all, however it gets on there. */
#define ring1_guest()	(cpu_feature_enabled(X86_FEATURE_RING1) || \
			 cpu_feature_enabled(X86_FEATURE_RING1_TRAP))

/*
 * Entries of page tables that are changed past pv_ops, see asm/pgtable.h. The
 * feature bit is never set without the option, and the calls go away.
 */
#define ring1_pt_hook()		cpu_feature_enabled(X86_FEATURE_RING1)
unsigned long ring1_pt_xchg(void *entry, unsigned long value);
unsigned long ring1_pt_clear(void *entry);
bool ring1_pt_try_cmpxchg(void *entry, void *old, unsigned long value);
bool ring1_pt_clear_bit(void *entry, unsigned int bit);

/* KVM_HYPERCALL there; arguments and result as with VMCALL. For asm/asm-prototypes.h. */
void ring1_kvm_hypercall(void);

/* For the 8250 driver. */
struct uart_8250_port;
bool ring1_console_write(struct uart_8250_port *up, const char *s, unsigned int count,
			 void (*wait)(struct uart_8250_port *up, unsigned int bytes));

/* The page that entry code reads, as the TSS natively: no breakpoints there. */
unsigned long ring1_shared_page(unsigned int cpu);
#endif

#endif /* _ASM_X86_RING1_H */
