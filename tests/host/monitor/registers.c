// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    a trip into the guest and back changes no register of either world: GPRs,
 *           flags, selectors and bases, x87, SSE and AVX state, CR2, DR0-7; in the host
 *           also TSC_AUX, PKRU and where system calls lead
 * How:      patterns in every register, one kind of exit between loading and reading:
 *           hypercall, port, memory-mapped I/O, shadow fault, interrupts, NMI, bounce
 * Catches:  a register forgotten in one of the paths; the guest's value in the host
 */
#include <asm/prctl.h>
#include <cpuid.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "affinity.h"
#include "machine.h"

#define GPA_MMIO	(64ull << 20)
#define GPA_FRESH	(32ull << 20)	/* memory that no shadow table has yet */
#define GPA_XSAVE	GPA_DATA
#define GPA_XSAVE_OUT	(GPA_DATA + PAGE)
#define GPA_STOP	(GPA_DATA + 2 * PAGE)
#define OSXSAVE		(1ull << 18)
#define XSTATE		7		/* x87, SSE, AVX */
#define XSTATE_SIZE	832		/* in the standard format */
#define XCR0_RAX	"mov $7, %eax\n mov $0, %edx\n"

/*
 * Extended state, from and to memory that RBX points to; RAX and RDX are pushed, so that
 * what is between them has all GPRs. Flags are left alone.
 */
#define LOAD_X "push %rax\n push %rdx\n" XCR0_RAX "xrstor (%rbx)\n pop %rdx\n pop %rax\n"
#define SAVE_X "push %rax\n push %rdx\n" XCR0_RAX "xsave 4096(%rbx)\n pop %rdx\n pop %rax\n"
#define AROUND(name, what) CODE(name, LOAD_X what SAVE_X STOP)

AROUND(by_hypercall, "syscall\n");
AROUND(by_port_out, "out %eax, $0x80\n");
AROUND(by_port_in, "in $0x80, %al\n");
AROUND(by_mmio_read, "mov (%rdi), %r10b\n");
AROUND(by_mmio_write, "mov %r10, (%rdi)\n");
AROUND(by_memory, "mov %r10, (%rdi)\n");
AROUND(by_privileged, "clts\n");
AROUND(by_nothing, "nop\n");
/* until the VMM says so: interrupts of the host's come here */
AROUND(by_interrupts, "1: cmpl $0, (%rsi)\n je 1b\n");

FIXTURE(registers)
{
	struct vm *vm;
	struct cpu *cpu;
	uint8_t *x, *x_out;
};

FIXTURE_SETUP(registers)
{
	struct kvm_xcrs xcrs = { .nr_xcrs = 1 };
	uint64_t gpa;
	void *fresh;
	struct cpu *c;
	int i;

	self->vm = new_vm(true);
	self->cpu = c = &self->vm->cpu[0];
	fresh = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	add_memory(self->vm, 1, GPA_FRESH, fresh, 1 << 20, 0);
	for (gpa = 0; gpa < 1 << 20; gpa += PAGE)
		map(self->vm, KERNEL(GPA_FRESH + gpa), GPA_FRESH + gpa, PTE_W);
	map(self->vm, KERNEL(GPA_MMIO), GPA_MMIO, PTE_W);
	pv_start(c);
	ASSERT_EQ(0, HYPERCALL(c, WRITE_CR4, get_sregs(c).cr4 | OSXSAVE));
	xcrs.xcrs[0].value = XSTATE;
	ASSERT_EQ(0, ioctl(c->fd, KVM_SET_XCRS, &xcrs));

	/* A pattern in all of it that may have any value. */
	self->x = at(self->vm, GPA_XSAVE);
	self->x_out = at(self->vm, GPA_XSAVE_OUT);
	for (i = 0; i < XSTATE_SIZE; i++)
		self->x[i] = i * 7 + 1;
	memset(self->x + 416, 0, 160);		/* not used, and the header */
	*(uint16_t *)self->x = 0x027f;		/* FCW: double precision */
	*(uint16_t *)(self->x + 2) = 0x3800;	/* FSW: top of stack 7 */
	*(uint16_t *)(self->x + 4) = 0xff;	/* FTW: all there */
	memset(self->x + 6, 0, 18);		/* FOP, FIP, FDP: AMD's have them with errors */
	*(uint32_t *)(self->x + 24) = 0x7f80;	/* MXCSR: another rounding mode */
	*(uint32_t *)(self->x + 28) = 0;	/* its mask: not loaded */
	for (i = 0; i < 8; i++)
		memset(self->x + 32 + i * 16 + 10, 0, 6);
	*(uint64_t *)(self->x + 512) = XSTATE;
}

