/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The small machine on the monitor's own MMU, and how its guest uses that: what is announced,
 * #PFs of ring 3 that are the monitor's, tries of every kind of access. With #PF bounced and
 * without, as the tests' variants.
 */
#ifndef TEST_OWNMMU_H
#define TEST_OWNMMU_H

#include "machine.h"

#define PTE_A		0x20ull
#define PTE_D		0x40ull
#define PTE_NX		(1ull << 63)
#define PTE_ADDRESS	0x000ffffffffff000ull

#define ERROR_P		1
#define ERROR_W		2
#define ERROR_U		4
#define ERROR_RSVD	8
#define ERROR_I		0x10
#define ACCESS(error)	(RING1_ACCESS_VALID | (error))

#define BIG_PAGE	(2ull << 20)

/* Memory beside the machine's own: its slot, where it is for the guest, and mapped. */
#define MORE_SLOT	5
#define GPA_MORE	(32ull << 20)
#define GPA_HOLE	(64ull << 20)		/* nothing is there */

/* A part of the address space that is empty: in the user's half, in the kernel's. */
#define USER_EMPTY	0x500000000000ull
#define KERNEL_EMPTY	0xffffc00000000000ull

CODE(kernel_jump, "jmp *%rdi\n");
CODE(kernel_read_ac, "pushfq\n orl $0x40000, (%rsp)\n popfq\n mov (%rdi), %rax\n" STOP);
CODE(user_read, "mov (%rdi), %rax\n ud2\n");
CODE(user_write, "mov %rax, (%rdi)\n ud2\n");
/* Pages from RDI on, RCX of them, and what is in the first, RAX; one more in each. */
#define CHECK_PAGES								\
	"1: cmp %rax, (%rdi)\n jne 2f\n add $4096, %rdi\n inc %rax\n"		\
	"dec %rcx\n jnz 1b\n 2:\n"
CODE(kernel_check, CHECK_PAGES STOP);
CODE(user_check, CHECK_PAGES "ud2\n");
#define FILL_PAGES								\
	"1: mov %rax, (%rdi)\n add $4096, %rdi\n inc %rax\n dec %rcx\n jnz 1b\n"
CODE(kernel_fill, FILL_PAGES STOP);
CODE(user_fill, FILL_PAGES "ud2\n");

static inline void own_start(struct cpu *c, uint32_t flags)
{
	pv_start_on_kvm(c, flags);
	leave_kvm_mmu(c);
}

static inline void *more_memory(struct vm *vm, uint64_t size, unsigned int flags)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		die("mmap of more memory");
	add_memory(vm, MORE_SLOT, GPA_MORE, memory, size, flags);
	return memory;
}

/* Change an entry as a guest kernel does that takes something away. */
static inline void set_entry(struct cpu *c, uint64_t *entry, uint64_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_SEQ_CST);
	announce(c, gpa_of(c->vm, entry), 1);
	if (HYPERCALL(c, FLUSH_TLB))
		die("flush_tlb");
}

static inline int64_t sync_address(struct cpu *c, uint64_t addr, uint32_t error)
{
	return HYPERCALL(c, MMU_SYNC, 0, addr, ACCESS(error & (ERROR_W | ERROR_U | ERROR_I)));
}

/*
 * In ring 3, with the registers in c->regs; each #PF that is the monitor's is served, as a
 * guest kernel does. What it ended with is in the normal frame, which is free, if it was an
 * entry point. The same #PF again and again is one that the monitor cannot help with.
 */
static inline enum stop go_served_at(struct cpu *c, uint64_t rip)
{
	int tries = 64 * 1024, again = 0;
	struct ring1_frame f, last = { };
	struct kvm_regs regs;
	enum stop stop;

	while (tries--) {
		stop = go_user_at(c, rip);
		regs = c->regs;
		if (stop != ENTRY_USER)
			return stop;
		f = take(c);
		again = f.ip == last.ip && f.payload == last.payload ? again + 1 : 0;
		last = f;
		if (f.vector != 14 || again == 4 || sync_address(c, f.payload, f.error)) {
			c->regs = regs;
			return stop;
		}
		c->regs = regs;
		rip = f.ip;
	}
	die("ring 3 makes no progress at %#llx", (long long)rip);
	return DEAD;
}

static inline enum stop go_served(struct cpu *c, const char *code)
{
	return go_served_at(c, user_code(code));
}

