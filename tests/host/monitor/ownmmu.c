// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    on the monitor's own MMU a guest that keeps the rules sees the x86 MMU: what its
 *           tables say holds, for ring 1 and ring 3, with 4K, 2M and 1G pages, under all roots,
 *           on all vCPUs; its bitmap names the tables in use; MMIO and read-only slots are as
 *           the VMM wants them
 * How:      changes entries of every level, with the announcement that the ABI asks for and
 *           without where it asks for none, and looks by accesses from both rings at memory,
 *           error codes, A and D; with bounced #PF and without
 * Timeout:  900
 * Catches:  an entry that outlives its announcement, a permission that is lost or won, a page
 *           that is the wrong one
 */
#include <pthread.h>
#include <sys/syscall.h>

#include "leaks.h"
#include "ownmmu.h"

#define VA	USER_EMPTY
#define ALL	(PTE_P | PTE_W | PTE_U)

/* Where all of these are by default: nothing is there for the kernel, and for the user. */
static uint64_t *entry(struct vm *vm, uint64_t va, int level)
{
	return entry_in(vm, GPA_TABLES, va, level);
}

/* Everything that the machine has mapped, twice. */
TEST_F_TIMEOUT(own, the_same_guest_works, 120)
{
	struct cpu *c = self->cpu;

	EXPECT_TRUE(can_check(c, KERNEL(GPA_DATA), 1000, DATA_PAGES));
	EXPECT_TRUE(user_can_check(c, USER(GPA_DATA), 1000, DATA_PAGES));
	EXPECT_TRUE(can_fill(c, KERNEL(GPA_DATA), 2000, DATA_PAGES));
	EXPECT_TRUE(user_can_check(c, USER(GPA_DATA), 2000, DATA_PAGES));
	EXPECT_TRUE(user_can_fill(c, USER(GPA_DATA), 3000, DATA_PAGES));
	EXPECT_TRUE(can_check(c, KERNEL(GPA_DATA), 3000, DATA_PAGES));
	EXPECT_TRUE(pages_have(at(self->vm, GPA_DATA), 3000, DATA_PAGES));
	/* the VMM writes */
	stamp_pages(at(self->vm, GPA_DATA), 4000, DATA_PAGES);
	EXPECT_TRUE(can_check(c, KERNEL(GPA_DATA), 4000, DATA_PAGES));
	EXPECT_TRUE(user_can_check(c, USER(GPA_DATA), 4000, DATA_PAGES));
}

/* The first access of ring 3 arrives as #PF at the guest if it asked for that, and else not. */
TEST_F(own, faults_of_ring3_bounce_if_asked_for)
{
	struct cpu *c = self->cpu;
	struct ring1_frame f;
	enum stop stop;

	*entry(self->vm, VA, 1) = GPA_DATA | ALL;
	EXPECT_EQ(ENTRY_USER, go_served(c, code_user_ud2));	/* the code is mapped */
	c->regs.rdi = VA;
	stop = go_user(c, user_read);
	ASSERT_EQ(ENTRY_USER, stop);
	f = take(c);
	if (variant->flags & RING1_SETUP_BOUNCE_PF) {
		EXPECT_EQ(14, f.vector);
		EXPECT_EQ(ERROR_U, f.error);
		EXPECT_EQ(VA, f.payload);
		EXPECT_EQ(user_code(user_read), f.ip);
		EXPECT_EQ(0, c->page->vif);
		ASSERT_EQ(0, sync_address(c, VA, ERROR_U));
		c->regs.rdi = VA;
		ASSERT_EQ(ENTRY_USER, go_user(c, user_read));
		f = take(c);
	}
	EXPECT_EQ(6, f.vector);
	EXPECT_EQ(1000, c->regs.rax);
}

/* With pf_exit it does not; that is said once for each fault. */
TEST_F(own, pf_exit)
{
	struct cpu *c = self->cpu;
	unsigned int i;

	EXPECT_EQ(ENTRY_USER, go_served(c, code_user_ud2));
	for (i = 0; i < 4; i++) {
		*entry(self->vm, VA + i * PAGE, 1) = (GPA_DATA + i * PAGE) | ALL;
		/* of different groups, so that each faults */
		*entry(self->vm, VA + (i + 1) * BIG_PAGE, 1) = (GPA_DATA + i * PAGE) | ALL;
	}
	for (i = 0; i < 4; i++) {
		c->page->pf_exit = 1;
		c->regs.rdi = VA + (i + 1) * BIG_PAGE;
		ASSERT_EQ(ENTRY_USER, go_user(c, user_read));
		EXPECT_EQ(6, take(c).vector);
		EXPECT_EQ(1000 + i, c->regs.rax);
		EXPECT_EQ(0, c->page->pf_exit);
	}
	/* A fault that is the guest's is delivered, too. */
	c->page->pf_exit = 1;
	c->regs.rdi = VA + 8 * BIG_PAGE;
	ASSERT_EQ(ENTRY_USER, go_user(c, user_read));
	EXPECT_EQ(14, c->page->frame[0].vector);
	EXPECT_EQ(ERROR_U, c->page->frame[0].error);
	EXPECT_EQ(VA + 8 * BIG_PAGE, take(c).payload);
	EXPECT_EQ(0, c->page->pf_exit);
}

/* None -> present at each level is not announced. */
TEST_F(own, new_mappings_need_no_announcement)
{
	static const uint64_t step[] = { PAGE, BIG_PAGE, 1ull << 30, 1ull << 39 };
	struct cpu *c = self->cpu;
	unsigned int i;
	int level;

	for (level = 1; level <= 4; level++)
		for (i = 1; i < 4; i++) {
			uint64_t user = VA + i * step[level - 1] + 0x123 * PAGE;
			uint64_t kernel = KERNEL_EMPTY + i * step[level - 1] + 0x123 * PAGE;
			uint64_t gpa = GPA_DATA + (level * 4 + i) * PAGE, was;

			EXPECT_TRUE(user_cannot_read(c, user, 0));
			EXPECT_TRUE(cannot_read(c, kernel, 0));
			EXPECT_TRUE(cannot_write(c, kernel, 0));
			*entry(self->vm, user, 1) = gpa | ALL;
			*entry(self->vm, kernel, 1) = gpa | PTE_P | PTE_W;
			was = *(uint64_t *)at(self->vm, gpa);
			EXPECT_TRUE(user_can_read(c, user, was));
			EXPECT_TRUE(can_read(c, kernel, was));
			EXPECT_TRUE(user_can_write(c, user, i + 1));
			EXPECT_TRUE(can_read(c, kernel, i + 1));
			EXPECT_TRUE(can_write(c, kernel, i + 7));
			EXPECT_TRUE(user_can_read(c, user, i + 7));
		}
}

