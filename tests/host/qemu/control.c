// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    Debian's own QEMU stops the guest, lets it go on, takes it back to a snapshot, and
 *           lets it reboot itself; with KVM's interrupt controllers, with half of them, and with
 *           eight processors
 * How:      QEMU's microvm; its monitor's commands, and commands in the guest's shell
 * Needs:    SHARE=build/qemu; kvm-ring1
 * Timeout:  1800
 * Catches:  state of a vCPU that KVM's ioctls do not show, and QEMU cannot set
 */
#include "qemu.h"
#include "qcow2.h"

static bool answers_on(QEMU *self, int cpus)
{
	int cpu;

	for (cpu = 0; cpu < cpus; cpu++) {
		if (in_guest(self, "taskset -c %d true", cpu))
			return false;
	}
	return !in_guest(self, "[ $(nproc) = %d ]", cpus);
}

TEST_F_TIMEOUT(qemu, stops_and_goes_on, LIMIT)
{
	STARTED(LINUX("", "-M", "microvm", "-cpu", "host", "-smp", "2"));
	ASSERT_TRUE(at_prompt(self));
	GUEST("(while sleep 1; do echo tick; done) & true");
	ASSERT_TRUE(wait_for(self, "\ntick"));
	ASSERT_TRUE(hmp_silent(self, "stop"));
	ASSERT_TRUE(hmp(self, "info status"));
	EXPECT_STREQ("VM status: paused\n", self->line);
	/* What it said before. */
	while (read_console(self, seconds() + 1))
		;
	self->mark = self->len;
	sleep(3);
	while (read_console(self, seconds() + 1))
		;
	EXPECT_EQ(self->mark, self->len);
	ASSERT_TRUE(hmp_silent(self, "cont"));
	EXPECT_TRUE(wait_for(self, "\ntick"));
	GUEST("kill $!");
	EXPECT_TRUE(answers_on(self, 2));
	print_exits(self, "microvm, 2 processors, after stop and cont");
	POWERS_OFF();
}

TEST_F_TIMEOUT(qemu, goes_back_to_a_snapshot, LIMIT)
{
	ASSERT_TRUE(make_image("snapshots"));
	STARTED(LINUX("", "-M", "microvm", "-cpu", "host", "-smp", "2",
		      "-drive", "if=none,id=snapshots,format=qcow2,file=snapshots"));
	ASSERT_TRUE(at_prompt(self));
	GUEST("echo before >/tmp/when");
	ASSERT_TRUE(hmp_silent(self, "savevm one"));
	GUEST("echo after >/tmp/when");
	ASSERT_TRUE(hmp_silent(self, "loadvm one"));
	/* It is at the prompt that was there then, which it printed before. */
	GUEST("grep before /tmp/when");
	EXPECT_TRUE(answers_on(self, 2));
	GUEST("sleep 1");
	print_exits(self, "microvm, 2 processors, after savevm and loadvm");
	POWERS_OFF();
	unlink("snapshots");
}

TEST_F_TIMEOUT(qemu, reboots_itself, LIMIT)
{
	STARTED(LINUX("", "-M", "microvm", "-cpu", "host", "-smp", "2"));
	ASSERT_TRUE(at_prompt(self));
	GUEST("echo before >/tmp/when");
	ASSERT_TRUE(give(self, "reboot -f\n"));
	ASSERT_TRUE(at_prompt(self));
	GUEST("[ ! -e /tmp/when ]");
	EXPECT_TRUE(answers_on(self, 2));
	print_exits(self, "microvm, 2 processors, after its own reboot");
	POWERS_OFF();
}

TEST_F_TIMEOUT(qemu, without_firmware_tables, LIMIT)
{
	STARTED(LINUX("", "-M", "microvm,acpi=off", "-cpu", "host", "-smp", "2"));
	ASSERT_TRUE(at_prompt(self));
	EXPECT_TRUE(answers_on(self, 2));
	print_exits(self, "microvm, acpi=off, 2 processors");
	QUITS(self);
}

TEST_F_TIMEOUT(qemu, split_interrupt_controllers, LIMIT)
{
	STARTED(LINUX("", "-M", "microvm,kernel_irqchip=split", "-cpu", "host", "-smp", "2"));
	ASSERT_TRUE(at_prompt(self));
	EXPECT_TRUE(answers_on(self, 2));
	print_exits(self, "microvm, kernel_irqchip=split, 2 processors");
	POWERS_OFF();
}

TEST_F_TIMEOUT(qemu, eight_processors, LIMIT)
{
	STARTED(LINUX("", "-M", "microvm", "-cpu", "host", "-smp", "8"));
	ASSERT_TRUE(at_prompt(self));
	EXPECT_TRUE(answers_on(self, 8));
	print_exits(self, "microvm, 8 processors");
	POWERS_OFF();
}

TEST_HARNESS_MAIN