FIXTURE_TEARDOWN(registers)
{
}

static bool same_xstate(const uint8_t *x, const uint8_t *out)
{
	bool same = true;
	int i;

	for (i = 0; i < XSTATE_SIZE; i++) {
		/* FOP to FDP, the mask, what is not used, the header but its first word */
		if ((i >= 6 && i < 24) || (i >= 28 && i < 32) || (i >= 416 && i < 576))
			continue;
		if (x[i] != out[i]) {
			printf("# XSAVE area at %d: was %#x, is %#x\n", i, x[i], out[i]);
			same = false;
		}
	}
	return same;
}

/* All but RBX RDI RSI RSP, which the code needs; RFLAGS's status bits, DF, AC, ID and NT. */
static void load_patterns(struct cpu *c, uint64_t seed)
{
	fill_registers(&c->regs, seed);
	c->regs.rbx = KERNEL(GPA_XSAVE);
	c->regs.rdi = KERNEL(GPA_MMIO);
	c->regs.rsi = KERNEL(GPA_STOP);
	c->regs.rsp = kernel_stack(c);
	c->regs.rflags = FLAG_FIXED | FLAG_STATUS | FLAG_DF | FLAG_AC | FLAG_ID | FLAG_NT;
	memset(at(c->vm, GPA_XSAVE_OUT), 0, PAGE);
}

/* `trips` KVM exits on the way, of the given reason. */
static bool survives(struct cpu *c, const char *code, enum stop reason, int trips,
		     unsigned int may_change, uint64_t flags_may_change)
{
	struct kvm_sregs before = get_sregs(c), after;
	struct kvm_regs was = c->regs;
	enum stop stop;

	stop = go_kernel(c, code);
	while (trips-- && stop == reason)
		stop = resume(c);
	after = get_sregs(c);
	if (stop != STOPPED) {
		printf("# stopped with %#x at %#llx, vector %u\n", stop, c->regs.rip,
		       c->page->frame[RING1_EVENT_NORMAL].vector);
		return false;
	}
	if ((c->regs.rflags ^ was.rflags) & ~flags_may_change) {
		printf("# flags were %#llx, are %#llx\n", was.rflags, c->regs.rflags);
		return false;
	}
	if (memcmp(&before, &after, sizeof(before))) {
		printf("# segments or control registers differ\n");
		return false;
	}
	return !changed(&was, &c->regs, may_change) &&
	       same_xstate(at(c->vm, GPA_XSAVE), at(c->vm, GPA_XSAVE_OUT));
}

TEST_F(registers, hypercall)
{
	int nr;

	for (nr = 0; nr < 2; nr++) {
		load_patterns(self->cpu, 1);
		/* one with interrupts off, one by way of KVM */
		self->cpu->regs.rax = nr ? RING1_HC_FLUSH_TLB : RING1_HC_ABI_VERSION;
		EXPECT_TRUE(survives(self->cpu, by_hypercall, STOPPED, 0,
				     REG(RAX) | REG(RCX) | REG(R11), 0));
	}
}

TEST_F(registers, ports)
{
	load_patterns(self->cpu, 2);
	EXPECT_TRUE(survives(self->cpu, by_port_out, 0x80, 1, 0, 0));
	load_patterns(self->cpu, 3);
	EXPECT_TRUE(survives(self->cpu, by_port_in, KVM(IO), 1, REG(RAX), 0));
}

