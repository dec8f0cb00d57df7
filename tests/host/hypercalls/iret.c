// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    iret() returns to what its frame says, to ring 1 or 3 and nowhere else, with
 *           harmless flags; a frame that cannot be read is a #GP at the call, a bad user
 *           frame a #GP in the user
 * How:      good frames; every CS and SS of the GDT, addresses not canonical, all flags;
 *           frames that are not there
 * Catches:  IOPL, VIF or ring 0 from the guest's image; a fault of the switcher's IRETQ
 *           that nobody expected
 */
#include "machine.h"

#define FRAME_GPA(c)	((c)->page_gpa + 0x8000 - sizeof(struct ring1_iret_frame))
#define NOT_CANONICAL	(1ull << 47)

CODE(kernel_flags, "pushfq\n pop %rbx\n" STOP);
CODE(user_flags, "pushfq\n pop %rbx\n ud2\n");

static struct ring1_iret_frame *make_frame(struct cpu *c, uint64_t ip, uint64_t cs)
{
	struct ring1_iret_frame *f = at(c->vm, FRAME_GPA(c));
	bool user = (cs & 3) == 3;

	*f = (struct ring1_iret_frame){
		.r11 = 0x1111, .rcx = 0x2222, .rax = 0x3333, .ip = ip, .cs = cs,
		.flags = FLAG_FIXED | FLAG_IF, .sp = user ? user_stack(c) : kernel_stack(c),
		.ss = user ? USER_DS : KERNEL_DS,
	};
	return f;
}

static enum stop iret_at(struct cpu *c, uint64_t rsp)
{
	c->regs.rax = RING1_HC_IRET;
	c->regs.rsp = rsp;
	return go_kernel(c, code_hypercall);
}

static enum stop iret(struct cpu *c)
{
	return iret_at(c, KERNEL(FRAME_GPA(c)));
}

TEST_F(trap, nothing_before_registration)
{
	EXPECT_EQ(-ENOENT, HYPERCALL(self->cpu, IRET));
}

TEST_F(pv, to_the_kernel)
{
	struct cpu *c = self->cpu;
	unsigned int cs;

	for (cs = 0; cs < 3; cs++) {
		make_frame(c, kernel_code(code_stop), KERNEL_CS | cs);
		ASSERT_EQ(STOPPED, iret(c));
		EXPECT_EQ(0x3333, c->regs.rax);
		EXPECT_EQ(0x2222, c->regs.rcx);
		EXPECT_EQ(0x1111, c->regs.r11);
		EXPECT_EQ(kernel_stack(c), c->regs.rsp);
		EXPECT_EQ(FLAG_IF, c->page->vif);
		EXPECT_EQ(KERNEL(c->page_gpa), get_sregs(c).gs.base);
		make_frame(c, kernel_code(code_stop), KERNEL_CS | cs)->flags = FLAG_FIXED;
		ASSERT_EQ(STOPPED, iret(c));
		EXPECT_EQ(0, c->page->vif);
	}
}

TEST_F(pv, to_the_user)
{
	struct cpu *c = self->cpu;
	struct ring1_frame frame;

	c->page->user_gs = USER(0x42);
	make_frame(c, user_code(code_user_syscall), USER_CS);
	ASSERT_EQ(ENTRY_SYSCALL64, iret(c));
	EXPECT_EQ(user_stack(c), c->regs.rsp);
	EXPECT_EQ(0x3333, c->regs.rax);
	EXPECT_EQ(USER(0x42), c->page->user_gs);

	make_frame(c, user_code(code_user_ud2), USER_CS);
	ASSERT_EQ(ENTRY_USER, iret(c));
	frame = take(c);
	EXPECT_EQ(6, frame.vector);
	EXPECT_EQ(USER_CS, frame.cs);
	EXPECT_EQ(USER_DS, frame.ss);
	EXPECT_EQ(user_stack(c), frame.sp);
	EXPECT_EQ(user_code(code_user_ud2), frame.ip);
}

TEST_F(pv, to_32_bit_code)
{
	struct cpu *c = self->cpu;
	struct ring1_frame frame;

	map(self->vm, GPA_CODE, GPA_CODE, PTE_U);
	make_frame(c, user_code(code_user_ud2) - USER_BASE, USER32_CS);
	ASSERT_EQ(ENTRY_USER, iret(c));
	frame = take(c);
	EXPECT_EQ(6, frame.vector);
	EXPECT_EQ(USER32_CS, frame.cs);
}

/* Ring 3 has IF on, and neither ring gets IOPL, VM, VIF or VIP. */
TEST_F(pv, flags)
{
	const uint64_t never = FLAG_IOPL | FLAG_VM | FLAG_VIF | FLAG_VIP;
	struct cpu *c = self->cpu;
	int bit;

	for (bit = 0; bit < 64; bit++) {
		uint64_t flag = 1ull << bit;

		if (flag == FLAG_TF)
			continue;
		make_frame(c, user_code(user_flags), USER_CS)->flags = flag;
		ASSERT_EQ(ENTRY_USER, iret(c));
		EXPECT_EQ(6, take(c).vector);
		EXPECT_EQ(FLAG_IF | FLAG_FIXED | (flag & (FLAG_STATUS | FLAG_DF | FLAG_NT |
							 FLAG_AC | FLAG_ID)), c->regs.rbx)
			TH_LOG("bit %d to ring 3", bit);
		make_frame(c, kernel_code(kernel_flags), KERNEL_CS)->flags = flag;
		ASSERT_EQ(STOPPED, iret(c));
		EXPECT_EQ(0, c->regs.rbx & never);
		EXPECT_EQ(flag & FLAG_IF, c->page->vif);
		c->regs.rflags = FLAG_FIXED;
	}
}

