// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    a page that was written since KVM's log of dirty pages was read last is in the
 *           log: by either ring, any vCPU, the monitor, or the VMM through the monitor. What
 *           was only read is not
 * How:      reads and writes pages of random patterns, logs from the start or later, by small
 *           and large pages, with the log cleared as it is read or in two steps; lets two
 *           vCPUs begin anew at the same moment; has events delivered and registers set
 * Timeout:  900
 * Catches:  a page that a migration loses, one that it copies for nothing
 */
#include <pthread.h>

#include "affinity.h"
#include "ownmmu.h"

#define VA	USER_EMPTY
#define ALL	(PTE_P | PTE_W | PTE_U)

#define LOG_PAGES 512

/* KVM writes all of the slot's. */
static void get_log_of(struct vm *vm, int slot, uint64_t *bitmap)
{
	struct kvm_dirty_log log = { .slot = slot, .dirty_bitmap = bitmap };

	IOCTL(vm->fd, KVM_GET_DIRTY_LOG, &log);
}

static void get_log(struct vm *vm, uint64_t *bitmap)
{
	get_log_of(vm, MORE_SLOT, bitmap);
}

static void clear_log(struct vm *vm, uint64_t *bitmap)
{
	struct kvm_clear_dirty_log log = {
		.slot = MORE_SLOT, .num_pages = LOG_PAGES, .dirty_bitmap = bitmap,
	};

	IOCTL(vm->fd, KVM_CLEAR_DIRTY_LOG, &log);
}

static void map_log(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < LOG_PAGES; i++) {
		*pte(vm, VA + i * PAGE) = (GPA_MORE + i * PAGE) | ALL | PTE_A | PTE_D;
		*pte(vm, KERNEL_EMPTY + i * PAGE) =
			(GPA_MORE + i * PAGE) | PTE_P | PTE_W | PTE_A | PTE_D;
	}
}

/* Writes the pages of a random pattern, from both rings, reads others; what must be logged. */
static bool write_pattern(struct cpu *c, uint64_t *random, uint64_t *bitmap)
{
	unsigned int n, i;
	bool ok = true;

	memset(bitmap, 0, LOG_PAGES / 8);
	for (n = 0; n < 24; n++) {
		i = next_random(random) % LOG_PAGES;
		if (n % 3) {
			bitmap[i / 64] |= 1ull << (i % 64);
			ok &= n % 2 ? can_write(c, KERNEL_EMPTY + i * PAGE, n) :
				      user_can_write(c, VA + i * PAGE, n);
		} else {
			ok &= kernel_reads(c, KERNEL_EMPTY + i * PAGE) == STOPPED;
		}
	}
	return ok;
}

static bool same_log(const uint64_t *want, const uint64_t *is)
{
	unsigned int i;
	bool same = true;

	for (i = 0; i < LOG_PAGES; i++) {
		bool w = want[i / 64] >> (i % 64) & 1, b = is[i / 64] >> (i % 64) & 1;

		if (w != b)
			printf("# page %u is %slogged\n", i, b ? "" : "not ");
		same &= w == b;
	}
	return same;
}

/* What was written since the log was read last is in it, and nothing else. */
static bool pattern_is_logged(struct cpu *c, uint64_t *random)
{
	uint64_t want[LOG_PAGES / 64], is[LOG_PAGES / 64];
	bool written = write_pattern(c, random, want);

	get_log(c->vm, is);
	return same_log(want, is) && written;
}

TEST_F_TIMEOUT(own, two_rings_write, 120)
{
	uint64_t random = 2463534242, want[LOG_PAGES / 64], is[LOG_PAGES / 64];
	struct cpu *c = self->cpu;
	unsigned int round;
	void *more;

	more = more_memory(self->vm, LOG_PAGES * PAGE, KVM_MEM_LOG_DIRTY_PAGES);
	/* The VMM could write all of them: what is read first is not written for that. */
	stamp_pages(more, 1, LOG_PAGES);
	map_log(self->vm);
	for (round = 0; round < 8; round++) {
		EXPECT_TRUE(pattern_is_logged(c, &random))
			TH_LOG("round %u", round);
		memset(want, 0, sizeof(want));
		get_log(self->vm, is);
		EXPECT_TRUE(same_log(want, is));
	}
}

