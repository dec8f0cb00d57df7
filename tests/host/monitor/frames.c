// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    on the monitor's own MMU a guest's page is what the VMM has at its address, always:
 *           when the host takes the memory away, gives other memory, moves, merges, splits or
 *           copies it, the guest reads the new contents at once and writes to the new page
 * How:      after each change by madvise, mmap, mremap, fork, KSM, THP, migration or the memory
 *           slots, looks from both rings and the VMM at a word of every page; then with both
 *           vCPUs running all the while: one compares pages with what the VMM last announced,
 *           counters that both raise must be right in the end, a dirty log must lead to a copy
 * Needs:    root for KVM's counters, KSM, compaction and soft-offlining; KSM and THP in the
 *           kernel, swap for MADV_PAGEOUT: without them, those are left out
 * Timeout:  1800
 * Catches:  an entry that survives the host's page, a flush that is left out, a page that is
 *           used before the host says that it may be, a written page that the host drops
 */
#include <pthread.h>
#include <sys/wait.h>

#include "exits.h"
#include "ownmmu.h"
#include "swap.h"

#define NR_PAGES	64ull
#define SIZE		(NR_PAGES * PAGE)
#define VA		USER_EMPTY
#define KVA		KERNEL_EMPTY

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

FIXTURE(frames)
{
	struct vm *vm;
	struct cpu *cpu;
	uint8_t *memory;		/* NR_PAGES, at GPA_MORE */
	uint64_t round;
};

FIXTURE_VARIANT(frames)
{
	bool large;			/* the guest maps it by 2 MiB */
};

FIXTURE_VARIANT_ADD(frames, small_pages)
{
	.large = false,
};

FIXTURE_VARIANT_ADD(frames, large_pages)
{
	.large = true,
};

#define FRAMES FIXTURE_DATA(frames)

