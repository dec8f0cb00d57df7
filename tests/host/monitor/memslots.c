// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    a VMM that takes the memory away from which a privileged instruction is just being
 *           emulated, and gives it back, harms nobody: the guest sees no exception, no
 *           instruction done twice or not at all, and its VM lives
 * How:      a thread deletes and makes anew the memory slot that has the code, or the second
 *           page of an instruction, while a trap vCPU executes the instruction in a loop. On
 *           one processor, the thread first and the kernel preemptible: so it comes between
 *           the fault and the look at the bytes as well
 * Needs:    root
 * Timeout:  900
 * Catches:  bytes that the emulator did not get, taken for others or for none; a #GP or #UD
 *           that is the monitor's and goes to the guest
 */
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "affinity.h"
#include "machine.h"
#include "leaks.h"

#define GPA_TOGGLED	0x800000ull	/* two pages, of a memory slot each */
#define SLOT_OF(page)	(1 + (page))
#define NR_TOGGLES	400
#define PREEMPT		"/sys/kernel/debug/sched/preempt"

#define MSR_KERNEL_GS_BASE	0xc0000102

/*
 * Loops that RBX counts, until the word at RDI is not 0. `before` and `after` are halves of an
 * instruction; where the page is to end between them, the second page is the one taken away.
 */
#define LOOP(name, before, after)						\
	CODE(loop_##name, before "\nsplit_" #name ":\n" after "\n inc %rbx\n"	\
	     "cmpl $0, (%rdi)\n je loop_" #name "\n" STOP "end_" #name ":\n");	\
	extern const char split_##name[], end_##name[]

LOOP(cli_sti, "", "cli\n sti\n");
LOOP(out, "", "out %al, $0x80\n");
LOOP(in, "", "in $0x80, %al\n movzbl %al, %eax\n add %rax, %rsi\n");
LOOP(swap_gs, "", "swapgs\n");
LOOP(stac_clac, "", "stac\n pushfq\n pop %rax\n bt $18, %eax\n jnc 1f\n"
		    "clac\n pushfq\n pop %rax\n bt $18, %eax\n jnc 2f\n"
		    "1: inc %rsi\n 2:\n");
#define FRAME "mov %rsp, %rax\n push $0x18\n push %rax\n push $2\n push $0x10\n"	\
	      "lea 1f(%rip), %rcx\n push %rcx\n"
LOOP(iret, "", FRAME "iretq\n 1:\n");
LOOP(read_cr0, "", "mov %cr0, %rax\n");
/* KVM's prefix, for the virtual IF, which is 0. */
#define PREFIX ".byte 0x0f, 0x0b, 0x6b, 0x76, 0x6d\n"
#define FLAGS "pushfq\n pop %rax\n bt $9, %eax\n jnc 1f\n inc %rsi\n 1:\n"
LOOP(prefixed, "", PREFIX FLAGS);

LOOP(half_out, ".byte 0xe6\n", ".byte 0x80\n");
LOOP(half_swap_gs, ".byte 0x0f, 0x01\n", ".byte 0xf8\n");
LOOP(half_iret, FRAME ".byte 0x48\n", ".byte 0xcf\n 1:\n");
LOOP(half_read_cr0, ".byte 0x0f, 0x20\n", ".byte 0xc0\n");
LOOP(half_prefixed, PREFIX, FLAGS);

FIXTURE(memslots)
{
	struct vm *vm;
	struct cpu *cpu;
	uint8_t *pages;
	char preempt[64];
	unsigned int page;		/* which one is toggled */
	unsigned long outs, ins, away;	/* exits */
};

#define MEMSLOTS	FIXTURE_DATA(memslots)

/* How the kernel is preempted is in brackets. */
static void save_preemption(MEMSLOTS *self)
{
	FILE *f = fopen(PREEMPT, "re");
	char line[64] = "", *mode;

	if (f && fgets(line, sizeof(line), f)) {
		mode = strchr(line, '(');
		if (mode)
			snprintf(self->preempt, sizeof(self->preempt), "%.*s",
				 (int)strcspn(mode + 1, ")"), mode + 1);
	}
	if (f)
		fclose(f);
}

static void set_page(MEMSLOTS *self, unsigned int page, bool there)
{
	add_memory(self->vm, SLOT_OF(page), GPA_TOGGLED + page * PAGE,
		   self->pages + page * PAGE, there ? PAGE : 0, 0);
}

FIXTURE_SETUP(memslots)
{
	/* Else KVM queues a #UD besides, where it could not fetch. */
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_EXIT_ON_EMULATION_FAILURE, .args[0] = 1,
	};
	int i;

	if (geteuid())
		SKIP(return, "needs root");
	save_preemption(self);
	if (!put(PREEMPT, "full"))
		TH_LOG("the kernel cannot be made preemptible");
	ASSERT_TRUE(stay_on(0));

	self->vm = new_vm(true);
	self->cpu = &self->vm->cpu[0];
	IOCTL(self->vm->fd, KVM_ENABLE_CAP, &cap);
	self->pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			   -1, 0);
	ASSERT_NE(MAP_FAILED, self->pages);
	for (i = 0; i < 2; i++) {
		map(self->vm, KERNEL(GPA_TOGGLED + i * PAGE), GPA_TOGGLED + i * PAGE, 0);
		set_page(self, i, true);
	}
}

