// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finding out that this kernel runs in ring 1, registering each CPU with the
 * monitor, and what of the platform changes: reboot, panic, /sys/hypervisor.
 *
 * CS tells: RPL 1 means ring 1, and nothing else can. Until ring1_init() the
 * monitor traps and emulates.
 */
#define pr_fmt(fmt) "ring1: " fmt

#include <linux/init.h>
#include <linux/kexec.h>
#include <linux/kobject.h>
#include <linux/panic.h>
#include <linux/panic_notifier.h>
#include <linux/percpu.h>
#include <linux/reboot.h>
#include <linux/syscore_ops.h>
#include <linux/sysfs.h>
#include <asm/apic.h>
#include <asm/cmdline.h>
#include <asm/cpufeature.h>
#include <asm/desc.h>
#include <asm/fsgsbase.h>
#include <asm/ia32.h>
#include <asm/paravirt.h>
#include <asm/reboot.h>
#include <asm/ring1.h>
#include <asm/setup.h>
#include <asm/smp.h>
#include <asm/x86_init.h>
#include "ring1.h"

DEFINE_PER_CPU_PAGE_ALIGNED(struct ring1_vcpu_page, ring1_vcpu);

static unsigned int current_ring(void)
{
	u16 cs;

	asm("mov %%cs, %0" : "=r" (cs));
	return cs & SEGMENT_RPL_MASK;
}

static phys_addr_t shared_page_phys(void)
{
	void *page = this_cpu_ptr(&ring1_vcpu);

	/* The boot CPU's first area is in the kernel image. */
	if ((unsigned long)page >= __START_KERNEL_map && (unsigned long)page < MODULES_VADDR)
		return __pa(page);
	return per_cpu_ptr_to_phys(page);
}

unsigned long ring1_shared_page(unsigned int cpu)
{
	return (unsigned long)per_cpu_ptr(&ring1_vcpu, cpu);
}

/**
 * ring1_register - tell the monitor where this CPU's page and entry points are
 *
 * Again whenever the CPU's per-CPU area has moved. Interrupts are off.
 */
void ring1_register(void)
{
	struct ring1_setup *s = this_cpu_ptr(&ring1_vcpu.setup);

	*s = (struct ring1_setup) {
		.abi_version		= RING1_ABI_VERSION,
		.kernel_gs		= rdgsbase(),
		.entry_user		= (unsigned long)ring1_entry_user,
		.entry_kernel		= (unsigned long)ring1_entry_kernel,
		.entry_db		= (unsigned long)ring1_entry_db,
		.entry_nmi		= (unsigned long)ring1_entry_nmi,
		.entry_mc		= (unsigned long)ring1_entry_mc,
		.entry_df		= (unsigned long)ring1_entry_df,
		.entry_syscall64	= (unsigned long)ring1_entry_SYSCALL_64,
		.entry_syscall32	= (unsigned long)ring1_entry_SYSCALL32_ignore,
		.entry_sysenter32	= (unsigned long)ring1_entry_SYSENTER_ignore,
		.restart	= {
			{ (unsigned long)ring1_win_user_begin, (unsigned long)ring1_win_user_end },
			{ (unsigned long)ring1_win_kernel_begin,
			  (unsigned long)ring1_win_kernel_end },
		},
	};
	if (ia32_enabled()) {
		s->entry_syscall32 = (unsigned long)ring1_entry_SYSCALL_compat;
		s->entry_sysenter32 = (unsigned long)ring1_entry_SYSENTER_compat;
	}
	if (ring1_hc_vcpu_register(shared_page_phys()))
		panic("ring1: the monitor refuses this CPU\n");
	ring1_mmu_init_cpu();
}

void ring1_init_cpu(void)
{
	if (boot_cpu_has(X86_FEATURE_RING1))
		ring1_register();
}

/**
 * ring1_exit_cpu - make this CPU a trap vCPU again
 *
 * For the next kernel, which does not know of this one's entry points. Interrupts are
 * off and stay off, and no exception is delivered any more.
 */
void ring1_exit_cpu(void)
{
	if (boot_cpu_has(X86_FEATURE_RING1))
		ring1_hc_vcpu_unregister();
}

/*
 * INIT makes it a CPU again. Before a kexec, the monitor's hands come off the memory
 * that will be the next kernel's; in a panic, NMIs may still come here.
 */
static void ring1_stop_this_cpu(void)
{
	if (kexec_in_progress)
		ring1_exit_cpu();
	for (;;)
		native_halt();
}

static bool panicking(void)
{
	return atomic_read(&panic_cpu) != PANIC_CPU_INVALID;
}

static void ring1_emergency_restart(void)
{
	ring1_hc_shutdown(panicking() ? RING1_SHUTDOWN_CRASH : RING1_SHUTDOWN_RESET);
}

static void ring1_restart(char *cmd)
{
	ring1_emergency_restart();
}

static void ring1_power_off(void)
{
	ring1_hc_shutdown(RING1_SHUTDOWN_POWEROFF);
}

static int ring1_panic(struct notifier_block *nb, unsigned long event, void *unused)
{
	/* The restart at the end of the panic tells; make sure that there is one. */
	if (!panic_timeout)
		panic_timeout = -1;
	return NOTIFY_DONE;
}

