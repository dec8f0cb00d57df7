/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Entry points of a ring-1 kernel, its ways back to ring 3 and ring 1, and the pv
 * ops that must not touch registers.
 *
 * The monitor's switcher stands where the processor stands natively. It reaches
 * the entry points in ring 1 with GS the kernel's and the virtual interrupt flag
 * 0. System calls come with registers as SYSCALL leaves them, so they join the
 * native path behind its SWAPGS. Events come with all registers as they were; the
 * frame that the processor would have pushed is in ring1_vcpu, one per class, and
 * is free for the next event when BUSY is cleared.
 *
 * On the way back IRETQ runs natively; it cannot set the virtual interrupt flag
 * or exchange GS. From the test for waiting interrupts to IRETQ the code is a
 * restart range (struct ring1_restart_range): if an event comes up there, the monitor
 * starts it over. Hence everything in it can be repeated from its first instruction:
 * RSP does not move, what is loaded comes from memory that is not written, and the
 * flags are of no account because IRETQ loads them.
 */
#include <linux/elfnote.h>
#include <linux/export.h>
#include <linux/linkage.h>
#include <asm/asm-offsets.h>
#include <asm/emulate_prefix.h>
#include <asm/errno.h>
#include <asm/frame.h>
#include <asm/fsgsbase.h>
#include <asm/nospec-branch.h>
#include <asm/percpu.h>
#include <asm/processor-flags.h>
#include <asm/segment.h>
#include <asm/thread_info.h>
#include <asm/trapnr.h>
#include <asm/unwind_hints.h>
#include "../entry/calling.h"
#include "ring1_abi.h"
#include "ring1-hypercalls.h"

#define VCPU(offset)	PER_CPU_VAR(ring1_vcpu + offset)
#define TSS_ist(index)	(TSS_sp2 + 16 + 8 * (index))	/* checked in event.c */
#define IST_DF		0
#define IST_NMI		1
#define IST_DB		2
#define IST_MC		3

/* Offsets from an IRETQ frame. */
#define FRAME_CS	8
#define FRAME_FLAGS	16
#define FRAME_SS	32

/* By which a launcher knows that this kernel finds out about ring 1 by itself. */
ELFNOTE(ring1, 1, .long RING1_ABI_VERSION)

	.section .noinstr.text, "ax"

/*
 * Number in RAX, arguments in RDI RSI RDX R10 R8, result in RAX; RCX and R11 lost.
 */
SYM_FUNC_START(ring1_pv_hypercall)
	ANNOTATE_NOENDBR
	UNWIND_HINT_SAVE
	syscall
	UNWIND_HINT_RESTORE
	RET
SYM_FUNC_END(ring1_pv_hypercall)

/* For KVM_HYPERCALL: KVM's registers in, all but RAX preserved. */
SYM_FUNC_START(ring1_kvm_hypercall)
	ANNOTATE_NOENDBR
	pushq	%rcx
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%r8
	pushq	%r10
	pushq	%r11
	movq	%rsi, %r8
	movq	%rdx, %r10
	movq	%rcx, %rdx
	movq	%rbx, %rsi
	movq	%rax, %rdi
	movl	$RING1_HC_KVM, %eax
	call	ring1_pv_hypercall
	popq	%r11
	popq	%r10
	popq	%r8
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%rcx
	RET
SYM_FUNC_END(ring1_kvm_hypercall)
EXPORT_SYMBOL_GPL(ring1_kvm_hypercall)

/* pv_ops.irq: no register is lost but RAX. */
SYM_FUNC_START(ring1_save_fl)
	ENDBR
	movl	VCPU(RING1_PAGE_VIF), %eax
	RET
SYM_FUNC_END(ring1_save_fl)

/* The same in a trap guest: a PUSHF that faults. */
SYM_FUNC_START(ring1_trap_save_fl)
	ENDBR
	.byte	__KVM_EMULATE_PREFIX
	pushfq
	popq	%rax
	RET
SYM_FUNC_END(ring1_trap_save_fl)

SYM_FUNC_START(ring1_irq_disable)
	ENDBR
	movl	$0, VCPU(RING1_PAGE_VIF)
	RET