/* When all of it is written already, and in use; then off, and on again. */
TEST_F_TIMEOUT(own, begun_later, 120)
{
	uint64_t random = 2463534242;
	struct cpu *c = self->cpu;
	unsigned int round;
	void *more;

	more = more_memory(self->vm, LOG_PAGES * PAGE, 0);
	map_log(self->vm);
	for (round = 0; round < 4; round++) {
		EXPECT_TRUE(can_fill(c, KERNEL_EMPTY, 1, LOG_PAGES));
		EXPECT_TRUE(user_can_fill(c, VA, 1, LOG_PAGES));
		add_memory(self->vm, MORE_SLOT, GPA_MORE, more, LOG_PAGES * PAGE,
			   KVM_MEM_LOG_DIRTY_PAGES);
		EXPECT_TRUE(pattern_is_logged(c, &random))
			TH_LOG("round %u", round);
		add_memory(self->vm, MORE_SLOT, GPA_MORE, more, LOG_PAGES * PAGE, 0);
	}
}

/* By a large page, whose D is set once. */
TEST_F_TIMEOUT(own, by_large_pages, 120)
{
	uint64_t random = 77777777;
	struct cpu *c = self->cpu;
	unsigned int round;
	void *more;

	more = more_memory(self->vm, LOG_PAGES * PAGE, 0);
	*entry_in(self->vm, GPA_TABLES, VA, 2) = GPA_MORE | ALL | PTE_PS;
	*entry_in(self->vm, GPA_TABLES, KERNEL_EMPTY, 2) = GPA_MORE | PTE_P | PTE_W | PTE_PS;
	EXPECT_TRUE(can_fill(c, KERNEL_EMPTY, 1, LOG_PAGES));
	add_memory(self->vm, MORE_SLOT, GPA_MORE, more, LOG_PAGES * PAGE, KVM_MEM_LOG_DIRTY_PAGES);
	for (round = 0; round < 4; round++) {
		EXPECT_TRUE(pattern_is_logged(c, &random))
			TH_LOG("round %u", round);
	}
}

/* Taken and cleared in two steps: what is written between stays, what is not cleared as well. */
TEST_F_TIMEOUT(own, in_two_steps, 120)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
		.args[0] = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE,
	};
	uint64_t random = 1234567, is[LOG_PAGES / 64], want[LOG_PAGES / 64], first[LOG_PAGES / 64];
	struct cpu *c = self->cpu;
	unsigned int round, i;

	IOCTL(self->vm->fd, KVM_ENABLE_CAP, &cap);
	more_memory(self->vm, LOG_PAGES * PAGE, KVM_MEM_LOG_DIRTY_PAGES);
	map_log(self->vm);
	for (round = 0; round < 4; round++) {
		EXPECT_TRUE(write_pattern(c, &random, first));
		get_log(self->vm, is);
		EXPECT_TRUE(same_log(first, is));
		get_log(self->vm, is);
		EXPECT_TRUE(same_log(first, is));
		EXPECT_TRUE(write_pattern(c, &random, want));
		for (i = 0; i < LOG_PAGES / 64; i++)
			first[i] &= ~want[i];
		clear_log(self->vm, first);
		get_log(self->vm, is);
		EXPECT_TRUE(same_log(want, is));
		clear_log(self->vm, is);
		memset(want, 0, sizeof(want));
		get_log(self->vm, is);
		EXPECT_TRUE(same_log(want, is));
	}
}

/* All is dirty at first, and what is cleared has to be caught. */
TEST_F_TIMEOUT(own, that_begins_full, 120)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
		.args[0] = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET,
	};
	uint64_t random = 7654321, is[LOG_PAGES / 64], want[LOG_PAGES / 64];
	struct cpu *c = self->cpu;
	unsigned int round;
	void *more;

	IOCTL(self->vm->fd, KVM_ENABLE_CAP, &cap);
	more = more_memory(self->vm, LOG_PAGES * PAGE, 0);
	map_log(self->vm);
	EXPECT_TRUE(can_fill(c, KERNEL_EMPTY, 1, LOG_PAGES));
	add_memory(self->vm, MORE_SLOT, GPA_MORE, more, LOG_PAGES * PAGE, KVM_MEM_LOG_DIRTY_PAGES);
	get_log(self->vm, is);
	memset(want, 0xff, sizeof(want));
	EXPECT_TRUE(same_log(want, is));
	for (round = 0; round < 4; round++) {
		clear_log(self->vm, is);
		EXPECT_TRUE(write_pattern(c, &random, want));
		get_log(self->vm, is);
		EXPECT_TRUE(same_log(want, is))
			TH_LOG("round %u", round);
	}
}

