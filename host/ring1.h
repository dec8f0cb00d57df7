/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The monitor's own types, and what each file offers to the others, under the
 * name of the file that defines it. A file calls those above its own name, and no
 * other. The interface to the guest is ring1_abi.h.
 */
#ifndef _RING1_H
#define _RING1_H

#include <linux/kvm_host.h>
#include "kvm_cache_regs.h"
#include "ring1-hypercalls.h"
#include "switcher.h"

/* A PCID no Linux host gives to a process: those are small, or have bit 11 set. */
#define RING1_GUEST_PCID	0x400

/* Checks for whoever works on the module (Kconfig): too dear for each enter otherwise. */
#define ring1_debug		IS_ENABLED(CONFIG_KVM_RING1_DEBUG)
#define ring1_assert(condition)	WARN_ON_ONCE(ring1_debug && !(condition))

/* RFLAGS that IRET and SYSRET load from a kernel's image. */
#define RING1_IRET_RFLAGS \
	(X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF | X86_EFLAGS_ZF | X86_EFLAGS_SF | \
	 X86_EFLAGS_TF | X86_EFLAGS_IF | X86_EFLAGS_DF | X86_EFLAGS_OF | X86_EFLAGS_NT | \
	 X86_EFLAGS_RF | X86_EFLAGS_AC | X86_EFLAGS_ID | X86_EFLAGS_IOPL)

struct ring1_mmu;
struct ring1_region;
struct ring1_root_slot;
struct ring1_twin;

/* In one VM of a process, or in all of them: what KVM_CAP_MAX_VCPUS promises. */
#define RING1_NR_REGIONS	round_up(KVM_MAX_VCPUS, PTRS_PER_PMD)

/**
 * struct ring1_mm - slot 256 of one VMM process
 * @list:	in the list of all (region.c)
 * @mm:		whose PGD holds the slot; counted
 * @vms:	VMs of the process
 * @pud:	table the PGD entry points to
 * @pmd:	tables its first entries point to, side by side: one entry a region
 * @used:	regions that a vCPU has
 * @region:	all that there are, from the first on; those not in use are empty
 */
struct ring1_mm {
	struct list_head	list;
	struct mm_struct	*mm;
	unsigned int		vms;
	u64			*pud;
	u64			*pmd;
	DECLARE_BITMAP(used, RING1_NR_REGIONS);
	struct ring1_region	*region[RING1_NR_REGIONS];
};

/**
 * struct ring1_region - the pages of one vCPU in slot 256
 * @mm:		owner of the host view
 * @index:	which region of @mm
 * @base:	its address
 * @page:	kernel addresses of the pages by RING1_PG_*; NULL for text and shared
 * @host_pte:	host view, lowest level
 * @guest_pte:	guest view, all levels; the root also holds the guest's entries
 * @guest_pmd:	"
 * @guest_pud:	"
 * @root:	"
 */
struct ring1_region {
	struct ring1_mm		*mm;
	unsigned int		index;
	unsigned long		base;
	void			*page[RING1_NR_PAGES];
	u64			*host_pte;
	u64			*guest_pte;
	u64			*guest_pmd;
	u64			*guest_pud;
	u64			*root;
};

enum ring1_vm_flags {
	RING1_VM_STATS,		/* the file of exit counters has been asked for */
};

/**
 * struct kvm_ring1 - a VM
 * @kvm:	first: KVM allocates us
 * @mm:		where its vCPUs have their regions
 * @flags:	RING1_VM_*
 * @mmu:	the own MMU, once the guest has registered it: never goes again (ownmmu.h)
 * @mmu_mutex:	who registers or unregisters
 */
struct kvm_ring1 {
	struct kvm	kvm;
	struct ring1_mm	*mm;
	unsigned long	flags;
	struct ring1_mmu *mmu;
	struct mutex	mmu_mutex;	/* of @mmu */
};

static inline struct kvm_ring1 *to_kvm_ring1(struct kvm *kvm)
{
	return container_of(kvm, struct kvm_ring1, kvm);
}

