/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Code for stock kernels that run as trap guests: stock.c copies it behind the kernel's
 * text and makes the kernel call it. It runs in the guest's kernel. All of it is
 * position independent; the one jump out of it is filled in by stock.c.
 */

/*
 * An instruction that would not fault in ring 1, with KVM's emulation prefix; in ring 0, as
 * kvm-amd and kvm-intel run kernels, without. Clobbers the arithmetic flags.
 */
.macro IN_RING_1 insn:req, scratch:req, low:req
	movl	%cs, \scratch
	testb	$1, \low
	jz	.Lring_0_\@
	ud2
	.ascii	"kvm"
.Lring_0_\@:
	\insn
.endm

/* struct alt_instr of Linux 6.12 */
#define ALT_replacement		4
#define ALT_feature		8
#define ALT_SIZE		14
#define X86_FEATURE_XENPV	(8 * 32 + 16)
#define ALT_FLAG_NOT		(1 << 16)
#define PUSHF_POP_RAX		0x589c

	.section .rodata
	.globl	stock_text, stock_text_save_fl, stock_text_cpuid, stock_text_alternatives
	.globl	stock_text_apply, stock_text_end
stock_text:

/* unsigned long save_fl(void): no register is lost but RAX */
stock_text_save_fl:
	endbr64
	IN_RING_1 pushfq, %eax, %al
	popq	%rax
	ret
	.balign 16, 0xcc

/* void cpuid(unsigned int *eax, unsigned int *ebx, unsigned int *ecx, unsigned int *edx) */
stock_text_cpuid:
	endbr64
	pushq	%rbx
	movq	%rsi, %r8
	movq	%rdx, %r9
	movq	%rcx, %r10
	movl	(%rdi), %eax
	movl	(%r9), %ecx
	IN_RING_1 cpuid, %r11d, %r11b
	movl	%eax, (%rdi)
	movl	%ebx, (%r8)
	movl	%ecx, (%r9)
	movl	%edx, (%r10)
	popq	%rbx
	ret
	.balign 16, 0xcc

/*
 * In place of apply_alternatives(start, end), for the kernel's table and those of its
 * modules: where PUSHF would be written over a call to save_fl, the call stays. Such a
 * record applies where Xen PV is not; make it one that applies where it is.
 */
stock_text_alternatives:
	endbr64
	movq	%rdi, %rax
1:	cmpq	%rsi, %rax
	jae	3f
	cmpl	$(ALT_FLAG_NOT | X86_FEATURE_XENPV), ALT_feature(%rax)
	jne	2f
	movslq	ALT_replacement(%rax), %rcx
	cmpw	$PUSHF_POP_RAX, ALT_replacement(%rax, %rcx)
	jne	2f
	movl	$X86_FEATURE_XENPV, ALT_feature(%rax)
2:	addq	$ALT_SIZE, %rax
	jmp	1b
3:	.byte	0xe9			/* jmp apply_alternatives */
stock_text_apply:
	.long	0
stock_text_end:

	.section .note.GNU-stack, "", @progbits
