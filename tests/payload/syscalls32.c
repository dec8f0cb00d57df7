// SPDX-License-Identifier: GPL-2.0-only
/*
 * A 32-bit program without a C library, for guest/programs/syscalls32: makes system calls in
 * every way there is and checks results, registers and flags. Ends with 0, or with 1
 * after saying on stdout what was wrong.
 *
 * By hand, SYSENTER and SYSCALL look as in the vDSO, because the kernel returns to the
 * vDSO's code behind them: it takes EBP, EDX and ECX off the stack and returns. Under a
 * 64-bit kernel AMD's processors have no SYSENTER and Intel's no SYSCALL, then they are
 * SIGILL; but QEMU has both.
 */
#include <asm/ldt.h>
#include <asm/sigcontext.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/ucontext.h>
#include <asm/unistd_32.h>
#include <linux/auxvec.h>
#include <linux/mman.h>

typedef unsigned int u32;

#define EFLAGS_CF	0x1
#define EFLAGS_TF	0x100
#define EFLAGS_DF	0x400
#define EFLAGS_NT	0x4000
#define EFLAGS_AC	0x40000
#define EFLAGS_ID	0x200000
/* Arithmetic flags and these are the program's. */
#define USERS_FLAGS	(EFLAGS_CF | 0x8d4 | EFLAGS_DF | EFLAGS_ID)

/* EAX EBX ECX EDX ESI EDI EBP and flags: set before the call, taken after it. */
struct regs {
	u32 ax, bx, cx, dx, si, di, bp, flags;
};

u32 vsyscall, saved_sp, call_target;
struct regs regs;

/* call: loads regs, calls through call_target, stores regs. */
void call(void);
void by_int80(void);
void by_sysenter(void);
void by_syscall(void);
void restore(void);

asm("call:\n"
    "	pushal\n"
    "	mov regs+4, %ebx; mov regs+8, %ecx; mov regs+12, %edx; mov regs+16, %esi\n"
    "	mov regs+20, %edi; mov regs+24, %ebp\n"
    "	pushl regs+28; popfl\n"
    "	mov regs, %eax\n"
    "	call *call_target\n"
    "	pushfl; popl regs+28\n"
    "	pushl $0x202; popfl\n"
    "	mov %eax, regs; mov %ebx, regs+4; mov %ecx, regs+8; mov %edx, regs+12\n"
    "	mov %esi, regs+16; mov %edi, regs+20; mov %ebp, regs+24\n"
    "	popal\n"
    "	ret\n"
    "by_int80:\n"
    "	int $0x80\n"
    "	ret\n"
    "by_sysenter:\n"
    "	push %ecx; push %edx; push %ebp\n"
    "	mov %esp, %ebp\n"
    "	sysenter\n"
    "by_syscall:\n"
    "	push %ecx; push %edx; push %ebp\n"
    "	mov %ecx, %ebp\n"
    "	syscall\n"
    "restore:\n"
    "	mov $173, %eax\n"		/* __NR_rt_sigreturn */
    "	int $0x80\n"
    ".globl _start\n"
    "_start:\n"
    "	mov %esp, %eax\n"
    "	push %eax\n"
    "	call start\n");

static u32 syscall6(u32 nr, u32 a, u32 b, u32 c, u32 d, u32 e, u32 f)
{
	regs = (struct regs) { nr, a, b, c, d, e, f, 0x202 };
	call_target = (u32)by_int80;
	call();
	return regs.ax;
}

#define syscall3(nr, a, b, c)	syscall6(nr, (u32)(a), (u32)(b), (u32)(c), 0, 0, 0)

static void say(const char *text)
{
	u32 n = 0;

	while (text[n])
		n++;
	syscall3(__NR_write, 1, text, n);
}

static void say_number(u32 value)
{
	char text[9];
	int i;

	for (i = 0; i < 8; i++)
		text[i] = "0123456789abcdef"[value >> (28 - 4 * i) & 15];
	text[8] = 0;
	say(text);
}

static int failed;
static const char *way;

static void expect(const char *what, u32 wanted, u32 got)
{
	if (wanted == got)
		return;
	failed = 1;
	say(way);
	say(": ");
	say(what);
	say(": wanted ");
	say_number(wanted);
	say(", got ");
	say_number(got);
	say("\n");
}

/* Signals are counted. A bad instruction is left as if it had made its system call. */
static volatile u32 signals, last_signal;

static void handler(int sig, struct siginfo *info, struct ucontext *uc)
{
	struct sigcontext *sc = &uc->uc_mcontext;

	(void)info;
	signals++;
	last_signal = sig;
	if (sig == SIGILL) {
		sc->eip = *(u32 *)(sc->esp + 12);
		sc->ebp = *(u32 *)sc->esp;
		sc->edx = *(u32 *)(sc->esp + 4);
		sc->ecx = *(u32 *)(sc->esp + 8);
		sc->esp += 16;
	}
}

static void catch(int sig)
{
	/* The kernel's struct sigaction: handler, flags, restorer, mask. */
	const u32 action[] = {
		(u32)handler, SA_SIGINFO | SA_RESTORER | SA_NODEFER, (u32)restore, 0, 0,
	};

	syscall6(__NR_rt_sigaction, sig, (u32)action, 0, 8, 0, 0);
}

