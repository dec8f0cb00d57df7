// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trap vCPUs: the descriptors a guest has written into its GDT, and system calls as the
 * processor would do them, by the guest's own MSRs. Events are idt.c's, instructions that
 * fault emulate.c's. The other kind of guest is pv.c's.
 */
#include "x86.h"
#include "ring1.h"

/**
 * ring1_trap_read_system - read a descriptor table or TSS, as the kernel
 * @v:		trap vCPU
 * @addr:	linear address
 * @val:	filled
 * @bytes:	how many
 * @e:		the fault, if X86EMUL_PROPAGATE_FAULT is returned
 *
 * Return: X86EMUL_CONTINUE, or why not.
 */
int ring1_trap_read_system(struct vcpu_ring1 *v, u64 addr, void *val, unsigned int bytes,
			   struct x86_exception *e)
{
	bool user = v->user;
	int r;

	v->user = false;
	r = kvm_read_guest_virt(&v->vcpu, addr, val, bytes, e);
	v->user = user;
	return r;
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
	struct x86_exception e;
	bool changed = false;
	int i;

	if (ring1_is_pv(v) || offset + sizeof(desc) - 1 > v->guest_gdt.size ||
	    ring1_trap_read_system(v, v->guest_gdt.address + offset, desc, sizeof(desc), &e))
		return;
	for (i = 0; i < ARRAY_SIZE(desc); i++)
		if (ring1_desc_allowed(desc[i]))
			changed |= ring1_desc_write(v, RING1_GDT_TLS + i, desc[i]);
	if (changed)
		ring1_segments_claim(v);
}

/* 64-bit code of the kernel's: the processor does not look at more than the selector. */
struct kvm_segment ring1_trap_kernel_cs(u16 selector)
{
	return (struct kvm_segment){
		.selector = selector & ~SEGMENT_RPL_MASK, .limit = ~0u, .type = 11, .s = 1,
		.present = 1, .l = 1, .g = 1,
	};
}

static void begin_syscall(struct vcpu_ring1 *v, u16 cs)
{
	ring1_regs_to_kernel(v);
	v->kernel_cs = ring1_trap_kernel_cs(cs);
	v->segment[VCPU_SREG_SS].selector = v->kernel_cs.selector + 8;
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
	begin_syscall(v, v->star >> 32);
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
	begin_syscall(v, v->sysenter_cs);
	v->vif = false;
	kvm_rip_write(vcpu, v->sysenter_eip);
	kvm_rsp_write(vcpu, v->sysenter_esp);
	return 1;
}