/* What ended the last run in the guest. */
struct ring1_exit {
	u64	vector;		/* RING1_EXIT_* or a hardware vector */
	u64	error;
	u64	cs;
	u64	flags;
	u64	ss;
	unsigned long dr6;	/* with #DB */
};

enum ring1_stat {
	RING1_STAT_INTERRUPT,
	RING1_STAT_NMI,
	RING1_STAT_HYPERCALL,
	RING1_STAT_PAGE_FAULT,
	RING1_STAT_PT_WRITE,		/* of them: emulated writes to shadowed tables */
	RING1_STAT_MMIO,		/* of them: memory-mapped I/O */
	RING1_STAT_FRAME,		/* frames of the own MMU's map that were looked up */
	RING1_STAT_IO,			/* port I/O */
	RING1_STAT_PRIVILEGED,		/* other instructions emulated */
	RING1_STAT_EXCEPTION,		/* handed on to the guest */
	RING1_STAT_SYSCALL,		/* trap guests only */
	RING1_STAT_EMULATE,		/* modes the guest world cannot run */
	RING1_STAT_REWIND,		/* restart ranges begun again */
	RING1_STAT_ABORT,		/* entries given up for an NMI */
	RING1_STAT_NOTED,		/* NMIs that hit the switcher elsewhere */
	RING1_STAT_IBPB,		/* flushes of indirect predictions */
	RING1_NR_STATS
};

struct vcpu_ring1 {
	struct kvm_vcpu		vcpu;	/* first: KVM allocates us */

	/* world.S: the host page and the text's entry point */
	struct ring1_host	*host;
	unsigned long		enter_text;
	struct ring1_exit	exit;

	struct ring1_region	region;
	struct ring1_conf	*conf;	/* pages of the region */
	struct ring1_stack	*stack;
	u64			*gdt;

	/* The shadow root KVM chose, and whether region.root lags behind it. */
	hpa_t			kvm_root;
	bool			root_stale;
	gva_t			fault_gva;	/* top-level entry to copy, if fault_pending */
	bool			fault_pending;

	/* Own MMU, if the run is on it. What CR3 holds, NULL if to be chosen; see root.c. */
	struct ring1_mmu	*mmu;
	struct ring1_twin	*top;
	struct ring1_twin	*throwaway;
	struct list_head	tops;
	unsigned int		nr_tops;
	bool			announces;	/* @top is of a tree that the guest keeps true */
	u64			seen_gen;	/* at the last enter, of ring1_mmu.gen */
	struct ring1_root_slot	*roots;

	/* Architectural state that KVM leaves to the vendor. */
	bool			user;		/* CPL 3 */
	bool			nmi_masked;
	bool			vif;		/* trap mode; PV: the shared page has it */
	bool			user_closed;	/* IRETQ to ring 3 faults, desc.c */
	u8			int_shadow;
	u64			enter_ip;	/* where the last run began */
	bool			event_wanted;	/* KVM waits for a chance to inject */
	unsigned long		rflags;		/* without IF */
	unsigned long		dr7;		/* as KVM wants it */
	struct kvm_segment	kernel_cs;	/* as the guest loaded it */
	struct kvm_segment	segment[VCPU_SREG_LDTR + 1];	/* user's CS in its slot */
	struct desc_ptr		guest_idt;
	struct desc_ptr		guest_gdt;
	u64			gs_base;	/* active one */
	u64			kernel_gs_base;	/* MSR; trap mode and CPL 3 */
	u64			star, lstar, cstar, sfmask;
	u64			sysenter_cs, sysenter_esp, sysenter_eip;
	u64			tsc_aux;
	u64			spec_ctrl;

	/* Host state parked while the guest's is in the registers. */
	bool			loaded;		/* prepare_switch_to_guest() ran */
	bool			segments_live;	/* the registers know the guest's selectors best */
	bool			guest_selectors;	/* registers may hold the guest GDT's */
	bool			cr4_loaded;
	u16			host_ds, host_es, host_fs, host_gs, host_ldt;
	u64			host_fs_base, host_kernel_gs_base, host_cr3;
	unsigned long		host_cr4;	/* of RING1_LOADED_CR4, if cr4_loaded */

