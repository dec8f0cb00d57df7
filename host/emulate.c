// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instructions that faulted in ring 1: sort out which are privileged, emulate the
 * ones KVM's emulator does not know (INT, IRET, SWAPGS, SYSRET, STAC, CLAC, RDTSCP),
 * pass on those it does, and hand every other #GP and #UD back to the guest.
 *
 * A trap guest lives on this; a PV guest meets it in early boot and at I/O ports.
 * PUSHF, POPF and CPUID do not fault in ring 1. A trap guest that wants their virtual
 * effect puts KVM's emulation prefix in front of them, which is a #UD.
 */
#include <linux/entry-kvm.h>
#include <asm/emulate_prefix.h>
#include <asm/insn.h>
#include <asm/msr.h>
#include "x86.h"
#include "ring1.h"
#include "tracepoints.h"

enum insn_class {
	INSN_NOT_PRIVILEGED,
	INSN_SILENT,		/* privileged by nature, but it does not fault */
	INSN_IO,
	INSN_KVM,		/* privileged, and KVM's emulator knows it */
	INSN_IRET,
	INSN_INT,
	INSN_NOP,		/* privileged by none, but KVM's emulator lacks it: ENDBR */
	INSN_SWAPGS,
	INSN_SYSRET,
	INSN_HYPERCALL,
	INSN_STAC,
	INSN_CLAC,
	INSN_MONITOR,
	INSN_MWAIT,
	INSN_RDTSC,
	INSN_RDTSCP,
};

static enum insn_class classify_group7(const struct x86_emulate_ctxt *ctxt)
{
	bool memory = ctxt->modrm < 0xc0;

	switch (ctxt->modrm) {
	case 0xf8:
		return INSN_SWAPGS;
	case 0xca:
		return INSN_CLAC;
	case 0xcb:
		return INSN_STAC;
	case 0xc8:
		return INSN_MONITOR;
	case 0xc9:
		return INSN_MWAIT;
	case 0xc1:				/* VMCALL */
	case 0xc2:				/* see ring1_patch_hypercall() */
	case 0xd9:				/* VMMCALL */
		return INSN_HYPERCALL;
	case 0xd1:				/* XSETBV */
		return INSN_KVM;
	case 0xf9:
		return INSN_RDTSCP;
	}
	switch (ctxt->modrm >> 3 & 7) {
	case 4:					/* SMSW, under UMIP */
	case 6:					/* LMSW */
		return INSN_KVM;
	case 5:
		return INSN_NOT_PRIVILEGED;
	default:				/* SGDT SIDT LGDT LIDT INVLPG */
		return memory ? INSN_KVM : INSN_NOT_PRIVILEGED;
	}
}

static enum insn_class classify_two_byte(const struct x86_emulate_ctxt *ctxt)
{
	switch (ctxt->b) {
	case 0x00:				/* SLDT STR LLDT LTR */
		return (ctxt->modrm >> 3 & 7) < 4 ? INSN_KVM : INSN_NOT_PRIVILEGED;
	case 0x01:
		return classify_group7(ctxt);
	case 0x07:
		return INSN_SYSRET;
	case 0x19 ... 0x1e:
		return INSN_NOP;
	case 0x31:
		return INSN_RDTSC;
	case 0x06:				/* CLTS */
	case 0x08:				/* INVD */
	case 0x09:				/* WBINVD */
	case 0x20 ... 0x23:			/* MOV CR, DR */
	case 0x30:				/* WRMSR */
	case 0x32:				/* RDMSR */
	case 0x33:				/* RDPMC */
	case 0xa1:				/* POP FS */
	case 0xa2:				/* CPUID, with faulting */
	case 0xa9:				/* POP GS */
	case 0xb2:				/* LSS */
	case 0xb4:				/* LFS */
	case 0xb5:				/* LGS */
		return INSN_KVM;
	default:
		return INSN_NOT_PRIVILEGED;
	}
}

static enum insn_class classify(const struct x86_emulate_ctxt *ctxt)
{
	if (ctxt->opcode_len == 2)
		return classify_two_byte(ctxt);
	if (ctxt->opcode_len != 1)
		return INSN_NOT_PRIVILEGED;

