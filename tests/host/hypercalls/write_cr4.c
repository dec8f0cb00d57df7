// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    write_cr4() does what MOV to CR4 does, except that SMEP, SMAP and UMIP stay
 *           as the host has them; -EINVAL stands for #GP. With TSD, RDTSC and RDTSCP fault in
 *           the guest's ring 3 and there only
 * How:      good and impossible values, read back by the VMM; the counter read in the guest's
 *           rings and in the VMM
 * Catches:  PCIDs or 5-level paging in the guest; a guest that sheds SMEP; a switch that is
 *           silently off; TSD of the guest's in the host or in another vCPU, or the reverse
 */
#include <cpuid.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <x86intrin.h>

#include "machine.h"

#define TSD	(1ull << 2)
#define DE	(1ull << 3)
#define PAE	(1ull << 5)
#define PGE	(1ull << 7)
#define LA57	(1ull << 12)
#define VMXE	(1ull << 13)
#define PCIDE	(1ull << 17)
#define OSXSAVE	(1ull << 18)
#define PKE	(1ull << 22)
#define UMIP	(1ull << 11)
#define SMEP	(1ull << 20)
#define SMAP	(1ull << 21)
#define PINNED	(UMIP | SMEP | SMAP)
#define CR4	0x10620ull

/* Linux in the host turns on what its processor has. */
static uint64_t of_the_host(void)
{
	unsigned int eax = 7, ebx, ecx = 0, edx;

	asm volatile("cpuid" : "+a" (eax), "=b" (ebx), "+c" (ecx), "=d" (edx));
	return (ecx & 1 << 2 ? UMIP : 0) | (ebx & 1 << 7 ? SMEP : 0) | (ebx & 1 << 20 ? SMAP : 0);
}

TEST_F(pv, good_values)
{
	uint64_t pinned = get_sregs(self->cpu).cr4 & PINNED;
	uint64_t good[] = {
		CR4, CR4 | pinned, CR4 | DE, CR4 | PGE, CR4 | OSXSAVE, CR4,
	};
	unsigned int i;

	EXPECT_EQ(of_the_host(), pinned);
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		EXPECT_EQ(0, HYPERCALL(self->cpu, WRITE_CR4, good[i]));
		EXPECT_EQ(good[i] | pinned, get_sregs(self->cpu).cr4);
	}
}

TEST_F(pv, bad_values)
{
	static const uint64_t bad[] = {
		0, CR4 & ~PAE, CR4 | LA57, CR4 | VMXE, CR4 | PCIDE, CR4 | PKE, CR4 | 1ull << 31,
		CR4 | 1ull << 32, CR4 | 1ull << 63, -1ull,
	};
	uint64_t cr4 = get_sregs(self->cpu).cr4;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, HYPERCALL(self->cpu, WRITE_CR4, bad[i]))
			TH_LOG("value %#lx", bad[i]);
		EXPECT_EQ(cr4, get_sregs(self->cpu).cr4);
	}
}

/* What the host's processor does not have, the guest's has not either. */
TEST_F(pv, bits_that_the_host_has_not)
{
	uint64_t bits[] = { UMIP, SMEP, SMAP };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bits); i++)
		EXPECT_EQ(bits[i] & of_the_host() ? 0 : -EINVAL,
			  HYPERCALL(self->cpu, WRITE_CR4, CR4 | bits[i]));
}

TEST_F(pv, ring1_cannot_execute_or_touch_user_pages)
{
	struct cpu *c = self->cpu;

	ASSERT_EQ(0, HYPERCALL(c, WRITE_CR4, CR4));
	ASSERT_EQ(ENTRY_KERNEL, go(c, user_code(code_stop)));
	EXPECT_EQ(14, take(c).vector);
	if (!(of_the_host() & SMAP))
		return;
	c->regs.rdi = USER(GPA_DATA);
	ASSERT_EQ(ENTRY_KERNEL, go_kernel(c, code_peek));
	EXPECT_EQ(14, take(c).vector);
	c->regs.rflags |= FLAG_AC;
	EXPECT_EQ(0, peek(c, USER(GPA_DATA)));
}

TEST_F(trap, works_before_registration)
{
	EXPECT_EQ(0, HYPERCALL(self->cpu, WRITE_CR4, CR4 | DE));
	EXPECT_EQ(-EINVAL, HYPERCALL(self->cpu, WRITE_CR4, 0));
}

/* What each leaves in RAX, RDX and RCX; behind it UD2, which ring 3 ends with. */
CODE(code_user_rdtsc, "rdtsc\n ud2\n");
CODE(code_user_rdtscp, "rdtscp\n ud2\n");
CODE(code_rdtsc, "rdtsc\n" STOP);
CODE(code_rdtscp, "rdtscp\n" STOP);

#define TSC_AUX		0xc0000103
#define AUX		0x12345678u
#define UNUSED		0x5555555555555555ull

static bool has_rdtscp(void)
{
	unsigned int a, b, c, d;

	return __get_cpuid(0x80000001, &a, &b, &c, &d) && d & 1 << 27;
}

/* Ring 3's attempt ends with the #UD behind it, or with #GP at its own address. */
static bool faults_in_ring3(struct cpu *c, const char *code)
{
	struct ring1_frame frame;

	if (go_user(c, code) != ENTRY_USER)
		return false;
	frame = take(c);
	return frame.vector == 13 && !frame.error && frame.ip == user_code(code);
}

