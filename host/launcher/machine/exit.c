// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs a vCPU and acts on the reasons for which KVM comes back: device
 * accesses are served, everything else ends the guest with a sentence about
 * why. Each vCPU has its own thread here.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "devices/bus.h"
#include "machine/end.h"
#include "machine/vm.h"

#define WHERE_SIZE	256
#define RESET_RIP	0xfff0
#define RESET_CS	0xf000

/* Where a vCPU is, for messages about its end. */
static const char *where(const struct vcpu *vcpu, char *text)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	if (ioctl(vcpu->fd, KVM_GET_REGS, &regs) || ioctl(vcpu->fd, KVM_GET_SREGS, &sregs))
		snprintf(text, WHERE_SIZE, "processor %u", vcpu->id);
	else if (regs.rip == RESET_RIP && sregs.cs.selector == RESET_CS)
		/* AMD-V leaves nothing defined after a triple fault, so KVM resets the vCPU. */
		snprintf(text, WHERE_SIZE, "processor %u, whose registers are lost", vcpu->id);
	else
		snprintf(text, WHERE_SIZE, "processor %u at rip %#llx cs %#x rsp %#llx rflags %#llx cr0 %#llx cr2 %#llx cr3 %#llx cr4 %#llx",
			 vcpu->id, regs.rip, sregs.cs.selector, regs.rsp, regs.rflags, sregs.cr0,
			 sregs.cr2, sregs.cr3, sregs.cr4);
	return text;
}

static void end_internal_error(const struct vcpu *vcpu)
{
	uint32_t suberror = vcpu->run->internal.suberror;
	char text[WHERE_SIZE];

	if (suberror == KVM_INTERNAL_ERROR_EMULATION)
		end_guest(RING1_CRASH, "the guest crashed: KVM cannot emulate its instruction: %s",
			  where(vcpu, text));
	else
		end_guest(RING1_CRASH, "the guest was stopped by KVM (internal error %u): %s; the host's kernel log (dmesg) says why",
			  suberror, where(vcpu, text));
}

static void end_system_event(const struct vcpu *vcpu)
{
	uint32_t type = vcpu->run->system_event.type;

	switch (type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		end_guest(RING1_OK, "the guest powered off");
		break;
	case KVM_SYSTEM_EVENT_RESET:
		end_guest(RING1_RESET, "the guest asked for a reset");
		break;
	case KVM_SYSTEM_EVENT_CRASH:
		end_guest(RING1_CRASH, "the guest crashed and said so, as a kernel panic does; its console has the reason");
		break;
	default:
		end_guest(RING1_CRASH, "the guest ended with system event %u, which ring1 does not know",
			  type);
		break;
	}
}

static void handle_io(const struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	uint32_t i;

	if (run->io.direction == KVM_EXIT_IO_OUT) {
		bus_write_string(run->io.port, data, run->io.size, run->io.count);
		return;
	}
	for (i = 0; i < run->io.count; i++, data += run->io.size)
		bus_access(BUS_PORTS, run->io.port, false, data, run->io.size);
}

static void handle_mmio(const struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	bus_access(BUS_MEMORY, run->mmio.phys_addr, run->mmio.is_write, run->mmio.data,
		   run->mmio.len);
}

static void handle_exit(const struct vcpu *vcpu)
{
	char text[WHERE_SIZE];

	switch (vcpu->run->exit_reason) {
	case KVM_EXIT_IO:
		handle_io(vcpu);
		break;
	case KVM_EXIT_MMIO:
		handle_mmio(vcpu);
		break;
	case KVM_EXIT_INTR:
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		end_system_event(vcpu);
		break;
	case KVM_EXIT_SHUTDOWN:
		end_guest(RING1_CRASH, "the guest crashed: triple fault on %s; its console or `--append earlyprintk=ttyS0` may show why",
			  where(vcpu, text));
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		end_internal_error(vcpu);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		end_guest(RING1_CRASH, "the guest cannot be entered (reason %#llx): %s; the host's kernel log (dmesg) may say more",
			  vcpu->run->fail_entry.hardware_entry_failure_reason, where(vcpu, text));
		break;
	default:
		end_guest(RING1_CRASH, "KVM stopped the guest with exit reason %u, which ring1 does not know: %s",
			  vcpu->run->exit_reason, where(vcpu, text));
		break;
	}
}

void vcpu_run(const struct vcpu *vcpu)
{
	char text[WHERE_SIZE];

	while (!guest_ended()) {
		if (!ioctl(vcpu->fd, KVM_RUN, 0)) {
			handle_exit(vcpu);
		} else if (errno == EIO) {
			/* What KVM returns for a virtual machine it has declared dead. */
			end_guest(RING1_CRASH, "KVM gave up on the guest; the host's kernel log (dmesg) says why");
		} else if (errno == EINTR) {
			/*
			 * This thread was stopped or frozen; nothing else interrupts it. Guests
			 * with KVM's clock do not take the leap for a stall then.
			 */
			ioctl(vcpu->fd, KVM_KVMCLOCK_CTRL, 0);
		} else if (errno != EAGAIN) {
			end_guest(RING1_ERROR, "KVM cannot run the guest: %s: %s", strerror(errno),
				  where(vcpu, text));
		}
	}
}