/* An entry of each level goes, comes back, and leads elsewhere. */
TEST_F(own, removals_are_seen)
{
	struct cpu *c = self->cpu;
	int level, round;

	*entry(self->vm, VA, 1) = GPA_DATA | ALL;
	*entry(self->vm, KERNEL_EMPTY, 1) = GPA_DATA | PTE_P | PTE_W;
	for (round = 0; round < 3; round++)
		for (level = 1; level <= 4; level++) {
			uint64_t *user = entry(self->vm, VA, level), was = *user;
			uint64_t *kernel = entry(self->vm, KERNEL_EMPTY, level);
			uint64_t kernel_was = *kernel;

			EXPECT_TRUE(user_can_read(c, VA, 1000));
			EXPECT_TRUE(can_read(c, KERNEL_EMPTY, 1000));
			set_entry(c, user, 0);
			EXPECT_TRUE(user_cannot_read(c, VA, 0));
			EXPECT_TRUE(user_cannot_write(c, VA, 0));
			EXPECT_TRUE(can_read(c, KERNEL_EMPTY, 1000));
			set_entry(c, kernel, 0);
			EXPECT_TRUE(cannot_read(c, KERNEL_EMPTY, 0));
			EXPECT_TRUE(cannot_write(c, KERNEL_EMPTY, 0));
			*user = was;
			*kernel = kernel_was;
		}
}

/* Any part of a table goes at once, and nothing but that part. */
TEST_F(own, ranges_are_seen)
{
	static const struct { unsigned int first, nr; } ranges[] = {
		{ 0, 1 }, { 0, 64 }, { 63, 1 }, { 63, 2 }, { 64, 64 }, { 100, 200 }, { 1, 511 },
		{ 511, 1 }, { 0, 512 },
	};
	uint64_t va = VA + 2 * BIG_PAGE, *table = entry(self->vm, va, 1);
	struct cpu *c = self->cpu;
	unsigned int i, j;

	for (i = 0; i < sizeof(ranges) / sizeof(*ranges); i++) {
		unsigned int first = ranges[i].first, end = first + ranges[i].nr;

		/* In the second half of each group as if used before: one fault maps all. */
		for (j = 0; j < PAGE / 8; j++)
			table[j] = (GPA_DATA + j % 2 * PAGE) | ALL | (j % 16 < 8 ? 0 : PTE_A);
		for (j = 0; j < PAGE / 8; j++)
			ASSERT_TRUE(user_can_read(c, va + j * PAGE, 1000 + j % 2));
		memset(table + first, 0, 8 * ranges[i].nr);
		announce(c, gpa_of(self->vm, table + first), ranges[i].nr);
		ASSERT_EQ(0, HYPERCALL(c, FLUSH_TLB));
		for (j = 0; j < PAGE / 8; j++)
			ASSERT_TRUE(j >= first && j < end ? user_cannot_read(c, va + j * PAGE, 0) :
				    user_can_read(c, va + j * PAGE, 1000 + j % 2))
				TH_LOG("entry %u of %u to %u", j, first, end);
	}
}

/* Each level leads to another page, by other tables above level 1; used before, or not yet. */
TEST_F(own, other_pages_are_seen)
{
	struct cpu *c = self->cpu;
	unsigned int i;
	int level;

	for (level = 1; level <= 4; level++) {
		uint64_t other[2];

		for (i = 0; i < 2; i++) {
			uint64_t root = new_root(self->vm);

			*entry_in(self->vm, root, VA, 1) = (GPA_DATA + i * PAGE) | ALL;
			other[i] = *entry_in(self->vm, root, VA, level);
		}
		*entry(self->vm, VA, level) = other[0];
		for (i = 0; i < 6; i++) {
			EXPECT_TRUE(user_can_read(c, VA, 1000 + i % 2));
			set_entry(c, entry(self->vm, VA, level),
				  other[(i + 1) % 2] | (i % 3 ? PTE_A : 0));
		}
		set_entry(c, entry(self->vm, VA, level), 0);
	}
}

/*
 * Not announced: the old page may be there still, but nothing else. With the next announcement
 * that is over.
 */
TEST_F(own, a_removal_that_is_not_announced)
{
	struct cpu *c = self->cpu;
	enum stop stop;
	int level;

	for (level = 1; level <= 4; level++) {
		uint64_t *e, was;

		*entry(self->vm, KERNEL_EMPTY, 1) = GPA_DATA | PTE_P | PTE_W;
		e = entry(self->vm, KERNEL_EMPTY, level);
		was = *e;
		EXPECT_TRUE(can_read(c, KERNEL_EMPTY, 1000));
		*e = 0;
		stop = kernel_reads(c, KERNEL_EMPTY);
		take(c);
		EXPECT_TRUE(stop == ENTRY_KERNEL || (stop == STOPPED && c->regs.rax == 1000));
		announce(c, gpa_of(self->vm, e), 1);
		ASSERT_EQ(0, HYPERCALL(c, FLUSH_TLB));
		EXPECT_TRUE(cannot_read(c, KERNEL_EMPTY, 0));
		*e = was;
	}
}

/* Rights, at each level; what only adds some is not announced. */
TEST_F_TIMEOUT(own, permissions, 120)
{
	struct cpu *c = self->cpu;
	int level;

	memcpy(at(self->vm, GPA_DATA + 8 * PAGE), "\x0f\x0b", 2);	/* ud2 */
	for (level = 1; level <= 4; level++) {
		uint64_t *e;

		*entry(self->vm, VA, 1) = (GPA_DATA + 8 * PAGE) | ALL;
		e = entry(self->vm, VA, level);
		EXPECT_TRUE(user_can_read(c, VA, *(uint64_t *)at(self->vm, GPA_DATA + 8 * PAGE)));
		EXPECT_TRUE(user_can_write(c, VA, 0x0b0f));

		set_entry(c, e, *e & ~PTE_W);
		EXPECT_TRUE(user_can_read(c, VA, 0x0b0f));
		EXPECT_TRUE(user_cannot_write(c, VA, ERROR_P));
		*e |= PTE_W;
		EXPECT_TRUE(user_can_write(c, VA, 0x0b0f));

		EXPECT_EQ(ENTRY_USER, go_served_at(c, VA));
		EXPECT_EQ(6, c->page->frame[0].vector);
		set_entry(c, e, *e | PTE_NX);
		EXPECT_TRUE(user_can_read(c, VA, 0x0b0f));
		EXPECT_TRUE(user_cannot_jump(c, VA, ERROR_P));
		*e &= ~PTE_NX;
		EXPECT_EQ(ENTRY_USER, go_served_at(c, VA));
		EXPECT_EQ(6, c->page->frame[0].vector);

		set_entry(c, e, *e & ~PTE_U);
		EXPECT_TRUE(user_cannot_read(c, VA, ERROR_P));
		EXPECT_TRUE(user_cannot_write(c, VA, ERROR_P));
		EXPECT_TRUE(user_cannot_jump(c, VA, ERROR_P));
		EXPECT_TRUE(can_read(c, VA, 0x0b0f));
		*e |= PTE_U;
		EXPECT_TRUE(user_can_read(c, VA, 0x0b0f));
	}
}

