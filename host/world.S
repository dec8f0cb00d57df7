/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host's side of a switch, in the module's own text: what comes before the
 * switcher on enter and after it on exit, the flushing of predictions included, and the
 * calls that hand an interrupt or NMI to the host's own handlers.
 */
#include <linux/linkage.h>
#include <asm/asm.h>
#include <asm/alternative.h>
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <asm/processor-flags.h>
#include <asm/segment.h>
#include <asm/unwind_hints.h>
#include "mitigations.h"
#include "switcher.h"
#include "ring1-offsets.h"

/* From struct ring1_frame_hw at RCX to struct vcpu_ring1 at RAX, through RDX. */
#define TAKE(from, to)			\
	movq	HW_##from(%rcx), %rdx;	\
	movq	%rdx, VCPU_##to(%rax)

/* Clobbers EAX, ECX and EDX. */
.macro FLUSH_INDIRECT
	movl	$MSR_IA32_PRED_CMD, %ecx
	movl	$PRED_CMD_IBPB, %eax
	xorl	%edx, %edx
	wrmsr
.endm

/*
 * The loop takes 63 branches. Processors with BHI_DIS_S remember 194; Linux does not use
 * the loop there. Clobbers EAX and ECX.
 */
.macro CLEAR_BHB mitigate:req done:req
	testl	$RING1_MITIGATE_BHB, \mitigate
	jz	\done
	call	clear_bhb_loop
	testl	$RING1_MITIGATE_BHB_LONG, \mitigate
	jz	\done
	call	clear_bhb_loop
	call	clear_bhb_loop
	call	clear_bhb_loop
.endm

	.section .noinstr.text, "ax"

/*
 * void ring1_switch(struct vcpu_ring1 *v)
 *
 * In:		RDI v; IRQs off, FPU and the rest of the guest's state in place
 * Out:		v->exit and the guest's registers filled
 * Stack on the way into the switcher, high addresses first:
 *		callee-saved registers, v, CS, .Llanding	<- HOST(sp)
 *
 * The far return out of the switcher takes the last two. They stay where they are until
 * the host's IDT is back: a #MC before that comes out of the switcher again.
 */
SYM_FUNC_START(ring1_switch)
	pushq	%rbp
	movq	%rsp, %rbp
	pushq	%r15
	pushq	%r14
	pushq	%r13
	pushq	%r12
	pushq	%rbx
	pushq	%rdi
	UNWIND_HINT_SAVE				/* as at .Llanding */
	pushq	$__KERNEL_CS
	leaq	.Llanding(%rip), %rax
	pushq	%rax

	movq	VCPU_host(%rdi), %rax
	movq	%rsp, HOST_sp(%rax)

	pushq	$__KERNEL_CS
	pushq	VCPU_enter(%rdi)
	movq	VCPU_rcx(%rdi), %rcx
	movq	VCPU_rdx(%rdi), %rdx
	movq	VCPU_rbx(%rdi), %rbx
	movq	VCPU_rbp(%rdi), %rbp
	movq	VCPU_rsi(%rdi), %rsi
	movq	VCPU_r8(%rdi), %r8
	movq	VCPU_r9(%rdi), %r9
	movq	VCPU_r10(%rdi), %r10
	movq	VCPU_r11(%rdi), %r11
	movq	VCPU_r12(%rdi), %r12
	movq	VCPU_r13(%rdi), %r13
	movq	VCPU_r14(%rdi), %r14
	movq	VCPU_r15(%rdi), %r15
	movq	VCPU_rdi(%rdi), %rdi
	/* RAX and RSP are the switcher's; it has them in STACK(enter). */
	CLEAR_CPU_BUFFERS
	VM_CLEAR_CPU_BUFFERS
	/* A far return is not predicted: no retpoline needed. */
	lretq

/*
 * In:		RSP at v; RAX scratch, other GPRs the guest's; GS, GDT, TR and CR3
 *		the host's; DF and AC whatever the guest had
 * IDT		the switcher's until LIDT below, so that no C of the host's runs with
 *		the guest's predictions: an NMI leaves its note in HOST(nmi)
 * #MC		.Lfatal, and back here; the guest's registers are lost
 */
.Llanding:
	UNWIND_HINT_RESTORE
	ANNOTATE_NOENDBR
	subq	$16, %rsp				/* below .Llanding, CS */
	movq	16(%rsp), %rax
	movq	%rcx, VCPU_rcx(%rax)
	movq	%rdx, VCPU_rdx(%rax)
	movq	%rbx, VCPU_rbx(%rax)
	movq	%rbp, VCPU_rbp(%rax)
	movq	%rsi, VCPU_rsi(%rax)
	movq	%rdi, VCPU_rdi(%rax)
	movq	%r8, VCPU_r8(%rax)
	movq	%r9, VCPU_r9(%rax)
	movq	%r10, VCPU_r10(%rax)
	movq	%r11, VCPU_r11(%rax)
	movq	%r12, VCPU_r12(%rax)
	movq	%r13, VCPU_r13(%rax)
	movq	%r14, VCPU_r14(%rax)
	movq	%r15, VCPU_r15(%rax)

	/* Gates leave AC and DF as the guest had them. */
	pushq	$X86_EFLAGS_FIXED
	popfq
	/* A gate leaves SS null; AMD's SYSRET would carry that to the VMM. */
	movl	$__KERNEL_DS, %ecx
	movl	%ecx, %ss

	movq	VCPU_host(%rax), %rcx
	movq	HOST_frame(%rcx), %rcx
	TAKE(ax, rax)
	TAKE(vector, exit_vector)
	TAKE(error, exit_error)
	TAKE(ip, rip)
	TAKE(cs, exit_cs)
	TAKE(flags, exit_flags)
	TAKE(sp, rsp)
	TAKE(ss, exit_ss)

	/* No value of the guest's survives into speculation. */
	xorl	%eax, %eax
	xorl	%ecx, %ecx
	xorl	%edx, %edx
	xorl	%ebx, %ebx
	xorl	%ebp, %ebp
	xorl	%esi, %esi
	xorl	%edi, %edi
	xorl	%r8d, %r8d
	xorl	%r9d, %r9d
	xorl	%r10d, %r10d
	xorl	%r11d, %r11d
	xorl	%r12d, %r12d
	xorl	%r13d, %r13d
	xorl	%r14d, %r14d
	xorl	%r15d, %r15d

	/*
	 * Predictions, before the first RET or indirect branch; but with LATE, where
	 * indirect ones stay until ring1_flush_predictions(). A guest may train the
	 * tests below; LFENCE ends what it gets speculated by that.
	 */
	movl	ring1_mitigate(%rip), %ebx
	testl	$RING1_MITIGATE_LATE, %ebx
	jnz	.Lno_ibpb
	testl	$RING1_MITIGATE_IBPB, %ebx
	jz	.Lno_ibpb
	FLUSH_INDIRECT
