// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hypercalls: the generated dispatcher and every handler. Numbers, arguments
 * and errors stand in hypercalls/hypercalls.tbl. A bad argument is a negative
 * errno in RAX, and nothing has changed; it never ends the guest.
 *
 * Handlers run in the exit path: IRQs on, SRCU held, the vCPU loaded; they may sleep. Those
 * that are __fast run in the fast set as well (run.c). Values that come out of guest memory
 * are copied once and then checked.
 */
#include <linux/nospec.h>
#include <asm/desc.h>
#include "x86.h"
#include "cpuid.h"
#include "ring1.h"
#include "ring1-protos.h"
#include "tracepoints.h"

/* RAX is the number on the way in and the result on the way out. */
static int finish(struct kvm_vcpu *vcpu, long ret)
{
	kvm_rax_write(vcpu, ret);
	return 1;
}

/**
 * ring1_hc_abi_version - report the ABI version
 * @vcpu:	caller
 *
 * Return: RING1_ABI_VERSION.
 */
__fast long ring1_hc_abi_version(struct kvm_vcpu *vcpu)
{
	return RING1_ABI_VERSION;
}

/**
 * ring1_hc_vcpu_register - make the calling vCPU a PV vCPU
 * @vcpu:	caller
 * @page:	guest physical address of its struct ring1_vcpu_page, page aligned
 *
 * From the next instruction on, @page->vif is the interrupt flag, events come
 * through @page->frame, system calls and the user's exceptions bounce. A vCPU
 * that is registered already moves to the new page and the new setup.
 *
 * Return: 0; -EINVAL if @page is not aligned or its setup not valid; -EFAULT if it
 * is not RAM.
 */
long ring1_hc_vcpu_register(struct kvm_vcpu *vcpu, u64 page)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	struct ring1_setup setup;
	int r;

	if (offset_in_page(page))
		return -EINVAL;
	r = kvm_vcpu_read_guest(vcpu, page + RING1_PAGE_SETUP, &setup, sizeof(setup));
	if (r)
		return r;
	r = ring1_pv_start(vcpu, page, &setup);
	if (!r)
		v->gs_base = setup.kernel_gs;
	return r;
}

/**
 * ring1_hc_vcpu_unregister - make the calling vCPU a trap vCPU again
 * @vcpu:	caller
 *
 * For kexec: the next kernel starts as any kernel does.
 *
 * Return: 0; -ENOENT if it is not registered.
 */
long ring1_hc_vcpu_unregister(struct kvm_vcpu *vcpu)
{
	if (!ring1_is_pv(to_ring1(vcpu)))
		return -ENOENT;
	ring1_pv_leave(to_ring1(vcpu));
	return 0;
}

/**
 * ring1_hc_iret - return from an event through the monitor
 * @vcpu:	caller, RSP at a struct ring1_iret_frame
 *
 * The way back when an interrupt waits, and from an NMI. A bad user frame has the
 * effect of a #GP in the user.
 *
 * RAX: from the frame; -ENOENT if the vCPU is not registered. A frame that cannot
 * be read raises #GP at the call.
 */
int ring1_hc_iret(struct kvm_vcpu *vcpu)
{
	struct ring1_iret_frame f;
	struct x86_exception e;

	if (!ring1_is_pv(to_ring1(vcpu)))
		return finish(vcpu, -ENOENT);
	if (kvm_read_guest_virt(vcpu, kvm_rsp_read(vcpu), &f, sizeof(f), &e) ||
	    f.iret_flags & ~RING1_IRET_UNMASK_NMI) {
		kvm_queue_exception_e(vcpu, GP_VECTOR, 0);
		return 1;
	}
	kvm_rax_write(vcpu, f.rax);
	kvm_rcx_write(vcpu, f.rcx);
	kvm_r11_write(vcpu, f.r11);
	return ring1_emulate_iret(vcpu, f.ip, f.cs, f.flags, f.sp, f.ss,
				  f.iret_flags & RING1_IRET_UNMASK_NMI);
}

