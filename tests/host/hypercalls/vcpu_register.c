// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    vcpu_register() takes a page of RAM with a good setup and nothing else; a
 *           call that fails changes nothing
 * How:      good pages and setups with one fault each: not aligned, not RAM, read-only,
 *           an address that is low, not canonical or in slot 256
 * Catches:  an entry point in the switcher or in the user's half; a page the switcher
 *           must not write to; a setup that is read twice
 */
#include "machine.h"

#define SLOT_END	(RING1_SLOT_BASE + (1ull << 39))
#define GPA_OTHER	(GPA_CPU(0) + 0x1000)
#define MMIO		0xfee00000

TEST_F(trap, registers_moves_and_stays)
{
	struct cpu *c = self->cpu;

	pv_start(c);
	ASSERT_EQ(ENTRY_USER, go_user(c, code_user_ud2));
	EXPECT_EQ(6, take(c).vector);

	/* Another page: events go there, and what its setup says counts. */
	c->page_gpa = GPA_OTHER;
	c->page = at(self->vm, GPA_OTHER);
	make_setup(c)->entry_user = KERNEL(GPA_ENTRIES + 16 * (ENTRY_NMI - ENTRY));
	ASSERT_EQ(0, HYPERCALL(c, VCPU_REGISTER, GPA_OTHER));
	ASSERT_EQ(ENTRY_NMI, go_user(c, code_user_ud2));
	EXPECT_EQ(6, take(c).vector);

	/* What is written into the setup afterwards does not. */
	make_setup(c);
	EXPECT_EQ(ENTRY_NMI, go_user(c, code_user_ud2));
}

static int64_t try(struct cpu *c)
{
	return HYPERCALL(c, VCPU_REGISTER, c->page_gpa);
}

TEST_F(trap, wants_a_page_of_ram)
{
	static const uint64_t unaligned[] = { 1, 8, 0x800, 0xfff };
	static const uint64_t not_ram[] = {
		RAM_SIZE, MMIO, 1ull << 40, 1ull << 52, 1ull << 63, -PAGE, KERNEL(GPA_CPU(0)),
	};
	struct cpu *c = self->cpu;
	unsigned int i;

	make_setup(c);
	for (i = 0; i < ARRAY_SIZE(unaligned); i++)
		EXPECT_EQ(-EINVAL, HYPERCALL(c, VCPU_REGISTER, c->page_gpa + unaligned[i]));
	for (i = 0; i < ARRAY_SIZE(not_ram); i++)
		EXPECT_EQ(-EFAULT, HYPERCALL(c, VCPU_REGISTER, not_ram[i]))
			TH_LOG("page %#lx", not_ram[i]);
	EXPECT_EQ(-ENOENT, HYPERCALL(c, VCPU_UNREGISTER));
}

TEST_F(trap, wants_memory_it_may_write)
{
	struct cpu *c = self->cpu;
	void *read_only_slot = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
				    -1, 0);
	void *read_only_memory = mmap(NULL, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	void *hole = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	memcpy(read_only_slot, make_setup(c) - 1, PAGE / 2);
	add_memory(self->vm, 1, 8 << 20, read_only_slot, PAGE, KVM_MEM_READONLY);
	EXPECT_EQ(-EFAULT, HYPERCALL(c, VCPU_REGISTER, 8 << 20));
	add_memory(self->vm, 2, 9 << 20, read_only_memory, PAGE, 0);
	EXPECT_EQ(-EFAULT, HYPERCALL(c, VCPU_REGISTER, 9 << 20));
	add_memory(self->vm, 3, 10 << 20, hole, PAGE, 0);
	munmap(hole, PAGE);
	EXPECT_EQ(-EFAULT, HYPERCALL(c, VCPU_REGISTER, 10 << 20));
}

static const uint64_t not_kernel[] = {
	0, USER_BASE, 0x7fffffffffff, 0x800000000000, 0xffff7fffffffffff, 1ull << 63,
	RING1_SLOT_BASE, RING1_SLOT_BASE + RING1_STUB_SIZE, RING1_SLOT_BASE + (1ull << 30),
	SLOT_END - 1,
};

