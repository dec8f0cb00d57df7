// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an exit means and who deals with it. Interrupts on, SRCU held, may sleep. What
 * cannot wait for that run.c has done.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/cpu.h>
#include <asm/debugreg.h>
#include <asm/svm.h>
#include <asm/vmx.h>
#include "irq.h"
#include "x86.h"
#include "ring1.h"

/*
 * End a guest that broke the contract, or that the monitor has broken. @why and @detail
 * go to the log. Return 0, for KVM: the VMM gets KVM_EXIT_INTERNAL_ERROR.
 */
static int kill_guest(struct kvm_vcpu *vcpu, const char *why, u64 detail)
{
	pr_err_ratelimited("%s[%d]: guest killed: %s (%#llx) at %#lx\n", current->comm,
			   task_pid_nr(current), why, detail, kvm_rip_read(vcpu));
	kvm_vm_dead(vcpu->kvm);
	vcpu->run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	vcpu->run->internal.suberror = KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON;
	vcpu->run->internal.ndata = 2;
	vcpu->run->internal.data[0] = detail;
	vcpu->run->internal.data[1] = vcpu->arch.last_vmentry_cpu;
	return 0;
}

static int handle_debug(struct kvm_vcpu *vcpu)
{
	unsigned long dr6 = to_ring1(vcpu)->exit.dr6;

	if (vcpu->guest_debug & (KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_HW_BP))
		return ring1_regs_report_debug(vcpu, dr6);
	/* The payload has DR6's polarity turned round where it is active low. */
	kvm_queue_exception_p(vcpu, DB_VECTOR, dr6 ^ DR6_ACTIVE_LOW);
	return 1;
}

static int handle_breakpoint(struct kvm_vcpu *vcpu)
{
	if (vcpu->guest_debug & KVM_GUESTDBG_USE_SW_BP) {
		/* #BP is a trap: the VMM wants the address of the INT3. */
		vcpu->run->exit_reason = KVM_EXIT_DEBUG;
		vcpu->run->debug.arch.pc = kvm_get_linear_rip(vcpu) - 1;
		vcpu->run->debug.arch.exception = BP_VECTOR;
		kvm_rip_write(vcpu, kvm_rip_read(vcpu) - 1);
		return 0;
	}
	kvm_queue_exception(vcpu, BP_VECTOR);
	return 1;
}

/*
 * The host may trap split locks with #AC at any CPL. An #AC is the guest's own if its
 * user asked for alignment checks; else the host's policy decides.
 */
static int handle_alignment_check(struct kvm_vcpu *vcpu)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);

	if (boot_cpu_has(X86_FEATURE_SPLIT_LOCK_DETECT) &&
	    !(v->user && v->rflags & X86_EFLAGS_AC && kvm_is_cr0_bit_set(vcpu, X86_CR0_AM)) &&
	    handle_guest_split_lock(kvm_rip_read(vcpu)))
		return 1;
	kvm_queue_exception_e(vcpu, AC_VECTOR, v->exit.error);
	return 1;
}

static int handle_exception(struct kvm_vcpu *vcpu)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	unsigned int vector = v->exit.vector;

	switch (vector) {
	case AC_VECTOR:
		return handle_alignment_check(vcpu);
	case PF_VECTOR:
		v->stat[RING1_STAT_PAGE_FAULT]++;
		return ring1_paging_fault(vcpu);
	case NP_VECTOR:
	case GP_VECTOR:
	case UD_VECTOR:
		return ring1_emulate(vcpu);
	case DB_VECTOR:
		return handle_debug(vcpu);
	case BP_VECTOR:
		return handle_breakpoint(vcpu);
	case NMI_VECTOR:
		v->stat[RING1_STAT_NMI]++;
		return 1;
	case MC_VECTOR:
		return 1;
	default:
		if (x86_exception_has_error_code(vector))
			kvm_queue_exception_e(vcpu, vector, v->exit.error);
		else
			kvm_queue_exception(vcpu, vector);
		return 1;
	}
}