/* The tries: true if they come to that end, else they say how they ended. */
static inline bool ended(struct cpu *c, enum stop stop, enum stop wanted, const char *what,
			 uint64_t va)
{
	const struct ring1_frame *f = &c->page->frame[RING1_EVENT_NORMAL];

	if (stop == wanted)
		return true;
	printf("# %s of %#llx: stopped with %#x, vector %u, error code %#x at %#llx\n", what,
	       (long long)va, stop, f->vector, f->error, f->payload);
	take(c);
	return false;
}

static inline bool faulted(struct cpu *c, enum stop stop, const char *what, uint64_t va,
			   uint32_t error)
{
	enum stop wanted = error & ERROR_U ? ENTRY_USER : ENTRY_KERNEL;
	struct ring1_frame f;

	if (!ended(c, stop, wanted, what, va))
		return false;
	f = take(c);
	if (f.vector == 14 && f.error == error && f.payload == va)
		return true;
	printf("# %s of %#llx: vector %u, error code %#x, not %#x, at %#llx\n", what,
	       (long long)va, f.vector, f.error, error, f.payload);
	return false;
}

static inline enum stop kernel_reads(struct cpu *c, uint64_t va)
{
	c->regs.rdi = va;
	return go_kernel(c, code_peek);
}

static inline enum stop kernel_writes(struct cpu *c, uint64_t va, uint64_t value)
{
	c->regs.rdi = va;
	c->regs.rax = value;
	return go_kernel(c, code_poke);
}

static inline enum stop user_reads(struct cpu *c, uint64_t va)
{
	c->regs.rdi = va;
	return go_served(c, user_read);
}

static inline enum stop user_writes(struct cpu *c, uint64_t va, uint64_t value)
{
	c->regs.rdi = va;
	c->regs.rax = value;
	return go_served(c, user_write);
}

static inline bool can_read(struct cpu *c, uint64_t va, uint64_t value)
{
	if (!ended(c, kernel_reads(c, va), STOPPED, "read", va))
		return false;
	if (c->regs.rax == value)
		return true;
	printf("# %#llx is at %#llx, not %#llx\n", c->regs.rax, (long long)va, (long long)value);
	return false;
}

static inline bool can_write(struct cpu *c, uint64_t va, uint64_t value)
{
	return ended(c, kernel_writes(c, va, value), STOPPED, "write", va);
}

static inline bool cannot_read(struct cpu *c, uint64_t va, uint32_t error)
{
	return faulted(c, kernel_reads(c, va), "read", va, error);
}

static inline bool cannot_write(struct cpu *c, uint64_t va, uint32_t error)
{
	return faulted(c, kernel_writes(c, va, 0x57), "write", va, error | ERROR_W);
}

static inline bool cannot_jump(struct cpu *c, uint64_t va, uint32_t error)
{
	c->regs.rdi = va;
	return faulted(c, go_kernel(c, kernel_jump), "jump", va, error | ERROR_I);
}

/* UD2 is what it comes to. */
static inline bool user_is_through(struct cpu *c, enum stop stop, const char *what, uint64_t va)
{
	if (!ended(c, stop, ENTRY_USER, what, va))
		return false;
	if (c->page->frame[RING1_EVENT_NORMAL].vector == 6)
		return true;
	return ended(c, DEAD, STOPPED, what, va);
}

static inline bool user_can_read(struct cpu *c, uint64_t va, uint64_t value)
{
	if (!user_is_through(c, user_reads(c, va), "user's read", va))
		return false;
	if (c->regs.rax == value)
		return true;
	printf("# %#llx is at %#llx for the user, not %#llx\n", c->regs.rax, (long long)va,
	       (long long)value);
	return false;
}

static inline bool user_can_write(struct cpu *c, uint64_t va, uint64_t value)
{
	return user_is_through(c, user_writes(c, va, value), "user's write", va);
}

static inline bool user_cannot_read(struct cpu *c, uint64_t va, uint32_t error)
{
	return faulted(c, user_reads(c, va), "user's read", va, error | ERROR_U);
}

static inline bool user_cannot_write(struct cpu *c, uint64_t va, uint32_t error)
{
	return faulted(c, user_writes(c, va, 0x57), "user's write", va, error | ERROR_U | ERROR_W);
}

static inline bool user_cannot_jump(struct cpu *c, uint64_t va, uint32_t error)
{
	return faulted(c, go_served_at(c, va), "user's jump", va, error | ERROR_U | ERROR_I);
}

