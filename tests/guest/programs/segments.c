// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    user segments work as natively, and there is no LDT in ring 1, which
 *           modify_ldt() says
 * How:      tasks with different TLS entries, more than there are processors, load them and
 *           read through them while the timer switches between them
 * Needs:    nothing
 * Timeout:  200
 * Catches:  TLS descriptors of another task, or another processor's; a GS base that does
 *           not follow the selector; an LDT that the kernel has and the processor has not
 */
#include <sched.h>
#include <sys/syscall.h>
#include <asm/ldt.h>
#include <asm/prctl.h>

#include "kselftest_harness.h"
#include "guest.h"
#include "probe.h"

/* 64-bit programs have it as a 32-bit call only. The structure must be in low memory. */
static int set_thread_area(const struct user_desc *d)
{
	struct user_desc *low = (struct user_desc *)PROBE_DATA;
	int ret;

	*low = *d;
	asm volatile("int $0x80" : "=a" (ret)
		     : "a" (243), "b" (low) : "r8", "r9", "r10", "r11", "memory");
	return ret ? ret : (int)low->entry_number;
}

static int make_tls(uint32_t base)
{
	struct user_desc d = {
		.entry_number = -1, .base_addr = base, .limit = 0xfff, .seg_32bit = 1,
		.useable = 1,
	};

	return set_thread_area(&d);
}

/* Two TLS entries, in FS and GS alternately: musl's own FS base is put back each time. */
static int use_tls(uint32_t seed)
{
	uint32_t *data = (uint32_t *)(PROBE_STACK + seed * 0x100);
	uint32_t selector[2], value, i, got;
	int round, entry;

	data[0] = seed * 0x01010101;
	data[1] = ~data[0];
	for (i = 0; i < 2; i++) {
		entry = make_tls((uint32_t)(uintptr_t)(data + i));
		if (entry < 12 || entry > 14)
			return 1;
		selector[i] = entry * 8 + 3;
	}
	for (round = 0; round < 3000; round++) {
		i = round & 1;
		asm volatile("mov %0, %%gs" : : "r" (selector[i]));
		if (round % 16 == 0)
			sched_yield();
		for (value = 0; value < 500; value++)
			asm volatile("" : : : "memory");
		asm volatile("mov %%gs, %0; mov %%gs:0, %1" : "=r" (got), "=r" (value));
		if (got != selector[i])
			return 2;
		if (value != data[i])
			return 3;
	}
	/* DS and ES hold selectors, too; their bases do not matter in 64-bit code. */
	asm volatile("mov %0, %%ds; mov %1, %%es" : : "r" (selector[0]), "r" (selector[1]));
	for (round = 0; round < 100; round++) {
		sched_yield();
		asm volatile("mov %%ds, %0; mov %%es, %1" : "=r" (value), "=r" (got));
		if (value != selector[0] || got != selector[1])
			return 4;
	}
	return 0;
}

TEST(tls_entries_are_each_tasks_own)
{
	int children = 2 * sysconf(_SC_NPROCESSORS_ONLN), i, status;
	struct probe p = { };

	/* For the memory. */
	probe_init(&p);
	for (i = 0; i < children; i++) {
		if (!fork())
			_exit(use_tls(i + 1));
	}
	for (i = 0; i < children; i++) {
		ASSERT_LT(0, wait(&status));
		EXPECT_EQ(0, status);
	}
}

TEST(code_and_16bit_segments_are_refused_as_tls)
{
	struct user_desc code = {
		.entry_number = -1, .limit = 0xfffff, .seg_32bit = 1, .contents = 2,
		.limit_in_pages = 1, .useable = 1,
	};
	struct user_desc small = { .entry_number = -1, .base_addr = 1, .limit = 0xffff };
	struct probe p = { };

	probe_init(&p);
	EXPECT_EQ(-EINVAL, set_thread_area(&code));
	EXPECT_EQ(-EINVAL, set_thread_area(&small));
}

PROBE(write_through_gs, "mov %eax, %gs; movl $1, %gs:(%rcx); ud2");

/* Read-only, and gone: the descriptor in use is the one that was set last. */
TEST(tls_entries_can_be_changed_and_removed)
{
	struct probe p = { PROBE_CODE_OF(write_through_gs) };
	struct user_desc d = {
		.entry_number = -1, .base_addr = PROBE_DATA, .limit = 0xfff, .seg_32bit = 1,
		.useable = 1,
	};
	struct user_desc empty = { .read_exec_only = 1, .seg_not_present = 1 };
	int entry;

	probe_init(&p);
	entry = set_thread_area(&d);
	ASSERT_LE(12, entry);
	p.reg[REG_RAX] = entry * 8 + 3;
	p.reg[REG_RCX] = 0x200;
	probe_run(&p);
	EXPECT_EQ(SIGILL, p.signal);
	EXPECT_EQ(1, *(uint32_t *)(PROBE_DATA + 0x200));

	d.entry_number = entry;
	d.base_addr = PROBE_DATA + 0x400;
	EXPECT_EQ(entry, set_thread_area(&d));
	probe_run(&p);
	EXPECT_EQ(1, *(uint32_t *)(PROBE_DATA + 0x600));

	empty.entry_number = entry;
	EXPECT_EQ(entry, set_thread_area(&empty));
	probe_run(&p);
	EXPECT_EQ(SIGSEGV, p.signal);
	EXPECT_EQ(entry * 8, p.seen[REG_ERR]);
	EXPECT_EQ(0, probe_offset(&p));
}

TEST(modify_ldt_works_or_says_that_it_does_not)
{
	struct user_desc d = {
		.base_addr = PROBE_DATA, .limit = 0xfff, .seg_32bit = 1, .useable = 1,
	};
	struct probe p = { PROBE_CODE_OF(write_through_gs) };
	int nothing = in_ring1() ? -ENOSYS : 0;

	probe_init(&p);
	p.reg[REG_RAX] = 7;
	p.reg[REG_RCX] = 0x200;
	/* It returns an int, which the C library does not take for an error. */
	EXPECT_EQ(nothing, (int)syscall(SYS_modify_ldt, 0x11, &d, sizeof(d)));
	EXPECT_EQ(nothing, (int)syscall(SYS_modify_ldt, 1, &d, sizeof(d)));
	EXPECT_EQ(in_ring1() ? -ENOSYS : 8, (int)syscall(SYS_modify_ldt, 0, &d, 8));
	/* A kernel that does not know of ring 1 has one that the processor does not use. */
	probe_run(&p);
	EXPECT_EQ(in_ring1() || is_trap_guest() ? SIGSEGV : SIGILL, p.signal);
	EXPECT_EQ(!in_ring1() && !is_trap_guest(), *(uint32_t *)(PROBE_DATA + 0x200));
}

TEST_HARNESS_MAIN
