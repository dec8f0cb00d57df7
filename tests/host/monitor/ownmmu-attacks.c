// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    a guest that breaks every rule of the monitor's own MMU reaches its own memory at
 *           most, and ring 3 no more than the tables give it, none of the upper half; the host
 *           goes on, and the guest does as soon as its tables are good and announced
 * How:      tables and roots everywhere and nowhere: at MMIO, in read-only slots and slots that
 *           go away, linked in circles; operations on every page, with every bit; both vCPUs
 *           in a storm of random entries, accesses and calls from fixed seeds
 * Timeout:  1800
 * Catches:  an entry of the guest's that is believed, slot 256 or a supervisor's page for ring
 *           3, a table that is freed while a processor walks it, memory without a bound
 */
#include <pthread.h>

#include "host_memory.h"
#include "leaks.h"
#include "ownmmu.h"

#define VA	USER_EMPTY
#define ALL	(PTE_P | PTE_W | PTE_U)
#define TOP	0xffff000000000000ull
#define MMIO	0xfee00000ull

static uint64_t *entry(struct vm *vm, uint64_t va, int level)
{
	return entry_in(vm, GPA_TABLES, va, level);
}

static bool still_works(struct cpu *c)
{
	return can_check(c, KERNEL(GPA_DATA), 1000, DATA_PAGES) &&
	       user_can_check(c, USER(GPA_DATA), 1000, DATA_PAGES);
}

/*
 * Entries of the kernel's half say that the user may, all but those of the kernel's own code
 * and data, which it could not use itself then.
 */
TEST_F(own, ring3_has_no_upper_half)
{
	const uint64_t va[] = {
		KERNEL(GPA_DATA), KERNEL(GPA_DATA + PAGE), KERNEL(GPA_CODE), KERNEL(GPA_TABLES),
		KERNEL_EMPTY, KERNEL_EMPTY + (1ull << 39) + GPA_DATA,
		KERNEL_EMPTY + (2ull << 39) + GPA_DATA, KERNEL_EMPTY + (3ull << 39),
	};
	struct cpu *c = self->cpu;
	unsigned int i, round;

	for (i = 0; i < DATA_PAGES; i++)
		*pte(self->vm, KERNEL(GPA_DATA + i * PAGE)) |= PTE_U;
	for (i = 2; i <= 4; i++)
		*entry(self->vm, KERNEL(0), i) |= PTE_U;
	*entry(self->vm, KERNEL_EMPTY, 1) = GPA_DATA | ALL;
	*entry(self->vm, KERNEL_EMPTY + (1ull << 39), 2) = 0 | ALL | PTE_PS;
	*entry(self->vm, KERNEL_EMPTY + (2ull << 39), 3) = 0 | ALL | PTE_PS;
	for (round = 0; round < 2; round++) {
		for (i = 0; i < ARRAY_SIZE(va); i++) {
			/* by the kernel, so that they are there, if they may be */
			c->regs.rdi = va[i];
			c->regs.rsp = kernel_stack(c);
			go_kernel(c, kernel_read_ac);
			take(c);
			c->regs.rflags = FLAG_FIXED;
			EXPECT_EQ(ENTRY_USER, user_reads(c, va[i]))
				TH_LOG("%#lx", va[i]);
			EXPECT_EQ(14, take(c).vector);
			EXPECT_EQ(ENTRY_USER, user_writes(c, va[i], 0));
			EXPECT_EQ(14, take(c).vector);
			EXPECT_EQ(ENTRY_USER, go_served_at(c, va[i]));
			EXPECT_EQ(14, take(c).vector);
			EXPECT_EQ(1, sync_address(c, va[i], ERROR_U));
		}
		announce(c, GPA_TABLES, 512);
	}
	EXPECT_TRUE(user_can_check(c, USER(GPA_DATA), 1000, DATA_PAGES));
}

/* The guest's own entry for it, of every kind: the switcher stays, for both rings. */
TEST_F(own, slot_256)
{
	uint64_t *root = at(self->vm, GPA_TABLES), table, i;
	struct cpu *c = self->cpu;

	table = gpa_of(self->vm, entry(self->vm, KERNEL_EMPTY, 3)) & -PAGE;
	*(uint64_t *)at(self->vm, table) = 0 | ALL | PTE_PS;
	for (i = 0; i < 3; i++) {
		root[256] = i == 0 ? table | ALL : i == 1 ? GPA_TABLES | ALL : 0 | ALL | PTE_PS;
		announce(c, GPA_TABLES, 512);
		EXPECT_EQ(1, sync_address(c, RING1_SLOT_BASE, 0));
		EXPECT_EQ(1, sync_address(c, RING1_SLOT_BASE + (3 << 30), ERROR_U));
		EXPECT_EQ(1, sync_address(c, RING1_SLOT_BASE + (1ull << 38), ERROR_W));
		EXPECT_EQ(ENTRY_KERNEL, kernel_reads(c, RING1_SLOT_BASE + (1ull << 38)));
		EXPECT_EQ(14, take(c).vector);
		EXPECT_EQ(ENTRY_USER, user_reads(c, RING1_SLOT_BASE));
		EXPECT_EQ(14, take(c).vector);
		EXPECT_EQ(ENTRY_USER, user_reads(c, RING1_SLOT_BASE + RING1_PG_SHARED * PAGE));
		EXPECT_EQ(14, take(c).vector);
		EXPECT_TRUE(still_works(c));
	}
}