/* An address of the host's where a large page can be. */
static uint8_t *aligned_memory(uint64_t size, int flags)
{
	uint8_t *p = mmap(NULL, size + BIG_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("mmap");
	p = (uint8_t *)(((uintptr_t)p + BIG_PAGE - 1) & -BIG_PAGE);
	if (mmap(p, size, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS | flags, -1, 0) != p)
		die("mmap");
	return p;
}

static void map_more(struct vm *vm, uint64_t pages, bool large)
{
	uint64_t i;

	if (large) {
		for (i = 0; i < pages; i += 512) {
			*entry_in(vm, GPA_TABLES, VA + i * PAGE, 2) =
				(GPA_MORE + i * PAGE) | PTE_P | PTE_W | PTE_U | PTE_PS;
			*entry_in(vm, GPA_TABLES, KVA + i * PAGE, 2) =
				(GPA_MORE + i * PAGE) | PTE_P | PTE_W | PTE_PS;
		}
		return;
	}
	for (i = 0; i < pages; i++) {
		*pte(vm, VA + i * PAGE) = (GPA_MORE + i * PAGE) | PTE_P | PTE_W | PTE_U;
		*pte(vm, KVA + i * PAGE) = (GPA_MORE + i * PAGE) | PTE_P | PTE_W;
	}
}

FIXTURE_SETUP(frames)
{
	self->vm = new_vm(true);
	self->cpu = &self->vm->cpu[0];
	self->memory = aligned_memory(SIZE, MAP_PRIVATE);
	add_memory(self->vm, MORE_SLOT, GPA_MORE, self->memory, SIZE, 0);
	map_more(self->vm, NR_PAGES, variant->large);
	own_start(self->cpu, RING1_SETUP_BOUNCE_PF);
	pv_start_on_kvm(&self->vm->cpu[1], RING1_SETUP_BOUNCE_PF);
}

FIXTURE_TEARDOWN(frames)
{
}

/* VMM, ring 1 and ring 3 of both vCPUs see the same, whoever wrote it. */
static bool agree_in(FRAMES *self, uint64_t pages)
{
	uint64_t stamp = 1000000 * ++self->round;
	bool ok;
	int i;

	stamp_pages(self->memory, stamp, pages);
	for (i = 0; i < NR_CPUS; i++) {
		struct cpu *c = &self->vm->cpu[i];

		ok = can_check(c, KVA, stamp, pages) && user_can_check(c, VA, stamp, pages) &&
		     can_fill(c, KVA, stamp + 1000, pages) &&
		     pages_have(self->memory, stamp + 1000, pages) &&
		     user_can_fill(c, VA, stamp + 2000, pages) &&
		     pages_have(self->memory, stamp + 2000, pages) &&
		     can_check(&self->vm->cpu[!i], KVA, stamp + 2000, pages);
		if (!ok)
			return false;
		stamp_pages(self->memory, stamp, pages);
	}
	return true;
}

static bool agree(FRAMES *self)
{
	return agree_in(self, NR_PAGES);
}

/* What the VMM has now, without writing: the guest's first access reads, or writes. */
static bool same(FRAMES *self, uint64_t pages)
{
	uint64_t i, value;
	bool ok = true;

	for (i = 0; i < pages && ok; i++) {
		ok &= ended(self->cpu, kernel_reads(self->cpu, KVA + i * PAGE), STOPPED, "read", i);
		value = self->cpu->regs.rax;
		if (value != *(volatile uint64_t *)(self->memory + i * PAGE)) {
			printf("# page %d has %#llx, the guest reads %#llx\n", (int)i,
			       *(unsigned long long *)(self->memory + i * PAGE),
			       (unsigned long long)value);
			ok = false;
		}
	}
	return ok;
}

static uint8_t *page(FRAMES *self, uint64_t i)
{
	return self->memory + i * PAGE;
}

/* All are in use, by both vCPUs: what is to be taken away is there. */
#define BEFORE() ASSERT_TRUE(agree(self))

TEST_F(frames, nothing_happens)
{
	unsigned int i;

	for (i = 0; i < 3; i++)
		EXPECT_TRUE(agree(self));
}

TEST_F(frames, dontneed)
{
	unsigned int i;

	for (i = 0; i < NR_PAGES; i += 5) {
		BEFORE();
		ASSERT_EQ(0, madvise(page(self, i), PAGE, MADV_DONTNEED));
		EXPECT_TRUE(can_read(self->cpu, KVA + i * PAGE, 0));
		EXPECT_TRUE(can_read(&self->vm->cpu[1], KVA + i * PAGE, 0));
		EXPECT_TRUE(can_write(self->cpu, KVA + i * PAGE, i + 1));
		EXPECT_EQ(i + 1, *(uint64_t *)page(self, i));
	}
	BEFORE();
	ASSERT_EQ(0, madvise(self->memory, SIZE, MADV_DONTNEED));
	/* zero pages, one for all of them, read before they are written */
	EXPECT_TRUE(user_can_read(self->cpu, VA, 0));
	EXPECT_TRUE(user_can_read(self->cpu, VA + PAGE, 0));
	EXPECT_TRUE(user_can_write(self->cpu, VA, 7));
	EXPECT_TRUE(user_can_read(self->cpu, VA + PAGE, 0));
	EXPECT_EQ(7, *(uint64_t *)self->memory);
	EXPECT_TRUE(agree(self));
}

/*
 * Each vCPU flushes before it runs again. To see what one does that has not flushed takes luck:
 * the host flushes the VMM's TLB by an IPI, by which the guest exits as well.
 */
TEST_F(frames, vcpus_flush)
{
	unsigned int i, idle = 0;
	long flushes;

	for (i = 0; i < NR_PAGES; i += 5) {
		BEFORE();
		flushes = tlb_flushes();
		ASSERT_LE(0, flushes);
		EXPECT_TRUE(same(self, NR_PAGES));
		idle += flushes == tlb_flushes();
		flushes = tlb_flushes();
		ASSERT_EQ(0, madvise(page(self, i), PAGE, MADV_DONTNEED));
		EXPECT_TRUE(can_read(self->cpu, KVA + i * PAGE, 0));
		EXPECT_LE(flushes + 1, tlb_flushes());
		EXPECT_TRUE(can_read(&self->vm->cpu[1], KVA + i * PAGE, 0));
		EXPECT_LE(flushes + 2, tlb_flushes());
	}
	EXPECT_LT(0, idle);
}

TEST_F(frames, free_and_cold)
{
	BEFORE();
	ASSERT_EQ(0, madvise(self->memory, SIZE, MADV_FREE));
	EXPECT_TRUE(agree(self));
	ASSERT_EQ(0, madvise(self->memory, SIZE, MADV_COLD));
	EXPECT_TRUE(same(self, NR_PAGES));
	EXPECT_TRUE(agree(self));
}

/* A writable slot whose memory is still the zero page. */
TEST_F(frames, read_before_written)
{
	unsigned int i;

	for (i = 0; i < NR_PAGES; i++)
		EXPECT_TRUE(can_read(self->cpu, KVA + i * PAGE, 0));
	for (i = 0; i < NR_PAGES; i++)
		EXPECT_TRUE(can_write(self->cpu, KVA + i * PAGE, i + 1));
	EXPECT_TRUE(pages_have(self->memory, 1, NR_PAGES));
	EXPECT_TRUE(agree(self));
}

/* Other memory at the same address. */
TEST_F(frames, mapped_anew)
{
	unsigned int i;

	for (i = 0; i < 4; i++) {
		int flags = i % 2 ? MAP_SHARED : MAP_PRIVATE;

		BEFORE();
		ASSERT_EQ(self->memory, mmap(self->memory, SIZE, PROT_READ | PROT_WRITE,
					     MAP_FIXED | MAP_ANONYMOUS | flags, -1, 0));
		EXPECT_TRUE(can_read(self->cpu, KVA, 0));
		EXPECT_TRUE(can_read(&self->vm->cpu[1], KVA + 9 * PAGE, 0));
		EXPECT_TRUE(agree(self));
	}
	for (i = 0; i < NR_PAGES; i += 7) {
		BEFORE();
		ASSERT_EQ(page(self, i), mmap(page(self, i), PAGE, PROT_READ | PROT_WRITE,
					      MAP_FIXED | MAP_ANONYMOUS | MAP_PRIVATE, -1, 0));
		EXPECT_TRUE(can_read(self->cpu, KVA + i * PAGE, 0));
	}
	EXPECT_TRUE(agree(self));
}

/* A file's page, its hole, and what is written into the file. */
TEST_F(frames, file)
{
	int fd = memfd_create("frames", MFD_CLOEXEC);
	uint64_t word;
	unsigned int i;

	ASSERT_EQ(0, ftruncate(fd, SIZE));
	ASSERT_EQ(self->memory, mmap(self->memory, SIZE, PROT_READ | PROT_WRITE,
				     MAP_FIXED | MAP_SHARED, fd, 0));
	EXPECT_TRUE(agree(self));
	for (i = 0; i < NR_PAGES; i += 5) {
		BEFORE();
		word = 0x1234 + i;
		ASSERT_EQ(8, pwrite(fd, &word, 8, i * PAGE));
		EXPECT_TRUE(can_read(self->cpu, KVA + i * PAGE, word));
		ASSERT_EQ(0, fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, i * PAGE,
				       PAGE));
		EXPECT_TRUE(can_read(self->cpu, KVA + i * PAGE, 0));
		EXPECT_TRUE(can_write(self->cpu, KVA + i * PAGE, 5));
		ASSERT_EQ(8, pread(fd, &word, 8, i * PAGE));
		EXPECT_EQ(5, word);
	}
	/* a private view of it: the guest's write must not reach the file */
	ASSERT_EQ(self->memory, mmap(self->memory, SIZE, PROT_READ | PROT_WRITE,
				     MAP_FIXED | MAP_PRIVATE, fd, 0));
	word = 77;
	ASSERT_EQ(8, pwrite(fd, &word, 8, 0));
	EXPECT_TRUE(can_read(self->cpu, KVA, 77));
	EXPECT_TRUE(can_write(self->cpu, KVA, 78));
	ASSERT_EQ(8, pread(fd, &word, 8, 0));
	EXPECT_EQ(77, word);
	EXPECT_EQ(78, *(uint64_t *)self->memory);
	EXPECT_TRUE(agree(self));
}

