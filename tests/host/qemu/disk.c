// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    a PC of Debian's own QEMU boots from a disk, through SeaBIOS and GRUB, to a guest
 *           kernel in ring 1 whose root is on that disk
 * How:      the disk of tests/rig/build/grub-disk, by virtio on PCI, with no kernel given; the
 *           guest writes to its root and reads that back
 * Needs:    SHARE=build/qemu with its disk; kvm-ring1
 * Timeout:  3600
 * Catches:  code in real and 32-bit mode that is not emulated, or too slow to come to its end
 */
#include "qemu.h"

TEST_F_TIMEOUT(qemu, pc_boots_from_its_disk, LIMIT)
{
	ASSERT_EQ(0, system("cp /share/disk disk"));
	self->patience = 1500;
	STARTED(OPTIONS("-M", "pc", "-cpu", "host", "-m", "256",
			"-drive", "if=virtio,format=raw,file=disk"));
	ASSERT_TRUE(wait_for(self, "Linux version"));
	print_exits(self, "pc, SeaBIOS and GRUB, to the kernel");
	ASSERT_TRUE(at_prompt(self));
	print_exits(self, "and to the prompt");
	self->patience = PATIENCE;
	GUEST("grep -qw ring1 /proc/cpuinfo");
	GUEST("grep ' / ext4 ' /proc/mounts");
	GUEST("mount -o remount,rw / && cp /boot/bzImage /boot/again && sync");
	GUEST("echo 3 >/proc/sys/vm/drop_caches && cmp /boot/bzImage /boot/again");
	GUEST("mount -o remount,ro /");
	POWERS_OFF();
	unlink("disk");
}

TEST_HARNESS_MAIN
