/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The switcher's text: all code that runs in slot 256, at CPL 0, in the guest
 * world or between the worlds. region.c maps one copy of it into every vCPU's
 * region, at different addresses, so it is position independent and finds the
 * region's pages relative to RIP. It is data here (.rodata); the code around it
 * that runs in the host's own text is world.S.
 *
 *	host text       ring1_switch()   world.S saves the host, loads GPRs
 *	---------------------|--------------------------------------------------
 *	slot 256,       ring1_text_enter: IDT, GDT, TR, GS, then CR3
 *	host view            |
 *	---------------------|-- CR3 ------------------------------------------
 *	slot 256,            IRETQ to ring 1 or 3
 *	guest view      stubs, SYSCALL and SYSENTER entries
 *	                     |-> bounce: IRETQ into ring 1, no exit
 *	                .Lexit: CR3
 *	---------------------|-- CR3 ------------------------------------------
 *	slot 256,            GS, GDT, TR; far return into world.S
 *	host view
 *	---------------------|--------------------------------------------------
 *	host text       .Llanding: predictions flushed, then IDT
 *
 * Rules that hold everywhere below:
 *  - IF is 0. Gates, SFMASK and SYSENTER see to that; it is never set here.
 *  - The IDT is ours from the first instruction of ring1_text_enter to LIDT in
 *    world.S, behind the flushing of predictions. NMI and #MC may come at any of
 *    them: they run on IST stacks, which either TSS provides at the same numbers,
 *    and touch no GS, no CR3-dependent page except those in both views. Which view
 *    it is says VIEW.
 *  - KERNEL_GS_BASE holds the host's CR3, up to bit 46: the one register that
 *    ring 1 can neither read nor write and that an exit can reach before it has
 *    the host's tables. A spare bit is a note that an NMI came. C keeps it in step
 *    (run.c).
 *  - Nothing is read through an address that ring 1 supplied, nothing written.
 *    Ring 1 may write the stack page, so what is read from it was put there after
 *    the guest stopped, or is a hint that costs an exit if it is forged.
 *  - A test of a saved RIP comes after a test that the saved CS has RPL 0: ring
 *    1 may execute this text.
 *  - No RET and no indirect branch, so that a poisoned predictor finds nothing
 *    to steer. Far returns and IRETQ are not predicted.
 *
 * Read next: world.S, then run.c.
 */
#include <linux/linkage.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/segment.h>
#include <asm/trapnr.h>
#include "switcher.h"
#include "ring1-hypercalls.h"
#include "ring1-offsets.h"

#define IN_PAGE(page, offset)	(.Ltext + (page) * 4096 + (offset))(%rip)
#define CONF(field)		IN_PAGE(RING1_PG_CONF, CONF_##field)
#define STACK(field)		IN_PAGE(RING1_PG_STACK, STACK_##field)
#define HOST(field)		IN_PAGE(RING1_PG_HOST, HOST_##field)
#define SHARED(offset)		IN_PAGE(RING1_PG_SHARED, offset)
/* A byte: 1 in the host view, 0 in the guest view. */
#define VIEW			HOST(view)
/* What the processor pushed for the NMI that is being handled, on the NMI's stack. */
#define NMI_FRAME(field)	IN_PAGE(RING1_PG_IST, RING1_IST_NMI * RING1_IST_SIZE + \
					HW_##field - HW_SIZE)
#define FRAME(field)		SHARED(RING1_PAGE_FRAME(RING1_EVENT_NORMAL) + RING1_FRAME_##field)

/* Byte 5 of a descriptor holds its type; bit 1 of a TSS type is "busy". */
#define TSS_TYPE		IN_PAGE(RING1_PG_DESC, RING1_DESC_GDT + RING1_GDT_TSS * 8 + 5)
#define TSS_BUSY		2
#define TSS_AVAILABLE		0x89

/* Error code of #PF: U must be set, the others may be. */
#define PF_USER			4
#define PF_MAY_BE		(1 | 2 | 16)		/* P, W, I */

/* From a guest physical address to the offset of its struct ring1_root_slot, 16 bytes long. */
#define ROOT_SLOT_SHIFT		(12 - 4)
#define ROOT_SLOT_MASK		((RING1_NR_ROOT_SLOTS - 1) << 4)

/* RFLAGS that ring 1 starts with at its entry points. */
#define ENTRY_FLAGS		(X86_EFLAGS_IF | X86_EFLAGS_FIXED)

