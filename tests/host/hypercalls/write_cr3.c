// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    write_cr3() switches the address space; -EINVAL stands for MOV's #GP; a
 *           root outside memory ends the guest and nothing else
 * How:      two roots that differ in one mapping; reserved bits; roots that are not RAM
 * Catches:  translations of the old root; a root taken from the host's memory
 */
#include "machine.h"

#define GPA_ROOT2	(RAM_SIZE - PAGE)
#define GPA_PUD2	(RAM_SIZE - 2 * PAGE)
#define GPA_PMD2	(RAM_SIZE - 3 * PAGE)
#define GPA_HERE	(GPA_DATA + 0xf0000)	/* what is at USER(GPA_HERE) */
#define GPA_THERE	(GPA_HERE + (2 << 20))

/* A second root: the kernel's half is the same, the user's is other memory. */
static void second_root(struct vm *vm)
{
	uint64_t *root = at(vm, GPA_ROOT2);

	memcpy(root, at(vm, GPA_TABLES), PAGE);
	root[USER_BASE >> 39 & 511] = GPA_PUD2 | PTE_P | PTE_W | PTE_U;
	((uint64_t *)at(vm, GPA_PUD2))[USER_BASE >> 30 & 511] = GPA_PMD2 | PTE_P | PTE_W | PTE_U;
	/* The lower 2 MiB of the user's memory are the upper ones here. */
	((uint64_t *)at(vm, GPA_PMD2))[0] = 2 << 20 | PTE_P | PTE_W | PTE_U | PTE_PS;
	memcpy(at(vm, GPA_HERE), "\x0f\x0b", 2);	/* ud2 */
	memcpy(at(vm, GPA_THERE), "\xcc", 1);		/* int3 */
}

TEST_F(pv, switches_the_address_space)
{
	struct cpu *c = self->cpu;
	int i;

	second_root(self->vm);
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(ENTRY_USER, go_user_at(c, USER(GPA_HERE)));
		EXPECT_EQ(6, take(c).vector);
		ASSERT_EQ(0, HYPERCALL(c, WRITE_CR3, GPA_ROOT2 | (i ? 0x18 : 0)));
		ASSERT_EQ(ENTRY_USER, go_user_at(c, USER(GPA_HERE)));
		EXPECT_EQ(3, take(c).vector);
		ASSERT_EQ(0, HYPERCALL(c, WRITE_CR3, GPA_TABLES));
	}
}

TEST_F(pv, reserved_bits)
{
	EXPECT_EQ(-EINVAL, HYPERCALL(self->cpu, WRITE_CR3, GPA_TABLES | 1ull << 63));
	EXPECT_EQ(-EINVAL, HYPERCALL(self->cpu, WRITE_CR3, GPA_TABLES | 1ull << 52));
	EXPECT_EQ(-EINVAL, HYPERCALL(self->cpu, WRITE_CR3, -1ull));
	EXPECT_EQ(GPA_TABLES, get_sregs(self->cpu).cr3);
}

static enum stop end_on(struct cpu *c, uint64_t root)
{
	c->regs.rax = RING1_HC_WRITE_CR3;
	c->regs.rdi = root;
	return go_kernel(c, code_hypercall);
}

TEST_F(pv, empty_root_is_a_triple_fault)
{
	/* Events into a PV guest need no stack: an endless fault at the entry point. */
	EXPECT_EQ(KVM(SHUTDOWN), end_on(self->cpu, GPA_DATA));
}

TEST_F(pv, root_outside_memory_is_a_triple_fault)
{
	EXPECT_EQ(KVM(SHUTDOWN), end_on(self->cpu, RAM_SIZE));
}

TEST_F(trap, root_outside_memory_is_a_triple_fault)
{
	EXPECT_EQ(KVM(SHUTDOWN), end_on(self->cpu, 1ull << 32));
}

TEST_RING3(WRITE_CR3)

TEST_HARNESS_MAIN
