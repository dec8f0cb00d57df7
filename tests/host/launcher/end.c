// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    ring1 run ends when the guest or a signal ends it, with the status that
 *           tells which, and one line about it
 * How:      a guest of a few pages (payload/launcher.c) ends in each way
 * Needs:    /dev/kvm of any vendor module; ring1 in $RING1 or PATH; root for
 *           what /dev/kvm denies
 * Catches:  a status that misleads a script, a launcher that cannot be ended
 */
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "launch.h"

#define NOBODY		65534

TEST_F(run, power_off_is_0)
{
	STARTED(DO("off"));
	ENDS(0, "powered off");
	EXPECT_EQ(0, self->len);
}

TEST_F(run, reset_is_3)
{
	STARTED(DO("reset"));
	ENDS(3, "asked for a reset");
}

TEST_F(run, reset_by_keyboard_controller_is_3)
{
	STARTED(DO("keyboard-reset"));
	ENDS(3, "asked for a reset");
}

TEST_F(run, triple_fault_is_4)
{
	STARTED(DO("triple-fault"));
	ENDS(4, "triple fault on processor 0");
}

TEST_F(run, code_outside_of_memory_is_4)
{
	STARTED(DO("jump"));
	ENDS(4, "KVM");
}

TEST_F(run, signals_end_it)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	unsigned int i;

	for (i = 0; i < 4; i++) {
		self->len = 0;
		STARTED(DO("halt"));
		ASSERT_TRUE(wait_for(self, "halting\n"));
		kill(self->pid, signals[i]);
		ENDS(128 + signals[i], "ended by signal");
	}
}

TEST_F(run, ignored_hangup_stays_ignored)
{
	signal(SIGHUP, SIG_IGN);
	STARTED(DO("halt"));
	ASSERT_TRUE(wait_for(self, "halting\n"));
	kill(self->pid, SIGHUP);
	usleep(300000);
	kill(self->pid, SIGTERM);
	ENDS(128 + SIGTERM, "ended by signal 15");
}

TEST_F(run, kill_leaves_nothing)
{
	char path[64];
	int status;

	STARTED(DO("halt", "--cpus", "4"));
	ASSERT_TRUE(wait_for(self, "halting\n"));
	snprintf(path, sizeof(path), "/proc/%d/task", self->pid);
	kill(self->pid, SIGKILL);
	ASSERT_EQ(self->pid, waitpid(self->pid, &status, 0));
	self->pid = 0;
	EXPECT_EQ(SIGKILL, WTERMSIG(status));
	EXPECT_NE(0, access(path, F_OK));
}

/* Hide this process's /dev, in a mount namespace of its own. */
static bool hide_dev(void)
{
	return !unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
	       !mount("none", "/dev", "tmpfs", 0, NULL) &&
	       !mknod("/dev/null", S_IFCHR, 1 << 8 | 3) && !chmod("/dev/null", 0666);
}

TEST_F(run, without_kvm_it_says_what_to_do)
{
	if (geteuid())
		SKIP(return, "needs root");
	ASSERT_TRUE(hide_dev());
	STARTED(DO("off"));
	ENDS(1, "modprobe kvm-ring1");
}

TEST_F(run, without_permission_it_says_what_to_do)
{
	struct stat st;

	if (geteuid())
		SKIP(return, "needs root");
	ASSERT_EQ(0, stat("/dev/kvm", &st));
	ASSERT_TRUE(hide_dev());
	ASSERT_EQ(0, mknod("/dev/kvm", S_IFCHR | 0600, st.st_rdev));
	ASSERT_EQ(0, setgid(NOBODY));
	ASSERT_EQ(0, setuid(NOBODY));
	STARTED(DO("off"));
	ENDS(1, "adduser");
}

TEST_HARNESS_MAIN