/**
 * ring1_hc_irq_poll - take the interrupts that are waiting
 * @vcpu:	caller, which has set vif and found pending not 0
 *
 * Return: 0, after the handlers have run.
 */
long ring1_hc_irq_poll(struct kvm_vcpu *vcpu)
{
	kvm_make_request(KVM_REQ_EVENT, vcpu);
	return 0;
}

/**
 * ring1_hc_halt - wait for an interrupt
 * @vcpu:	caller
 * @enable:	1: set vif first, so that no interrupt is taken before the wait;
 *		0: leave it; if it is 0, only an NMI or a reset ends the wait
 *
 * RAX: 0; -EINVAL for another @enable.
 */
int ring1_hc_halt(struct kvm_vcpu *vcpu, u32 enable)
{
	if (enable > 1)
		return finish(vcpu, -EINVAL);
	if (enable)
		ring1_regs_set_vif(to_ring1(vcpu), true);
	kvm_make_request(KVM_REQ_EVENT, vcpu);
	finish(vcpu, 0);
	return kvm_emulate_halt_noskip(vcpu);
}

/**
 * ring1_hc_shutdown - power off, reset, or report a crash
 * @vcpu:	caller
 * @reason:	RING1_SHUTDOWN_*
 *
 * The VMM gets KVM_EXIT_SYSTEM_EVENT and decides.
 *
 * RAX: 0 if the VMM lets the guest go on; -EINVAL.
 */
int ring1_hc_shutdown(struct kvm_vcpu *vcpu, u32 reason)
{
	static const u32 event[] = {
		[RING1_SHUTDOWN_POWEROFF] = KVM_SYSTEM_EVENT_SHUTDOWN,
		[RING1_SHUTDOWN_RESET] = KVM_SYSTEM_EVENT_RESET,
		[RING1_SHUTDOWN_CRASH] = KVM_SYSTEM_EVENT_CRASH,
	};

	if (reason >= ARRAY_SIZE(event))
		return finish(vcpu, -EINVAL);
	finish(vcpu, 0);
	vcpu->run->exit_reason = KVM_EXIT_SYSTEM_EVENT;
	vcpu->run->system_event.type = event[array_index_nospec(reason, ARRAY_SIZE(event))];
	vcpu->run->system_event.ndata = 0;
	return 0;
}

/**
 * ring1_hc_cpuid - read a CPUID leaf
 * @vcpu:	caller
 * @leaf:	EAX
 * @subleaf:	ECX
 * @out:	EAX, EBX, ECX, EDX as the VMM set them for this vCPU
 *
 * Return: 0.
 */
long ring1_hc_cpuid(struct kvm_vcpu *vcpu, u32 leaf, u32 subleaf, u64 *out)
{
	u32 eax = leaf, ebx, ecx = subleaf, edx;

	kvm_cpuid(vcpu, &eax, &ebx, &ecx, &edx, false);
	out[0] = eax;
	out[1] = ebx;
	out[2] = ecx;
	out[3] = edx;
	return 0;
}

/**
 * ring1_hc_rdmsr - read an MSR
 * @vcpu:	caller
 * @msr:	index
 * @out:	the value
 *
 * Return: 0; -EIO where RDMSR would raise #GP.
 */
long ring1_hc_rdmsr(struct kvm_vcpu *vcpu, u32 msr, u64 *out)
{
	return kvm_get_msr_with_filter(vcpu, msr, out) ? -EIO : 0;
}

/**
 * ring1_hc_wrmsr - write an MSR
 * @vcpu:	caller
 * @msr:	index
 * @value:	new value
 *
 * An IPI to one processor, by the x2APIC's ICR, is served like a fast call.
 *
 * Return: 0; -EIO where WRMSR would raise #GP.
 */
long ring1_hc_wrmsr(struct kvm_vcpu *vcpu, u32 msr, u64 value)
{
	return kvm_set_msr_with_filter(vcpu, msr, value) ? -EIO : 0;
}