TEST_F(registers, mmio)
{
	load_patterns(self->cpu, 4);
	EXPECT_TRUE(survives(self->cpu, by_mmio_read, KVM(MMIO), 1, REG(R10), 0));
	load_patterns(self->cpu, 5);
	EXPECT_TRUE(survives(self->cpu, by_mmio_write, KVM(MMIO), 1, 0, 0));
}

TEST_F(registers, shadow_faults)
{
	int i;

	for (i = 0; i < 64; i++) {
		load_patterns(self->cpu, 6 + i);
		self->cpu->regs.rdi = KERNEL(GPA_FRESH) + i * PAGE;
		EXPECT_TRUE(survives(self->cpu, by_memory, STOPPED, 0, 0, 0));
	}
}

TEST_F(registers, emulated_instruction)
{
	load_patterns(self->cpu, 7);
	EXPECT_TRUE(survives(self->cpu, by_privileged, STOPPED, 0, 0, 0));
}

static void on_alarm(int signal)
{
	(void)signal;
}

/* The host's timer and its signals; each signal is a trip to the VMM and back. */
TEST_F(registers, interrupts_of_the_host)
{
	struct itimerval timer = { .it_interval.tv_usec = 20000, .it_value.tv_usec = 20000 };
	struct sigaction action = { .sa_handler = on_alarm };
	struct cpu *c = self->cpu;
	struct kvm_regs was;
	enum stop stop;
	int i;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	load_patterns(c, 8);
	was = c->regs;
	stop = go_kernel(c, by_interrupts);
	for (i = 0; i < 20 && stop == INTERRUPTED; i++)
		stop = resume(c);
	*(uint32_t *)at(self->vm, GPA_STOP) = 1;
	while (stop == INTERRUPTED)
		stop = resume(c);
	EXPECT_LE(20, i);
	EXPECT_EQ(STOPPED, stop);
	EXPECT_EQ(0, changed(&was, &c->regs, 0));
	EXPECT_EQ(0, (was.rflags ^ c->regs.rflags) & ~FLAG_STATUS);
	EXPECT_TRUE(same_xstate(self->x, self->x_out));
}

/*
 * Events into the guest: at the entry point everything is as it was, but for RIP, flags
 * and what the frame has; then back by iret() with all of it.
 */
static enum stop return_from(struct cpu *c, const struct ring1_frame *f, uint64_t unmask)
{
	struct ring1_iret_frame *frame = at(c->vm, c->page_gpa + 0x7000);

	*frame = (struct ring1_iret_frame){
		.iret_flags = unmask, .r11 = c->regs.r11, .rcx = c->regs.rcx, .rax = c->regs.rax,
		.ip = f->ip, .cs = f->cs, .flags = f->flags, .sp = f->sp, .ss = f->ss,
	};
	c->regs.rax = RING1_HC_IRET;
	c->regs.rsp = KERNEL(c->page_gpa + 0x7000);
	return go_kernel(c, code_hypercall);
}

static bool event_survives(struct cpu *c, enum stop entry, int class, uint64_t unmask)
{
	struct kvm_regs was = c->regs;
	struct ring1_frame f;
	enum stop stop;

	stop = go_kernel(c, by_nothing);
	if (stop != entry || c->regs.rflags != FLAG_FIXED || changed(&was, &c->regs, 0))
		return false;
	f = c->page->frame[class];
	c->page->frame[class].busy = 0;
	if (f.flags != was.rflags || f.sp != was.rsp || f.ip != kernel_code(by_nothing))
		return false;
	stop = return_from(c, &f, unmask);
	return stop == STOPPED && !changed(&was, &c->regs, 0) && c->regs.rflags == was.rflags &&
	       same_xstate(at(c->vm, GPA_XSAVE), at(c->vm, GPA_XSAVE_OUT));
}

