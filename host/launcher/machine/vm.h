/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtual machine as KVM knows it. vm.c makes it, cpuid.c says what its
 * processors are, vcpu.c makes them, exit.c runs them.
 */
#ifndef RING1_VM_H
#define RING1_VM_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/kvm.h>

#include "machine/ram.h"

struct vm {
	struct ram ram;
	unsigned int cpus;
	bool trap;			/* the guest kernel makes no hypercalls */
	int kvm_fd;
	int fd;
	struct kvm_cpuid2 *cpuid;	/* what this host can offer to a guest */
};

struct vcpu {
	unsigned int id;
	int fd;
	struct kvm_run *run;
};

/* The processor's name in 48 bytes, as CPUID gives them. */
#define CPUID_BRAND_LEAVES	3

struct cpuid_brand {
	struct {
		uint32_t eax, ebx, ecx, edx;
	} leaf[CPUID_BRAND_LEAVES];
};

/* vm.c: fill in all but what the caller has set, ram, cpus and trap. 0, or -1 with the reason. */
int vm_create(struct vm *vm);
int vm_set_irq(const struct vm *vm, unsigned int irq, bool level);

/* cpuid.c: KVM's table for the host, and its adaptation to vCPU `id` of `cpus`. */
struct kvm_cpuid2 *cpuid_supported(int kvm_fd);
/* Name the processor: in a table with room for all leaves, and only if it has such leaves. */
void cpuid_set_brand(struct kvm_cpuid2 *table, const struct cpuid_brand *brand);
/* A TSC that never changes its rate or rests; likewise. */
void cpuid_set_invariant_tsc(struct kvm_cpuid2 *table);
struct kvm_cpuid2 *cpuid_for_vcpu(const struct kvm_cpuid2 *supported, unsigned int id,
				  unsigned int cpus, bool trap);

/*
 * vcpu.c: make all vCPUs, of which vCPU 0 begins at `entry`; start their threads, which then
 * wait; have them run. 0, or -1 with the reason printed.
 */
int vcpu_create_all(struct vm *vm, uint64_t entry);
int vcpu_start_all(const struct vm *vm);
void vcpu_run_all(void);

/* exit.c: run until the guest has ended. */
void vcpu_run(const struct vcpu *vcpu);

#endif