static struct notifier_block ring1_panic_block = {
	.notifier_call = ring1_panic,
	.priority = INT_MIN,
};

/* As early as code may run that KASAN instruments. */
static void __init ring1_arch_setup(void)
{
	atomic_notifier_chain_register(&panic_notifier_list, &ring1_panic_block);
}

/*
 * Until alternatives are applied, this_cpu_cmpxchg16b() is a function that turns
 * interrupts off by CLI and restores them by POPF, which cannot. Put the real
 * instruction there: every processor that runs the monitor has it. The function's
 * address is taken to write there, not to jump, so it needs no ENDBR.
 */
asm(".pushsection .discard.noendbr; .long this_cpu_cmpxchg16b_emu; .popsection");

static void __init use_cmpxchg16b(void)
{
	static const u8 insns[] __initconst = {
		0x65, 0x48, 0x0f, 0xc7, 0x0e,	/* cmpxchg16b %gs:(%rsi) */
		0xc3,				/* ret */
	};

	char *text = this_cpu_cmpxchg16b_emu;

	OPTIMIZER_HIDE_VAR(text);
	memcpy(text, insns, sizeof(insns));
}

static bool __init trap_wanted(void)
{
	char value[8];

	return cmdline_find_option(boot_command_line, "ring1", value, sizeof(value)) == 4 &&
	       !strcmp(value, "trap");
}

/**
 * ring1_init - become a PV guest, or a trap guest, if this is ring 1
 *
 * Before the first use of pv_ops that cannot be emulated: PUSHF and POPF do not
 * trap, and the alternatives that would inline them come much later.
 */
void __init ring1_init(void)
{
	if (current_ring() != 1)
		return;

	setup_force_cpu_cap(X86_FEATURE_VIRT_IF);
	use_cmpxchg16b();
	if (trap_wanted()) {
		setup_force_cpu_cap(X86_FEATURE_RING1_TRAP);
		pv_info.name = "ring1 (trap)";
		ring1_trap_init();
		return;
	}

	setup_force_cpu_cap(X86_FEATURE_RING1);
	setup_force_cpu_cap(X86_FEATURE_DEPRIV);
	pv_info.name = "ring1";
	ring1_irq_init();
	ring1_event_init();
	ring1_cpu_init();
	ring1_mmu_init();
	ring1_register();

	machine_ops.restart = ring1_restart;
	machine_ops.emergency_restart = ring1_emergency_restart;
	machine_ops.power_off = ring1_power_off;
	smp_ops.stop_this_cpu = ring1_stop_this_cpu;
	x86_init.oem.arch_setup = ring1_arch_setup;
}

static void ring1_apic_eoi(void)
{
	wrmsrl(APIC_BASE_MSR + (APIC_EOI >> 4), APIC_EOI_ACK);
}

/* The x2APIC driver's end of interrupt is a bare WRMSR. */
static int __init ring1_init_apic(void)
{
	if (!boot_cpu_has(X86_FEATURE_RING1) || !x2apic_enabled())
		return 0;
	if (apic->eoi == apic->native_eoi || !apic->native_eoi)
		apic_update_callback(eoi, ring1_apic_eoi);
	apic_update_callback(native_eoi, ring1_apic_eoi);
	return 0;
}
early_initcall(ring1_init_apic);

static ssize_t type_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "ring1\n");
}

static ssize_t ring_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", current_ring());
}

static ssize_t mode_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", boot_cpu_has(X86_FEATURE_RING1) ? "pv" : "trap");
}

static ssize_t abi_version_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%ld\n", ring1_hc_abi_version());
}

static struct kobj_attribute type_attr = __ATTR_RO(type);
static struct kobj_attribute ring_attr = __ATTR_RO(ring);
static struct kobj_attribute mode_attr = __ATTR_RO(mode);
static struct kobj_attribute abi_version_attr = __ATTR_RO(abi_version);

static struct attribute *ring1_attrs[] = {
	&type_attr.attr, &ring_attr.attr, &mode_attr.attr, &abi_version_attr.attr, NULL
};

static const struct attribute_group ring1_group = { .attrs = ring1_attrs };

/*
 * Both resume where nothing is registered with the monitor, and not in ring1_init().
 * Suspend to idle does not come here.
 */
static int ring1_suspend(void *data)
{
	pr_err("no suspend to memory or disk in ring 1\n");
	return -EOPNOTSUPP;
}

static const struct syscore_ops ring1_syscore_ops = { .suspend = ring1_suspend };
static struct syscore ring1_syscore = { .ops = &ring1_syscore_ops };

static int __init ring1_late_init(void)
{
	if (!ring1_guest())
		return 0;
	pr_info("this kernel runs in ring 1%s, monitor ABI version %ld\n",
		boot_cpu_has(X86_FEATURE_RING1) ? "" : " by trap and emulate",
		ring1_hc_abi_version());
	register_syscore(&ring1_syscore);
	return sysfs_create_group(hypervisor_kobj, &ring1_group);
}
late_initcall(ring1_late_init);