/* A frame on the stack before RAX is pushed on top of it. */
#define NOAX(field)		(HW_##field - 8)(%rsp)
#define HW(field)		HW_##field(%rsp)

/* With RAX pushed; clobbers RAX. */
.macro JUMP_UNLESS_IN from to target
	leaq	\from(%rip), %rax
	cmpq	%rax, HW(ip)
	jb	\target
	leaq	\to(%rip), %rax
	cmpq	%rax, HW(ip)
	jae	\target
.endm

/* A field of the nth MSR that is parked, .Lparked counting them. */
#define PARK(field)		IN_PAGE(RING1_PG_HOST, HOST_park + .Lparked * PARK_SIZE + \
					PARK_##field)

#define DR7_DISARMED		0x400
#define DR6_CLEARED		0xffff0ff0

	.section .rodata.ring1_text, "a"
	.balign 4096
SYM_DATA_START(ring1_text_start)
.Ltext:

/*
 * Stubs, one of RING1_STUB_SIZE bytes for each vector: the IDT points here.
 *
 *	offset	slot		pushed by	field of struct ring1_frame_hw
 *	+0x30	SS		processor	ss
 *	+0x28	RSP		processor	sp
 *	+0x20	RFLAGS		processor	flags
 *	+0x18	CS		processor	cs
 *	+0x10	RIP		processor	ip
 *	+0x08	error code	processor/stub	error
 *	+0x00	vector		stub		vector		<- RSP behind the stub
 *	-0x08	RAX		.Lexit		ax
 *
 * Stack: the IST stack of the vector if it has one; else the entry stack (TSS
 * RSP0) when the processor was in ring 1 or 3, and the current one in ring 0.
 */
.set .Lvector, 0
.rept 256
	/* #DF #TS #NP #SS #GP #PF #AC #CP #VC #SX come with an error code. */
	.if !(.Lvector == 8 || (.Lvector >= 10 && .Lvector <= 14) || .Lvector == 17 || \
	      .Lvector == 21 || .Lvector == 29 || .Lvector == 30)
	pushq	$0
	.endif
	pushq	$.Lvector
	.if .Lvector == X86_TRAP_DB
	jmp	.Ldebug
	.elseif .Lvector == X86_TRAP_NMI
	jmp	.Lnmi
	.elseif .Lvector == X86_TRAP_MC
	jmp	.Lmachine_check
	.elseif .Lvector == X86_TRAP_DF
	jmp	.Lfatal
	.elseif .Lvector == X86_TRAP_DE || .Lvector == X86_TRAP_BP || .Lvector == X86_TRAP_OF || \
		.Lvector == X86_TRAP_BR || .Lvector == X86_TRAP_UD || .Lvector == X86_TRAP_MF || \
		.Lvector == X86_TRAP_XF
	jmp	.Lbounce
	.elseif .Lvector == X86_TRAP_PF
	jmp	.Lpf
	.elseif .Lvector == 0x80
	jmp	.Lint80
	.else
	jmp	.Linterrupted
	.endif
	.if .Lvector == X86_TRAP_NMI
	.set .Lnmi_stub, .Ltext + .Lvector * RING1_STUB_SIZE
	.set .Lnmi_stub_end, .Lnmi_stub + RING1_STUB_SIZE
	.endif
	.set .Lvector, .Lvector + 1
	/* An error here: the stub is longer than RING1_STUB_SIZE. */
	.org	.Ltext + .Lvector * RING1_STUB_SIZE, 0xcc
.endr

/*
 * Enter: from the host into the guest.
 * In:		GPRs the guest's, except RAX and RSP; STACK(enter) filled
 * CR3		host's until the write below
 * GS		host's until WRGSBASE
 * IDT		host's before the first instruction
 * NMI, #MC	here: .Lnmi sends the interrupted RIP to .Labort
 * Faults:	IRETQ (#GP, #SS, #NP: RIP or SS the guest or its VMM chose)
 *
 * The IDT comes first: with the host's IDT, an NMI that found our GDT or TSS
 * would run host code on our stacks.
 */
SYM_INNER_LABEL(ring1_text_enter, SYM_L_GLOBAL)
	lidt	CONF(idt)
	lgdt	CONF(gdt)
	andb	$~TSS_BUSY, TSS_TYPE
	ltr	CONF(tr)
	cmpw	$0, CONF(segments)			/* and conf.parked */
	jne	.Lenter_rare
