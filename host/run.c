// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trips into the guest: the state that changes at every enter and exit, and
 * what must be done about an exit before interrupts come on again. The rest of
 * an exit is exit.c's; what stays loaded between exits is vcpu.c's.
 *
 * ring1_vcpu_run() runs with IRQs off, preemption off and SRCU dropped. It must
 * not take mmu_lock: the holder may be waiting for this vCPU to leave the guest.
 *
 * The fast set: the functions marked __fast, in whatever file. trips() enters again by
 * them alone, and where the host's mode allows it what the guest has trained is flushed
 * behind them instead of at each exit (mitigations.c). So none of them has an indirect
 * branch or calls what may have one; calls nest less deep than the RSB is filled; and there
 * is no tracing, which makes every exit leave. build/static/fast reads the module's code.
 */
#include <linux/context_tracking.h>
#include <linux/entry-kvm.h>
#include <trace/events/ipi.h>
#include <asm/debugreg.h>
#include <asm/desc.h>
#include <asm/fpu/api.h>
#include <asm/fpu/xcr.h>
#include <asm/fsgsbase.h>
#include <asm/mce.h>
#include <asm/mmu_context.h>
#include <asm/nospec-branch.h>
#include <asm/tlbflush.h>
#include "lapic.h"
#include "pmu.h"
#include "trace.h"
#include "x86.h"
#include "mitigations.h"
#include "ring1.h"
#include "tracepoints.h"

/*
 * RFLAGS a guest may have in the hardware: IF is on, IOPL 0, VM, VIF and VIP off.
 * Ring 1 and 3 can change neither of those.
 */
#define GUEST_RFLAGS	(X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF | X86_EFLAGS_ZF | \
			 X86_EFLAGS_SF | X86_EFLAGS_TF | X86_EFLAGS_DF | X86_EFLAGS_OF | \
			 X86_EFLAGS_NT | X86_EFLAGS_RF | X86_EFLAGS_AC | X86_EFLAGS_ID)

/* In each byte, with KVM_RING1_DEBUG. */
#define RING1_POISON	0xa5

static __fast u16 hardware_cs(const struct vcpu_ring1 *v)
{
	if (!v->user)
		return RING1_CS;
	return v->segment[VCPU_SREG_CS].selector == __USER32_CS ? __USER32_CS : __USER_CS;
}

/*
 * The guest's DR7, without breakpoints on addresses in slot 256: those would fire
 * in the switcher. With GD its own MOV DR7 would fault; the guest's do anyway.
 */
static u64 safe_dr7(const struct kvm_vcpu *vcpu, u64 dr7)
{
	int i;

	dr7 &= ~DR7_GD;
	if (likely(!(dr7 & DR7_BP_EN_MASK)))
		return dr7;
	for (i = 0; i < KVM_NR_DB_REGS; i++)
		if (ring1_region_contains(vcpu->arch.eff_db[i]) ||
		    ring1_region_contains(vcpu->arch.eff_db[i] + 7))
			dr7 &= ~(3ull << (i * DR_ENABLE_SIZE));
	return dr7;
}

/*
 * CR4 for the guest world. A guest's write of CR4 and a VMM's are exits that come here before
 * the next enter, so TSD is never late, and an unchanged CR4 costs a comparison. PGE: ring 1
 * may use global TLB entries whatever its CR3 says; clearing it drops them all.
 *
 * The host's tasks toggle TSD, and turn PCE on and off, as they are switched, behind
 * ring1_vcpu_put(), which puts both back. Only an IPI of perf's may set PCE meanwhile.
 */
static void load_cr4(struct vcpu_ring1 *v)
{
	unsigned long cr4 = cr4_read_shadow();
	unsigned long wanted = v->vcpu.arch.cr4 & X86_CR4_TSD;
	unsigned long change = (cr4 ^ wanted) & RING1_LOADED_CR4;

	if (likely(!change))
		return;
	if (!v->cr4_loaded)
		v->host_cr4 = cr4 & RING1_LOADED_CR4;
	v->host_cr4 |= cr4 & X86_CR4_PCE;
	v->cr4_loaded = true;
	cr4_update_irqsoff(change & ~cr4, change & cr4);
}