	switch (ctxt->b) {
	case 0x6c ... 0x6f:			/* INS OUTS */
	case 0xe4 ... 0xe7:			/* IN OUT */
	case 0xec ... 0xef:
		return INSN_IO;
	case 0x8e:				/* MOV to a segment register */
	case 0xca:				/* far RET */
	case 0xcb:
	case 0xf4:				/* HLT */
	case 0xfa:				/* CLI */
	case 0xfb:				/* STI */
		return INSN_KVM;
	case 0x9c:				/* PUSHF */
	case 0x9d:				/* POPF */
		return INSN_SILENT;
	case 0xcc ... 0xce:			/* INT3 INT INTO */
		return INSN_INT;
	case 0xcf:
		return INSN_IRET;
	case 0xff:				/* far CALL, far JMP */
		return (ctxt->modrm >> 3 & 7) == 3 || (ctxt->modrm >> 3 & 7) == 5 ?
		       INSN_KVM : INSN_NOT_PRIVILEGED;
	default:
		return INSN_NOT_PRIVILEGED;
	}
}

/**
 * ring1_emulate_iret - load what IRETQ takes from the stack
 * @vcpu:	guest kernel
 * @ip:		instruction pointer
 * @cs:		RPL 3: to the user; else to the kernel
 * @flags:	IF becomes the virtual interrupt flag
 * @sp:		stack pointer
 * @ss:		stack segment
 * @unmask_nmi:	whether it ends an NMI handler
 *
 * A user's selector or address the hardware will not take faults at the next
 * enter, and the guest gets the #GP as if its user had caused it.
 * Return: 1.
 */
int ring1_emulate_iret(struct kvm_vcpu *vcpu, u64 ip, u64 cs, u64 flags, u64 sp, u64 ss,
		       bool unmask_nmi)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	bool to_user = (cs & SEGMENT_RPL_MASK) == 3;

	v->int_shadow = 0;
	if (unmask_nmi)
		v->nmi_masked = false;
	if (to_user) {
		ring1_segments_fill(v, cs == __USER32_CS ? __USER32_CS : __USER_CS,
				    &v->segment[VCPU_SREG_CS]);
		ring1_segments_fill(v, ss, &v->segment[VCPU_SREG_SS]);
		ring1_regs_to_user(v);
		/* The hardware is given one of the two, so it would not find out. */
		if (cs != __USER32_CS && cs != __USER_CS) {
			v->segment[VCPU_SREG_CS].selector = cs;
			kvm_queue_exception_e(vcpu, GP_VECTOR, (u16)cs & ~SEGMENT_RPL_MASK);
		}
	} else if (!ring1_is_pv(v)) {
		v->kernel_cs.selector = cs & ~SEGMENT_RPL_MASK;
		v->segment[VCPU_SREG_SS].selector = ss;
	}
	kvm_rip_write(vcpu, ip);
	kvm_rsp_write(vcpu, sp);
	kvm_set_rflags(vcpu, (flags & RING1_IRET_RFLAGS) | X86_EFLAGS_FIXED);
	kvm_make_request(KVM_REQ_EVENT, vcpu);
	return 1;
}

static int emulate_iret(struct kvm_vcpu *vcpu, const struct x86_emulate_ctxt *ctxt)
{
	struct x86_exception e;
	u64 frame[5];

	if (!is_64_bit_mode(vcpu))
		return ring1_idt_iret(to_ring1(vcpu), ctxt->op_bytes);
	if (!(ctxt->rex_prefix & 8))
		return -EINVAL;
	if (kvm_read_guest_virt(vcpu, kvm_rsp_read(vcpu), frame, sizeof(frame), &e))
		return -EFAULT;
	return ring1_emulate_iret(vcpu, frame[0], frame[1], frame[2], frame[3], frame[4],
				  true);
}

static int emulate_sysret(struct kvm_vcpu *vcpu, const struct x86_emulate_ctxt *ctxt)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	bool to64 = ctxt->rex_prefix & 8;
	u64 ip = kvm_rcx_read(vcpu);

	if (v->star >> 48 != __USER32_CS)
		return -EINVAL;
	return ring1_emulate_iret(vcpu, to64 ? ip : (u32)ip, to64 ? __USER_CS : __USER32_CS,
				  kvm_r11_read(vcpu), kvm_rsp_read(vcpu), __USER_DS, false);
}

/* Let KVM emulate, and do what it leaves to the vendor. Return as KVM's exit handlers. */
static int kvm_emulate(struct kvm_vcpu *vcpu, int type)
{
	int r = kvm_emulate_instruction(vcpu, type);

	/* KVM's HLT sets halt_request and leaves the halt to us. */
	if (vcpu->arch.halt_request) {
		vcpu->arch.halt_request = 0;
		return kvm_emulate_halt_noskip(vcpu);
	}
	return r;
}

