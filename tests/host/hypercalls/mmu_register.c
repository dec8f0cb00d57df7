// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    mmu_register() takes a root and a bitmap in RAM and nothing else; a call that
 *           fails changes nothing, one more replaces what was said before; a vCPU that is
 *           not registered harms nobody by it
 * How:      good arguments with one fault each; another root and bitmap; the same from a
 *           trap vCPU, and a second vCPU that is registered later
 * Catches:  a bitmap outside memory; a root that is kept; a vCPU that stays on KVM's MMU
 */
#include "ownmmu.h"

#define GPA_LIVE2	(GPA_LIVE + PAGE)
#define MMIO		0xfee00000

static int64_t try(struct cpu *c, uint64_t root, uint64_t live, uint64_t nr, uint64_t flags)
{
	return HYPERCALL(c, MMU_REGISTER, root, live, nr, flags);
}

static bool works(struct cpu *c)
{
	uint64_t stamp = *(uint64_t *)at(c->vm, GPA_DATA);

	return can_read(c, KERNEL(GPA_DATA), stamp) && user_can_read(c, USER(GPA_DATA), stamp) &&
	       can_write(c, KERNEL(GPA_DATA), stamp + 1) &&
	       *(uint64_t *)at(c->vm, GPA_DATA) == stamp + 1;
}

static bool bitmap_is_empty(struct vm *vm, uint64_t live)
{
	static const uint8_t empty[PAGE];

	return !memcmp(at(vm, live), empty, PAGE);
}

TEST_F(trap, registers)
{
	struct cpu *c = self->cpu;

	pv_start_on_kvm(c, 0);
	ASSERT_EQ(0, try(c, GPA_TABLES, GPA_LIVE, NR_LIVE, 0));
	EXPECT_TRUE(works(c));
	EXPECT_FALSE(bitmap_is_empty(self->vm, GPA_LIVE));
}

TEST_F(own, wants_alignment)
{
	static const uint64_t offset[] = { 1, 2, 4, 8, 0x18, 0x800, 0xfff };
	struct cpu *c = self->cpu;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(offset); i++)
		EXPECT_EQ(-EINVAL, try(c, GPA_TABLES + offset[i], GPA_LIVE, NR_LIVE, 0));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(-EINVAL, try(c, GPA_TABLES, GPA_LIVE + offset[i], NR_LIVE, 0));
	EXPECT_TRUE(works(c));
}

TEST_F(own, has_no_flags)
{
	struct cpu *c = self->cpu;
	int bit;

	for (bit = 0; bit < 64; bit++)
		EXPECT_EQ(-EINVAL, try(c, GPA_TABLES, GPA_LIVE, NR_LIVE, 1ull << bit))
			TH_LOG("bit %d", bit);
	EXPECT_TRUE(works(c));
}

TEST_F(own, has_a_largest_bitmap)
{
	static const uint64_t nr[] = {
		(1ull << 32) + 1, (1ull << 32) + 64, 1ull << 33, 1ull << 40, 1ull << 63, -1ull,
	};
	struct cpu *c = self->cpu;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(nr); i++)
		EXPECT_EQ(-EINVAL, try(c, GPA_TABLES, GPA_LIVE, nr[i], 0))
			TH_LOG("%#lx frames", nr[i]);
	EXPECT_TRUE(works(c));
}

/* None of it is there: whether the call fails or not, nothing but memory is written. */
TEST_F(own, a_bitmap_of_which_only_the_beginning_is_there)
{
	struct cpu *c = self->cpu;
	int64_t ret = try(c, GPA_TABLES, GPA_LIVE2, 1ull << 32, 0);

	EXPECT_TRUE(ret == 0 || ret == -EFAULT || ret == -ENOMEM);
	EXPECT_TRUE(works(c));
	ret = try(c, GPA_TABLES, RAM_SIZE - PAGE, 2 * NR_LIVE, 0);
	EXPECT_TRUE(ret == 0 || ret == -EFAULT);
	EXPECT_TRUE(works(c));
}

TEST_F(own, wants_ram)
{
	static const uint64_t not_ram[] = {
		RAM_SIZE, MMIO & -PAGE, 1ull << 40, 1ull << 52, 1ull << 63, -PAGE,
		KERNEL(GPA_TABLES),
	};
	struct cpu *c = self->cpu;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(not_ram); i++) {
		EXPECT_EQ(-EFAULT, try(c, not_ram[i], GPA_LIVE, NR_LIVE, 0))
			TH_LOG("root at %#lx", not_ram[i]);
		EXPECT_EQ(-EFAULT, try(c, GPA_TABLES, not_ram[i], NR_LIVE, 0))
			TH_LOG("bitmap at %#lx", not_ram[i]);
	}
	EXPECT_TRUE(works(c));
}

TEST_F(own, wants_memory_it_may_write)
{
	more_memory(self->vm, PAGE, KVM_MEM_READONLY);
	EXPECT_EQ(-EFAULT, try(self->cpu, GPA_TABLES, GPA_MORE, NR_LIVE, 0));
	EXPECT_TRUE(works(self->cpu));
}

/* On KVM's MMU as well. */
TEST_F(trap, a_failure_leaves_kvms_mmu)
{
	struct cpu *c = self->cpu;

	pv_start_on_kvm(c, 0);
	EXPECT_EQ(-EINVAL, try(c, GPA_TABLES, GPA_LIVE, NR_LIVE, 1));
	EXPECT_EQ(-EFAULT, try(c, RAM_SIZE, GPA_LIVE, NR_LIVE, 0));
	ASSERT_EQ(ENTRY_USER, go_user(c, code_user_ud2));
	EXPECT_EQ(6, take(c).vector);
	EXPECT_TRUE(bitmap_is_empty(self->vm, GPA_LIVE));
}