/* Once per run: what the host can keep while it handles interrupts in between. */
static void prepare_run(struct vcpu_ring1 *v)
{
	unsigned long cr3 = __get_current_cr3_fast();
	u64 low = cr3 & GENMASK_ULL(RING1_GS_CR3_BITS - 1, 0);
	bool pcid = cr4_read_shadow() & X86_CR4_PCIDE;

	load_cr4(v);
	if (v->host_cr3 != low) {
		v->host_cr3 = low;
		wrmsrl(MSR_KERNEL_GS_BASE, low);
	}
	WARN_ON_ONCE(low & BIT_ULL(RING1_NMI_NOTE_BIT));
	v->conf->cr3_high = (cr3 - low) | (pcid ? X86_CR3_PCID_NOFLUSH : 0);
	v->conf->cr3 = __pa(v->region.root) | (pcid ? RING1_GUEST_PCID : 0);
	v->conf->bounce = ring1_is_pv(v) && !v->vcpu.guest_debug;
	v->conf->bounce_pf = v->conf->bounce && v->setup.flags & RING1_SETUP_BOUNCE_PF &&
			     ring1_paging_features() & RING1_FEATURE_BOUNCE_PF;
	v->conf->dr7 = safe_dr7(&v->vcpu, v->dr7);
	v->conf->debug = !!(v->conf->dr7 & DR7_BP_EN_MASK);
	/* By the guest and the switcher. */
	v->shared_written = true;
}

/*
 * What must not pass from one trip to the next: the switcher's stacks, which ring 1 may
 * write and read, and the record of the last exit. An address made of it is none.
 */
static __fast void poison_trip(struct vcpu_ring1 *v)
{
	memset(v->stack, RING1_POISON, sizeof(*v->stack));
	memset(v->region.page[RING1_PG_IST], RING1_POISON, PAGE_SIZE);
	memset(&v->exit, RING1_POISON, sizeof(v->exit));
}

static __fast void prepare_enter(struct vcpu_ring1 *v)
{
	struct kvm_vcpu *vcpu = &v->vcpu;
	struct ring1_stack *stack = v->stack;
	u16 ldt = ring1_read_ldt();
	bool close;

	/*
	 * Another thread's modify_ldt() loads the LDT by IPI. LDTR would name a host
	 * address in the guest world.
	 */
	if (unlikely(ldt)) {
		v->host_ldt = ldt;
		kvm_load_ldt(0);
	}
	ring1_paging_prepare_enter(v);
	close = v->event_wanted && !v->user && !ring1_is_pv(v);
	if (unlikely(v->user_closed != close))
		ring1_desc_close_user(v, close);
	if (unlikely(v->conf->segments)) {
		ring1_segments_check(v);
		v->guest_selectors = true;
	}
	if (ring1_debug)
		poison_trip(v);
	if (unlikely(v->conf->parked)) {
		stack->park_cx = vcpu->arch.regs[VCPU_REGS_RCX];
		stack->park_dx = vcpu->arch.regs[VCPU_REGS_RDX];
	}
	stack->notes = 0;
	stack->enter.gs_base = v->gs_base;
	stack->enter.ax = vcpu->arch.regs[VCPU_REGS_RAX];
	v->enter_ip = vcpu->arch.regs[VCPU_REGS_RIP];
	stack->enter.ip = v->enter_ip;
	stack->enter.cs = hardware_cs(v);
	stack->enter.flags = (v->rflags & GUEST_RFLAGS) | X86_EFLAGS_IF | X86_EFLAGS_FIXED;
	stack->enter.sp = vcpu->arch.regs[VCPU_REGS_RSP];
	stack->enter.ss = v->user ? v->segment[VCPU_SREG_SS].selector : RING1_SS;
}

/* Take over what the switcher left in v->exit and in the host page. */
static __fast void collect_exit(struct vcpu_ring1 *v)
{
	struct ring1_exit *exit = &v->exit;

	if (exit->vector != RING1_EXIT_ABORT) {
		v->conf->segments = false;
		v->segments_live = true;
	}
	if (exit->vector & RING1_EXIT_SWITCHER)
		return;

	/*
	 * The interrupt shadow ends with the next instruction; if RIP has not moved,
	 * that one is still to come.
	 */
	if (unlikely(v->int_shadow) && kvm_rip_read(&v->vcpu) != v->enter_ip)
		v->int_shadow = 0;
	v->gs_base = v->host->guest_gs;
	v->rflags = (exit->flags & GUEST_RFLAGS) | X86_EFLAGS_FIXED;
	v->user = (exit->cs & SEGMENT_RPL_MASK) == 3;
	if (v->user) {
		ring1_segments_fill(v, exit->cs, &v->segment[VCPU_SREG_CS]);
		ring1_segments_fill(v, exit->ss, &v->segment[VCPU_SREG_SS]);
		/* Ring 3 is reached by IRETQ, without a trap; NMIs are unmasked by it. */
		if (!ring1_is_pv(v))
			v->nmi_masked = false;
	}
}

