// SPDX-License-Identifier: GPL-2.0-only
/*
 * Privileged registers by hypercall: pv_ops.cpu. What the processor does not
 * protect in ring 1, FS and GS bases among it, is done in place.
 */
#include <linux/init.h>
#include <linux/percpu.h>
#include <asm/debugreg.h>
#include <asm/desc.h>
#include <asm/fsgsbase.h>
#include <asm/io_bitmap.h>
#include <asm/msr.h>
#include <asm/paravirt.h>
#include <asm/processor.h>
#include "private.h"

static DEFINE_PER_CPU(unsigned long, ring1_cr0) = CR0_STATE;
static DEFINE_PER_CPU(struct desc_struct, ring1_tls[GDT_ENTRY_TLS_ENTRIES]);

static void ring1_cpuid(unsigned int *ax, unsigned int *bx, unsigned int *cx, unsigned int *dx)
{
	u64 a, b, c, d;

	ring1_hc_cpuid(*ax, *cx, &a, &b, &c, &d);
	*ax = a;
	*bx = b;
	*cx = c;
	*dx = d;
}

static noinstr unsigned long ring1_get_debugreg(int reg)
{
	u64 value;

	return ring1_hc_get_dr(reg, &value) ? 0 : value;
}

static noinstr void ring1_set_debugreg(int reg, unsigned long value)
{
	ring1_hc_set_dr(reg, value);
}

static unsigned long ring1_read_cr0(void)
{
	return this_cpu_read(ring1_cr0);
}

static void ring1_write_cr0(unsigned long value)
{
	if (!WARN_ON_ONCE(ring1_hc_write_cr0(value)))
		this_cpu_write(ring1_cr0, value);
}

static void ring1_write_cr4(unsigned long value)
{
	WARN_ON_ONCE(ring1_hc_write_cr4(value));
}

static u64 ring1_read_msr_safe(unsigned int msr, int *err)
{
	u64 value = 0;

	*err = 0;
	switch (msr) {
	case MSR_FS_BASE:
		if (boot_cpu_has(X86_FEATURE_FSGSBASE))
			return rdfsbase();
		break;
	case MSR_GS_BASE:
		return cpu_kernelmode_gs_base(raw_smp_processor_id());
	case MSR_KERNEL_GS_BASE:
		return this_cpu_read(ring1_vcpu.user_gs);
	}
	if (ring1_hc_rdmsr(msr, &value))
		*err = -EIO;
	return value;
}

static int ring1_write_msr_safe(unsigned int msr, unsigned int low, unsigned int high)
{
	u64 value = (u64)high << 32 | low;

	switch (msr) {
	case MSR_FS_BASE:
		if (boot_cpu_has(X86_FEATURE_FSGSBASE)) {
			wrfsbase(value);
			return 0;
		}
		break;
	case MSR_GS_BASE:
		/* This CPU's per-CPU area moves, the shared page with it. */
		if (ring1_hc_wrmsr(msr, value))
			return -EIO;
		ring1_register();
		return 0;
	case MSR_KERNEL_GS_BASE:
		this_cpu_write(ring1_vcpu.user_gs, value);
		return 0;
	}
	return ring1_hc_wrmsr(msr, value) ? -EIO : 0;
}

static u64 ring1_read_msr(unsigned int msr)
{
	int err;
	u64 value = ring1_read_msr_safe(msr, &err);

	if (err)
		pr_warn_once("ring1: unchecked MSR access: RDMSR from 0x%x\n", msr);
	return value;
}

static void ring1_write_msr(unsigned int msr, unsigned int low, unsigned int high)
{
	if (ring1_write_msr_safe(msr, low, high))
		pr_warn_once("ring1: unchecked MSR access: WRMSR to 0x%x (tried to write 0x%08x%08x)\n",
			     msr, high, low);
}

/*
 * The processor has the monitor's GDT and no LDT. But KVM's emulator looks up
 * selectors in the guest's, so it is told, by trapping, where they went.
 */
static void ring1_load_gdt(const struct desc_ptr *dtr)
{
	native_load_gdt(dtr);
}

static void ring1_load_idt(const struct desc_ptr *dtr)
{
}

static void ring1_write_gdt_entry(struct desc_struct *gdt, int entry, const void *desc, int type)
{
	u64 raw;

	native_write_gdt_entry(gdt, entry, desc, type);
	if (entry < RING1_GDT_TLS || entry > RING1_GDT_CPUNODE)
		return;
	memcpy(&raw, desc, sizeof(raw));
	WARN_ON_ONCE(ring1_hc_set_gdt_entry(entry, raw));
}

static void ring1_load_tls(struct thread_struct *t, unsigned int cpu)
{
	struct desc_struct *now = this_cpu_ptr(ring1_tls);
	const u64 *raw = (const u64 *)t->tls_array;

	if (!memcmp(now, t->tls_array, sizeof(t->tls_array)))
		return;
	native_load_tls(t, cpu);
	memcpy(now, t->tls_array, sizeof(t->tls_array));
	WARN_ON_ONCE(ring1_hc_set_tls(raw[0], raw[1], raw[2]));
}

static void ring1_load_gs_index(unsigned int selector)
{
	ring1_hc_load_gs(selector);
}

/* What the monitor needs of the TSS is the I/O bitmap. */
static void ring1_load_tr_desc(void)
{
	struct tss_struct *tss = &get_cpu_entry_area(smp_processor_id())->tss;

	WARN_ON_ONCE(ring1_hc_load_tr((unsigned long)&tss->x86_tss, __KERNEL_TSS_LIMIT));
}

static unsigned long ring1_store_tr(void)
{
	return GDT_ENTRY_TSS * 8;
}

/* Never one with entries: modify_ldt(2) does not make it. */
static void ring1_set_ldt(const void *addr, unsigned int entries)
{
	WARN_ON_ONCE(entries);
	native_set_ldt(NULL, 0);
}

static noinstr void ring1_wbinvd(void)
{
}

static void ring1_io_delay(void)
{
}

void __init ring1_cpu_init(void)
{
	pv_ops.cpu.io_delay = ring1_io_delay;
	pv_ops.cpu.get_debugreg = ring1_get_debugreg;
	pv_ops.cpu.set_debugreg = ring1_set_debugreg;
	pv_ops.cpu.read_cr0 = ring1_read_cr0;
	pv_ops.cpu.write_cr0 = ring1_write_cr0;
	pv_ops.cpu.write_cr4 = ring1_write_cr4;
	pv_ops.cpu.load_tr_desc = ring1_load_tr_desc;
	pv_ops.cpu.load_gdt = ring1_load_gdt;
	pv_ops.cpu.load_idt = ring1_load_idt;
	pv_ops.cpu.set_ldt = ring1_set_ldt;
	pv_ops.cpu.store_tr = ring1_store_tr;
	pv_ops.cpu.load_tls = ring1_load_tls;
	pv_ops.cpu.load_gs_index = ring1_load_gs_index;
	pv_ops.cpu.write_gdt_entry = ring1_write_gdt_entry;
	pv_ops.cpu.wbinvd = ring1_wbinvd;
	pv_ops.cpu.cpuid = ring1_cpuid;
	pv_ops.cpu.read_msr = ring1_read_msr;
	pv_ops.cpu.write_msr = ring1_write_msr;
	pv_ops.cpu.read_msr_safe = ring1_read_msr_safe;
	pv_ops.cpu.write_msr_safe = ring1_write_msr_safe;
}