TEST_F(own, kernel_permissions)
{
	uint64_t *e = entry(self->vm, KERNEL_EMPTY, 1);
	struct cpu *c = self->cpu;

	memcpy(at(self->vm, GPA_DATA), "\xe6\xd0\xf4", 3);		/* STOP */
	*e = GPA_DATA | PTE_P | PTE_W;
	EXPECT_TRUE(can_write(c, KERNEL_EMPTY, 0xf4d0e6));
	c->regs.rdi = KERNEL_EMPTY;
	EXPECT_EQ(STOPPED, go_kernel(c, kernel_jump));
	set_entry(c, e, *e | PTE_NX);
	EXPECT_TRUE(can_read(c, KERNEL_EMPTY, 0xf4d0e6));
	EXPECT_TRUE(cannot_jump(c, KERNEL_EMPTY, ERROR_P));
	set_entry(c, e, GPA_DATA | PTE_P);
	EXPECT_TRUE(can_read(c, KERNEL_EMPTY, 0xf4d0e6));
	EXPECT_TRUE(cannot_write(c, KERNEL_EMPTY, ERROR_P));
	*e |= PTE_W;
	EXPECT_TRUE(can_write(c, KERNEL_EMPTY, 1));
}

/* SMAP and SMEP, as the host has them for the guest. */
TEST_F(own, the_users_pages_for_the_kernel)
{
	struct cpu *c = self->cpu;
	bool smap = get_sregs(c).cr4 & 1 << 21;

	*entry(self->vm, VA, 1) = GPA_DATA | ALL;
	if (smap) {
		EXPECT_TRUE(cannot_read(c, VA, ERROR_P));
		EXPECT_TRUE(cannot_write(c, VA, ERROR_P));
	}
	EXPECT_TRUE(cannot_jump(c, VA, ERROR_P));
	c->regs.rdi = VA;
	EXPECT_TRUE(ended(c, go_kernel(c, kernel_read_ac), STOPPED, "read with AC", VA));
	EXPECT_EQ(1000, c->regs.rax);
	c->regs.rflags = FLAG_FIXED;
	EXPECT_TRUE(user_can_read(c, VA, 1000));
	if (smap)
		EXPECT_TRUE(cannot_read(c, VA, ERROR_P));
	EXPECT_TRUE(cannot_jump(c, VA, ERROR_P));
}

/* As a processor sets them; what the guest clears and announces is set again. */
TEST_F(own, accessed_and_dirty)
{
	const uint64_t both = PTE_A | PTE_D;
	struct cpu *c = self->cpu;
	uint64_t *user, *kernel;
	unsigned int i;

	for (i = 0; i < 20; i++) {
		user = entry(self->vm, VA + i * PAGE, 1);
		kernel = entry(self->vm, KERNEL_EMPTY + i * PAGE, 1);
		*user = (GPA_DATA + i * PAGE) | ALL;
		*kernel = (GPA_DATA + i * PAGE) | PTE_P | PTE_W;
	}
	for (i = 0; i < 20; i++) {
		user = entry(self->vm, VA + i * PAGE, 1);
		kernel = entry(self->vm, KERNEL_EMPTY + i * PAGE, 1);
		/* not by its neighbours' accesses */
		EXPECT_EQ(0, *user & both);
		EXPECT_EQ(0, *kernel & both);
		EXPECT_TRUE(user_can_read(c, VA + i * PAGE, 1000 + i));
		EXPECT_EQ(PTE_A, *user & both);
		EXPECT_TRUE(can_read(c, KERNEL_EMPTY + i * PAGE, 1000 + i));
		EXPECT_EQ(PTE_A, *kernel & both);
		EXPECT_TRUE(user_can_write(c, VA + i * PAGE, 1000 + i));
		EXPECT_EQ(both, *user & both);
		EXPECT_EQ(PTE_A, *kernel & both);
		EXPECT_TRUE(can_write(c, KERNEL_EMPTY + i * PAGE, 1000 + i));
		EXPECT_EQ(both, *kernel & both);

		set_entry(c, user, *user & ~PTE_D);
		EXPECT_TRUE(user_can_read(c, VA + i * PAGE, 1000 + i));
		EXPECT_EQ(PTE_A, *user & both);
		EXPECT_TRUE(user_can_write(c, VA + i * PAGE, 1000 + i));
		EXPECT_EQ(both, *user & both);
		set_entry(c, kernel, *kernel & ~both);
		EXPECT_TRUE(can_read(c, KERNEL_EMPTY + i * PAGE, 1000 + i));
		EXPECT_EQ(PTE_A, *kernel & both);
	}
}

/* A and D of a large entry, and all that else holds of small ones. */
TEST_F(own, pages_of_2m)
{
	const uint64_t va[] = { VA, KERNEL_EMPTY };
	struct cpu *c = self->cpu;
	uint64_t *e[2];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		e[i] = entry(self->vm, va[i], 2);
		*e[i] = 0 | PTE_P | PTE_W | PTE_PS | (i ? 0 : PTE_U);
	}
	EXPECT_TRUE(user_can_check(c, VA + GPA_DATA, 1000, DATA_PAGES));
	EXPECT_TRUE(can_check(c, KERNEL_EMPTY + GPA_DATA, 1000, DATA_PAGES));
	EXPECT_EQ(PTE_A, *e[0] & (PTE_A | PTE_D));
	EXPECT_TRUE(user_can_write(c, VA + GPA_DATA + 8, 1));
	EXPECT_EQ(PTE_A | PTE_D, *e[0] & (PTE_A | PTE_D));
	EXPECT_EQ(PTE_A, *e[1] & (PTE_A | PTE_D));
	EXPECT_TRUE(can_write(c, KERNEL_EMPTY + GPA_DATA + 8, 1));
	EXPECT_EQ(PTE_A | PTE_D, *e[1] & (PTE_A | PTE_D));

	set_entry(c, e[0], *e[0] & ~PTE_W);
	EXPECT_TRUE(user_can_check(c, VA + GPA_DATA, 1000, DATA_PAGES));
	EXPECT_TRUE(user_cannot_write(c, VA + GPA_DATA, ERROR_P));
	set_entry(c, e[0], *e[0] & ~PTE_U);
	EXPECT_TRUE(user_cannot_read(c, VA + GPA_DATA, ERROR_P));
	set_entry(c, e[0], *e[0] | PTE_W | PTE_U | PTE_NX);
	EXPECT_TRUE(user_can_fill(c, VA + GPA_DATA, 3000, DATA_PAGES));
	EXPECT_TRUE(user_cannot_jump(c, VA + GPA_CODE, ERROR_P));
	set_entry(c, e[0], 0);
	EXPECT_TRUE(user_cannot_read(c, VA + GPA_DATA, 0));
	EXPECT_TRUE(can_check(c, KERNEL_EMPTY + GPA_DATA, 3000, DATA_PAGES));
	set_entry(c, e[1], 0);
	EXPECT_TRUE(cannot_read(c, KERNEL_EMPTY + GPA_DATA, 0));
}