static unsigned int park(struct vcpu_ring1 *v, unsigned int n, u32 msr, u64 value)
{
	struct ring1_park *park = &v->host->park[n];

	if (n == RING1_NR_PARKED)
		return n;
	park->msr = msr;
	park->guest_low = lower_32_bits(value);
	park->guest_high = upper_32_bits(value);
	return n + 1;
}

/*
 * PEBS_ENABLE, where perf wants anything to be different in a guest. A hypervisor above may
 * have a PMU and no such MSR.
 */
static bool pebs_may_be_on(const struct perf_guest_switch_msr *perf, int nr)
{
	u64 value;
	int i;

	for (i = 0; i < nr; i++)
		if (perf[i].host != perf[i].guest)
			return boot_cpu_has(X86_FEATURE_PEBS) &&
			       !rdmsrl_safe(MSR_IA32_PEBS_ENABLE, &value);
	return false;
}

/*
 * Host state that acts on linear addresses: the switcher turns it off on enter and on again
 * on exit, where no NMI handler comes in between that turns it on itself. None of it is
 * there on most hosts.
 *
 * The DS area of PEBS is a linear address the processor writes in whatever CR3. PEBS_ENABLE
 * is 0 then, as perf leaves the rest to a VM entry that there is not. It goes first: a
 * record that is under way needs time. BTS is of that kind as well, and the rest of
 * DEBUGCTL would trap in the guest. What else perf wants is its counters' affair, and those
 * that there is no room for count on.
 */
static void park_host_msrs(struct vcpu_ring1 *v)
{
	const struct perf_guest_switch_msr *perf = NULL;
	unsigned int n = 0;
	int nr = 0, i;

	if (boot_cpu_has(X86_FEATURE_DS))
		perf = perf_guest_get_msrs(&nr, vcpu_to_pmu(&v->vcpu));
	if (!perf)
		nr = 0;
	if (pebs_may_be_on(perf, nr))
		n = park(v, n, MSR_IA32_PEBS_ENABLE, 0);
	if (v->vcpu.arch.host_debugctl || ring1_debug)
		n = park(v, n, MSR_IA32_DEBUGCTLMSR, 0);
	for (i = 0; i < nr; i++)
		if (perf[i].host != perf[i].guest && perf[i].msr != MSR_IA32_PEBS_ENABLE)
			n = park(v, n, perf[i].msr, perf[i].guest);
	if (n < RING1_NR_PARKED)
		v->host->park[n].msr = 0;
	v->conf->parked = n > 0;
}

/*
 * ENDBR tracking follows S_CET at CPL 1, too. It is off from here on, not from where the
 * switcher parks MSRs: the switcher's stubs have no ENDBR, and an NMI may come to them as
 * soon as its IDT is loaded. No NMI handler writes S_CET. U_CET and the shadow stack
 * pointer of ring 3 go with the FPU state, which is the guest's already.
 */
static __fast u64 stop_branch_tracking(void)
{
	u64 s_cet = 0;

	if (cpu_feature_enabled(X86_FEATURE_IBT)) {
		s_cet = __rdmsr(MSR_IA32_S_CET);
		native_wrmsrl(MSR_IA32_S_CET, 0);
	}
	return s_cet;
}

static __fast void resume_branch_tracking(u64 s_cet)
{
	if (cpu_feature_enabled(X86_FEATURE_IBT))
		native_wrmsrl(MSR_IA32_S_CET, s_cet);
}

/*
 * XCR0 and PKRU. Protection keys, MPX and AMX are hidden from guests, so their XCR0 lacks
 * bits that the host's has; leave those on, rather than write XCR0 at each enter and
 * exit: a hypervisor above us intercepts that. CR4.PKE is on as well, so ring 3 may
 * execute WRPKRU, and it starts with all keys open. AMX is kept from the guest by XFD
 * (vcpu.c). XSS does not matter: XSAVES faults in ring 1.
 */
#define HIDDEN_XFEATURES (XFEATURE_MASK_XTILE | XFEATURE_MASK_PKRU | XFEATURE_MASK_BNDREGS | \
			  XFEATURE_MASK_BNDCSR)

