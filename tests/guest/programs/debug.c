// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    a debugger sees what it sees natively: single steps one instruction at a time,
 *           breakpoints and watchpoints in user and kernel code; and it can set no state
 *           that the kernel or the processor would not survive
 * How:      traces children through known code; counts hits of hardware breakpoints on
 *           kernel functions and variables by perf events; sets bad selectors
 * Needs:    root
 * Timeout:  200
 * Catches:  #DB of ring 1 that is lost or comes twice (RF); breakpoints armed on the
 *           switcher; a bad IRET to the user that kills the kernel
 */
#include <errno.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>

#include "fixture.h"
#include "guest.h"
#include "probe.h"

#define DR(n)	(offsetof(struct user, u_debugreg) + (n) * 8)

/* A child that stops before it runs the code at PROBE_CODE. */
static pid_t traced_child(const char *code, const char *end)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		mmap((void *)PROBE_CODE, PROBE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		mmap((void *)PROBE_DATA, PROBE_SIZE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		memcpy((void *)PROBE_CODE, code, end - code);
		raise(SIGSTOP);
		((void (*)(void))PROBE_CODE)();
		_exit(99);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return -1;
	return pid;
}

static void set_rip(pid_t pid, uint64_t rip)
{
	ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rip), rip);
}

static uint64_t get_rip(pid_t pid)
{
	return ptrace(PTRACE_PEEKUSER, pid, offsetof(struct user, regs.rip), NULL);
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

PROBE(steps,
      "nop\n"				/* 0 */
      "mov $39, %eax\n"			/* 1: getpid() */
      "syscall\n"			/* 6 */
      "pushfq\n"			/* 8 */
      "popfq\n"				/* 9 */
      "xor %ecx, %ecx\n"		/* 10 */
      "mov $20, %eax\n"			/* 12: the same, as 32-bit code's */
      "int $0x80\n"			/* 17 */
      "mov $3, %ecx\n"			/* 19 */
      "lea 0x10010000, %rdi\n"		/* 24 */
      "rep stosb\n"			/* 32, and again for each byte */
      "jmp 1f\n"			/* 34 */
      "nop\n"
      "1: nop\n"			/* 37 */
      "cpuid\n"				/* 38 */
      "nop\n"				/* 40 */
      "ud2");				/* 41 */

TEST(steps_are_one_instruction_each)
{
	static const int offsets[] = {
		1, 6, 8, 9, 10, 12, 17, 19, 24, 32, 32, 32, 34, 37, 38, 40, 41,
	};
	pid_t pid = traced_child(code_steps, code_end_steps);
	unsigned int i;
	siginfo_t info;
	int status;

	ASSERT_LT(0, pid);
	set_rip(pid, PROBE_CODE);
	for (i = 0; i < sizeof(offsets) / sizeof(*offsets); i++) {
		ASSERT_EQ(0, ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_EQ(SIGTRAP << 8 | 0x7f, status);
		ASSERT_EQ(0, ptrace(PTRACE_GETSIGINFO, pid, NULL, &info));
		EXPECT_EQ(i == 2 || i == 7 ? SI_KERNEL : TRAP_TRACE,
			  info.si_code == TRAP_BRKPT ? SI_KERNEL : info.si_code) {
			TH_LOG("step %u", i);
		}
		EXPECT_EQ(PROBE_CODE + offsets[i], get_rip(pid)) {
			TH_LOG("step %u", i);
		}
	}
	ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(SIGILL << 8 | 0x7f, status);
	EXPECT_EQ(PROBE_CODE + 41, get_rip(pid));
	end(pid);
}

PROBE(ends, "ud2");

TEST(debug_registers_take_no_kernel_address)
{
	static const uint64_t addresses[] = {
		0xffff800000000000, 0xffffffff81000000, 0xfffffe0000000000, 0x800000000000,
	};
	pid_t pid = traced_child(code_ends, code_end_ends);
	unsigned int i;

	ASSERT_LT(0, pid);
	for (i = 0; i < sizeof(addresses) / sizeof(*addresses); i++) {
		EXPECT_NE(0, ptrace(PTRACE_POKEUSER, pid, DR(i), addresses[i]) |
			  ptrace(PTRACE_POKEUSER, pid, DR(7), 0x401UL << 2 * i));
		ptrace(PTRACE_POKEUSER, pid, DR(7), 0);
	}
	end(pid);
}

FIXTURE(selector)
{
};

FIXTURE_VARIANT(selector)
{
	size_t offset;
	uint64_t value;
	/* Refused, or the signal that comes of it; 0 where it is harmless. */
	bool refused;
	int signal;
};

FIXTURE_SETUP(selector)
{
}

FIXTURE_TEARDOWN(selector)
{
}

#define SELECTOR(name, reg, ...)						\
	FIXTURE_VARIANT_ADD(selector, name) {					\
		.offset = offsetof(struct user, regs.reg), __VA_ARGS__ }

SELECTOR(cs_of_ring_0, cs, .value = 0x10, .refused = true);
SELECTOR(cs_of_ring_1, cs, .value = 0x81, .refused = true);
SELECTOR(ss_of_ring_1, ss, .value = 0x89, .refused = true);
SELECTOR(ds_of_ring_0, ds, .value = 0x18, .refused = true);
SELECTOR(gs_of_ring_1, gs, .value = 0x89, .refused = true);
SELECTOR(cs_of_ring_1_for_ring_3, cs, .value = 0x83, .signal = SIGSEGV);
SELECTOR(ss_of_ring_1_for_ring_3, ss, .value = 0x8b, .signal = SIGSEGV);
SELECTOR(cs_of_ring_0_for_ring_3, cs, .value = 0x13, .signal = SIGSEGV);
SELECTOR(cs_of_data, cs, .value = 0x2b, .signal = SIGSEGV);
SELECTOR(ss_of_code, ss, .value = 0x33, .signal = SIGSEGV);
SELECTOR(cs_of_an_ldt, cs, .value = 0x07, .signal = SIGSEGV);
SELECTOR(cs_beyond_the_table, cs, .value = 0xfffb, .signal = SIGSEGV);
SELECTOR(gs_of_ring_1_for_ring_3, gs, .value = 0x8b);
SELECTOR(fs_of_the_tss, fs, .value = 0x43);
SELECTOR(ds_of_ring_0_for_ring_3, ds, .value = 0x1b);
SELECTOR(ip_above, rip, .value = 0xffff800000000000, .signal = SIGSEGV);
SELECTOR(ip_not_canonical, rip, .value = 0x8000000000000000, .signal = SIGSEGV);

TEST_F(selector, does_no_harm)
{
	pid_t pid = traced_child(code_ends, code_end_ends);
	int status, ret;

	ASSERT_LT(0, pid);
	set_rip(pid, PROBE_CODE);
	ret = ptrace(PTRACE_POKEUSER, pid, variant->offset, variant->value);
	EXPECT_EQ(variant->refused ? -1 : 0, ret);
	ptrace(PTRACE_CONT, pid, NULL, NULL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ((variant->signal ?: SIGILL) << 8 | 0x7f, status);
	end(pid);
}

/* A perf event on an address, for this task and the kernel; -1 if it is refused. */
static int breakpoint(uint64_t addr, int type)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT, .size = sizeof(attr), .bp_type = type,
		.bp_addr = addr,
		.bp_len = type == HW_BREAKPOINT_X ? sizeof(long) : HW_BREAKPOINT_LEN_4,
	};

	return syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

static long hits(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? (long)count : -1;
}

TEST(breakpoints_on_kernel_functions_hit_once_each_time)
{
	uint64_t addr = kernel_symbol("__x64_sys_getpgid");
	int fd, i;

	ASSERT_NE(0, addr);
	fd = breakpoint(addr, HW_BREAKPOINT_X);
	ASSERT_LE(0, fd);
	for (i = 0; i < 100; i++)
		ASSERT_LT(0, getpgid(0));
	EXPECT_EQ(100, hits(fd));
	close(fd);
}

/* The kernel writes to it as well as the user. */
TEST(watchpoints_on_user_memory_hit_in_either_ring)
{
	static volatile char watched[8] __attribute__((aligned(8)));
	int fd = breakpoint((uintptr_t)watched, HW_BREAKPOINT_W), to[2], i;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, pipe(to));
	for (i = 0; i < 50; i++) {
		ASSERT_EQ(1, write(to[1], "x", 1));
		ASSERT_EQ(1, read(to[0], (char *)watched, 1));
	}
	EXPECT_EQ(50, hits(fd));
	for (i = 0; i < 50; i++)
		watched[0]++;
	EXPECT_EQ('x' + 50, (unsigned char)watched[0]);
	EXPECT_EQ(100, hits(fd));
}

/* A trap guest, on a busy machine, takes half a minute. */
EMPTY_FIXTURE(slow)

TEST_F_TIMEOUT(slow, watchpoints_on_kernel_variables_hit, 120)
{
	uint64_t addr = kernel_symbol("total_forks");
	int fd, i;

	ASSERT_NE(0, addr);
	fd = breakpoint(addr, HW_BREAKPOINT_W);
	ASSERT_LE(0, fd);
	for (i = 0; i < 20; i++) {
		if (!fork())
			_exit(0);
		wait(NULL);
	}
	EXPECT_EQ(20, hits(fd));
}

TEST(breakpoints_on_the_kernels_entry_are_refused_and_on_the_switcher_do_nothing)
{
	int fd, i;

	EXPECT_EQ(-1, breakpoint(kernel_symbol("entry_SYSCALL_64"), HW_BREAKPOINT_X));
	fd = breakpoint(0xffff800000000000, HW_BREAKPOINT_X);
	for (i = 0; fd >= 0 && i < 100; i++)
		ASSERT_LT(0, getpgid(0));
	EXPECT_EQ(0, fd < 0 ? 0 : hits(fd));
}

TEST_HARNESS_MAIN
