// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    however Linux itself ends or fails to start, ring1 run ends with the status
 *           that tells which, and the console has the reason
 * How:      the guest's kernel panics, with and without a time-out, and restarts; it gets
 *           garbage as initrd; its own image is damaged behind the header
 * Needs:    root; what a payload does: host/launcher/end, damaged headers: host/launcher/load
 * Timeout:  300
 * Catches:  a panic that nobody tells the monitor, or that looks like a restart
 */
#include "launch.h"

static bool boot(LAUNCH *self, char *append, const char *command)
{
	return start_linux_console_apart(self, append, "2") && give(self, command);
}

static bool has_said(const char *console, const char *text)
{
	if (strstr(console, text))
		return true;
	printf("# the console lacks \"%s\": %s\n", text, console);
	return false;
}

static bool console_has(const char *text)
{
	return has_said(read_console(), text);
}

TEST_F_TIMEOUT(run, panic_is_4, LIMIT)
{
	ASSERT_TRUE(boot(self, "console=ttyS1 quiet", "echo c >/proc/sysrq-trigger\n"));
	ENDS(4, "the guest crashed and said so");
	EXPECT_TRUE(console_has("Kernel panic - not syncing: sysrq triggered crash"));
}

TEST_F_TIMEOUT(run, panic_with_a_time_out_is_4, LIMIT)
{
	ASSERT_TRUE(boot(self, "console=ttyS1 quiet panic=-1", "echo c >/proc/sysrq-trigger\n"));
	ENDS(4, "the guest crashed and said so");
	EXPECT_TRUE(console_has("Kernel panic - not syncing: sysrq triggered crash"));
}

TEST_F_TIMEOUT(run, restart_is_3, LIMIT)
{
	ASSERT_TRUE(boot(self, "console=ttyS1 quiet panic=-1", "reboot -f\n"));
	ENDS(3, "the guest asked for a reset");
	unlink(CONSOLE);
}

TEST_F_TIMEOUT(run, garbage_as_initrd_is_a_panic, LIMIT)
{
	FILE *f = fopen("garbage", "w");
	int i;

	ASSERT_NE(NULL, f);
	for (i = 0; i < 100000; i++)
		fputc(i * 0x9e3779b1u >> 24, f);
	ASSERT_EQ(0, fclose(f));
	snprintf(self->kernel, sizeof(self->kernel), "/ring1/bzImage");
	STARTED(DO("console=ttyS0", "--initrd", "garbage", "--mem", "64M"));
	ENDS(4, "the guest crashed and said so");
	EXPECT_TRUE(has_said(self->text, "Initramfs unpacking failed"));
	EXPECT_TRUE(has_said(self->text, "Unable to mount root fs"));
	unlink("garbage");
}

/* As a PC does: the decompressor says why and stops for good. */
TEST_F_TIMEOUT(run, damaged_image_says_so_and_can_be_ended, LIMIT)
{
	const size_t size = 32 << 20;
	uint8_t *image = malloc(size);
	int fd = open("/ring1/bzImage", O_RDONLY | O_CLOEXEC);
	int copy = memfd_create("damaged", 0);
	ssize_t n = read(fd, image, size);

	ASSERT_LT(1 << 20, n);
	ASSERT_GT((ssize_t)size, n);
	memset(image + n / 2, 0xff, 4096);
	ASSERT_EQ(n, write(copy, image, n));
	snprintf(self->kernel, sizeof(self->kernel), "/proc/self/fd/%d", copy);
	STARTED(DO("earlyprintk=ttyS0", "--mem", "128M"));
	ASSERT_TRUE(wait_for(self, "System halted"));
	kill(self->pid, SIGTERM);
	ENDS(128 + SIGTERM, "ended by signal");
}

TEST_HARNESS_MAIN
