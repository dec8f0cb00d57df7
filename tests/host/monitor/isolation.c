// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    a guest, kernel or user, cannot read, write or execute any page of the
 *           host's; each try is a #PF of its own. What it maps at the host's addresses
 *           is its own memory, and the host's physical addresses are none of its own
 * How:      takes the host's addresses from /proc/kcore and /proc/kallsyms, KASLR on,
 *           and reads them there first, a secret among them; then tries them from ring
 *           1 and ring 3; then the first pages of each top-level slot of the upper half
 * Catches:  host entries in a guest's root, a root of KVM's with something left in it
 * Beyond:   stale global TLB entries: QEMU drops them with each CR3 write, so this passes
 *           with CR4.PGE on, too; Bochs keeps them (batch host-bochs)
 */
#include "host_memory.h"
#include "machine.h"

#define CPU_ENTRY_AREA	0xfffffe0000000000ull
#define FIXMAP_TOP	0xffffffffff7ff000ull
#define ESPFIX		0xffffff0000000000ull
#define LDT_REMAP	0xffff880000000000ull

#define ERROR_W		2
#define ERROR_U		4
#define ERROR_I		0x10

CODE(kernel_jump, "jmp *%rdi\n");
CODE(user_read, "mov (%rdi), %rax\n ud2\n");
CODE(user_write, "mov %rax, (%rdi)\n ud2\n");

/* One try: that it is the guest's own #PF, with this error code. */
static bool faults(struct cpu *c, enum stop stop, uint64_t va, uint32_t error)
{
	bool user = error & ERROR_U;
	struct ring1_frame f = take(c);

	if (stop == (user ? ENTRY_USER : ENTRY_KERNEL) && f.vector == 14 && f.error == error &&
	    f.payload == va)
		return true;
	printf("# %#lx, error code %#x: stopped with %#x, vector %u, error code %#x at %#llx\n",
	       va, error, stop, f.vector, f.error, f.payload);
	return false;
}

static bool cannot_read(struct cpu *c, uint64_t va)
{
	c->regs.rdi = va;
	return faults(c, go_kernel(c, code_peek), va, 0);
}

static bool cannot_access(struct cpu *c, uint64_t va)
{
	bool ok = cannot_read(c, va);

	c->regs.rdi = va;
	ok &= faults(c, go_kernel(c, code_poke), va, ERROR_W);
	c->regs.rdi = va;
	ok &= faults(c, go_kernel(c, kernel_jump), va, ERROR_I);
	c->regs.rdi = va;
	ok &= faults(c, go_user(c, user_read), va, ERROR_U);
	c->regs.rdi = va;
	ok &= faults(c, go_user(c, user_write), va, ERROR_U | ERROR_W);
	ok &= faults(c, go_user_at(c, va), va, ERROR_U | ERROR_I);
	return ok;
}

/*
 * Many tries to read, with the kernel's entry point as the loop: from RDI in steps of
 * RSI, RCX times. Ends with RCX 0, or at the first word that is there.
 */
#define NORMAL_FRAME "%gs:64+"
CODE(scan, "mov (%rdi), %rax\n" STOP);
CODE(scan_fault,
	"cmpl $14, " NORMAL_FRAME "44\n"		/* vector */
	"jne 1f\n"
	"cmp %rdi, " NORMAL_FRAME "48\n"		/* payload */
	"jne 1f\n"
	"movq $0, " NORMAL_FRAME "56\n"		/* busy */
	"add %rsi, %rdi\n"
	"dec %rcx\n"
	"jnz scan\n"
	"1:" STOP);

static bool cannot_scan(struct cpu *c, uint64_t va, uint64_t step, uint64_t count)
{
	enum stop stop;

	make_setup(c)->entry_kernel = kernel_code(scan_fault);
	if (HYPERCALL(c, VCPU_REGISTER, c->page_gpa))
		die("vcpu_register");
	c->regs.rdi = va;
	c->regs.rsi = step;
	c->regs.rcx = count;
	stop = go_kernel(c, scan);
	if (stop == STOPPED && !c->regs.rcx)
		return true;
	printf("# stopped with %#x at %#llx\n", stop, c->regs.rdi);
	return false;
}