/*
 * A kernel without OSXSAVE saves x87 and SSE state only. CR4.OSXSAVE stays on, for the host's
 * own XSAVE between trips, so that XSAVE and XGETBV work there; but AVX does not. A host without
 * XSAVE has no XCR0, and kvm_host.xcr0 is 0.
 */
static u64 hardware_xcr0(struct kvm_vcpu *vcpu)
{
	u64 xcr0 = kvm_is_cr4_bit_set(vcpu, X86_CR4_OSXSAVE) ? vcpu->arch.xcr0 :
							       kvm_host.xcr0 & XFEATURE_MASK_FPSSE;

	return xcr0 | (kvm_host.xcr0 & HIDDEN_XFEATURES);
}

static void load_guest_xstate(u64 xcr0)
{
	if (xcr0 != kvm_host.xcr0)
		xsetbv(XCR_XFEATURE_ENABLED_MASK, xcr0);
	if (cpu_feature_enabled(X86_FEATURE_OSPKE))
		write_pkru(0);
}

static void load_host_xstate(struct kvm_vcpu *vcpu, u64 xcr0)
{
	if (cpu_feature_enabled(X86_FEATURE_OSPKE))
		write_pkru(vcpu->arch.host_pkru);
	if (xcr0 != kvm_host.xcr0)
		xsetbv(XCR_XFEATURE_ENABLED_MASK, kvm_host.xcr0);
}

/*
 * What vmx_vcpu_enter_exit() and svm_vcpu_enter_exit() do about data that the host's last
 * computations left in the processor, as far as it is not an alternative in world.S. They
 * flush L1D, too, for L1TF; that needs an entry that is not present and leads to memory of
 * the host's, and KVM's shadow tables have none.
 */
static __always_inline void clear_residue(struct kvm_vcpu *vcpu)
{
	if (ring1_mitigate & RING1_MITIGATE_DIVIDER)
		amd_clear_divider();
	if (ring1_mitigate & RING1_MITIGATE_MMIO && kvm_arch_has_assigned_device(vcpu->kvm))
		x86_clear_cpu_buffers();
}

/*
 * With context tracking RCU does not watch the CPU while the guest runs. Without, it is only
 * told that the CPU holds nothing up: once for each interrupt of the host's is enough, so
 * @brief, an enter behind another exit, says nothing.
 */
static noinstr void enter_exit(struct vcpu_ring1 *v, bool brief)
{
	bool tell = !brief || context_tracking_enabled();

	if (tell)
		guest_state_enter_irqoff();
	if (unlikely(ring1_mitigate & (RING1_MITIGATE_DIVIDER | RING1_MITIGATE_MMIO)))
		clear_residue(&v->vcpu);
	ring1_switch(v);
	/* Before a fault of the host's overwrites CR2. */
	if (v->exit.vector == X86_TRAP_PF)
		v->fault_gva = native_read_cr2();
	if (tell)
		guest_state_exit_irqoff();
	if (ring1_mitigate & RING1_MITIGATE_IBPB && !(ring1_mitigate & RING1_MITIGATE_LATE))
		v->stat[RING1_STAT_IBPB]++;
}

static void machine_check(u64 ip, bool in_switcher)
{
	struct pt_regs regs = {
		.cs = in_switcher ? __KERNEL_CS : 3,
		.ip = ip,
		.flags = in_switcher ? X86_EFLAGS_FIXED : X86_EFLAGS_IF,
	};

	do_machine_check(&regs);
}

/*
 * NMI and #MC: now, on this CPU. The processor masks NMIs from their delivery to
 * the next IRETQ, which is the one in the handler called here. Ring 1 may write
 * v->stack; what is there counts only if the guest did not run since it was zeroed.
 */
static void handle_nmi_mc(struct vcpu_ring1 *v)
{
	u64 vector = v->exit.vector;
	u64 notes = vector == RING1_EXIT_ABORT ? v->stack->notes : 0;

	lockdep_assert_irqs_disabled();
	if (v->host->nmi) {
		v->stat[RING1_STAT_NOTED]++;
		notes |= RING1_NOTE_NMI;
		v->host->nmi = 0;
		wrmsrl(MSR_KERNEL_GS_BASE, v->host_cr3);	/* without the note */
	}
	/* Frames of the host's are there: its stack pointer, a CR3, a GS base. */
	memset(v->region.page[RING1_PG_IST], 0, PAGE_SIZE);

	if (notes & RING1_NOTE_MC)
		machine_check(v->stack->lost_ip, true);
	else if ((vector & 0xff) == X86_TRAP_MC)
		machine_check(kvm_rip_read(&v->vcpu), vector & RING1_EXIT_SWITCHER);
	if (vector == X86_TRAP_NMI || notes & RING1_NOTE_NMI) {
		kvm_before_interrupt(&v->vcpu, KVM_HANDLING_NMI);
		ring1_do_nmi_irqoff();
		kvm_after_interrupt(&v->vcpu);
	}
}