SYM_FUNC_END(ring1_irq_disable)

/*
 * If the vCPU moves between the two, the interrupt it left behind was taken there
 * and the test is of the new one's: a poll too many does no harm.
 */
SYM_FUNC_START(ring1_irq_enable)
	ENDBR
	movl	$X86_EFLAGS_IF, VCPU(RING1_PAGE_VIF)
	cmpl	$0, VCPU(RING1_PAGE_PENDING)
	jne	.Lpoll
	RET
.Lpoll:
	pushq	%rax
	pushq	%rcx
	pushq	%r11
	movl	$RING1_HC_IRQ_POLL, %eax
	call	ring1_pv_hypercall
	popq	%r11
	popq	%rcx
	popq	%rax
	RET
SYM_FUNC_END(ring1_irq_enable)

SYM_FUNC_START(ring1_read_cr2)
	ENDBR
	movq	VCPU(RING1_PAGE_FRAME(RING1_EVENT_NORMAL) + RING1_FRAME_PAYLOAD), %rax
	RET
SYM_FUNC_END(ring1_read_cr2)

	.section .entry.text, "ax"

/*
 * System calls. In: RSP the user's, as behind SWAPGS in the native entries.
 */
SYM_CODE_START(ring1_entry_SYSCALL_64)
	UNWIND_HINT_ENTRY
	ENDBR
	movq	%rsp, PER_CPU_VAR(cpu_tss_rw + TSS_sp2)
	movq	PER_CPU_VAR(pcpu_hot + X86_top_of_stack), %rsp
	jmp	entry_SYSCALL_64_safe_stack
SYM_CODE_END(ring1_entry_SYSCALL_64)

#ifdef CONFIG_IA32_EMULATION
SYM_CODE_START(ring1_entry_SYSCALL_compat)
	UNWIND_HINT_ENTRY
	ENDBR
	movl	%esp, %r8d
	movq	PER_CPU_VAR(pcpu_hot + X86_top_of_stack), %rsp
	jmp	entry_SYSCALL_compat_safe_stack
SYM_CODE_END(ring1_entry_SYSCALL_compat)

SYM_CODE_START(ring1_entry_SYSENTER_compat)
	UNWIND_HINT_ENTRY
	ENDBR
	movq	PER_CPU_VAR(pcpu_hot + X86_top_of_stack), %rsp
	pushq	$__USER_DS
	pushq	$0				/* sp: do_SYSENTER_32() knows */
	pushq	VCPU(RING1_PAGE_FRAME(RING1_EVENT_NORMAL) + RING1_FRAME_FLAGS)
	pushq	$__USER32_CS
	pushq	$0				/* ip: the same */
	jmp	entry_SYSENTER_compat_after_hwframe
SYM_CODE_END(ring1_entry_SYSENTER_compat)
#endif

/*
 * 32-bit system calls when there are none. Every program can reach these: the
 * monitor's GDT has __USER32_CS.
 */
SYM_CODE_START(ring1_entry_SYSCALL32_ignore)
	UNWIND_HINT_ENTRY
	ENDBR
	movq	%rsp, PER_CPU_VAR(cpu_tss_rw + TSS_sp2)
	movq	PER_CPU_VAR(pcpu_hot + X86_top_of_stack), %rsp
	pushq	$__USER_DS
	pushq	PER_CPU_VAR(cpu_tss_rw + TSS_sp2)
	pushq	%r11
	pushq	$__USER32_CS
	pushq	%rcx
	pushq	$-1				/* orig_ax */
	PUSH_AND_CLEAR_REGS rax=$-ENOSYS
	UNTRAIN_RET
	jmp	ring1_restore_regs_and_return_to_usermode
SYM_CODE_END(ring1_entry_SYSCALL32_ignore)

