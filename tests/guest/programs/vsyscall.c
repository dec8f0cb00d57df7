// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    the vsyscall page does what vsyscall= says: with none it is not there, with xonly
 *           and emulate its three functions can be called; and it can be read with emulate,
 *           where the kernel is not in ring 1. /proc/self/maps says the same
 * How:      calls them and reads the page, as programs with an old C library do
 * Needs:    nothing; without vsyscall= it is none, the test's own kernel's default
 * Catches:  a mode that is announced and is another one
 */
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

#include "kselftest_harness.h"
#include "guest.h"

#define PAGE		0xffffffffff600000ul
#define GETTIMEOFDAY	(PAGE + 0x000)
#define TIME		(PAGE + 0x400)
#define GETCPU		(PAGE + 0x800)

static sigjmp_buf back;

static void on_signal(int sig)
{
	(void)sig;
	siglongjmp(back, 1);
}

static bool can_read(void)
{
	if (sigsetjmp(back, 1))
		return false;
	(void)*(volatile unsigned char *)PAGE;
	return true;
}

static bool can_call(time_t *into)
{
	if (sigsetjmp(back, 1))
		return false;
	return ((time_t (*)(time_t *))TIME)(into) > 0;
}

/* The permissions of [vsyscall], empty if there is no such line. */
static void permissions_of(char permissions[8])
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[256];

	permissions[0] = '\0';
	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, "[vsyscall]"))
			sscanf(line, "%*s %7s", permissions);
	if (f)
		fclose(f);
}

FIXTURE(vsyscall)
{
	bool callable, readable;
};

FIXTURE_SETUP(vsyscall)
{
	signal(SIGSEGV, on_signal);
	signal(SIGBUS, on_signal);
	self->callable = cmdline_has("vsyscall=emulate") || cmdline_has("vsyscall=xonly");
	self->readable = cmdline_has("vsyscall=emulate") && !in_ring1();
}

FIXTURE_TEARDOWN(vsyscall)
{
}

TEST_F(vsyscall, mode_is_what_was_asked_for)
{
	char permissions[8];

	permissions_of(permissions);
	EXPECT_EQ(self->callable, can_call(NULL));
	EXPECT_EQ(self->readable, can_read());
	EXPECT_STREQ(self->readable ? "r-xp" : self->callable ? "--xp" : "", permissions);
}

TEST_F(vsyscall, functions_work)
{
	struct timeval by_page = { 0 }, by_call;
	unsigned int cpu = -1u, node = -1u;

	if (!self->callable)
		SKIP(return, "not with vsyscall=none");
	EXPECT_GE(1, labs(((time_t (*)(time_t *))TIME)(NULL) - time(NULL)));
	((int (*)(struct timeval *, void *))GETTIMEOFDAY)(&by_page, NULL);
	gettimeofday(&by_call, NULL);
	EXPECT_GE(1, labs(by_page.tv_sec - by_call.tv_sec));
	((int (*)(unsigned int *, unsigned int *, void *))GETCPU)(&cpu, &node, NULL);
	EXPECT_GT(64, cpu);
	EXPECT_EQ(0, node);
}

TEST_F(vsyscall, bad_pointers_are_signals)
{
	EXPECT_FALSE(can_call((time_t *)8));
}

TEST_HARNESS_MAIN
