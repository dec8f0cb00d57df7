// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    a program may use the ports that ioperm(2) has given it, with all instructions
 *           there are, and no other port, until they are taken away; iopl(2) gives all of them
 *           and nothing besides
 * How:      the scratch register of COM1, which holds a byte; string instructions over page
 *           borders, into fresh pages and into pages that must not be touched
 * Needs:    root; a kernel with CONFIG_X86_IOPL_IOPERM, else it is skipped
 * Catches:  a bitmap that is looked up in the wrong task, or not at all; a count or an address
 *           that is wrong behind a fault; CLI that works
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "guest.h"

#define SCRATCH		0x3ff
#define PAGE		4096ul

static sigjmp_buf back;
/* Of the last fault: where, and what RCX was. */
static volatile uintptr_t fault_address;
static volatile uint64_t fault_count;

static void on_segv(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	fault_address = (uintptr_t)info->si_addr;
	fault_count = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RCX];
	siglongjmp(back, 1);
}

static bool faults_byte(unsigned int port)
{
	if (sigsetjmp(back, 1))
		return true;
	inb(port);
	return false;
}

static bool faults_word(unsigned int port)
{
	if (sigsetjmp(back, 1))
		return true;
	inw(port);
	return false;
}

static bool faults_long(unsigned int port)
{
	if (sigsetjmp(back, 1))
		return true;
	inl(port);
	return false;
}

FIXTURE(ports)
{
	uint8_t *page;		/* three of them */
};

FIXTURE_SETUP(ports)
{
	struct sigaction action = { .sa_sigaction = on_segv, .sa_flags = SA_SIGINFO };

	sigaction(SIGSEGV, &action, NULL);
	self->page = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->page);
	EXPECT_TRUE(faults_byte(SCRATCH));
	if (ioperm(SCRATCH, 1, 1)) {
		ASSERT_EQ(ENOSYS, errno);
		SKIP(return, "the kernel has no ioperm()");
	}
}

FIXTURE_TEARDOWN(ports)
{
}

/* From here on @count bytes; returns what is left of them. */
static uint64_t rep_insb(void *to, uint64_t count)
{
	asm volatile("rep insb" : "+c" (count), "+D" (to) : "d" (SCRATCH) : "memory");
	return count;
}

static uint64_t rep_outsb(const void *from, uint64_t count)
{
	asm volatile("rep outsb" : "+c" (count), "+S" (from) : "d" (SCRATCH) : "memory");
	return count;
}

static bool all_are(const uint8_t *at, size_t n, uint8_t byte)
{
	while (n && *at == byte) {
		at++;
		n--;
	}
	return !n;
}

TEST_F(ports, only_what_was_given)
{
	int i;

	for (i = 0; i < 256; i += 5) {
		outb(i, SCRATCH);
		ASSERT_EQ(i, inb(SCRATCH));
	}
	EXPECT_TRUE(faults_byte(SCRATCH - 1));
	EXPECT_TRUE(faults_byte(SCRATCH + 1));
	EXPECT_TRUE(faults_byte(0x80));
	/* Some of the ports of a wider access are closed. */
	EXPECT_TRUE(faults_word(SCRATCH));
	EXPECT_TRUE(faults_word(SCRATCH - 1));
	EXPECT_TRUE(faults_long(SCRATCH));
	EXPECT_TRUE(faults_long(SCRATCH - 3));
	EXPECT_TRUE(faults_byte(0xffff));
}

TEST_F(ports, strings_cross_pages)
{
	uint8_t *p = self->page;
	int i;

	outb(0x5a, SCRATCH);
	EXPECT_EQ(0, rep_insb(p + PAGE - 96, 200));
	EXPECT_TRUE(all_are(p + PAGE - 96, 200, 0x5a));
	EXPECT_EQ(0, p[PAGE - 97]);
	EXPECT_EQ(0, p[PAGE - 96 + 200]);
	for (i = 0; i < 300; i++)
		p[PAGE - 150 + i] = i;
	EXPECT_EQ(0, rep_outsb(p + PAGE - 150, 300));
	EXPECT_EQ(299 & 0xff, inb(SCRATCH));
	/* Pages that come as they are touched, the last one in the middle. */
	munmap(p, 3 * PAGE);
	p = mmap(p, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		 -1, 0);
	outb(0x77, SCRATCH);
	EXPECT_EQ(0, rep_insb(p, 2 * PAGE + 100));
	EXPECT_TRUE(all_are(p, 2 * PAGE + 100, 0x77));
	EXPECT_EQ(0, p[2 * PAGE + 100]);
}

TEST_F(ports, strings_stop_at_a_page_they_may_not_touch)
{
	uint8_t *closed = self->page + 2 * PAGE;

	outb(0x33, SCRATCH);
	mprotect(closed, PAGE, PROT_READ);
	if (!sigsetjmp(back, 1)) {
		rep_insb(closed - 32, 64);
		EXPECT_TRUE(false);
	}
	EXPECT_EQ((uintptr_t)closed, fault_address);
	EXPECT_EQ(32, fault_count);
	EXPECT_TRUE(all_are(closed - 32, 32, 0x33));
	mprotect(closed, PAGE, PROT_NONE);
	if (!sigsetjmp(back, 1)) {
		rep_outsb(closed - 16, 64);
		EXPECT_TRUE(false);
	}
	EXPECT_EQ((uintptr_t)closed, fault_address);
	EXPECT_EQ(48, fault_count);
}

/* A child has them, and closes its own; a port that is closed is closed at once. */
TEST_F(ports, bitmaps_are_the_tasks_own)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (faults_byte(SCRATCH) || !faults_byte(SCRATCH - 1))
			_exit(1);
		if (ioperm(SCRATCH, 1, 0) || !faults_byte(SCRATCH))
			_exit(2);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_FALSE(faults_byte(SCRATCH));
	EXPECT_EQ(0, ioperm(SCRATCH, 1, 0));
	EXPECT_TRUE(faults_byte(SCRATCH));
}

/* Linux makes a NOP of it. */
static bool cli_works(void)
{
	uint64_t flags;

	if (sigsetjmp(back, 1))
		return false;
	asm volatile("cli; pushfq; sti; pop %0" : "=r" (flags));
	return !(flags & 1 << 9);
}

TEST_F(ports, iopl_is_for_ports)
{
	ASSERT_EQ(0, iopl(3));
	EXPECT_FALSE(faults_byte(SCRATCH));
	EXPECT_FALSE(faults_byte(0x80));
	EXPECT_FALSE(faults_byte(0xffff));
	EXPECT_FALSE(cli_works());
	ASSERT_EQ(0, iopl(0));
	EXPECT_TRUE(faults_byte(0x80));
	/* What ioperm() gave is there still. */
	EXPECT_FALSE(faults_byte(SCRATCH));
}

TEST_HARNESS_MAIN