/* The switcher's pages, as ring 1 may use them and no more; none shows the host's memory. */
TEST_F(own, pages_of_the_switcher)
{
	struct cpu *c = self->cpu;
	uint64_t root = new_root(self->vm), i, page, tag, cr3, roots = 0;
	enum stop stop;

	give_user_code(self->vm, root);
	switch_root(c, root);
	switch_root(c, GPA_TABLES);
	for (page = 0; page <= RING1_NR_PAGES; page++) {
		uint64_t va = RING1_SLOT_BASE + page * PAGE;

		if (page == RING1_PG_STACK || page == RING1_PG_IST || page == RING1_PG_SHARED)
			continue;
		stop = kernel_writes(c, va, 0);
		EXPECT_EQ(ENTRY_KERNEL, stop)
			TH_LOG("page %lu", page);
		EXPECT_EQ(14, take(c).vector);
	}
	for (i = 0; i < PAGE; i += 8)
		EXPECT_TRUE(can_read(c, RING1_SLOT_BASE + RING1_PG_HOST * PAGE + i, 0));
	for (i = 0; i < RING1_NR_ROOT_SLOTS; i++) {
		tag = peek(c, RING1_SLOT_BASE + RING1_PG_ROOTS * PAGE + i * 16);
		cr3 = peek(c, RING1_SLOT_BASE + RING1_PG_ROOTS * PAGE + i * 16 + 8);
		roots += tag == root || tag == GPA_TABLES;
		EXPECT_TRUE(!tag || tag == root || tag == GPA_TABLES)
			TH_LOG("slot %lu: %#lx, %#lx", i, tag, cr3);
	}
	EXPECT_LT(0, roots);
}

/* Each page of memory and around it, all of its entries, as operations; and far more than all. */
TEST_F_TIMEOUT(own, operations_on_every_page, 120)
{
	struct cpu *c = self->cpu;
	uint64_t gpa, n = 0;

	EXPECT_TRUE(still_works(c));
	/* one at a time: what is too much for a call with interrupts off takes another way */
	for (gpa = GPA_TABLES; gpa < self->vm->next_table; gpa += PAGE)
		announce(c, gpa + PAGE - 8, 512);
	EXPECT_TRUE(still_works(c));
	for (gpa = 0; gpa < RAM_SIZE + 64 * PAGE; gpa += PAGE) {
		c->page->mmu_op[n++] = RING1_MMU_OP(gpa, 512);
		if (n == 64) {
			ASSERT_EQ(0, HYPERCALL(c, MMU_SYNC, 64, 0, 0));
			n = 0;
		}
	}
	EXPECT_TRUE(still_works(c));
}

TEST_F_TIMEOUT(own, wild_operations, 120)
{
	static const uint64_t wild[] = {
		-1ull, 0xfff0000000000000, 0x000ffffffffffff8, 0x7ffffffffffff000, MMIO,
		RING1_MMU_OP(GPA_TABLES + 4088, 512), RING1_MMU_OP(GPA_TABLES + 8, 512),
		RING1_MMU_OP(GPA_TABLES, 512) | 7, RING1_MMU_OP(GPA_TABLES, 512) | 7ull << 61,
		KERNEL(GPA_TABLES), RING1_SLOT_BASE, RAM_SIZE - 8, RAM_SIZE, 1ull << 39, 1ull << 40,
		1ull << 41, 1ull << 45, 1ull << 46, 1ull << 51, 4096ull << 30, (4096ull << 30) - 8,
	};
	uint64_t random = 362436069;
	struct cpu *c = self->cpu;
	unsigned int n, i;
	int64_t ret;

	for (n = 0; n < 200; n++) {
		for (i = 0; i < 64; i++)
			c->page->mmu_op[i] = n < ARRAY_SIZE(wild) ? wild[n] : next_random(&random);
		ret = HYPERCALL(c, MMU_SYNC, 64, next_random(&random),
				n % 2 ? 0 : ACCESS(next_random(&random) &
						   (ERROR_W | ERROR_U | ERROR_I)));
		EXPECT_TRUE(ret == 0 || ret == 1);
	}
	EXPECT_TRUE(still_works(c));
}