.Lenter_gs:
	leaq	STACK(enter), %rsp
	popq	%rax					/* enter.gs_base */
	wrgsbase %rax
	movq	CONF(cr3), %rax
	movq	%rax, %cr3
	cmpb	$0, CONF(debug)
	jne	.Lenter_debug
.Lenter_last:
	popq	%rax					/* enter.ax */
.Lenter_iretq:
	iretq

.Lenter_rare:
	cmpb	$0, CONF(parked)
	je	.Lenter_segments
/*
 * MSRs of the host's that must be off. Its NMI handler writes them as well, but from
 * here to LIDT in world.S, which puts them back, it does not run. What was saved is
 * marked so before the write: an entry that is given up restores that much.
 */
	.set .Lparked, 0
	.rept RING1_NR_PARKED
	movl	PARK(msr), %ecx
	testl	%ecx, %ecx
	jz	.Lenter_parked
	rdmsr
	movl	%eax, PARK(host_low)
	movl	%edx, PARK(host_high)
	movl	$1, PARK(saved)
	movl	PARK(guest_low), %eax
	movl	PARK(guest_high), %edx
	wrmsr
	.set .Lparked, .Lparked + 1
	.endr
.Lenter_parked:
	movq	STACK(park_cx), %rcx
	movq	STACK(park_dx), %rdx
	cmpb	$0, CONF(segments)
	je	.Lenter_gs
/* ring1_segments_check() compared them with the descriptors: no fault. */
.Lenter_segments:
	movw	HOST(ds), %ds
	movw	HOST(es), %es
	movw	HOST(fs), %fs
	movw	HOST(gs), %gs
	movq	HOST(guest_fs), %rax
	wrfsbase %rax
	jmp	.Lenter_gs

.Lenter_debug:
	movq	CONF(dr7), %rax
	movq	%rax, %dr7
	jmp	.Lenter_last
SYM_INNER_LABEL(ring1_text_enter_end, SYM_L_GLOBAL)

/*
 * An NMI or #MC came while entering. The guest has not run: leave as if it had
 * just exited, with the registers it was to start with, CR3 included.
 * In:		IDT ours; everything else as enter left it, RSP anywhere
 */
.Labort:
	cmpb	$0, CONF(parked)
	jne	.Labort_parking
.Labort_gs:
	movq	STACK(enter_gs_base), %rax
	wrgsbase %rax
	movq	CONF(cr3), %rax
	movq	%rax, STACK(cr3)
	movq	STACK(enter_ax), %rax
	leaq	STACK(enter_ip), %rsp
	pushq	$0					/* error */
	pushq	$RING1_EXIT_ABORT
	pushq	%rax
	jmp	.Lexit_pushed

/* .Lenter_rare uses RCX and RDX. */
.Labort_parking:
	movq	STACK(park_cx), %rcx
	movq	STACK(park_dx), %rdx
	jmp	.Labort_gs

/*
 * Exit: from the guest into the host.
 * In:		RSP at struct ring1_frame_hw.vector; all GPRs the guest's
 * Out:		world.S, HOST(frame) at the frame, GPRs but RAX unchanged
 * CR3		a root of the guest world, which C wants to know; at .Lexit_pushed
 *		either world's (abort and fatal): ring 1 reads what .Lexit writes
 * NMI		.Lnmi leaves a note that ends up in HOST(nmi)
 * #MC		.Lfatal; the guest's registers are lost
 *
 * With the host's CR3 loaded, all operands are host-only. The IDT goes last, in
 * world.S, for the reason it comes first on enter. DR0-3 are linear addresses: with the host's
 * CR3 they would match the host's, so they are disarmed before.
 */
.Lexit:
	pushq	%rax
.Lexit_ax_pushed:
	movq	%cr3, %rax
	movq	%rax, STACK(cr3)
.Lexit_pushed:
	cmpb	$0, CONF(debug)
	jne	.Lexit_debug
.Lexit_swapgs:
	swapgs
.Lexit_gs_swapped:
	rdgsbase %rax
.Lexit_gs_read:
	swapgs
.Lexit_gs_restored:
	orq	CONF(cr3_high), %rax
	btrq	$RING1_NMI_NOTE_BIT, %rax
.Lexit_note_in_cf:
	movq	%rax, %cr3
	jnc	.Lexit_note_in_host
	movb	$1, HOST(nmi)
