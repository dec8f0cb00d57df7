// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    mmu_forget() drops what the monitor has of a root's user half: the tables below it
 *           are live no more, and what is used again is read anew; the kernel's root cannot be
 *           forgotten, and what is no root can be, without effect
 * How:      forgets roots in use and not in use, with tables of their own and shared ones,
 *           on one vCPU and while the other is on it
 * Catches:  entries of a process that is gone; a root that no vCPU can be on any more
 */
#include "ownmmu.h"

#define VA	USER_EMPTY

/* A root with a page of its own, by tables of its own. */
static uint64_t user_root(struct vm *vm, uint64_t gpa)
{
	uint64_t root = new_root(vm);

	give_user_code(vm, root);
	*entry_in(vm, root, VA, 1) = gpa | PTE_P | PTE_W | PTE_U;
	return root;
}

static bool tables_are_live(struct vm *vm, uint64_t root)
{
	int level;

	for (level = 1; level <= 4; level++)
		if (!is_live(vm, gpa_of(vm, entry_in(vm, root, VA, level))))
			return false;
	return true;
}

static bool no_table_is_live(struct vm *vm, uint64_t root)
{
	int level;

	for (level = 1; level <= 3; level++)
		if (is_live(vm, gpa_of(vm, entry_in(vm, root, VA, level)))) {
			printf("# a table of level %d is live\n", level);
			return false;
		}
	return true;
}

TEST_F(own, forgets)
{
	uint64_t root = user_root(self->vm, GPA_DATA);
	struct cpu *c = self->cpu;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		*entry_in(self->vm, root, VA, 1) = (GPA_DATA + i * PAGE) | PTE_P | PTE_W | PTE_U;
		switch_root(c, root);
		EXPECT_TRUE(user_can_read(c, VA, 1000 + i));
		EXPECT_TRUE(tables_are_live(self->vm, root));
		switch_root(c, GPA_TABLES);
		ASSERT_EQ(0, HYPERCALL(c, MMU_FORGET, root));
		EXPECT_TRUE(no_table_is_live(self->vm, root));
		EXPECT_TRUE(user_cannot_read(c, VA, 0));
	}
	EXPECT_TRUE(user_can_check(c, USER(GPA_DATA), 1000, DATA_PAGES));
}

/* While it is on it: the kernel's half stays, and so does what the tables still say. */
TEST_F(own, a_root_in_use)
{
	uint64_t root = user_root(self->vm, GPA_DATA);
	struct cpu *c = self->cpu;

	switch_root(c, root);
	EXPECT_TRUE(user_can_read(c, VA, 1000));
	ASSERT_EQ(0, HYPERCALL(c, MMU_FORGET, root));
	EXPECT_TRUE(can_check(c, KERNEL(GPA_DATA), 1000, DATA_PAGES));
	EXPECT_TRUE(user_can_read(c, VA, 1000));
	/* plain stores behind it, of tables that are not live */
	ASSERT_EQ(0, HYPERCALL(c, MMU_FORGET, root));
	*entry_in(self->vm, root, VA, 1) = (GPA_DATA + PAGE) | PTE_P | PTE_W | PTE_U;
	EXPECT_TRUE(user_can_read(c, VA, 1001));
	ASSERT_EQ(0, HYPERCALL(c, MMU_FORGET, root));
	*entry_in(self->vm, root, VA, 4) = 0;
	EXPECT_TRUE(user_cannot_read(c, VA, 0));
}

TEST_F(own, a_root_that_the_other_vcpu_uses)
{
	uint64_t root = user_root(self->vm, GPA_DATA);
	struct cpu *c = self->cpu, *other = &self->vm->cpu[1];

	pv_start_on_kvm(other, variant->flags);
	switch_root(other, root);
	EXPECT_TRUE(user_can_read(other, VA, 1000));
	ASSERT_EQ(0, HYPERCALL(c, MMU_FORGET, root));
	EXPECT_TRUE(can_check(other, KERNEL(GPA_DATA), 1000, DATA_PAGES));
	*entry_in(self->vm, root, VA, 1) = (GPA_DATA + PAGE) | PTE_P | PTE_W | PTE_U;
	EXPECT_TRUE(user_can_read(other, VA, 1001));
}

