// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trap vCPUs: the ways through the guest's own IDT, and back by IRET outside of 64-bit code,
 * as the processor would take them: gates of 16, 32 and 64 bits; real mode's vectors are
 * KVM's. Faults on the way are events themselves. When to deliver is event.c's, IRETQ
 * emulate.c's, system calls are trap.c's.
 *
 * There are no task gates and no virtual-8086 mode, and rings 1 and 2 are refused.
 */
#include <asm/desc.h>
#include "x86.h"
#include "ring1.h"

/* Bits of an error code that is a selector's. */
#define ERROR_EXT	1	/* no instruction asked for it */
#define ERROR_IDT	2	/* the index is one of the IDT */

/* Bits in the type of a gate, a TSS, a segment. */
#define GATE_OPEN	1	/* IF stays */
#define GATE_32BIT	8	/* not of 16 bits */
#define SEGMENT_CODE	8
#define SEGMENT_SPECIAL	4	/* code: conforming; data: expands down */

/* A way in or out, and the fault that came of it. INT n, @soft, goes by the gate's DPL. */
struct event {
	struct vcpu_ring1 *v;
	unsigned int vector;
	bool soft, has_error;
	u32 error;
	u64 ip;			/* where the handler returns to */
	struct x86_exception fault;
};

static int raise(struct event *ev, u8 vector, u16 error)
{
	ev->fault.vector = vector;
	ev->fault.error_code = error | (ev->soft ? 0 : ERROR_EXT);
	return -EFAULT;
}

/* What an access came to; what is not memory has nothing good to say. */
static int check(struct event *ev, int r, u8 vector, u16 error)
{
	if (r == X86EMUL_CONTINUE)
		return 0;
	return r == X86EMUL_PROPAGATE_FAULT ? -EFAULT : raise(ev, vector, error);
}

static int read_table(struct event *ev, u64 addr, void *val, unsigned int bytes, u8 vector,
		      u16 error)
{
	int r = ring1_trap_read_system(ev->v, addr, val, bytes, &ev->fault);

	return check(ev, r, vector, error);
}

/* Long mode has the two types of 32 bits, for gates of 64. */
static int read_gate(struct event *ev, gate_desc *gate)
{
	bool lm = is_long_mode(&ev->v->vcpu);
	unsigned int size = lm ? sizeof(*gate) : 8, any = GATE_OPEN | (lm ? 0 : GATE_32BIT);
	const struct desc_ptr *idt = &ev->v->guest_idt;
	u16 error = ev->vector * 8 | ERROR_IDT;

	if ((ev->vector + 1) * size - 1 > idt->size)
		return raise(ev, GP_VECTOR, error);
	if (read_table(ev, idt->address + ev->vector * size, gate, size, GP_VECTOR, error))
		return -EFAULT;
	if ((gate->bits.type | any) != GATE_TRAP ||
	    (ev->soft && gate->bits.dpl < ring1_get_cpl(&ev->v->vcpu)))
		return raise(ev, GP_VECTOR, error);
	return gate->bits.p ? 0 : raise(ev, NP_VECTOR, error);
}

/* Code, or the stack, that is good for @cpl, from the guest's own tables. */
static int read_segment(struct event *ev, u16 selector, unsigned int cpl, bool code, u8 vector,
			struct kvm_segment *var)
{
	const struct kvm_segment *ldt = &ev->v->segment[VCPU_SREG_LDTR];
	bool local = selector & SEGMENT_TI_MASK;
	u16 error = selector & ~SEGMENT_RPL_MASK;
	struct desc_struct desc;
	bool good;

	if (!error || (selector | 7) > (local ? ldt->limit : ev->v->guest_gdt.size))
		return raise(ev, vector, error);
	if (read_table(ev, (local ? ldt->base : ev->v->guest_gdt.address) + (selector & ~7), &desc,
		       sizeof(desc), vector, error))
		return -EFAULT;
	ring1_segments_describe(&desc, selector, var);
	good = var->dpl == cpl || (code && var->type & SEGMENT_SPECIAL && var->dpl < cpl);
	if (code)
		good &= var->type >= SEGMENT_CODE;
	else		/* it can be written */
		good &= (var->type & (SEGMENT_CODE | 2)) == 2 && (selector & 3) == cpl;
	if (!good || !var->s)
		return raise(ev, vector, error);
	if (!var->present)
		return raise(ev, code ? NP_VECTOR : SS_VECTOR, error);
	/* By the DPL, KVM is told the CPL. */
	var->dpl = cpl;
	var->selector = error | cpl;
	return 0;
}

