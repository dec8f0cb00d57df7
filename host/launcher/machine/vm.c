// SPDX-License-Identifier: GPL-2.0-only
/*
 * Opens KVM and makes a PC without devices: memory, interrupt controllers and
 * interval timer inside KVM. Uses nothing that only one vendor module has.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "launcher.h"
#include "machine/layout.h"
#include "machine/vm.h"

#define DEV_KVM		"/dev/kvm"
#define PIC_PINS	8
#define ISA_IRQS	16

enum memory_slot { SLOT_LOW, SLOT_HIGH };

static int open_kvm(struct vm *vm)
{
	int version;

	vm->kvm_fd = open(DEV_KVM, O_RDWR | O_CLOEXEC);
	if (vm->kvm_fd < 0) {
		switch (errno) {
		case ENOENT:
		case ENODEV:
		case ENXIO:
			return fail("no %s: load the module with `modprobe kvm-ring1`; `ring1 check` says what is missing",
				    DEV_KVM);
		case EACCES:
		case EPERM:
			return fail("no permission to open %s: run as root, or let root add you to its group with `adduser $USER kvm`",
				    DEV_KVM);
		default:
			return fail("cannot open %s: %s; `ring1 check` says what is missing",
				    DEV_KVM, strerror(errno));
		}
	}
	version = ioctl(vm->kvm_fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION)
		return fail("%s speaks version %d of KVM's interface, ring1 version %d", DEV_KVM,
			    version, KVM_API_VERSION);
	return 0;
}

static int check_cpus(const struct vm *vm)
{
	int max = ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);

	if (max > 0 && vm->cpus > (unsigned int)max)
		return fail("--cpus %u: KVM takes %d at most on this host", vm->cpus, max);
	return 0;
}

static int add_memory(const struct vm *vm, enum memory_slot slot, uint64_t gpa,
		      const void *host, uint64_t size)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)host,
	};

	if (size && ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region))
		return fail("KVM refuses %s of guest memory at %#llx: %s", size_text(size),
			    (unsigned long long)gpa, strerror(errno));
	return 0;
}

static void add_route(struct kvm_irq_routing *table, unsigned int gsi, unsigned int chip,
		      unsigned int pin)
{
	struct kvm_irq_routing_entry *entry = &table->entries[table->nr++];

	entry->gsi = gsi;
	entry->type = KVM_IRQ_ROUTING_IRQCHIP;
	entry->u.irqchip.irqchip = chip;
	entry->u.irqchip.pin = pin;
}

/* As KVM routes by itself, but for the timer: the MADT has it where a PC has it. */
static int set_routes(const struct vm *vm)
{
	struct kvm_irq_routing *table;
	unsigned int i;
	int err;

	table = calloc(1, sizeof(*table) + (ISA_IRQS + IOAPIC_PINS) * sizeof(table->entries[0]));
	if (!table)
		return fail("out of memory");
	for (i = 0; i < ISA_IRQS; i++)
		add_route(table, i, i < PIC_PINS ? KVM_IRQCHIP_PIC_MASTER :
			  KVM_IRQCHIP_PIC_SLAVE, i % PIC_PINS);
	for (i = 0; i < IOAPIC_PINS; i++) {
		if (i != GSI_TIMER)
			add_route(table, i, KVM_IRQCHIP_IOAPIC,
				  i == IRQ_TIMER ? GSI_TIMER : i);
	}
	err = ioctl(vm->fd, KVM_SET_GSI_ROUTING, table);
	free(table);
	if (err)
		return fail("KVM refuses the interrupt routes: %s", strerror(errno));
	return 0;
}

static int add_chips(const struct vm *vm)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };

	/* Of no use on AMD, and taken there too; needed on Intel before any vCPU. */
	if (ioctl(vm->fd, KVM_SET_TSS_ADDR, KVM_TSS_PAGES))
		return fail("KVM refuses KVM_SET_TSS_ADDR: %s", strerror(errno));
	if (ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0))
		return fail("KVM cannot make interrupt controllers: %s", strerror(errno));
	if (ioctl(vm->fd, KVM_CREATE_PIT2, &pit))
		return fail("KVM cannot make an interval timer: %s", strerror(errno));
	return set_routes(vm);
}

int vm_create(struct vm *vm)
{
	if (open_kvm(vm) || check_cpus(vm))
		return -1;
	vm->fd = ioctl(vm->kvm_fd, KVM_CREATE_VM, 0);
	if (vm->fd < 0)
		return fail("KVM cannot make a virtual machine: %s; the kernel log (dmesg) may say why",
			    strerror(errno));
	if (add_chips(vm) ||
	    add_memory(vm, SLOT_LOW, 0, vm->ram.low, vm->ram.low_size) ||
	    add_memory(vm, SLOT_HIGH, HOLE_END, vm->ram.high, vm->ram.high_size))
		return -1;
	vm->cpuid = cpuid_supported(vm->kvm_fd);
	return vm->cpuid ? 0 : -1;
}

int vm_set_irq(const struct vm *vm, unsigned int irq, bool level)
{
	struct kvm_irq_level line = { .irq = irq, .level = level };

	return ioctl(vm->fd, KVM_IRQ_LINE, &line);
}