/* Its entries lead into nothing, or what is there is nobody's: #PF, as an entry that is 0. */
TEST_F(own, tables_that_are_not_there)
{
	static const uint64_t gpa[] = {
		GPA_HOLE, MMIO, RAM_SIZE, 1ull << 39, 1ull << 42, 1ull << 45,
		PTE_ADDRESS & ~(1ull << 51),
	};
	struct cpu *c = self->cpu;
	struct ring1_frame f;
	unsigned int i;
	enum stop stop;
	int level;

	for (level = 2; level <= 4; level++)
		for (i = 0; i < ARRAY_SIZE(gpa); i++) {
			set_entry(c, entry(self->vm, KERNEL_EMPTY, level), gpa[i] | ALL);
			set_entry(c, entry(self->vm, VA, level), gpa[i] | ALL);
			stop = kernel_reads(c, KERNEL_EMPTY + 3 * PAGE);
			f = take(c);
			EXPECT_EQ(ENTRY_KERNEL, stop)
				TH_LOG("level %d, table at %#lx", level, gpa[i]);
			EXPECT_EQ(14, f.vector);
			stop = user_reads(c, VA + 3 * PAGE);
			f = take(c);
			EXPECT_EQ(ENTRY_USER, stop)
				TH_LOG("level %d, table at %#lx", level, gpa[i]);
			EXPECT_EQ(14, f.vector);
			EXPECT_EQ(1, sync_address(c, VA + 3 * PAGE, ERROR_U));
			set_entry(c, entry(self->vm, KERNEL_EMPTY, level), 0);
			set_entry(c, entry(self->vm, VA, level), 0);
		}
	EXPECT_TRUE(still_works(c));
}

/* Entries with A set can be used there; that the others cannot get it is no harm. */
TEST_F(own, tables_in_a_read_only_slot)
{
	uint64_t *more = more_memory(self->vm, 8 * PAGE, KVM_MEM_READONLY);
	struct cpu *c = self->cpu;
	enum stop stop;

	more[0] = GPA_DATA | ALL | PTE_A | PTE_D;
	more[1] = (GPA_DATA + PAGE) | ALL;
	more[2] = (GPA_DATA + 2 * PAGE) | ALL | PTE_A;
	*entry(self->vm, VA, 2) = GPA_MORE | ALL;
	EXPECT_TRUE(user_can_read(c, VA, 1000));
	EXPECT_TRUE(user_can_write(c, VA, 1000));
	EXPECT_TRUE(user_can_read(c, VA + 2 * PAGE, 1002));
	c->regs.rdi = VA + PAGE;
	stop = go_user(c, user_read);
	take(c);
	EXPECT_TRUE(stop == ENTRY_USER || stop >= KVM)
		TH_LOG("stopped with %#x", stop);
	EXPECT_EQ((GPA_DATA + PAGE) | ALL, more[1]);
	EXPECT_EQ((GPA_DATA + 2 * PAGE) | ALL | PTE_A, more[2]);
}

/*
 * The VMM takes them away and gives others. What is there now counts when the guest has
 * announced that; before, at most what was there.
 */
TEST_F(own, tables_in_a_slot_that_goes_away)
{
	struct cpu *c = self->cpu;
	uint64_t *more[2];
	unsigned int i, j;
	enum stop stop;
	int level;

	for (i = 0; i < 2; i++) {
		more[i] = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		more[i][0] = (GPA_DATA + i * PAGE) | ALL;
		more[i][512] = GPA_MORE | ALL;
		more[i][1024] = (GPA_MORE + PAGE) | ALL;
	}
	for (level = 2; level <= 4; level++) {
		*entry(self->vm, VA, level) = (GPA_MORE + (level - 2) * PAGE) | ALL;
		for (i = 0; i < 6; i++) {
			add_memory(self->vm, MORE_SLOT, GPA_MORE, more[i % 2], 4 * PAGE, 0);
			for (j = 0; j < 3; j++)
				announce(c, GPA_MORE + j * PAGE, 512);
			EXPECT_TRUE(user_can_read(c, VA, 1000 + i % 2))
				TH_LOG("level %d, round %u", level, i);
			add_memory(self->vm, MORE_SLOT, GPA_MORE, more[i % 2], 0, 0);
			stop = user_reads(c, VA);
			EXPECT_TRUE(stop == ENTRY_USER);
			EXPECT_TRUE(take(c).vector == 14 || c->regs.rax == 1000 + i % 2);
			for (j = 0; j < 3; j++)
				announce(c, GPA_MORE + j * PAGE, 512);
			EXPECT_EQ(ENTRY_USER, user_reads(c, VA));
			EXPECT_EQ(14, take(c).vector);
		}
		set_entry(c, entry(self->vm, VA, level), 0);
	}
	EXPECT_TRUE(still_works(c));
}

