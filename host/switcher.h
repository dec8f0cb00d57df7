/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pages in PML4 slot 256 that exist in both worlds: where they are, what is
 * in them and who may write them. switcher.S, the C code that fills the pages
 * and Documentation/switcher.rst share these definitions. What the code does
 * with them is switcher.S's business.
 *
 * Each vCPU has a region of its own. All regions of a process stand side by side
 * in the host view; the guest view of a vCPU holds its own region and no other.
 */
#ifndef _RING1_SWITCHER_H
#define _RING1_SWITCHER_H

#include "ring1_abi.h"

#define RING1_SLOT		256
#define RING1_SLOT_BASE		0xffff800000000000
#define RING1_REGION_SIZE	0x200000

/*
 * Pages of a region. "ro" pages are read-only in the guest view and writable in
 * the host view; "rw" pages are writable in both, but that the host view lacks the
 * shared page; in place of the host page the guest view has the host's page of zeros.
 */
#define RING1_PG_TEXT		0	/* code: read-only in both views */
#define RING1_NR_TEXT_PAGES	2
#define RING1_PG_IDT		2	/* ro */
#define RING1_PG_DESC		3	/* ro: GDT and TSS */
#define RING1_PG_CONF		4	/* ro: struct ring1_conf */
#define RING1_PG_STACK		5	/* rw: struct ring1_stack */
#define RING1_PG_IST		6	/* rw: stacks of #DF, NMI, #DB and #MC */
#define RING1_PG_SHARED		7	/* rw: alias of the guest's struct ring1_vcpu_page */
#define RING1_PG_HOST		8	/* host view: struct ring1_host; guest view: zeros, ro */
#define RING1_PG_ROOTS		9	/* ro: struct ring1_root_slot[RING1_NR_ROOT_SLOTS] */
#define RING1_NR_PAGES		10

/*
 * Reasons for an exit. 0-255 are hardware vectors; the flag marks a fault of the
 * switcher itself, after which the guest's registers are lost.
 */
#define RING1_EXIT_HYPERCALL	0x100	/* SYSCALL from the upper half */
#define RING1_EXIT_SYSCALL64	0x101	/* SYSCALL from 64-bit user code, no bounce */
#define RING1_EXIT_SYSCALL32	0x102	/* SYSCALL from 32-bit user code, no bounce */
#define RING1_EXIT_SYSENTER	0x103	/* SYSENTER, no bounce */
#define RING1_EXIT_ABORT	0x104	/* NMI or #MC while entering; guest untouched */
#define RING1_EXIT_ENTER_FAULT	0x105	/* IRETQ into the guest faulted */
#define RING1_EXIT_NMI_PENDING	0x106	/* NMI during a bounce */
#define RING1_EXIT_EMULATE	0x107	/* made in C: not a mode the world can run */
#define RING1_EXIT_HANDLED	0x108	/* made in C: nothing left to do */
#define RING1_EXIT_SWITCHER	0x200	/* flag: vector raised at CPL 0 */

/* Notes in struct ring1_stack.notes of what hit the switcher. */
#define RING1_NOTE_NMI		1
#define RING1_NOTE_MC		2

/*
 * KERNEL_GS_BASE holds the host's CR3 as far as an address of the lower half goes.
 * One bit of it, which no CR3 of the host's has, notes that an NMI hit the switcher:
 * Linux's PCIDs are below 16, or that with bit 11.
 */
#define RING1_GS_CR3_BITS	47
#define RING1_NMI_NOTE_BIT	10

/* Roots that a vCPU can switch between without an exit; the slot is GPA bits 19:12. */
#define RING1_NR_ROOT_SLOTS	256

/* MSRs that can be parked at a time: PEBS_ENABLE, DEBUGCTL, and some of perf's. */
#define RING1_NR_PARKED		8

/* Stub of vector n: this many bytes from the start of the text. */
#define RING1_STUB_SIZE		16

/* The guest world's GDT; 2 to 6 and 12 to 15 are where Linux has them. */
#define RING1_GDT_ENTRIES	18
#define RING1_GDT_TSS		8

/* IST numbers as in the host, so that either TSS serves either IDT. */
#define RING1_IST_DF		1
#define RING1_IST_NMI		2
#define RING1_IST_DB		3
#define RING1_IST_MC		4
#define RING1_IST_SIZE		1024

/* Offsets into the page RING1_PG_DESC. */
#define RING1_DESC_GDT		0
#define RING1_DESC_TSS		1024

#ifndef __ASSEMBLY__

#include <linux/bits.h>
#include <asm/desc_defs.h>

struct ring1_pseudo_desc {
	u16	limit;
	u64	base;
} __packed;

/**
 * struct ring1_conf - what the switcher reads in the guest world
 * @idt:	operand of LIDT
 * @gdt:	operand of LGDT
 * @tr:		operand of LTR
 * @bounce:	not 0: PV vCPU that no VMM debugs; system calls and exceptions of the
 *		user bounce
 * @int80:	not 0: vector 0x80 is INT 0x80, not an interrupt of the host's
 * @debug:	not 0: load @dr7 on enter, disarm it on exit
 * @segments:	not 0: load the selectors and FS base on enter
 * @parked:	not 0: park what struct ring1_host lists on enter; tested with @segments
 * @own_mmu:	not 0: write_cr3(), flush_tlb() and invlpg() are answered here
 * @bounce_pf:	not 0: #PF of ring 3 bounces
 * @cr3:	root of the guest world to enter with
 * @cr3_high:	the host's CR3 from bit 47 up, bit 63 (no flush) included
 * @dr7:	guest's DR7
 * @kernel_gs:	from struct ring1_setup
 * @entry_user:	"
 * @entry_syscall64: "
 * @entry_syscall32: "
 * @entry_sysenter32: "
 */