FIXTURE_TEARDOWN(memslots)
{
	if (self->preempt[0])
		put(PREEMPT, self->preempt);
}

/* Naps of all lengths, to come at every moment of a turn of the loop. */
static void nap(unsigned int i)
{
	const struct timespec time = { .tv_nsec = 1000 + i * 7919 % 300000 };

	nanosleep(&time, NULL);
}

static void *toggle(void *arg)
{
	const struct sched_param first = { .sched_priority = 1 };
	MEMSLOTS *self = arg;
	unsigned int i;

	if (pthread_setschedparam(pthread_self(), SCHED_FIFO, &first))
		die("SCHED_FIFO");
	for (i = 0; i < NR_TOGGLES; i++) {
		nap(2 * i);
		set_page(self, self->page, false);
		nap(2 * i + 1);
		set_page(self, self->page, true);
	}
	*(volatile uint32_t *)at(self->vm, GPA_DATA) = 1;
	return NULL;
}

/* Until it stops by itself, or as it must not. */
static enum stop run_on(MEMSLOTS *self, enum stop stop)
{
	struct cpu *c = self->cpu;

	for (;; stop = resume(c)) {
		if (stop == 0x80) {
			self->outs++;
		} else if (stop == KVM(IO)) {
			((uint8_t *)c->run)[c->run->io.data_offset] = 1;
			self->ins++;
		} else if (stop == KVM(INTERNAL_ERROR) &&
			   c->run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION) {
			/* KVM found no code to emulate, or had not learned the instruction. */
			self->away++;
		} else {
			return stop;
		}
	}
}

/* The loop, with its middle where the second page begins, or in the first page. */
static uint64_t place(MEMSLOTS *self, const char *start, const char *split, const char *end)
{
	uint64_t offset = start == split ? 0 : PAGE - (split - start);

	self->page = start == split ? 0 : 1;
	memcpy(self->pages + offset, start, end - start);
	return KERNEL(GPA_TOGGLED + offset);
}

/* The same once more, with all the memory there. */
static enum stop loop(MEMSLOTS *self, const char *start, const char *split, const char *end)
{
	uint64_t rip = place(self, start, split, end);
	struct cpu *c = self->cpu;
	pthread_t thread;
	enum stop stop;

	c->regs.rbx = 0;
	c->regs.rsi = 0;
	c->regs.rdi = KERNEL(GPA_DATA);
	if (pthread_create(&thread, NULL, toggle, self))
		die("pthread_create");
	stop = run_on(self, go(c, rip));
	printf("# %lld turns, %lu times without memory\n", (long long)c->regs.rbx, self->away);
	if (pthread_join(thread, NULL))
		die("pthread_join");
	self->away = 0;
	if (stop == STOPPED)
		stop = run_on(self, go(c, rip));
	if (stop != STOPPED)
		printf("# stopped with %#x at %#llx\n", stop, (long long)c->regs.rip);
	return stop;
}

#define LOOP_STOPS(name) EXPECT_EQ(STOPPED, loop(self, loop_##name, split_##name, end_##name))

/* Afterwards, with the memory there, KVM found it always. */
#define TEST_LOOP(name, ...)							\
	TEST_F_TIMEOUT(memslots, name, 300)					\
	{									\
		LOOP_STOPS(name);						\
		EXPECT_EQ(0, self->away);					\
		EXPECT_LT(1, self->cpu->regs.rbx);				\
		__VA_ARGS__							\
	}

#define EVERY_OUT	EXPECT_EQ(self->cpu->regs.rbx, self->outs);
#define EVERY_IN								\
	EXPECT_EQ(self->cpu->regs.rbx, self->ins);				\
	EXPECT_EQ(self->cpu->regs.rbx, self->cpu->regs.rsi);
#define NEVER_WRONG	EXPECT_EQ(0, self->cpu->regs.rsi);

TEST_LOOP(cli_sti)
TEST_LOOP(out, EVERY_OUT)
TEST_LOOP(in, EVERY_IN)
TEST_LOOP(stac_clac, NEVER_WRONG)
TEST_LOOP(iret)
TEST_LOOP(read_cr0)
TEST_LOOP(half_out, EVERY_OUT)
TEST_LOOP(half_iret)
TEST_LOOP(half_read_cr0)
TEST_LOOP(prefixed, NEVER_WRONG)
TEST_LOOP(half_prefixed, NEVER_WRONG)

/* An odd number of them leaves the bases the other way round. */
#define TEST_SWAPS(name)							\
	TEST_F_TIMEOUT(memslots, name, 300)					\
	{									\
		uint64_t base[2] = { KERNEL(self->cpu->page_gpa), USER(GPA_DATA) }, other;	\
										\
		ASSERT_EQ(1, set_msr(self->cpu, MSR_KERNEL_GS_BASE, base[1]));	\
		LOOP_STOPS(name);						\
		EXPECT_EQ(0, self->away);					\
		EXPECT_EQ(base[self->cpu->regs.rbx & 1], get_sregs(self->cpu).gs.base);	\
		ASSERT_EQ(1, get_msr(self->cpu, MSR_KERNEL_GS_BASE, &other));	\
		EXPECT_EQ(base[!(self->cpu->regs.rbx & 1)], other);		\
	}

TEST_SWAPS(swap_gs)
TEST_SWAPS(half_swap_gs)

TEST_HARNESS_MAIN