/* A large page becomes 512 small ones, in the other order, and large again. */
TEST_F(own, large_pages_are_split)
{
	uint64_t *large = entry(self->vm, VA, 2), table;
	struct cpu *c = self->cpu;
	unsigned int i, round;

	*large = 0 | ALL | PTE_PS;
	table = self->vm->next_table;
	self->vm->next_table += PAGE;
	for (i = 0; i < 512; i++)
		((uint64_t *)at(self->vm, table))[i] =
			(GPA_DATA + (DATA_PAGES - 1 - i % DATA_PAGES) * PAGE) | ALL;
	for (round = 0; round < 3; round++) {
		EXPECT_TRUE(user_can_check(c, VA + GPA_DATA, 1000, DATA_PAGES));
		set_entry(c, large, table | ALL);
		for (i = 0; i < 512; i += 37)
			EXPECT_TRUE(user_can_read(c, VA + i * PAGE,
						  1000 + DATA_PAGES - 1 - i % DATA_PAGES));
		set_entry(c, large, 0 | ALL | PTE_PS);
	}
}

TEST_F(own, pages_of_1g)
{
	uint64_t *user = entry(self->vm, VA, 3), *kernel = entry(self->vm, KERNEL_EMPTY, 3);
	struct cpu *c = self->cpu;

	*user = 0 | ALL | PTE_PS;
	*kernel = 0 | PTE_P | PTE_W | PTE_PS;
	EXPECT_TRUE(user_can_check(c, VA + GPA_DATA, 1000, DATA_PAGES));
	EXPECT_TRUE(can_check(c, KERNEL_EMPTY + GPA_DATA, 1000, DATA_PAGES));
	EXPECT_TRUE(user_can_fill(c, VA + GPA_DATA, 2000, DATA_PAGES));
	EXPECT_TRUE(can_check(c, KERNEL_EMPTY + GPA_DATA, 2000, DATA_PAGES));
	EXPECT_EQ(PTE_A | PTE_D, *user & (PTE_A | PTE_D));
	EXPECT_EQ(PTE_A, *kernel & (PTE_A | PTE_D));
	/* beyond the memory there is none */
	c->regs.rdi = KERNEL_EMPTY + GPA_HOLE;
	EXPECT_EQ(KVM(MMIO), go_kernel(c, code_peek));
	EXPECT_EQ(GPA_HOLE, c->run->mmio.phys_addr);
	EXPECT_EQ(STOPPED, resume(c));

	set_entry(c, user, *user & ~PTE_W);
	EXPECT_TRUE(user_can_check(c, VA + GPA_DATA, 2000, DATA_PAGES));
	EXPECT_TRUE(user_cannot_write(c, VA + GPA_DATA, ERROR_P));
	/* a part of it in small pages */
	set_entry(c, user, 0);
	*entry(self->vm, VA, 1) = (GPA_DATA + PAGE) | ALL;
	EXPECT_TRUE(user_can_read(c, VA, 2001));
	EXPECT_TRUE(user_cannot_read(c, VA + GPA_DATA, 0));
	set_entry(c, user, 0 | ALL | PTE_PS);
	EXPECT_TRUE(user_can_check(c, VA + GPA_DATA, 2000, DATA_PAGES));
}

/* A slot that begins and ends in the middle of a large page. */
TEST_F(own, large_pages_with_a_part_of_a_slot)
{
	uint64_t *more = more_memory(self->vm, 64 * PAGE, 0);
	struct cpu *c = self->cpu;

	stamp_pages(more, 5000, 64);
	*entry(self->vm, VA, 2) = GPA_MORE | ALL | PTE_PS;
	*entry(self->vm, KERNEL_EMPTY, 3) = 0 | PTE_P | PTE_W | PTE_PS;
	EXPECT_TRUE(user_can_check(c, VA, 5000, 64));
	EXPECT_TRUE(can_check(c, KERNEL_EMPTY + GPA_MORE, 5000, 64));
	EXPECT_TRUE(can_check(c, KERNEL_EMPTY + GPA_DATA, 1000, DATA_PAGES));
	c->regs.rdi = KERNEL_EMPTY + GPA_MORE + 64 * PAGE;
	EXPECT_EQ(KVM(MMIO), go_kernel(c, code_peek));
	EXPECT_EQ(GPA_MORE + 64 * PAGE, c->run->mmio.phys_addr);
	EXPECT_EQ(STOPPED, resume(c));
}

/* Bits that no entry may have: not a page of the guest's. */
TEST_F(own, reserved_bits)
{
	static const uint64_t bits[] = { 1ull << 51, 1ull << 46 };
	struct cpu *c = self->cpu;
	struct ring1_frame f;
	unsigned int i;
	enum stop stop;

	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		set_entry(c, entry(self->vm, KERNEL_EMPTY, 1), GPA_DATA | PTE_P | PTE_W | bits[i]);
		stop = kernel_reads(c, KERNEL_EMPTY);
		f = take(c);
		TH_LOG("stopped with %#x, vector %u, error code %#x", stop, f.vector, f.error);
		EXPECT_TRUE(stop == ENTRY_KERNEL || stop == KVM(MMIO));
		if (stop == KVM(MMIO))
			EXPECT_EQ(STOPPED, resume(c));
	}
	/* Large pages have to be aligned. */
	set_entry(c, entry(self->vm, KERNEL_EMPTY, 2),
		  GPA_DATA | PTE_P | PTE_W | PTE_PS | 1 << 13);
	EXPECT_EQ(ENTRY_KERNEL, kernel_reads(c, KERNEL_EMPTY));
	EXPECT_EQ(ERROR_P | ERROR_RSVD, take(c).error);
	set_entry(c, entry(self->vm, KERNEL_EMPTY, 3),
		  GPA_DATA | PTE_P | PTE_W | PTE_PS);
	EXPECT_EQ(ENTRY_KERNEL, kernel_reads(c, KERNEL_EMPTY));
	EXPECT_EQ(ERROR_P | ERROR_RSVD, take(c).error);
	EXPECT_TRUE(can_check(c, KERNEL(GPA_DATA), 1000, DATA_PAGES));
}

