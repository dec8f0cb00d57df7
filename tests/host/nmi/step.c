// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    an NMI of the host's before any instruction on the way into a guest, in it and
 *           back reaches the host, and neither world can tell that it came; on the way back
 *           it reaches the host only when predictions are flushed
 * How:      one before each instruction of KVM_RUN in turn, over each way through the
 *           switcher; registers and shared page must be those of a run without an NMI, and
 *           the host must have counted every one
 * Needs:    root; the batch nmi (lib/nmi.h)
 * Timeout:  600
 * Catches:  a window of the switcher that .Lnmi takes for another, a note that gets lost
 */
#include "exits.h"
#include "machine.h"
#include "nmi.h"
#include "tsc.h"

#define LIMIT		3600		/* that of the batch is less */
#define BEYOND		200		/* instructions, of which none may be forgotten */
#define NOT_CANONICAL	(1ull << 63)

/*
 * Instructions of the way back at which an NMI leaves a note: 16 and more from the stub to
 * the far return, and 70 and more from there until predictions are flushed, registers
 * being stored and cleared in between.
 */
#define WAY_BACK	86

/* What there is to see of a run. */
struct outcome {
	enum stop stop;
	struct kvm_regs regs;
	uint8_t page[PAGE];
};

typedef void prepare(struct cpu *c);

/* How many instructions of the host's and the guest's it took. */
static long run(struct cpu *c, prepare *prepare, uint32_t nmi_at, struct outcome *o)
{
	uint64_t begin, end;

	memset(o, 0, sizeof(*o));
	memset(c->page->frame, 0, sizeof(c->page->frame));
	fill_registers(&c->regs, 1);
	c->regs.rsp = kernel_stack(c);
	c->regs.rflags = FLAG_FIXED;
	prepare(c);
	IOCTL(c->fd, KVM_SET_REGS, &c->regs);
	begin = tsc();
	if (nmi_at)
		nmi_after(nmi_at);
	o->stop = resume(c);
	end = tsc();
	o->regs = c->regs;
	memcpy(o->page, c->page, PAGE);
	return end - begin;
}

/* True if nothing but the NMIs themselves was to be seen. */
static bool walk(struct cpu *c, prepare *prepare, enum stop stop)
{
	struct outcome wanted, seen;
	long length = 0, count, i;

	/* The first runs have more to do. */
	for (i = 0; i < 4; i++)
		length = run(c, prepare, 0, &wanted);
	if (wanted.stop != stop) {
		printf("# stopped with %#x without an NMI\n", wanted.stop);
		return false;
	}
	count = nmi_count();
	for (i = 1; i <= length + BEYOND; i++) {
		run(c, prepare, i, &seen);
		if (memcmp(&seen, &wanted, sizeof(seen))) {
			printf("# NMI after %ld instructions of %ld: stopped with %#x at %#llx\n",
			       i, length, seen.stop, seen.regs.rip);
			changed(&wanted.regs, &seen.regs, 0);
			return false;
		}
	}
	count = nmi_count() - count;
	printf("# %ld instructions; exits by NMI: %ld; NMIs on the way in: %ld, back: %ld\n",
	       length, exits("nmi"), exits("enter_abort"), exits("nmi_noted"));
	if (count != length + BEYOND)
		printf("# %ld NMIs sent, %ld arrived\n", length + BEYOND, count);
	return count == length + BEYOND;
}

FIXTURE(nmi)
{
	struct cpu *cpu;
};

FIXTURE_SETUP(nmi)
{
	if (!nmi_open())
		SKIP(return, "needs the batch nmi");
	self->cpu = &new_vm(true)->cpu[0];
	map(self->cpu->vm, GPA_CODE, GPA_CODE, PTE_U);	/* for 32-bit code */
	pv_start(self->cpu);
}

FIXTURE_TEARDOWN(nmi)
{
	nmi_stop();
}

/*
 * Every instruction of the way in is given up once. In the guest, and in the bounces that
 * the processor makes in the guest's world, each has an exit of its own. On the way back
 * each leaves a note.
 */
#define WALK(prepare, stop, in_guest) do {					\
	EXPECT_TRUE(walk(self->cpu, prepare, stop));				\
	EXPECT_LE(20, exits("enter_abort"));					\
	EXPECT_LE(WAY_BACK, exits("nmi_noted"));				\
	EXPECT_LE(in_guest, exits("nmi"));					\
} while (0)

static void in_ring1(struct cpu *c)
{
	c->regs.rip = kernel_code(code_stop);
}

TEST_F_TIMEOUT(nmi, port, LIMIT)
{
	WALK(in_ring1, STOPPED, 1);
}