/* Memory is moved there from elsewhere, and two pages change places. */
TEST_F(frames, moved)
{
	uint8_t *other = aligned_memory(SIZE, MAP_PRIVATE);
	uint8_t *third = aligned_memory(SIZE, MAP_PRIVATE);
	unsigned int i;

	for (i = 0; i < 4; i++) {
		BEFORE();
		stamp_pages(other, 5000 + i, NR_PAGES);
		ASSERT_EQ(third, mremap(self->memory, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
					third));
		ASSERT_EQ(self->memory, mremap(other, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
					       self->memory));
		EXPECT_TRUE(can_check(self->cpu, KVA, 5000 + i, NR_PAGES));
		EXPECT_TRUE(user_can_check(&self->vm->cpu[1], VA, 5000 + i, NR_PAGES));
		EXPECT_TRUE(can_fill(self->cpu, KVA, 6000, NR_PAGES));
		EXPECT_TRUE(pages_have(third, self->round * 1000000, NR_PAGES));
		ASSERT_EQ(other, mremap(third, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, other));
	}
	EXPECT_TRUE(agree(self));
}

/* Its mapping forbids writes, or all, for a while: KVM_RUN says so, and nothing else. */
TEST_F(frames, protected)
{
	struct cpu *c = self->cpu;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		BEFORE();
		ASSERT_EQ(0, mprotect(page(self, 3), PAGE, i ? PROT_NONE : PROT_READ));
		if (!i)
			EXPECT_TRUE(can_read(c, KVA + 3 * PAGE, *(uint64_t *)page(self, 3)));
		c->regs.rip = kernel_code(code_poke);
		c->regs.rdi = KVA + 3 * PAGE;
		c->regs.rax = 0x99;
		c->regs.rsp = kernel_stack(c);
		IOCTL(c->fd, KVM_SET_REGS, &c->regs);
		ASSERT_EQ(-1, ioctl(c->fd, KVM_RUN, 0));
		EXPECT_EQ(EFAULT, errno);
		ASSERT_EQ(0, mprotect(page(self, 3), PAGE, PROT_READ | PROT_WRITE));
		EXPECT_NE(0x99, *(uint64_t *)page(self, 3));
		EXPECT_EQ(STOPPED, resume(c));
		EXPECT_EQ(0x99, *(uint64_t *)page(self, 3));
		EXPECT_TRUE(agree(self));
	}
}

/* A child has the memory as it was; the guest is the parent's. */
TEST_F(frames, fork)
{
	int to_child[2], status;
	unsigned int i, j;
	char go_on;
	pid_t pid;

	for (i = 0; i < 4; i++) {
		BEFORE();
		stamp_pages(self->memory, 100, NR_PAGES);
		EXPECT_TRUE(can_check(self->cpu, KVA, 100, NR_PAGES));
		ASSERT_EQ(0, pipe(to_child));
		pid = fork();
		if (!pid) {
			/* before: its own writes are not the guest's */
			for (j = 0; j < NR_PAGES; j += 2)
				((uint64_t *)page(self, j))[1] = 0xbad;
			if (read(to_child[0], &go_on, 1) != 1)
				_exit(2);
			_exit(!pages_have(self->memory, 100, NR_PAGES));
		}
		for (j = 0; j < NR_PAGES; j++)
			EXPECT_TRUE(can_write(&self->vm->cpu[j & 1], KVA + j * PAGE, 300 + j));
		EXPECT_TRUE(pages_have(self->memory, 300, NR_PAGES));
		EXPECT_TRUE(user_can_check(self->cpu, VA, 300, NR_PAGES));
		for (j = 0; j < NR_PAGES; j++)
			EXPECT_NE(0xbad, ((uint64_t *)page(self, j))[1]);
		EXPECT_TRUE(agree(self));
		EXPECT_EQ(1, write(to_child[1], "", 1));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status);
		close(to_child[0]);
		close(to_child[1]);
		EXPECT_TRUE(agree(self));
	}
}

/* Equal pages become one; the guest's write to one of them is not the others'. */
#define KSM "/sys/kernel/mm/ksm/"