/* The classic: one entry by which the tables themselves can be seen. */
TEST_F(own, a_table_linked_into_itself)
{
	const uint64_t slot = 300, top = 0xffff000000000000;
	uint64_t *root = at(self->vm, GPA_TABLES);
	struct cpu *c = self->cpu;
	uint64_t va = top | slot << 39 | slot << 30 | slot << 21 | slot << 12, pt, i;

	root[slot] = GPA_TABLES | PTE_P | PTE_W;
	for (i = 0; i < 512; i++)
		if (i != slot && i != 256)
			ASSERT_TRUE(can_read(c, va + i * 8, root[i]));
	ASSERT_EQ(STOPPED, kernel_reads(c, va + slot * 8));
	EXPECT_EQ(root[slot] & ~(PTE_A | PTE_D), c->regs.rax & ~(PTE_A | PTE_D));
	/* the entry of a page of data, by it */
	pt = top | slot << 39 | (KERNEL(GPA_DATA) >> 9 & 0x7ffffffff8);
	ASSERT_EQ(STOPPED, kernel_reads(c, pt));
	EXPECT_EQ(GPA_DATA, c->regs.rax & PTE_ADDRESS);
	EXPECT_TRUE(can_read(c, KERNEL(GPA_DATA), 1000));
	ASSERT_TRUE(can_write(c, pt, (GPA_DATA + PAGE) | PTE_P | PTE_W));
	announce(c, gpa_of(self->vm, pte(self->vm, KERNEL(GPA_DATA))), 1);
	ASSERT_EQ(0, HYPERCALL(c, FLUSH_TLB));
	EXPECT_TRUE(can_read(c, KERNEL(GPA_DATA), 1001));
	/* and away with it */
	set_entry(c, &root[slot], 0);
	EXPECT_TRUE(cannot_read(c, va, 0));
}

/* One page is a table of level 1 in one place, and of level 2 in another. */
TEST_F(own, a_table_at_two_levels)
{
	uint64_t shared = gpa_of(self->vm, entry(self->vm, VA, 1)) & -PAGE;
	uint64_t *table = at(self->vm, shared);
	uint64_t leaf = GPA_DATA + 8 * PAGE;
	struct cpu *c = self->cpu;

	/* the page that its first entry leads to is one of entries itself */
	*(uint64_t *)at(self->vm, leaf) = GPA_DATA | ALL;
	table[0] = leaf | ALL;
	*entry(self->vm, VA + (1ull << 40), 3) = shared | ALL;
	EXPECT_TRUE(user_can_read(c, VA + (1ull << 40), 1000));
	ASSERT_EQ(ENTRY_USER, user_reads(c, VA));
	EXPECT_EQ(GPA_DATA | ALL, c->regs.rax & ~(PTE_A | PTE_D));
	/* one announcement counts for both */
	*(uint64_t *)at(self->vm, leaf + PAGE) = (GPA_DATA + PAGE) | ALL;
	set_entry(c, &table[0], (leaf + PAGE) | ALL);
	EXPECT_TRUE(user_can_read(c, VA + (1ull << 40), 1001));
	ASSERT_EQ(ENTRY_USER, user_reads(c, VA));
	EXPECT_EQ((GPA_DATA + PAGE) | ALL, c->regs.rax & ~(PTE_A | PTE_D));
	/* the table below, announced by its address */
	set_entry(c, at(self->vm, leaf + PAGE), (GPA_DATA + 2 * PAGE) | ALL);
	EXPECT_TRUE(user_can_read(c, VA + (1ull << 40), 1002));
	set_entry(c, &table[0], 0);
	EXPECT_TRUE(user_cannot_read(c, VA, 0));
	EXPECT_TRUE(user_cannot_read(c, VA + (1ull << 40), 0));
}

/* Tables of each level that several roots share, and several places of one root. */
TEST_F(own, shared_tables)
{
	struct cpu *c = self->cpu;
	uint64_t root[4];
	int level, i;

	*entry(self->vm, VA, 1) = GPA_DATA | ALL;
	for (level = 2; level <= 4; level++) {
		for (i = 0; i < 4; i++) {
			root[i] = new_root(self->vm);
			give_user_code(self->vm, root[i]);
			*entry_in(self->vm, root[i], VA, level) = *entry(self->vm, VA, level);
		}
		*entry(self->vm, VA + (1ull << 41), level) = *entry(self->vm, VA, level);
		*entry(self->vm, VA, 1) = GPA_DATA | ALL;
		for (i = 0; i < 4; i++) {
			switch_root(c, root[i]);
			EXPECT_TRUE(user_can_read(c, VA, 1000));
		}
		switch_root(c, GPA_TABLES);
		EXPECT_TRUE(user_can_read(c, VA, 1000));
		EXPECT_TRUE(user_can_read(c, VA + (1ull << 41), 1000));
		set_entry(c, entry(self->vm, VA, 1), (GPA_DATA + PAGE) | ALL);
		EXPECT_TRUE(user_can_read(c, VA, 1001));
		EXPECT_TRUE(user_can_read(c, VA + (1ull << 41), 1001));
		for (i = 0; i < 4; i++) {
			switch_root(c, root[i]);
			EXPECT_TRUE(user_can_read(c, VA, 1001));
		}
		switch_root(c, GPA_TABLES);
		set_entry(c, entry(self->vm, VA, 1), 0);
		for (i = 0; i < 4; i++) {
			switch_root(c, root[i]);
			EXPECT_TRUE(user_cannot_read(c, VA, 0));
			switch_root(c, GPA_TABLES);
			EXPECT_EQ(0, HYPERCALL(c, MMU_FORGET, root[i]));
		}
		set_entry(c, entry(self->vm, VA + (1ull << 41), level), 0);
	}
}

/* More roots than the switcher knows, 4 KiB apart: some share a place there. */
#define NR_ROOTS 300

static uint64_t root_of(struct vm *vm, uint8_t *more, unsigned int i)
{
	uint64_t gpa = GPA_MORE + i * 4 * PAGE, *table = (uint64_t *)(more + i * 4 * PAGE);

	/* the root is in the last page, in turn at all places of the switcher's table */
	table[(VA >> 12 & 511) + 1] = (GPA_DATA + i % DATA_PAGES * PAGE) | ALL;
	table[512 + (VA >> 21 & 511)] = gpa | ALL;
	table[1024 + (VA >> 30 & 511)] = (gpa + PAGE) | ALL;
	gpa = RAM_SIZE - (i + 1) * PAGE;
	memcpy(at(vm, gpa), at(vm, GPA_TABLES), PAGE);
	((uint64_t *)at(vm, gpa))[VA >> 39] = (GPA_MORE + (i * 4 + 2) * PAGE) | ALL;
	return gpa;
}

