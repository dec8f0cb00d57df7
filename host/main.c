// SPDX-License-Identifier: GPL-2.0-only
/*
 * Module init and exit, and the table by which KVM calls everything else. What is a
 * function here has the same answer for every guest.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include "mmu.h"
#include "x86.h"
#include "mitigations.h"
#include "ownmmu.h"
#include "ring1.h"

#define CREATE_TRACE_POINTS
#include "tracepoints.h"

static int enable_virtualization_cpu(void)
{
	return 0;
}

static void do_nothing(void)
{
}

static int vm_init(struct kvm *kvm)
{
	struct ring1_mm *mm = ring1_mm_get();

	BUILD_BUG_ON(offsetof(struct kvm_ring1, kvm));

	if (IS_ERR(mm))
		return PTR_ERR(mm);
	to_kvm_ring1(kvm)->mm = mm;
	mutex_init(&to_kvm_ring1(kvm)->mmu_mutex);
	return 0;
}

/* The vCPUs are gone already. */
static void vm_destroy(struct kvm *kvm)
{
	ring1_root_free(kvm);
	ring1_mm_put(to_kvm_ring1(kvm)->mm);
}

static void vcpu_nop(struct kvm_vcpu *vcpu)
{
}

static void cache_reg(struct kvm_vcpu *vcpu, enum kvm_reg reg)
{
	/* All registers are always there. */
	WARN_ON_ONCE(1);
}

static int vcpu_pre_run(struct kvm_vcpu *vcpu)
{
	ring1_regs_write(to_ring1(vcpu));
	return 1;
}

static bool has_wbinvd_exit(void)
{
	return true;
}

static u64 get_l2_tsc_offset(struct kvm_vcpu *vcpu)
{
	return 0;
}

static u64 get_l2_tsc_multiplier(struct kvm_vcpu *vcpu)
{
	return kvm_caps.default_tsc_scaling_ratio;
}

/* RDTSC runs in the guest and shows the host's counter: there is no offset. */
static void write_tsc_offset(struct kvm_vcpu *vcpu)
{
	vcpu->arch.l1_tsc_offset = 0;
	vcpu->arch.tsc_offset = 0;
}

static int check_intercept(struct kvm_vcpu *vcpu, struct x86_instruction_info *info,
			   enum x86_intercept_stage stage, struct x86_exception *exception)
{
	return X86EMUL_CONTINUE;
}

static int check_emulate_instruction(struct kvm_vcpu *vcpu, int emul_type, void *insn,
				     int insn_len)
{
	return X86EMUL_CONTINUE;
}

static bool apic_init_signal_blocked(struct kvm_vcpu *vcpu)
{
	return false;
}

/* KVM calls this one without a test, for KVM_SET_VCPU_EVENTS. */
static void leave_nested(struct kvm_vcpu *vcpu)
{
}

static struct kvm_x86_nested_ops nested_ops = {
	.leave_nested = leave_nested,
};

static struct kvm_x86_ops ring1_ops __initdata = {
	.name = KBUILD_MODNAME,

	.check_processor_compatibility = ring1_require_processor,
	.hardware_unsetup = do_nothing,
	.enable_virtualization_cpu = enable_virtualization_cpu,
	.disable_virtualization_cpu = do_nothing,
	.has_emulated_msr = ring1_has_emulated_msr,

	.vm_size = sizeof(struct kvm_ring1),
	.vm_init = vm_init,
	.vm_destroy = vm_destroy,
	.vcpu_create = ring1_vcpu_create,
	.vcpu_free = ring1_vcpu_free,
	.vcpu_reset = ring1_vcpu_reset,
	.vcpu_after_set_cpuid = ring1_vcpu_after_set_cpuid,
	.vcpu_load = ring1_vcpu_load,
	.vcpu_put = ring1_vcpu_put,
	.prepare_switch_to_guest = ring1_prepare_switch_to_guest,

	.update_exception_bitmap = vcpu_nop,
	.get_feature_msr = ring1_get_feature_msr,
	.get_msr = ring1_get_msr,
	.set_msr = ring1_set_msr,
	.complete_emulated_msr = kvm_complete_insn_gp,
	.msr_filter_changed = vcpu_nop,

	.get_segment_base = ring1_get_segment_base,
	.get_segment = ring1_get_segment,
	.set_segment = ring1_set_segment,
	.get_cpl = ring1_get_cpl,
	.get_cs_db_l_bits = ring1_get_cs_db_l_bits,
	.is_valid_cr0 = ring1_is_valid_cr0,
	.set_cr0 = ring1_vcpu_set_cr0,
	.is_valid_cr4 = ring1_is_valid_cr4,
	.set_cr4 = ring1_set_cr4,
	.set_efer = ring1_set_efer,
	.get_idt = ring1_get_idt,
	.set_idt = ring1_set_idt,
	.get_gdt = ring1_get_gdt,
	.set_gdt = ring1_set_gdt,
	.set_dr7 = ring1_set_dr7,
	.sync_dirty_debug_regs = vcpu_nop,
	.cache_reg = cache_reg,
	.get_rflags = ring1_get_rflags,
	.set_rflags = ring1_set_rflags,
	.get_if_flag = ring1_get_if_flag,