TEST_F(trap, entry_points_are_the_kernels)
{
	struct cpu *c = self->cpu;
	unsigned int i, entry;

	for (entry = 0; entry < NR_ENTRIES; entry++)
		for (i = 0; i < ARRAY_SIZE(not_kernel); i++) {
			(&make_setup(c)->entry_user)[entry] = not_kernel[i];
			EXPECT_EQ(-EINVAL, try(c))
				TH_LOG("entry %u at %#lx", entry, not_kernel[i]);
		}
	make_setup(c)->entry_nmi = SLOT_END;
	EXPECT_EQ(0, try(c));
}

TEST_F(trap, restart_ranges_are_the_kernels)
{
	struct cpu *c = self->cpu;
	unsigned int i, w;

	for (w = 0; w < 2; w++) {
		for (i = 0; i < ARRAY_SIZE(not_kernel); i++) {
			make_setup(c)->restart[w].start = not_kernel[i];
			EXPECT_EQ(-EINVAL, try(c));
			make_setup(c)->restart[w].end = not_kernel[i];
			EXPECT_EQ(-EINVAL, try(c));
		}
		make_setup(c)->restart[w].start++;
		EXPECT_EQ(-EINVAL, try(c));
	}
}

TEST_F(trap, versions_and_flags_are_checked)
{
	struct cpu *c = self->cpu;
	unsigned int i;

	make_setup(c)->abi_version = 0;
	EXPECT_EQ(-EINVAL, try(c));
	make_setup(c)->abi_version = RING1_ABI_VERSION + 1;
	EXPECT_EQ(-EINVAL, try(c));
	for (i = 0; i < 32; i++) {
		make_setup(c)->flags = 1u << i;
		if (1u << i != RING1_SETUP_BOUNCE_PF)
			EXPECT_EQ(-EINVAL, try(c));
	}
	/* a word that was reserved in version 1 */
	make_setup(c)->abi_version = 1;
	c->page->setup.flags = RING1_SETUP_BOUNCE_PF;
	EXPECT_EQ(-EINVAL, try(c));
	make_setup(c)->kernel_gs = 1ull << 47;
	EXPECT_EQ(-EINVAL, try(c));
	EXPECT_EQ(-ENOENT, HYPERCALL(c, VCPU_UNREGISTER));
	make_setup(c)->kernel_gs = USER_BASE;
	EXPECT_EQ(0, try(c));
	make_setup(c)->abi_version = 1;
	EXPECT_EQ(0, try(c));
	make_setup(c)->flags = RING1_SETUP_BOUNCE_PF;
	EXPECT_EQ(0, try(c));
}

TEST_F(pv, a_failure_leaves_the_old_registration)
{
	struct cpu *c = self->cpu;

	EXPECT_EQ(-EFAULT, HYPERCALL(c, VCPU_REGISTER, RAM_SIZE));
	memset(at(self->vm, GPA_OTHER), 0, PAGE);
	EXPECT_EQ(-EINVAL, HYPERCALL(c, VCPU_REGISTER, GPA_OTHER));
	ASSERT_EQ(ENTRY_USER, go_user(c, code_user_ud2));
	EXPECT_EQ(6, take(c).vector);
}

TEST_F(trap, ring3_cannot)
{
	struct cpu *c = self->cpu;

	make_setup(c);
	ASSERT_EQ(1, set_msr(c, 0xc0000082, KERNEL(GPA_ENTRIES)));	/* LSTAR */
	c->regs.rdi = c->page_gpa;
	c->regs.rax = RING1_HC_VCPU_REGISTER;
	EXPECT_EQ(ENTRY, go_user(c, code_user_syscall));
	EXPECT_EQ(RING1_HC_VCPU_REGISTER, c->regs.rax);
	EXPECT_EQ(-ENOENT, HYPERCALL(c, VCPU_UNREGISTER));
}

TEST_RING3(VCPU_REGISTER)

TEST_HARNESS_MAIN