.Lexit_note_in_host:
	movq	%rsp, HOST(frame)
	rdgsbase %rax
	movq	%rax, HOST(guest_gs)
	movq	HOST(gs_base), %rax
	wrgsbase %rax
	lgdt	HOST(gdt_rw)
	movq	HOST(tss_type), %rax
	movb	$TSS_AVAILABLE, (%rax)
	ltr	HOST(tr)
	lgdt	HOST(gdt_ro)
	movq	HOST(sp), %rsp
	lretq

.Lexit_debug:
	movl	$DR7_DISARMED, %eax
	movq	%rax, %dr7
	jmp	.Lexit_swapgs

/*
 * Vectors without an IST stack that always exit. From CPL 0 it is a fault of the
 * switcher's own, which only IRETQ into the guest may raise.
 * In:		RSP at struct ring1_frame_hw.vector
 */
.Linterrupted:
	testb	$SEGMENT_RPL_MASK, NOAX(cs)
	jnz	.Lexit
	pushq	%rax
	leaq	.Lenter_iretq(%rip), %rax
	cmpq	%rax, HW(ip)
	popq	%rax
	jne	.Lfatal
	popq	STACK(fault_vector)
	popq	STACK(fault_error)
	leaq	STACK(enter_ip), %rsp
	pushq	STACK(fault_error)
	pushq	$RING1_EXIT_ENTER_FAULT
	jmp	.Lexit

/*
 * The switcher is broken or the machine is: get to the host with a true frame.
 * In:		RSP at struct ring1_frame_hw.vector, on an IST stack or wherever
 *		the switcher was
 *
 * The GS bases are exchanged between the two SWAPGS of .Lexit, and as long as an NMI
 * is handled that came there. In the guest view, its frame is on our IST stack, and
 * true, as ring 1 has not run since.
 */
.Lfatal:
	pushq	%rax
	orl	$RING1_EXIT_SWITCHER, HW(vector)
	testb	$SEGMENT_RPL_MASK, HW(cs)
	jnz	.Lexit_pushed
	JUMP_UNLESS_IN .Lexit_gs_swapped .Lexit_gs_restored .Lfatal_not_in_exit
	swapgs
	jmp	.Lexit_pushed
.Lfatal_not_in_exit:
	cmpb	$0, VIEW
	jne	.Lexit_pushed
	JUMP_UNLESS_IN .Lnmi_stub .Lnmi_stub_end .Lfatal_not_in_nmi_stub
	jmp	.Lfatal_in_nmi
.Lfatal_not_in_nmi_stub:
	JUMP_UNLESS_IN .Lnmi .Lnmi_end .Lexit_pushed
.Lfatal_in_nmi:
	leaq	.Lexit_gs_swapped(%rip), %rax
	cmpq	%rax, NMI_FRAME(ip)
	jne	.Lexit_pushed
	swapgs
	jmp	.Lexit_pushed

/*
 * #MC and NMI. From the guest they exit. In the switcher:
 *   while entering	turn back (.Labort), the cause in STACK(notes): the guest
 *			does not run before C reads it
 *   elsewhere		#MC: .Lfatal; NMI: go on, and leave a note where ring 1
 *			cannot forge one, for C to find in HOST(nmi):
 *     guest view	a bit of KERNEL_GS_BASE, which .Lexit reads; while it is
 *			exchanged, of GS base; once read, of RAX; then in CF. By
 *			MSR: a SWAPGS here would be one more stretch that .Lfatal
 *			must know
 *     host view	HOST(nmi) itself; in world.S, up to its LIDT, as well
 *   on a bounce	besides, a hint in STACK(notes), so that .Ltail exits
 *   in .Ltail		besides, repeat its test
 * In:		IST stack, RSP at struct ring1_frame_hw.vector; CR3, GS, GDT and
 *		TSS either world's
 * IRETQ unmasks NMIs; another one finds the same places.
 *
 * The host's TSS leads to the host's NMI stack. What asm_exc_nmi() keeps in the two
 * words below the frame, its "NMI executing" among them, is not live outside of an
 * NMI; it compares that word with 1, and the stub leaves its vector, 2, there.
 */
.Lmachine_check:
	testb	$SEGMENT_RPL_MASK, NOAX(cs)
	jnz	.Lexit
	pushq	%rax
	JUMP_UNLESS_IN ring1_text_enter ring1_text_enter_end .Lmachine_check_fatal
	orb	$RING1_NOTE_MC, STACK(notes)
	jmp	.Lturn_back
