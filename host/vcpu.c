// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a vCPU: its region, its registers at reset, and what of the guest
 * stays in the processor between exits while the VMM's thread keeps the CPU:
 * selectors (segments.c), FS base, KERNEL_GS_BASE, the entry MSRs, and some bits of CR4.
 * ring1_vcpu_put() takes all of them away. What changes at every exit is run.c's.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/debugreg.h>
#include <asm/desc.h>
#include <asm/fpu/api.h>
#include <asm/fsgsbase.h>
#include <asm/mmu.h>
#include <asm/msr.h>
#include <asm/tlbflush.h>
#include "x86.h"
#include "mitigations.h"
#include "ring1.h"

/*
 * Entry MSRs: the host's values come back when the thread returns to user mode.
 * STAR and SFMASK are the host's; require.c checks that they suit.
 */
static const u32 uret_msrs[] = {
	MSR_TSC_AUX, MSR_LSTAR, MSR_CSTAR, MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP,
};

static int uret_slot[ARRAY_SIZE(uret_msrs)];

/* Register the MSRs before kvm_set_cpu_caps(), which looks for MSR_TSC_AUX. */
int __init ring1_vcpu_uret_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(uret_msrs); i++) {
		uret_slot[i] = kvm_add_user_return_msr(uret_msrs[i]);
		if (uret_slot[i] < 0 && uret_msrs[i] != MSR_TSC_AUX)
			return -EOPNOTSUPP;
	}
	return 0;
}

static void load_uret_msrs(struct vcpu_ring1 *v)
{
	const u64 value[] = {
		v->tsc_aux,
		v->region.base + ring1_text_offset(ring1_text_syscall64),
		v->region.base + ring1_text_offset(ring1_text_syscall32),
		v->region.base + (RING1_PG_STACK + 1) * PAGE_SIZE,
		v->region.base + ring1_text_offset(ring1_text_sysenter),
	};
	int i;

	BUILD_BUG_ON(ARRAY_SIZE(value) != ARRAY_SIZE(uret_msrs));
	for (i = 0; i < ARRAY_SIZE(value); i++)
		if (uret_slot[i] >= 0)
			kvm_set_user_return_msr(uret_slot[i], value[i], -1ull);
}

/* The guest wrote TSC_AUX: load the value now, or with the other MSRs later. */
int ring1_vcpu_load_tsc_aux(struct vcpu_ring1 *v)
{
	int r = 0;

	preempt_disable();
	if (v->loaded && uret_slot[0] >= 0)
		r = kvm_set_user_return_msr(uret_slot[0], v->tsc_aux, -1ull);
	preempt_enable();
	return r;
}

int ring1_vcpu_create(struct kvm_vcpu *vcpu)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	int r;

	BUILD_BUG_ON(offsetof(struct vcpu_ring1, vcpu));

	r = ring1_region_create(to_kvm_ring1(vcpu->kvm)->mm, &v->region);
	if (r)
		return r;
	v->host = v->region.page[RING1_PG_HOST];
	v->host->view = 1;
	v->conf = v->region.page[RING1_PG_CONF];
	v->stack = v->region.page[RING1_PG_STACK];
	v->enter_text = v->region.base + ring1_text_offset(ring1_text_enter);
	v->roots = v->region.page[RING1_PG_ROOTS];
	INIT_LIST_HEAD(&v->tops);
	ring1_desc_init(v);
	vcpu->arch.msr_platform_info &= ~RING1_HIDDEN_PLATFORM_INFO;
	vcpu->arch.arch_capabilities &= ~RING1_HIDDEN_CAPABILITIES;
	v->kvm_root = INVALID_PAGE;
	v->root_stale = true;
	/*
	 * The hardware's XCR0 has AMX where the host's has (run.c), and the guest's FPU has
	 * no room for it. XFD goes with the FPU, and the VMM's thread has it set as well.
	 */
	if (kvm_host.xcr0 & XFEATURE_MASK_XTILE_DATA)
		fpu_update_guest_xfd(&vcpu->arch.guest_fpu, XFEATURE_MASK_XTILE_DATA);

	ring1_stats_create(vcpu->kvm);
	return 0;
}

void ring1_vcpu_free(struct kvm_vcpu *vcpu)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);

	ring1_pv_stop(v);
	ring1_region_destroy(&v->region);
}

static void reset_segment(struct kvm_segment *var, u16 selector, u64 base, u8 type, bool s)
{
	*var = (struct kvm_segment) {
		.selector = selector, .base = base, .limit = 0xffff,
		.type = type, .s = s, .present = 1,
	};
}