	/* PV */
	struct ring1_vcpu_page	*shared;	/* NULL in trap mode */
	struct page		*shared_page;
	gfn_t			shared_gfn;
	u8			unwritten;	/* of it: RING1_UNWRITTEN_* */
	bool			shared_written;	/* since the log of dirty pages had it */
	struct ring1_setup	setup;		/* copied once */

	u64			stat[RING1_NR_STATS];
	u64			hypercalls[RING1_NR_HYPERCALLS];
};

/*
 * Bits of CR4 that are not the host's while a vCPU is loaded, in the host world as well: no
 * translation is global, RDTSC is the guest's choice, and the host's counters are not for
 * guests to read. Ring 0 can use RDTSC and RDPMC whatever CR4 says.
 */
#define RING1_LOADED_CR4	(X86_CR4_PGE | X86_CR4_TSD | X86_CR4_PCE)

/*
 * What kvm.ko would tell guests of, and is not there: CPUID that faults, as CPUID does not
 * exit; TSX_CTRL; and SPEC_CTRL, which is the host's (cpuid.c), so that a guest which was told
 * of enhanced IBRS would take itself for protected by a write that fails.
 */
#define RING1_HIDDEN_PLATFORM_INFO	MSR_PLATFORM_INFO_CPUID_FAULT
#define RING1_HIDDEN_CAPABILITIES	(ARCH_CAP_IBRS_ALL | ARCH_CAP_TSX_CTRL_MSR)

/*
 * A function of the fast set, see run.c: not probed, and in a section of its own, which a
 * test reads. Kbuild turns function tracing off.
 */
#define __fast		__section(".kprobes.text")

static __always_inline struct vcpu_ring1 *to_ring1(struct kvm_vcpu *vcpu)
{
	return container_of(vcpu, struct vcpu_ring1, vcpu);
}

/*
 * KVM's kvm_read_ldt() is the same without "volatile": compilers take it out of loops, and
 * an interrupt of the host's in the loop may load the LDT.
 */
static __always_inline u16 ring1_read_ldt(void)
{
	u16 ldt;

	asm volatile("sldt %0" : "=g" (ldt));
	return ldt;
}

/* What the registers have and a PV vCPU's shared page has not yet. */
#define RING1_UNWRITTEN_VIF	1	/* vif */
#define RING1_UNWRITTEN_GS	2	/* kernel_gs_base, as user_gs */

static inline bool ring1_is_pv(const struct vcpu_ring1 *v)
{
	return v->shared;
}

/* A PV vCPU's shared page, to be written: the log of dirty pages is to have it. */
static __always_inline struct ring1_vcpu_page *ring1_shared_to_write(struct vcpu_ring1 *v)
{
	v->shared_written = true;
	return v->shared;
}

/* require.c */
int ring1_require_host(void);
int ring1_require_processor(void);

/* world.S */
asmlinkage void ring1_switch(struct vcpu_ring1 *v);
asmlinkage void ring1_do_nmi_irqoff(void);
asmlinkage void ring1_do_interrupt_irqoff(unsigned long offset);
asmlinkage void ring1_flush_predictions(void);
extern const char ring1_late_gates[];

/* late.c */
extern struct desc_ptr ring1_host_idt;
extern u64 ring1_late_target[NUM_EXCEPTION_VECTORS];
void ring1_late_init(void);
void ring1_late_idt(struct ring1_pseudo_desc *idt);
void ring1_late_flush(struct vcpu_ring1 *v);

/* cpuid.c */
void ring1_cpuid_init(void);
void ring1_vcpu_after_set_cpuid(struct kvm_vcpu *vcpu);

/* pmu.c */
extern struct kvm_pmu_ops ring1_pmu_ops;