/* The kernel's stack, from the TSS. */
static int kernel_stack(struct event *ev, u64 *sp, struct kvm_segment *ss)
{
	const struct kvm_segment *tr = &ev->v->segment[VCPU_SREG_TR];
	unsigned int half = tr->type & GATE_32BIT ? 4 : 2;
	u16 word[3], error = tr->selector & ~SEGMENT_RPL_MASK;

	if (2 * half + 1 > tr->limit)
		return raise(ev, TS_VECTOR, error);
	if (read_table(ev, tr->base + half, word, half + 2, TS_VECTOR, error))
		return -EFAULT;
	*sp = half == 4 ? word[0] | (u32)word[1] << 16 : word[0];
	return read_segment(ev, word[half / 2], 0, false, TS_VECTOR, ss);
}

/* In 64-bit mode there are no segments: 16 bytes are always on one's stack. */
static int kernel_stack64(struct event *ev, unsigned int ist, u64 *sp)
{
	const struct kvm_segment *tr = &ev->v->segment[VCPU_SREG_TR];
	unsigned int offset = offsetof(struct x86_hw_tss, sp0);

	if (ist) {
		/* Handlers with a stack of their own may ask LSL for their CPU's number. */
		ring1_trap_sync_desc(ev->v);
		offset = offsetof(struct x86_hw_tss, ist) + 8 * (ist - 1);
	}
	if ((ist || ev->v->user) && read_table(ev, tr->base + offset, sp, sizeof(*sp), TS_VECTOR,
					       tr->selector & ~SEGMENT_RPL_MASK))
		return -EFAULT;
	*sp = ALIGN_DOWN(*sp, 16);
	return 0;
}

/* @bytes from @sp on: their address, after moving @sp down for a push, or up for a pop. */
static int use_stack(struct event *ev, const struct kvm_segment *ss, u64 *sp, int bytes,
		     u64 *addr)
{
	u64 mask = ss->db ? U32_MAX : U16_MAX;
	u32 low = (bytes < 0 ? *sp + bytes : *sp) & mask, last = low + abs(bytes) - 1;

	if (ss->type & SEGMENT_SPECIAL ? low <= ss->limit || last > mask : last > ss->limit)
		return raise(ev, SS_VECTOR, ev->v->user && bytes < 0 ? ss->selector : 0);
	*addr = (u32)(ss->base + low);
	*sp = (*sp & ~mask) | ((*sp + bytes) & mask);
	return 0;
}