int ring1_handle_exit(struct kvm_vcpu *vcpu, fastpath_t fastpath)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	u64 vector = v->exit.vector;

	ring1_event_recheck(v);

	switch (vector) {
	case 0 ... FIRST_EXTERNAL_VECTOR - 1:
		return handle_exception(vcpu);
	case IA32_SYSCALL_VECTOR:
		if (v->conf->int80)
			ring1_event_deliver_int80(vcpu);
		return 1;
	case FIRST_EXTERNAL_VECTOR ... IA32_SYSCALL_VECTOR - 1:
	case IA32_SYSCALL_VECTOR + 1 ... 255:
		return 1;
	case RING1_EXIT_HANDLED:
		return ring1_paging_supply(vcpu);
	case RING1_EXIT_HYPERCALL:
		v->stat[RING1_STAT_HYPERCALL]++;
		return ring1_hypercall(vcpu);
	case RING1_EXIT_SYSCALL64:
		return ring1_is_pv(v) ? ring1_pv_syscall(vcpu, v->setup.entry_syscall64) :
					ring1_trap_syscall(vcpu, v->lstar);
	case RING1_EXIT_SYSCALL32:
		return ring1_is_pv(v) ? ring1_pv_syscall(vcpu, v->setup.entry_syscall32) :
					ring1_trap_syscall(vcpu, v->cstar);
	case RING1_EXIT_SYSENTER:
		return ring1_is_pv(v) ? ring1_pv_sysenter(vcpu) : ring1_trap_sysenter(vcpu);
	case RING1_EXIT_ABORT:
		v->stat[RING1_STAT_ABORT]++;
		return 1;
	case RING1_EXIT_NMI_PENDING:
		v->stat[RING1_STAT_NMI]++;
		return 1;
	case RING1_EXIT_ENTER_FAULT:
		kvm_queue_exception_e(vcpu, v->stack->fault_vector, v->stack->fault_error);
		return 1;
	case RING1_EXIT_EMULATE:
		return ring1_emulate_mode(vcpu);
	default:
		/*
		 * The host has survived the machine check; what else gets here is a bug, be it
		 * the processor's: no reason to let a guest end hosts that panic_on_warn.
		 */
		ring1_assert((vector & 0xff) == X86_TRAP_MC);
		return kill_guest(vcpu, "fault in the switcher", vector);
	}
}

/* A hypercall's RIP is behind SYSCALL; every other exit that KVM skips is a fault. */
int ring1_skip_emulated_instruction(struct kvm_vcpu *vcpu)
{
	if (to_ring1(vcpu)->exit.vector == RING1_EXIT_HYPERCALL)
		return 1;
	return kvm_emulate_instruction(vcpu, EMULTYPE_SKIP) ? 1 : 0;
}

/*
 * For kvm:kvm_exit, and `perf kvm stat`, which goes by the processor's vendor: the exit that
 * SVM or VMX would have for it. What they have no word for is told as a hypercall.
 */
void ring1_get_exit_info(struct kvm_vcpu *vcpu, u32 *reason, u64 *info1, u64 *info2,
			 u32 *intr_info, u32 *error_code)
{
	bool vmx = boot_cpu_data.x86_vendor == X86_VENDOR_INTEL;
	struct vcpu_ring1 *v = to_ring1(vcpu);
	u64 vector = v->exit.vector;

	if (vector == RING1_EXIT_ABORT || vector == RING1_EXIT_NMI_PENDING)
		vector = NMI_VECTOR;
	*error_code = v->exit.error;
	*info1 = vmx ? v->fault_gva : v->exit.error;
	*info2 = vmx ? 0 : v->fault_gva;
	*intr_info = vector > 255 ? 0 : INTR_INFO_VALID_MASK | vector;
	if (vector > 255) {
		*reason = vmx ? EXIT_REASON_VMCALL : SVM_EXIT_VMMCALL;
	} else if (vector >= FIRST_EXTERNAL_VECTOR) {
		*reason = vmx ? EXIT_REASON_EXTERNAL_INTERRUPT : SVM_EXIT_INTR;
	} else {
		*reason = vmx ? EXIT_REASON_EXCEPTION_NMI :
			  vector == NMI_VECTOR ? SVM_EXIT_NMI : SVM_EXIT_EXCP_BASE + vector;
		*intr_info |= vector == NMI_VECTOR ? INTR_TYPE_NMI_INTR : INTR_TYPE_HARD_EXCEPTION;
	}
}