TEST_F(registers, interrupt_and_nmi_into_ring1)
{
	struct cpu *c = self->cpu;

	load_patterns(c, 9);
	c->regs.rflags |= FLAG_IF;
	interrupt(c, 0x41);
	EXPECT_TRUE(event_survives(c, ENTRY_KERNEL, RING1_EVENT_NORMAL, 0));
	load_patterns(c, 10);
	IOCTL(c->fd, KVM_NMI);
	EXPECT_TRUE(event_survives(c, ENTRY_NMI, RING1_EVENT_NMI, RING1_IRET_UNMASK_NMI));
}

/* A kernel that does not save AVX state must not have programs that use it. */
CODE(avx, "vmovaps %ymm0, %ymm1\n" STOP);

TEST_F(registers, no_avx_without_osxsave)
{
	struct cpu *c = self->cpu;
	uint64_t cr4 = get_sregs(c).cr4;

	EXPECT_EQ(STOPPED, go_kernel(c, avx));
	ASSERT_EQ(0, HYPERCALL(c, WRITE_CR4, cr4 & ~OSXSAVE));
	EXPECT_EQ(ENTRY_KERNEL, go_kernel(c, avx));
	EXPECT_EQ(6, take(c).vector);
	ASSERT_EQ(0, HYPERCALL(c, WRITE_CR4, cr4));
	load_patterns(c, 14);
	EXPECT_TRUE(survives(c, by_nothing, STOPPED, 0, 0, 0));
	EXPECT_TRUE(same_xstate(self->x, self->x_out));
}

/* Ring 3: what it has in each register reaches the kernel, by bounce and by exit. */
CODE(user_int3, "int3\n");
CODE(user_fault, "mov (%r15), %r15\n");

static bool from_ring3(struct cpu *c, const char *code, unsigned int vector, uint64_t seed)
{
	const uint64_t flags = FLAG_FIXED | FLAG_IF | FLAG_STATUS | FLAG_DF | FLAG_AC | FLAG_ID |
			       FLAG_NT;
	struct kvm_regs was;
	struct ring1_frame f;
	enum stop stop;

	fill_registers(&c->regs, seed);
	c->regs.r15 = KERNEL(GPA_DATA);
	c->regs.rflags = FLAG_FIXED;
	was = c->regs;
	c->page->user_gs = USER(0x987);
	stop = go_iret(c, user_code(code), USER_CS, flags, user_stack(c), USER_DS);
	was.rsp = user_stack(c);
	f = take(c);
	c->regs.rsp = f.sp;
	if (stop != ENTRY_USER || f.vector != vector || (f.flags & ~FLAG_RF) != flags ||
	    f.cs != USER_CS || f.ss != USER_DS || f.sp != was.rsp ||
	    c->regs.rflags != FLAG_FIXED || c->page->user_gs != USER(0x987) ||
	    get_sregs(c).gs.base != KERNEL(c->page_gpa)) {
		printf("# stopped with %#x, vector %u, flags %#llx, user's GS %#llx\n", stop,
		       f.vector, f.flags, c->page->user_gs);
		return false;
	}
	return !changed(&was, &c->regs, 0);
}

TEST_F(registers, exceptions_of_ring3)
{
	EXPECT_TRUE(from_ring3(self->cpu, code_user_ud2, 6, 11));
	EXPECT_TRUE(from_ring3(self->cpu, user_int3, 3, 12));
	EXPECT_TRUE(from_ring3(self->cpu, user_fault, 14, 13));
	EXPECT_EQ(KERNEL(GPA_DATA), get_sregs(self->cpu).cr2);
}

/* Selectors of the data segments and the bases, over all of the exits. */
CODE(load_selectors,
	"mov %ecx, %ds\n mov %edx, %es\n mov %r8d, %fs\n mov %r9d, %gs\n"
	"wrfsbase %rdi\n wrgsbase %rsi\n out %al, $0x80\n syscall\n"
	"mov %ds, %eax\n mov %es, %ebx\n mov %fs, %ebp\n mov %gs, %r10d\n"
	"rdfsbase %r12\n rdgsbase %r13\n" STOP);