/* Of KVM's features, those that make a kernel execute VMCALL or VMMCALL. */
#define HYPERCALL_FEATURES \
	(BIT(KVM_FEATURE_PV_UNHALT) | BIT(KVM_FEATURE_PV_SEND_IPI) | \
	 BIT(KVM_FEATURE_PV_SCHED_YIELD) | BIT(KVM_FEATURE_HC_MAP_GPA_RANGE))

/*
 * A trap guest's CPUID with the prefix. Its VMCALL is a #UD, and emulated; but a hypervisor
 * above us would answer it, and without a word to us.
 */
static int emulate_cpuid(struct kvm_vcpu *vcpu)
{
	u32 leaf = kvm_rax_read(vcpu);
	int r = kvm_emulate(vcpu, EMULTYPE_NO_DECODE);

	if (leaf == (vcpu->arch.kvm_cpuid.base | KVM_CPUID_FEATURES) &&
	    boot_cpu_has(X86_FEATURE_HYPERVISOR) && !ring1_is_pv(to_ring1(vcpu)))
		kvm_rax_write(vcpu, kvm_rax_read(vcpu) & ~HYPERCALL_FEATURES);
	return r;
}

/* What KVM's emulator does not know. */
static int emulate_own(struct kvm_vcpu *vcpu, enum insn_class class)
{
	const struct x86_emulate_ctxt *ctxt = vcpu->arch.emulate_ctxt;
	struct vcpu_ring1 *v = to_ring1(vcpu);
	u64 tsc;

	switch (class) {
	case INSN_IRET:
		return emulate_iret(vcpu, ctxt);
	case INSN_INT:
		/* INT n, INT3 or INTO */
		return ring1_idt_intn(v, ctxt->b == 0xcd ? (u8)ctxt->src.val :
				      ctxt->b == 0xcc ? BP_VECTOR : OF_VECTOR, ctxt->_eip);
	case INSN_SYSRET:
		return emulate_sysret(vcpu, ctxt);
	case INSN_SWAPGS:
		/* On the way to ring 3: IRETQ will not trap. */
		if ((s64)v->gs_base < 0)
			ring1_trap_sync_desc(v);
		swap(v->gs_base, v->kernel_gs_base);
		break;
	case INSN_HYPERCALL:
		/* To KVM it shall look like a PV guest's, with RIP behind it. */
		kvm_rip_write(vcpu, ctxt->_eip);
		v->exit.vector = RING1_EXIT_HYPERCALL;
		return kvm_emulate_hypercall(vcpu);
	case INSN_NOP:
		break;
	case INSN_STAC:
		v->rflags |= X86_EFLAGS_AC;
		break;
	case INSN_CLAC:
		v->rflags &= ~X86_EFLAGS_AC;
		break;
	case INSN_RDTSCP:
		kvm_rcx_write(vcpu, v->tsc_aux);
		fallthrough;
	case INSN_RDTSC:
		/* With CR4.TSD ring 1 cannot, and CPL 0 can. The host's counter, as without. */
		tsc = rdtsc_ordered();
		kvm_rax_write(vcpu, lower_32_bits(tsc));
		kvm_rdx_write(vcpu, upper_32_bits(tsc));
		break;
	case INSN_MONITOR:
		return kvm_emulate_monitor(vcpu);
	case INSN_MWAIT:
		return kvm_emulate_mwait(vcpu);
	default:
		return -EINVAL;
	}
	v->int_shadow = 0;
	kvm_rip_write(vcpu, ctxt->_eip);
	return 1;
}

static bool may_emulate(const struct vcpu_ring1 *v, enum insn_class class)
{
	/* A PV guest has no gates. */
	if (class == INSN_INT)
		return !ring1_is_pv(v) && v->exit.vector == GP_VECTOR;
	/* The user's privileged instructions are its kernel's business; ports may be open. */
	if (v->user)
		return class == INSN_IO;
	switch (v->exit.vector) {
	case UD_VECTOR:
		return class >= INSN_HYPERCALL && class <= INSN_MWAIT;
	case NP_VECTOR:
		/* The user's code segments, closed meanwhile: the guest's own may be any. */
		return class == INSN_IRET ? v->user_closed :
		       class == INSN_KVM && !ring1_is_pv(v);
	default:
		return class != INSN_NOT_PRIVILEGED && class != INSN_SILENT && class != INSN_NOP;
	}
}

