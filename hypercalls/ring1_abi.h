/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The interface between a ring-1 guest kernel and the monitor, except for the
 * hypercall numbers, which hypercalls.tbl owns: the calling convention, the
 * selectors of the guest world and the page a PV vCPU shares with the monitor.
 * C and assembly include it; offsets that assembly needs are written down here
 * and asserted against the structures below.
 *
 * Calling convention: SYSCALL from the upper half of the address space. RAX is
 * the number and the result; RDI, RSI, RDX, R10 and R8 are the arguments. RCX
 * and R11 are lost; every other register is preserved unless the table names it
 * as an output. Results are values or negative error numbers.
 */
#ifndef _RING1_ABI_H
#define _RING1_ABI_H

/* The monitor serves guests of all versions up to its own. */
#define RING1_ABI_VERSION	2

/* Selectors that stand in CS and SS while the guest kernel runs. */
#define RING1_GDT_CS		16
#define RING1_GDT_SS		17
#define RING1_CS		(RING1_GDT_CS * 8 + 1)
#define RING1_SS		(RING1_GDT_SS * 8 + 1)

/* GDT entries the guest may write: three TLS slots and the CPU number. */
#define RING1_GDT_TLS		12
#define RING1_GDT_CPUNODE	15

/* shutdown(): reasons */
#define RING1_SHUTDOWN_POWEROFF	0
#define RING1_SHUTDOWN_RESET	1
#define RING1_SHUTDOWN_CRASH	2

/* features(0) */
#define RING1_FEATURE_BOUNCE_PF	1	/* #PF of ring 3 may bounce: RING1_SETUP_BOUNCE_PF */
#define RING1_FEATURE_OWN_MMU	2	/* mmu_register(), mmu_sync(), mmu_forget() */

/* mmu_sync(): @access is 0, or this and #PF's error bits W, U and I. */
#define RING1_ACCESS_VALID	0x80000000

/* struct ring1_setup.flags */
#define RING1_SETUP_BOUNCE_PF	1

/* iret(): flags in struct ring1_iret_frame */
#define RING1_IRET_UNMASK_NMI	1

/*
 * Event classes. Each has one frame and, except for normal events, an entry
 * point that must not rely on the interrupted stack.
 */
#define RING1_EVENT_NORMAL	0
#define RING1_EVENT_DB		1
#define RING1_EVENT_NMI		2
#define RING1_EVENT_MC		3
#define RING1_EVENT_DF		4
#define RING1_NR_EVENTS		5

/* Offsets into struct ring1_frame and struct ring1_vcpu_page. */
#define RING1_FRAME_IP		0
#define RING1_FRAME_CS		8
#define RING1_FRAME_FLAGS	16
#define RING1_FRAME_SP		24
#define RING1_FRAME_SS		32
#define RING1_FRAME_ERROR	40
#define RING1_FRAME_VECTOR	44
#define RING1_FRAME_PAYLOAD	48
#define RING1_FRAME_BUSY	56
#define RING1_FRAME_SIZE	64

#define RING1_PAGE_VIF		0
#define RING1_PAGE_PENDING	4
#define RING1_PAGE_USER_GS	8
#define RING1_PAGE_PF_EXIT	16
#define RING1_PAGE_FRAMES	64
#define RING1_PAGE_FRAME(class)	(RING1_PAGE_FRAMES + (class) * RING1_FRAME_SIZE)
#define RING1_PAGE_SETUP	512
#define RING1_PAGE_SAVED	1024
#define RING1_PAGE_MMU_OP	2048
#define RING1_NR_MMU_OPS	64

#ifndef __ASSEMBLY__

#include <linux/types.h>

/**
 * struct ring1_frame - one event on its way into the guest kernel
 * @ip:		interrupted instruction
 * @cs:		its code segment, RPL 0 for the guest kernel and 3 for its user
 * @flags:	RFLAGS, with the virtual interrupt flag in IF
 * @sp:		interrupted stack
 * @ss:		its stack segment, RPL as in @cs
 * @error:	error code, or 0 where the vector has none
 * @vector:	vector of the event
 * @payload:	CR2 with #PF, DR6 with #DB, else undefined
 * @busy:	not 0 from the moment the frame is filled until the guest clears
 *		it. An exception that finds the normal frame busy becomes #DF;
 *		interrupts wait.
 */