/**
 * ring1_hc_write_cr0 - write CR0
 * @vcpu:	caller
 * @value:	new value
 *
 * Return: 0; -EINVAL where MOV would raise #GP.
 */
long ring1_hc_write_cr0(struct kvm_vcpu *vcpu, u64 value)
{
	return kvm_set_cr0(vcpu, value) ? -EINVAL : 0;
}

/**
 * ring1_hc_write_cr3 - switch the address space
 * @vcpu:	caller
 * @value:	guest physical address of the top-level table
 *
 * Return: 0; -EINVAL where MOV would raise #GP.
 */
long ring1_hc_write_cr3(struct kvm_vcpu *vcpu, u64 value)
{
	return ring1_paging_write_cr3(vcpu, value);
}

__fast long ring1_hc_write_cr3_fast(struct kvm_vcpu *vcpu, u64 value)
{
	return ring1_paging_write_cr3_fast(vcpu, value);
}

/**
 * ring1_hc_write_cr4 - write CR4
 * @vcpu:	caller
 * @value:	new value; SMEP, SMAP and UMIP stay as the host has them
 *
 * Return: 0; -EINVAL where MOV would raise #GP.
 */
long ring1_hc_write_cr4(struct kvm_vcpu *vcpu, u64 value)
{
	return kvm_set_cr4(vcpu, value) ? -EINVAL : 0;
}

/**
 * ring1_hc_flush_tlb - drop the vCPU's translations, global ones included
 * @vcpu:	caller
 *
 * Return: 0.
 */
long ring1_hc_flush_tlb(struct kvm_vcpu *vcpu)
{
	if (!ring1_paging_flushes_itself(vcpu))
		kvm_make_request(KVM_REQ_TLB_FLUSH_GUEST, vcpu);
	return 0;
}

__fast long ring1_hc_flush_tlb_fast(struct kvm_vcpu *vcpu)
{
	return ring1_paging_flushes_itself(vcpu) ? 0 : -EAGAIN;
}

/**
 * ring1_hc_invlpg - drop the translations of one page
 * @vcpu:	caller
 * @addr:	any address in it; one that is not canonical is ignored
 *
 * Return: 0.
 */
long ring1_hc_invlpg(struct kvm_vcpu *vcpu, u64 addr)
{
	if (!ring1_paging_flushes_itself(vcpu))
		kvm_mmu_invlpg(vcpu, addr);
	return 0;
}

__fast long ring1_hc_invlpg_fast(struct kvm_vcpu *vcpu, u64 addr)
{
	return ring1_hc_flush_tlb_fast(vcpu);
}

/**
 * ring1_hc_set_gdt_entry - write a descriptor user mode may load
 * @vcpu:	caller
 * @index:	RING1_GDT_TLS to RING1_GDT_CPUNODE
 * @desc:	descriptor: 0, or a 32-bit data segment with DPL 3
 *
 * Return: 0; -EINVAL for another index or descriptor.
 */
__fast long ring1_hc_set_gdt_entry(struct kvm_vcpu *vcpu, u32 index, u64 desc)
{
	if (index < RING1_GDT_TLS || index > RING1_GDT_CPUNODE || !ring1_desc_allowed(desc))
		return -EINVAL;
	ring1_desc_write(to_ring1(vcpu), array_index_nospec(index, RING1_GDT_CPUNODE + 1), desc);
	return 0;
}

/**
 * ring1_hc_set_tls - write the three TLS descriptors
 * @vcpu:	caller
 * @tls0:	descriptor, as in set_gdt_entry()
 * @tls1:	"
 * @tls2:	"
 *
 * Return: 0; -EINVAL, and all three unchanged, if one is not allowed.
 */
__fast long ring1_hc_set_tls(struct kvm_vcpu *vcpu, u64 tls0, u64 tls1, u64 tls2)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);

	if (!ring1_desc_allowed(tls0) || !ring1_desc_allowed(tls1) || !ring1_desc_allowed(tls2))
		return -EINVAL;
	ring1_desc_write(v, RING1_GDT_TLS, tls0);
	ring1_desc_write(v, RING1_GDT_TLS + 1, tls1);
	ring1_desc_write(v, RING1_GDT_TLS + 2, tls2);
	return 0;
}

