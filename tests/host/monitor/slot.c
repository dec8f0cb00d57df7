// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    of slot 256 a vCPU sees its own region and no other; text, IDT, GDT, TSS,
 *           configuration and roots it cannot write, in place of the host page it sees
 *           zeros; nothing in it points into the host; ring 3 sees nothing; what the guest
 *           maps there has no effect; ring 1 may jump to any byte of it and only faults
 * How:      every page of the region, in each way and from both rings, on two vCPUs; a
 *           mapping of the guest's own over all of it; a jump to each byte of the text
 * Catches:  a writable descriptor, a sibling's stack, a switcher that takes ring 1 for
 *           ring 0
 */
#include <signal.h>
#include <sys/time.h>

#include "machine.h"

#define NR_PTES		512
#define OWN_MARK	0x5555555555555555ull

#define ERROR_W		2
#define ERROR_U		4
#define ERROR_I		0x10

CODE(kernel_jump, "jmp *%rdi\n");
CODE(user_read, "mov (%rdi), %rax\n ud2\n");
CODE(user_write, "mov %rax, (%rdi)\n ud2\n");

enum access { ABSENT, READ_EXEC, READ, READ_WRITE };

static enum access wanted(int page, bool registered)
{
	switch (page) {
	case RING1_PG_TEXT ... RING1_PG_TEXT + RING1_NR_TEXT_PAGES - 1:
		return READ_EXEC;
	case RING1_PG_IDT:
	case RING1_PG_DESC:
	case RING1_PG_CONF:
	case RING1_PG_HOST:
	case RING1_PG_ROOTS:
		return READ;
	case RING1_PG_STACK:
	case RING1_PG_IST:
		return READ_WRITE;
	case RING1_PG_SHARED:
		return registered ? READ_WRITE : ABSENT;
	default:
		return ABSENT;
	}
}

/* A stop is either a #PF with this error code, or it is the access gone well. */
static bool is_fault(struct cpu *c, enum stop stop, enum stop entry, uint64_t va, uint32_t error)
{
	struct ring1_frame f = take(c);

	return stop == entry && f.vector == 14 && f.payload == va && f.error == error;
}

static bool matches(struct cpu *c, uint64_t va, enum access want)
{
	bool ok = true;
	enum stop stop;

	c->regs.rdi = va;
	stop = go_kernel(c, code_peek);
	ok &= want == ABSENT ? is_fault(c, stop, ENTRY_KERNEL, va, 0) : stop == STOPPED;
	c->regs.rdi = va;
	stop = go_kernel(c, code_poke);		/* what was read */
	ok &= want == READ_WRITE ? stop == STOPPED :
	      is_fault(c, stop, ENTRY_KERNEL, va, ERROR_W);
	c->regs.rdi = va;
	if (want != READ_EXEC)
		ok &= is_fault(c, go_kernel(c, kernel_jump), ENTRY_KERNEL, va, ERROR_I);
	c->regs.rdi = va;
	ok &= is_fault(c, go_user(c, user_read), ENTRY_USER, va, ERROR_U);
	c->regs.rdi = va;
	ok &= is_fault(c, go_user(c, user_write), ENTRY_USER, va, ERROR_U | ERROR_W);
	ok &= is_fault(c, go_user_at(c, va), ENTRY_USER, va, ERROR_U | ERROR_I);
	if (!ok)
		printf("# page at %#lx is not as wanted (%d)\n", va, want);
	return ok;
}

static uint64_t region(struct cpu *c)
{
	return RING1_SLOT_BASE + (c - c->vm->cpu) * RING1_REGION_SIZE;
}

FIXTURE(slot)
{
	struct vm *vm;
};

FIXTURE_SETUP(slot)
{
	int i;

	self->vm = new_vm(true);
	for (i = 0; i < NR_CPUS; i++)
		pv_start(&self->vm->cpu[i]);
}

FIXTURE_TEARDOWN(slot)
{
}

