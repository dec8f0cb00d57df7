// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    set_gdt_entry() writes the TLS and CPU-number descriptors and no other, and
 *           takes 32-bit data segments of ring 3 and nothing else
 * How:      every index, every kind of descriptor; reads the GDT in slot 256
 * Catches:  a call gate, a code segment or a ring-1 segment of the guest's making
 */
#include "machine.h"

#define GOOD	0x00cff3000000ffffull
#define GDT	(RING1_SLOT_BASE + RING1_PG_DESC * PAGE + RING1_DESC_GDT)

/* Byte 5 of a descriptor: present, DPL, S, type. Bits 53 and 54: L and D/B. */
#define ACCESS(byte)	((GOOD & ~(0xffull << 40)) | (uint64_t)(byte) << 40)
#define D_BIT		(1ull << 54)
#define L_BIT		(1ull << 53)

TEST_F(pv, four_entries_are_the_guests)
{
	uint64_t desc[RING1_GDT_ENTRIES];
	unsigned int i;

	for (i = 0; i < RING1_GDT_ENTRIES; i++)
		desc[i] = peek(self->cpu, GDT + i * 8);
	for (i = 0; i < 300; i++)
		EXPECT_EQ(i >= RING1_GDT_TLS && i <= RING1_GDT_CPUNODE ? 0 : -EINVAL,
			  HYPERCALL(self->cpu, SET_GDT_ENTRY, i, GOOD))
			TH_LOG("index %u", i);
	EXPECT_EQ(-EINVAL, HYPERCALL(self->cpu, SET_GDT_ENTRY, 0xffffffff, GOOD));
	EXPECT_EQ(-EINVAL, HYPERCALL(self->cpu, SET_GDT_ENTRY, 0x80000000 | RING1_GDT_TLS, GOOD));
	EXPECT_TRUE(refuses_high_bits(self->cpu, RING1_HC_SET_GDT_ENTRY, 1, RING1_GDT_TLS, GOOD));
	for (i = 0; i < RING1_GDT_ENTRIES; i++)
		EXPECT_EQ(i >= RING1_GDT_TLS && i <= RING1_GDT_CPUNODE ? GOOD : desc[i],
			  peek(self->cpu, GDT + i * 8));
}

TEST_F(pv, only_data_segments_of_ring3)
{
	unsigned int access;
	int64_t want;

	for (access = 0; access < 256; access++) {
		want = (access & 0xf8) == 0xf0 ? 0 : -EINVAL;
		EXPECT_EQ(want, HYPERCALL(self->cpu, SET_GDT_ENTRY, RING1_GDT_TLS, ACCESS(access)))
			TH_LOG("access byte %#x", access);
	}
}

TEST_F(pv, sizes_limits_and_bases)
{
	struct cpu *c = self->cpu;

	EXPECT_EQ(-EINVAL, HYPERCALL(c, SET_GDT_ENTRY, RING1_GDT_TLS, GOOD & ~D_BIT));
	EXPECT_EQ(-EINVAL, HYPERCALL(c, SET_GDT_ENTRY, RING1_GDT_TLS, GOOD | L_BIT));
	EXPECT_EQ(-EINVAL, HYPERCALL(c, SET_GDT_ENTRY, RING1_GDT_TLS, (GOOD & ~D_BIT) | L_BIT));
	EXPECT_EQ(-EINVAL, HYPERCALL(c, SET_GDT_ENTRY, RING1_GDT_TLS, 1));
	EXPECT_EQ(0, HYPERCALL(c, SET_GDT_ENTRY, RING1_GDT_TLS, 0));
	EXPECT_EQ(0, peek(c, GDT + RING1_GDT_TLS * 8));
	/* Any base and limit; "accessed" is set, as the processor cannot write here. */
	EXPECT_EQ(0, HYPERCALL(c, SET_GDT_ENTRY, RING1_GDT_TLS, 0xff40f012345678ff));
	EXPECT_EQ(0xff40f112345678ff, peek(c, GDT + RING1_GDT_TLS * 8));
}

/* What the user sees of it; FS has the base, and nothing else does in 64-bit mode. */
CODE(user_fs, "mov %eax, %fs\n mov %fs:0, %ebx\n rdfsbase %rcx\n ud2\n");

TEST_F(pv, the_user_can_load_it)
{
	struct cpu *c = self->cpu;
	uint32_t base = GPA_DATA;
	uint64_t desc = GOOD | (base & 0xffffffull) << 16 | (uint64_t)base >> 24 << 56;

	/* a page of the user's below 4 GiB */
	map(self->vm, GPA_DATA, GPA_DATA, PTE_U | PTE_W);
	*(uint32_t *)at(self->vm, GPA_DATA) = 0x12345678;
	ASSERT_EQ(0, HYPERCALL(c, SET_GDT_ENTRY, RING1_GDT_CPUNODE, desc));
	c->regs.rax = RING1_GDT_CPUNODE * 8 + 3;
	ASSERT_EQ(ENTRY_USER, go_user(c, user_fs));
	EXPECT_EQ(6, take(c).vector);
	EXPECT_EQ(0x12345678, c->regs.rbx);
	EXPECT_EQ(base, c->regs.rcx);
}

TEST_F(trap, works_before_registration)
{
	EXPECT_EQ(0, HYPERCALL(self->cpu, SET_GDT_ENTRY, RING1_GDT_TLS, GOOD));
	EXPECT_EQ(-EINVAL, HYPERCALL(self->cpu, SET_GDT_ENTRY, RING1_GDT_CS, GOOD));
}

TEST_RING3(SET_GDT_ENTRY)

TEST_HARNESS_MAIN
