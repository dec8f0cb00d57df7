// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    the guest finds what the boot protocol and a PC promise, and no more; it is served
 *           from a sandbox; and takes no stop of the launcher for a stall of its own
 * How:      the payload prints what it finds, Linux what it is told of its processor; the
 *           host's /proc says how the launcher runs
 * Needs:    /dev/kvm of any vendor module; ring1 in $RING1 or PATH
 * Timeout:  400
 * Catches:  a zero page that describes another machine; a device that hangs the guest;
 *           a vCPU's thread with all system calls
 */
#include <sys/sysinfo.h>

#include "confined.h"
#include "launch.h"

TEST_F(run, guest_finds_what_the_boot_protocol_promises)
{
	FILE *initrd = fopen("initrd.test", "w");

	ASSERT_NE(NULL, initrd);
	fputs("12345678and more", initrd);
	fclose(initrd);
	STARTED(DO("first params", "--initrd", "initrd.test", "--mem", "64M"));
	ENDS(0, "powered off");
	unlink("initrd.test");
	EXPECT_STREQ("cmdline=no5lvl first params\n"
		     "from=0\nsize=9fc00\ntype=1\n"
		     "from=e0000\nsize=10000\ntype=2\n"
		     "from=100000\nsize=3f00000\ntype=1\n"
		     "initrd_size=10\n"
		     "initrd_start=3837363534333231\n"
		     "rsdp=2052545020445352\n", self->text);
}

TEST_F(run, trap_mode_is_on_the_command_line)
{
	STARTED(DO("params", "--mode", "trap"));
	ENDS(0, "powered off");
	EXPECT_NE(NULL, strstr(self->text, "cmdline=no5lvl ring1=trap nopti params\n"));
}

TEST_F(run, memory_above_the_hole_is_announced)
{
	struct sysinfo host;

	if (sysinfo(&host) || host.totalram * host.mem_unit < 5ULL << 30)
		SKIP(return, "the host has less than 5 GiB of memory");
	STARTED(DO("params", "--mem", "5G"));
	ENDS(0, "powered off");
	EXPECT_NE(NULL, strstr(self->text, "from=100000\nsize=bff00000\ntype=1\n"
			       "from=100000000\nsize=80000000\ntype=1\n"));
}

TEST_F(run, absent_devices_read_all_ones)
{
	STARTED(DO("absent"));
	ENDS(0, "powered off");
	EXPECT_STREQ("port=ffffffff\nmmio=ffffffff\nrtc=80\n", self->text);
}

TEST_F(run, debug_reports_absent_devices)
{
	STARTED(DO("absent", "--debug"));
	EXPECT_EQ(0, finish(self));
	EXPECT_NE(NULL, strstr(self->said, "4-byte read at port 0x2000"));
	EXPECT_NE(NULL, strstr(self->said, "4-byte write at address 0xd0000000"));
}

TEST_F_TIMEOUT(run, as_many_processors_as_are_allowed, LONG_TIMEOUT)
{
	STARTED(DO("off", "--cpus", "255"));
	ENDS(0, "powered off");
}

TEST_F(run, exits_of_the_running_guest_are_counted)
{
	char command[256], line[128];
	bool counted = false;
	FILE *f;

	if (access("/sys/kernel/debug/kvm", R_OK))
		SKIP(return, "needs debugfs and root");
	STARTED(DO("halt"));
	ASSERT_TRUE(wait_for(self, "halting\n"));
	snprintf(command, sizeof(command), "%s stat %d", getenv("RING1") ?: "ring1", self->pid);
	f = popen(command, "r");
	ASSERT_NE(NULL, f);
	while (fgets(line, sizeof(line), f))
		counted |= !strncmp(line, "exits ", 6) && strpbrk(line, "123456789");
	EXPECT_EQ(0, pclose(f));
	EXPECT_TRUE(counted);
}

/* The line of the processor's name, of the first one. */
static bool read_model_name(char *line, size_t size)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	bool found = false;

	while (f && !found && fgets(line, size, f))
		found = !strncmp(line, "model name\t", 11);
	if (f)
		fclose(f);
	line[strcspn(line, "\n")] = '\0';
	return found;
}

TEST_F_TIMEOUT(run, processor_has_the_name_of_the_hosts, LONG_TIMEOUT)
{
	char name[256];

	ASSERT_TRUE(read_model_name(name, sizeof(name)));
	ASSERT_TRUE(start_linux(self, "grep -m1 '^model na' /proc/cpuinfo; poweroff -f\n", "", 1));
	EXPECT_EQ(0, finish(self));
	EXPECT_NE(NULL, strstr(self->text, name)) TH_LOG("wanted: %s", name);
}

/*
 * A guest that is stopped for longer than its patience with processors that stall: it forks, so
 * that there is always something for RCU to wait for.
 */
TEST_F_TIMEOUT(run, a_stop_is_no_stall, LONG_TIMEOUT)
{
	int i;

	/* Two processors that fork stop by themselves there, bench.rst. */
	if (!access("/sys/module/kvm_amd", F_OK))
		SKIP(return, "QEMU's SVM may inject an interrupt twice");
	ASSERT_TRUE(start_linux(self,
				"echo be''gins; while :; do /bin/true; done & read; poweroff -f\n",
				"rcupdate.rcu_cpu_stall_timeout=3", 2));
	ASSERT_TRUE(wait_for(self, "begins"));
	for (i = 0; i < 3; i++) {
		sleep(1);
		kill(self->pid, SIGSTOP);
		sleep(5);
		kill(self->pid, SIGCONT);
	}
	sleep(2);
	ASSERT_TRUE(give(self, "\n"));
	EXPECT_EQ(0, finish(self));
	EXPECT_EQ(NULL, strstr(self->text, "stall")) TH_LOG("%s", self->text);
	EXPECT_EQ(NULL, strstr(self->text, "lockup"));
}

/* The main thread and two vCPUs', and whatever KVM has of its own. */
TEST_F(run, all_threads_of_a_running_guest_are_in_the_sandbox)
{
	STARTED(DO("halt", "--cpus", "2"));
	ASSERT_TRUE(wait_for(self, "halting\n"));
	EXPECT_LE(3, confined_threads(self->pid));
}

TEST_HARNESS_MAIN