/* Read as many bytes as an instruction can have. Return how many came, and why not all. */
static unsigned int read_insn(struct kvm_vcpu *vcpu, u8 *insn, int *why)
{
	unsigned long ip = kvm_get_linear_rip(vcpu);
	unsigned int size = min_t(unsigned int, MAX_INSN_SIZE, PAGE_SIZE - offset_in_page(ip));
	struct x86_exception e;

	*why = kvm_read_guest_virt(vcpu, ip, insn, size, &e);
	if (*why != X86EMUL_CONTINUE)
		return 0;
	if (size < MAX_INSN_SIZE)
		*why = kvm_read_guest_virt(vcpu, ip + size, insn + size, MAX_INSN_SIZE - size, &e);
	return *why == X86EMUL_CONTINUE ? MAX_INSN_SIZE : size;
}

/*
 * Decode by KVM what the processor refused. Opcode and ModRM are there also if KVM does not
 * know the instruction, which the own classes need; but KVM's operands are not, so that
 * nothing else may be executed then.
 *
 * The bytes are read here: KVM's decoder would not say whether it did not know them or did
 * not get them. It does not get them if the VMM takes the memory away meanwhile, be it that
 * of the second page alone. Zeros stand for them, to see whether the decoder comes as far.
 * Return false then: the processor shall fetch again.
 */
static bool decode(struct kvm_vcpu *vcpu, enum insn_class *class, int *r)
{
	struct x86_emulate_ctxt *ctxt = vcpu->arch.emulate_ctxt;
	u8 insn[MAX_INSN_SIZE] = {};
	unsigned int size;
	int why;

	*class = INSN_NOT_PRIVILEGED;
	size = read_insn(vcpu, insn, &why);
	*r = x86_decode_emulated_instruction(vcpu, 0, insn, MAX_INSN_SIZE);
	if (ctxt->fetch.ptr > ctxt->fetch.data + size) {
		*r = EMULATION_FAILED;
		return why == X86EMUL_PROPAGATE_FAULT;
	}
	if (ctxt->have_exception)
		return true;
	*class = classify(ctxt);
	if (*r != EMULATION_OK && *class <= INSN_KVM)
		*class = INSN_NOT_PRIVILEGED;
	return true;
}

/*
 * KVM's emulation prefix in the kernel: RIP behind it, if the guest has one there. Return
 * whether it has, or -EAGAIN if the VMM has taken the memory away.
 */
static int skip_prefix(struct kvm_vcpu *vcpu)
{
	static const u8 prefix[] = { __KVM_EMULATE_PREFIX };
	u8 insn[MAX_INSN_SIZE];
	unsigned int size;
	int why;

	if (to_ring1(vcpu)->user || to_ring1(vcpu)->exit.vector != UD_VECTOR)
		return 0;
	size = read_insn(vcpu, insn, &why);
	if (!size && why != X86EMUL_PROPAGATE_FAULT)
		return -EAGAIN;
	if (size < sizeof(prefix) || memcmp(insn, prefix, sizeof(prefix)))
		return 0;
	kvm_rip_write(vcpu, kvm_rip_read(vcpu) + sizeof(prefix));
	return 1;
}

static void requeue(struct kvm_vcpu *vcpu)
{
	const struct ring1_exit *exit = &to_ring1(vcpu)->exit;

	if (exit->vector == UD_VECTOR)
		kvm_queue_exception(vcpu, UD_VECTOR);
	else
		kvm_queue_exception_e(vcpu, exit->vector, exit->error);
}

static int emulate_class(struct kvm_vcpu *vcpu, enum insn_class class)
{
	const struct x86_emulate_ctxt *ctxt = vcpu->arch.emulate_ctxt;
	struct vcpu_ring1 *v = to_ring1(vcpu);
	int r;

	if (class == INSN_IO) {
		v->stat[RING1_STAT_IO]++;
		return kvm_emulate(vcpu, EMULTYPE_NO_DECODE);
	}
	v->stat[RING1_STAT_PRIVILEGED]++;
	trace_ring1_emulate(vcpu->vcpu_id, kvm_rip_read(vcpu), ctxt->opcode_len, ctxt->b);
	if (ctxt->opcode_len == 2 && ctxt->b == 0xa2)
		return emulate_cpuid(vcpu);
	if (class == INSN_KVM || class == INSN_SILENT)
		return kvm_emulate(vcpu, EMULTYPE_NO_DECODE);
	r = emulate_own(vcpu, class);
	if (r > 0)
		return r;
	kvm_queue_exception_e(vcpu, GP_VECTOR, 0);
	return 1;
}

/**
 * ring1_emulate - deal with a #NP, #GP or #UD
 * @vcpu:	stopped at the instruction, v->exit saying how
 *
 * Return: as KVM's exit handlers: 1 to go on, 0 to return to the VMM.
 */