.Lmachine_check_fatal:
	popq	%rax
	jmp	.Lfatal

.Lnmi:
	testb	$SEGMENT_RPL_MASK, NOAX(cs)
	jnz	.Lexit
	pushq	%rax
	orb	$RING1_NOTE_NMI, STACK(notes)
	JUMP_UNLESS_IN ring1_text_enter ring1_text_enter_end .Lnmi_not_entering
.Lturn_back:
	movq	HW(ip), %rax
	movq	%rax, STACK(lost_ip)
	leaq	.Labort(%rip), %rax
	movq	%rax, HW(ip)
	jmp	.Lnmi_return

.Lnmi_not_entering:
	JUMP_UNLESS_IN .Lexit_gs_read .Lexit_note_in_cf .Lnmi_not_in_rax
	btsq	$RING1_NMI_NOTE_BIT, HW(ax)
	jmp	.Lnmi_return
.Lnmi_not_in_rax:
	JUMP_UNLESS_IN .Lexit_note_in_cf .Lexit_note_in_host .Lnmi_not_in_cf
	orl	$X86_EFLAGS_CF, HW(flags)
	jmp	.Lnmi_return
.Lnmi_not_in_cf:
	cmpb	$0, VIEW
	je	.Lnmi_guest_view
	movb	$1, HOST(nmi)
	jmp	.Lnmi_return
.Lnmi_guest_view:
	leaq	.Lexit_gs_swapped(%rip), %rax
	cmpq	%rax, HW(ip)
	je	.Lnmi_gs_swapped
	pushq	%rcx
	pushq	%rdx
	movl	$MSR_KERNEL_GS_BASE, %ecx
	rdmsr
	btsl	$RING1_NMI_NOTE_BIT, %eax
	wrmsr
	popq	%rdx
	popq	%rcx
	JUMP_UNLESS_IN .Ltail .Ltail_end .Lnmi_return
	leaq	.Ltail(%rip), %rax
	movq	%rax, HW(ip)
	jmp	.Lnmi_return
.Lnmi_gs_swapped:
	rdgsbase %rax
	btsq	$RING1_NMI_NOTE_BIT, %rax
	wrgsbase %rax
.Lnmi_return:
	popq	%rax
	addq	$16, %rsp				/* vector, error */
	iretq
.Lnmi_end:

/*
 * #DB. In ring 0 it follows a MOV SS in ring 1 or 3 that held it back over
 * SYSCALL or INT, or SYSENTER with TF set, which is the one case where a flag is
 * at stake. DR6 is reset, so that a later #DB is not taken for this one.
 * In:		IST stack, RSP at struct ring1_frame_hw.vector
 */
.Ldebug:
	testb	$SEGMENT_RPL_MASK, NOAX(cs)
	jnz	.Lexit
	pushq	%rax
	movl	$DR6_CLEARED, %eax
	movq	%rax, %dr6
	btrl	$X86_EFLAGS_TF_BIT, HW(flags)
	jnc	.Lnmi_return				/* a breakpoint, at whatever RIP */
	leaq	ring1_text_sysenter(%rip), %rax
	cmpq	%rax, HW(ip)
	jne	.Lnmi_return
	leaq	.Lsysenter_tf(%rip), %rax
	movq	%rax, HW(ip)
	jmp	.Lnmi_return

/*
 * Exceptions that are the guest user's own, and INT 0x80 unless the vector is a
 * device's of the host: into the guest kernel, which finds the frame in the shared page.
 * In:		RSP at struct ring1_frame_hw.vector, on the entry stack
 * Out:		ring 1 at entry_user, GS the guest kernel's, RSP as it was
 */
.Lint80:
	cmpb	$0, CONF(int80)
	je	.Linterrupted
.Lbounce:
	testb	$2, NOAX(cs)				/* RPL 3, not 0 or 1 */
	jz	.Linterrupted
	cmpb	$0, CONF(bounce)
	je	.Lexit
	pushq	%rax
	jmp	.Lbounce_pushed

/*
 * #PF of ring 3 in the lower half: into the guest kernel as well, which looks at its own
 * tables; if it takes the monitor, pf_exit sends the next one there. A hypervisor above
 * the host makes async page faults without U in their error code, with a token for an
 * address. Those exit, and so do protection keys and reserved bits.
 * In:		RSP at struct ring1_frame_hw.vector, on the entry stack
 */
