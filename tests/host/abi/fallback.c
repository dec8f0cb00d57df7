// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    on a monitor of ABI version 1, a guest kernel of version 2 makes one call that this
 *           monitor does not know, by which it learns that, and none of version 2 ever after
 * How:      compares the counter of all hypercalls with those of the calls that the monitor
 *           knows, at the guest's shell and after processes on both processors, one of which
 *           has been off
 * Needs:    root; a host with VERSION1=monitor
 * Timeout:  300
 * Catches:  a hook of the own MMU's that is used without asking; a secondary processor that
 *           asks again
 */
#include "launch.h"

struct calls {
	long all;
	long known;
	int names;
};

/* Of `ring1 stat`, all processors: lines "hypercall N..." and "hypercall_NAME N...". */
static struct calls count(LAUNCH *self)
{
	struct calls calls = { .all = 0 };
	char line[400], name[64];
	int at;
	long n;
	FILE *f;

	snprintf(line, sizeof(line), "ring1 stat %d", self->pid);
	f = popen(line, "re");
	while (f && fgets(line, sizeof(line), f)) {
		long last = 0;
		char *p = line;

		if (sscanf(p, "%63s%n", name, &at) != 1 || strncmp(name, "hypercall", 9))
			continue;
		/* the last column is the sum */
		for (p += at; sscanf(p, "%ld%n", &n, &at) == 1; p += at)
			last = n;
		if (name[9]) {
			calls.known += last;
			calls.names++;
		} else {
			calls.all = last;
		}
	}
	if (f)
		pclose(f);
	return calls;
}

TEST_F_TIMEOUT(run, one_question, LIMIT)
{
	struct calls first, last;

	ASSERT_TRUE(start_linux(self, "", "", 2));
	ASSERT_TRUE(wait_for(self, "guest# "));
	first = count(self);
	ASSERT_TRUE(give(self, "cd /sys/devices/system/cpu/cpu1; echo 0 >online; echo 1 >online\n"
			       "for i in 1 2 3 4 5 6 7 8; do (:) & done; wait; echo nproc $(nproc)\n"
			       "echo abi $(cat /sys/hypervisor/abi_version) do''ne\n"));
	ASSERT_TRUE(wait_for(self, "done\r\n"));
	last = count(self);
	ASSERT_TRUE(give(self, "poweroff -f\n"));
	EXPECT_EQ(0, finish(self));
	if (!strstr(self->text, "abi 1 done"))
		SKIP(return, "the monitor is not of version 1");
	EXPECT_TRUE(strstr(self->text, "nproc 2\r\n"));
	/* version 1 has 23 */
	EXPECT_EQ(23, last.names);
	EXPECT_LT(100, first.known);
	EXPECT_LT(first.known, last.known);
	EXPECT_EQ(1, first.all - first.known);
	EXPECT_EQ(1, last.all - last.known);
}

TEST_HARNESS_MAIN