/* AMX that XFD turned off: to a guest whose XCR0 lacks it, its instructions do not exist. */
static void turn_xfd_into_ud(struct vcpu_ring1 *v)
{
	u64 features;

	if (!cpu_feature_enabled(X86_FEATURE_XFD))
		return;
	rdmsrl(MSR_IA32_XFD_ERR, features);
	if (!features)
		return;
	wrmsrl(MSR_IA32_XFD_ERR, 0);
	v->exit.vector = X86_TRAP_UD;
}

/* What the next interrupt, or another task on this CPU, would overwrite. */
static void finish_exit(struct vcpu_ring1 *v)
{
	struct kvm_vcpu *vcpu = &v->vcpu;
	u64 vector = v->exit.vector;

	if (vector == X86_TRAP_NM) {
		turn_xfd_into_ud(v);
	} else if (vector == X86_TRAP_DB) {
		get_debugreg(v->exit.dr6, 6);
		set_debugreg(DR6_RESERVED, 6);
	}
	if (unlikely(v->host->nmi || vector == X86_TRAP_NMI || vector == RING1_EXIT_ABORT ||
		     (vector & 0xff) == X86_TRAP_MC))
		handle_nmi_mc(v);
	trace_kvm_exit(vcpu, boot_cpu_data.x86_vendor == X86_VENDOR_INTEL ? KVM_ISA_VMX :
		       KVM_ISA_SVM);
}

static bool is_host_interrupt(const struct vcpu_ring1 *v, u64 vector)
{
	return vector >= FIRST_EXTERNAL_VECTOR && vector <= 255 &&
	       !(vector == IA32_SYSCALL_VECTOR && v->conf->int80);
}

/* The interrupt is acknowledged already: the host's handler must have it. */
static void handle_host_interrupt(struct kvm_vcpu *vcpu, u64 vector)
{
	struct desc_ptr idt;

	lockdep_assert_irqs_disabled();
	store_idt(&idt);
	kvm_before_interrupt(vcpu, KVM_HANDLING_IRQ);
	ring1_do_interrupt_irqoff(gate_offset((gate_desc *)idt.address + vector));
	kvm_after_interrupt(vcpu);
	vcpu->arch.at_instruction_boundary = true;
}

/*
 * What vcpu_enter_guest() asks before it enters; breakpoints of the host it disarms. When
 * the host reboots, KVM gives SYSCALL back to it.
 */
static __fast bool must_leave(struct kvm_vcpu *vcpu)
{
	return vcpu->mode == EXITING_GUEST_MODE || kvm_request_pending(vcpu) || kvm_rebooting ||
	       xfer_to_guest_mode_work_pending() || test_thread_flag(TIF_NEED_FPU_LOAD) ||
	       hw_breakpoint_active() || ring1_paging_must_leave(to_ring1(vcpu));
}

/* What an enter or a fault of the host's would overwrite. */
static __fast void end_trip(struct vcpu_ring1 *v)
{
	collect_exit(v);
	ring1_paging_finish_exit(v);
	if (v->exit.vector != X86_TRAP_PF)
		return;
	v->vcpu.arch.apf.host_apf_flags = kvm_read_and_reset_apf_flags();
	if (v->user && ring1_is_pv(v))
		WRITE_ONCE(v->shared->pf_exit, 0);
}

/* Tracepoints call whatever is attached to them. */
static __fast bool traced(void)
{
	return trace_ring1_hypercall_enabled() || trace_kvm_entry_enabled() ||
	       trace_kvm_exit_enabled();
}

/* An exit that the fast set knows all of; NMIs and #MC wait for the host. */
static __fast bool answer(struct vcpu_ring1 *v)
{
	u64 vector = v->exit.vector;

	if (unlikely(v->host->nmi))
		return false;
	if (vector == RING1_EXIT_HYPERCALL) {
		if (!ring1_hypercall_fast(&v->vcpu))
			return false;
		v->stat[RING1_STAT_HYPERCALL]++;
	} else if (vector == X86_TRAP_PF) {
		if (!ring1_paging_fault_fast(&v->vcpu))
			return false;
		v->stat[RING1_STAT_PAGE_FAULT]++;
	} else {
		return false;
	}
	v->exit.vector = RING1_EXIT_HANDLED;
	if (unlikely(v->event_wanted))
		ring1_event_recheck(v);
	return !must_leave(&v->vcpu);
}