/* region.c */
int ring1_region_init(void);
void ring1_region_exit(void);
struct ring1_mm *ring1_mm_get(void);
void ring1_mm_put(struct ring1_mm *rmm);
int ring1_region_create(struct ring1_mm *rmm, struct ring1_region *region);
void ring1_region_destroy(struct ring1_region *region);
void ring1_region_share(struct ring1_region *region, struct page *page);
bool ring1_region_contains(gva_t gva);

/* desc.c */
void ring1_desc_init(struct vcpu_ring1 *v);
bool ring1_desc_allowed(u64 desc);
bool ring1_desc_write(struct vcpu_ring1 *v, unsigned int index, u64 desc);
void ring1_desc_close_user(struct vcpu_ring1 *v, bool closed);

/* mmu.c */
void ring1_load_mmu_pgd(struct kvm_vcpu *vcpu, hpa_t root_hpa, int root_level);
void ring1_flush_tlb(struct kvm_vcpu *vcpu);
void ring1_mmu_sync_root(struct vcpu_ring1 *v);
bool ring1_mmu_guest_owns(const struct vcpu_ring1 *v, u64 gva);
void ring1_mmu_inject_fault(struct kvm_vcpu *vcpu, bool present);
int ring1_mmu_fault(struct kvm_vcpu *vcpu);

/* segments.c */
bool ring1_segments_loadable(const struct vcpu_ring1 *v, u16 selector);
void ring1_segments_describe(const struct desc_struct *desc, u16 selector,
			     struct kvm_segment *var);
void ring1_segments_fill(const struct vcpu_ring1 *v, u16 selector, struct kvm_segment *var);
void ring1_segments_sync(struct vcpu_ring1 *v);
void ring1_segments_claim(struct vcpu_ring1 *v);
void ring1_segments_check(struct vcpu_ring1 *v);
u64 ring1_get_segment_base(struct kvm_vcpu *vcpu, int seg);
void ring1_get_segment(struct kvm_vcpu *vcpu, struct kvm_segment *var, int seg);
void ring1_set_segment(struct kvm_vcpu *vcpu, struct kvm_segment *var, int seg);

/* regs.c */
int ring1_get_cpl(struct kvm_vcpu *vcpu);
void ring1_get_cs_db_l_bits(struct kvm_vcpu *vcpu, int *db, int *l);
bool ring1_is_valid_cr0(struct kvm_vcpu *vcpu, unsigned long cr0);
void ring1_set_cr0(struct kvm_vcpu *vcpu, unsigned long cr0);
bool ring1_is_valid_cr4(struct kvm_vcpu *vcpu, unsigned long cr4);
void ring1_set_cr4(struct kvm_vcpu *vcpu, unsigned long cr4);
int ring1_set_efer(struct kvm_vcpu *vcpu, u64 efer);
void ring1_get_idt(struct kvm_vcpu *vcpu, struct desc_ptr *dt);
void ring1_set_idt(struct kvm_vcpu *vcpu, struct desc_ptr *dt);
void ring1_get_gdt(struct kvm_vcpu *vcpu, struct desc_ptr *dt);
void ring1_set_gdt(struct kvm_vcpu *vcpu, struct desc_ptr *dt);
unsigned long ring1_get_rflags(struct kvm_vcpu *vcpu);
void ring1_set_rflags(struct kvm_vcpu *vcpu, unsigned long rflags);
bool ring1_get_if_flag(struct kvm_vcpu *vcpu);
void ring1_set_dr7(struct kvm_vcpu *vcpu, unsigned long value);
int ring1_regs_report_debug(struct kvm_vcpu *vcpu, unsigned long dr6);
bool ring1_regs_get_vif(struct vcpu_ring1 *v);
void ring1_regs_set_vif(struct vcpu_ring1 *v, bool on);
u64 ring1_regs_user_gs(struct vcpu_ring1 *v);
void ring1_regs_set_user_gs(struct vcpu_ring1 *v, u64 base);
void ring1_regs_write(struct vcpu_ring1 *v);
void ring1_regs_to_user(struct vcpu_ring1 *v);
void ring1_regs_to_kernel(struct vcpu_ring1 *v);