FIXTURE(host)
{
	struct host_memory memory;
	struct vm *vm;
	struct cpu *cpu;
};

FIXTURE_SETUP(host)
{
	ASSERT_TRUE(open_host_memory(&self->memory));
	self->vm = new_vm(true);
	self->cpu = &self->vm->cpu[0];
	pv_start(self->cpu);
}

FIXTURE_TEARDOWN(host)
{
}

TEST_F(host, ranges)
{
	uint64_t value, va, step;
	int i, j, readable = 0;

	for (i = 0; i < self->memory.nr_ranges; i++) {
		const Elf64_Phdr *r = &self->memory.range[i];

		/* a prime number of steps, so that no table's stride is hit always */
		step = r->p_memsz / 13 & ~7ull;
		for (j = 0; j < 14; j++) {
			va = j < 13 ? r->p_vaddr + j * step : r->p_vaddr + r->p_memsz - 8;
			readable += read_host(&self->memory, va, &value);
			EXPECT_TRUE(cannot_access(self->cpu, va));
		}
	}
	TH_LOG("%d ranges, %d words of them read on the host", i, readable);
	EXPECT_LE(4, i);
	EXPECT_LT(30, readable);
}

/* By name: text, data, per-CPU areas, the monitor itself. */
TEST_F(host, symbols)
{
	static const char *const name[] = {
		"_text", "entry_SYSCALL_64", "asm_exc_nmi", "init_task", "init_top_pgt",
		"sys_call_table", "idt_table", "ring1_switch", "kvm_init",
		"page_offset_base", "vmemmap_base", "__per_cpu_offset",
	};
	uint64_t value, va[ARRAY_SIZE(name)], behind;
	unsigned int i;

	find_symbols(name, va, ARRAY_SIZE(name));
	for (i = 0; i < ARRAY_SIZE(name); i++) {
		ASSERT_LT(1ull << 63, va[i])
			TH_LOG("no %s in /proc/kallsyms", name[i]);
		EXPECT_TRUE(read_host(&self->memory, va[i], &value))
			TH_LOG("%s", name[i]);
		EXPECT_TRUE(cannot_access(self->cpu, va[i]));
	}
	/* and where the last three lead: direct map, page structures, a per-CPU area */
	for (i = ARRAY_SIZE(name) - 3; i < ARRAY_SIZE(name); i++) {
		ASSERT_TRUE(read_host(&self->memory, va[i], &behind));
		EXPECT_TRUE(cannot_access(self->cpu, behind));
	}
}

TEST_F(host, fixed_areas)
{
	static const uint64_t area[] = {
		CPU_ENTRY_AREA, FIXMAP_TOP - 2 * 512 * PAGE, ESPFIX, LDT_REMAP,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(area); i++) {
		EXPECT_TRUE(cannot_access(self->cpu, area[i]));
		EXPECT_TRUE(cannot_scan(self->cpu, area[i], PAGE, 1024));
		pv_start(self->cpu);
	}
}

static uint64_t secret[512] __attribute__((aligned(4096)));

static uint64_t make_secret(const struct host_memory *m)
{
	uint64_t value, va;

	secret[0] = 0x5ec4e7 ^ (uint64_t)getpid() << 32;
	va = direct_map(m, physical_address(secret));
	if (!va || !read_host(m, va, &value) || value != secret[0])
		die("the secret is not at %#llx", (long long)va);
	return va;
}

TEST_F(host, secret_in_the_direct_map)
{
	uint64_t va = make_secret(&self->memory), was = secret[0];

	EXPECT_TRUE(cannot_access(self->cpu, va));
	EXPECT_EQ(was, secret[0]);
}