/* A table of two roots is live as long as one of them uses it. */
TEST_F(own, shared_tables)
{
	uint64_t root = user_root(self->vm, GPA_DATA), second = new_root(self->vm);
	struct cpu *c = self->cpu;

	give_user_code(self->vm, second);
	*entry_in(self->vm, second, VA, 4) = *entry_in(self->vm, root, VA, 4);
	switch_root(c, root);
	EXPECT_TRUE(user_can_read(c, VA, 1000));
	switch_root(c, second);
	EXPECT_TRUE(user_can_read(c, VA, 1000));
	ASSERT_EQ(0, HYPERCALL(c, MMU_FORGET, root));
	EXPECT_TRUE(tables_are_live(self->vm, second));
	set_entry(c, entry_in(self->vm, second, VA, 1), (GPA_DATA + PAGE) | PTE_P | PTE_U);
	EXPECT_TRUE(user_can_read(c, VA, 1001));
	ASSERT_EQ(0, HYPERCALL(c, MMU_FORGET, second));
	EXPECT_TRUE(no_table_is_live(self->vm, second));
}

/* Its page becomes another process's: as many of them as it takes to use pages again. */
TEST_F(own, the_same_page_many_times)
{
	uint64_t root = user_root(self->vm, GPA_DATA);
	struct cpu *c = self->cpu;
	unsigned int i;

	for (i = 0; i < 300; i++) {
		*entry_in(self->vm, root, VA, 1) =
			(GPA_DATA + i % DATA_PAGES * PAGE) | PTE_P | PTE_W | PTE_U;
		switch_root(c, root);
		ASSERT_TRUE(user_can_read(c, VA, 1000 + i % DATA_PAGES));
		ASSERT_EQ(0, HYPERCALL(c, MMU_FORGET, root));
	}
}

TEST_F(own, the_kernels_root)
{
	EXPECT_EQ(-EINVAL, HYPERCALL(self->cpu, MMU_FORGET, GPA_TABLES));
	EXPECT_TRUE(user_can_check(self->cpu, USER(GPA_DATA), 1000, DATA_PAGES));
}

/* Not aligned, not RAM, a table that is none or is one of another level. */
TEST_F(own, what_is_no_root)
{
	static const uint64_t address[] = {
		0, GPA_DATA, RAM_SIZE, 0xfee00000, 1ull << 40, 1ull << 52, 1ull << 63, -1ull,
		-PAGE, GPA_TABLES + PAGE, GPA_TABLES + 8, GPA_TABLES + 0xfff, KERNEL(GPA_TABLES),
	};
	struct cpu *c = self->cpu;
	unsigned int i;
	int64_t ret;

	for (i = 0; i < ARRAY_SIZE(address); i++) {
		ret = HYPERCALL(c, MMU_FORGET, address[i]);
		EXPECT_TRUE(ret == 0 || ret == -EINVAL)
			TH_LOG("%#lx: %ld", address[i], ret);
	}
	EXPECT_TRUE(user_can_check(c, USER(GPA_DATA), 1000, DATA_PAGES));
	EXPECT_TRUE(can_check(c, KERNEL(GPA_DATA), 1000, DATA_PAGES));
}

TEST_F(trap, before_mmu_register)
{
	struct cpu *c = self->cpu;
	int64_t ret;

	pv_start_on_kvm(c, 0);
	ret = HYPERCALL(c, MMU_FORGET, GPA_DATA);
	EXPECT_TRUE(ret == 0 || ret == -EINVAL);
	ASSERT_EQ(ENTRY_USER, go_user(c, code_user_ud2));
	EXPECT_EQ(6, take(c).vector);
}

TEST_RING3(MMU_FORGET)

TEST_HARNESS_MAIN
