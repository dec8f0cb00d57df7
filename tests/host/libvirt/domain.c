// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    a guest in ring 1 is a domain of Debian's own libvirt: it starts, answers on its
 *           console, is suspended, saved, reset and ended by virsh, two run side by side, and
 *           they outlive the daemon
 * How:      tests/host/libvirt/guest.xml on microvm, and changed for a PC; virsh's commands, and
 *           others in the guest's shell by virsh console
 * Needs:    SHARE=build/qemu with libvirt (make check-qemu); kvm-ring1
 * Timeout:  1800
 * Catches:  what libvirt finds missing when it probes /dev/kvm; what QEMU may not do as a user
 *           of its own, in libvirt's sandbox
 */
#include "libvirt.h"

#define CTRL_BRACKET	"\x1d"	/* leaves virsh console */

static bool is_pv_guest(QEMU *self)
{
	return !in_guest(self, "grep -qw ring1 /proc/cpuinfo") &&
	       !in_guest(self, "[ $(nproc) = 2 ]");
}

static bool devices_work(QEMU *self)
{
	return !in_guest(self, "mke2fs /dev/vda >/dev/null && mkdir -p /mnt") &&
	       !in_guest(self, "mount -t ext4 /dev/vda /mnt && cp /bin/busybox /mnt && sync") &&
	       !in_guest(self, "umount /mnt && mount -t ext4 /dev/vda /mnt") &&
	       !in_guest(self, "cmp /bin/busybox /mnt/busybox && umount /mnt") &&
	       !in_guest(self, "ip link set eth0 up && ip address add 10.0.2.15/24 dev eth0") &&
	       !in_guest(self, "ping -c 3 -i 0.2 10.0.2.2") &&
	       !in_guest(self, "[ $(dd if=/dev/hwrng bs=64 count=1 | wc -c) = 64 ]");
}

/* QEMU is where libvirt puts it on any host, and may use /dev/kvm there. */
static bool is_confined(const char *name)
{
	pid_t pid = process(name);

	return shell("grep 'Uid:.64055.64055' /proc/%d/status", pid) &&
	       shell("grep 'Seccomp:.2' /proc/%d/status", pid) &&
	       shell("grep libvirt-qemu /proc/%d/cgroup", pid) &&
	       shell("[ $(readlink /proc/%d/ns/mnt) != $(readlink /proc/self/ns/mnt) ]", pid);
}

/* The guest's end is the domain's, and that of virsh console. */
static bool powers_off(QEMU *self, const char *name)
{
	return give(self, "poweroff -f\n") && !finish(self) && is_in_state(name, "shut off");
}

/* By the power button: ACPI's device on microvm, its fixed hardware on a PC. */
static bool is_shut_down(QEMU *self, const char *name)
{
	return virsh("shutdown %s", name) && !finish(self) && is_in_state(name, "shut off");
}

TEST_F_TIMEOUT(qemu, libvirt_knows_kvm, LIMIT)
{
	ASSERT_TRUE(libvirt_runs());
	ASSERT_TRUE(virsh("version"));
	print_comment("virsh version", said);
	ASSERT_TRUE(virsh("capabilities"));
	EXPECT_NE(NULL, strstr(said, "<domain type='kvm'/>"));
	ASSERT_TRUE(virsh("domcapabilities --virttype kvm --machine microvm"));
	EXPECT_NE(NULL, strstr(said, "<domain>kvm</domain>"));
	EXPECT_NE(NULL, strstr(said, "<mode name='host-passthrough' supported='yes'>"));
}

TEST_F_TIMEOUT(qemu, starts_and_powers_off, LIMIT)
{
	STARTED_DOMAIN("ring1", "");
	print_domain_exits("ring1", "microvm, 2 processors, by libvirt, to the prompt");
	EXPECT_TRUE(is_pv_guest(self));
	EXPECT_TRUE(devices_work(self));
	EXPECT_TRUE(virsh("list | grep 'ring1 *running'"));
	EXPECT_TRUE(virsh("dominfo ring1 | grep 'CPU(s): *2$'"));
	EXPECT_TRUE(is_confined("ring1"));
	print_domain_exits("ring1", "and after its devices");
	EXPECT_TRUE(powers_off(self, "ring1"));
	EXPECT_TRUE(virsh("undefine ring1"));
}

TEST_F_TIMEOUT(qemu, shuts_down, LIMIT)
{
	STARTED_DOMAIN("ring1", "");
	ASSERT_TRUE(virsh("reboot ring1"));
	ASSERT_TRUE(at_prompt(self));
	EXPECT_TRUE(is_in_state("ring1", "running"));
	EXPECT_TRUE(is_shut_down(self, "ring1"));
}