TEST_F(slot, own_region)
{
	int i, page;

	for (i = 0; i < NR_CPUS; i++) {
		struct cpu *c = &self->vm->cpu[i];

		for (page = 0; page < RING1_NR_PAGES + 3; page++) {
			EXPECT_TRUE(matches(c, region(c) + page * PAGE, wanted(page, true)));
			EXPECT_TRUE(matches(c, region(c) + page * PAGE + 0xff8,
					    wanted(page, true)));
		}
	}
}

TEST_F(slot, the_others_region)
{
	int i, page;

	for (i = 0; i < NR_CPUS; i++)
		for (page = 0; page < RING1_NR_PAGES; page++)
			EXPECT_TRUE(matches(&self->vm->cpu[i], region(&self->vm->cpu[!i]) +
					    page * PAGE, ABSENT));
}

TEST_F(slot, around_it)
{
	struct cpu *c = &self->vm->cpu[0];
	int i;

	EXPECT_TRUE(matches(c, region(c) + (NR_PTES - 1) * PAGE, ABSENT));
	for (i = NR_CPUS; i < NR_PTES; i += 15)
		EXPECT_TRUE(matches(c, RING1_SLOT_BASE + i * RING1_REGION_SIZE, ABSENT));
	for (i = 1; i < 512; i += 15)
		EXPECT_TRUE(matches(c, RING1_SLOT_BASE + ((uint64_t)i << 30), ABSENT));
	EXPECT_TRUE(matches(c, RING1_SLOT_BASE + (1ull << 39) - PAGE, ABSENT));
}

TEST_F(slot, zeros_in_place_of_the_host_page)
{
	unsigned int i, offset;

	for (i = 0; i < NR_CPUS; i++) {
		struct cpu *c = &self->vm->cpu[i];

		for (offset = 0; offset < PAGE; offset += 8)
			ASSERT_EQ(0, peek(c, region(c) + RING1_PG_HOST * PAGE + offset));
	}
}

TEST_F(trap, no_shared_page_before_registration)
{
	uint64_t va = RING1_SLOT_BASE + RING1_PG_SHARED * PAGE;

	self->cpu->regs.rdi = va;
	EXPECT_EQ(GATE(14), go_kernel(self->cpu, code_peek));
	EXPECT_EQ(va, get_sregs(self->cpu).cr2);
}

/*
 * Words of the upper half, aligned as structures are and as LIDT's operand is, that are
 * neither the slot's addresses nor the guest's own.
 */
static bool points_elsewhere(uint64_t word)
{
	if (word >> 47 != 0x1ffff || !(word & 0x7fffffffffff))
		return false;
	return (word < RING1_SLOT_BASE || word >= RING1_SLOT_BASE + (1ull << 39)) &&
	       (word < KERNEL_BASE || word >= KERNEL_BASE + RAM_SIZE) && word < -0x100000ull;
}

TEST_F(slot, nothing_points_into_the_host)
{
	struct cpu *c = &self->vm->cpu[0];
	uint8_t page[PAGE];
	uint64_t word;
	unsigned int i, j;

	for (i = 0; i < 200; i++)
		HYPERCALL(c, ABI_VERSION);
	/* Two pages of text are the same in every kernel. */
	for (i = RING1_NR_TEXT_PAGES; i < RING1_NR_PAGES; i++) {
		for (j = 0; j < PAGE; j += 8) {
			word = peek(c, region(c) + i * PAGE + j);
			memcpy(page + j, &word, 8);
		}
		for (j = 0; j + 8 <= PAGE; j += i == RING1_PG_CONF ? 2 : 8) {
			memcpy(&word, page + j, 8);
			EXPECT_FALSE(points_elsewhere(word))
				TH_LOG("page %u, offset %#x: %#lx", i, j, word);
		}
	}
}