struct ring1_conf {
	struct ring1_pseudo_desc idt;
	struct ring1_pseudo_desc gdt;
	u16	tr;
	u8	bounce;
	u8	int80;
	u8	debug;
	u8	segments;
	u8	parked;
	u8	own_mmu;
	u8	bounce_pf;
	u64	cr3;
	u64	cr3_high;
	u64	dr7;
	u64	kernel_gs;
	u64	entry_user;
	u64	entry_syscall64;
	u64	entry_syscall32;
	u64	entry_sysenter32;
};

/**
 * struct ring1_root_slot - a root that write_cr3() finds
 * @tag:	its guest physical address; 0: none
 * @cr3:	the private root's CR3 value
 */
struct ring1_root_slot {
	u64	tag;
	u64	cr3;
};

/**
 * struct ring1_stack - the entry stack; ring 1 may write all of it
 * @notes:	RING1_NOTE_*; true after an aborted entry, else a hint
 * @user_sp:	RSP across the first instructions of the SYSCALL entry
 * @fault_vector: why IRETQ into the guest failed
 * @fault_error: "
 * @lost_ip:	where an NMI or #MC stopped an entry, for the report
 * @park_cx:	in, if conf.parked: RCX to enter with
 * @park_dx:	RDX, likewise
 * @cr3:	out: CR3 of the guest world at exit, but with RING1_EXIT_SWITCHER
 * @stack:	for what is pushed on the way in, from the end of the page down over @enter
 * @enter:	top of the stack: what enter pops, ending in an IRETQ frame
 */
struct ring1_stack {
	u64	notes;
	u64	user_sp;
	u64	fault_vector;
	u64	fault_error;
	u64	lost_ip;
	u64	park_cx;
	u64	park_dx;
	u64	cr3;
	u8	stack[PAGE_SIZE - 15 * 8];
	struct {
		u64	gs_base;
		u64	ax;
		u64	ip;
		u64	cs;
		u64	flags;
		u64	sp;
		u64	ss;
	} enter;
};

static_assert(sizeof(struct ring1_stack) == PAGE_SIZE);
static_assert(offsetof(struct ring1_conf, parked) == offsetof(struct ring1_conf, segments) + 1);

/**
 * struct ring1_frame_hw - what an exit leaves on the stack it came in by
 * @ax:		RAX, pushed by the exit path
 * @vector:	pushed by the stub
 * @error:	pushed by the processor or the stub
 * @ip:		pushed by the processor, or made to look so
 * @cs:		"
 * @flags:	"
 * @sp:		"
 * @ss:		"
 */
struct ring1_frame_hw {
	u64	ax;
	u64	vector;
	u64	error;
	u64	ip;
	u64	cs;
	u64	flags;
	u64	sp;
	u64	ss;
};

/**
 * struct ring1_park - an MSR that is not the host's in the guest world
 * @msr:	in: index; 0 behind the last one
 * @saved:	@host_low and @host_high are valid, and to be written on exit
 * @guest_low:	in: value in the guest world
 * @guest_high:	"
 * @host_low:	value that was found on enter
 * @host_high:	"
 */
struct ring1_park {
	u32	msr;
	u32	saved;
	u32	guest_low;
	u32	guest_high;
	u32	host_low;
	u32	host_high;
};

/**
 * struct ring1_host - the host's side of a switch; never in the guest view
 * @view:	1; the guest view has 0 there
 * @sp:		host stack, a far return address on top
 * @frame:	out: where struct ring1_frame_hw is: in the region, unless .Lfatal ran on
 *		a stack of the host's
 * @guest_gs:	out: GS base at exit
 * @nmi:	out: an NMI hit the switcher since C cleared it
 * @guest_fs:	in, if conf.segments: FS base to enter with
 * @gs_base:	host's GS base on this CPU
 * @gdt_rw:	operand of LGDT: the writable alias, LTR sets a bit in it
 * @gdt_ro:	operand of LGDT: the alias the host runs on
 * @idt:	operand of LIDT
 * @tr:		operand of LTR
 * @tss_type:	address of the byte that says "busy" in the host's TSS descriptor
 * @ds:		in, if conf.segments: selectors to enter with
 * @es:		"
 * @fs:		"
 * @gs:		"
 * @park:	in, if conf.parked: MSRs to park
 */
struct ring1_host {
	u64	view;
	u64	sp;
	u64	frame;
	u64	guest_gs;
	u64	nmi;
	u64	guest_fs;
	u64	gs_base;
	struct ring1_pseudo_desc gdt_rw;
	struct ring1_pseudo_desc gdt_ro;
	struct ring1_pseudo_desc idt;
	u16	tr;
	u64	tss_type;
	u16	ds;
	u16	es;
	u16	fs;
	u16	gs;
	struct ring1_park park[RING1_NR_PARKED];
};

/* The text, as it stands in the module before it is copied. */
extern const char ring1_text_start[], ring1_text_end[];
extern const char ring1_text_enter[], ring1_text_enter_end[];
extern const char ring1_text_syscall64[], ring1_text_syscall32[], ring1_text_sysenter[];

static inline unsigned long ring1_text_offset(const char *label)
{
	return label - ring1_text_start;
}

#endif /* __ASSEMBLY__ */
#endif /* _RING1_SWITCHER_H */