static int enter(struct event *ev)
{
	struct vcpu_ring1 *v = ev->v;
	struct kvm_vcpu *vcpu = &v->vcpu;
	bool user = v->user, vif = ring1_regs_get_vif(v), lm = is_long_mode(vcpu);
	struct kvm_segment cs, ss = v->segment[VCPU_SREG_SS];
	u64 value[6], image[6], addr, ip, sp = kvm_rsp_read(vcpu);
	unsigned int width, n = 0, i;
	gate_desc gate = {};

	if (!lm && v->rflags & X86_EFLAGS_VM)
		return raise(ev, GP_VECTOR, 0);
	if (read_gate(ev, &gate))
		return -EFAULT;
	width = lm ? 8 : gate.bits.type & GATE_32BIT ? 4 : 2;
	ip = gate_offset(&gate) & GENMASK_ULL(width * 8 - 1, 0);
	if (lm) {
		cs = ring1_trap_kernel_cs(gate.segment);
		if (!cs.selector)
			return raise(ev, GP_VECTOR, 0);
		if (kernel_stack64(ev, gate.bits.ist, &sp))
			return -EFAULT;
		if (user)
			ss = (struct kvm_segment){ .unusable = 1 };
	} else {
		if (read_segment(ev, gate.segment, 0, true, GP_VECTOR, &cs))
			return -EFAULT;
		/* A handler in the user's ring is the one other way there could be. */
		if (ip > cs.limit || (user && cs.type & SEGMENT_SPECIAL))
			return raise(ev, GP_VECTOR, 0);
		if (user && kernel_stack(ev, &sp, &ss))
			return -EFAULT;
	}

	if (ev->has_error)
		value[n++] = ev->error;
	value[n++] = ev->ip;
	value[n++] = user ? v->segment[VCPU_SREG_CS].selector : v->kernel_cs.selector;
	value[n++] = kvm_get_rflags(vcpu);
	if (user || lm) {
		value[n++] = kvm_rsp_read(vcpu);
		value[n++] = v->segment[VCPU_SREG_SS].selector;
	}
	for (i = 0; i < n; i++)
		memcpy((void *)image + i * width, &value[i], width);
	if (lm) {
		sp -= n * width;
		addr = sp;
	} else if (use_stack(ev, &ss, &sp, -(int)(n * width), &addr)) {
		return -EFAULT;
	}
	if (check(ev, kvm_write_guest_virt_system(vcpu, addr, image, n * width, &ev->fault),
		  SS_VECTOR, 0))
		return -EFAULT;

	v->user = false;
	v->kernel_cs = cs;
	v->segment[VCPU_SREG_SS] = ss;
	kvm_rsp_write(vcpu, sp);
	kvm_rip_write(vcpu, ip);
	v->rflags &= ~(X86_EFLAGS_TF | X86_EFLAGS_NT | X86_EFLAGS_RF | X86_EFLAGS_VM);
	v->vif = vif && gate.bits.type & GATE_OPEN;
	return 0;
}

/* Two of these at a time are a double fault. Interrupts have no error code. */
static bool is_contributory(const struct event *ev)
{
	return !ev->vector || (ev->has_error && ev->vector >= TS_VECTOR && ev->vector < PF_VECTOR);
}

/* The fault is the next event, or with the one before it a double fault. */
static void follow(struct event *ev)
{
	bool page_fault = ev->fault.vector == PF_VECTOR;

	if (page_fault)
		ev->v->vcpu.arch.cr2 = ev->fault.address;
	if ((ev->has_error && ev->vector == PF_VECTOR) || (is_contributory(ev) && !page_fault))
		ev->fault = (struct x86_exception){ .vector = DF_VECTOR };
	ev->vector = ev->fault.vector;
	ev->error = ev->fault.error_code;
	ev->has_error = true;
}

/**
 * ring1_idt_deliver - push a frame on the guest's stack, and go to the handler
 * @v:		trap vCPU
 * @vector:	event
 * @has_error:	whether the frame has an error code
 * @error:	the error code
 *
 * A fault on the way is delivered in its place, or becomes a double fault, and that a triple
 * fault: here, as KVM takes no exception while it injects one.
 */
void ring1_idt_deliver(struct vcpu_ring1 *v, unsigned int vector, bool has_error, u32 error)
{
	struct event ev = { .v = v, .vector = vector, .has_error = has_error, .error = error,
			    .ip = kvm_rip_read(&v->vcpu) };
	struct kvm_vcpu *vcpu = &v->vcpu;
	bool dead;

	if (is_protmode(vcpu)) {
		while ((dead = enter(&ev)) && !(ev.has_error && ev.vector == DF_VECTOR))
			follow(&ev);
	} else {
		kvm_inject_realmode_interrupt(vcpu, vector, 0);
		/* If the stack is a device's, KVM would go on, and warn at the next KVM_RUN. */
		dead = vcpu->mmio_needed;
		vcpu->mmio_needed = false;
	}
	if (dead)
		kvm_make_request(KVM_REQ_TRIPLE_FAULT, vcpu);
}

/* The end of an instruction: @r, or the fault is its exception. Return as KVM's handlers. */
static int finish(struct event *ev, int r)
{
	struct kvm_vcpu *vcpu = &ev->v->vcpu;

	ev->v->int_shadow = 0;
	if (!r)
		kvm_make_request(KVM_REQ_EVENT, vcpu);
	else if (ev->fault.vector == PF_VECTOR)
		__kvm_inject_emulated_page_fault(vcpu, &ev->fault, false);
	else
		kvm_queue_exception_e(vcpu, ev->fault.vector, ev->fault.error_code);
	return 1;
}