static long ksm(const char *name)
{
	char path[64], text[32] = "";
	int fd;

	snprintf(path, sizeof(path), KSM "%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		text[0] = '\0';
	close(fd);
	return atol(text);
}

static bool have_ksm(void)
{
	return !geteuid() && put(KSM "sleep_millisecs", "5") && put(KSM "pages_to_scan", "2000") &&
	       put(KSM "run", "1");
}

TEST_F_TIMEOUT(frames, merged, 120)
{
	uint64_t i, *word;
	unsigned int round;
	long scans;

	if (!have_ksm())
		SKIP(return, "no KSM");
	for (round = 0; round < 3; round++) {
		BEFORE();
		for (i = 0; i < NR_PAGES; i++)
			memset(page(self, i), 0x42, PAGE);
		EXPECT_TRUE(same(self, NR_PAGES));
		ASSERT_EQ(0, madvise(self->memory, SIZE, MADV_MERGEABLE));
		scans = ksm("full_scans");
		EXPECT_TRUE(WITHIN_LIMIT(ksm("full_scans") > scans + 4 &&
					 ksm("pages_sharing") >= (long)NR_PAGES / 2));
		EXPECT_TRUE(same(self, NR_PAGES));
		/* by both vCPUs, and in two orders */
		for (i = 0; i < NR_PAGES; i += 3)
			EXPECT_TRUE(can_write(&self->vm->cpu[i & 1], KVA + i * PAGE, i));
		for (i = 0; i < NR_PAGES; i++) {
			word = (uint64_t *)page(self, i);
			EXPECT_EQ(i % 3 ? 0x4242424242424242 : i, *word);
		}
		EXPECT_TRUE(same(self, NR_PAGES));
		ASSERT_EQ(0, madvise(self->memory, SIZE, MADV_UNMERGEABLE));
		EXPECT_TRUE(agree(self));
	}
	put(KSM "run", "2");
}

/* 2 MiB of the host's become one page, and many again. */
TEST_F_TIMEOUT(frames, huge, 120)
{
	uint8_t *was = self->memory;
	unsigned int i;

	self->memory = aligned_memory(BIG_PAGE, MAP_PRIVATE);
	add_memory(self->vm, MORE_SLOT, GPA_MORE, was, 0, 0);
	add_memory(self->vm, MORE_SLOT, GPA_MORE, self->memory, BIG_PAGE, 0);
	map_more(self->vm, 512, variant->large);
	for (i = 0; i < 3; i++) {
		ASSERT_TRUE(agree_in(self, 512));
		if (madvise(self->memory, BIG_PAGE, MADV_HUGEPAGE))
			SKIP(return, "no huge pages");
		if (madvise(self->memory, BIG_PAGE, MADV_COLLAPSE))
			TH_LOG("no collapse: %s", strerror(errno));
		EXPECT_TRUE(same(self, 512));
		ASSERT_TRUE(agree_in(self, 512));
		/* one small page of it goes */
		ASSERT_EQ(0, madvise(page(self, 100 + i), PAGE, MADV_DONTNEED));
		EXPECT_TRUE(can_read(self->cpu, KVA + (100 + i) * PAGE, 0));
		EXPECT_TRUE(same(self, 512));
		ASSERT_TRUE(agree_in(self, 512));
		/* and one of it has other rights */
		madvise(self->memory, BIG_PAGE, MADV_COLLAPSE);
		ASSERT_EQ(0, mprotect(page(self, 200), PAGE, PROT_READ));
		ASSERT_EQ(0, mprotect(page(self, 200), PAGE, PROT_READ | PROT_WRITE));
		ASSERT_TRUE(agree_in(self, 512));
	}
}

TEST_F(frames, swapped)
{
	unsigned int i;

	if (!have_swap())
		SKIP(return, "no swap");
	for (i = 0; i < 4; i++) {
		BEFORE();
		ASSERT_EQ(0, madvise(self->memory, SIZE, MADV_PAGEOUT));
		EXPECT_TRUE(can_check(self->cpu, KVA, self->round * 1000000, NR_PAGES));
		EXPECT_TRUE(agree(self));
	}
}

/* The kernel gives the same contents another place. */
TEST_F(frames, migrated)
{
	unsigned int i, moved = 0;

	if (geteuid())
		SKIP(return, "needs root");
	for (i = 0; i < 4; i++) {
		BEFORE();
		put("/proc/sys/vm/compact_memory", "1");
		EXPECT_TRUE(same(self, NR_PAGES));
		moved += !madvise(page(self, 7 + i), PAGE, MADV_SOFT_OFFLINE);
		EXPECT_TRUE(same(self, NR_PAGES));
		EXPECT_TRUE(agree(self));
	}
	TH_LOG("%u pages taken out of use", moved);
}

/* Slots */
TEST_F(frames, slot_deleted)
{
	struct cpu *c = self->cpu;
	unsigned int i;

	for (i = 0; i < 6; i++) {
		BEFORE();
		add_memory(self->vm, MORE_SLOT, GPA_MORE, self->memory, 0, 0);
		/* the mapping is still the VMM's: the guest has it no more */
		stamp_pages(self->memory, 42, NR_PAGES);
		ASSERT_EQ(KVM(MMIO), kernel_reads(c, KVA + i * PAGE));
		EXPECT_EQ(GPA_MORE + i * PAGE, c->run->mmio.phys_addr);
		ASSERT_EQ(STOPPED, resume(c));
		ASSERT_EQ(KVM(MMIO), kernel_writes(&self->vm->cpu[1], KVA + i * PAGE, 5));
		ASSERT_EQ(STOPPED, resume(&self->vm->cpu[1]));
		EXPECT_TRUE(pages_have(self->memory, 42, NR_PAGES));
		add_memory(self->vm, MORE_SLOT, GPA_MORE, self->memory, SIZE, 0);
		EXPECT_TRUE(can_check(c, KVA, 42, NR_PAGES));
	}
	EXPECT_TRUE(agree(self));
}

/* The same slot for other addresses of the guest's. */
TEST_F(frames, slot_moved)
{
	struct cpu *c = self->cpu;
	uint64_t there = KVA + (1ull << 39), i;

	for (i = 0; i < NR_PAGES; i++)
		*pte(self->vm, there + i * PAGE) = (GPA_HOLE + i * PAGE) | PTE_P | PTE_W;
	for (i = 0; i < 4; i++) {
		BEFORE();
		add_memory(self->vm, MORE_SLOT, GPA_HOLE, self->memory, SIZE, 0);
		EXPECT_TRUE(can_check(c, there, self->round * 1000000, NR_PAGES));
		ASSERT_EQ(KVM(MMIO), kernel_reads(c, KVA + i * PAGE));
		ASSERT_EQ(STOPPED, resume(c));
		EXPECT_TRUE(can_fill(&self->vm->cpu[1], there, 900, NR_PAGES));
		EXPECT_TRUE(pages_have(self->memory, 900, NR_PAGES));
		add_memory(self->vm, MORE_SLOT, GPA_MORE, self->memory, SIZE, 0);
		ASSERT_EQ(KVM(MMIO), kernel_reads(c, there + i * PAGE));
		ASSERT_EQ(STOPPED, resume(c));
		EXPECT_TRUE(can_check(c, KVA, 900, NR_PAGES));
	}
	EXPECT_TRUE(agree(self));
}

/* Other memory, shifted against the old one: no frame keeps its place. */
TEST_F(frames, slot_made_anew)
{
	uint8_t *memory = aligned_memory(SIZE + 8 * PAGE, MAP_PRIVATE);
	unsigned int i;

	add_memory(self->vm, MORE_SLOT, GPA_MORE, self->memory, 0, 0);
	for (i = 0; i < 8; i++) {
		self->memory = memory + i * PAGE;
		add_memory(self->vm, MORE_SLOT, GPA_MORE, self->memory, SIZE, 0);
		EXPECT_TRUE(same(self, NR_PAGES));
		EXPECT_TRUE(agree(self));
		add_memory(self->vm, MORE_SLOT, GPA_MORE, self->memory, 0, 0);
	}
}

/* Two slots with the same memory of the VMM's: both change. */
TEST_F(frames, one_memory_in_two_slots)
{
	uint64_t there = KVA + (1ull << 39), i;
	struct cpu *c = self->cpu;

	add_memory(self->vm, MORE_SLOT + 1, GPA_HOLE, self->memory, SIZE, 0);
	for (i = 0; i < NR_PAGES; i++)
		*pte(self->vm, there + i * PAGE) = (GPA_HOLE + i * PAGE) | PTE_P | PTE_W;
	for (i = 0; i < 4; i++) {
		BEFORE();
		EXPECT_TRUE(can_check(c, there, self->round * 1000000, NR_PAGES));
		EXPECT_TRUE(can_fill(c, there, 333, NR_PAGES));
		EXPECT_TRUE(can_check(c, KVA, 333, NR_PAGES));
		ASSERT_EQ(0, madvise(self->memory, SIZE, MADV_DONTNEED));
		EXPECT_TRUE(can_read(c, KVA, 0));
		EXPECT_TRUE(can_read(c, there, 0));
		EXPECT_TRUE(can_write(c, there, 9));
		EXPECT_TRUE(can_read(c, KVA, 9));
	}
}

/* The tables, code and all else of the guest's are such memory, too. */
TEST_F_TIMEOUT(frames, all_of_the_guest, 300)
{
	uint8_t *copy = malloc(RAM_SIZE);
	unsigned int i;

	for (i = 0; i < 4; i++) {
		BEFORE();
		/* but the shared pages, which the monitor has pinned */
		memcpy(copy, self->vm->ram, RAM_SIZE);
		ASSERT_EQ(0, madvise(at(self->vm, 0), GPA_CPU(0), MADV_REMOVE));
		memcpy(at(self->vm, 0), copy, GPA_CPU(0));
		EXPECT_TRUE(agree(self));
		ASSERT_EQ(0, madvise(at(self->vm, GPA_LIVE), RAM_SIZE - GPA_LIVE, MADV_REMOVE));
		memcpy(at(self->vm, GPA_LIVE), copy + GPA_LIVE, RAM_SIZE - GPA_LIVE);
		EXPECT_TRUE(agree(self));
	}
	free(copy);
}

/*
 * What runs all the while. A vCPU's loop reads the number that the VMM has published last, and
 * then the page: that has this number or a later one, or none. RDI is where the number is, RSI
 * the pages, RDX how many; it stops at a page that is older, or when there is something at R8.
 * R9 counts, and is in memory at R11.
 */
CODE(watch,
	"1: mov %r9, (%r11)\n mov (%r8), %rax\n test %rax, %rax\n jnz 9f\n"
	"xor %ecx, %ecx\n mov %rsi, %rbp\n"
	"2: mov (%rdi,%rcx,8), %rax\n mov (%rbp), %rbx\n"
	"test %rbx, %rbx\n jz 3f\n"
	"cmp %rax, %rbx\n jb 8f\n"
	"3: inc %r9\n add $4096, %rbp\n inc %ecx\n cmp %edx, %ecx\n jb 2b\n jmp 1b\n"
	"8: mov $1, %r10\n"
	"9:" STOP);

/* The numbers are in a page of the machine's own. */
#define GPA_NUMBERS	(GPA_DATA + 0x10000)
#define GPA_STOP	(GPA_DATA + 0x20000)
#define GPA_BEAT	(GPA_DATA + 0x30000)

struct runner {
	struct cpu *cpu;
	const char *code;
	pthread_t thread;
	enum stop stop;
	uint64_t mmio, signals;
};

/* MMIO, where the slot is not there, reads as the largest number; signals are nothing to it. */
static void *run_on(void *arg)
{
	struct runner *r = arg;
	struct cpu *c = r->cpu;

	r->stop = go_kernel(c, r->code);
	while (r->stop == KVM(MMIO) || r->stop == INTERRUPTED) {
		if (r->stop == INTERRUPTED)
			r->signals++;
		else if (!c->run->mmio.is_write)
			memset(c->run->mmio.data, 0xff, 8);
		r->mmio += r->stop == KVM(MMIO);
		r->stop = resume(c);
	}
	return NULL;
}

static volatile uint64_t *beat(FRAMES *self)
{
	return at(self->vm, GPA_BEAT);
}

/* Both have been round once, so that all that is there is in use. */
static void wait_for_both(FRAMES *self)
{
	int i;

	for (i = 0; i < NR_CPUS; i++)
		if (!WITHIN_LIMIT(beat(self)[i]))
			die("vCPU %d does not run", i);
}

static void start_watch(FRAMES *self, struct runner *r, uint64_t pages)
{
	int i;

	*(uint64_t *)at(self->vm, GPA_STOP) = 0;
	for (i = 0; i < NR_CPUS; i++) {
		struct cpu *c = &self->vm->cpu[i];

		r[i] = (struct runner){ .cpu = c, .code = watch };
		c->regs.rdi = KERNEL(GPA_NUMBERS);
		c->regs.rsi = KVA;
		c->regs.rdx = pages;
		c->regs.r8 = KERNEL(GPA_STOP);
		c->regs.r11 = KERNEL(GPA_BEAT + 8 * i);
		beat(self)[i] = 0;
		c->regs.r9 = c->regs.r10 = 0;
		c->regs.rsp = kernel_stack(c);
		if (pthread_create(&r[i].thread, NULL, run_on, &r[i]))
			die("pthread_create");
	}
	wait_for_both(self);
}

static bool stop_watch(FRAMES *self, struct runner *r)
{
	bool ok = true;
	int i;

	__atomic_store_n((uint64_t *)at(self->vm, GPA_STOP), 1, __ATOMIC_SEQ_CST);
	for (i = 0; i < NR_CPUS; i++) {
		const struct kvm_regs *regs = &r[i].cpu->regs;

		pthread_join(r[i].thread, NULL);
		printf("# vCPU %d: %llu looks, %llu without memory, %llu signals\n", i, regs->r9,
		       (unsigned long long)r[i].mmio, (unsigned long long)r[i].signals);
		if (r[i].stop == STOPPED && !regs->r10 && regs->r9)
			continue;
		printf("# stopped with %#x: page %u had %#llx, published was %#llx\n", r[i].stop,
		       (unsigned int)regs->rcx, regs->rbx, regs->rax);
		ok = false;
	}
	return ok;
}

static void publish(FRAMES *self, uint64_t i, uint64_t number)
{
	__atomic_store_n((uint64_t *)at(self->vm, GPA_NUMBERS) + i, number, __ATOMIC_SEQ_CST);
}

#define NR_CHANGES 600

TEST_F_TIMEOUT(frames, watched_mapped_anew, 300)
{
	int fd = memfd_create("frames", MFD_CLOEXEC);
	struct runner r[NR_CPUS];
	uint64_t n, i;

	ASSERT_EQ(0, ftruncate(fd, 2 * SIZE));
	memset(at(self->vm, GPA_NUMBERS), 0, PAGE);
	start_watch(self, r, NR_PAGES);
	for (n = 1; n <= NR_CHANGES; n++) {
		uint64_t place;

		i = n * 7 % NR_PAGES;
		place = i + (n / NR_PAGES % 2) * NR_PAGES;
		ASSERT_EQ(8, pwrite(fd, &n, 8, place * PAGE));
		ASSERT_EQ(page(self, i), mmap(page(self, i), PAGE, PROT_READ | PROT_WRITE,
					      MAP_FIXED | MAP_SHARED, fd, place * PAGE));
		publish(self, i, n);
	}
	EXPECT_TRUE(stop_watch(self, r));
	EXPECT_TRUE(agree(self));
}

TEST_F_TIMEOUT(frames, watched_dontneed, 300)
{
	struct runner r[NR_CPUS];
	uint64_t n, i;

	memset(at(self->vm, GPA_NUMBERS), 0, PAGE);
	start_watch(self, r, NR_PAGES);
	for (n = 1; n <= NR_CHANGES; n++) {
		i = n * 11 % NR_PAGES;
		ASSERT_EQ(0, madvise(page(self, i), PAGE, MADV_DONTNEED));
		*(volatile uint64_t *)page(self, i) = n;
		publish(self, i, n);
	}
	EXPECT_TRUE(stop_watch(self, r));
	EXPECT_TRUE(agree(self));
}

TEST_F_TIMEOUT(frames, watched_moved, 300)
{
	struct runner r[NR_CPUS];
	uint64_t n, i;
	uint8_t *p;

	memset(at(self->vm, GPA_NUMBERS), 0, PAGE);
	start_watch(self, r, NR_PAGES);
	for (n = 1; n <= NR_CHANGES; n++) {
		i = n * 13 % NR_PAGES;
		p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		*(volatile uint64_t *)p = n;
		ASSERT_EQ(page(self, i), mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
						page(self, i)));
		publish(self, i, n);
	}
	EXPECT_TRUE(stop_watch(self, r));
	EXPECT_TRUE(agree(self));
}