/* The guest ends, or goes on in its kernel's half: the user has nothing there. */
TEST_F_TIMEOUT(own, wild_roots, 300)
{
	static const uint64_t root[] = {
		0, GPA_DATA, GPA_DATA + PAGE, GPA_TABLES + PAGE, GPA_CODE, GPA_CPU(0), GPA_LIVE,
		RAM_SIZE, GPA_HOLE, MMIO, 1ull << 39, 1ull << 40, 1ull << 45, (1ull << 46) - PAGE,
		1ull << 51, GPA_TABLES | 8, GPA_TABLES | 0x18, GPA_TABLES | 0xfff, GPA_TABLES | 1,
		1ull << 52, 1ull << 62, 1ull << 63, -1ull, -PAGE, KERNEL(GPA_TABLES),
		GPA_TABLES | 1ull << 63,
	};
	unsigned int i;
	enum stop stop;

	for (i = 0; i < ARRAY_SIZE(root); i++) {
		struct vm *vm = new_vm(true);
		struct cpu *c = &vm->cpu[0];

		own_start(c, variant->flags);
		c->regs.rax = RING1_HC_WRITE_CR3;
		c->regs.rdi = root[i];
		stop = go_kernel(c, code_hypercall);
		TH_LOG("%#lx: stopped with %#x, %lld", root[i], stop, (long long)c->regs.rax);
		if (stop == STOPPED && (root[i] & PTE_ADDRESS) != GPA_TABLES && !c->regs.rax) {
			stop = user_reads(c, USER(GPA_DATA));
			EXPECT_TRUE(stop == KVM(SHUTDOWN) || stop == ENTRY_DF ||
				    (stop == ENTRY_USER && take(c).vector == 14));
		} else if (stop == STOPPED) {
			EXPECT_TRUE(can_read(c, KERNEL(GPA_DATA), 0));
			EXPECT_TRUE(user_can_read(c, USER(GPA_DATA), 0));
		} else {
			EXPECT_EQ(KVM(SHUTDOWN), stop);
		}
	}
}

/*
 * Ring 1 runs the switcher's stub of #PF itself, behind a frame of ring 3's. It gets as far as
 * the first instruction that is not for ring 1: the one that reads CR2, where the processor would
 * bounce, or CR3, where it would exit. #PFs without U are a hypervisor's above the host.
 */
#define STUB		(RING1_SLOT_BASE + 14 * RING1_STUB_SIZE)
#define ERROR_HIGH	0x8000		/* SGX */

static uint64_t stub_ends_at(struct cpu *c, uint64_t error)
{
	uint64_t frame[] = {
		error, user_code(code_user_ud2), USER_CS, FLAG_FIXED | FLAG_IF, user_stack(c),
		USER_DS,
	};
	struct ring1_frame f;
	enum stop stop;

	c->regs.rsp = kernel_stack(c) - sizeof(frame);
	c->regs.rflags = FLAG_FIXED;
	memcpy(at(c->vm, c->regs.rsp - KERNEL_BASE), frame, sizeof(frame));
	stop = go(c, STUB);
	f = take(c);
	return stop == ENTRY_KERNEL && f.vector == 13 ? f.ip : 0;
}

TEST_F(own, error_codes_that_bounce)
{
	const uint32_t may_be = ERROR_P | ERROR_W | ERROR_I;
	struct cpu *c = self->cpu;
	uint64_t bounce = stub_ends_at(c, ERROR_U), leave = stub_ends_at(c, ERROR_RSVD);
	unsigned int i;

	ASSERT_TRUE(bounce && leave);
	EXPECT_EQ(variant->flags & RING1_SETUP_BOUNCE_PF, bounce != leave);
	for (i = 0; i < 512; i++) {
		uint32_t error = (i & 0xff) | (i & 0x100 ? ERROR_HIGH : 0);

		EXPECT_EQ((error & ~may_be) == ERROR_U ? bounce : leave, stub_ends_at(c, error))
			TH_LOG("error code %#x", error);
	}
	c->page->pf_exit = 1;
	EXPECT_EQ(leave, stub_ends_at(c, ERROR_U));
	c->page->pf_exit = 0;
	c->regs.rflags = FLAG_FIXED;
	EXPECT_TRUE(still_works(c));
}

/* Tags that a slot of the switcher's table might be found by, and is not. */
TEST_F(own, roots_that_are_nearly_known)
{
	uint64_t root = new_root(self->vm);
	struct cpu *c = self->cpu;
	int bit;

	give_user_code(self->vm, root);
	*entry_in(self->vm, root, VA, 1) = GPA_DATA | ALL;
	switch_root(c, root);
	EXPECT_TRUE(user_can_read(c, VA, 1000));
	switch_root(c, GPA_TABLES);
	for (bit = 0; bit < 64; bit++) {
		uint64_t other = root ^ 1ull << bit;
		int64_t ret;

		/* another root, which is memory: the guest's own affair, tested above */
		if (bit >= 12 && bit < 52)
			continue;
		ret = HYPERCALL(c, WRITE_CR3, other);
		EXPECT_TRUE(ret == -EINVAL || (!ret && bit < 12))
			TH_LOG("%#lx: %ld", other, ret);
		EXPECT_TRUE(can_read(c, KERNEL(GPA_DATA), 1000));
		EXPECT_TRUE(ret ? user_cannot_read(c, VA, 0) : user_can_read(c, VA, 1000));
		switch_root(c, GPA_TABLES);
	}
}