TEST_F_TIMEOUT(own, more_roots_than_the_switcher_knows, 300)
{
	uint8_t *more = more_memory(self->vm, 4 * NR_ROOTS * PAGE, 0);
	struct cpu *c = self->cpu;
	uint64_t root[NR_ROOTS], random = 88172645463325252;
	unsigned int i, n;

	/* first, the user's code, so that all of them have it */
	EXPECT_EQ(ENTRY_USER, go_served(c, code_user_ud2));
	for (i = 0; i < NR_ROOTS; i++)
		root[i] = root_of(self->vm, more, i);
	for (n = 0; n < 4 * NR_ROOTS; n++) {
		i = n < NR_ROOTS ? n : n < 2 * NR_ROOTS ? 2 * NR_ROOTS - 1 - n :
		    next_random(&random) % NR_ROOTS;
		switch_root(c, root[i]);
		ASSERT_EQ(root[i], get_sregs(c).cr3);
		ASSERT_TRUE(user_can_read(c, VA + PAGE, 1000 + i % DATA_PAGES))
			TH_LOG("root %u, switch %u", i, n);
		ASSERT_TRUE(can_read(c, KERNEL(GPA_DATA), 1000));
	}
	/* forgotten in turn, and used again */
	for (n = 0; n < NR_ROOTS; n++) {
		i = next_random(&random) % NR_ROOTS;
		ASSERT_EQ(0, HYPERCALL(c, MMU_FORGET, root[i]));
		i = next_random(&random) % NR_ROOTS;
		switch_root(c, root[i]);
		ASSERT_TRUE(user_can_read(c, VA + PAGE, 1000 + i % DATA_PAGES));
	}
}

/* The kernel's half of each root is the first one's. */
TEST_F(own, the_kernels_half_is_shared)
{
	uint64_t root = new_root(self->vm);
	struct cpu *c = self->cpu;
	int level;

	give_user_code(self->vm, root);
	for (level = 4; level >= 1; level--) {
		*entry(self->vm, KERNEL_EMPTY, 1) = GPA_DATA | PTE_P | PTE_W;
		((uint64_t *)at(self->vm, root))[KERNEL_EMPTY >> 39 & 511] =
			*entry(self->vm, KERNEL_EMPTY, 4);
		switch_root(c, root);
		EXPECT_TRUE(can_read(c, KERNEL_EMPTY, 1000));
		switch_root(c, GPA_TABLES);
		EXPECT_TRUE(can_read(c, KERNEL_EMPTY, 1000));
		if (level == 4)
			((uint64_t *)at(self->vm, root))[KERNEL_EMPTY >> 39 & 511] = 0;
		set_entry(c, entry(self->vm, KERNEL_EMPTY, level), 0);
		EXPECT_TRUE(cannot_read(c, KERNEL_EMPTY, 0));
		switch_root(c, root);
		EXPECT_TRUE(cannot_read(c, KERNEL_EMPTY, 0));
		switch_root(c, GPA_TABLES);
	}
}

/* What one vCPU changes and announces, the other sees when it has flushed. */
TEST_F(own, two_vcpus)
{
	struct cpu *c = self->cpu, *other = &self->vm->cpu[1];
	unsigned int i;

	pv_start_on_kvm(other, variant->flags);
	for (i = 0; i < 16; i++) {
		*entry(self->vm, VA, 1) = (GPA_DATA + i * PAGE) | ALL;
		EXPECT_TRUE(user_can_read(c, VA, 1000 + i));
		EXPECT_TRUE(user_can_read(other, VA, 1000 + i));
		set_entry(i % 2 ? c : other, entry(self->vm, VA, 1), 0);
		ASSERT_EQ(0, HYPERCALL(c, INVLPG, VA));
		ASSERT_EQ(0, HYPERCALL(other, INVLPG, VA));
		EXPECT_TRUE(user_cannot_read(c, VA, 0));
		EXPECT_TRUE(user_cannot_read(other, VA, 0));
	}
}

/* A vCPU that is not registered flushes as on a processor, and announces nothing. */
CODE(trap_flush, "mov %cr3, %rax\n mov %rax, %cr3\n" STOP);
CODE(trap_invlpg, "invlpg (%rdi)\n" STOP);

TEST_F(own, a_vcpu_that_is_not_registered)
{
	struct cpu *other = &self->vm->cpu[1];
	unsigned int i;

	for (i = 0; i < 16; i++) {
		*entry(self->vm, KERNEL_EMPTY, 1) = (GPA_DATA + i * PAGE) | PTE_P | PTE_W;
		if (i % 2) {
			ASSERT_EQ(STOPPED, go_kernel(other, trap_flush));
		} else {
			other->regs.rdi = KERNEL_EMPTY;
			ASSERT_EQ(STOPPED, go_kernel(other, trap_invlpg));
		}
		EXPECT_EQ(1000 + i, peek(other, KERNEL_EMPTY));
	}
	EXPECT_TRUE(can_check(self->cpu, KERNEL(GPA_DATA), 1000, DATA_PAGES));
}

static bool table_is_live(struct vm *vm, uint64_t va, int level)
{
	return is_live(vm, gpa_of(vm, entry(vm, va, level)));
}

/*
 * A bit is set for a table in use; for what is no table never, except for one that was: those
 * are here as they were made.
 */
TEST_F(own, the_bitmap)
{
	struct cpu *c = self->cpu;
	uint64_t gpa;
	int level;

	EXPECT_TRUE(can_check(c, KERNEL(GPA_DATA), 1000, DATA_PAGES));
	EXPECT_TRUE(user_can_check(c, USER(GPA_DATA), 1000, DATA_PAGES));
	*entry(self->vm, VA, 1) = GPA_DATA | ALL;
	EXPECT_TRUE(user_can_read(c, VA, 1000));
	for (level = 1; level <= 4; level++) {
		EXPECT_TRUE(table_is_live(self->vm, VA, level));
		EXPECT_TRUE(table_is_live(self->vm, KERNEL(GPA_DATA), level));
		EXPECT_TRUE(table_is_live(self->vm, USER(GPA_DATA), level));
	}
	for (gpa = 0; gpa < NR_LIVE * PAGE; gpa += PAGE)
		if (gpa < GPA_TABLES || gpa >= self->vm->next_table)
			EXPECT_FALSE(is_live(self->vm, gpa))
				TH_LOG("frame at %#lx", gpa);
	/* tables that are linked nowhere any more */
	gpa = gpa_of(self->vm, entry(self->vm, VA, 1));
	set_entry(c, entry(self->vm, VA, 2), 0);
	EXPECT_FALSE(is_live(self->vm, gpa));
}