TEST_F(trap, own_mappings_have_no_effect)
{
	struct cpu *c = self->cpu;
	unsigned int i;

	for (i = 0; i < 512; i++)
		((uint64_t *)at(self->vm, GPA_DATA))[i] = OWN_MARK;
	for (i = 0; i < RING1_NR_PAGES + 3; i++)
		map(self->vm, RING1_SLOT_BASE + i * PAGE, GPA_DATA, PTE_W | PTE_U);
	pv_start(c);
	for (i = 0; i < RING1_NR_PAGES + 3; i++)
		EXPECT_TRUE(matches(c, RING1_SLOT_BASE + i * PAGE, wanted(i, true)));
	for (i = 0; i < RING1_NR_PAGES; i++)
		EXPECT_NE(OWN_MARK, peek(c, RING1_SLOT_BASE + i * PAGE));
	for (i = 0; i < 512; i++)
		ASSERT_EQ(OWN_MARK, ((uint64_t *)at(self->vm, GPA_DATA))[i]);
	ASSERT_EQ(0, HYPERCALL(c, WRITE_CR3, GPA_TABLES));
	EXPECT_EQ(RING1_ABI_VERSION, HYPERCALL(c, ABI_VERSION));
}

/* Ring 1 writes what it may write there; exits and bounces go on as before. */
TEST_F(slot, writable_pages_full_of_garbage)
{
	static const uint64_t garbage[] = { -1ull, 0, RING1_SLOT_BASE, 0x8000000000000000 };
	struct cpu *c = &self->vm->cpu[0];
	unsigned int i, page, offset;

	for (i = 0; i < ARRAY_SIZE(garbage); i++) {
		for (page = RING1_PG_STACK; page <= RING1_PG_IST; page++)
			for (offset = 0; offset < PAGE; offset += 8) {
				c->regs.rdi = region(c) + page * PAGE + offset;
				c->regs.rax = garbage[i];
				ASSERT_EQ(STOPPED, go_kernel(c, code_poke));
			}
		EXPECT_EQ(RING1_ABI_VERSION, HYPERCALL(c, ABI_VERSION));
		ASSERT_EQ(ENTRY_USER, go_user(c, code_user_ud2));
		EXPECT_EQ(6, take(c).vector);
		EXPECT_TRUE(bounces_from_ring3(c, 0));
	}
}

static void on_alarm(int signal)
{
	(void)signal;
}

/*
 * What is on the stack lets no IRETQ through: CS of ring 3, and an SS that is none. (QEMU
 * has a null SS in ring 1 make it ring 0.)
 */
static void jump(struct cpu *c, uint64_t va)
{
	uint64_t *stack = at(c->vm, c->page_gpa + 0x7000);
	int i;

	for (i = 0; i < 1024; i++)
		stack[i] = KERNEL(0x10000) | USER_CS;
	fill_registers(&c->regs, va);
	c->regs.rsp = kernel_stack(c);
	c->regs.rflags = FLAG_FIXED;
	c->page->frame[RING1_EVENT_NORMAL].busy = 0;
	c->page->frame[RING1_EVENT_DB].busy = 0;
	go(c, va);
}

TEST_F_TIMEOUT(slot, jumps_to_any_byte, 300)
{
	struct itimerval timer = { .it_interval.tv_usec = 200000, .it_value.tv_usec = 200000 };
	struct sigaction action = { .sa_handler = on_alarm };
	struct cpu *c = &self->vm->cpu[0];
	enum stop stop;
	uint64_t va;

	/* A loop in ring 1 is no harm. */
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	for (va = region(c); va < region(c) + RING1_NR_TEXT_PAGES * PAGE; va++) {
		jump(c, va);
		c->regs.rflags = FLAG_FIXED;
		do
			stop = go_kernel(c, code_stop);
		while (stop == INTERRUPTED);
		ASSERT_EQ(STOPPED, stop)
			TH_LOG("after a jump to offset %#lx", va - region(c));
	}
	set_long_mode(c);
	EXPECT_EQ(RING1_ABI_VERSION, HYPERCALL(c, ABI_VERSION));
}

TEST_HARNESS_MAIN