/* pv.c */
/* Address bits of a shared page: so that save.c has room for a mark. */
#define RING1_SHARED_BITS	44

int ring1_pv_start(struct kvm_vcpu *vcpu, gpa_t gpa, const struct ring1_setup *setup);
void ring1_pv_stop(struct vcpu_ring1 *v);
void ring1_pv_put(struct vcpu_ring1 *v);
void ring1_pv_leave(struct vcpu_ring1 *v);
const struct ring1_restart_range *ring1_pv_restart_range(struct vcpu_ring1 *v);
void ring1_pv_rewind(struct vcpu_ring1 *v, const struct ring1_restart_range *range);
void ring1_pv_deliver(struct vcpu_ring1 *v, unsigned int vector, u32 error);
int ring1_pv_syscall(struct kvm_vcpu *vcpu, u64 entry);
int ring1_pv_sysenter(struct kvm_vcpu *vcpu);

/* trap.c */
int ring1_trap_read_system(struct vcpu_ring1 *v, u64 addr, void *val, unsigned int bytes,
			   struct x86_exception *e);
void ring1_trap_sync_desc(struct vcpu_ring1 *v);
struct kvm_segment ring1_trap_kernel_cs(u16 selector);
int ring1_trap_syscall(struct kvm_vcpu *vcpu, u64 target);
int ring1_trap_sysenter(struct kvm_vcpu *vcpu);

/* stats.c */
void ring1_stats_create(struct kvm *kvm);

/* vcpu.c */
int ring1_vcpu_create(struct kvm_vcpu *vcpu);
void ring1_vcpu_free(struct kvm_vcpu *vcpu);
void ring1_vcpu_reset(struct kvm_vcpu *vcpu, bool init_event);
void ring1_vcpu_set_cr0(struct kvm_vcpu *vcpu, unsigned long cr0);
void ring1_vcpu_load(struct kvm_vcpu *vcpu, int cpu);
void ring1_vcpu_put(struct kvm_vcpu *vcpu);
void ring1_prepare_switch_to_guest(struct kvm_vcpu *vcpu);
int ring1_vcpu_load_tsc_aux(struct vcpu_ring1 *v);
int ring1_vcpu_uret_init(void);

/* idt.c */
void ring1_idt_deliver(struct vcpu_ring1 *v, unsigned int vector, bool has_error, u32 error);
int ring1_idt_intn(struct vcpu_ring1 *v, unsigned int vector, u64 next);
int ring1_idt_iret(struct vcpu_ring1 *v, unsigned int width);

/* event.c */
void ring1_inject_irq(struct kvm_vcpu *vcpu, bool reinjected);
void ring1_inject_nmi(struct kvm_vcpu *vcpu);
void ring1_inject_exception(struct kvm_vcpu *vcpu);
void ring1_event_deliver_int80(struct kvm_vcpu *vcpu);
void ring1_cancel_injection(struct kvm_vcpu *vcpu);
int ring1_interrupt_allowed(struct kvm_vcpu *vcpu, bool for_injection);
int ring1_nmi_allowed(struct kvm_vcpu *vcpu, bool for_injection);
void ring1_enable_irq_window(struct kvm_vcpu *vcpu);
void ring1_enable_nmi_window(struct kvm_vcpu *vcpu);
void ring1_event_deliver_fault(struct kvm_vcpu *vcpu, unsigned int vector, u32 error);
void ring1_event_recheck(struct vcpu_ring1 *v);
void ring1_set_interrupt_shadow(struct kvm_vcpu *vcpu, int mask);
u32 ring1_get_interrupt_shadow(struct kvm_vcpu *vcpu);
bool ring1_get_nmi_mask(struct kvm_vcpu *vcpu);
void ring1_set_nmi_mask(struct kvm_vcpu *vcpu, bool masked);
void ring1_deliver_interrupt(struct kvm_lapic *apic, int delivery_mode, int trig_mode, int vector);
#ifdef CONFIG_KVM_SMM
int ring1_smi_allowed(struct kvm_vcpu *vcpu, bool for_injection);
int ring1_enter_smm(struct kvm_vcpu *vcpu, union kvm_smram *smram);
int ring1_leave_smm(struct kvm_vcpu *vcpu, const union kvm_smram *smram);
#endif