/* Copies on write: by the VMM, of pages that a child has as well. */
TEST_F_TIMEOUT(frames, watched_fork, 300)
{
	struct runner r[NR_CPUS];
	uint64_t n = 0, i;
	int round, status;
	pid_t pid;

	memset(at(self->vm, GPA_NUMBERS), 0, PAGE);
	start_watch(self, r, NR_PAGES);
	for (round = 0; round < 20; round++) {
		pid = fork();
		if (!pid) {
			usleep(20000);
			_exit(0);
		}
		for (i = 0; i < NR_PAGES; i++) {
			*(volatile uint64_t *)page(self, i) = ++n;
			publish(self, i, n);
		}
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
	}
	EXPECT_TRUE(stop_watch(self, r));
	EXPECT_TRUE(agree(self));
}

TEST_F_TIMEOUT(frames, watched_slots, 300)
{
	uint8_t *memory[2] = { self->memory, aligned_memory(SIZE, MAP_PRIVATE) };
	struct runner r[NR_CPUS];
	uint64_t n, i;

	memset(at(self->vm, GPA_NUMBERS), 0, PAGE);
	start_watch(self, r, NR_PAGES);
	for (n = 1; n <= 200; n++) {
		for (i = 0; i < NR_PAGES; i++)
			*(volatile uint64_t *)(memory[n % 2] + i * PAGE) = n;
		add_memory(self->vm, MORE_SLOT, GPA_MORE, memory[(n - 1) % 2], 0, 0);
		/* nobody sees the old one any more */
		for (i = 0; i < NR_PAGES; i++)
			publish(self, i, n);
		add_memory(self->vm, MORE_SLOT, GPA_MORE, memory[n % 2], SIZE, 0);
	}
	EXPECT_TRUE(stop_watch(self, r));
	self->memory = memory[200 % 2];
	EXPECT_TRUE(agree(self));
}

