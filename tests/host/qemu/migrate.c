// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    a PV guest under load goes on in another QEMU: by a migration to a file, by one
 *           from process to process, and from a snapshot on a disk; nothing is lost, its
 *           clock goes on
 * How:      QEMU's microvm with 2 processors, which fork and read memory all the while; asks
 *           in the other QEMU whether all that was read was right
 * Needs:    SHARE=build/qemu; kvm-ring1
 * Timeout:  1800
 * Catches:  what of a vCPU is in no ioctl and in no memory, a page that is not copied
 */
#include "qemu.h"
#include "qcow2.h"

#define MACHINE	"-M", "microvm", "-cpu", "host", "-smp", "2"

/* On each processor a process that starts others, which read memory and say if it is wrong. */
static bool loaded(QEMU *self)
{
	int cpu;

	if (in_guest(self, "dd if=/dev/urandom of=/tmp/r bs=1M count=8 2>&-") ||
	    in_guest(self, "md5sum /tmp/r >/tmp/sum; test() { md5sum -c -s /tmp/sum; }") ||
	    in_guest(self, "work() { while test; do echo >>/tmp/n$1; done; echo >/tmp/wrong; }"))
		return false;
	for (cpu = 0; cpu < 2; cpu++)
		if (in_guest(self, "(taskset -p $((1 + %d)) $(exec sh -c 'echo $PPID'); work %d) & true",
			     cpu, cpu))
			return false;
	return !in_guest(self, "sleep 2; read -r up rest </proc/uptime; echo ${up%%.*} >/tmp/up");
}

/* It has gone on there, and all was right; the clock as well, as long as a test lasts. */
static bool goes_on(QEMU *self)
{
	return !in_guest(self, "lines() { wc -l <$1; }; old=$(lines /tmp/n0),$(lines /tmp/n1)") &&
	       !in_guest(self, "sleep 5; [ $(lines /tmp/n0) -gt ${old%%,*} ]") &&
	       !in_guest(self, "[ $(lines /tmp/n1) -gt ${old#*,} ]") &&
	       !in_guest(self, "[ ! -e /tmp/wrong ]") &&
	       !in_guest(self, "read -r up rest </proc/uptime; up=${up%%.*}") &&
	       !in_guest(self, "up=$((up - $(cat /tmp/up))); [ $up -ge 5 ] && [ $up -lt 900 ]");
}

/* The migration that was asked for is through. */
static bool migrated(QEMU *self)
{
	double until = seconds() + self->patience;

	while (seconds() < until) {
		if (!qmp(self, "{\"execute\":\"query-migrate\"}"))
			return false;
		if (strstr(self->line, "\"status\": \"completed\""))
			return true;
		if (strstr(self->line, "\"status\": \"failed\""))
			break;
		usleep(200000);
	}
	printf("# %s\n", self->line);
	return false;
}

/* What is typed before, its serial port forgets with the state that it had. */
static bool has_begun(QEMU *self)
{
	double until = seconds() + self->patience;

	while (hmp(self, "info status") && seconds() < until) {
		if (!strcmp(self->line, "VM status: running\n"))
			return true;
		usleep(200000);
	}
	explain(self);
	return false;
}

static bool migrate(QEMU *self, const char *uri)
{
	return qmp(self, "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"%s\"}}", uri) &&
	       migrated(self);
}

TEST_F_TIMEOUT(qemu, to_a_file, LIMIT)
{
	STARTED(LINUX("", MACHINE));
	ASSERT_TRUE(at_prompt(self));
	ASSERT_TRUE(loaded(self));
	ASSERT_TRUE(migrate(self, "exec:cat>state"));
	QUITS(self);
	STARTED(LINUX("", MACHINE, "-incoming", "exec:cat<state"));
	EXPECT_TRUE(has_begun(self) && goes_on(self));
	print_exits(self, "microvm, 2 processors, after a migration");
	QUITS(self);
	unlink("state");
}

TEST_F_TIMEOUT(qemu, to_another_process, LIMIT)
{
	QEMU another, *other = &another;

	ASSERT_TRUE(prepare_qemu(other));
	STARTED(LINUX("", MACHINE));
	ASSERT_TRUE(at_prompt(self));
	ASSERT_TRUE(loaded(self));
	ASSERT_TRUE(start(other, LINUX("", MACHINE, "-incoming", "unix:migrate")));
	ASSERT_TRUE(migrate(self, "unix:migrate"));
	other->commands = self->commands;
	EXPECT_TRUE(has_begun(other) && goes_on(other));
	QUITS(self);
	/* and it can be saved again */
	ASSERT_TRUE(migrate(other, "exec:cat>state"));
	QUITS(other);
	self->commands = other->commands;
	STARTED(LINUX("", MACHINE, "-incoming", "exec:cat<state"));
	EXPECT_TRUE(has_begun(self) && goes_on(self));
	QUITS(self);
	unlink("state");
}

#define DISK "-drive", "if=none,id=snapshots,format=qcow2,file=snapshots"

TEST_F_TIMEOUT(qemu, from_a_snapshot, LIMIT)
{
	ASSERT_TRUE(make_image("snapshots"));
	STARTED(LINUX("", MACHINE, DISK));
	ASSERT_TRUE(at_prompt(self));
	ASSERT_TRUE(loaded(self));
	ASSERT_TRUE(hmp_silent(self, "savevm one"));
	QUITS(self);
	STARTED(LINUX("", MACHINE, DISK, "-loadvm", "one"));
	EXPECT_TRUE(has_begun(self) && goes_on(self));
	/* into a guest that has been started anew, and is another one */
	ASSERT_TRUE(hmp_silent(self, "system_reset"));
	ASSERT_TRUE(at_prompt(self));
	GUEST("[ ! -e /tmp/up ]");
	ASSERT_TRUE(hmp_silent(self, "loadvm one"));
	EXPECT_TRUE(goes_on(self));
	QUITS(self);
	unlink("snapshots");
}

TEST_HARNESS_MAIN