.Lpf:
	testb	$2, NOAX(cs)				/* RPL 3, not 0 or 1 */
	jz	.Linterrupted
	cmpb	$0, CONF(bounce_pf)			/* if set, SHARED is there */
	je	.Lexit
	cmpl	$0, SHARED(RING1_PAGE_PF_EXIT)
	jne	.Lexit
	pushq	%rax
	movl	HW(error), %eax
	andl	$~PF_MAY_BE, %eax
	cmpl	$PF_USER, %eax
	jne	.Lexit_ax_pushed
	movq	%cr2, %rax
	testq	%rax, %rax
	js	.Lexit_ax_pushed
	movq	%rax, FRAME(PAYLOAD)
.Lbounce_pushed:
	movq	HW(ip), %rax
	movq	%rax, FRAME(IP)
	movq	HW(cs), %rax
	movq	%rax, FRAME(CS)
	movq	HW(flags), %rax
	movq	%rax, FRAME(FLAGS)
	movq	HW(sp), %rax
	movq	%rax, FRAME(SP)
	movq	HW(ss), %rax
	movq	%rax, FRAME(SS)
	movl	HW(error), %eax
	movl	%eax, FRAME(ERROR)
	movl	HW(vector), %eax
	movl	%eax, FRAME(VECTOR)
	movq	$1, FRAME(BUSY)
	rdgsbase %rax
	movq	%rax, SHARED(RING1_PAGE_USER_GS)
	movq	CONF(kernel_gs), %rax
	wrgsbase %rax
	movq	CONF(entry_user), %rax
	movq	%rax, HW(ip)
	movq	$RING1_CS, HW(cs)
	movq	$ENTRY_FLAGS, HW(flags)
	movq	$RING1_SS, HW(ss)
	popq	%rax
	addq	$16, %rsp				/* vector, error */

/*
 * Last step of every bounce, and of a hypercall without an exit.
 * In:		RSP at an IRETQ frame to ring 1, all GPRs final
 * An NMI that came since the way in must exit now, not at the next timer tick;
 * one that comes in here starts it over.
 */
.Ltail:
	cmpb	$0, STACK(notes)
	jne	.Ltail_nmi
	iretq
.Ltail_end:
.Ltail_nmi:
	pushq	$0					/* error */
	pushq	$RING1_EXIT_NMI_PENDING
	jmp	.Lexit

/*
 * SYSCALL from 64-bit code, ring 3 or ring 1. The processor does not tell which;
 * the return address in RCX does: ring 3 cannot execute in the upper half,
 * because the guest root clears U/S there (mmu.c).
 * In:		RCX, R11 from the processor; RSP the caller's
 */
SYM_INNER_LABEL(ring1_text_syscall64, SYM_L_GLOBAL)
	movq	%rsp, STACK(user_sp)
	testq	%rcx, %rcx
	js	.Lhypercall
	cmpb	$0, CONF(bounce)
	je	.Lsyscall64_exit
.macro BOUNCE_SYSCALL entry
	rdgsbase %rsp
	movq	%rsp, SHARED(RING1_PAGE_USER_GS)
	movq	CONF(kernel_gs), %rsp
	wrgsbase %rsp
	leaq	STACK(top), %rsp
	pushq	$RING1_SS
	pushq	STACK(user_sp)
	pushq	$ENTRY_FLAGS
	pushq	$RING1_CS
	pushq	\entry
	jmp	.Ltail
.endm
	BOUNCE_SYSCALL CONF(entry_syscall64)

.macro SYSCALL_FRAME ss cs
	leaq	STACK(top), %rsp
	pushq	$\ss
	pushq	STACK(user_sp)
	pushq	%r11
	pushq	$\cs
	pushq	%rcx
.endm
.macro SYSCALL_EXIT ss cs reason
	SYSCALL_FRAME \ss, \cs
	pushq	$0					/* error */
	pushq	$\reason
	jmp	.Lexit
.endm
.Lsyscall64_exit:
	SYSCALL_EXIT __USER_DS, __USER_CS, RING1_EXIT_SYSCALL64

/*
 * Hypercalls exit, but for three with the own MMU: CR3 and translations. The frame is for
 * IRETQ and for an exit alike. Its flags are those that SYSCALL found, so TF traps where it
 * does behind an exit.
 * In:		as above, from ring 1
 * Out:		ring 1 behind its SYSCALL, RAX 0, RCX lost
 */