int ring1_emulate(struct kvm_vcpu *vcpu)
{
	unsigned long rip = kvm_rip_read(vcpu);
	struct vcpu_ring1 *v = to_ring1(vcpu);
	int prefixed = skip_prefix(vcpu);
	enum insn_class class;
	int r;

	if (prefixed < 0 || !decode(vcpu, &class, &r)) {
		kvm_rip_write(vcpu, rip);
		return 1;
	}
	if (prefixed ? class == INSN_NOT_PRIVILEGED : !may_emulate(v, class)) {
		kvm_rip_write(vcpu, rip);
		requeue(vcpu);
		return 1;
	}
	/* MOV to or from a debug register that the VMM guards. */
	if (class == INSN_KVM && vcpu->arch.emulate_ctxt->opcode_len == 2 &&
	    (vcpu->arch.emulate_ctxt->b & ~2) == 0x21 && v->dr7 & DR7_GD &&
	    vcpu->guest_debug & KVM_GUESTDBG_USE_HW_BP)
		return ring1_regs_report_debug(vcpu, DR6_BD);
	/* A selector. KVM finds its descriptor in the guest's table, the hardware not. */
	if (v->exit.vector != UD_VECTOR && v->exit.error)
		ring1_trap_sync_desc(v);
	return emulate_class(vcpu, class);
}

/*
 * KVM has decoded an instruction outside of 64-bit code that it then did not know: #UD is
 * queued, and at CPL 0 it wants to tell the VMM. Undo that for what is known here.
 */
static int emulate_unknown(struct kvm_vcpu *vcpu, int r)
{
	enum insn_class class = classify(vcpu->arch.emulate_ctxt);

	if (class <= INSN_KVM || class == INSN_SWAPGS || class == INSN_SYSRET ||
	    (class > INSN_NOP && ring1_get_cpl(vcpu)))
		return r;
	kvm_clear_exception_queue(vcpu);
	return emulate_class(vcpu, class);
}

/*
 * Emulate one instruction. Outside of long mode that is whatever comes. In it, the
 * instruction behind STI; if none of the emulators knows it, interrupts are let in before
 * it. So they are before the user's, behind a MOV SS that KVM emulated: what the user
 * executes is the processor's to judge, and its stack is not the one that an interrupt
 * comes on.
 */
static int emulate_one(struct kvm_vcpu *vcpu)
{
	u64 failures = vcpu->stat.insn_emulation_fail;
	struct vcpu_ring1 *v = to_ring1(vcpu);
	enum insn_class class;
	int r;

	if (!is_64_bit_mode(vcpu) && !(v->user && is_long_mode(vcpu))) {
		r = kvm_emulate(vcpu, 0);
		return vcpu->stat.insn_emulation_fail == failures ? r : emulate_unknown(vcpu, r);
	}
	if (!v->user) {
		if (!decode(vcpu, &class, &r))
			return kvm_emulate(vcpu, 0);
		if (class > INSN_KVM && !(class == INSN_INT && ring1_is_pv(v)))
			return emulate_class(vcpu, class);
		if (class <= INSN_KVM && r == EMULATION_OK)
			return kvm_emulate(vcpu, EMULTYPE_NO_DECODE);
	}
	v->int_shadow = 0;
	kvm_make_request(KVM_REQ_EVENT, vcpu);
	return 1;
}

/**
 * ring1_must_emulate - is the guest where the guest world cannot run it?
 * @v:	any vCPU
 *
 * The guest world knows 64-bit kernel code and the user's two code segments.
 */
bool ring1_must_emulate(struct vcpu_ring1 *v)
{
	if (!is_long_mode(&v->vcpu) || (v->int_shadow && v->event_wanted))
		return true;
	return !v->user && !v->kernel_cs.l;
}

/* A trip through vcpu_enter_guest() is dear; kvm-intel does as many without one. */
#define MAX_EMULATED	128

/**
 * ring1_emulate_mode - emulate what the guest world cannot or must not run now
 * @vcpu:	at the instruction
 *
 * For a while, or until something else waits to be done.
 *
 * Return: as KVM's exit handlers.
 */
int ring1_emulate_mode(struct kvm_vcpu *vcpu)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	int r, n = 0;

	do {
		v->stat[RING1_STAT_EMULATE]++;
		v->exit.vector = RING1_EXIT_EMULATE;
		r = emulate_one(vcpu);
		ring1_event_recheck(v);
	} while (r > 0 && ++n < MAX_EMULATED && ring1_must_emulate(v) &&
		 vcpu->arch.mp_state == KVM_MP_STATE_RUNNABLE &&
		 !kvm_request_pending(vcpu) && !__xfer_to_guest_mode_work_pending());
	return r;
}