.Lno_ibpb:
	testl	$RING1_MITIGATE_RSB, %ebx
	jz	.Lno_rsb
	/* __FILL_RETURN_BUFFER() without its loop, of which half would be counting. */
	.rept RSB_CLEAR_LOOPS
	__FILL_RETURN_SLOT
	.endr
	addq	$RSB_CLEAR_LOOPS * 8, %rsp
	CREDIT_CALL_DEPTH
.Lno_rsb:
	lfence
	UNTRAIN_RET_VM
	testl	$RING1_MITIGATE_LATE, %ebx
	jnz	.Lno_bhb
	CLEAR_BHB %ebx .Lno_bhb
.Lno_bhb:
	lfence

	movq	16(%rsp), %rbx
	movq	VCPU_host(%rbx), %rbx
	.set .Lparked, HOST_park
	.rept RING1_NR_PARKED
	cmpl	$0, .Lparked + PARK_saved(%rbx)
	je	.Lno_parked
	movl	.Lparked + PARK_msr(%rbx), %ecx
	movl	.Lparked + PARK_host_low(%rbx), %eax
	movl	.Lparked + PARK_host_high(%rbx), %edx
	wrmsr
	movl	$0, .Lparked + PARK_saved(%rbx)
	.set .Lparked, .Lparked + PARK_SIZE
	.endr
.Lno_parked:
	lidt	HOST_idt(%rbx)
	addq	$16, %rsp
	popq	%rdi
	popq	%rbx
	popq	%r12
	popq	%r13
	popq	%r14
	popq	%r15
	popq	%rbp
	RET
SYM_FUNC_END(ring1_switch)

/*
 * Call a handler as the processor would: its IRETQ returns behind the call. NMIs
 * were masked by the processor if it is one; that IRETQ unmasks them.
 */
.macro CALL_GATE call_insn:req target:req
	pushq	%rbp
	movq	%rsp, %rbp
	andq	$-16, %rsp
	pushq	$__KERNEL_DS
	pushq	%rbp
	pushfq
	pushq	$__KERNEL_CS
	\call_insn \target
	movq	%rbp, %rsp
	popq	%rbp
	RET
.endm

/* void ring1_do_nmi_irqoff(void): IRQs off, preemption off. */
SYM_FUNC_START(ring1_do_nmi_irqoff)
	CALL_GATE call, asm_exc_nmi_kvm_vmx
SYM_FUNC_END(ring1_do_nmi_irqoff)

/*
 * void ring1_flush_predictions(void): what .Llanding leaves with LATE. The caller's
 * returns are safe, its indirect branches not before this.
 */
SYM_FUNC_START(ring1_flush_predictions)
	FLUSH_INDIRECT
	movl	ring1_mitigate(%rip), %edx
	CLEAR_BHB %edx .Lflushed
.Lflushed:
	lfence
	RET
SYM_FUNC_END(ring1_flush_predictions)

/*
 * Gates for exceptions of the host's own between .Llanding and ring1_late_flush(), by
 * vector (late.c). IRQs are off there, and the guest's world is gone.
 * In:		as from the processor, on the host's stack for the vector; GS the kernel's
 * Out:		the host's handler, with all registers and the stack as found
 *
 * LIDT comes last, so that an NMI in here flushes before its handler runs. One in a handler
 * finds the host's IDT. The handler of NMIs takes the second word below its frame for "NMI
 * executing" if it is 1; 0 is left there.
 */
	.balign RING1_LATE_GATE_SIZE
SYM_CODE_START(ring1_late_gates)
.set .Lvector, 0
.rept 32
	UNWIND_HINT_END_OF_STACK
	ENDBR
	pushq	%rax
	movq	ring1_late_target + .Lvector * 8(%rip), %rax
	jmp	.Llate_gate
	.set .Lvector, .Lvector + 1
	.balign RING1_LATE_GATE_SIZE, 0xcc
.endr
.Llate_gate:
	xchgq	%rax, (%rsp)
	pushq	$0
	pushq	%rax
	pushq	%rcx
	pushq	%rdx
	call	ring1_flush_predictions
	lidt	ring1_host_idt(%rip)
	popq	%rdx
	popq	%rcx
	popq	%rax
	addq	$8, %rsp
	RET
SYM_CODE_END(ring1_late_gates)

	.text

/* void ring1_do_interrupt_irqoff(unsigned long offset): IRQs off, preemption off. */
SYM_FUNC_START(ring1_do_interrupt_irqoff)
	CALL_GATE CALL_NOSPEC, rdi
SYM_FUNC_END(ring1_do_interrupt_irqoff)