/*
 * Enter until there is an exit that the fast set does not answer, or one behind which the
 * vCPU must not enter again; that one is RING1_EXIT_HANDLED. The fast set uses no state that
 * XCR0 is about. Any code of the host's may run afterwards.
 */
static noinline __fast void trips(struct vcpu_ring1 *v, bool may_answer)
{
	bool brief = false;
	u64 s_cet;

	for (;;) {
		prepare_enter(v);
		s_cet = stop_branch_tracking();
		enter_exit(v, brief);
		resume_branch_tracking(s_cet);
		end_trip(v);
		if (!may_answer || traced() || !answer(v))
			break;
		++v->vcpu.stat.exits;
		brief = true;
	}
	ring1_late_flush(v);
}

/*
 * Exits that need nothing of KVM but what can do with interrupts off: the host's interrupts,
 * and the guest's IPIs. A trip through vcpu_enter_guest() reads MSRs, which a hypervisor
 * above us intercepts.
 */
static bool handle_and_reenter(struct vcpu_ring1 *v)
{
	struct kvm_vcpu *vcpu = &v->vcpu;
	u64 vector = v->exit.vector;

	if (vector == RING1_EXIT_HYPERCALL) {
		if (traced() || !ring1_hypercall_irqoff(vcpu))
			return false;
		v->stat[RING1_STAT_HYPERCALL]++;
	} else if (is_host_interrupt(v, vector)) {
		v->stat[RING1_STAT_INTERRUPT]++;
		++vcpu->stat.irq_exits;
		handle_host_interrupt(vcpu, vector);
	} else {
		return false;
	}
	v->exit.vector = RING1_EXIT_HANDLED;
	if (unlikely(v->event_wanted))
		ring1_event_recheck(v);
	if (must_leave(vcpu))
		return false;
	/* The interrupt's handler may have turned on RDPMC, PEBS or BTS, see load_cr4(). */
	if (is_host_interrupt(v, vector) &&
	    (boot_cpu_has(X86_FEATURE_DS) || cr4_read_shadow() & X86_CR4_PCE))
		return false;
	++vcpu->stat.exits;
	return true;
}

fastpath_t ring1_vcpu_run(struct kvm_vcpu *vcpu, u64 run_flags)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	u64 xcr0 = hardware_xcr0(vcpu);
	bool may_answer, may_reenter;

	ring1_assert(irqs_disabled());

	/* Injected events are delivered, see event.c. */
	ring1_cancel_injection(vcpu);

	if (run_flags & KVM_RUN_FORCE_IMMEDIATE_EXIT)
		smp_send_reschedule(vcpu->cpu);
	if (unlikely(kvm_rebooting)) {
		kvm_make_request(KVM_REQ_VM_DEAD, vcpu);
		v->exit.vector = RING1_EXIT_HANDLED;
		return EXIT_FASTPATH_NONE;
	}
	if (ring1_must_emulate(v)) {
		v->exit.vector = RING1_EXIT_EMULATE;
		return EXIT_FASTPATH_NONE;
	}

	prepare_run(v);
	if (!ring1_paging_prepare_run(v)) {
		v->exit.vector = RING1_EXIT_HANDLED;
		return EXIT_FASTPATH_NONE;
	}
	kvm_wait_lapic_expire(vcpu);
	load_guest_xstate(xcr0);
	park_host_msrs(v);
	may_answer = !v->conf->debug;
	/* A handler of the host's needs its XCR0. */
	may_reenter = may_answer && xcr0 == kvm_host.xcr0;

	do {
		trace_kvm_entry(vcpu, run_flags & KVM_RUN_FORCE_IMMEDIATE_EXIT);
		trips(v, may_answer);
		finish_exit(v);
	} while (may_reenter && handle_and_reenter(v));

	load_host_xstate(vcpu, xcr0);
	return EXIT_FASTPATH_NONE;
}

void ring1_handle_exit_irqoff(struct kvm_vcpu *vcpu)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);

	if (!is_host_interrupt(v, v->exit.vector))
		return;
	v->stat[RING1_STAT_INTERRUPT]++;
	++vcpu->stat.irq_exits;
	handle_host_interrupt(vcpu, v->exit.vector);
}
