/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that goes from its kernel to another one by kexec: both are put into its initrd,
 * and the test's own program, which loads the second one there. What the second kernel has
 * to be is the test's to say.
 */
#ifndef TEST_KEXEC_H
#define TEST_KEXEC_H

#include <sys/reboot.h>
#include <sys/syscall.h>

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
static inline bool pass(LAUNCH *self, const char *text)
{
	char *end;

	if (!wait_for(self, text))
		return false;
	end = strstr(self->text, text) + strlen(text);
	self->len -= end - self->text;
	memmove(self->text, end, self->len + 1);
	return true;
}

/*
 * From kernel @first to kernel @second, each with @more on its command line. The second one
 * is asked by @question, a script, and has to answer @answer; then it powers off, by the same
 * script: what is typed while one runs is echoed into the midst of its lines.
 */
static inline void to_the_second_kernel(struct __test_metadata *_metadata, LAUNCH *self,
					const char *first, const char *second, const char *more,
					int cpus, const char *question, const char *answer)
{
	char line[200];
	FILE *f;

	snprintf(line, sizeof(line), "mkdir -p tree/again asked && cp /proc/%d/exe tree/kexec",
		 getpid());
	ASSERT_EQ(0, system(line));
	f = fopen("asked/question", "we");
	ASSERT_TRUE(f);
	fprintf(f, "grep -o the_second /proc/cmdline\n%s\npoweroff -f\n", question);
	ASSERT_EQ(0, fclose(f));
	snprintf(line, sizeof(line), "cp %s tree/again/bzImage && cp /ring1/initrd tree/again",
		 second);
	ASSERT_EQ(0, system(line));
	ASSERT_EQ(0, system("cd asked && echo question | cpio -o -H newc >>../tree/again/initrd"));
	ASSERT_EQ(0, system("cp /ring1/initrd both"));
	ASSERT_EQ(0, system("cd tree && find . | cpio -o -H newc >>../both"));
	ASSERT_EQ(0, system("rm -rf tree asked"));

	ASSERT_TRUE(start_kernel_with(self, first, more, "both", "256M", cpus));
	ASSERT_TRUE(pass(self, "guest# "));
	snprintf(line, sizeof(line), "MORE='%s' /kexec\n", more);
	ASSERT_TRUE(give(self, line));
	ASSERT_TRUE(pass(self, "/kexec"));
	ASSERT_TRUE(pass(self, "guest# "));
	ASSERT_TRUE(give(self, "sh /question\n"));
	EXPECT_EQ(0, finish(self));
	snprintf(line, sizeof(line), "\nthe_second\r\n%s\r\n", answer);
	EXPECT_TRUE(strstr(self->text, line))
		TH_LOG("the console: %s", self->text);
	unlink("both");
}

#endif
