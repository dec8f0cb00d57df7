// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    a guest kernel starts another one by kexec, which is a guest as good as it was
 * How:      the guest's kernel and initrd once more, inside its initrd; the second kernel
 *           tells its command line and mode, brings up its processors, and powers off
 * Needs:    root
 * Timeout:  600
 * Catches:  events that the monitor still delivers to the first kernel, which is gone; a
 *           processor that the second one cannot start
 */
#include "cmdline.h"
#include "kexec.h"

static void once_more(struct __test_metadata *_metadata, LAUNCH *self, const char *more, int cpus,
		      const char *mode)
{
	char answer[40];

	snprintf(answer, sizeof(answer), "mode %s nproc %d", mode, cpus);
	to_the_second_kernel(_metadata, self, "/ring1/bzImage", "/ring1/bzImage", more, cpus,
			     "echo mode $(cat /sys/hypervisor/mode) nproc $(nproc)", answer);
}

TEST_F_TIMEOUT(run, another_kernel_on_one_processor, LIMIT)
{
	once_more(_metadata, self, "", 1, "pv");
}

TEST_F_TIMEOUT(run, another_kernel_on_two_processors, LIMIT)
{
	once_more(_metadata, self, "", 2, "pv");
}

TEST_F_TIMEOUT(run, another_kernel_of_a_trap_guest, LIMIT)
{
	if (cmdline_has(" ring1_test.slow"))
		SKIP(return, "emulated instructions take too long on this host");
	once_more(_metadata, self, "ring1=trap", 1, "trap");
}

TEST_HARNESS_MAIN
