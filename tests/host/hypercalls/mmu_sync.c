// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    mmu_sync() makes an address accessible if the guest's tables allow that, and says 1
 *           if not; then A and D are set as a processor does; an operation that names what is
 *           no table in use costs nothing; wrong arguments change nothing
 * How:      every kind of access to entries of every kind; entries that are changed before
 *           the call; arguments with one fault each; 64 operations, good ones and wild ones
 * Catches:  a permission that is not looked at, at any of the four levels; an operation that
 *           is believed; an access that is only possible until the next exit
 */
#include "ownmmu.h"

#define VA	(USER_EMPTY + 5 * PAGE)

/* An entry of its own in tables of its own. */
static uint64_t *entry(struct vm *vm, int level)
{
	return entry_in(vm, GPA_TABLES, VA, level);
}

TEST_F(own, arguments)
{
	struct cpu *c = self->cpu;
	int bit;

	EXPECT_EQ(0, HYPERCALL(c, MMU_SYNC, 0, 0, 0));
	EXPECT_EQ(0, HYPERCALL(c, MMU_SYNC, 64, 0, 0));
	EXPECT_EQ(-EINVAL, HYPERCALL(c, MMU_SYNC, 65, 0, 0));
	EXPECT_EQ(-EINVAL, HYPERCALL(c, MMU_SYNC, 512, 0, 0));
	EXPECT_EQ(-EINVAL, HYPERCALL(c, MMU_SYNC, 0xffffffff, 0, 0));
	EXPECT_TRUE(refuses_high_bits(c, RING1_HC_MMU_SYNC, 1, 0, 0));
	for (bit = 0; bit < 64; bit++) {
		uint64_t bits = 1ull << bit;

		if (bits & ACCESS(ERROR_W | ERROR_U | ERROR_I))
			continue;
		EXPECT_EQ(-EINVAL, HYPERCALL(c, MMU_SYNC, 0, KERNEL(0), ACCESS(bits)))
			TH_LOG("bit %d", bit);
	}
	/* bits, and not the one that says that they are valid */
	for (bit = 0; bit < 31; bit++)
		EXPECT_EQ(-EINVAL, HYPERCALL(c, MMU_SYNC, 0, KERNEL(0), 1ull << bit))
			TH_LOG("bit %d", bit);
	EXPECT_TRUE(can_check(c, KERNEL(GPA_DATA), 1000, DATA_PAGES));
}

/* The tables at a level, what is to fail with the entry as it is, and what not. */
static const struct kind {
	uint64_t taken;			/* from P, W and U, all there */
	uint64_t given;
	uint32_t allowed;		/* one bit for each of the eight accesses, U W I */
} kinds[] = {
#define ALLOW(u, w, i) (1u << ((u) | (w) << 1 | (i) << 2))
#define READS		(ALLOW(0, 0, 0) | ALLOW(1, 0, 0))
#define WRITES		(ALLOW(0, 1, 0) | ALLOW(1, 1, 0))
#define USER_JUMPS	ALLOW(1, 0, 1)
	{ 0, 0, READS | WRITES | USER_JUMPS },
	{ PTE_P, 0, 0 },
	{ PTE_W, 0, READS | USER_JUMPS },
	{ PTE_U, 0, ALLOW(0, 0, 0) | ALLOW(0, 1, 0) | ALLOW(0, 0, 1) },
	{ PTE_W | PTE_U, 0, ALLOW(0, 0, 0) | ALLOW(0, 0, 1) },
	{ 0, PTE_NX, READS | WRITES },
	{ PTE_W, PTE_NX, READS },
	{ PTE_U, PTE_NX, ALLOW(0, 0, 0) | ALLOW(0, 1, 0) },
};

/* A user's page for the kernel: SMAP refuses data without AC, so only fetches are sure. */
static bool is_sure(const struct kind *kind, uint32_t error)
{
	return error & (ERROR_U | ERROR_I) || kind->taken & (PTE_U | PTE_P);
}

/* One access; what is below is there, and accessed and dirty already or not. */
static bool is_as_told(struct vm *vm, struct cpu *c, int level, const struct kind *kind,
		       unsigned int bits, uint64_t flags)
{
	uint32_t error = (bits & 1 ? ERROR_U : 0) | (bits & 2 ? ERROR_W : 0) |
			 (bits & 4 ? ERROR_I : 0);
	const uint64_t page = GPA_DATA | PTE_P | PTE_W | PTE_U;
	uint64_t *leaf = entry(vm, 1), *e = entry(vm, level);
	uint64_t was = level == 1 ? page : *e & ~(PTE_A | PTE_D);
	bool refused;

	if ((bits & 6) == 6 || !is_sure(kind, error))
		return true;
	if (flags) {
		/* The monitor has the tables, and keeps them when rights are taken. */
		set_entry(c, e, was | flags);
		*leaf = page | flags;
		sync_address(c, VA, ERROR_U);
	}
	set_entry(c, leaf, 0);
	set_entry(c, e, (was & ~kind->taken) | kind->given | flags);
	if (level > 1)
		*leaf = page | flags;
	refused = sync_address(c, VA, error);
	set_entry(c, e, was);
	return refused == !(kind->allowed >> bits & 1);
}