/* What the old bitmap says does not change any more; what the new one says is true. */
TEST_F(own, another_call_replaces)
{
	struct cpu *c = self->cpu;
	uint8_t was[PAGE];

	EXPECT_TRUE(works(c));
	ASSERT_EQ(0, try(c, GPA_TABLES, GPA_LIVE2, NR_LIVE, 0));
	memset(at(self->vm, GPA_LIVE), 0x5a, PAGE);
	memset(was, 0x5a, PAGE);
	EXPECT_TRUE(works(c));
	*pte(self->vm, KERNEL_EMPTY) = GPA_DATA | PTE_P | PTE_W;
	EXPECT_TRUE(can_write(c, KERNEL_EMPTY, 1));
	EXPECT_EQ(0, memcmp(at(self->vm, GPA_LIVE), was, PAGE));
	EXPECT_FALSE(bitmap_is_empty(self->vm, GPA_LIVE2));
	EXPECT_TRUE(works(c));
}

/* Another root for the kernel's half: what only the old one has is gone. */
TEST_F(own, another_root_replaces)
{
	uint64_t root = new_root(self->vm);
	struct cpu *c = self->cpu;

	give_user_code(self->vm, root);
	*pte(self->vm, KERNEL_EMPTY) = GPA_DATA | PTE_P | PTE_W;
	EXPECT_TRUE(can_write(c, KERNEL_EMPTY, 1));
	ASSERT_EQ(0, try(c, root, GPA_LIVE, NR_LIVE, 0));
	switch_root(c, root);
	EXPECT_TRUE(cannot_read(c, KERNEL_EMPTY, 0));
	EXPECT_TRUE(works(c));
}

TEST_F(own, many_times)
{
	struct cpu *c = self->cpu;
	unsigned int i;

	for (i = 0; i < 200; i++) {
		ASSERT_EQ(0, try(c, GPA_TABLES, i % 2 ? GPA_LIVE : GPA_LIVE2, NR_LIVE, 0));
		ASSERT_TRUE(works(c));
	}
}

/* No frame has a bit: none is written, and the guest announces all. */
TEST_F(own, an_empty_bitmap)
{
	struct cpu *c = self->cpu;

	ASSERT_EQ(0, try(c, GPA_TABLES, GPA_LIVE2, 0, 0));
	EXPECT_TRUE(works(c));
	EXPECT_TRUE(bitmap_is_empty(self->vm, GPA_LIVE2));
}

/* Frames that have none are not written behind the bitmap's end. */
TEST_F(own, the_bitmap_has_an_end)
{
	struct cpu *c = self->cpu;
	uint8_t was[PAGE];

	memset(was, 0xa5, PAGE);
	memcpy(at(self->vm, GPA_LIVE2), was, PAGE);
	memset(at(self->vm, GPA_LIVE2), 0, GPA_TABLES / PAGE / 8 + 8);
	/* its last frame is the root's */
	ASSERT_EQ(0, try(c, GPA_TABLES, GPA_LIVE2, GPA_TABLES / PAGE + 1, 0));
	EXPECT_TRUE(works(c));
	*pte(self->vm, KERNEL_EMPTY) = GPA_DATA | PTE_P | PTE_W;
	EXPECT_TRUE(can_write(c, KERNEL_EMPTY, 1));
	EXPECT_EQ(1, *((uint8_t *)at(self->vm, GPA_LIVE2) + GPA_TABLES / PAGE / 8));
	memset(at(self->vm, GPA_LIVE2), 0xa5, GPA_TABLES / PAGE / 8 + 8);
	EXPECT_EQ(0, memcmp(at(self->vm, GPA_LIVE2), was, PAGE));
}

/* Before vcpu_register(), and with nobody registered: no error is defined, no harm allowed. */
TEST_F(trap, from_a_trap_vcpu)
{
	struct cpu *c = self->cpu;
	int64_t ret = try(c, GPA_TABLES, GPA_LIVE, NR_LIVE, 0);

	TH_LOG("mmu_register: %ld", ret);
	EXPECT_TRUE(bitmap_is_empty(self->vm, GPA_LIVE));
	EXPECT_EQ(0, peek(c, KERNEL(GPA_DATA)));
	EXPECT_EQ(GATE(6), go_user(c, code_user_ud2));
	c->regs.rsp = kernel_stack(c);
	c->regs.rflags = FLAG_FIXED;
	set_long_mode(c);
	own_start(c, 0);
	EXPECT_TRUE(works(c));
}

/* The other vCPU runs as it did, and is registered then. */
TEST_F(own, a_second_vcpu)
{
	struct cpu *other = &self->vm->cpu[1];

	EXPECT_EQ(1000, peek(other, KERNEL(GPA_DATA)));
	poke(other, GPA_DATA, 1);
	EXPECT_TRUE(can_read(self->cpu, KERNEL(GPA_DATA), 1));
	EXPECT_EQ(GATE(6), go_user(other, code_user_ud2));
	set_long_mode(other);
	other->regs.rsp = kernel_stack(other);
	other->regs.rflags = FLAG_FIXED;
	pv_start_on_kvm(other, variant->flags);
	EXPECT_TRUE(works(other));
	EXPECT_TRUE(works(self->cpu));
}

TEST_RING3(MMU_REGISTER)

TEST_HARNESS_MAIN