TEST_F_TIMEOUT(qemu, is_suspended_and_goes_on, LIMIT)
{
	STARTED_DOMAIN("ring1", "");
	ASSERT_TRUE(virsh("suspend ring1"));
	EXPECT_TRUE(is_in_state("ring1", "paused"));
	/* What it said before. */
	while (read_console(self, seconds() + 1))
		;
	ASSERT_TRUE(give(self, "echo he''ard\n"));
	EXPECT_FALSE(read_console(self, seconds() + 4));
	ASSERT_TRUE(virsh("resume ring1"));
	EXPECT_TRUE(is_in_state("ring1", "running"));
	ASSERT_TRUE(wait_for(self, "\nheard"));
	ASSERT_TRUE(at_prompt(self));
	ASSERT_TRUE(virsh("destroy ring1"));
	EXPECT_TRUE(is_in_state("ring1", "shut off"));
	EXPECT_EQ(0, finish(self));
}

TEST_F_TIMEOUT(qemu, is_saved_and_reset, LIMIT)
{
	STARTED_DOMAIN("ring1", "");
	GUEST("echo before >/tmp/when");
	ASSERT_TRUE(virsh("managedsave ring1"));
	EXPECT_TRUE(is_in_state("ring1", "shut off"));
	EXPECT_EQ(0, finish(self));
	ASSERT_TRUE(has_console(self, "start", "ring1"));
	ASSERT_TRUE(still_at_prompt(self));
	GUEST("grep before /tmp/when");
	EXPECT_TRUE(is_pv_guest(self));
	print_domain_exits("ring1", "and after managedsave and start");
	ASSERT_TRUE(virsh("reset ring1"));
	ASSERT_TRUE(at_prompt(self));
	GUEST("[ ! -e /tmp/when ]");
	EXPECT_TRUE(is_pv_guest(self));
	EXPECT_TRUE(powers_off(self, "ring1"));
}

TEST_F_TIMEOUT(qemu, two_outlive_the_daemon, LIMIT)
{
	QEMU another, *other = &another;

	ASSERT_TRUE(libvirt_runs());
	ASSERT_TRUE(prepare_qemu(other));
	ASSERT_TRUE(define("ring1", ""));
	ASSERT_TRUE(define("second", ""));
	ASSERT_TRUE(has_console(self, "start", "ring1"));
	ASSERT_TRUE(has_console(other, "start", "second"));
	ASSERT_TRUE(at_prompt(self));
	ASSERT_TRUE(at_prompt(other));
	EXPECT_TRUE(is_pv_guest(self));
	EXPECT_TRUE(is_pv_guest(other));
	EXPECT_TRUE(virsh("list --name | grep -cx 'ring1\\|second' | grep -x 2"));
	ASSERT_TRUE(virsh("destroy ring1"));
	EXPECT_EQ(0, finish(self));
	EXPECT_TRUE(is_pv_guest(other));

	ASSERT_TRUE(give(other, CTRL_BRACKET));
	EXPECT_EQ(0, finish(other));
	ASSERT_TRUE(shell("kill -9 $(cat /run/libvirtd.pid) && rm /run/libvirt/libvirt-sock"));
	ASSERT_TRUE(libvirt_runs());
	EXPECT_TRUE(is_in_state("second", "running"));
	EXPECT_TRUE(is_in_state("ring1", "shut off"));
	ASSERT_TRUE(has_console(other, "console", "second"));
	ASSERT_TRUE(still_at_prompt(other));
	EXPECT_TRUE(is_pv_guest(other));
	ASSERT_TRUE(virsh("destroy second"));
	EXPECT_EQ(0, finish(other));
	EXPECT_TRUE(is_in_state("second", "shut off"));
}

/* What libvirt gives a PC by itself as well: USB, a balloon; virtio is on PCI there. */
TEST_F_TIMEOUT(qemu, pc_starts, LIMIT)
{
	STARTED_DOMAIN("pc", "s/microvm/pc/; /virtio-mmio/d; /usb/d; /memballoon/d");
	print_domain_exits("pc", "pc, 2 processors, by libvirt, to the prompt");
	EXPECT_TRUE(is_pv_guest(self));
	EXPECT_TRUE(devices_work(self));
	EXPECT_TRUE(is_shut_down(self, "pc"));
}

TEST_HARNESS_MAIN