/**
 * ring1_hc_load_gs - load GS for the user
 * @vcpu:	caller, registered or not
 * @selector:	new selector
 *
 * The descriptor's base becomes the user's GS base; the kernel's stays in use.
 *
 * Return: 0; -EINVAL, and GS null, if the selector cannot be loaded.
 */
__fast long ring1_hc_load_gs(struct kvm_vcpu *vcpu, u32 selector)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	bool ok = selector <= U16_MAX && ring1_segments_loadable(v, selector);
	struct kvm_segment var;
	u64 gs_base = v->gs_base;

	ring1_segments_fill(v, ok ? selector : 0, &var);
	ring1_set_segment(vcpu, &var, VCPU_SREG_GS);
	v->gs_base = gs_base;
	ring1_regs_set_user_gs(v, var.base);
	return ok ? 0 : -EINVAL;
}

/**
 * ring1_hc_load_tr - tell where the I/O permission bitmap is
 * @vcpu:	caller
 * @base:	linear address of a 64-bit TSS
 * @limit:	its limit
 *
 * Only the bitmap is used, when user code touches a port.
 *
 * Return: 0; -EINVAL if @base is not canonical or @limit too small for a TSS.
 */
__fast long ring1_hc_load_tr(struct kvm_vcpu *vcpu, u64 base, u32 limit)
{
	struct kvm_segment tr = {
		.selector = GDT_ENTRY_TSS * 8, .base = base, .limit = limit,
		.type = 11, .present = 1,
	};

	if (is_noncanonical_base_address(base, vcpu) || limit < sizeof(struct x86_hw_tss) - 1)
		return -EINVAL;
	ring1_set_segment(vcpu, &tr, VCPU_SREG_TR);
	return 0;
}

/**
 * ring1_hc_get_dr - read a debug register
 * @vcpu:	caller
 * @index:	0-7; 4 and 5 are 6 and 7
 * @out:	the value
 *
 * Return: 0; -EINVAL for another index.
 */
long ring1_hc_get_dr(struct kvm_vcpu *vcpu, u32 index, u64 *out)
{
	if (index > 7)
		return -EINVAL;
	out[0] = kvm_get_dr(vcpu, index);
	return 0;
}

/**
 * ring1_hc_set_dr - write a debug register
 * @vcpu:	caller
 * @index:	0-7; 4 and 5 are 6 and 7
 * @value:	new value; breakpoints on the switcher's addresses stay unarmed
 *
 * Return: 0; -EINVAL for another index or reserved bits.
 */
long ring1_hc_set_dr(struct kvm_vcpu *vcpu, u32 index, u64 value)
{
	return index > 7 || kvm_set_dr(vcpu, index, value) ? -EINVAL : 0;
}

/**
 * ring1_hc_kvm - make one of KVM's own hypercalls
 * @vcpu:	caller
 * @nr:		KVM_HC_*
 * @a0:		arguments in KVM's order
 * @a1:		"
 * @a2:		"
 * @a3:		"
 *
 * RAX: KVM's result, an error of KVM_E* included; KVM_HC_MAP_GPA_RANGE is not there.
 */
int ring1_hc_kvm(struct kvm_vcpu *vcpu, u64 nr, u64 a0, u64 a1, u64 a2, u64 a3)
{
	unsigned long ret;

	/* MAP_GPA_RANGE, which can exit to the VMM, concerns encrypted guests only. */
	if (nr == KVM_HC_MAP_GPA_RANGE)
		return finish(vcpu, -KVM_ENOSYS);
	ret = __kvm_emulate_hypercall(vcpu, nr, a0, a1, a2, a3, true, 0);
	return finish(vcpu, ret);
}