void ring1_vcpu_reset(struct kvm_vcpu *vcpu, bool init_event)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	int i;

	ring1_pv_leave(v);
	v->user = false;
	v->nmi_masked = false;
	v->vif = false;
	v->int_shadow = 0;
	v->rflags = X86_EFLAGS_FIXED;
	for (i = VCPU_SREG_ES; i <= VCPU_SREG_GS; i++)
		reset_segment(&v->segment[i], 0, 0, 3, true);
	reset_segment(&v->segment[VCPU_SREG_TR], 0, 0, 11, false);
	reset_segment(&v->segment[VCPU_SREG_LDTR], 0, 0, 2, false);
	reset_segment(&v->kernel_cs, 0xf000, 0xffff0000, 11, true);
	v->guest_idt = (struct desc_ptr) { .size = 0xffff };
	v->guest_gdt = (struct desc_ptr) { .size = 0xffff };
	v->gs_base = 0;
	ring1_segments_claim(v);
	v->host->ds = 0;
	v->host->es = 0;
	v->host->fs = 0;
	v->host->gs = 0;
	v->host->guest_fs = 0;
	if (!init_event) {
		v->kernel_gs_base = 0;
		v->star = 0;
		v->lstar = 0;
		v->cstar = 0;
		v->sfmask = 0;
		v->sysenter_cs = 0;
		v->sysenter_esp = 0;
		v->sysenter_eip = 0;
		v->tsc_aux = 0;
		v->spec_ctrl = 0;
	}
	ring1_desc_write(v, RING1_GDT_CPUNODE, 0);
	for (i = 0; i < 3; i++)
		ring1_desc_write(v, RING1_GDT_TLS + i, 0);
}

/* A PV kernel is gone with long mode: so resets a VMM that has registers alone for it. */
void ring1_vcpu_set_cr0(struct kvm_vcpu *vcpu, unsigned long cr0)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	int idx;

	ring1_set_cr0(vcpu, cr0);
	if (!ring1_is_pv(v) || is_long_mode(vcpu))
		return;
	/* For the page that is marked dirty: KVM_SET_SREGS comes without. */
	idx = srcu_read_lock(&vcpu->kvm->srcu);
	ring1_pv_leave(v);
	srcu_read_unlock(&vcpu->kvm->srcu, idx);
}

void ring1_vcpu_load(struct kvm_vcpu *vcpu, int cpu)
{
	struct ring1_host *host = to_ring1(vcpu)->host;
	struct desc_struct *gdt = get_cpu_gdt_rw(cpu);

	ring1_late_idt(&host->idt);
	host->gdt_rw.limit = GDT_SIZE - 1;
	host->gdt_rw.base = (unsigned long)gdt;
	host->gdt_ro.limit = GDT_SIZE - 1;
	host->gdt_ro.base = (unsigned long)get_cpu_gdt_ro(cpu);
	host->tr = GDT_ENTRY_TSS * 8;
	host->tss_type = (unsigned long)&gdt[GDT_ENTRY_TSS] + 5;
	host->gs_base = cpu_kernelmode_gs_base(cpu);
}

void ring1_prepare_switch_to_guest(struct kvm_vcpu *vcpu)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);

	if (v->loaded)
		return;

	load_uret_msrs(v);
	v->host_ldt = ring1_read_ldt();
	if (v->host_ldt)
		kvm_load_ldt(0);
	savesegment(ds, v->host_ds);
	savesegment(es, v->host_es);
	current_save_fsgs();
	v->host_fs = current->thread.fsindex;
	v->host_gs = current->thread.gsindex;
	v->host_fs_base = current->thread.fsbase;
	v->host_kernel_gs_base = current->thread.gsbase;
	v->host_cr3 = 0;		/* KERNEL_GS_BASE: run.c */
	v->conf->segments = true;
	v->segments_live = false;
	v->loaded = true;
}

/* Reload even an equal selector: the hidden part came from the guest's GDT. */
static bool must_restore(u16 now, u16 host)
{
	return now != host || host > 3;
}

static void prepare_switch_to_host(struct vcpu_ring1 *v)
{
	u16 now;

	if (!v->loaded)
		return;
	++v->vcpu.stat.host_state_reload;

	ring1_segments_sync(v);
	v->segments_live = false;
	if (v->guest_selectors) {
		savesegment(ds, now);
		if (must_restore(now, v->host_ds))
			loadsegment(ds, v->host_ds);
		savesegment(es, now);
		if (must_restore(now, v->host_es))
			loadsegment(es, v->host_es);
		savesegment(fs, now);
		if (must_restore(now, v->host_fs))
			loadsegment(fs, v->host_fs);
		savesegment(gs, now);
		if (must_restore(now, v->host_gs))
			load_gs_index(v->host_gs);
		v->guest_selectors = false;
	}
	/* Another thread may have removed the LDT: its descriptor is stale then. */
	if (v->host_ldt && READ_ONCE(current->mm->context.ldt))
		kvm_load_ldt(v->host_ldt);
	wrfsbase(v->host_fs_base);
	wrmsrl(MSR_KERNEL_GS_BASE, v->host_kernel_gs_base);
	v->loaded = false;
}

void ring1_vcpu_put(struct kvm_vcpu *vcpu)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	unsigned long flags;

	/* Next comes user code, the VMM's or another vCPU's. */
	if (v->loaded && ring1_mitigate & RING1_MITIGATE_IBPB_PUT)
		wrmsrl(MSR_IA32_PRED_CMD, PRED_CMD_IBPB);
	prepare_switch_to_host(v);
	if (v->cr4_loaded) {
		/* Setting PGE flushes all PCIDs, so the guest's translations as well. */
		local_irq_save(flags);
		cr4_update_irqsoff(v->host_cr4, X86_CR4_TSD & ~v->host_cr4);
		local_irq_restore(flags);
		v->cr4_loaded = false;
	}
	ring1_pv_put(v);
}
