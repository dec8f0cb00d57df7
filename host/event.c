// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events into the guest: into a PV guest as a frame in the shared page and a jump
 * to the entry point it registered; into a trap guest through its IDT, on its
 * stack, as the processor would. When KVM asks for an injection it is done at
 * once, so nothing is ever left half injected.
 *
 * The windows in which nothing is delivered are here, too. Bounces, which deliver
 * the user's own exceptions without an exit, are the switcher's.
 */
#include <asm/desc.h>
#include "x86.h"
#include "ring1.h"
#include "tracepoints.h"

/* RFLAGS a PV guest starts with at its entry points, less IF. */
#define ENTRY_RFLAGS	X86_EFLAGS_FIXED

/* The window the guest kernel stands in, or NULL. */
static const struct ring1_window *current_window(struct vcpu_ring1 *v)
{
	unsigned long rip = kvm_rip_read(&v->vcpu);
	int i;

	if (!ring1_is_pv(v) || v->user)
		return NULL;
	for (i = 0; i < ARRAY_SIZE(v->setup.window); i++)
		if (rip >= v->setup.window[i].start && rip < v->setup.window[i].end)
			return &v->setup.window[i];
	return NULL;
}

/* Back to the start of the window, where the guest tests what is pending. */
static void rewind(struct vcpu_ring1 *v, const struct ring1_window *window)
{
	kvm_rip_write(&v->vcpu, window->start);
	v->gs_base = v->setup.kernel_gs;
	WRITE_ONCE(v->shared->vif, 0);
	v->stat[RING1_STAT_REWIND]++;
}

static unsigned int event_class(unsigned int vector, bool user)
{
	switch (vector) {
	case NMI_VECTOR:
		return RING1_EVENT_NMI;
	case MC_VECTOR:
		return RING1_EVENT_MC;
	case DF_VECTOR:
		return RING1_EVENT_DF;
	case DB_VECTOR:
		return user ? RING1_EVENT_NORMAL : RING1_EVENT_DB;
	default:
		return RING1_EVENT_NORMAL;
	}
}

static u64 entry_point(const struct vcpu_ring1 *v, unsigned int class, bool user)
{
	switch (class) {
	case RING1_EVENT_NMI:
		return v->setup.entry_nmi;
	case RING1_EVENT_MC:
		return v->setup.entry_mc;
	case RING1_EVENT_DF:
		return v->setup.entry_df;
	case RING1_EVENT_DB:
		return v->setup.entry_db;
	default:
		return user ? v->setup.entry_user : v->setup.entry_kernel;
	}
}

/*
 * Fill the frame of the event's class. An exception that finds it busy hit the
 * guest's own entry code: a double fault, and if that frame is busy, too, a
 * triple fault. Interrupts do not come here with the frame busy.
 */
static void deliver_pv(struct vcpu_ring1 *v, unsigned int vector, u32 error)
{
	struct kvm_vcpu *vcpu = &v->vcpu;
	bool user = v->user;
	unsigned int class = event_class(vector, user);
	struct ring1_frame *frame = &v->shared->frame[class];
	unsigned long flags = ring1_get_rflags(vcpu);

	if (!user && READ_ONCE(frame->busy)) {
		if (class == RING1_EVENT_DF) {
			kvm_make_request(KVM_REQ_TRIPLE_FAULT, vcpu);
			return;
		}
		deliver_pv(v, DF_VECTOR, 0);
		return;
	}

	frame->ip = kvm_rip_read(vcpu);
	frame->cs = user ? v->segment[VCPU_SREG_CS].selector : __KERNEL_CS;
	frame->flags = flags;
	frame->sp = kvm_rsp_read(vcpu);
	frame->ss = user ? v->segment[VCPU_SREG_SS].selector : __KERNEL_DS;
	frame->error = error;
	frame->vector = vector;
	frame->payload = vector == DB_VECTOR ? vcpu->arch.dr6 : vcpu->arch.cr2;
	WRITE_ONCE(frame->busy, 1);

	ring1_regs_to_kernel(v);
	WRITE_ONCE(v->shared->vif, 0);
	v->rflags = ENTRY_RFLAGS;
	kvm_rip_write(vcpu, entry_point(v, class, user));
}

/* The processor reads descriptor tables as the kernel. */
static int read_system(struct kvm_vcpu *vcpu, u64 addr, void *val, unsigned int bytes)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	struct x86_exception e;
	bool user = v->user;
	int r;

	v->user = false;
	r = kvm_read_guest_virt(vcpu, addr, val, bytes, &e);
	v->user = user;
	return r == X86EMUL_CONTINUE ? 0 : -EFAULT;
}

