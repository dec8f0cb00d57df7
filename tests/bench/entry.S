/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * In place of a kernel's first instructions: sends the TSC, low byte first, over the
 * first serial port, and resets the machine. bench/lib.sh writes it over both entry
 * points of a bzImage, so each instruction is the same in 32-bit and in 64-bit code.
 */
	.code32
	rdtsc
	movl	%edx, %ebx
	movl	$0x3f8, %edx
	movl	$8, %ecx
.Lbyte:
	outb	%al, %dx
	shrl	$8, %eax
	.byte	0xff, 0xc9			/* decl %ecx; the short form is a REX prefix */
	testb	$3, %cl
	jnz	.Lbyte
	movl	%ebx, %eax
	testl	%ecx, %ecx
	jnz	.Lbyte
	movl	$0xcf9, %edx			/* reset control: hard, now */
	movb	$6, %al
	outb	%al, %dx
.Lstop:
	jmp	.Lstop