/* The bitmap where the guest has something else. */
TEST_F_TIMEOUT(own, a_bitmap_over_everything, 120)
{
	static const uint64_t live[] = {
		GPA_TABLES, GPA_TABLES + PAGE, GPA_CPU(0), GPA_CODE, GPA_ENTRIES, GPA_GDT, GPA_LIVE,
	};
	unsigned int i;
	enum stop stop;

	for (i = 0; i < ARRAY_SIZE(live); i++) {
		struct vm *vm = new_vm(true);
		struct cpu *c = &vm->cpu[0];

		pv_start_on_kvm(c, variant->flags);
		c->regs.rax = RING1_HC_MMU_REGISTER;
		c->regs.rdi = GPA_TABLES;
		c->regs.rsi = live[i];
		c->regs.rdx = NR_LIVE;
		c->regs.r10 = 0;
		stop = go_kernel(c, code_hypercall);
		c->regs.rdi = KERNEL(GPA_DATA);
		if (stop == STOPPED)
			stop = go_kernel(c, code_peek);
		TH_LOG("%#lx: stopped with %#x", live[i], stop);
		EXPECT_TRUE(live[i] != GPA_LIVE || stop == STOPPED);
	}
}

/*
 * By a table that is linked into itself, each place of the address space is another tree: many
 * more than there may be tables.
 */
#define NR_PLACES 40000

CODE(touch_all,
	"1: movb (%rdi), %al\n add %rsi, %rdi\n cmp %rdx, %rdi\n jb 2f\n sub %r8, %rdi\n"
	"2: dec %rcx\n jnz 1b\n" STOP);

TEST_F_TIMEOUT(own, more_trees_than_there_may_be, 600)
{
	const uint64_t slot = 300, base = TOP | slot << 39;
	uint64_t *table, random = 123456789, i;
	struct cpu *c = self->cpu;

	table = at(self->vm, gpa_of(self->vm, entry(self->vm, base, 3)) & -PAGE);
	for (i = 0; i < 512; i++)
		table[i] = gpa_of(self->vm, table) | PTE_P | PTE_W;
	/* steps that no table divides */
	c->regs.rdi = base;
	c->regs.rsi = 3 * BIG_PAGE + PAGE;
	c->regs.rdx = base + (1ull << 39);
	c->regs.r8 = (1ull << 39) - 7 * PAGE;
	c->regs.rcx = NR_PLACES;
	EXPECT_TRUE(ended(c, go_kernel(c, touch_all), STOPPED, "scan", c->regs.rdi));
	EXPECT_EQ(0, c->regs.rcx);
	for (i = 0; i < 100; i++) {
		uint64_t va = base + (next_random(&random) & ((1ull << 39) - PAGE));

		ASSERT_EQ(STOPPED, kernel_reads(c, va));
		EXPECT_EQ(gpa_of(self->vm, table), c->regs.rax & PTE_ADDRESS);
	}
	/* one operation for all of the trees */
	for (i = 0; i < 512; i++)
		table[i] = 0;
	announce(c, gpa_of(self->vm, table), 512);
	ASSERT_EQ(0, HYPERCALL(c, FLUSH_TLB));
	for (i = 0; i < 100; i++) {
		uint64_t va = base + (next_random(&random) & ((1ull << 39) - PAGE));

		EXPECT_TRUE(cannot_read(c, va, 0));
	}
	EXPECT_TRUE(still_works(c));
}

/* Tables that are one each, likewise: the host gives no more memory than the quota says. */
#define NR_TABLES	8000
#define MAX_PAGES	8192	/* of the host's: twice what the quota comes to, a third of all */