/* What the monitor writes is written as well: A and D of tables, bits of the bitmap. */
TEST_F(own, what_the_monitor_writes)
{
	uint64_t is[LOG_PAGES / 64], *more;
	struct cpu *c = self->cpu;

	more = more_memory(self->vm, LOG_PAGES * PAGE, KVM_MEM_LOG_DIRTY_PAGES);
	/* a table in page 7 of the slot, for an entry at level 2 */
	more[7 * 512] = GPA_DATA | ALL;
	*entry_in(self->vm, GPA_TABLES, VA, 2) = (GPA_MORE + 7 * PAGE) | ALL;
	get_log(self->vm, is);
	EXPECT_TRUE(user_can_read(c, VA, 1000));
	EXPECT_EQ(PTE_A, more[7 * 512] & (PTE_A | PTE_D));
	get_log(self->vm, is);
	EXPECT_EQ(1 << 7, is[0]);
	EXPECT_TRUE(user_can_write(c, VA, 1000));
	EXPECT_EQ(PTE_A | PTE_D, more[7 * 512] & (PTE_A | PTE_D));
	get_log(self->vm, is);
	EXPECT_EQ(1 << 7, is[0]);
	EXPECT_TRUE(user_can_write(c, VA, 1000));
	get_log(self->vm, is);
	EXPECT_EQ(0, is[0]);
	/* the bitmap in page 9 */
	ASSERT_EQ(0, HYPERCALL(c, MMU_REGISTER, GPA_TABLES, GPA_MORE + 9 * PAGE, NR_LIVE, 0));
	EXPECT_TRUE(user_can_read(c, VA, 1000));
	*pte(self->vm, KERNEL_EMPTY) = GPA_DATA | PTE_P | PTE_W;
	EXPECT_TRUE(can_read(c, KERNEL_EMPTY, 1000));
	get_log(self->vm, is);
	EXPECT_TRUE(is[0] & 1 << 9);
}

/*
 * The page that a vCPU shares with the monitor, which is never mapped for that: the monitor has
 * pinned it. Nothing of it is in reach of the code that runs here.
 */
static bool page_is_logged(struct cpu *c)
{
	static uint64_t bitmap[RAM_SIZE / PAGE / 64];
	uint64_t page = c->page_gpa / PAGE;

	get_log_of(c->vm, 0, bitmap);
	return bitmap[page / 64] >> (page % 64) & 1;
}

/*
 * Stop, and then to ring 3, where the switcher sends a system call back, or #PF for the code's
 * page: no exit in between.
 */
CODE(stop_and_go_to_user,
	STOP "mov %gs:8, %rax\n wrgsbase %rax\n iretq\n");

static void stop_before_user(struct cpu *c)
{
	uint64_t top = kernel_stack(c) - 5 * 8;

	memcpy(at(c->vm, top - KERNEL_BASE),
	       (uint64_t[]){ user_code(code_user_syscall), USER_CS, FLAG_FIXED | FLAG_IF,
			     user_stack(c), USER_DS }, 5 * 8);
	c->regs.rsp = top;
	if (go_kernel(c, stop_and_go_to_user) != STOPPED)
		die("no stop before the user");
}

static void check_shared_page(struct __test_metadata *_metadata, struct cpu *c)
{
	struct vm *vm = c->vm;
	enum stop stop;
	unsigned int i;

	EXPECT_EQ(STOPPED, go_kernel(c, code_stop));
	add_memory(vm, 0, 0, vm->ram, RAM_SIZE, KVM_MEM_LOG_DIRTY_PAGES);
	page_is_logged(c);
	EXPECT_FALSE(page_is_logged(c));
	/* what the guest and the switcher write */
	stop_before_user(c);
	page_is_logged(c);
	stop = resume(c);
	EXPECT_TRUE(stop == ENTRY_SYSCALL64 || stop == ENTRY_USER)
		TH_LOG("stopped with %#x", stop);
	take(c);
	EXPECT_TRUE(page_is_logged(c));
	EXPECT_FALSE(page_is_logged(c));
	/* an event's frame, the user's GS base, the interrupt flag */
	EXPECT_EQ(ENTRY_USER, go_user(c, code_user_ud2));
	c->regs.rsp = kernel_stack(c);
	EXPECT_TRUE(page_is_logged(c));
	EXPECT_FALSE(page_is_logged(c));
	/* what the VMM sets is written when the vCPU runs */
	EXPECT_EQ(1, set_msr(c, 0xc0000102, 0x1234));	/* KERNEL_GS_BASE */
	EXPECT_FALSE(page_is_logged(c));
	EXPECT_EQ(STOPPED, go_kernel(c, code_stop));
	EXPECT_EQ(0x1234, c->page->user_gs);
	EXPECT_TRUE(page_is_logged(c));
	/* who does not run writes nothing, and fills no ring of dirty pages */
	c->run->immediate_exit = 1;
	for (i = 0; i < 10; i++)
		EXPECT_EQ(INTERRUPTED, resume(c));
	c->run->immediate_exit = 0;
	EXPECT_FALSE(page_is_logged(c));
}

