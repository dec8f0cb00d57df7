// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    the kernel's own tests of the x86 system-call, signal and debug
 *           interfaces succeed as they do natively
 * How:      runs them, built from the kernel's source and put into this program
 * Needs:    nothing; what one of them lacks it says, and is skipped
 * Timeout:  600
 * Catches:  a difference between the rings that user programs can see
 *
 * tests/Makefile takes the list from here: one SELFTEST(directory, name) per line.
 */
#include <fcntl.h>
#include <sys/syscall.h>

#include "kselftest_harness.h"

FIXTURE(selftest)
{
};

FIXTURE_VARIANT(selftest)
{
	const char *image;
	const char *end;
};

FIXTURE_SETUP(selftest)
{
}

FIXTURE_TEARDOWN(selftest)
{
}

#define SELFTEST(dir, name)							\
	asm(".pushsection .rodata\n"						\
	    "image_" #name ": .incbin \"" SELFTEST_IMAGES "/" #dir "/" #name "\"\n"	\
	    "image_end_" #name ": .popsection");				\
	extern const char image_##name[], image_end_##name[];			\
	FIXTURE_VARIANT_ADD(selftest, name) {					\
		.image = image_##name, .end = image_end_##name,			\
	};

/* Processor state at the system-call boundary and at exec. */
SELFTEST(x86, check_initial_reg_state)
SELFTEST(x86, syscall_numbering)
SELFTEST(x86, syscall_nt)
SELFTEST(x86, syscall_arg_fault)
SELFTEST(x86, sysret_rip)
/* Segments and their bases. */
SELFTEST(x86, fsgsbase)
SELFTEST(x86, fsgsbase_restore)
/* Signals and their frames. */
SELFTEST(x86, sigreturn)
SELFTEST(x86, sigaltstack)
SELFTEST(x86, corrupt_xstate_header)
SELFTEST(syscall_user_dispatch, sud_test)
/* Debugging. */
SELFTEST(x86, single_step_syscall)
SELFTEST(x86, sigtrap_loop)
SELFTEST(x86, ptrace_syscall)
SELFTEST(breakpoints, breakpoint_test)
/* Ports. */
SELFTEST(x86, ioperm)
SELFTEST(x86, iopl)
/* The vDSO and the vsyscall page. */
SELFTEST(x86, test_mremap_vdso)
SELFTEST(x86, test_vsyscall)

static int image_file(const char *image, const char *end)
{
	int fd = syscall(SYS_memfd_create, "selftest", 0);

	while (fd >= 0 && image < end) {
		ssize_t n = write(fd, image, end - image);

		if (n <= 0)
			return -1;
		image += n;
	}
	return fd;
}

/* As TAP's comments: some of them print TAP of their own. */
static void show(FILE *log)
{
	char line[512];

	rewind(log);
	while (fgets(line, sizeof(line), log))
		fprintf(stderr, "# %.*s\n", (int)strcspn(line, "\n"), line);
}

TEST_F_TIMEOUT(selftest, succeeds, 120)
{
	int fd = image_file(variant->image, variant->end), status;
	FILE *log = tmpfile();
	char path[32];
	pid_t pid;

	ASSERT_LE(0, fd);
	ASSERT_NE(NULL, log);
	/* By path: a program that executes itself again finds no closed descriptor. */
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), fd);
	pid = fork();
	if (!pid) {
		dup2(fileno(log), STDOUT_FILENO);
		dup2(fileno(log), STDERR_FILENO);
		execl(path, "selftest", NULL);
		_exit(127);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	if (WIFEXITED(status) && WEXITSTATUS(status) == KSFT_SKIP)
		SKIP(return, "it says so");
	EXPECT_EQ(0, status) {
		show(log);
	}
}

TEST_HARNESS_MAIN