/* As natively with a null SYSENTER_CS, but nobody knows where it was. */
SYM_CODE_START(ring1_entry_SYSENTER_ignore)
	UNWIND_HINT_ENTRY
	ENDBR
	movq	$__USER_DS, VCPU(RING1_PAGE_FRAME(RING1_EVENT_NORMAL) + RING1_FRAME_SS)
	movq	$0, VCPU(RING1_PAGE_FRAME(RING1_EVENT_NORMAL) + RING1_FRAME_SP)
	/* The processor cleared it. */
	orq	$X86_EFLAGS_IF, VCPU(RING1_PAGE_FRAME(RING1_EVENT_NORMAL) + RING1_FRAME_FLAGS)
	movq	$__USER32_CS, VCPU(RING1_PAGE_FRAME(RING1_EVENT_NORMAL) + RING1_FRAME_CS)
	movq	$0, VCPU(RING1_PAGE_FRAME(RING1_EVENT_NORMAL) + RING1_FRAME_IP)
	movl	$0, VCPU(RING1_PAGE_FRAME(RING1_EVENT_NORMAL) + RING1_FRAME_ERROR)
	movl	$X86_TRAP_GP, VCPU(RING1_PAGE_FRAME(RING1_EVENT_NORMAL) + RING1_FRAME_VECTOR)
	jmp	ring1_entry_user
SYM_CODE_END(ring1_entry_SYSENTER_ignore)

/*
 * From the frame of an event to struct pt_regs, with error code and vector in
 * orig_ax. In: RSP at the new stack.
 */
.macro PUSH_EVENT class:req
	pushq	VCPU(RING1_PAGE_FRAME(\class) + RING1_FRAME_SS)
	pushq	VCPU(RING1_PAGE_FRAME(\class) + RING1_FRAME_SP)
	pushq	VCPU(RING1_PAGE_FRAME(\class) + RING1_FRAME_FLAGS)
	pushq	VCPU(RING1_PAGE_FRAME(\class) + RING1_FRAME_CS)
	pushq	VCPU(RING1_PAGE_FRAME(\class) + RING1_FRAME_IP)
	pushq	VCPU(RING1_PAGE_FRAME(\class) + RING1_FRAME_ERROR)
	UNWIND_HINT_IRET_REGS offset=8
	movq	$0, VCPU(RING1_PAGE_FRAME(\class) + RING1_FRAME_BUSY)
	PUSH_AND_CLEAR_REGS
	ENCODE_FRAME_POINTER
	UNTRAIN_RET
	movq	%rsp, %rdi			/* struct pt_regs * */
.endm

/* Events from ring 3. In: RSP anything. */
SYM_CODE_START(ring1_entry_user)
	UNWIND_HINT_ENTRY
	ENDBR
	movq	PER_CPU_VAR(pcpu_hot + X86_top_of_stack), %rsp
	PUSH_EVENT RING1_EVENT_NORMAL
	CLEAR_BRANCH_HISTORY
	call	ring1_event
