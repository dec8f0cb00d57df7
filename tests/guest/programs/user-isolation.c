// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    user code can neither read, write nor run anything in the upper half of the
 *           address space, where the guest kernel and the switcher are; the kernel does
 *           not do it on its behalf, and nothing there makes it a caller of hypercalls
 * How:      tries at each kind of page of the kernel's, at all pages of two regions of the
 *           switcher's slot and in each slot of the top-level table: always SIGSEGV with
 *           the address, and an error code that does not tell what is there
 * Needs:    root, kprobe events, to find the pages
 * Timeout:  400
 * Catches:  a page mapped for ring 1 with U/S set; a fault on the kernel's pages that goes
 *           to KVM, or is repeated for ever; a SYSCALL taken for a hypercall
 */
#include <errno.h>
#include <sys/syscall.h>

#include "fixture.h"
#include "guest.h"
#include "probe.h"

#define PAGE		4096UL
#define SLOT_256	0xffff800000000000UL
#define PGD_STEP	0x8000000000UL
#define REGION		0x200000UL

#define PF_PRESENT	1
#define PF_WRITE	2
#define PF_USER		4
#define PF_FETCH	16

PROBE(read, "mov (%rax), %ecx");
PROBE(write, "mov %ecx, (%rax)");
PROBE(change, "lock addl $0, (%rax)");
PROBE(run, "jmp *%rax");
PROBE(prefetch, "prefetcht0 (%rax); prefetchw (%rax); ud2");

static const struct access {
	const char *code;
	const char *end;
	unsigned long error;
	unsigned long or_error;
} accesses[] = {
	{ code_read, code_end_read, PF_USER | PF_PRESENT, 0 },
	{ code_write, code_end_write, PF_USER | PF_PRESENT | PF_WRITE, 0 },
	/* QEMU reads first. */
	{ code_change, code_end_change, PF_USER | PF_PRESENT | PF_WRITE, PF_USER | PF_PRESENT },
	{ code_run, code_end_run, PF_USER | PF_PRESENT | PF_FETCH, 0 },
};

#define NR_ACCESSES	4
#define READ		(&accesses[0])
#define RUN		(&accesses[3])

/* Did the access end as it must? Else say how. */
static bool is_refused(struct probe *p, const struct access *access, uint64_t addr)
{
	uint64_t rip = access == RUN ? addr : PROBE_CODE;
	unsigned long error;

	p->code = access->code;
	p->end = access->end;
	p->reg[REG_RAX] = addr;
	p->signal = 0;
	probe_run(p);
	error = p->seen[REG_ERR];
	if (p->signal == SIGSEGV && p->info.si_code == SEGV_MAPERR &&
	    (uint64_t)p->info.si_addr == addr &&
	    (error == access->error || error == access->or_error) &&
	    (uint64_t)p->seen[REG_RIP] == rip && !probe_changed(p))
		return true;
	printf("# access %d at %#lx: signal %d, code %d, address %p, error %#lx, RIP %#llx\n",
	       (int)(access - accesses), (unsigned long)addr, p->signal, p->info.si_code,
	       p->info.si_addr, error, p->seen[REG_RIP]);
	return false;
}

/* A kernel variable, by an event on a system call we make. 0 if it cannot be read. */
static uint64_t kernel_variable(const char *symbol)
{
	static const char dir[] = "/sys/kernel/tracing";
	char text[256], path[128], *at;
	uint64_t value = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/kprobe_events", dir);
	snprintf(text, sizeof(text), "p:user_isolation __x64_sys_getpgid value=@%s:x64\n", symbol);
	if (!write_text(path, text))
		return 0;
	snprintf(path, sizeof(path), "%s/events/kprobes/user_isolation/enable", dir);
	write_text(path, "1");
	getpgid(0);
	write_text(path, "0");
	snprintf(path, sizeof(path), "%s/trace", dir);
	f = fopen(path, "r");
	while (f && fgets(text, sizeof(text), f)) {
		at = strstr(text, "user_isolation: ");
		at = at ? strstr(at, "value=0x") : NULL;
		if (at)
			value = strtoull(at + 6, NULL, 16);
	}
	if (f)
		fclose(f);
	snprintf(path, sizeof(path), "%s/kprobe_events", dir);
	write_text(path, "-:user_isolation\n");
	return value;
}

static uint64_t direct_map(void)
{
	uint64_t base = kernel_variable("page_offset_base");

	return base ? base + (1 << 20) : 0;
}

static uint64_t struct_pages(void)
{
	return kernel_variable("vmemmap_base");
}

static uint64_t shared_page(void)
{
	uint64_t offset = kernel_symbol("ring1_vcpu"), base = kernel_variable("__per_cpu_offset");

	return offset && base ? base + offset : 0;
}

static uint64_t module_text(void)
{
	unsigned long long addr = 0;
	char line[256];
	FILE *f;

	if (system("modprobe crc7"))
		return 0;
	f = fopen("/proc/modules", "r");
	while (f && fgets(line, sizeof(line), f) && !addr)
		sscanf(line, "crc7 %*s %*s %*s %*s %llx", &addr);
	if (f)
		fclose(f);
	return addr;
}

static uint64_t kernel_text(void)
{
	return kernel_symbol("_stext");
}

static uint64_t kernel_rodata(void)
{
	return kernel_symbol("__start_rodata");
}

static uint64_t kernel_data(void)
{
	return kernel_symbol("init_task");
}

static uint64_t system_call_entry(void)
{
	return kernel_symbol("entry_SYSCALL_64");
}

static uint64_t hypercall(void)
{
	return kernel_symbol("ring1_pv_hypercall");
}

