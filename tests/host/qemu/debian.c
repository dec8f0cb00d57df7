// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    Debian 12 on a disk, with systemd and cloud-init, boots by UEFI and GRUB in a guest in
 *           ring 1 of Debian's own QEMU, comes up whole, and loses nothing when QEMU is killed
 * How:      `make image`'s disk is the host VM's first one, its seed the second; commands of a user
 *           who logs in on the console
 * Needs:    SHARE=build/qemu, DISK and SEED of `make image`, its kernel in /share; kvm-ring1
 * Timeout:  3600
 * Catches:  a system call, instruction or device that a whole system needs and a shell in an
 *           initrd does not
 */
#include "qemu.h"

#define BOOT	1200	/* seconds for a Debian, on an emulated host */

#define DISKS	"-drive", "if=virtio,format=raw,file=/dev/vda",	\
		"-drive", "if=virtio,format=raw,readonly=on,file=/dev/vdb"
#define DEVICES	DISKS, "-nic", "user,model=virtio-net-pci", "-device", "virtio-rng-pci"

#define UEFI								\
	"-drive", "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE.fd",	\
	"-drive", "if=pflash,format=raw,file=variables"

/* Faster, as no firmware reads the disk. */
#define KERNEL	"-kernel", "/share/vmlinuz", "-initrd", "/share/initrd.img",	\
		"-append", "root=LABEL=root ro console=ttyS0"

/* A root shell on the console, whose prompt is the one that in_guest() waits for. */
static bool logs_in(QEMU *self)
{
	return wait_for(self, "debian login: ") && give(self, "debian\n") &&
	       wait_for(self, "Password: ") && give(self, "debian\n") &&
	       wait_for(self, "debian@debian:") && give(self, "exec sudo sh\n") &&
	       wait_for(self, "# ") && give(self, "PS1='guest''# '\n") && at_prompt(self);
}

static bool comes_up(QEMU *self, const char *when)
{
	self->patience = BOOT;
	if (!logs_in(self) || in_guest(self, "cloud-init status --wait"))
		return false;
	print_exits(self, when);
	return true;
}

static bool goes_down(QEMU *self)
{
	return qmp(self, "{\"execute\":\"system_powerdown\"}") && !finish(self);
}

TEST_F_TIMEOUT(qemu, comes_up_whole, LIMIT)
{
	ASSERT_EQ(0, system("cp /usr/share/OVMF/OVMF_VARS.fd variables"));
	STARTED(OPTIONS("-M", "q35", "-cpu", "host", "-m", "768", "-smp", "2", UEFI, DEVICES));
	ASSERT_TRUE(comes_up(self, "q35, 2 processors, UEFI, Debian up"));
	GUEST("grep -qw ring1 /proc/cpuinfo");
	EXPECT_EQ(0, in_guest(self, "systemctl is-system-running --wait"));
	EXPECT_EQ(0, in_guest(self, "systemctl --no-pager --failed"));
	EXPECT_EQ(0, in_guest(self, "systemctl is-active multi-user.target ssh"));
	EXPECT_EQ(0, in_guest(self, "[ $(hostname) = debian ] && id debian"));
	EXPECT_EQ(0, in_guest(self, "systemd-detect-virt; systemd-analyze"));
	EXPECT_EQ(0, in_guest(self, "! dmesg | grep -E 'WARNING:|BUG:|Oops|unchecked MSR'"));
	EXPECT_TRUE(goes_down(self));
}

TEST_F_TIMEOUT(qemu, loses_nothing_that_was_synced, LIMIT)
{
	STARTED(OPTIONS("-M", "pc", "-cpu", "host", "-m", "768", KERNEL, DEVICES));
	ASSERT_TRUE(comes_up(self, "pc, Debian up"));
	GUEST("cp -r /usr/share/doc /root/copy && sync");
	GUEST("(cd /root/copy && find . -type f | xargs md5sum) >/root/sums && sync");
	/* In the middle of more of that. */
	ASSERT_TRUE(give(self, "cd /root; while :; do cp -r copy more; rm -r more; done\n"));
	sleep(20);
	kill(self->pid, SIGKILL);
	EXPECT_EQ(-SIGKILL, finish(self));

	STARTED(OPTIONS("-M", "pc", "-cpu", "host", "-m", "768", KERNEL, DEVICES));
	ASSERT_TRUE(comes_up(self, "pc, Debian up again"));
	EXPECT_EQ(0, in_guest(self, "dmesg | grep 'recovery complete'"));
	EXPECT_EQ(0, in_guest(self, "! dmesg | grep 'EXT4-fs error'"));
	EXPECT_EQ(0, in_guest(self, "(cd /root/copy && md5sum -c --quiet /root/sums)"));
	EXPECT_TRUE(goes_down(self));
}

TEST_HARNESS_MAIN