TEST_F(own, every_access_at_every_level)
{
	struct vm *vm = self->vm;
	struct cpu *c = self->cpu;
	unsigned int i, bits;
	int level;

	for (level = 1; level <= 4; level++)
		for (i = 0; i < ARRAY_SIZE(kinds); i++)
			for (bits = 0; bits < 8; bits++) {
				EXPECT_TRUE(is_as_told(vm, c, level, &kinds[i], bits, 0))
					TH_LOG("level %d, kind %u, access %u", level, i, bits);
				EXPECT_TRUE(is_as_told(vm, c, level, &kinds[i], bits,
						       PTE_A | PTE_D))
					TH_LOG("level %d, kind %u, access %u, used before",
					       level, i, bits);
			}
}

TEST_F(own, addresses_nobody_can_have)
{
	static const uint64_t address[] = {
		1ull << 47, (1ull << 47) + VA, 1ull << 63, 0xffff7fffffffffff, 0x7fffffffffff,
		RING1_SLOT_BASE, RING1_SLOT_BASE + PAGE, RING1_SLOT_BASE + (1ull << 39) - 1,
	};
	struct cpu *c = self->cpu;
	unsigned int i, bits;

	for (i = 0; i < ARRAY_SIZE(address); i++)
		for (bits = 0; bits < 0x18; bits += 2)
			if (!(bits & 8))
				EXPECT_EQ(1, sync_address(c, address[i], bits))
					TH_LOG("%#lx, error code %#x", address[i], bits);
	/* the upper half, for ring 3, whatever the tables say */
	*pte(self->vm, KERNEL_EMPTY) = GPA_DATA | PTE_P | PTE_W | PTE_U;
	EXPECT_EQ(1, sync_address(c, KERNEL_EMPTY, ERROR_U));
	EXPECT_TRUE(can_check(c, KERNEL(GPA_DATA), 1000, DATA_PAGES));
}

/* In the entry that is used, A; D by a write, in the last one only. */
TEST_F(own, accessed_and_dirty)
{
	struct cpu *c = self->cpu;
	int level;

	*entry(self->vm, 1) = GPA_DATA | PTE_P | PTE_W | PTE_U;
	ASSERT_EQ(0, sync_address(c, VA, ERROR_U));
	for (level = 4; level >= 1; level--)
		EXPECT_EQ(PTE_A, *entry(self->vm, level) & (PTE_A | PTE_D));
	EXPECT_TRUE(user_can_read(c, VA, 1000));
	EXPECT_EQ(PTE_A, *entry(self->vm, 1) & (PTE_A | PTE_D));
	ASSERT_EQ(0, sync_address(c, VA, ERROR_U | ERROR_W));
	for (level = 4; level >= 1; level--)
		EXPECT_EQ(PTE_A | (level == 1 ? PTE_D : 0),
			  *entry(self->vm, level) & (PTE_A | PTE_D));
	EXPECT_TRUE(user_can_write(c, VA, 1));
	/* taken away again, and announced: they come back with the next access */
	set_entry(c, entry(self->vm, 1), GPA_DATA | PTE_P | PTE_W | PTE_U);
	EXPECT_TRUE(user_can_read(c, VA, 1));
	EXPECT_EQ(PTE_A, *entry(self->vm, 1) & (PTE_A | PTE_D));
	EXPECT_TRUE(user_can_write(c, VA, 2));
	EXPECT_EQ(PTE_A | PTE_D, *entry(self->vm, 1) & (PTE_A | PTE_D));
}

/* A refused access sets none in the last entry. */
TEST_F(own, a_refusal_leaves_no_trace)
{
	struct cpu *c = self->cpu;

	*entry(self->vm, 1) = GPA_DATA | PTE_P | PTE_U;
	ASSERT_EQ(1, sync_address(c, VA, ERROR_U | ERROR_W));
	EXPECT_EQ(0, *entry(self->vm, 1) & PTE_D);
	*entry(self->vm, 1) = GPA_DATA | PTE_P | PTE_W;
	ASSERT_EQ(1, sync_address(c, VA, ERROR_U));
	EXPECT_EQ(0, *entry(self->vm, 1) & (PTE_A | PTE_D));
	*entry(self->vm, 1) = GPA_DATA | PTE_W | PTE_U;
	ASSERT_EQ(1, sync_address(c, VA, ERROR_U));
	EXPECT_EQ(GPA_DATA | PTE_W | PTE_U, *entry(self->vm, 1));
}