/**
 * ring1_desc_sync - take over descriptors that a trap guest may have written
 * @v:	vCPU, stopped
 *
 * It writes its GDT without a trap; the hardware's is the monitor's. What it wrote
 * counts for the next ring-3 code, and for LSL.
 */
void ring1_desc_sync(struct vcpu_ring1 *v)
{
	u64 desc[RING1_GDT_CPUNODE - RING1_GDT_TLS + 1];
	unsigned int offset = RING1_GDT_TLS * 8;
	bool changed = false;
	int i;

	if (ring1_is_pv(v) || offset + sizeof(desc) - 1 > v->guest_gdt.size ||
	    read_system(&v->vcpu, v->guest_gdt.address + offset, desc, sizeof(desc)))
		return;
	for (i = 0; i < ARRAY_SIZE(desc); i++)
		if (ring1_desc_allowed(desc[i]))
			changed |= ring1_desc_write(v, RING1_GDT_TLS + i, desc[i]);
	if (changed)
		ring1_segments_claim(v);
}

/* The stack for a gate, as the processor would choose it; 64-bit only. */
static int choose_stack(struct vcpu_ring1 *v, const gate_desc *gate, u64 *sp)
{
	u64 tss = v->segment[VCPU_SREG_TR].base;

	if (gate->bits.ist)
		return read_system(&v->vcpu, tss + offsetof(struct x86_hw_tss, ist) +
				   8 * (gate->bits.ist - 1), sp, 8);
	if (v->user)
		return read_system(&v->vcpu, tss + offsetof(struct x86_hw_tss, sp0), sp, 8);
	*sp = kvm_rsp_read(&v->vcpu);
	return 0;
}

static int read_gate(struct vcpu_ring1 *v, unsigned int vector, gate_desc *gate)
{
	unsigned int offset = vector * sizeof(*gate);

	if (offset + sizeof(*gate) - 1 > v->guest_idt.size ||
	    read_system(&v->vcpu, v->guest_idt.address + offset, gate, sizeof(*gate)) ||
	    !gate->bits.p || (gate->bits.type != GATE_INTERRUPT && gate->bits.type != GATE_TRAP))
		return -EFAULT;
	return 0;
}

static int deliver_idt(struct vcpu_ring1 *v, unsigned int vector, bool has_error, u32 error)
{
	struct kvm_vcpu *vcpu = &v->vcpu;
	bool user = v->user, vif = ring1_regs_get_vif(v);
	u64 stack[6], sp;
	struct x86_exception e;
	gate_desc gate;
	int n = 0, r;

	if (!is_64_bit_mode(vcpu) && !user)
		return -EFAULT;
	if (read_gate(v, vector, &gate) || choose_stack(v, &gate, &sp))
		return -EFAULT;
	/* Such handlers may look for their CPU's number there, by LSL. */
	if (gate.bits.ist)
		ring1_desc_sync(v);

	if (has_error)
		stack[n++] = error;
	stack[n++] = kvm_rip_read(vcpu);
	stack[n++] = user ? v->segment[VCPU_SREG_CS].selector : v->kernel_cs.selector;
	stack[n++] = ring1_get_rflags(vcpu);
	stack[n++] = kvm_rsp_read(vcpu);
	stack[n++] = v->segment[VCPU_SREG_SS].selector;

	sp = ALIGN_DOWN(sp, 16) - n * 8;
	v->user = false;
	r = kvm_write_guest_virt_system(vcpu, sp, stack, n * 8, &e);
	if (r != X86EMUL_CONTINUE) {
		v->user = user;
		return -EFAULT;
	}
	if (user)
		v->segment[VCPU_SREG_SS] = (struct kvm_segment) { .unusable = 1 };
	v->kernel_cs.selector = gate.segment & ~SEGMENT_RPL_MASK;
	kvm_rsp_write(vcpu, sp);
	kvm_rip_write(vcpu, gate_offset(&gate));
	v->rflags &= ~(X86_EFLAGS_TF | X86_EFLAGS_NT | X86_EFLAGS_RF | X86_EFLAGS_VM);
	v->vif = vif && gate.bits.type == GATE_TRAP;
	return 0;
}

static void deliver(struct kvm_vcpu *vcpu, unsigned int vector, bool has_error, u32 error)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);

	trace_ring1_inject(vcpu->vcpu_id, vector, error, kvm_rip_read(vcpu));
	v->int_shadow = 0;
	if (ring1_is_pv(v)) {
		deliver_pv(v, vector, has_error ? error : 0);
		return;
	}
	if (deliver_idt(v, vector, has_error, error) &&
	    (vector == DF_VECTOR || deliver_idt(v, DF_VECTOR, true, 0)))
		kvm_make_request(KVM_REQ_TRIPLE_FAULT, vcpu);
}