TEST_F_TIMEOUT(own, more_tables_than_there_may_be, 300)
{
	uint64_t *more = more_memory(self->vm, NR_TABLES * PAGE, 0), i;
	struct cpu *c = self->cpu;
	long free;

	for (i = 0; i < NR_TABLES; i++) {
		more[i * 512] = (GPA_DATA + i % DATA_PAGES * PAGE) | PTE_P | PTE_W;
		*entry(self->vm, KERNEL_EMPTY + i * BIG_PAGE, 2) =
			(GPA_MORE + i * PAGE) | PTE_P | PTE_W;
	}
	c->regs.rdi = KERNEL_EMPTY;
	c->regs.rsi = BIG_PAGE;
	c->regs.rdx = KERNEL_EMPTY + NR_TABLES * BIG_PAGE;
	c->regs.r8 = NR_TABLES * BIG_PAGE;
	c->regs.rcx = 2 * NR_TABLES;
	free = free_pages();
	EXPECT_TRUE(ended(c, go_kernel(c, touch_all), STOPPED, "scan", c->regs.rdi));
	EXPECT_EQ(0, c->regs.rcx);
	EXPECT_LE(free - free_pages(), MAX_PAGES);
	for (i = 0; i < NR_TABLES; i += 77)
		EXPECT_TRUE(can_read(c, KERNEL_EMPTY + i * BIG_PAGE, 1000 + i % DATA_PAGES));
	EXPECT_TRUE(still_works(c));
}

/* A page of the host's, by its real address, in all levels and as a root. */
static uint64_t secret[512] __attribute__((aligned(4096)));

TEST_F(own, the_hosts_memory)
{
	struct cpu *c = self->cpu;
	uint64_t pa, was[512];
	int level, i;
	enum stop stop;

	for (i = 0; i < 512; i++)
		secret[i] = (uint64_t)i * PAGE | ALL;
	memcpy(was, secret, sizeof(was));
	pa = physical_address(secret) & -PAGE;
	ASSERT_LT(RAM_SIZE, pa);
	*entry(self->vm, KERNEL_EMPTY, 1) = pa | PTE_P | PTE_W;
	c->regs.rdi = KERNEL_EMPTY;
	ASSERT_EQ(KVM(MMIO), go_kernel(c, code_peek));
	EXPECT_EQ(pa, c->run->mmio.phys_addr);
	ASSERT_EQ(STOPPED, resume(c));
	for (level = 2; level <= 4; level++) {
		set_entry(c, entry(self->vm, KERNEL_EMPTY, level), pa | ALL);
		stop = kernel_reads(c, KERNEL_EMPTY);
		EXPECT_EQ(ENTRY_KERNEL, stop);
		EXPECT_EQ(14, take(c).vector);
		set_entry(c, entry(self->vm, KERNEL_EMPTY, level), 0);
	}
	announce(c, pa, 512);
	EXPECT_EQ(-EFAULT, HYPERCALL(c, MMU_REGISTER, pa, GPA_LIVE, NR_LIVE, 0));
	EXPECT_EQ(-EFAULT, HYPERCALL(c, MMU_REGISTER, GPA_TABLES, pa, NR_LIVE, 0));
	HYPERCALL(c, MMU_FORGET, pa);
	EXPECT_TRUE(still_works(c));
	EXPECT_EQ(0, memcmp(was, secret, sizeof(was)));
}

/*
 * The storm. Entries lead to tables of the pool, pages of data, the kernel's root (read-only),
 * or nowhere; so does what the guest itself writes. So nothing else of its memory may change.
 */
#define NR_STEPS	2000
#define NR_POOL		16
#define NR_POOL_ROOTS	8
#define FIRST_ENTRY	(VA >> 39)
#define GPA_POOL	(GPA_MORE)
#define GPA_POOL_DATA	(GPA_POOL + NR_POOL * PAGE)
#define POOL_PAGES	(NR_POOL + 8)
#define GPA_POOL_ROOTS	(RAM_SIZE - NR_POOL_ROOTS * PAGE)

struct storm {
	struct cpu *cpu;
	uint64_t *pool;
	uint64_t range;		/* entries used of each table; few lead through more often */
	uint64_t random;
	unsigned long stops[4];
	bool failed;
};

static uint64_t pick(struct storm *s, uint64_t n)
{
	return next_random(&s->random) % n;
}

static uint64_t random_entry(struct storm *s)
{
	uint64_t flags = ALL;

	if (!pick(s, 8))
		flags = next_random(&s->random) & (ALL | PTE_A | PTE_D | PTE_PS | PTE_G | PTE_NX);
	switch (pick(s, 16)) {
	case 0:
		return 0;
	case 1:
		return GPA_TABLES | (flags & ~(PTE_W | PTE_PS));
	case 2:
		return (GPA_HOLE + pick(s, 4) * PAGE) | flags;
	case 3:
		return (next_random(&s->random) & PTE_ADDRESS) | 1ull << 45 | flags;
	case 4 ... 6:
		return (GPA_POOL_DATA + pick(s, 8) * PAGE) | flags;
	default:
		/* not as a large page, which would be all of its neighbours */
		return (GPA_POOL + pick(s, NR_POOL) * PAGE) | (flags & ~PTE_PS);
	}
}