/**
 * ring1_hc_outs - write bytes to a port
 * @vcpu:	caller
 * @port:	port, 0-0xffff
 * @count:	how many bytes, 1-16
 * @data0:	the first eight; the lowest byte is written first
 * @data1:	the others
 *
 * As REP OUTSB does. The VMM gets one KVM_EXIT_IO for all of them, with their number in
 * its count; a device of KVM's own gets one after the other.
 *
 * RAX: 0; -EINVAL for another @port or @count.
 */
int ring1_hc_outs(struct kvm_vcpu *vcpu, u32 port, u32 count, u64 data0, u64 data1)
{
	u64 data[] = { data0, data1 };

	if (port > U16_MAX || !count || count > sizeof(data))
		return finish(vcpu, -EINVAL);
	finish(vcpu, 0);
	/* KVM's only way to put several bytes into one exit; copied when it returns. */
	return kvm_sev_es_string_io(vcpu, 1, port, data, count, false);
}

/**
 * ring1_hc_features - report what the monitor can do
 * @vcpu:	caller
 * @nr:		which word: 0 has RING1_FEATURE_*, others are 0
 * @out:	the word
 *
 * Return: 0.
 */
long ring1_hc_features(struct kvm_vcpu *vcpu, u32 nr, u64 *out)
{
	out[0] = nr ? 0 : ring1_paging_features();
	return 0;
}

/**
 * ring1_hc_mmu_register - leave KVM's MMU for the monitor's own
 * @vcpu:	caller
 * @kernel_root: guest physical address of the top-level table whose upper half is that of
 *		all roots
 * @live:	guest physical address of a bitmap: the monitor sets the bit of each frame
 *		that it uses as a page table
 * @nr_gfns:	bits in it; frames beyond count as live
 * @flags:	0
 *
 * Return: 0; -EINVAL, -EFAULT if a table or the bitmap is not RAM, -ENOMEM, -EOPNOTSUPP if
 * the host has turned it off.
 */
long ring1_hc_mmu_register(struct kvm_vcpu *vcpu, u64 kernel_root, u64 live, u64 nr_gfns, u32 flags)
{
	if (flags)
		return -EINVAL;
	return ring1_paging_register(vcpu, kernel_root, live, nr_gfns);
}

/**
 * ring1_hc_mmu_sync - announce changed page table entries, make an address accessible
 * @vcpu:	caller
 * @nr:		operations in the shared page, 0-64
 * @addr:	linear address
 * @access:	0, or RING1_ACCESS_VALID and the error code bits W, U, I of the access that
 *		must be possible at @addr
 *
 * Return: 0; 1 if the guest's tables do not allow the access; -EINVAL.
 */
long ring1_hc_mmu_sync(struct kvm_vcpu *vcpu, u32 nr, u64 addr, u32 access)
{
	return ring1_paging_sync(vcpu, nr, addr, access);
}

__fast long ring1_hc_mmu_sync_fast(struct kvm_vcpu *vcpu, u32 nr, u64 addr, u32 access)
{
	return ring1_paging_sync_fast(vcpu, nr, addr, access);
}

/**
 * ring1_hc_mmu_forget - tell that the user half of a root is gone
 * @vcpu:	caller
 * @root:	guest physical address of a top-level table
 *
 * Return: 0; -EINVAL for the kernel's.
 */
__fast long ring1_hc_mmu_forget(struct kvm_vcpu *vcpu, u64 root)
{
	return ring1_paging_forget(vcpu, root);
}

/* Run the call in RAX. Return as KVM's exit handlers. */
static int dispatch(struct kvm_vcpu *vcpu, u64 nr)
{
	unsigned int nr_out = 0;
	long ret = -EINVAL;
	u64 out[4];

	switch (nr) {
#include "ring1-dispatch.h"
	}

	if (!ret && nr_out) {
		kvm_rdi_write(vcpu, out[0]);
		if (nr_out > 1)
			kvm_rsi_write(vcpu, out[1]);
		if (nr_out > 2)
			kvm_rdx_write(vcpu, out[2]);
		if (nr_out > 3)
			kvm_r10_write(vcpu, out[3]);
	}
	return finish(vcpu, ret);
}