TEST_F(own, the_shared_page)
{
	check_shared_page(_metadata, self->cpu);
}

TEST_F(pv, the_shared_page)
{
	check_shared_page(_metadata, self->cpu);
}

/*
 * Both vCPUs have to flush before they enter again, and one takes the write access of both; the
 * more places a page is mapped at, the longer that takes. The other must not enter meanwhile: it
 * writes from the end on, where access is taken last.
 */
#define PLACES		64
#define PLACE(n)	(KERNEL_EMPTY + (n) * BIG_PAGE)

CODE(fill_downwards,
	"1: mov %rax, (%rdi)\n sub $4096, %rdi\n dec %rcx\n jnz 1b\n" STOP);

#define NR_ROUNDS	40

/* Rounds that each vCPU is about to begin, and has ended. */
static unsigned int begun[NR_CPUS], ended_rounds[NR_CPUS];

static void wait_for_round(const unsigned int *rounds, unsigned int n)
{
	while (__atomic_load_n(rounds, __ATOMIC_SEQ_CST) < n)
		;
}

/* When both are ready: each on a processor of the host's own, always in the same thread. */
static enum stop run_round(struct cpu *c, unsigned int n)
{
	unsigned int i = c - c->vm->cpu;
	enum stop stop;

	__atomic_store_n(&begun[i], n, __ATOMIC_SEQ_CST);
	wait_for_round(&begun[!i], n);
	stop = resume(c);
	__atomic_store_n(&ended_rounds[i], n, __ATOMIC_SEQ_CST);
	return stop;
}

static void *run_rounds(void *cpu)
{
	struct cpu *c = cpu;
	unsigned int n;

	if (!stay_on(1))
		die("sched_setaffinity");
	for (n = 1; n <= NR_ROUNDS; n++)
		if (run_round(c, n) != STOPPED)
			die("the other vCPU in round %u", n);
	return NULL;
}

static void prepare(struct cpu *c, const char *code)
{
	c->regs.rip = kernel_code(code);
	c->regs.rdi = PLACE(1) - PAGE;
	c->regs.rcx = LOG_PAGES;
	IOCTL(c->fd, KVM_SET_REGS, &c->regs);
}

TEST_F_TIMEOUT(own, two_vcpus_begin_anew, 300)
{
	struct cpu *c = self->cpu, *other = &self->vm->cpu[1];
	uint64_t want[LOG_PAGES / 64], is[LOG_PAGES / 64];
	unsigned int n, i;
	pthread_t thread;

	pv_start_on_kvm(other, variant->flags);
	more_memory(self->vm, LOG_PAGES * PAGE, KVM_MEM_LOG_DIRTY_PAGES);
	for (i = 0; i < PLACES * LOG_PAGES; i++)
		*pte(self->vm, PLACE(0) + i * PAGE) =
			(GPA_MORE + i % LOG_PAGES * PAGE) | PTE_P | PTE_W | PTE_A | PTE_D;
	memset(want, 0xff, sizeof(want));
	ASSERT_TRUE(stay_on(0));
	ASSERT_EQ(0, pthread_create(&thread, NULL, run_rounds, other));
	for (n = 1; n <= NR_ROUNDS; n++) {
		ASSERT_TRUE(can_fill(c, PLACE(0), n, PLACES * LOG_PAGES));
		get_log(self->vm, is);
		prepare(c, n % 2 ? fill_downwards : code_stop);
		prepare(other, n % 2 ? code_stop : fill_downwards);
		ASSERT_EQ(STOPPED, run_round(c, n));
		wait_for_round(&ended_rounds[1], n);
		get_log(self->vm, is);
		ASSERT_TRUE(same_log(want, is))
			TH_LOG("round %u", n);
	}
	ASSERT_EQ(0, pthread_join(thread, NULL));
}

TEST_HARNESS_MAIN