static void random_store(struct storm *s)
{
	uint64_t i = pick(s, NR_POOL + NR_POOL_ROOTS), value = random_entry(s), gpa, *e;

	if (i < NR_POOL) {
		e = s->pool + i * 512 + pick(s, s->range);
		gpa = GPA_POOL + (e - s->pool) * 8;
	} else {
		gpa = GPA_POOL_ROOTS + (i - NR_POOL) * PAGE + (FIRST_ENTRY + pick(s, s->range)) * 8;
		e = at(s->cpu->vm, gpa);
	}
	__atomic_store_n(e, value, __ATOMIC_SEQ_CST);
	s->cpu->page->mmu_op[pick(s, 64)] = RING1_MMU_OP(gpa, 1);
}

static uint64_t random_address(struct storm *s)
{
	uint64_t va = pick(s, 3) ? (FIRST_ENTRY + pick(s, s->range)) << 39 : TOP | 300ull << 39;

	return va | pick(s, s->range) << 30 | pick(s, s->range) << 21 |
	       pick(s, s->range) << 12 | pick(s, s->range) << 3;
}

/* An access, until it ends in one of the ways there are. */
static void random_access(struct storm *s)
{
	struct cpu *c = s->cpu;
	uint64_t va = random_address(s);
	enum stop stop;
	int tries = 8;

	switch (pick(s, 6)) {
	case 0:
		stop = kernel_reads(c, va);
		break;
	case 1:
		stop = kernel_writes(c, va, random_entry(s));
		break;
	case 2:
		c->regs.rdi = va;
		stop = go_kernel(c, kernel_read_ac);
		break;
	case 3:
		stop = user_reads(c, va);
		break;
	case 4:
		stop = user_writes(c, va, random_entry(s));
		break;
	default:
		c->regs.rdi = va;
		c->regs.rax = random_entry(s);
		stop = go_user(c, pick(s, 2) ? user_read : user_write);
	}
	while (stop == KVM(MMIO) && tries--)
		stop = resume(c);
	s->stops[stop == STOPPED ? 0 : stop == ENTRY_KERNEL ? 1 : stop == ENTRY_USER ? 2 : 3]++;
	if (stop != STOPPED && stop != ENTRY_KERNEL && stop != ENTRY_USER) {
		printf("# access at %#llx stopped with %#x\n", (long long)va, stop);
		s->failed = true;
	}
	take(c);
	c->regs.rflags = FLAG_FIXED;
}

static void random_call(struct storm *s)
{
	struct cpu *c = s->cpu;
	uint64_t nr = pick(s, 65);

	switch (pick(s, 6)) {
	case 0:
		HYPERCALL(c, MMU_SYNC, nr, 0, 0);
		break;
	case 1:
		HYPERCALL(c, MMU_SYNC, nr, random_address(s),
			  ACCESS(next_random(&s->random) & (ERROR_W | ERROR_U | ERROR_I)));
		break;
	case 2:
		HYPERCALL(c, WRITE_CR3, GPA_POOL_ROOTS + pick(s, NR_POOL_ROOTS) * PAGE);
		break;
	case 3:
		HYPERCALL(c, MMU_FORGET, GPA_POOL_ROOTS + pick(s, NR_POOL_ROOTS) * PAGE);
		break;
	case 4:
		HYPERCALL(c, FLUSH_TLB);
		break;
	default:
		HYPERCALL(c, INVLPG, random_address(s));
	}
}

static void *storm(void *arg)
{
	struct storm *s = arg;
	unsigned int i;

	for (i = 0; i < 4 * NR_POOL; i++)
		random_store(s);
	for (i = 0; i < NR_STEPS && !s->failed; i++) {
		random_store(s);
		random_access(s);
		if (!pick(s, 3))
			random_call(s);
	}
	return NULL;
}

/* What a storm does not reach: all but tables, stacks, shared pages and the bitmap. */
static uint64_t sum(struct vm *vm)
{
	const uint64_t *word = at(vm, GPA_DATA);
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < (GPA_TABLES - GPA_DATA) / 8; i++)
		sum = sum * 31 + word[i];
	word = at(vm, GPA_CODE);
	for (i = 0; i < (GPA_CPU(0) - GPA_CODE) / 8; i++)
		sum = sum * 31 + word[i];
	return sum;
}

static void run_storm(struct vm *vm, struct storm *s, uint64_t seed)
{
	pthread_t thread[NR_CPUS];
	int i;

	for (i = 0; i < NR_CPUS; i++) {
		s[i].random = seed * 0x9e3779b97f4a7c15 + i + 1;
		s[i].cpu = &vm->cpu[i];
		s[i].range = seed % 2 ? 8 : 3;
		if (pthread_create(&thread[i], NULL, storm, &s[i]))
			die("pthread_create");
	}
	for (i = 0; i < NR_CPUS; i++)
		if (pthread_join(thread[i], NULL))
			die("pthread_join");
}