TEST_F(registers, selectors_and_bases)
{
	struct cpu *c = self->cpu;

	ASSERT_EQ(0, HYPERCALL(c, SET_TLS, 0x00cff3000000ffff, 0x00cff3001000ffff,
			       0x00cff3002000ffff));
	fill_registers(&c->regs, 14);
	c->regs.rcx = USER_DS;
	c->regs.rdx = RING1_GDT_TLS * 8 + 3;
	c->regs.r8 = RING1_GDT_TLS * 8 + 8 + 3;
	c->regs.r9 = RING1_GDT_TLS * 8 + 16 + 3;
	c->regs.rdi = USER(0x1111);
	c->regs.rsi = KERNEL(0x2222);
	c->regs.rsp = kernel_stack(c);
	ASSERT_EQ(0x80, (int)go_kernel(c, load_selectors));
	c->regs.rax = RING1_HC_FLUSH_TLB;
	IOCTL(c->fd, KVM_SET_REGS, &c->regs);
	ASSERT_EQ(STOPPED, resume(c));
	EXPECT_EQ(USER_DS, c->regs.rax);
	EXPECT_EQ(RING1_GDT_TLS * 8 + 3, c->regs.rbx);
	EXPECT_EQ(RING1_GDT_TLS * 8 + 8 + 3, c->regs.rbp);
	EXPECT_EQ(RING1_GDT_TLS * 8 + 16 + 3, c->regs.r10);
	EXPECT_EQ(USER(0x1111), c->regs.r12);
	EXPECT_EQ(KERNEL(0x2222), c->regs.r13);
}

/* Two processors that take turns in one thread do not see each other's. */
TEST_F(registers, of_two_processors)
{
	struct cpu *c = self->vm->cpu;
	int i;

	pv_start(&c[1]);
	for (i = 0; i < 2; i++) {
		fill_registers(&c[i].regs, 20 + i);
		c[i].regs.rdi = USER(0x1000 * (i + 1));
		c[i].regs.rsi = KERNEL(0x1000 * (i + 1));
		c[i].regs.rcx = i ? USER_DS : 0;
		c[i].regs.rdx = i ? 0 : USER_DS;
		c[i].regs.r8 = c[i].regs.r9 = 0;
		c[i].regs.rsp = kernel_stack(&c[i]);
		ASSERT_EQ(0x80, (int)go_kernel(&c[i], load_selectors));
	}
	for (i = 0; i < 2; i++) {
		c[i].regs.rax = RING1_HC_ABI_VERSION;
		IOCTL(c[i].fd, KVM_SET_REGS, &c[i].regs);
		ASSERT_EQ(STOPPED, resume(&c[i]));
		EXPECT_EQ(i ? USER_DS : 0, c[i].regs.rax);
		EXPECT_EQ(i ? 0 : USER_DS, c[i].regs.rbx);
		EXPECT_EQ(USER(0x1000 * (i + 1)), c[i].regs.r12);
		EXPECT_EQ(KERNEL(0x1000 * (i + 1)), c[i].regs.r13);
	}
}

/*
 * The host's side: the VMM's registers across KVM_RUN. The guest has other values in
 * all of them: selectors, bases, extended state, debug registers, TSC_AUX, PKRU.
 */
struct host_state {
	uint64_t gpr[16];		/* in the order of register_names */
	uint64_t fs_base, gs_base;
	uint16_t ds, es, fs, gs, cs, ss;
	uint32_t tsc_aux, pkru;
	uint8_t x[XSTATE_SIZE] __attribute__((aligned(64)));
};

static bool with_pkru;

static void read_state(struct host_state *s)
{
	asm volatile("rdfsbase %0" : "=r" (s->fs_base));
	asm volatile("rdgsbase %0" : "=r" (s->gs_base));
	asm volatile("mov %%ds, %0" : "=r" (s->ds));
	asm volatile("mov %%es, %0" : "=r" (s->es));
	asm volatile("mov %%fs, %0" : "=r" (s->fs));
	asm volatile("mov %%gs, %0" : "=r" (s->gs));
	asm volatile("mov %%cs, %0" : "=r" (s->cs));
	asm volatile("mov %%ss, %0" : "=r" (s->ss));
	asm volatile("rdtscp" : "=c" (s->tsc_aux) : : "eax", "edx");
	if (with_pkru)
		asm volatile("rdpkru" : "=a" (s->pkru) : "c" (0) : "edx");
}