/* All of these pages, each with one more in its first word than the one before. */
static inline void set_pages(struct cpu *c, uint64_t va, uint64_t stamp, uint64_t pages)
{
	c->regs.rdi = va;
	c->regs.rax = stamp;
	c->regs.rcx = pages;
}

static inline bool all_checked(struct cpu *c, const char *whose)
{
	if (!c->regs.rcx)
		return true;
	printf("# %#llx is not at %#llx%s\n", c->regs.rax, c->regs.rdi, whose);
	return false;
}

static inline bool can_check(struct cpu *c, uint64_t va, uint64_t stamp, uint64_t pages)
{
	set_pages(c, va, stamp, pages);
	return ended(c, go_kernel(c, kernel_check), STOPPED, "check", c->regs.rdi) &&
	       all_checked(c, "");
}

static inline bool user_can_check(struct cpu *c, uint64_t va, uint64_t stamp, uint64_t pages)
{
	set_pages(c, va, stamp, pages);
	return user_is_through(c, go_served(c, user_check), "user's check", c->regs.rdi) &&
	       all_checked(c, " for the user");
}

static inline bool can_fill(struct cpu *c, uint64_t va, uint64_t stamp, uint64_t pages)
{
	set_pages(c, va, stamp, pages);
	return ended(c, go_kernel(c, kernel_fill), STOPPED, "fill", c->regs.rdi);
}

static inline bool user_can_fill(struct cpu *c, uint64_t va, uint64_t stamp, uint64_t pages)
{
	set_pages(c, va, stamp, pages);
	return user_is_through(c, go_served(c, user_fill), "user's fill", c->regs.rdi);
}

static inline void stamp_pages(void *memory, uint64_t stamp, uint64_t pages)
{
	uint64_t *word = memory, i;

	for (i = 0; i < pages; i++)
		word[i * 512] = stamp + i;
}

static inline bool pages_have(const void *memory, uint64_t stamp, uint64_t pages)
{
	const uint64_t *word = memory;
	uint64_t i;

	for (i = 0; i < pages; i++)
		if (word[i * 512] != stamp + i) {
			printf("# page %lld has %#llx, not %#llx\n", (long long)i,
			       (long long)word[i * 512], (long long)(stamp + i));
			return false;
		}
	return true;
}

/* The machine's data, a MiB. */
#define DATA_PAGES	256

static inline bool is_live(struct vm *vm, uint64_t gpa)
{
	const uint64_t *live = at(vm, GPA_LIVE);

	return live[gpa / PAGE / 64] >> (gpa / PAGE % 64) & 1;
}

/* Another root, with the kernel's half of the first and nothing in the user's. */
static inline uint64_t new_root(struct vm *vm)
{
	uint64_t root = vm->next_table;

	vm->next_table += PAGE;
	if (vm->next_table > RAM_SIZE)
		die("out of page tables");
	memset(at(vm, root), 0, PAGE);
	memcpy((uint64_t *)at(vm, root) + 256, (uint64_t *)at(vm, GPA_TABLES) + 256, PAGE / 2);
	return root;
}

/* What the user needs to run: its view of code and stacks, the first root's. */
static inline void give_user_code(struct vm *vm, uint64_t root)
{
	const unsigned int i = USER_BASE >> 39 & 511;

	((uint64_t *)at(vm, root))[i] = ((uint64_t *)at(vm, GPA_TABLES))[i];
}

static inline void switch_root(struct cpu *c, uint64_t root)
{
	if (HYPERCALL(c, WRITE_CR3, root))
		die("write_cr3 to %#llx", (long long)root);
}

/* Deterministic, and the same everywhere. */
static inline uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

FIXTURE(own)
{
	struct vm *vm;
	struct cpu *cpu;
};

FIXTURE_VARIANT(own)
{
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(own, bounce)
{
	.flags = RING1_SETUP_BOUNCE_PF,
};

FIXTURE_VARIANT_ADD(own, no_bounce)
{
	.flags = 0,
};

FIXTURE_SETUP(own)
{
	self->vm = new_vm(true);
	self->cpu = &self->vm->cpu[0];
	own_start(self->cpu, variant->flags);
	stamp_pages(at(self->vm, GPA_DATA), 1000, DATA_PAGES);
}

FIXTURE_TEARDOWN(own)
{
}

#endif