/**
 * ring1_idt_intn - what INT n does in protected mode
 * @v:		trap vCPU, at the instruction
 * @vector:	n
 * @next:	RIP behind the instruction
 *
 * Return: 1, as KVM's exit handlers.
 */
int ring1_idt_intn(struct vcpu_ring1 *v, unsigned int vector, u64 next)
{
	struct event ev = { .v = v, .vector = vector, .soft = true, .ip = next };

	return finish(&ev, enter(&ev));
}

static int pop(struct event *ev, const struct kvm_segment *ss, u64 *sp, u32 *value,
	       unsigned int nr, unsigned int width)
{
	int r = 0;
	u64 addr;

	if (use_stack(ev, ss, sp, nr * width, &addr))
		return -EFAULT;
	for (; nr-- && !r; addr += width, value++)
		r = check(ev, kvm_read_guest_virt(&ev->v->vcpu, addr, value, width, &ev->fault),
			  SS_VECTOR, 0);
	return r;
}

static int iret(struct event *ev, unsigned int width)
{
	struct kvm_vcpu *vcpu = &ev->v->vcpu;
	struct kvm_segment cs, ss = ev->v->segment[VCPU_SREG_SS], none = { .unusable = 1 };
	unsigned long flags = kvm_get_rflags(vcpu), may = RING1_IRET_RFLAGS;
	unsigned int cpl = ring1_get_cpl(vcpu), rpl, seg;
	u64 sp = kvm_rsp_read(vcpu);
	u32 value[5] = {};

	if (pop(ev, &ss, &sp, value, 3, width))
		return -EFAULT;
	/* NT leads to another task, VM to virtual-8086 mode. */
	if (flags & (X86_EFLAGS_NT | X86_EFLAGS_VM) || (value[2] & X86_EFLAGS_VM && !cpl))
		return raise(ev, GP_VECTOR, 0);
	rpl = value[1] & SEGMENT_RPL_MASK;
	/* In long mode the kernel's 32-bit code has no way to a user. */
	if (rpl != cpl && (rpl != 3 || is_long_mode(vcpu)))
		return raise(ev, GP_VECTOR, value[1] & ~SEGMENT_RPL_MASK);
	if (read_segment(ev, value[1], rpl, true, GP_VECTOR, &cs))
		return -EFAULT;
	if (value[0] > cs.limit)
		return raise(ev, GP_VECTOR, 0);
	if (rpl != cpl) {
		if (pop(ev, &ss, &sp, value + 3, 2, width) ||
		    read_segment(ev, value[4], rpl, false, GP_VECTOR, &ss))
			return -EFAULT;
		sp = value[3];
	}

	if (cpl)
		may &= ~X86_EFLAGS_IOPL;
	if (cpl > (flags & X86_EFLAGS_IOPL) >> X86_EFLAGS_IOPL_BIT)
		may &= ~X86_EFLAGS_IF;
	if (width == 2)
		may &= U16_MAX;
	ring1_set_segment(vcpu, &cs, VCPU_SREG_CS);
	ring1_set_segment(vcpu, &ss, VCPU_SREG_SS);
	/* A user does not keep the segments of its kernel. */
	for (seg = VCPU_SREG_ES; rpl != cpl && seg <= VCPU_SREG_GS; seg++) {
		ring1_get_segment(vcpu, &cs, seg);
		if (cs.dpl < 3)
			ring1_set_segment(vcpu, &none, seg);
	}
	kvm_rip_write(vcpu, value[0]);
	kvm_rsp_write(vcpu, sp);
	kvm_set_rflags(vcpu, (flags & ~may) | (value[2] & may));
	ev->v->nmi_masked = false;
	return 0;
}

/**
 * ring1_idt_iret - what IRET does in protected mode, outside of 64-bit code
 * @v:		trap vCPU, at the instruction
 * @width:	bytes of an operand: 2 or 4
 *
 * Return: 1, as KVM's exit handlers.
 */
int ring1_idt_iret(struct vcpu_ring1 *v, unsigned int width)
{
	struct event ev = { .v = v, .soft = true };

	return finish(&ev, iret(&ev, width));
}