/*
 * Counters: each vCPU adds one to its own word of each page, RDX of them from RSI on, until
 * there is something at R8; R9 counts the rounds. Nothing of it may be lost while the host
 * does what keeps the contents.
 */
CODE(count,
	"1: mov %rsi, %rbp\n xor %ecx, %ecx\n"
	"2: incq (%rbp)\n add $4096, %rbp\n inc %ecx\n cmp %edx, %ecx\n jb 2b\n"
	"inc %r9\n mov %r9, (%r11)\n mov (%r8), %rax\n test %rax, %rax\n jz 1b\n" STOP);

static void start_counters(FRAMES *self, struct runner *r, uint64_t pages)
{
	int i;

	*(uint64_t *)at(self->vm, GPA_STOP) = 0;
	for (i = 0; i < NR_CPUS; i++) {
		struct cpu *c = &self->vm->cpu[i];

		r[i] = (struct runner){ .cpu = c, .code = count };
		c->regs.rsi = KVA + 64 * (i + 1);
		c->regs.rdx = pages;
		c->regs.r8 = KERNEL(GPA_STOP);
		c->regs.r11 = KERNEL(GPA_BEAT + 8 * i);
		beat(self)[i] = 0;
		c->regs.r9 = 0;
		c->regs.rsp = kernel_stack(c);
		if (pthread_create(&r[i].thread, NULL, run_on, &r[i]))
			die("pthread_create");
	}
	wait_for_both(self);
}

