// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the entry points to the kernel's handlers: what the IDT does natively. Early
 * in boot, vectors whose gate still leads to the early handlers go to them.
 */
#include <linux/entry-common.h>
#include <linux/init.h>
#include <linux/nospec.h>
#include <asm/desc.h>
#include <asm/ia32.h>
#include <asm/idtentry.h>
#include <asm/irq_vectors.h>
#include <asm/setup.h>
#include <asm/syscall.h>
#include <asm/trapnr.h>
#include <asm/traps.h>
#include "private.h"

#define INT80_INSN_SIZE	2
#define INT80_ERROR_IDT	2	/* error code: "of the IDT" */

#define SYSVEC(vector, function) \
	[(vector) - FIRST_SYSTEM_VECTOR] = sysvec_##function

static const idtentry_t sysvec_table[NR_SYSTEM_VECTORS] = {
	SYSVEC(LOCAL_TIMER_VECTOR,		apic_timer_interrupt),
	SYSVEC(ERROR_APIC_VECTOR,		error_interrupt),
	SYSVEC(SPURIOUS_APIC_VECTOR,		spurious_apic_interrupt),
	SYSVEC(X86_PLATFORM_IPI_VECTOR,		x86_platform_ipi),
	SYSVEC(RESCHEDULE_VECTOR,		reschedule_ipi),
	SYSVEC(CALL_FUNCTION_SINGLE_VECTOR,	call_function_single),
	SYSVEC(CALL_FUNCTION_VECTOR,		call_function),
	SYSVEC(REBOOT_VECTOR,			reboot),
#ifdef CONFIG_X86_MCE_THRESHOLD
	SYSVEC(THRESHOLD_APIC_VECTOR,		threshold),
#endif
#ifdef CONFIG_X86_MCE_AMD
	SYSVEC(DEFERRED_ERROR_VECTOR,		deferred_error),
#endif
#ifdef CONFIG_X86_THERMAL_VECTOR
	SYSVEC(THERMAL_APIC_VECTOR,		thermal),
#endif
#ifdef CONFIG_IRQ_WORK
	SYSVEC(IRQ_WORK_VECTOR,			irq_work),
#endif
#ifdef CONFIG_KVM_GUEST
	SYSVEC(HYPERVISOR_CALLBACK_VECTOR,	kvm_asyncpf_interrupt),
#endif
};

/* Exceptions whose gate still is an early one. */
static u32 early_vectors = ~0u;

/* Only compares with what is freed after boot. */
void __ref ring1_write_idt_entry(gate_desc *idt, int entry, const gate_desc *gate)
{
	unsigned long handler = gate_offset(gate);

	native_write_idt_entry(idt, entry, gate);
	if (entry >= NUM_EXCEPTION_VECTORS)
		return;
	if (handler >= (unsigned long)early_idt_handler_array &&
	    handler < (unsigned long)early_idt_handler_array + sizeof(early_idt_handler_array))
		early_vectors |= BIT(entry);
	else
		early_vectors &= ~BIT(entry);
}

/* No gate leads to it once init memory is gone. */
static noinline void __ref early_exception(struct pt_regs *regs, unsigned int vector, u32 error)
{
	regs->orig_ax = error;
	do_early_exception(regs, vector);
}

static noinstr void interrupt(struct pt_regs *regs, unsigned int vector)
{
	unsigned int index = vector - FIRST_SYSTEM_VECTOR;
	idtentry_t handler = NULL;

	if (vector >= FIRST_SYSTEM_VECTOR)
		handler = sysvec_table[array_index_nospec(index, NR_SYSTEM_VECTORS)];
	if (handler)
		handler(regs);
	else if (vector >= FIRST_SYSTEM_VECTOR)
		spurious_interrupt(regs, vector);
	else
		common_interrupt(regs, vector);
}

static noinstr void unknown_exception(struct pt_regs *regs, unsigned int vector)
{
	irqentry_state_t state = irqentry_nmi_enter(regs);

	instrumentation_begin();
	pr_emerg("PANIC: unexpected exception %u\n", vector);
	die("unexpected exception", regs, vector);
	instrumentation_end();
	irqentry_nmi_exit(regs, state);
}

/* The frame is free again, and exc_page_fault() still reads the address there: vif is 0. */
static noinstr void page_fault(struct pt_regs *regs, u32 error)
{
	unsigned long address = this_cpu_read(ring1_vcpu.frame[RING1_EVENT_NORMAL].payload);

	if (ring1_fault_is_monitors(address, &error))
		return;
	exc_page_fault(regs, error);
	ring1_fault_handled(address, error);
}

