// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trap vCPUs: events and system calls as the processor would deliver them, by the
 * guest's own IDT, TSS, stacks and MSRs, and the descriptors a guest has written
 * into its GDT. When to deliver is event.c's, instructions that fault are
 * emulate.c's. The other kind of guest is pv.c's.
 */
#include <asm/desc.h>
#include "x86.h"
#include "ring1.h"

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
 * ring1_trap_sync_desc - take over descriptors that a trap guest may have written
 * @v:	vCPU, stopped
 *
 * The guest writes its GDT without a trap; the hardware's is the monitor's. What the
 * guest wrote counts for the next ring-3 code, and for LSL.
 */
void ring1_trap_sync_desc(struct vcpu_ring1 *v)
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

/**
 * ring1_trap_gate_open - may the guest's user come in by INT n?
 * @v:		trap vCPU
 * @vector:	n
 */
bool ring1_trap_gate_open(struct vcpu_ring1 *v, unsigned int vector)
{
	gate_desc gate;

	return !read_gate(v, vector, &gate) && gate.bits.dpl == 3;
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
	/* Handlers with a stack of their own may ask LSL for their CPU's number. */
	if (gate.bits.ist)
		ring1_trap_sync_desc(v);

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

/**
 * ring1_trap_deliver - push a frame on the guest's stack, and go to the IDT's handler
 * @v:		trap vCPU
 * @vector:	event
 * @has_error:	whether the frame has an error code
 * @error:	the error code
 *
 * Where that does not work the event becomes a double fault, then a triple fault.
 */
void ring1_trap_deliver(struct vcpu_ring1 *v, unsigned int vector, bool has_error, u32 error)
{
	if (deliver_idt(v, vector, has_error, error) &&
	    (vector == DF_VECTOR || deliver_idt(v, DF_VECTOR, true, 0)))
		kvm_make_request(KVM_REQ_TRIPLE_FAULT, &v->vcpu);
}

/**
 * ring1_trap_syscall - handle a SYSCALL of the guest's user
 * @vcpu:	trap vCPU; R11 has RFLAGS, RCX the return address already
 * @target:	the guest's LSTAR or CSTAR
 *
 * Loads what the processor would from the MSRs that the guest wrote.
 * Return: as KVM's exit handlers.
 */
int ring1_trap_syscall(struct kvm_vcpu *vcpu, u64 target)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);

	v->stat[RING1_STAT_SYSCALL]++;
	if (!(vcpu->arch.efer & EFER_SCE)) {
		kvm_queue_exception(vcpu, UD_VECTOR);
		return 1;
	}
	ring1_regs_to_kernel(v);
	v->kernel_cs.selector = (v->star >> 32) & ~SEGMENT_RPL_MASK;
	v->segment[VCPU_SREG_SS].selector = v->kernel_cs.selector + 8;
	v->vif = !(v->sfmask & X86_EFLAGS_IF);
	v->rflags &= ~v->sfmask;
	kvm_rip_write(vcpu, target);
	return 1;
}

int ring1_trap_sysenter(struct kvm_vcpu *vcpu)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);

	v->stat[RING1_STAT_SYSCALL]++;
	if (!(v->sysenter_cs & ~SEGMENT_RPL_MASK)) {
		kvm_queue_exception_e(vcpu, GP_VECTOR, 0);
		return 1;
	}
	ring1_regs_to_kernel(v);
	v->kernel_cs.selector = v->sysenter_cs & ~SEGMENT_RPL_MASK;
	v->segment[VCPU_SREG_SS].selector = v->kernel_cs.selector + 8;
	v->vif = false;
	kvm_rip_write(vcpu, v->sysenter_eip);
	kvm_rsp_write(vcpu, v->sysenter_esp);
	return 1;
}