TEST_F(host, own_memory_at_the_hosts_address)
{
	uint64_t va = make_secret(&self->memory), was = secret[0];
	uint64_t *own = at(self->vm, GPA_DATA);

	*own = 0x1234;
	map(self->vm, va, GPA_DATA, PTE_W);
	EXPECT_EQ(0x1234, peek(self->cpu, va));
	self->cpu->regs.rdi = va;
	self->cpu->regs.rax = 0x4321;
	EXPECT_EQ(STOPPED, go_kernel(self->cpu, code_poke));
	EXPECT_EQ(0x4321, *own);
	EXPECT_EQ(was, secret[0]);
}

/* To the VMM, which has nothing there, by all levels of the tables and by CR3. */
TEST_F(host, physical_addresses_are_the_guests_own)
{
	uint64_t va = make_secret(&self->memory), pa = physical_address(secret);
	struct cpu *c = self->cpu;

	ASSERT_LT(RAM_SIZE, pa);
	map(self->vm, va, pa & -PAGE, PTE_W);
	c->regs.rdi = va;
	ASSERT_EQ(KVM(MMIO), go_kernel(c, code_peek));
	EXPECT_EQ(pa, c->run->mmio.phys_addr);
	EXPECT_FALSE(c->run->mmio.is_write);
	memset(c->run->mmio.data, 0x77, 8);
	ASSERT_EQ(STOPPED, resume(c));
	EXPECT_EQ(0x7777777777777777, c->regs.rax);
	c->regs.rdi = va;
	ASSERT_EQ(KVM(MMIO), go_kernel(c, code_poke));
	EXPECT_TRUE(c->run->mmio.is_write);
	ASSERT_EQ(STOPPED, resume(c));
	EXPECT_NE(0x7777777777777777, secret[0]);
}

TEST_F(host, tables_in_the_hosts_memory)
{
	uint64_t pa = physical_address(secret) & -PAGE;
	uint64_t *root = at(self->vm, GPA_TABLES);
	struct cpu *c = self->cpu;
	int i;

	/* A page of entries that map the host's first pages, if they were believed. */
	for (i = 0; i < 512; i++)
		secret[i] = (uint64_t)i * PAGE | PTE_P | PTE_W | PTE_U;
	root[300] = pa | PTE_P | PTE_W | PTE_U;
	EXPECT_TRUE(cannot_access(c, 0xffff000000000000 | 300ull << 39));
	c->regs.rax = RING1_HC_WRITE_CR3;
	c->regs.rdi = pa;
	EXPECT_EQ(KVM(SHUTDOWN), go_kernel(c, code_hypercall));
}

/* All slots but the switcher's and the guest kernel's; then what is left of that. */
TEST_F_TIMEOUT(host, upper_half, 120)
{
	static const uint64_t offset[] = {
		0, PAGE, 511 * PAGE, 512 * PAGE, 1ull << 30, (1ull << 39) - PAGE,
	};
	const uint64_t slot = 1ull << 39, first = RING1_SLOT_BASE + slot, last = -slot;
	struct cpu *c = self->cpu;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(offset); i++)
		EXPECT_TRUE(cannot_scan(c, first + offset[i], slot, (last - first) / slot));
	EXPECT_TRUE(cannot_scan(c, last, 1 << 30, (KERNEL_BASE - last) >> 30));
	EXPECT_TRUE(cannot_scan(c, KERNEL_BASE + (1 << 30), 1 << 30, 1));
	EXPECT_TRUE(cannot_scan(c, KERNEL_BASE + RAM_SIZE, 1 << 21, 512 - (RAM_SIZE >> 21)));
}

/* The same finds what is there. */
TEST_F(host, a_scan_can_fail)
{
	EXPECT_FALSE(cannot_scan(self->cpu, KERNEL_BASE - 8 * PAGE, PAGE, 16));
	EXPECT_EQ(KERNEL_BASE, self->cpu->regs.rdi);
}

TEST_HARNESS_MAIN