static bool stop_counters(FRAMES *self, struct runner *r, uint64_t pages)
{
	bool ok = true;
	uint64_t j, is;
	int i;

	__atomic_store_n((uint64_t *)at(self->vm, GPA_STOP), 1, __ATOMIC_SEQ_CST);
	for (i = 0; i < NR_CPUS; i++) {
		pthread_join(r[i].thread, NULL);
		printf("# vCPU %d: %llu rounds, %llu signals, stopped with %#x\n", i,
		       r[i].cpu->regs.r9, (unsigned long long)r[i].signals, r[i].stop);
		ok &= r[i].stop == STOPPED && r[i].cpu->regs.r9;
		for (j = 0; j < pages && ok; j++) {
			is = *(uint64_t *)(self->memory + j * PAGE + 64 * (i + 1));
			if (is == r[i].cpu->regs.r9)
				continue;
			printf("# page %llu has %llu\n", (unsigned long long)j,
			       (unsigned long long)is);
			ok = false;
		}
	}
	return ok;
}

static void forget_counters(FRAMES *self, uint64_t pages)
{
	uint64_t j;

	for (j = 0; j < pages; j++)
		memset(self->memory + j * PAGE, 0, PAGE);
}

TEST_F_TIMEOUT(frames, counted_while_forking, 300)
{
	struct runner r[NR_CPUS];
	int round, status;
	pid_t pid;

	forget_counters(self, NR_PAGES);
	start_counters(self, r, NR_PAGES);
	for (round = 0; round < 40; round++) {
		pid = fork();
		if (!pid) {
			/* its copies are none of the guest's business */
			memset(self->memory, 0xee, SIZE);
			_exit(0);
		}
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
	}
	EXPECT_TRUE(stop_counters(self, r, NR_PAGES));
}