/* Nobody is registered: the memory is the next kernel's, say. */
TEST_F(own, the_bitmap_after_unregister)
{
	struct cpu *c = self->cpu, *other = &self->vm->cpu[1];
	uint8_t was[PAGE];

	pv_start_on_kvm(other, variant->flags);
	EXPECT_TRUE(can_check(c, KERNEL(GPA_DATA), 1000, DATA_PAGES));
	ASSERT_EQ(0, HYPERCALL(c, VCPU_UNREGISTER));
	*entry(self->vm, KERNEL_EMPTY, 1) = GPA_DATA | PTE_P | PTE_W;
	EXPECT_TRUE(can_read(other, KERNEL_EMPTY, 1000));
	EXPECT_TRUE(table_is_live(self->vm, KERNEL_EMPTY, 1));
	ASSERT_EQ(0, HYPERCALL(other, VCPU_UNREGISTER));

	memset(was, 0xa5, PAGE);
	memset(at(self->vm, GPA_LIVE), 0xa5, PAGE);
	EXPECT_EQ(1000, peek(c, KERNEL_EMPTY));
	*entry(self->vm, KERNEL_EMPTY + (1ull << 39), 1) = (GPA_DATA + PAGE) | PTE_P | PTE_W;
	ASSERT_EQ(STOPPED, go_kernel(c, trap_flush));
	EXPECT_EQ(1001, peek(c, KERNEL_EMPTY + (1ull << 39)));
	*entry(self->vm, KERNEL_EMPTY + (1ull << 39), 4) = 0;
	ASSERT_EQ(STOPPED, go_kernel(c, trap_flush));
	EXPECT_EQ(1000, peek(other, KERNEL_EMPTY));
	EXPECT_EQ(0, memcmp(at(self->vm, GPA_LIVE), was, PAGE));

	/* and one that comes again has to say where the bitmap is */
	pv_start_on_kvm(c, variant->flags);
	EXPECT_EQ(1000, peek(c, KERNEL(GPA_DATA)));
	EXPECT_EQ(0, memcmp(at(self->vm, GPA_LIVE), was, PAGE));
	memset(at(self->vm, GPA_LIVE), 0, PAGE);
	leave_kvm_mmu(c);
	EXPECT_TRUE(can_read(c, KERNEL(GPA_DATA), 1000));
	EXPECT_TRUE(is_live(self->vm, GPA_TABLES));
}

/* To the VMM, with the right address; then everything is as before. */
TEST_F(own, mmio)
{
	struct cpu *c = self->cpu;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		uint64_t gpa = GPA_HOLE + i * PAGE;

		*entry(self->vm, VA + i * PAGE, 1) = gpa | ALL;
		*entry(self->vm, KERNEL_EMPTY + i * PAGE, 1) = gpa | PTE_P | PTE_W;
		c->regs.rdi = KERNEL_EMPTY + i * PAGE + 0x120;
		ASSERT_EQ(KVM(MMIO), go_kernel(c, code_peek));
		EXPECT_EQ(gpa + 0x120, c->run->mmio.phys_addr);
		EXPECT_EQ(8, c->run->mmio.len);
		EXPECT_EQ(0, c->run->mmio.is_write);
		memset(c->run->mmio.data, 0x11 * (i + 1), 8);
		ASSERT_EQ(STOPPED, resume(c));
		EXPECT_EQ(0x1111111111111111 * (i + 1), c->regs.rax);
		c->regs.rdi = KERNEL_EMPTY + i * PAGE + 0x128;
		c->regs.rax = 0x1234567 + i;
		ASSERT_EQ(KVM(MMIO), go_kernel(c, code_poke));
		EXPECT_EQ(gpa + 0x128, c->run->mmio.phys_addr);
		EXPECT_EQ(1, c->run->mmio.is_write);
		EXPECT_EQ(0x1234567 + i, *(uint64_t *)c->run->mmio.data);
		ASSERT_EQ(STOPPED, resume(c));

		ASSERT_EQ(KVM(MMIO), user_reads(c, VA + i * PAGE + 0x130));
		EXPECT_EQ(gpa + 0x130, c->run->mmio.phys_addr);
		EXPECT_EQ(0, c->run->mmio.is_write);
		memset(c->run->mmio.data, 0x22, 8);
		ASSERT_EQ(ENTRY_USER, resume(c));
		EXPECT_EQ(6, take(c).vector);
		EXPECT_EQ(0x2222222222222222, c->regs.rax);
		EXPECT_EQ(0, c->page->pf_exit);
		ASSERT_EQ(KVM(MMIO), user_writes(c, VA + i * PAGE + 0x138, 0x777));
		EXPECT_EQ(gpa + 0x138, c->run->mmio.phys_addr);
		EXPECT_EQ(1, c->run->mmio.is_write);
		EXPECT_EQ(0x777, *(uint64_t *)c->run->mmio.data);
		ASSERT_EQ(ENTRY_USER, resume(c));
		EXPECT_EQ(6, take(c).vector);

		/* code of the user's, where nothing is, is no way to go on */
		EXPECT_TRUE(user_can_read(c, USER(GPA_DATA), 1000));
		EXPECT_TRUE(can_read(c, KERNEL(GPA_DATA), 1000));
	}
}

/* A frame that becomes one of memory, and no one again. */
TEST_F(own, a_slot_comes_and_goes)
{
	struct cpu *c = self->cpu;
	void *more = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned int i;

	*entry(self->vm, VA, 1) = GPA_MORE | ALL;
	*entry(self->vm, KERNEL_EMPTY, 1) = GPA_MORE | PTE_P | PTE_W;
	for (i = 0; i < 8; i++) {
		c->regs.rdi = KERNEL_EMPTY;
		ASSERT_EQ(KVM(MMIO), go_kernel(c, code_peek));
		ASSERT_EQ(STOPPED, resume(c));
		ASSERT_EQ(KVM(MMIO), user_reads(c, VA));
		ASSERT_EQ(ENTRY_USER, resume(c));
		take(c);
		add_memory(self->vm, MORE_SLOT, GPA_MORE, more, PAGE, 0);
		*(uint64_t *)more = 0x100 + i;
		EXPECT_TRUE(can_read(c, KERNEL_EMPTY, 0x100 + i));
		EXPECT_TRUE(user_can_read(c, VA, 0x100 + i));
		EXPECT_TRUE(user_can_write(c, VA, 0x200 + i));
		EXPECT_EQ(0x200 + i, *(uint64_t *)more);
		add_memory(self->vm, MORE_SLOT, GPA_MORE, more, 0, 0);
	}
}