static void expect_registers(const struct regs *before)
{
	expect("ebx", before->bx, regs.bx);
	expect("ecx", before->cx, regs.cx);
	expect("edx", before->dx, regs.dx);
	expect("esi", before->si, regs.si);
	expect("edi", before->di, regs.di);
	expect("ebp", before->bp, regs.bp);
	expect("flags", before->flags & USERS_FLAGS, regs.flags & USERS_FLAGS);
	expect("IF and IOPL", 0x200, regs.flags & 0x3200);
}

static const struct regs pattern = {
	0, 0xb0b1b2b3, 0xc0c1c2c3, 0xd0d1d2d3, 0xe0e1e2e3, 0xf0f1f2f3, 0xa0a1a2a3, 0x202,
};

static void check_way(const char *name, void (*target)(void), u32 pid, int must_exist)
{
	static const u32 flags[] = { 0, EFLAGS_CF | 0x8d4, EFLAGS_DF, EFLAGS_AC, EFLAGS_ID };
	struct regs before;
	int exists = 1;
	u32 i;

	way = name;
	signals = 0;

	/* Registers and flags live through it. */
	for (i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		before = pattern;
		before.ax = __NR_getpid;
		before.flags |= flags[i];
		regs = before;
		call_target = (u32)target;
		call();
		if (!must_exist && signals && last_signal == SIGILL)
			exists = 0;
		if (!exists) {
			expect("SIGILLs", i + 1, signals);
			continue;
		}
		expect("pid", pid, regs.ax);
		expect_registers(&before);
	}
	if (!exists)
		return;
	expect("signals", 0, signals);

	/* A number too large. */
	before = pattern;
	before.ax = 0x7fffffff;
	regs = before;
	call();
	expect("bad number", -38, regs.ax);
	expect_registers(&before);

	/* Six arguments: an anonymous mapping at a place of our choice. */
	before = (struct regs) {
		__NR_mmap2, 0x20000000, 0x3000, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0, 0x202,
	};
	regs = before;
	call();
	expect("mapping", 0x20000000, regs.ax);
	expect_registers(&before);
	*(volatile u32 *)0x20002ffc = 1;

	/* A pointer into the kernel is no pointer. */
	before = pattern;
	before.ax = __NR_uname;
	before.bx = 0xfffff000;
	regs = before;
	call();
	expect("uname(kernel)", -14, regs.ax);

	/* Single steps: at least one before and one after, and the call is done once. */
	before = pattern;
	before.ax = __NR_getpid;
	before.flags |= EFLAGS_TF;
	regs = before;
	call();
	expect("pid while stepping", pid, regs.ax);
	before.flags &= ~EFLAGS_TF;
	expect_registers(&before);
	expect("signal while stepping", SIGTRAP, last_signal);
	if (signals < 5)
		expect("steps", 5, signals);

	/* NT: the kernel clears it for itself, and nothing comes of it. */
	before = pattern;
	before.ax = __NR_getpid;
	before.flags |= EFLAGS_NT;
	regs = before;
	call();
	expect("pid with NT", pid, regs.ax);
	expect_registers(&before);
}

static u32 cpuid_ecx(void)
{
	u32 eax = 0, ebx, ecx, edx;

	asm volatile("cpuid" : "+a" (eax), "=b" (ebx), "=c" (ecx), "=d" (edx));
	return ecx;
}

static void check_tls(void)
{
	static u32 place[4] = { 0x11111111, 0x22222222, 0x33333333, 0x44444444 };
	struct user_desc d = {
		.entry_number = -1, .base_addr = (u32)place, .limit = sizeof(place) - 1,
		.seg_32bit = 1, .useable = 1,
	};
	u32 selector, value;

	way = "TLS";
	expect("set_thread_area", 0, syscall3(__NR_set_thread_area, &d, 0, 0));
	selector = d.entry_number * 8 + 3;
	asm volatile("mov %1, %%gs; mov %%gs:8, %0" : "=r" (value) : "r" (selector));
	expect("third word", 0x33333333, value);

	/* It stays over a switch to others, and to handlers. */
	syscall3(__NR_sched_yield, 0, 0, 0);
	syscall3(__NR_kill, syscall3(__NR_getpid, 0, 0, 0), SIGUSR1, 0);
	expect("SIGUSR1", SIGUSR1, last_signal);
	asm volatile("mov %%gs:4, %0" : "=r" (value));
	expect("second word", 0x22222222, value);

	/* A child has it, too; what it changes is its own. */
	if (!syscall3(__NR_fork, 0, 0, 0)) {
		asm volatile("mov %%gs:12, %0" : "=r" (value));
		syscall3(__NR_exit, value == 0x44444444 ? 7 : 8, 0, 0);
	}
	value = 0;
	syscall3(__NR_waitpid, -1, &value, 0);
	expect("the child", 7 << 8, value);
}

__attribute__((used)) void start(u32 *stack)
{
	int is_intel = cpuid_ecx() == 0x6c65746e;
	u32 *p = stack + 1 + stack[0] + 1, pid;

	while (*p)
		p++;
	for (p++; *p != AT_NULL; p += 2)
		if (*p == 32)			/* AT_SYSINFO */
			vsyscall = p[1];

	catch(SIGILL);
	catch(SIGTRAP);
	catch(SIGUSR1);
	pid = syscall3(__NR_getpid, 0, 0, 0);
	check_way("int $0x80", by_int80, pid, 1);
	check_way("vDSO", (void (*)(void))vsyscall, pid, 1);
	check_way("SYSENTER", by_sysenter, pid, is_intel);
	check_way("SYSCALL", by_syscall, pid, !is_intel);
	check_tls();
	syscall3(__NR_exit, failed, 0, 0);
	for (;;)
		;
}