static uint64_t idt(void)
{
	return 0xfffffe0000000000;
}

static uint64_t fixmap(void)
{
	return 0xffffffffff5ff000;
}

static uint64_t vsyscall(void)
{
	return 0xffffffffff600000;
}

static uint64_t switcher(void)
{
	return SLOT_256;
}

static uint64_t last_page(void)
{
	return -PAGE;
}

FIXTURE(page)
{
};

FIXTURE_VARIANT(page)
{
	uint64_t (*addr)(void);
};

FIXTURE_SETUP(page)
{
}

FIXTURE_TEARDOWN(page)
{
}

#define PAGE_OF(name)	FIXTURE_VARIANT_ADD(page, name) { .addr = name }

PAGE_OF(kernel_text);
PAGE_OF(kernel_rodata);
PAGE_OF(kernel_data);
PAGE_OF(system_call_entry);
PAGE_OF(hypercall);
PAGE_OF(module_text);
PAGE_OF(direct_map);
PAGE_OF(struct_pages);
PAGE_OF(shared_page);
PAGE_OF(idt);
PAGE_OF(fixmap);
PAGE_OF(vsyscall);
PAGE_OF(switcher);
PAGE_OF(last_page);

TEST_F_TIMEOUT(page, is_not_the_users, 60)
{
	uint64_t addr = variant->addr();
	struct probe p = { };
	int i;

	ASSERT_NE(0, addr);
	probe_init(&p);
	for (i = 0; i < NR_ACCESSES; i++)
		EXPECT_TRUE(is_refused(&p, &accesses[i], addr));
	/* Across the end of the page before, too. */
	EXPECT_TRUE(is_refused(&p, READ, addr + 8));

	p.code = code_prefetch;
	p.end = code_end_prefetch;
	p.reg[REG_RAX] = addr;
	probe_run(&p);
	EXPECT_EQ(SIGILL, p.signal);
	EXPECT_EQ(code_end_prefetch - code_prefetch - 2, probe_offset(&p));
}

TEST_F_TIMEOUT(page, is_not_the_kernels_for_system_calls, 60)
{
	void *addr = (void *)variant->addr();
	int fd[2];

	ASSERT_NE(NULL, addr);
	ASSERT_EQ(0, pipe(fd));
	EXPECT_EQ(-1, write(fd[1], addr, 16));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_EQ(1, write(fd[1], "x", 1));
	EXPECT_EQ(-1, read(fd[0], addr, 16));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, syscall(SYS_uname, addr));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, syscall(SYS_open, addr, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, syscall(SYS_futex, addr, 0, 1, NULL));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, syscall(SYS_rt_sigprocmask, 0, NULL, addr, 8));
	EXPECT_EQ(EFAULT, errno);
}

/* Thousands of faults: a trap guest takes minutes for them. */
EMPTY_FIXTURE(many)

TEST_F_TIMEOUT(many, no_page_of_the_switchers_regions_is_the_users, 200)
{
	struct probe p = { };
	uint64_t addr;

	probe_init(&p);
	for (addr = SLOT_256; addr < SLOT_256 + 2 * REGION; addr += PAGE)
		ASSERT_TRUE(is_refused(&p, READ, addr));
	for (addr = SLOT_256; addr < SLOT_256 + 32 * PAGE; addr += PAGE) {
		ASSERT_TRUE(is_refused(&p, &accesses[1], addr));
		ASSERT_TRUE(is_refused(&p, RUN, addr));
	}
}

TEST_F_TIMEOUT(many, no_slot_of_the_top_level_table_is_the_users, 200)
{
	struct probe p = { };
	uint64_t addr;
	int i;

	probe_init(&p);
	for (addr = SLOT_256; addr; addr += PGD_STEP)
		for (i = 0; i < NR_ACCESSES; i++)
			ASSERT_TRUE(is_refused(&p, &accesses[i], addr));
}

/* Number 0 is read(), which refuses the descriptor, and the ABI version's hypercall. */
PROBE(system_call, "syscall; ud2");

TEST(syscall_with_a_forged_return_address_is_the_users)
{
	struct probe p = { PROBE_CODE_OF(system_call) };

	probe_init(&p);
	p.reg[REG_RAX] = 0;
	p.reg[REG_RDI] = -1;
	p.reg[REG_RCX] = kernel_symbol("ring1_pv_hypercall");
	p.reg[REG_R11] = EFLAGS_IF;
	probe_run(&p);
	EXPECT_EQ(SIGILL, p.signal);
	EXPECT_EQ(2, probe_offset(&p));
	EXPECT_EQ(-EBADF, p.seen[REG_RAX]);
	EXPECT_EQ(PROBE_CODE + 2, (uint64_t)p.seen[REG_RCX]);
}

/* The return address is the highest that ring 3 can produce. */
TEST(syscall_from_the_last_bytes_is_the_users)
{
	uint64_t end = 0x7ffffffff000;
	char *page = mmap((void *)(end - PAGE), PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	struct probe p = { PROBE_CODE_OF(run) };

	ASSERT_NE(MAP_FAILED, page);
	probe_init(&p);
	memcpy(page + PAGE - 10, "\x31\xc0\x48\x83\xcf\xff\x90\x90\x0f\x05", 10);
	p.reg[REG_RAX] = end - 10;
	probe_run(&p);
	EXPECT_EQ(SIGSEGV, p.signal);
	EXPECT_EQ(end, (uint64_t)p.seen[REG_RIP]);
	EXPECT_EQ(-EBADF, p.seen[REG_RAX]);
	EXPECT_EQ(end, (uint64_t)p.seen[REG_RCX]);
}

TEST_HARNESS_MAIN