/*
 * What the exit before has left of CR3, in a page that ring 1 reads: the guest world's, which
 * the configuration has as well. In a run that did not get to the guest it was the host's.
 */
#define STACK_CR3	(7 * 8)		/* in struct ring1_stack */

static void cr3_of_the_last_exit(struct cpu *c)
{
	c->regs.rdi = RING1_SLOT_BASE + RING1_PG_STACK * PAGE + STACK_CR3;
	c->regs.rip = kernel_code(code_peek);
}

TEST_F_TIMEOUT(nmi, cr3_on_the_stack, LIMIT)
{
	struct outcome o;
	bool found = false;
	uint64_t i, cr3;

	run(self->cpu, cr3_of_the_last_exit, 0, &o);
	cr3 = o.regs.rax;
	for (i = 0; i < PAGE && !found; i += 8)
		found = peek(self->cpu, RING1_SLOT_BASE + RING1_PG_CONF * PAGE + i) == cr3;
	ASSERT_TRUE(cr3 && found);
	WALK(cr3_of_the_last_exit, STOPPED, 1);
}

static void hypercall(struct cpu *c)
{
	c->regs.rax = RING1_HC_ABI_VERSION;
	c->regs.rip = kernel_code(code_hypercall);
}

TEST_F_TIMEOUT(nmi, hypercall, LIMIT)
{
	WALK(hypercall, STOPPED, 2);
}

TEST_F_TIMEOUT(nmi, hypercall_with_breakpoint, LIMIT)
{
	ASSERT_EQ(0, HYPERCALL(self->cpu, SET_DR, 0, KERNEL(GPA_DATA)));
	ASSERT_EQ(0, HYPERCALL(self->cpu, SET_DR, 7, 0x402));
	WALK(hypercall, STOPPED, 2);
}

/* As the guest's kernel goes to its user, who executes the code. */
static void in_ring3(struct cpu *c, uint64_t rip, uint64_t cs)
{
	uint64_t top = kernel_stack(c) - 5 * 8;

	memcpy(at(c->vm, top - KERNEL_BASE),
	       (uint64_t[]){ rip, cs, FLAG_FIXED | FLAG_IF, user_stack(c), USER_DS }, 5 * 8);
	c->regs.rsp = top;
	c->regs.rip = kernel_code(code_iret_user);
}

CODE(user_syscall32, ".code32\n syscall\n ud2\n .code64\n");
CODE(user_int80, "int $0x80\n ud2\n");
CODE(user_cli, "cli\n ud2\n");

static void user_exception(struct cpu *c)
{
	in_ring3(c, user_code(code_user_ud2), USER_CS);
}

TEST_F_TIMEOUT(nmi, bounce_of_exception, LIMIT)
{
	WALK(user_exception, ENTRY_USER, 20);
}

static void user_syscall(struct cpu *c)
{
	in_ring3(c, user_code(code_user_syscall), USER_CS);
}

TEST_F_TIMEOUT(nmi, bounce_of_syscall, LIMIT)
{
	WALK(user_syscall, ENTRY_SYSCALL64, 20);
}

/* As the processor of the batch knows it. */
static void user_compat_syscall(struct cpu *c)
{
	in_ring3(c, user_code(user_syscall32) - USER_BASE, USER32_CS);
}

TEST_F_TIMEOUT(nmi, bounce_of_32_bit_syscall, LIMIT)
{
	WALK(user_compat_syscall, ENTRY_SYSCALL32, 20);
}

static void user_int(struct cpu *c)
{
	in_ring3(c, user_code(user_int80), USER_CS);
}

TEST_F_TIMEOUT(nmi, bounce_of_int80, LIMIT)
{
	WALK(user_int, ENTRY_USER, 20);
}

static void user_privileged(struct cpu *c)
{
	in_ring3(c, user_code(user_cli), USER_CS);
}

TEST_F_TIMEOUT(nmi, exit_from_ring3, LIMIT)
{
	WALK(user_privileged, ENTRY_USER, 5);
}

/* Without a setup nothing bounces. */
TEST_F_TIMEOUT(nmi, exit_in_trap_mode, LIMIT)
{
	self->cpu = &new_vm(true)->cpu[0];
	self->cpu->page->user_gs = KERNEL(self->cpu->page_gpa);	/* nobody swaps it */
	WALK(user_exception, GATE(6), 5);
}

/* IRETQ faults in the switcher. */
static void nowhere(struct cpu *c)
{
	c->regs.rip = NOT_CANONICAL;
}

TEST_F_TIMEOUT(nmi, fault_of_entry, LIMIT)
{
	WALK(nowhere, ENTRY_KERNEL, 1);
}

TEST_HARNESS_MAIN