#define INTN_INSN_SIZE	2
#define ERROR_CODE_IDT	2	/* the selector's index is one of the IDT */

/* INT n in the guest's user: RIP is behind it already. */
void ring1_deliver_intn(struct kvm_vcpu *vcpu, unsigned int vector)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	gate_desc gate;

	if (!ring1_is_pv(v) && (read_gate(v, vector, &gate) || gate.bits.dpl != 3)) {
		kvm_rip_write(vcpu, kvm_rip_read(vcpu) - INTN_INSN_SIZE);
		kvm_queue_exception_e(vcpu, GP_VECTOR, vector * 8 + ERROR_CODE_IDT);
		return;
	}
	deliver(vcpu, vector, false, 0);
}

void ring1_inject_irq(struct kvm_vcpu *vcpu, bool reinjected)
{
	deliver(vcpu, vcpu->arch.interrupt.nr, false, 0);
}

void ring1_inject_nmi(struct kvm_vcpu *vcpu)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	const struct ring1_window *window = current_window(v);

	if (window)
		rewind(v, window);
	v->nmi_masked = true;
	deliver(vcpu, NMI_VECTOR, false, 0);
}

/*
 * In a window, an exception is that of IRETQ itself and is delivered with its
 * RIP, by which the guest knows it; only GS has to be the kernel's. Others are
 * traps behind an instruction that can be repeated.
 */
void ring1_inject_exception(struct kvm_vcpu *vcpu)
{
	struct kvm_queued_exception *ex = &vcpu->arch.exception;
	struct vcpu_ring1 *v = to_ring1(vcpu);
	const struct ring1_window *window = current_window(v);

	kvm_deliver_exception_payload(vcpu, ex);
	if (window && (ex->vector == DB_VECTOR || ex->vector == MC_VECTOR))
		rewind(v, window);
	else if (window)
		v->gs_base = v->setup.kernel_gs;
	v->stat[RING1_STAT_EXCEPTION]++;
	deliver(vcpu, ex->vector, ex->has_error_code, ex->error_code);
}

/* What KVM calls injected has been delivered: there is nothing to take back. */
void ring1_cancel_injection(struct kvm_vcpu *vcpu)
{
	vcpu->arch.nmi_injected = false;
	kvm_clear_exception_queue(vcpu);
	kvm_clear_interrupt_queue(vcpu);
}

int ring1_interrupt_allowed(struct kvm_vcpu *vcpu, bool for_injection)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);

	if (!ring1_regs_get_vif(v) || v->int_shadow || current_window(v))
		return 0;
	return !ring1_is_pv(v) || v->user ||
	       !READ_ONCE(v->shared->frame[RING1_EVENT_NORMAL].busy);
}

int ring1_nmi_allowed(struct kvm_vcpu *vcpu, bool for_injection)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);

	return !v->nmi_masked && !v->int_shadow;
}

/*
 * An interrupt or NMI waits: look again at the next exit. A PV guest is told in
 * the shared page; one that stands in a window has made its last test and must
 * make it again. A trap guest exits when it enables interrupts, but not by IRETQ to
 * ring 3, unless run.c closes that way, nor at the end of an interrupt shadow: the
 * one instruction of that is emulated.
 */
void ring1_enable_irq_window(struct kvm_vcpu *vcpu)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	const struct ring1_window *window = current_window(v);

	v->event_wanted = true;
	if (ring1_is_pv(v))
		WRITE_ONCE(v->shared->pending, 1);
	if (window)
		rewind(v, window);
}

void ring1_enable_nmi_window(struct kvm_vcpu *vcpu)
{
	to_ring1(vcpu)->event_wanted = true;
}

/* At every exit: let KVM decide again about what it could not inject. */
void ring1_recheck_events(struct vcpu_ring1 *v)
{
	if (!v->event_wanted)
		return;
	v->event_wanted = false;
	if (ring1_is_pv(v))
		WRITE_ONCE(v->shared->pending, 0);
	kvm_make_request(KVM_REQ_EVENT, &v->vcpu);
}

void ring1_unmask_nmi(struct vcpu_ring1 *v)
{
	if (!v->nmi_masked)
		return;
	v->nmi_masked = false;
	kvm_make_request(KVM_REQ_EVENT, &v->vcpu);
}
