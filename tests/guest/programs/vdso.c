// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    the vDSO tells time without system calls, never going back, also from one
 *           processor to the next, and as the system calls do; and on which processor it
 *           runs, by each way there is
 * How:      refuses the system calls by seccomp; goes round the processors many times
 * Needs:    a clock source that the vDSO can read
 * Timeout:  200
 * Catches:  a pvclock page that is another vCPU's; a CPU-number descriptor or TSC_AUX that
 *           stayed the host's or another vCPU's
 */
#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "affinity.h"
#include "kselftest_harness.h"
#include "guest.h"

static int64_t nanoseconds(const struct timespec *t)
{
	return t->tv_sec * 1000000000LL + t->tv_nsec;
}

static int64_t now(clockid_t clock)
{
	struct timespec t;

	return clock_gettime(clock, &t) ? -1 : nanoseconds(&t);
}

static int64_t now_by_system_call(clockid_t clock)
{
	struct timespec t;

	return syscall(SYS_clock_gettime, clock, &t) ? -1 : nanoseconds(&t);
}

static bool refuse_system_calls_that_tell_time(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clock_gettime, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getcpu, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(*filter), filter };

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

TEST(no_system_call_is_made)
{
	char source[64];

	first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", source,
		   sizeof(source));
	TH_LOG("clock source %s", source);
	ASSERT_TRUE(refuse_system_calls_that_tell_time());
	EXPECT_EQ(-1, now_by_system_call(CLOCK_MONOTONIC));
	EXPECT_LT(0, now(CLOCK_MONOTONIC));
	EXPECT_LT(0, now(CLOCK_REALTIME));
	EXPECT_LE(0, sched_getcpu());
}

TEST(time_goes_on_across_processors)
{
	int cpus = sysconf(_SC_NPROCESSORS_ONLN), round, cpu;
	int64_t last = now(CLOCK_MONOTONIC), call, next;

	for (round = 0; round < 300; round++) {
		for (cpu = 0; cpu < cpus; cpu++) {
			ASSERT_TRUE(stay_on(cpu));
			next = now(CLOCK_MONOTONIC);
			ASSERT_LE(last, next);
			call = now_by_system_call(CLOCK_MONOTONIC);
			ASSERT_LE(next, call);
			last = now(CLOCK_MONOTONIC);
			ASSERT_LE(call, last);
		}
	}
}

TEST(clocks_agree_with_their_system_calls)
{
	static const clockid_t clocks[] = {
		CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_TAI,
		CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE,
	};
	int64_t before, call, after;
	unsigned int i;

	for (i = 0; i < sizeof(clocks) / sizeof(*clocks); i++) {
		before = now(clocks[i]);
		call = now_by_system_call(clocks[i]);
		after = now(clocks[i]);
		EXPECT_LT(0, before);
		EXPECT_LE(before, call);
		EXPECT_LE(call, after);
	}
}

TEST(processor_numbers_are_right)
{
	int cpus = sysconf(_SC_NPROCESSORS_ONLN), round, cpu;
	bool rdpid = cpu_has("rdpid"), rdtscp = cpu_has("rdtscp");
	unsigned int limit, aux, low, high;
	uint64_t pid;

	for (round = 0; round < 100; round++) {
		for (cpu = 0; cpu < cpus; cpu++) {
			ASSERT_TRUE(stay_on(cpu));
			ASSERT_EQ(cpu, sched_getcpu());
			asm volatile("lsl %1, %0" : "=r" (limit) : "r" (0x7b));
			ASSERT_EQ(cpu, limit & 0xfff);
			if (rdtscp) {
				asm volatile("rdtscp" : "=a" (low), "=d" (high), "=c" (aux));
				ASSERT_EQ(cpu, aux & 0xfff);
			}
			if (rdpid) {
				asm volatile(".byte 0xf3, 0x0f, 0xc7, 0xf8" : "=a" (pid));
				ASSERT_EQ(cpu, pid & 0xfff);
			}
		}
	}
}

TEST_HARNESS_MAIN