TEST_F(pv, single_step)
{
	struct cpu *c = self->cpu;
	struct ring1_frame frame;

	make_frame(c, user_code(user_flags), USER_CS)->flags |= FLAG_TF;
	ASSERT_EQ(ENTRY_USER, iret(c));
	frame = take(c);
	EXPECT_EQ(1, frame.vector);
	EXPECT_EQ(user_code(user_flags) + 1, frame.ip);
	EXPECT_NE(0, frame.flags & FLAG_TF);
}

TEST_F(pv, an_unreadable_frame_is_gp_at_the_call)
{
	static const uint64_t rsp[] = {
		0, NOT_CANONICAL, 1ull << 63, RING1_SLOT_BASE + RING1_PG_DESC * PAGE, -8ull,
		KERNEL(RAM_SIZE), KERNEL(RAM_SIZE) - 8,
	};
	struct cpu *c = self->cpu;
	struct ring1_frame frame;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rsp); i++) {
		ASSERT_EQ(ENTRY_KERNEL, iret_at(c, rsp[i]));
		frame = take(c);
		EXPECT_EQ(13, frame.vector);
		EXPECT_EQ(0, frame.error);
		EXPECT_EQ(rsp[i], frame.sp);
		EXPECT_EQ(kernel_code(code_hypercall) + 2, frame.ip);
	}
	for (i = 1; i < 64; i++) {
		make_frame(c, kernel_code(code_stop), KERNEL_CS)->iret_flags = 1ull << i;
		ASSERT_EQ(ENTRY_KERNEL, iret(c));
		EXPECT_EQ(13, take(c).vector);
	}
}

TEST_F(pv, a_bad_user_frame_is_gp_in_the_user)
{
	static const uint64_t ip[] = { NOT_CANONICAL, 1ull << 63, 0xffff7fffffffffff };
	struct cpu *c = self->cpu;
	struct ring1_frame frame;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ip); i++) {
		make_frame(c, ip[i], USER_CS);
		ASSERT_EQ(ENTRY_USER, iret(c));
		frame = take(c);
		EXPECT_EQ(13, frame.vector);
		EXPECT_EQ(ip[i], frame.ip);
		EXPECT_EQ(USER_CS, frame.cs);
	}
}

TEST_F(pv, stack_segments)
{
	struct cpu *c = self->cpu;
	struct ring1_frame frame;
	unsigned int ss;

	for (ss = 0; ss < RING1_GDT_ENTRIES * 8 + 16; ss++) {
		make_frame(c, user_code(code_user_ud2), USER_CS)->ss = ss;
		ASSERT_EQ(ENTRY_USER, iret(c))
			TH_LOG("ss %#x", ss);
		frame = take(c);
		EXPECT_EQ(ss == USER_DS ? 6 : 13, frame.vector)
			TH_LOG("ss %#x", ss);
		EXPECT_EQ(user_code(code_user_ud2), frame.ip);
		EXPECT_EQ(KERNEL(c->page_gpa), get_sregs(c).gs.base);
	}
}

/* RPL 3: the user's 64-bit or 32-bit code, #GP for others; else: the kernel's. */
TEST_F(pv, code_segments)
{
	struct cpu *c = self->cpu;
	struct ring1_frame frame;
	uint64_t cs;

	map(self->vm, GPA_CODE, GPA_CODE, PTE_U);
	for (cs = 0; cs < RING1_GDT_ENTRIES * 8 + 16; cs++) {
		bool user = (cs & 3) == 3;

		make_frame(c, user ? user_code(code_user_ud2) - (cs == USER32_CS ? USER_BASE : 0) :
			   kernel_code(code_stop), cs);
		ASSERT_EQ(user ? ENTRY_USER : STOPPED, iret(c))
			TH_LOG("cs %#lx", cs);
		if (!user)
			continue;
		frame = take(c);
		EXPECT_EQ(cs, frame.cs);
		if (cs == USER_CS || cs == USER32_CS) {
			EXPECT_EQ(6, frame.vector);
			continue;
		}
		EXPECT_EQ(13, frame.vector)
			TH_LOG("cs %#lx", cs);
		EXPECT_EQ(cs & ~3UL, frame.error);
	}
}

/* User code cannot run in the upper half, nor in slot 256. */
TEST_F(pv, the_user_in_the_upper_half)
{
	static const uint64_t ip[] = { RING1_SLOT_BASE, KERNEL(GPA_CODE), -PAGE };
	struct cpu *c = self->cpu;
	struct ring1_frame frame;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ip); i++) {
		make_frame(c, ip[i], USER_CS);
		ASSERT_EQ(ENTRY_USER, iret(c));
		frame = take(c);
		EXPECT_EQ(14, frame.vector);
		EXPECT_EQ(ip[i], frame.ip);
		EXPECT_EQ(ip[i], frame.payload);
		EXPECT_EQ(USER_CS, frame.cs);
	}
}

TEST_F(pv, nmis_wait_until_it_unmasks)
{
	struct cpu *c = self->cpu;

	IOCTL(c->fd, KVM_NMI);
	ASSERT_EQ(ENTRY_NMI, go_kernel(c, code_stop));
	take_frame(c, RING1_EVENT_NMI);
	IOCTL(c->fd, KVM_NMI);
	make_frame(c, kernel_code(code_stop), KERNEL_CS);
	ASSERT_EQ(STOPPED, iret(c));
	make_frame(c, kernel_code(code_stop), KERNEL_CS)->iret_flags = RING1_IRET_UNMASK_NMI;
	ASSERT_EQ(ENTRY_NMI, iret(c));
	EXPECT_EQ(2, take_frame(c, RING1_EVENT_NMI).vector);
}

TEST_RING3(IRET)

TEST_HARNESS_MAIN
