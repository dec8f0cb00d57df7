// SPDX-License-Identifier: GPL-2.0-only
/*
 * What of the platform changes: restart and power-off, panic, suspend, the x2APIC's end
 * of interrupt, the search for an MP table, /sys/hypervisor. Which of it is there depends on
 * the mode that setup.c chose.
 */
#define pr_fmt(fmt) "ring1: " fmt

#include <linux/acpi.h>
#include <linux/init.h>
#include <linux/kexec.h>
#include <linux/kobject.h>
#include <linux/panic.h>
#include <linux/panic_notifier.h>
#include <linux/pm.h>
#include <linux/reboot.h>
#include <linux/syscore_ops.h>
#include <linux/sysfs.h>
#include <asm/apic.h>
#include <asm/cpufeature.h>
#include <asm/mpspec.h>
#include <asm/reboot.h>
#include <asm/ring1.h>
#include <asm/setup.h>
#include <asm/smp.h>
#include <asm/x86_init.h>
#include "private.h"

/*
 * INIT makes it a CPU again. Before a kexec, the monitor's hands come off the memory
 * that will be the next kernel's; in a panic, NMIs may still come here.
 */
static void ring1_stop_this_cpu(void)
{
	if (kexec_in_progress)
		ring1_pv_exit_cpu();
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

/*
 * Each 16 bytes of what firmware has below 1 MiB, mapped and unmapped for a look: where there
 * is no table, most exits of a boot. A VMM that says where ACPI's tables are needs no other.
 */
void __init ring1_find_mptable(void)
{
	if (acpi_disabled || !boot_params.acpi_rsdp_addr)
		mpparse_find_mptable();
}

/* As early as code may run that KASAN instruments. */
static void __init ring1_arch_setup(void)
{
	atomic_notifier_chain_register(&panic_notifier_list, &ring1_panic_block);
}

/* A PV guest's, from ring1_pv_init(). */
void __init ring1_platform_init(void)
{
	machine_ops.restart = ring1_restart;
	machine_ops.emergency_restart = ring1_emergency_restart;
	machine_ops.power_off = ring1_power_off;
	/* Without ACPI reboot(2) would halt, as it looks here and not at machine_ops. */
	pm_power_off = ring1_power_off;
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
	return sysfs_emit(buf, "%u\n", ring1_current_ring());
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
 * Both resume where nothing is registered with the monitor, and not in ring1_pv_init().
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