/* paging.c */
unsigned int ring1_paging_features(void);
void ring1_paging_load_pgd(struct kvm_vcpu *vcpu, hpa_t root_hpa, int root_level);
void ring1_paging_flush(struct kvm_vcpu *vcpu);
void ring1_paging_flush_all(struct kvm_vcpu *vcpu);
void ring1_paging_flush_gva(struct kvm_vcpu *vcpu, gva_t gva);
bool ring1_paging_flushes_itself(struct kvm_vcpu *vcpu);
bool ring1_paging_prepare_run(struct vcpu_ring1 *v);
void ring1_paging_prepare_enter(struct vcpu_ring1 *v);
void ring1_paging_finish_exit(struct vcpu_ring1 *v);
bool ring1_paging_must_leave(struct vcpu_ring1 *v);
int ring1_paging_supply(struct kvm_vcpu *vcpu);
bool ring1_paging_fault_fast(struct kvm_vcpu *vcpu);
int ring1_paging_fault(struct kvm_vcpu *vcpu);
long ring1_paging_register(struct kvm_vcpu *vcpu, u64 kernel_root, u64 live, u64 nr_gfns);
long ring1_paging_sync(struct kvm_vcpu *vcpu, u32 nr, u64 addr, u32 access);
long ring1_paging_sync_fast(struct kvm_vcpu *vcpu, u32 nr, u64 addr, u32 access);
long ring1_paging_forget(struct kvm_vcpu *vcpu, u64 root);
long ring1_paging_write_cr3(struct kvm_vcpu *vcpu, u64 value);
long ring1_paging_write_cr3_fast(struct kvm_vcpu *vcpu, u64 value);

/* save.c */
u64 ring1_save(struct vcpu_ring1 *v);
int ring1_restore(struct kvm_vcpu *vcpu, u64 cstar);

/* msr.c */
int ring1_get_msr(struct kvm_vcpu *vcpu, struct msr_data *msr);
int ring1_set_msr(struct kvm_vcpu *vcpu, struct msr_data *msr);
int ring1_get_feature_msr(u32 index, u64 *data);
bool ring1_has_emulated_msr(struct kvm *kvm, u32 index);

/* emulate.c */
int ring1_emulate(struct kvm_vcpu *vcpu);
bool ring1_must_emulate(struct vcpu_ring1 *v);
int ring1_emulate_mode(struct kvm_vcpu *vcpu);
int ring1_emulate_iret(struct kvm_vcpu *vcpu, u64 ip, u64 cs, u64 flags, u64 sp, u64 ss,
		       bool unmask_nmi);

/* hypercall.c */
int ring1_hypercall(struct kvm_vcpu *vcpu);
bool ring1_hypercall_fast(struct kvm_vcpu *vcpu);
bool ring1_hypercall_irqoff(struct kvm_vcpu *vcpu);
void ring1_patch_hypercall(struct kvm_vcpu *vcpu, unsigned char *code);

/* exit.c */
int ring1_handle_exit(struct kvm_vcpu *vcpu, fastpath_t fastpath);
int ring1_skip_emulated_instruction(struct kvm_vcpu *vcpu);
void ring1_get_exit_info(struct kvm_vcpu *vcpu, u32 *reason, u64 *info1, u64 *info2,
			 u32 *intr_info, u32 *error_code);

/* run.c */
fastpath_t ring1_vcpu_run(struct kvm_vcpu *vcpu, u64 run_flags);
void ring1_handle_exit_irqoff(struct kvm_vcpu *vcpu);

#endif /* _RING1_H */