TEST_F_TIMEOUT(frames, counted_while_protected, 300)
{
	struct runner r[NR_CPUS];
	unsigned int i;

	forget_counters(self, NR_PAGES);
	start_counters(self, r, NR_PAGES);
	for (i = 0; i < NR_CHANGES; i++) {
		/* What cleans them takes W away; and they stay writable for the VMM. */
		madvise(self->memory, SIZE, MADV_COLD);
		if (i % 50 == 0 && !geteuid())
			put("/proc/sys/vm/compact_memory", "1");
	}
	EXPECT_TRUE(stop_counters(self, r, NR_PAGES));
}

TEST_F_TIMEOUT(frames, counted_while_merged, 300)
{
	struct runner r[NR_CPUS];
	unsigned int i;

	if (!have_ksm())
		SKIP(return, "no KSM");
	forget_counters(self, NR_PAGES);
	ASSERT_EQ(0, madvise(self->memory, SIZE, MADV_MERGEABLE));
	start_counters(self, r, NR_PAGES);
	for (i = 0; i < 60; i++) {
		madvise(self->memory, SIZE, i % 2 ? MADV_MERGEABLE : MADV_UNMERGEABLE);
		sleep_ms(20);
	}
	EXPECT_TRUE(stop_counters(self, r, NR_PAGES));
	put(KSM "run", "2");
}

TEST_F_TIMEOUT(frames, counted_while_huge, 300)
{
	uint8_t *was = self->memory;
	struct runner r[NR_CPUS];
	unsigned int i, collapsed = 0;

	self->memory = aligned_memory(BIG_PAGE, MAP_PRIVATE);
	add_memory(self->vm, MORE_SLOT, GPA_MORE, was, 0, 0);
	add_memory(self->vm, MORE_SLOT, GPA_MORE, self->memory, BIG_PAGE, 0);
	map_more(self->vm, 512, variant->large);
	if (madvise(self->memory, BIG_PAGE, MADV_HUGEPAGE))
		SKIP(return, "no huge pages");
	forget_counters(self, 512);
	start_counters(self, r, 512);
	for (i = 0; i < 60; i++) {
		collapsed += !madvise(self->memory, BIG_PAGE, MADV_COLLAPSE);
		/* a change of protection splits its mapping; then the page itself */
		madvise(self->memory + (i % 512) * PAGE, PAGE, MADV_COLD);
		madvise(self->memory + (i * 31 % 512) * PAGE, PAGE, MADV_NOHUGEPAGE);
		madvise(self->memory, BIG_PAGE, MADV_HUGEPAGE);
		sleep_ms(5);
	}
	TH_LOG("%u collapses", collapsed);
	EXPECT_TRUE(stop_counters(self, r, 512));
}

TEST_F_TIMEOUT(frames, counted_while_swapped, 300)
{
	struct runner r[NR_CPUS];
	unsigned int i;

	if (!have_swap())
		SKIP(return, "no swap");
	forget_counters(self, NR_PAGES);
	start_counters(self, r, NR_PAGES);
	for (i = 0; i < 100; i++)
		madvise(self->memory, SIZE, MADV_PAGEOUT);
	EXPECT_TRUE(stop_counters(self, r, NR_PAGES));
}

/* Other slots come and go, and this one is logged and not: nothing is lost. */
TEST_F_TIMEOUT(frames, counted_while_other_slots_change, 300)
{
	uint8_t *other = aligned_memory(SIZE, MAP_PRIVATE);
	struct runner r[NR_CPUS];
	unsigned int i;

	forget_counters(self, NR_PAGES);
	start_counters(self, r, NR_PAGES);
	for (i = 0; i < 200; i++) {
		add_memory(self->vm, MORE_SLOT + 1, GPA_HOLE, other, SIZE, 0);
		add_memory(self->vm, MORE_SLOT, GPA_MORE, self->memory, SIZE,
			   i % 2 ? 0 : KVM_MEM_LOG_DIRTY_PAGES);
		add_memory(self->vm, MORE_SLOT + 1, GPA_HOLE, other, 0, 0);
	}
	EXPECT_TRUE(stop_counters(self, r, NR_PAGES));
}

/* A migration: by logs while the guest writes, and a last one when it has stopped. */
TEST_F_TIMEOUT(frames, copied_by_dirty_logs, 300)
{
	struct kvm_dirty_log log = { .slot = MORE_SLOT };
	uint64_t bitmap[NR_PAGES / 64], i;
	uint8_t *copy = aligned_memory(SIZE, MAP_PRIVATE);
	struct runner r[NR_CPUS];
	unsigned int round;

	forget_counters(self, NR_PAGES);
	start_counters(self, r, NR_PAGES);
	sleep_ms(50);
	add_memory(self->vm, MORE_SLOT, GPA_MORE, self->memory, SIZE, KVM_MEM_LOG_DIRTY_PAGES);
	memcpy(copy, self->memory, SIZE);
	log.dirty_bitmap = bitmap;
	for (round = 0; round < 100; round++) {
		if (round == 99)
			EXPECT_TRUE(stop_counters(self, r, NR_PAGES));
		memset(bitmap, 0, sizeof(bitmap));
		IOCTL(self->vm->fd, KVM_GET_DIRTY_LOG, &log);
		for (i = 0; i < NR_PAGES; i++)
			if (bitmap[i / 64] >> (i % 64) & 1)
				memcpy(copy + i * PAGE, page(self, i), PAGE);
	}
	EXPECT_EQ(0, memcmp(copy, self->memory, SIZE));
}

TEST_HARNESS_MAIN