/*
 * ioctl(fd, KVM_RUN, 0) with patterns in all that a system call preserves. `s` is RBX
 * around it, and the pattern in RBX is its address.
 */
static long run_with_patterns(int fd, struct host_state *s, const uint8_t *x)
{
	long ret;

	asm volatile("push %%rbp\n"
		     "mov $7, %%eax\n"
		     "xor %%edx, %%edx\n"
		     "xrstor (%%rcx)\n"
		     "mov $16, %%eax\n"
		     "xor %%edx, %%edx\n"
		     "mov $0x1111111100000008, %%r8\n"
		     "mov $0x1111111100000009, %%r9\n"
		     "mov $0x111111110000000a, %%r10\n"
		     "mov $0x111111110000000c, %%r12\n"
		     "mov $0x111111110000000d, %%r13\n"
		     "mov $0x111111110000000e, %%r14\n"
		     "mov $0x111111110000000f, %%r15\n"
		     "mov $0x1111111100000007, %%rbp\n"
		     "std\n"
		     "syscall\n"
		     "cld\n"
		     "mov %%rbx, 8(%%rbx)\n"
		     "mov %%rdx, 24(%%rbx)\n"
		     "mov %%rsi, 32(%%rbx)\n"
		     "mov %%rdi, 40(%%rbx)\n"
		     "mov %%rsp, 48(%%rbx)\n"
		     "mov %%rbp, 56(%%rbx)\n"
		     "mov %%r8, 64(%%rbx)\n"
		     "mov %%r9, 72(%%rbx)\n"
		     "mov %%r10, 80(%%rbx)\n"
		     "mov %%r11, 88(%%rbx)\n"
		     "mov %%r12, 96(%%rbx)\n"
		     "mov %%r13, 104(%%rbx)\n"
		     "mov %%r14, 112(%%rbx)\n"
		     "mov %%r15, 120(%%rbx)\n"
		     "mov %%rax, %%rcx\n"
		     "mov $7, %%eax\n"
		     "xor %%edx, %%edx\n"
		     "xsave %c[x](%%rbx)\n"
		     "mov %%rcx, %%rax\n"
		     "pop %%rbp\n"
		     : "=a" (ret), "+c" (x)
		     : "b" (s), "D" ((long)fd), "S" ((long)KVM_RUN),
		       [x] "i" (__builtin_offsetof(struct host_state, x))
		     : "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc",
		       "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
		       "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
	return ret;
}

/* A guest that has something else in each register, then stops by way of ring 3. */
CODE(other_state,
	XCR0_RAX "xrstor (%rbx)\n"
	"mov %ecx, %ds\n mov %ecx, %es\n mov %ecx, %fs\n mov %ecx, %gs\n"
	"wrfsbase %rdi\n wrgsbase %rsi\n xor %eax, %eax\n std\n syscall\n" STOP);

static const uint64_t want_gpr[16] = {
	[RBP] = 0x1111111100000007, [R8] = 0x1111111100000008, [R9] = 0x1111111100000009,
	[R10] = 0x111111110000000a, [R12] = 0x111111110000000c, [R13] = 0x111111110000000d,
	[R14] = 0x111111110000000e, [R15] = 0x111111110000000f,
};

static volatile uint64_t watched;
static volatile int watch_hits;

static void on_watch(int signal)
{
	(void)signal;
	watch_hits++;
}

/* A hardware breakpoint of the VMM's own, on data. */
static int watch(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT, .size = sizeof(attr), .bp_type = HW_BREAKPOINT_W,
		.bp_addr = (uintptr_t)&watched, .bp_len = HW_BREAKPOINT_LEN_8, .sample_period = 1,
		.exclude_kernel = 1,
	};
	int fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);

	signal(SIGIO, on_watch);
	if (fd >= 0) {
		fcntl(fd, F_SETFL, O_ASYNC);
		fcntl(fd, F_SETOWN, getpid());
	}
	return fd;
}