static bool runs_in_ring3(struct cpu *c, const char *code)
{
	return go_user(c, code) == ENTRY_USER && take(c).vector == 6;
}

/* In ring 1 it is the counter, with nothing left of the upper halves. */
static bool reads_in_ring1(struct cpu *c, const char *code)
{
	uint64_t before = __rdtsc(), tsc;

	c->regs.rax = UNUSED;
	c->regs.rdx = UNUSED;
	c->regs.rcx = UNUSED;
	if (go_kernel(c, code) != STOPPED || c->regs.rax >> 32 || c->regs.rdx >> 32)
		return false;
	tsc = c->regs.rdx << 32 | c->regs.rax;
	return tsc > before && tsc < __rdtsc() &&
	       c->regs.rcx == (code == code_rdtscp ? AUX : UNUSED);
}

TEST_F(pv, tsd_is_for_ring3)
{
	struct cpu *c = self->cpu;
	int i;

	set_msr(c, TSC_AUX, AUX);
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, HYPERCALL(c, WRITE_CR4, CR4 | TSD));
		EXPECT_EQ(TSD, get_sregs(c).cr4 & TSD);
		EXPECT_TRUE(faults_in_ring3(c, code_user_rdtsc));
		EXPECT_TRUE(reads_in_ring1(c, code_rdtsc));
		if (has_rdtscp()) {
			EXPECT_TRUE(faults_in_ring3(c, code_user_rdtscp));
			EXPECT_TRUE(reads_in_ring1(c, code_rdtscp));
		}
		/* The host schedules, with another task in between. */
		usleep(1000);
		EXPECT_TRUE(faults_in_ring3(c, code_user_rdtsc));
		ASSERT_EQ(0, HYPERCALL(c, WRITE_CR4, CR4));
		EXPECT_TRUE(runs_in_ring3(c, code_user_rdtsc));
		EXPECT_TRUE(reads_in_ring1(c, code_rdtsc));
	}
}

TEST_F(pv, tsd_by_the_vmm)
{
	struct kvm_sregs sregs = get_sregs(self->cpu);

	sregs.cr4 |= TSD;
	ASSERT_EQ(0, ioctl(self->cpu->fd, KVM_SET_SREGS, &sregs));
	EXPECT_TRUE(faults_in_ring3(self->cpu, code_user_rdtsc));
	sregs.cr4 &= ~TSD;
	ASSERT_EQ(0, ioctl(self->cpu->fd, KVM_SET_SREGS, &sregs));
	EXPECT_TRUE(runs_in_ring3(self->cpu, code_user_rdtsc));
}

/* On one processor of the host's, by one thread. */
TEST_F(pv, tsd_is_the_vcpus_own)
{
	struct cpu *other = &self->vm->cpu[1];
	cpu_set_t set;
	int i;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(set), &set));
	pv_start_on_kvm(other, 0);
	ASSERT_EQ(0, HYPERCALL(self->cpu, WRITE_CR4, CR4 | TSD));
	ASSERT_EQ(0, HYPERCALL(other, WRITE_CR4, CR4));
	for (i = 0; i < 20; i++) {
		EXPECT_TRUE(faults_in_ring3(self->cpu, code_user_rdtsc));
		EXPECT_TRUE(runs_in_ring3(other, code_user_rdtsc));
		__rdtsc();
	}
}

static volatile sig_atomic_t faults;

/* Both instructions are two bytes long. */
static void skip_rdtsc(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)info;
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 2;
	faults++;
}

/* A VMM that must not read the counter itself, as sandboxes have it. */
TEST_F(pv, tsd_of_the_vmms_is_the_vmms)
{
	struct sigaction action = { .sa_sigaction = skip_rdtsc, .sa_flags = SA_SIGINFO };
	int i;

	sigaction(SIGSEGV, &action, NULL);
	ASSERT_EQ(0, HYPERCALL(self->cpu, WRITE_CR4, CR4));
	ASSERT_EQ(0, prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0));
	for (i = 1; i <= 3; i++) {
		EXPECT_TRUE(runs_in_ring3(self->cpu, code_user_rdtsc));
		EXPECT_EQ(STOPPED, go_kernel(self->cpu, code_rdtsc));
		__rdtsc();
		EXPECT_EQ(i, faults);
		usleep(1000);
	}
	ASSERT_EQ(0, HYPERCALL(self->cpu, WRITE_CR4, CR4 | TSD));
	EXPECT_TRUE(faults_in_ring3(self->cpu, code_user_rdtsc));
	__rdtsc();
	EXPECT_EQ(4, faults);
	prctl(PR_SET_TSC, PR_TSC_ENABLE, 0, 0, 0);
	__rdtsc();
	EXPECT_EQ(4, faults);
	EXPECT_TRUE(faults_in_ring3(self->cpu, code_user_rdtsc));
}

CODE(trap_tsd, "mov %cr4, %rax\n or $4, %rax\n mov %rax, %cr4\n rdtsc\n" STOP);

TEST_F(trap, tsd_is_for_ring3)
{
	uint64_t before = __rdtsc();

	ASSERT_EQ(STOPPED, go_kernel(self->cpu, trap_tsd));
	EXPECT_EQ(TSD, get_sregs(self->cpu).cr4 & TSD);
	EXPECT_LT(before, self->cpu->regs.rdx << 32 | self->cpu->regs.rax);
	__rdtsc();
}

TEST_RING3(WRITE_CR4)

TEST_HARNESS_MAIN