static noinstr void exception(struct pt_regs *regs, unsigned int vector, u32 error)
{
	switch (vector) {
	case X86_TRAP_PF: return page_fault(regs, error);
	case X86_TRAP_DE: return exc_divide_error(regs);
	case X86_TRAP_DB: return noist_exc_debug(regs);
	case X86_TRAP_BP: return exc_int3(regs);
	case X86_TRAP_OF: return exc_overflow(regs);
	case X86_TRAP_BR: return exc_bounds(regs);
	case X86_TRAP_UD: return exc_invalid_op(regs);
	case X86_TRAP_NM: return exc_device_not_available(regs);
	case X86_TRAP_OLD_MF: return exc_coproc_segment_overrun(regs);
	case X86_TRAP_TS: return exc_invalid_tss(regs, error);
	case X86_TRAP_NP: return exc_segment_not_present(regs, error);
	case X86_TRAP_SS: return exc_stack_segment(regs, error);
	case X86_TRAP_GP: return exc_general_protection(regs, error);
	case X86_TRAP_MF: return exc_coprocessor_error(regs);
	case X86_TRAP_AC: return exc_alignment_check(regs, error);
	case X86_TRAP_XF: return exc_simd_coprocessor_error(regs);
#ifdef CONFIG_X86_MCE
	case X86_TRAP_MC: return noist_exc_machine_check(regs);
#endif
#ifdef CONFIG_X86_CET
	case X86_TRAP_CP: return exc_control_protection(regs, error);
#endif
	default: return unknown_exception(regs, vector);
	}
}

/*
 * The user may execute it in any case: the monitor's gate does not know whether there
 * are 32-bit system calls. Without, it is #GP as a kernel's own gate raises it.
 */
static noinstr void int80(struct pt_regs *regs)
{
	if (ia32_enabled()) {
		do_int80_emulation(regs);
		return;
	}
	regs->ip -= INT80_INSN_SIZE;
	exc_general_protection(regs, IA32_SYSCALL_VECTOR * 8 + INT80_ERROR_IDT);
}

/* From ring 3, and normal events from ring 1. orig_ax: error code, then vector. */
__visible noinstr void ring1_event(struct pt_regs *regs)
{
	unsigned int vector = regs->orig_ax >> 32;
	u32 error = regs->orig_ax;

	regs->orig_ax = -1;
	if (vector < NUM_EXCEPTION_VECTORS) {
		if (likely(!(early_vectors & BIT(vector)))) {
			exception(regs, vector, error);
		} else {
			instrumentation_begin();
			early_exception(regs, vector, error);
			instrumentation_end();
		}
	} else if (vector == IA32_SYSCALL_VECTOR && user_mode(regs)) {
		int80(regs);
	} else {
		interrupt(regs, vector);
	}
}

/*
 * NMI and #MC may come when the frame of another event was filled and not yet read, and
 * their handlers may fault.
 */
struct set_aside {
	struct ring1_frame normal, db;
};

static __always_inline void set_aside(struct set_aside *s)
{
	struct ring1_vcpu_page *page = this_cpu_ptr(&ring1_vcpu);

	s->normal = page->frame[RING1_EVENT_NORMAL];
	s->db = page->frame[RING1_EVENT_DB];
	page->frame[RING1_EVENT_NORMAL].busy = 0;
	page->frame[RING1_EVENT_DB].busy = 0;
}

static __always_inline void put_back(const struct set_aside *s)
{
	struct ring1_vcpu_page *page = this_cpu_ptr(&ring1_vcpu);

	page->frame[RING1_EVENT_NORMAL] = s->normal;
	page->frame[RING1_EVENT_DB] = s->db;
}

__visible noinstr void ring1_event_nmi(struct pt_regs *regs)
{
	struct set_aside s;

	set_aside(&s);
	regs->orig_ax = -1;
	exc_nmi(regs);
	put_back(&s);
}

/* From ring 1 only; from ring 3 it is ring1_event(). */
__visible noinstr void ring1_event_mc(struct pt_regs *regs)
{
	struct set_aside s;

	set_aside(&s);
	regs->orig_ax = -1;
#ifdef CONFIG_X86_MCE
	exc_machine_check(regs);
#else
	unknown_exception(regs, X86_TRAP_MC);
#endif
	put_back(&s);
}

/* From ring 1 only. */
__visible noinstr void ring1_event_db(struct pt_regs *regs)
{
	regs->orig_ax = -1;
	exc_debug(regs);
}

__visible noinstr void ring1_event_df(struct pt_regs *regs)
{
	regs->orig_ax = -1;
	exc_double_fault(regs, 0);
}

void __init ring1_event_init(void)
{
	/* What entry_64.S makes of it. */
	BUILD_BUG_ON(offsetof(struct x86_hw_tss, ist) != offsetof(struct x86_hw_tss, sp2) + 16);
	pv_ops.cpu.write_idt_entry = ring1_write_idt_entry;
	/* Never an interrupt: it could not be told from the user's INT. */
	set_bit(IA32_SYSCALL_VECTOR, system_vectors);
}