	.flush_tlb_all = ring1_paging_flush_all,
	.flush_tlb_current = ring1_paging_flush,
	.flush_tlb_gva = ring1_paging_flush_gva,
	.flush_tlb_guest = ring1_paging_flush,
	.load_mmu_pgd = ring1_paging_load_pgd,
	.guest_memory_reclaimed = ring1_memory_reclaimed,

	.vcpu_pre_run = vcpu_pre_run,
	.vcpu_run = ring1_vcpu_run,
	.handle_exit = ring1_handle_exit,
	.handle_exit_irqoff = ring1_handle_exit_irqoff,
	.skip_emulated_instruction = ring1_skip_emulated_instruction,
	.set_interrupt_shadow = ring1_set_interrupt_shadow,
	.get_interrupt_shadow = ring1_get_interrupt_shadow,
	.patch_hypercall = ring1_patch_hypercall,
	.get_exit_info = ring1_get_exit_info,
	.check_intercept = check_intercept,
	.check_emulate_instruction = check_emulate_instruction,
	.has_wbinvd_exit = has_wbinvd_exit,

	.inject_irq = ring1_inject_irq,
	.inject_nmi = ring1_inject_nmi,
	.inject_exception = ring1_inject_exception,
	.cancel_injection = ring1_cancel_injection,
	.interrupt_allowed = ring1_interrupt_allowed,
	.nmi_allowed = ring1_nmi_allowed,
	.get_nmi_mask = ring1_get_nmi_mask,
	.set_nmi_mask = ring1_set_nmi_mask,
	.enable_nmi_window = ring1_enable_nmi_window,
	.enable_irq_window = ring1_enable_irq_window,
	.deliver_interrupt = ring1_deliver_interrupt,
	.refresh_apicv_exec_ctrl = vcpu_nop,
	.apic_init_signal_blocked = apic_init_signal_blocked,
	.vcpu_deliver_sipi_vector = kvm_vcpu_deliver_sipi_vector,

	.get_l2_tsc_offset = get_l2_tsc_offset,
	.get_l2_tsc_multiplier = get_l2_tsc_multiplier,
	.write_tsc_offset = write_tsc_offset,
	.write_tsc_multiplier = vcpu_nop,
	.setup_mce = vcpu_nop,

#ifdef CONFIG_KVM_SMM
	.smi_allowed = ring1_smi_allowed,
	.enter_smm = ring1_enter_smm,
	.leave_smm = ring1_leave_smm,
	.enable_smi_window = vcpu_nop,
#endif

	.nested_ops = &nested_ops,
};

static int __init hardware_setup(void)
{
	int r;

	r = ring1_vcpu_uret_init();
	if (r)
		return r;
	kvm_enable_efer_bits(EFER_NX);
	if (boot_cpu_has(X86_FEATURE_FXSR_OPT))
		kvm_enable_efer_bits(EFER_FFXSR);
	kvm_caps.supported_xcr0 &= ~XFEATURE_MASK_XTILE;
	ring1_cpuid_init();
	kvm_configure_mmu(false, 0, 0, PG_LEVEL_1G);
	return 0;
}

static struct kvm_x86_init_ops ring1_init_ops __initdata = {
	.hardware_setup = hardware_setup,
	.runtime_ops = &ring1_ops,
	.pmu_ops = &ring1_pmu_ops,
};

static int __init ring1_init(void)
{
	int r;

	r = ring1_require_host();
	if (r)
		return r;
	ring1_mitigations_init();
	ring1_late_init();
	r = ring1_region_init();
	if (r)
		return r;
	r = ring1_twins_setup();
	if (r)
		goto err_region;
	r = kvm_x86_vendor_init(&ring1_init_ops);
	if (r == -EEXIST) {
		pr_err("cannot load: another KVM vendor module is loaded; rmmod kvm-intel or kvm-amd\n");
		/* EEXIST says to modprobe that this module is loaded already: a success. */
		r = -EBUSY;
	}
	if (r)
		goto err_twins;
	/* Last: from here on, guests can be created. */
	r = kvm_init(sizeof(struct vcpu_ring1), __alignof__(struct vcpu_ring1), THIS_MODULE);
	if (r)
		goto err_vendor;
	return 0;

err_vendor:
	kvm_x86_vendor_exit();
err_twins:
	ring1_twins_exit();
err_region:
	ring1_region_exit();
	return r;
}

static void __exit ring1_exit(void)
{
	kvm_exit();
	kvm_x86_vendor_exit();
	ring1_twins_exit();
	ring1_region_exit();
}

module_init(ring1_init);
module_exit(ring1_exit);

MODULE_DESCRIPTION("KVM for Linux guests in ring 1, on processors without VT-x or AMD-V");
MODULE_AUTHOR("the ring1 developers");
MODULE_LICENSE("GPL");