.Lhypercall:
	SYSCALL_FRAME RING1_SS, RING1_CS
	cmpb	$0, CONF(own_mmu)
	je	.Lhypercall_exit
	cmpq	$RING1_HC_INVLPG, %rax
	ja	.Lhypercall_exit
	je	.Linvlpg
	cmpq	$RING1_HC_WRITE_CR3, %rax
	je	.Lroot
	cmpq	$RING1_HC_FLUSH_TLB, %rax
	je	.Lflush
.Lhypercall_exit:
	pushq	$0					/* error */
	pushq	$RING1_EXIT_HYPERCALL
	jmp	.Lexit

/*
 * A root that C has made: the tag is its whole address, so that a flag or an address of
 * no root misses. What is empty has tag 0; an RDI of 0 does not get to the comparison. A
 * miss is an ordinary hypercall. Slot 256 is the same in all of the vCPU's roots. An NMI
 * behind the write of CR3 makes .Ltail exit as one on a bounce does: the call is done.
 */
.Lroot:
	movq	%rdi, %rax
	shrq	$ROOT_SLOT_SHIFT, %rax
	jz	.Lroot_miss
	andl	$ROOT_SLOT_MASK, %eax
	leaq	IN_PAGE(RING1_PG_ROOTS, 0), %rcx
	cmpq	%rdi, (%rcx, %rax)			/* tag */
	jne	.Lroot_miss
	movq	8(%rcx, %rax), %rax			/* cr3 */
	movq	%rax, %cr3
	xorl	%eax, %eax
	jmp	.Ltail
.Lroot_miss:
	movl	$RING1_HC_WRITE_CR3, %eax
	jmp	.Lhypercall_exit

/* CR4.PGE is off: no translation is global. */
.Lflush:
	movq	%cr3, %rax
	movq	%rax, %cr3
	xorl	%eax, %eax
	jmp	.Ltail

/*
 * INVLPG takes any address and reads nothing there: one that is not canonical makes it a
 * NOP, one in slot 256 costs the next walk of tables that are as they were. It forgets
 * what the current PCID has, the guest world's, and global entries; there are none.
 */
.Linvlpg:
	invlpg	(%rdi)
	xorl	%eax, %eax
	jmp	.Ltail

/* SYSCALL from 32-bit code: ring 3 only, as ring 1 has no 32-bit segment. */
SYM_INNER_LABEL(ring1_text_syscall32, SYM_L_GLOBAL)
	movq	%rsp, STACK(user_sp)
	cmpb	$0, CONF(bounce)
	je	.Lsyscall32_exit
	BOUNCE_SYSCALL CONF(entry_syscall32)
.Lsyscall32_exit:
	SYSCALL_EXIT __USER_DS, __USER32_CS, RING1_EXIT_SYSCALL32

/*
 * SYSENTER, from ring 3 or ring 1; nobody can tell which, and to the guest it is
 * its user's either way. It changes no flag but IF and VM: TF, NT, AC and DF are
 * the caller's until POPF. With TF the #DB comes before the first instruction,
 * and .Ldebug goes on at .Lsysenter_tf.
 * In:		RSP at STACK(top), from the MSR
 */
SYM_INNER_LABEL(ring1_text_sysenter, SYM_L_GLOBAL)
	pushfq
.Lsysenter_flags:
	pushq	$X86_EFLAGS_FIXED
	popfq
	cmpb	$0, CONF(bounce)
	je	.Lsysenter_exit
	popq	FRAME(FLAGS)
	movq	%rsp, STACK(user_sp)
	BOUNCE_SYSCALL CONF(entry_sysenter32)
.Lsysenter_tf:
	pushfq
	orl	$X86_EFLAGS_TF, (%rsp)
	jmp	.Lsysenter_flags
.Lsysenter_exit:
	popq	STACK(user_sp)				/* flags */
	pushq	$__USER_DS
	pushq	$0					/* nobody recorded RSP */
	pushq	STACK(user_sp)
	pushq	$__USER32_CS
	pushq	$0					/* nor RIP */
	pushq	$0					/* error */
	pushq	$RING1_EXIT_SYSENTER
	jmp	.Lexit

	/* An error here: the text does not fit its pages. */
	.org	.Ltext + RING1_NR_TEXT_PAGES * 4096, 0xcc
SYM_DATA_END_LABEL(ring1_text_start, SYM_L_GLOBAL, ring1_text_end)
