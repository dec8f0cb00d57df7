// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exit counters of a VM by reason, in the debugfs folder KVM made for it:
 * /sys/kernel/debug/kvm/<pid>-<fd>/ring1_exits. Read by `ring1 stat`. The first
 * line names the columns; every other line is a reason and a number per vCPU.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include "ring1.h"
#include "tracepoints.h"

static const char *const stat_names[RING1_NR_STATS] = {
	[RING1_STAT_INTERRUPT]	= "interrupt",
	[RING1_STAT_NMI]	= "nmi",
	[RING1_STAT_HYPERCALL]	= "hypercall",
	[RING1_STAT_PAGE_FAULT]	= "page_fault",
	[RING1_STAT_PT_WRITE]	= "page_fault_pt_write",
	[RING1_STAT_MMIO]	= "page_fault_mmio",
	[RING1_STAT_FRAME]	= "mmu_frame",
	[RING1_STAT_IO]		= "io",
	[RING1_STAT_PRIVILEGED]	= "privileged",
	[RING1_STAT_EXCEPTION]	= "exception_injected",
	[RING1_STAT_SYSCALL]	= "syscall",
	[RING1_STAT_EMULATE]	= "emulate_mode",
	[RING1_STAT_REWIND]	= "rewind",
	[RING1_STAT_ABORT]	= "enter_abort",
	[RING1_STAT_NOTED]	= "nmi_noted",
	[RING1_STAT_IBPB]	= "ibpb",
};

static const struct {
	unsigned long nr;
	const char *name;
} hypercall_names[] = { RING1_HC_SYMBOLS };

static int exits_show(struct seq_file *m, void *unused)
{
	struct kvm *kvm = m->private;
	struct kvm_vcpu *vcpu;
	unsigned long i;
	int j;

	seq_puts(m, "reason");
	kvm_for_each_vcpu(i, vcpu, kvm)
		seq_printf(m, " vcpu%d", vcpu->vcpu_id);
	seq_puts(m, "\nexits");
	kvm_for_each_vcpu(i, vcpu, kvm)
		seq_printf(m, " %llu", vcpu->stat.exits);
	for (j = 0; j < RING1_NR_STATS; j++) {
		seq_printf(m, "\n%s", stat_names[j]);
		kvm_for_each_vcpu(i, vcpu, kvm)
			seq_printf(m, " %llu", to_ring1(vcpu)->stat[j]);
	}
	for (j = 0; j < RING1_NR_HYPERCALLS; j++) {
		seq_printf(m, "\nhypercall_%s", hypercall_names[j].name);
		kvm_for_each_vcpu(i, vcpu, kvm)
			seq_printf(m, " %llu", to_ring1(vcpu)->hypercalls[j]);
	}
	seq_putc(m, '\n');
	return 0;
}

/* An open file holds the VM: its vCPUs do not go away under the reader. */
static int exits_open(struct inode *inode, struct file *file)
{
	struct kvm *kvm = inode->i_private;
	int r;

	if (!kvm_get_kvm_safe(kvm))
		return -ENOENT;
	r = single_open(file, exits_show, kvm);
	if (r)
		kvm_put_kvm(kvm);
	return r;
}

static int exits_release(struct inode *inode, struct file *file)
{
	kvm_put_kvm(inode->i_private);
	return single_release(inode, file);
}

static const struct file_operations exits_fops = {
	.owner		= THIS_MODULE,
	.open		= exits_open,
	.release	= exits_release,
	.read		= seq_read,
	.llseek		= seq_lseek,
};

/**
 * ring1_stats_create - make the file, with the VM's first vCPU
 * @kvm:	VM; KVM removes the folder with it
 *
 * Once: debugfs logs each attempt to make a file that is there, and any user of /dev/kvm
 * can have the creation of a vCPU fail behind this, as often as it likes.
 */
void ring1_stats_create(struct kvm *kvm)
{
	if (!test_and_set_bit(RING1_VM_STATS, &to_kvm_ring1(kvm)->flags))
		debugfs_create_file("ring1_exits", 0444, kvm->debugfs_dentry, kvm, &exits_fops);
}