TEST_F(registers, of_the_vmm)
{
	unsigned int eax, ebx, ecx, edx, cpu, i, round;
	struct host_state before = { 0 }, after = { 0 };
	uint8_t x[XSTATE_SIZE] __attribute__((aligned(64)));
	uint64_t gs_base = (uintptr_t)&before & ~0xfffull;
	struct cpu *c = self->cpu;

	__cpuid_count(7, 0, eax, ebx, ecx, edx);
	with_pkru = ecx & 1 << 4;
	/* so that TSC_AUX, which is the CPU's number, is not 0 where there are two */
	stay_on(sysconf(_SC_NPROCESSORS_ONLN) - 1);
	cpu = sched_getcpu();
	ASSERT_EQ(0, syscall(SYS_arch_prctl, ARCH_SET_GS, gs_base));
	asm volatile("mov %0, %%ds\n mov %0, %%es" : : "r" (USER_DS));
	for (i = 0; i < XSTATE_SIZE; i++)
		x[i] = self->x[i] ^ (i >= 32 && (i < 416 || i >= 576) ? 0x55 : 0);
	for (i = 0; i < 8; i++)
		memset(x + 32 + i * 16 + 10, 0, 6);
	*(uint32_t *)(x + 24) = 0x5f80;		/* MXCSR */
	ASSERT_EQ(0, HYPERCALL(c, WRMSR, 0xc0000103, 0xabcd));
	ASSERT_LE(0, watch());
	ASSERT_EQ(0, HYPERCALL(c, SET_DR, 0, KERNEL(GPA_DATA + 8 * PAGE)));

	for (round = 0; round < 4; round++) {
		/* with and without a breakpoint of the guest's */
		ASSERT_EQ(0, HYPERCALL(c, SET_DR, 7, round & 1 ? 0x90401 : 0x400));
		load_patterns(c, 30 + round);
		c->regs.rcx = 0;
		c->regs.rip = kernel_code(other_state);
		IOCTL(c->fd, KVM_SET_REGS, &c->regs);
		read_state(&before);
		ASSERT_EQ(0, run_with_patterns(c->fd, &after, x));
		read_state(&after);
		EXPECT_EQ(KVM_EXIT_IO, c->run->exit_reason);
		EXPECT_EQ(STOPPED, (int)c->run->io.port);

		for (i = 0; i < 16; i++)
			if (want_gpr[i])
				EXPECT_EQ(want_gpr[i], after.gpr[i])
					TH_LOG("%s", register_names[i]);
		EXPECT_EQ((uintptr_t)&after, after.gpr[RBX]);
		EXPECT_EQ(0, after.gpr[RDX]);
		EXPECT_EQ((long)KVM_RUN, after.gpr[RSI]);
		EXPECT_EQ(c->fd, after.gpr[RDI]);
		EXPECT_NE(0, after.gpr[R11] & FLAG_DF);		/* its own flags */
		EXPECT_TRUE(same_xstate(x, after.x));
		EXPECT_EQ(before.fs_base, after.fs_base);
		EXPECT_EQ(gs_base, after.gs_base);
		EXPECT_EQ(USER_DS, after.ds);
		EXPECT_EQ(USER_DS, after.es);
		EXPECT_EQ(before.fs, after.fs);
		EXPECT_EQ(before.gs, after.gs);
		EXPECT_EQ(USER_CS, after.cs);
		EXPECT_EQ(USER_DS, after.ss);
		EXPECT_EQ(cpu, after.tsc_aux & 0xfff);
		EXPECT_EQ(before.pkru, after.pkru);
		watched = round;
		EXPECT_EQ(round + 1, (unsigned int)watch_hits);
	}
	EXPECT_EQ(getpid(), syscall(SYS_getpid));
}

TEST_HARNESS_MAIN