SYM_INNER_LABEL(ring1_restore_regs_and_return_to_usermode, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	UNWIND_HINT_REGS
	STACKLEAK_ERASE
	POP_REGS
	addq	$8, %rsp			/* orig_ax */
	UNWIND_HINT_IRET_REGS
	CLEAR_CPU_BUFFERS
SYM_INNER_LABEL(ring1_win_user_begin, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	cmpl	$0, VCPU(RING1_PAGE_PENDING)
	jne	.Luser_hypercall
	movq	VCPU(RING1_PAGE_USER_GS), %rax
	wrgsbase %rax
	movq	(RAX - RIP)(%rsp), %rax		/* still where POP_REGS found it */
SYM_INNER_LABEL(ring1_iret_user, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	iretq
SYM_INNER_LABEL(ring1_win_user_end, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	int3
SYM_CODE_END(ring1_entry_user)

/*
 * Events from ring 1. In: RSP the interrupted one. A gap stays below it, for INT3
 * handlers that emulate a call.
 */
SYM_CODE_START(ring1_entry_kernel)
	UNWIND_HINT_ENTRY
	ENDBR
	leaq	-6*8(%rsp), %rsp
	andq	$-16, %rsp
	PUSH_EVENT RING1_EVENT_NORMAL
	leaq	ring1_iret_user(%rip), %rax
	cmpq	%rax, RIP(%rsp)
	je	.Lbad_iret
	call	ring1_event
.Lreturn_to_kernel:
	UNWIND_HINT_REGS
	POP_REGS
	addq	$8, %rsp			/* orig_ax */
	UNWIND_HINT_IRET_REGS
	movq	$RING1_CS, FRAME_CS(%rsp)
	movq	$RING1_SS, FRAME_SS(%rsp)
	testl	$X86_EFLAGS_IF, FRAME_FLAGS(%rsp)
	jz	.Liret_kernel
SYM_INNER_LABEL(ring1_win_kernel_begin, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	cmpl	$0, VCPU(RING1_PAGE_PENDING)
	jne	.Liret_hypercall
	movl	$X86_EFLAGS_IF, VCPU(RING1_PAGE_VIF)
	iretq
SYM_INNER_LABEL(ring1_win_kernel_end, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	UNWIND_HINT_IRET_REGS

/* Interrupts stay off: nothing to test, and no restart range that would turn them on. */
.Liret_kernel:
	iretq

/* IRETQ to ring 3 faulted: as if the user had, right behind it. */
.Lbad_iret:
	UNWIND_HINT_REGS
	call	fixup_bad_iret
	movq	%rax, %rdi
.Luser_event:
	call	sync_regs
	movq	%rax, %rsp
	ENCODE_FRAME_POINTER
	UNWIND_HINT_REGS
	movq	%rsp, %rdi
	call	ring1_event
	jmp	ring1_restore_regs_and_return_to_usermode

/*
 * An interrupt waits: the monitor returns and delivers it. In: RSP at the frame. In
 * the user's restart range RAX may hold the GS base, if the monitor began it again.
 */
.Luser_hypercall:
	UNWIND_HINT_IRET_REGS
	movq	(RAX - RIP)(%rsp), %rax
.Liret_hypercall:
	UNWIND_HINT_IRET_REGS
	pushq	%rax
	pushq	%rcx
	pushq	%r11
	pushq	$0				/* struct ring1_iret_frame.iret_flags */
	movl	$RING1_HC_IRET, %eax
	UNWIND_HINT_END_OF_STACK
	syscall
	int3
SYM_CODE_END(ring1_entry_kernel)

/*
 * Events that may come anywhere, also before the kernel has its stack: each class
 * has one, the IST stack of the native handler. In: RSP anything. One from ring 3
 * whose handler may sleep continues on the task's stack: from_user.
 */
.macro IST_ENTRY name class ist handler from_user
SYM_CODE_START(\name)
	UNWIND_HINT_ENTRY
	ENDBR
	movq	PER_CPU_VAR(cpu_tss_rw + TSS_ist(\ist)), %rsp
	PUSH_EVENT \class
	.ifnb \from_user
	testb	$3, CS(%rsp)
	jnz	\from_user
	.endif
	call	\handler
.endm

/* NMIs stay masked until the monitor takes the frame. */
.macro RETURN_BY_HYPERCALL flags:req
	UNWIND_HINT_REGS
	POP_REGS
	addq	$8, %rsp			/* orig_ax */
	UNWIND_HINT_IRET_REGS
	pushq	%rax
	pushq	%rcx
	pushq	%r11
	pushq	$\flags
	movl	$RING1_HC_IRET, %eax
	UNWIND_HINT_END_OF_STACK
	syscall
	int3
.endm

	IST_ENTRY ring1_entry_nmi RING1_EVENT_NMI IST_NMI ring1_event_nmi
	RETURN_BY_HYPERCALL RING1_IRET_UNMASK_NMI
SYM_CODE_END(ring1_entry_nmi)

	IST_ENTRY ring1_entry_mc RING1_EVENT_MC IST_MC ring1_event_mc from_user=.Luser_event
	RETURN_BY_HYPERCALL 0
SYM_CODE_END(ring1_entry_mc)

	IST_ENTRY ring1_entry_db RING1_EVENT_DB IST_DB ring1_event_db
	jmp	.Lreturn_to_kernel
SYM_CODE_END(ring1_entry_db)

	IST_ENTRY ring1_entry_df RING1_EVENT_DF IST_DF ring1_event_df
	jmp	.Lreturn_to_kernel
SYM_CODE_END(ring1_entry_df)
