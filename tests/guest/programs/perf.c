// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    software events count what happened in the guest and nothing of what the
 *           monitor did for it; the sampling clock finds the code that runs
 * How:      touches pages, switches tasks, spins, and compares counts
 * Needs:    root
 * Catches:  shadow page faults that reach the guest; a timer that does not fire in user
 *           code; samples with registers other than the interrupted ones
 */
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <linux/perf_event.h>

#include "kselftest_harness.h"

#define PAGE	4096UL

static int event(uint64_t config, uint64_t period)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE, .size = sizeof(attr), .config = config,
		.sample_period = period, .sample_type = PERF_SAMPLE_IP, .exclude_kernel = !!period,
	};

	return syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

static uint64_t count(int fd)
{
	uint64_t value = -1;

	return read(fd, &value, sizeof(value)) == sizeof(value) ? value : (uint64_t)-1;
}

static char *map(size_t pages)
{
	return mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

TEST(page_faults_are_those_of_the_guest)
{
	enum { PAGES = 200 };
	int fd = event(PERF_COUNT_SW_PAGE_FAULTS, 0), i;
	volatile char *p = map(PAGES);
	uint64_t before, fresh, again;

	ASSERT_LE(0, fd);
	ASSERT_NE(MAP_FAILED, p);
	/* Once before, for the pages that counting itself needs. */
	count(fd);
	before = count(fd);
	for (i = 0; i < PAGES; i++)
		p[i * PAGE] = 1;
	fresh = count(fd);
	for (i = 0; i < PAGES; i++)
		p[i * PAGE] = 2;
	again = count(fd);
	EXPECT_EQ(PAGES, fresh - before);
	EXPECT_EQ(0, again - fresh);
}

TEST(context_switches_are_counted)
{
	enum { ROUNDS = 50 };
	int fd = event(PERF_COUNT_SW_CONTEXT_SWITCHES, 0), to[2], from[2], i;
	char byte = 0;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, pipe(to));
	ASSERT_EQ(0, pipe(from));
	if (!fork()) {
		while (read(to[0], &byte, 1) == 1 && byte)
			write(from[1], &byte, 1);
		_exit(0);
	}
	byte = 1;
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(1, write(to[1], &byte, 1));
		ASSERT_EQ(1, read(from[0], &byte, 1));
	}
	byte = 0;
	write(to[1], &byte, 1);
	/* On another processor the answer may be there before we sleep. */
	EXPECT_LT(ROUNDS / 10, count(fd));
}

/* Where samples must fall. */
uint64_t spins = 100000000;
extern const char spin_begin[], spin_end[];

asm(".pushsection .text\n"
    "spin: spin_begin:\n"
    "decq spins(%rip)\n"
    "jnz spin_begin\n"
    "ret\n"
    "spin_end: .popsection");
void spin(void);

TEST(samples_are_where_the_time_goes)
{
	int fd = event(PERF_COUNT_SW_CPU_CLOCK, 1000000), samples = 0, inside = 0;
	struct perf_event_mmap_page *control;
	uint64_t at, ip;
	char *data;

	ASSERT_LE(0, fd);
	control = mmap(NULL, 9 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, control);
	data = (char *)control + control->data_offset;
	spin();
	ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
	/* All of them are a header and the IP, 16 bytes; the buffer may be full, not wrap. */
	for (at = 0; at < control->data_head && at < control->data_size; at += 16) {
		struct perf_event_header *header = (void *)(data + at);

		ASSERT_EQ(16, header->size);
		if (header->type != PERF_RECORD_SAMPLE)
			continue;
		memcpy(&ip, header + 1, sizeof(ip));
		samples++;
		inside += ip >= (uintptr_t)spin_begin && ip < (uintptr_t)spin_end;
	}
	TH_LOG("%d samples, %d in the loop", samples, inside);
	EXPECT_LT(10, samples);
	EXPECT_LT(samples * 8 / 10, inside);
}

TEST_HARNESS_MAIN
