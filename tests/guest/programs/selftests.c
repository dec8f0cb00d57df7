// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    the kernel's own tests of the x86 system-call, signal and debug
 *           interfaces succeed as they do natively
 * How:      runs them, built from the kernel's source and put into this program
 * Needs:    root; what one of them lacks it says, and is skipped
 * Timeout:  600
 * Catches:  a difference between the rings that user programs can see
 *
 * tests/Makefile takes the list from here: one SELFTEST(directory, name) per line.
 */
#include "kselftest_harness.h"
#include "embedded.h"
#include "guest.h"

#define LIMIT		3600		/* that of the batch is less */

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
	EMBED(name, SELFTEST_IMAGES "/" #dir "/" #name);			\
	FIXTURE_VARIANT_ADD(selftest, name) {					\
		.image = embedded_##name, .end = embedded_end_##name,		\
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

/* Some succeed where a call fails for want of rights, and take ENOSYS for that. */
static bool could_not_test(FILE *log)
{
	bool could_not = false;
	char line[512];

	rewind(log);
	while (!could_not && fgets(line, sizeof(line), log))
		could_not = strstr(line, "try running as root");
	return could_not;
}

TEST_F_TIMEOUT(selftest, succeeds, LIMIT)
{
	FILE *log = tmpfile();
	int status;

	if (is_trap_guest() && variant->image == embedded_syscall_numbering)
		SKIP(return, "millions of system calls, each of which exits twice");
	if (cmdline_has(" ring1_test.slow") && variant->image == embedded_syscall_numbering)
		SKIP(return, "its tracer makes the guest exit at each of many system calls");
	ASSERT_NE(NULL, log);
	status = embedded_run(variant->image, variant->end, log);
	if (WIFEXITED(status) && WEXITSTATUS(status) == KSFT_SKIP)
		SKIP(return, "it says so");
	if (!status && could_not_test(log))
		SKIP(return, "the kernel lacks what it tests");
	EXPECT_EQ(0, status) {
		embedded_show(log);
	}
}

TEST_HARNESS_MAIN
