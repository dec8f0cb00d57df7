// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    Debian's own QEMU boots the guest kernel's ELF file, by its PVH note
 * How:      vmlinux in place of bzImage, which QEMU loads itself and enters in 32-bit mode; its
 *           machines microvm and pc
 * Needs:    SHARE=build/qemu; kvm-ring1
 * Timeout:  900
 * Catches:  an entry to the kernel that does not find out that it is in ring 1
 */
#include "qemu.h"

#define VMLINUX(...) OPTIONS("-kernel", "/ring1/vmlinux", "-initrd", "/ring1/initrd",	\
	"-append", "console=ttyS0 panic=-1", "-m", "256", ##__VA_ARGS__)

#define BOOTS(machine, options) do {					\
	STARTED(options);						\
	ASSERT_TRUE(at_prompt(self));					\
	print_exits(self, machine);					\
	GUEST("grep -qw ring1 /proc/cpuinfo");				\
	/* Without ACPI there is nothing that powers off. */		\
	QUITS(self);							\
} while (0)

TEST_F_TIMEOUT(qemu, microvm, LIMIT)
{
	BOOTS("microvm, PVH", VMLINUX("-M", "microvm", "-cpu", "host"));
}

TEST_F_TIMEOUT(qemu, microvm_without_firmware_tables, LIMIT)
{
	BOOTS("microvm, acpi=off, PVH", VMLINUX("-M", "microvm,acpi=off", "-cpu", "host"));
}

TEST_F_TIMEOUT(qemu, pc, LIMIT)
{
	BOOTS("pc, 2 processors, PVH", VMLINUX("-M", "pc", "-cpu", "host", "-smp", "2"));
}

TEST_HARNESS_MAIN