/**
 * ring1_hypercall - run the hypercall the guest kernel asks for
 * @vcpu:	caller
 *
 * Return: as KVM's exit handlers.
 */
int ring1_hypercall(struct kvm_vcpu *vcpu)
{
	const u64 arg[3] = { kvm_rdi_read(vcpu), kvm_rsi_read(vcpu), kvm_rdx_read(vcpu) };
	u64 nr = kvm_rax_read(vcpu);

	trace_ring1_hypercall(vcpu->vcpu_id, nr, arg);
	if (nr >= RING1_NR_HYPERCALLS)
		return finish(vcpu, -ENOSYS);
	nr = array_index_nospec(nr, RING1_NR_HYPERCALLS);
	to_ring1(vcpu)->hypercalls[nr]++;
	return dispatch(vcpu, nr);
}

static __fast long dispatch_fast(struct kvm_vcpu *vcpu, u64 nr)
{
	switch (nr) {
#include "ring1-fast.h"
	default:
		return -EAGAIN;
	}
}

/**
 * ring1_hypercall_fast - run a hypercall that the fast set answers
 * @vcpu:	caller
 *
 * Context: interrupts off.
 * Return: whether it is done; if not, nothing has changed.
 */
__fast bool ring1_hypercall_fast(struct kvm_vcpu *vcpu)
{
	u64 nr = kvm_rax_read(vcpu);
	long ret;

	ret = dispatch_fast(vcpu, nr);
	if (ret == -EAGAIN)
		return false;
	to_ring1(vcpu)->hypercalls[array_index_nospec(nr, RING1_NR_HYPERCALLS)]++;
	kvm_rax_write(vcpu, ret);
	return true;
}

/**
 * ring1_hypercall_irqoff - send an IPI with interrupts off
 * @vcpu:	caller of any hypercall
 *
 * KVM's short way for IPIs takes WRMSR's registers. RCX is lost to SYSCALL anyway, RDX must
 * survive. Timer deadlines it takes where the vendor has a timer; this one has none.
 *
 * Return: whether that was it; if not, nothing has changed.
 */
bool ring1_hypercall_irqoff(struct kvm_vcpu *vcpu)
{
	u64 msr = kvm_rdi_read(vcpu), value = kvm_rsi_read(vcpu);
	unsigned long ax = kvm_rax_read(vcpu), dx = kvm_rdx_read(vcpu);
	fastpath_t r;

	ring1_assert(irqs_disabled());
	if (ax != RING1_HC_WRMSR || msr != APIC_BASE_MSR + (APIC_ICR >> 4))
		return false;
	/* KVM would report a step, be it the guest's or the VMM's, that no other hypercall has. */
	if (to_ring1(vcpu)->rflags & X86_EFLAGS_TF)
		return false;
	kvm_rcx_write(vcpu, msr);
	kvm_rax_write(vcpu, (u32)value);
	kvm_rdx_write(vcpu, value >> 32);
	r = handle_fastpath_set_msr_irqoff(vcpu);
	kvm_rdx_write(vcpu, dx);
	kvm_rax_write(vcpu, r == EXIT_FASTPATH_NONE ? ax : 0);
	if (r == EXIT_FASTPATH_NONE)
		return false;
	to_ring1(vcpu)->hypercalls[RING1_HC_WRMSR]++;
	return true;
}

/* What KVM puts into the hypercall pages of Hyper-V and Xen, and over a VMCALL it emulates. */
void ring1_patch_hypercall(struct kvm_vcpu *vcpu, unsigned char *code)
{
	/*
	 * VMCALL and VMMCALL belong to a hypervisor above us. VMLAUNCH is #UD, also where one
	 * sees it, and has no other use in a guest: emulate.c takes it.
	 */
	static const u8 vmlaunch[] = { 0x0f, 0x01, 0xc2 };

	memcpy(code, vmlaunch, sizeof(vmlaunch));
}