struct ring1_frame {
	__u64	ip;
	__u64	cs;
	__u64	flags;
	__u64	sp;
	__u64	ss;
	__u32	error;
	__u32	vector;
	__u64	payload;
	__u64	busy;
};

/**
 * struct ring1_restart_range - guest kernel code that the monitor starts over
 * @start:	first instruction, where the last test of @pending begins
 * @end:	first instruction behind the range
 *
 * A way out of the kernel. An interrupt that arrives in the range is announced in
 * @pending, the instruction pointer goes back to @start and GS gets the kernel's
 * base; NMI, #DB and #MC are delivered as if they had hit @start. So the code must
 * be repeatable from any of its instructions. Other exceptions are its own.
 */
struct ring1_restart_range {
	__u64	start;
	__u64	end;
};

/**
 * struct ring1_setup - what the guest tells at vcpu_register()
 * @abi_version:	of the guest: 1 to RING1_ABI_VERSION
 * @flags:		RING1_SETUP_*, zero in version 1
 * @kernel_gs:		GS base of the guest kernel on this vCPU
 * @entry_user:		events from ring 3, except NMI and #MC
 * @entry_kernel:	normal events from ring 1
 * @entry_db:		#DB from ring 1
 * @entry_nmi:		NMI, from both rings
 * @entry_mc:		#MC, from both rings
 * @entry_df:		#DF, from both rings
 * @entry_syscall64:	SYSCALL from 64-bit user code
 * @entry_syscall32:	SYSCALL from 32-bit user code
 * @entry_sysenter32:	SYSENTER
 * @restart:		ways back to ring 3 and to ring 1; empty where start == end
 *
 * All addresses are canonical and, except for @kernel_gs, in the upper half.
 * Copied once; later changes of the page do not matter.
 */
struct ring1_setup {
	__u32				abi_version;
	__u32				flags;
	__u64				kernel_gs;
	__u64				entry_user;
	__u64				entry_kernel;
	__u64				entry_db;
	__u64				entry_nmi;
	__u64				entry_mc;
	__u64				entry_df;
	__u64				entry_syscall64;
	__u64				entry_syscall32;
	__u64				entry_sysenter32;
	struct ring1_restart_range	restart[2];
};

/* struct ring1_saved.flags */
#define RING1_SAVED_MMU		1	/* @kernel_root, @live, @nr_gfns: as for mmu_register() */

/**
 * struct ring1_saved - what a VMM's copy of a PV vCPU needs beside its registers
 * @flags:	RING1_SAVED_*
 * @reserved:	zero
 * @setup:	of the registration
 * @desc:	descriptors from RING1_GDT_TLS to RING1_GDT_CPUNODE
 * @kernel_root: of the own MMU
 * @live:	"
 * @nr_gfns:	"
 *
 * The monitor writes it when the VMM reads the MSRs, and reads it when the VMM writes them.
 * Nothing here is more than the guest could ask for by hypercalls.
 */
struct ring1_saved {
	__u32			flags;
	__u32			reserved;
	struct ring1_setup	setup;
	__u64			desc[RING1_GDT_CPUNODE - RING1_GDT_TLS + 1];
	__u64			kernel_root;
	__u64			live;
	__u64			nr_gfns;
};

/**
 * struct ring1_vcpu_page - the page a PV vCPU shares with the monitor
 * @vif:	virtual interrupt flag of the guest kernel: X86_EFLAGS_IF or 0.
 *		In ring 3 it is implied to be set, whatever stands here. Entry
 *		points are reached with 0.
 * @pending:	set by the monitor when an event waits for @vif; a guest that
 *		sets @vif calls irq_poll() when it finds this not 0
 * @user_gs:	GS base of ring 3 while the guest kernel runs
 * @pf_exit:	not 0: the next #PF of ring 3 exits, which sets it to 0. The guest or
 *		the monitor sets it where only the monitor can do something about the
 *		fault. It decides who looks first, nothing else
 * @reserved:	of a later version
 * @reserved0:	"
 * @frame:	one frame per event class
 * @reserved1:	of a later version
 * @setup:	read by vcpu_register()
 * @reserved2:	of a later version
 * @saved:	the monitor's, for VMMs that save and restore the vCPU
 * @reserved3:	of a later version
 * @mmu_op:	operations for mmu_sync(), RING1_MMU_OP()
 */
