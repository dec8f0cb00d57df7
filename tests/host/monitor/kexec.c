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
#include <sys/reboot.h>
#include <sys/syscall.h>

#include "cmdline.h"
#include "launch.h"

/* In the guest, where it was put beside the files it needs. */
__attribute__((constructor)) static void be_guest_program(void)
{
	int kernel = open("/again/bzImage", O_RDONLY);
	int initrd = open("/again/initrd", O_RDONLY);
	char line[200];

	if (kernel < 0)
		return;
	snprintf(line, sizeof(line), "console=ttyS0 quiet no5lvl the_second %s", getenv("MORE"));
	if (!syscall(SYS_kexec_file_load, kernel, initrd, strlen(line) + 1, line, 0L))
		reboot(RB_KEXEC);
	perror("kexec");
	_exit(1);
}

/* All up to and with this text has been read, and is of no more interest. */
static bool pass(LAUNCH *self, const char *text)
{
	char *end;

	if (!wait_for(self, text))
		return false;
	end = strstr(self->text, text) + strlen(text);
	self->len -= end - self->text;
	memmove(self->text, end, self->len + 1);
	return true;
}

static void to_the_second_kernel(struct __test_metadata *_metadata, LAUNCH *self,
				 const char *more, int cpus, const char *mode)
{
	char line[100], expected[100];

	snprintf(line, sizeof(line), "mkdir -p tree/again && cp /proc/%d/exe tree/kexec", getpid());
	ASSERT_EQ(0, system(line));
	ASSERT_EQ(0, system("cp /ring1/bzImage /ring1/initrd tree/again"));
	ASSERT_EQ(0, system("cp /ring1/initrd both"));
	ASSERT_EQ(0, system("cd tree && find . | cpio -o -H newc >>../both && rm -rf ../tree"));

	ASSERT_TRUE(start_linux_with(self, more, "both", "256M", cpus));
	ASSERT_TRUE(pass(self, "guest# "));
	snprintf(line, sizeof(line), "MORE='%s' /kexec\n", more);
	ASSERT_TRUE(give(self, line));
	ASSERT_TRUE(pass(self, "/kexec"));
	ASSERT_TRUE(pass(self, "guest# "));
	ASSERT_TRUE(give(self, "grep -o the_second /proc/cmdline\n"
			       "echo mode $(cat /sys/hypervisor/mode) nproc $(nproc)\n"
			       "poweroff -f\n"));
	EXPECT_EQ(0, finish(self));
	snprintf(expected, sizeof(expected), "mode %s nproc %d\r\n", mode, cpus);
	EXPECT_TRUE(strstr(self->text, "\nthe_second\r\n") && strstr(self->text, expected))
		TH_LOG("the console: %s", self->text);
	unlink("both");
}

TEST_F_TIMEOUT(run, another_kernel_on_one_processor, LIMIT)
{
	to_the_second_kernel(_metadata, self, "", 1, "pv");
}

TEST_F_TIMEOUT(run, another_kernel_on_two_processors, LIMIT)
{
	to_the_second_kernel(_metadata, self, "", 2, "pv");
}

TEST_F_TIMEOUT(run, another_kernel_of_a_trap_guest, LIMIT)
{
	if (cmdline_has(" ring1_test.slow"))
		SKIP(return, "emulated instructions take too long on this host");
	to_the_second_kernel(_metadata, self, "ring1=trap", 1, "trap");
}

TEST_HARNESS_MAIN