/* Both in one call: the operations come first. */
TEST_F(own, operations_and_an_address)
{
	struct cpu *c = self->cpu;
	unsigned int i;

	*entry(self->vm, 1) = GPA_DATA | PTE_P | PTE_W | PTE_U;
	EXPECT_TRUE(user_can_read(c, VA, 1000));
	for (i = 1; i < 8; i++) {
		*entry(self->vm, 1) = (GPA_DATA + i * PAGE) | PTE_P | PTE_W | PTE_U;
		c->page->mmu_op[0] = RING1_MMU_OP(gpa_of(self->vm, entry(self->vm, 1)), 1);
		ASSERT_EQ(0, HYPERCALL(c, MMU_SYNC, 1, VA, ACCESS(ERROR_U)));
		ASSERT_EQ(0, HYPERCALL(c, INVLPG, VA));
		EXPECT_TRUE(user_can_read(c, VA, 1000 + i));
	}
	*entry(self->vm, 1) = 0;
	ASSERT_EQ(1, HYPERCALL(c, MMU_SYNC, 1, VA, ACCESS(ERROR_U)));
	EXPECT_TRUE(user_cannot_read(c, VA, 0));
}

/* As many as there can be, over two tables each. */
TEST_F(own, sixty_four_operations)
{
	const uint64_t va = USER_EMPTY;
	struct cpu *c = self->cpu;
	unsigned int i;

	for (i = 0; i < 64; i++)
		*pte(self->vm, va + i * PAGE) = (GPA_DATA + i * PAGE) | PTE_P | PTE_W | PTE_U;
	EXPECT_TRUE(user_can_check(c, va, 1000, 64));
	for (i = 0; i < 64; i++) {
		uint64_t *e = pte(self->vm, va + i * PAGE);

		*e = (GPA_DATA + (64 + i) * PAGE) | PTE_P | PTE_W | PTE_U;
		c->page->mmu_op[63 - i] = RING1_MMU_OP(gpa_of(self->vm, e), 1);
	}
	ASSERT_EQ(0, HYPERCALL(c, MMU_SYNC, 64, 0, 0));
	ASSERT_EQ(0, HYPERCALL(c, FLUSH_TLB));
	EXPECT_TRUE(user_can_check(c, va, 1064, 64));
	/* one operation for all of them, and for more than its table has */
	for (i = 0; i < 64; i++)
		*pte(self->vm, va + i * PAGE) = (GPA_DATA + i * PAGE) | PTE_P | PTE_W | PTE_U;
	announce(c, gpa_of(self->vm, pte(self->vm, va)), 512);
	ASSERT_EQ(0, HYPERCALL(c, FLUSH_TLB));
	EXPECT_TRUE(user_can_check(c, va, 1000, 64));
}

/* Those behind the number are not read. */
TEST_F(own, operations_beyond_the_number)
{
	struct cpu *c = self->cpu;
	unsigned int i;

	for (i = 0; i < 64; i++)
		c->page->mmu_op[i] = -1ull;
	EXPECT_EQ(0, HYPERCALL(c, MMU_SYNC, 0, VA, 0));
	EXPECT_EQ(0, HYPERCALL(c, MMU_SYNC, 64, VA, 0));
	EXPECT_TRUE(can_check(c, KERNEL(GPA_DATA), 1000, DATA_PAGES));
}

/* On KVM's MMU it has nothing to do, and the guest that calls it goes on. */
TEST_F(trap, before_mmu_register)
{
	struct cpu *c = self->cpu;
	int64_t ret;

	pv_start_on_kvm(c, 0);
	c->page->mmu_op[0] = RING1_MMU_OP(GPA_TABLES, 512);
	ret = HYPERCALL(c, MMU_SYNC, 1, USER(GPA_DATA), ACCESS(ERROR_U));
	TH_LOG("mmu_sync: %ld", ret);
	EXPECT_TRUE(ret == 0 || ret == -EINVAL);
	EXPECT_EQ(-EINVAL, HYPERCALL(c, MMU_SYNC, 65, 0, 0));
	ASSERT_EQ(ENTRY_USER, go_user(c, code_user_ud2));
	EXPECT_EQ(6, take(c).vector);
}

/* A vCPU without a shared page has no operations. */
TEST_F(own, from_a_vcpu_that_is_not_registered)
{
	struct cpu *other = &self->vm->cpu[1];
	int64_t ret = HYPERCALL(other, MMU_SYNC, 64, KERNEL(GPA_DATA), ACCESS(0));

	TH_LOG("mmu_sync: %ld", ret);
	EXPECT_TRUE(ret == 0 || ret == -EINVAL);
	EXPECT_EQ(1000, peek(other, KERNEL(GPA_DATA)));
	EXPECT_TRUE(can_check(self->cpu, KERNEL(GPA_DATA), 1000, DATA_PAGES));
}

TEST_RING3(MMU_SYNC)

TEST_HARNESS_MAIN
