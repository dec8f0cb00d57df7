// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes the virtual processors: what their CPUID and MSRs say, the state in
 * which the first one meets the kernel's first instruction, and a thread for
 * each. The other processors wait inside KVM for INIT and SIPI.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <asm/processor-flags.h>

#include "boot/boot.h"
#include "launcher.h"
#include "machine/layout.h"
#include "machine/vm.h"

#define EFER_LME		(1ULL << 8)
#define EFER_LMA		(1ULL << 10)
#define RFLAGS_RESERVED		(1ULL << 1)

#define SEGMENT_CODE		11	/* execute, read, accessed */
#define SEGMENT_DATA		3	/* read, write, accessed */
#define SEGMENT_BUSY_TSS	11
#define TSS_LIMIT		0x67

/* What a PC's firmware would have left in them. */
#define MSR_MISC_ENABLE		0x1a0
#define MISC_ENABLE_FAST_STRING	(1ULL << 0)
#define MSR_MTRR_DEF_TYPE	0x2ff
#define MTRR_ENABLE_WRITE_BACK	0x806

static struct vcpu *vcpus;

static int set_msr(const struct vcpu *vcpu, uint32_t index, uint64_t data)
{
	struct kvm_msrs *msrs = calloc(1, sizeof(*msrs) + sizeof(msrs->entries[0]));
	int done, err;

	if (!msrs)
		return fail("out of memory");
	msrs->nmsrs = 1;
	msrs->entries[0].index = index;
	msrs->entries[0].data = data;
	done = ioctl(vcpu->fd, KVM_SET_MSRS, msrs);
	err = done < 0 ? errno : EINVAL;
	free(msrs);
	if (done != 1)
		return fail("KVM refuses to set MSR %#x: %s", index, strerror(err));
	return 0;
}

static void set_segment(struct kvm_segment *segment, uint16_t selector, uint8_t type)
{
	*segment = (struct kvm_segment){
		.selector = selector, .limit = 0xffffffff, .type = type,
		.present = 1, .s = 1, .g = 1,
		.db = selector != BOOT_CS, .l = selector == BOOT_CS,
	};
}

static int set_sregs(const struct vcpu *vcpu)
{
	struct kvm_sregs sregs;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs))
		return fail("KVM refuses KVM_GET_SREGS: %s", strerror(errno));

	set_segment(&sregs.cs, BOOT_CS, SEGMENT_CODE);
	set_segment(&sregs.ds, BOOT_DS, SEGMENT_DATA);
	sregs.es = sregs.ds;
	sregs.fs = sregs.ds;
	sregs.gs = sregs.ds;
	sregs.ss = sregs.ds;
	sregs.tr = (struct kvm_segment){
		.limit = TSS_LIMIT, .type = SEGMENT_BUSY_TSS, .present = 1,
	};
	sregs.gdt.base = BOOT_GDT;
	sregs.gdt.limit = BOOT_GDT_SIZE - 1;
	sregs.idt.base = 0;
	sregs.idt.limit = 0;
	sregs.cr0 = X86_CR0_PE | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_PG;
	sregs.cr3 = BOOT_PML4;
	sregs.cr4 = X86_CR4_PAE;
	sregs.efer = EFER_LME | EFER_LMA;
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &sregs))
		return fail("KVM refuses the first processor's state: %s", strerror(errno));
	return 0;
}

static int set_entry(const struct vcpu *vcpu, uint64_t entry)
{
	struct kvm_regs regs = {
		.rip = entry,
		.rsp = BOOT_STACK_TOP,
		.rsi = BOOT_PARAMS,
		.rflags = RFLAGS_RESERVED,
	};

	if (set_sregs(vcpu))
		return -1;
	if (ioctl(vcpu->fd, KVM_SET_REGS, &regs))
		return fail("KVM refuses KVM_SET_REGS: %s", strerror(errno));
	return 0;
}

static int create(const struct vm *vm, struct vcpu *vcpu, size_t run_size)
{
	struct kvm_cpuid2 *cpuid;
	int err;

	vcpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, vcpu->id);
	if (vcpu->fd < 0)
		return fail("KVM cannot make processor %u: %s", vcpu->id, strerror(errno));
	vcpu->run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		return fail("cannot map processor %u: %s", vcpu->id, strerror(errno));

	cpuid = cpuid_for_vcpu(vm->cpuid, vcpu->id, vm->cpus, vm->trap);
	if (!cpuid)
		return fail("out of memory");
	err = ioctl(vcpu->fd, KVM_SET_CPUID2, cpuid);
	free(cpuid);
	if (err)
		return fail("KVM refuses the processor's features: %s", strerror(errno));
	if (set_msr(vcpu, MSR_MISC_ENABLE, MISC_ENABLE_FAST_STRING))
		return -1;
	return set_msr(vcpu, MSR_MTRR_DEF_TYPE, MTRR_ENABLE_WRITE_BACK);
}

int vcpu_create_all(struct vm *vm, uint64_t entry)
{
	int run_size = ioctl(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	unsigned int i;

	if (run_size < (int)sizeof(struct kvm_run))
		return fail("KVM refuses KVM_GET_VCPU_MMAP_SIZE: %s", strerror(errno));
	vcpus = calloc(vm->cpus, sizeof(*vcpus));
	if (!vcpus)
		return fail("out of memory");
	for (i = 0; i < vm->cpus; i++) {
		vcpus[i].id = i;
		if (create(vm, &vcpus[i], run_size))
			return -1;
	}
	return set_entry(&vcpus[0], entry);
}

/* Where the threads and the main thread meet: when all are there, and when all may go. */
static pthread_barrier_t barrier;

static void *run_thread(void *vcpu)
{
	char name[16];

	snprintf(name, sizeof(name), "vcpu%u", ((struct vcpu *)vcpu)->id);
	pthread_setname_np(pthread_self(), name);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	vcpu_run(vcpu);
	return NULL;
}

int vcpu_start_all(const struct vm *vm)
{
	unsigned int i;

	pthread_barrier_init(&barrier, NULL, vm->cpus + 1);
	for (i = 0; i < vm->cpus; i++) {
		pthread_t thread;
		int err = pthread_create(&thread, NULL, run_thread, &vcpus[i]);

		if (err)
			return fail("cannot start a thread for processor %u: %s", i, strerror(err));
	}
	pthread_barrier_wait(&barrier);
	return 0;
}

void vcpu_run_all(void)
{
	pthread_barrier_wait(&barrier);
}