static bool nothing_is_left(struct cpu *c)
{
	uint64_t root, i, va;
	bool ok = true;

	for (root = 0; root < NR_POOL_ROOTS; root++) {
		switch_root(c, GPA_POOL_ROOTS + root * PAGE);
		for (i = 0; i < 64; i++) {
			va = (FIRST_ENTRY + i % 8) << 39 | (i / 8) << 30 | (i % 8) << 21 |
			     (i / 8) << 12;
			ok &= cannot_read(c, va, 0) && user_cannot_read(c, va, 0);
		}
	}
	for (i = 0; i < 64; i++)
		ok &= cannot_read(c, TOP | 300ull << 39 | (i % 8) << 30 | (i / 8) << 21, 0);
	switch_root(c, GPA_TABLES);
	return ok && can_check(c, KERNEL(GPA_DATA), 1000, DATA_PAGES) &&
	       user_can_check(c, USER(GPA_DATA), 1000, DATA_PAGES);
}

/* The pool, its roots, and the second vCPU. */
static void prepare_storm(struct vm *vm, struct storm *s, void *pool, uint32_t flags)
{
	uint64_t *root = at(vm, GPA_TABLES);
	int i;

	root[300] = GPA_POOL | ALL;
	for (i = 0; i < NR_POOL_ROOTS; i++)
		memcpy(at(vm, GPA_POOL_ROOTS + i * PAGE), root, PAGE);
	for (i = 0; i < NR_CPUS; i++)
		s[i].pool = pool;
	pv_start_on_kvm(&vm->cpu[1], flags);
}

TEST_F_TIMEOUT(own, storm, 1200)
{
	void *pool = more_memory(self->vm, POOL_PAGES * PAGE, 0);
	struct storm s[NR_CPUS] = { };
	uint64_t was, seed, i;

	prepare_storm(self->vm, s, pool, variant->flags);
	was = sum(self->vm);
	for (seed = 1; seed <= 4; seed++) {
		run_storm(self->vm, s, seed);
		TH_LOG("seed %lu: %lu through, %lu and %lu faults, %lu others", seed,
		       s[0].stops[0] + s[1].stops[0], s[0].stops[1] + s[1].stops[1],
		       s[0].stops[2] + s[1].stops[2], s[0].stops[3] + s[1].stops[3]);
		ASSERT_FALSE(s[0].failed || s[1].failed);
		EXPECT_EQ(was, sum(self->vm));

		/* all of it is taken away and announced */
		memset(pool, 0, NR_POOL * PAGE);
		for (i = 0; i < NR_POOL; i++)
			announce(self->cpu, GPA_POOL + i * PAGE, 512);
		for (i = 0; i < NR_POOL_ROOTS; i++) {
			uint64_t gpa = GPA_POOL_ROOTS + i * PAGE + FIRST_ENTRY * 8;

			memset(at(self->vm, gpa), 0, 64);
			announce(self->cpu, gpa, 8);
		}
		for (i = 0; i < NR_CPUS; i++) {
			ASSERT_EQ(0, HYPERCALL(&self->vm->cpu[i], FLUSH_TLB));
			EXPECT_TRUE(nothing_is_left(&self->vm->cpu[i]));
		}
	}
}

/* The same while the pool's slot comes and goes, and its memory is emptied. */
#define NR_SHAKES 300

struct shaker {
	struct vm *vm;
	void *pool;
	int stop;
};

static void *shake(void *arg)
{
	struct shaker *s = arg;
	int i;

	for (i = 0; i < NR_SHAKES && !__atomic_load_n(&s->stop, __ATOMIC_SEQ_CST); i++) {
		add_memory(s->vm, MORE_SLOT, GPA_POOL, s->pool, 0, 0);
		add_memory(s->vm, MORE_SLOT, GPA_POOL, s->pool, POOL_PAGES * PAGE, 0);
		if (i % 3 == 0)
			madvise(s->pool, NR_POOL * PAGE, MADV_DONTNEED);
		usleep(1000);
	}
	return NULL;
}

TEST_F_TIMEOUT(own, storm_while_the_slot_goes_away, 600)
{
	void *pool = more_memory(self->vm, POOL_PAGES * PAGE, 0);
	struct shaker shaker = { .vm = self->vm, .pool = pool };
	struct storm s[NR_CPUS] = { };
	pthread_t thread;
	uint64_t was;

	prepare_storm(self->vm, s, pool, variant->flags);
	was = sum(self->vm);
	if (pthread_create(&thread, NULL, shake, &shaker))
		die("pthread_create");
	run_storm(self->vm, s, 99);
	__atomic_store_n(&shaker.stop, 1, __ATOMIC_SEQ_CST);
	pthread_join(thread, NULL);
	EXPECT_FALSE(s[0].failed || s[1].failed);
	EXPECT_EQ(was, sum(self->vm));
}

TEST_HARNESS_MAIN