TEST_F(own, read_only_slots)
{
	uint64_t *more = more_memory(self->vm, 8 * PAGE, KVM_MEM_READONLY);
	struct cpu *c = self->cpu;
	unsigned int i;

	stamp_pages(more, 5000, 8);
	for (i = 0; i < 8; i++) {
		uint64_t gpa = GPA_MORE + i * PAGE;

		*entry(self->vm, VA + i * PAGE, 1) = gpa | ALL;
		*entry(self->vm, KERNEL_EMPTY + i * PAGE, 1) = gpa | PTE_P | PTE_W;
		EXPECT_TRUE(can_read(c, KERNEL_EMPTY + i * PAGE, 5000 + i));
		EXPECT_TRUE(user_can_read(c, VA + i * PAGE, 5000 + i));
		ASSERT_EQ(KVM(MMIO), kernel_writes(c, KERNEL_EMPTY + i * PAGE, 1));
		EXPECT_EQ(gpa, c->run->mmio.phys_addr);
		EXPECT_EQ(1, c->run->mmio.is_write);
		ASSERT_EQ(STOPPED, resume(c));
		ASSERT_EQ(KVM(MMIO), user_writes(c, VA + i * PAGE, 1));
		EXPECT_EQ(gpa, c->run->mmio.phys_addr);
		EXPECT_EQ(1, c->run->mmio.is_write);
		ASSERT_EQ(ENTRY_USER, resume(c));
		EXPECT_EQ(6, take(c).vector);
		EXPECT_TRUE(can_read(c, KERNEL_EMPTY + i * PAGE, 5000 + i));
	}
	EXPECT_TRUE(pages_have(more, 5000, 8));
}

/* CR3 that the VMM loads. */
TEST_F(own, the_vmm_switches_the_root)
{
	uint64_t root = new_root(self->vm);
	struct cpu *c = self->cpu;
	struct kvm_sregs sregs;
	unsigned int i;

	give_user_code(self->vm, root);
	*entry_in(self->vm, root, VA, 1) = (GPA_DATA + PAGE) | ALL;
	*entry(self->vm, VA, 1) = GPA_DATA | ALL;
	for (i = 0; i < 6; i++) {
		sregs = get_sregs(c);
		sregs.cr3 = i % 2 ? root : GPA_TABLES;
		IOCTL(c->fd, KVM_SET_SREGS, &sregs);
		EXPECT_TRUE(user_can_read(c, VA, 1000 + i % 2));
		EXPECT_EQ(sregs.cr3, get_sregs(c).cr3);
		switch_root(c, i % 2 ? GPA_TABLES : root);
		EXPECT_TRUE(user_can_read(c, VA, 1000 + !(i % 2)));
	}
}

/*
 * All roots are dropped while the other vCPU is in the guest by one of them, and their pages used
 * again. It flushes without an exit, so that each page of the walk counts, until there is
 * something at R8; R9 counts the rounds, and is in memory at R12.
 */
CODE(flush_and_read,
	"1: mov %rbx, %rax\n syscall\n mov (%rsi), %rdx\n cmp %rbp, %rdx\n jne 2f\n"
	"inc %r9\n mov %r9, (%r12)\n mov (%r8), %rax\n test %rax, %rax\n jz 1b\n 2:" STOP);

#define NR_DROPS	200
#define NR_DROPPED	24

static void *run_on(void *arg)
{
	static enum stop stop;

	stop = go_kernel(arg, flush_and_read);
	while (stop == INTERRUPTED)
		stop = resume(arg);
	return &stop;
}

TEST_F_TIMEOUT(own, roots_are_dropped_under_the_other_vcpu, 120)
{
	volatile uint64_t *stop_at = at(self->vm, GPA_DATA + 0x10008);
	volatile uint64_t *rounds = at(self->vm, GPA_DATA + 0x20008);
	struct cpu *c = self->cpu, *other = &self->vm->cpu[1];
	uint64_t root[NR_DROPPED], before;
	struct kvm_sregs sregs;
	unsigned int n, i;
	pthread_t thread;
	void *stop;

	pv_start_on_kvm(other, variant->flags);
	for (i = 0; i < NR_DROPPED; i++) {
		root[i] = new_root(self->vm);
		give_user_code(self->vm, root[i]);
		*entry_in(self->vm, root[i], VA, 1) = (GPA_DATA + i * PAGE) | ALL;
	}
	switch_root(other, root[0]);
	other->regs.rbx = RING1_HC_FLUSH_TLB;
	other->regs.rsi = KERNEL(GPA_DATA);
	other->regs.rbp = 1000;
	other->regs.r8 = KERNEL(GPA_DATA + 0x10008);
	other->regs.r9 = 0;
	other->regs.r12 = KERNEL(GPA_DATA + 0x20008);
	*stop_at = *rounds = 0;
	ASSERT_EQ(0, pthread_create(&thread, NULL, run_on, other));
	for (n = 0; n < NR_DROPS; n++) {
		before = *rounds;
		EXPECT_TRUE(WITHIN_LIMIT(*rounds != before));
		sregs = get_sregs(c);
		sregs.cr3 = root[n % NR_DROPPED];
		IOCTL(c->fd, KVM_SET_SREGS, &sregs);
		for (i = 1; i < NR_DROPPED; i++) {
			switch_root(c, root[(n + i) % NR_DROPPED]);
			ASSERT_TRUE(user_can_read(c, VA, 1000 + (n + i) % NR_DROPPED));
		}
	}
	*stop_at = 1;
	ASSERT_EQ(0, pthread_join(thread, &stop));
	TH_LOG("%llu rounds", other->regs.r9);
	EXPECT_EQ(STOPPED, *(enum stop *)stop);
	EXPECT_EQ(1000, other->regs.rdx);
}

/* MOV to CR3 and INVLPG, which are emulated. */
CODE(mov_cr3, "mov %rdi, %cr3\n" STOP);

TEST_F(own, the_guest_switches_by_instruction)
{
	uint64_t root = new_root(self->vm);
	struct cpu *c = self->cpu;
	unsigned int i;

	give_user_code(self->vm, root);
	*entry_in(self->vm, root, VA, 1) = (GPA_DATA + PAGE) | ALL;
	*entry(self->vm, VA, 1) = GPA_DATA | ALL;
	for (i = 0; i < 6; i++) {
		c->regs.rdi = i % 2 ? root : GPA_TABLES;
		ASSERT_EQ(STOPPED, go_kernel(c, mov_cr3));
		EXPECT_TRUE(user_can_read(c, VA, 1000 + i % 2));
	}
}

TEST_HARNESS_MAIN