struct ring1_vcpu_page {
	__u32			vif;
	__u32			pending;
	__u64			user_gs;
	__u32			pf_exit;
	__u32			reserved;
	__u64			reserved0[5];
	struct ring1_frame	frame[RING1_NR_EVENTS];
	__u64			reserved1[16];
	struct ring1_setup	setup;
	__u64			reserved2[(RING1_PAGE_SAVED - RING1_PAGE_SETUP -
					   sizeof(struct ring1_setup)) / 8];
	struct ring1_saved	saved;
	__u64			reserved3[(RING1_PAGE_MMU_OP - RING1_PAGE_SAVED -
					   sizeof(struct ring1_saved)) / 8];
	__u64			mmu_op[RING1_NR_MMU_OPS];
};

/* @nr entries of a page table, from the one at guest physical address @gpa on. */
#define RING1_MMU_OP(gpa, nr)	((gpa) | (__u64)((nr) - 1) << 52)
#define RING1_MMU_OP_GPA(op)	((op) & 0x000ffffffffffff8)
#define RING1_MMU_OP_NR(op)	(((op) >> 52 & 0x1ff) + 1)

/**
 * struct ring1_iret_frame - what iret() finds at RSP
 * @iret_flags:	RING1_IRET_*, other bits zero
 * @r11:	register values to return with
 * @rcx:	"
 * @rax:	"
 * @ip:		the frame IRETQ takes; CS and SS with RPL 0 or 1 both mean the guest
 * @cs:		kernel, and @flags.IF becomes the virtual interrupt flag
 * @flags:	"
 * @sp:		"
 * @ss:		"
 */
struct ring1_iret_frame {
	__u64	iret_flags;
	__u64	r11;
	__u64	rcx;
	__u64	rax;
	__u64	ip;
	__u64	cs;
	__u64	flags;
	__u64	sp;
	__u64	ss;
};

#define RING1_ASSERT_OFFSET(type, member, offset)			\
	_Static_assert(__builtin_offsetof(struct type, member) == (offset), \
		       #type "." #member)

RING1_ASSERT_OFFSET(ring1_frame, ip, RING1_FRAME_IP);
RING1_ASSERT_OFFSET(ring1_frame, cs, RING1_FRAME_CS);
RING1_ASSERT_OFFSET(ring1_frame, flags, RING1_FRAME_FLAGS);
RING1_ASSERT_OFFSET(ring1_frame, sp, RING1_FRAME_SP);
RING1_ASSERT_OFFSET(ring1_frame, ss, RING1_FRAME_SS);
RING1_ASSERT_OFFSET(ring1_frame, error, RING1_FRAME_ERROR);
RING1_ASSERT_OFFSET(ring1_frame, vector, RING1_FRAME_VECTOR);
RING1_ASSERT_OFFSET(ring1_frame, payload, RING1_FRAME_PAYLOAD);
RING1_ASSERT_OFFSET(ring1_frame, busy, RING1_FRAME_BUSY);
_Static_assert(sizeof(struct ring1_frame) == RING1_FRAME_SIZE, "ring1_frame");
RING1_ASSERT_OFFSET(ring1_vcpu_page, vif, RING1_PAGE_VIF);
RING1_ASSERT_OFFSET(ring1_vcpu_page, pending, RING1_PAGE_PENDING);
RING1_ASSERT_OFFSET(ring1_vcpu_page, user_gs, RING1_PAGE_USER_GS);
RING1_ASSERT_OFFSET(ring1_vcpu_page, pf_exit, RING1_PAGE_PF_EXIT);
RING1_ASSERT_OFFSET(ring1_vcpu_page, mmu_op, RING1_PAGE_MMU_OP);
RING1_ASSERT_OFFSET(ring1_vcpu_page, frame, RING1_PAGE_FRAMES);
RING1_ASSERT_OFFSET(ring1_vcpu_page, setup, RING1_PAGE_SETUP);
RING1_ASSERT_OFFSET(ring1_vcpu_page, saved, RING1_PAGE_SAVED);
_Static_assert(sizeof(struct ring1_vcpu_page) <= 4096, "ring1_vcpu_page");

#endif /* __ASSEMBLY__ */
#endif /* _RING1_ABI_H */
