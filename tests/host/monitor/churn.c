// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    whoever may open /dev/kvm can create and end vCPUs as fast as it likes: that costs
 *           the other processors no interrupts, the log no lines and the host no memory; and
 *           the pages that are used again show nothing of whom they were before
 * How:      vCPUs that an unprivileged process cannot get, for want of a descriptor; as many
 *           as a process can have, ended at once; first vCPUs by threads in a race; VMs one
 *           after another. Counts interrupts, records of the log, and pages by group
 * Needs:    root; two processors, for what is said of interrupts
 * Timeout:  900
 * Catches:  a flush of all TLBs for each vCPU; a file in debugfs that is made twice; regions
 *           that are kept and not found again, or not wiped
 */
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "affinity.h"
#include "machine.h"
#include "leaks.h"

#define GROUP		"churn"
#define NOBODY		65534
#define NR_FAILURES	10000
#define NR_REGIONS	512
#define NR_RACES	100
#define NR_RACERS	4
#define NR_ROUNDS	200
#define MARK		0x4d41524b4d41524bull

/*
 * A flush for each vCPU would be as many interrupts as vCPUs. What bounds them leaves room
 * for others: wake-ups of kernel threads on the other processor are counted as function calls
 * as well, and go with the time that it takes: 45 to 70 a second more under such a load than
 * without were seen. A kernel with KASAN takes minutes.
 */
#define MAX_IPIS(vcpus)	((vcpus) / 4)
#define MAX_WAKE_UPS(s)	((long)((s) * 75))
#define MAX_RECORDS	2

/* Function calls by other processors, flushes of TLBs among them, so far. */
static long ipis(void)
{
	FILE *f = fopen("/proc/interrupts", "re");
	char line[4096], *at, *end;
	long sum = 0, n;

	if (!f)
		die("/proc/interrupts");
	while (fgets(line, sizeof(line), f)) {
		at = line + strspn(line, " ");
		if (strncmp(at, "TLB:", 4) && strncmp(at, "CAL:", 4))
			continue;
		for (at += 4; n = strtol(at, &end, 10), end != at; at = end)
			sum += n;
	}
	fclose(f);
	return sum;
}

FIXTURE(churn)
{
	int kvm;
	int log;
};

FIXTURE_SETUP(churn)
{
	struct rlimit files = { 2 * NR_REGIONS, 2 * NR_REGIONS };

	if (geteuid())
		SKIP(return, "needs root");
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	self->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->kvm);
	self->log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ASSERT_LE(0, self->log);
	ASSERT_EQ(0, lseek(self->log, 0, SEEK_END));
}

FIXTURE_TEARDOWN(churn)
{
}

#define CHURN		FIXTURE_DATA(churn)

/* In the log since the start, or since the last look. Those overwritten are one. */
static int records(const CHURN *self)
{
	char record[1024];
	int count = 0;
	ssize_t n;

	for (;;) {
		n = read(self->log, record, sizeof(record) - 1);
		if (n < 0 && errno == EAGAIN)
			return count;
		if (n < 0 && errno != EPIPE)
			die("/dev/kmsg");
		record[n < 0 ? 0 : n] = '\0';
		record[strcspn(record, "\n")] = '\0';
		if (count++ < 5)
			printf("# log: %s\n", n < 0 ? "(overwritten)" : record);
	}
}

static bool is_single(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN) < 2;
}

/* With APICs: KVM has a static key, and so changes code, for the first vCPU without. */
static int new_empty_vm(int kvm)
{
	int vm = ioctl(kvm, KVM_CREATE_VM, 0);

	if (vm < 0)
		die("KVM_CREATE_VM");
	IOCTL(vm, KVM_CREATE_IRQCHIP, 0);
	return vm;
}

static int new_vcpu(int vm, unsigned long id)
{
	int vcpu = ioctl(vm, KVM_CREATE_VCPU, id);

	if (vcpu < 0)
		die("KVM_CREATE_VCPU");
	return vcpu;
}

/* A descriptor less than there is one for. */
static bool lower_limit(void)
{
	int next = dup(0);
	struct rlimit files = { next, next };

	return next >= 0 && !close(next) && !setrlimit(RLIMIT_NOFILE, &files);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/* As nobody, calls that fail: so many, and until then. False if one does otherwise. */
static bool failing_creations(int kvm, unsigned long id, int wanted, int count, double until)
{
	int vm, i;

	if (setgid(NOBODY) || setuid(NOBODY))
		return false;
	vm = new_empty_vm(kvm);
	if (!lower_limit())
		return false;
	for (i = 0; i < count || now() < until; i++)
		if (ioctl(vm, KVM_CREATE_VCPU, id) >= 0 || errno != wanted)
			return false;
	return true;
}

/* Runs it in a process of its own. The number of interrupts meanwhile; -1 if it is false. */
#define IPIS_OF(expression) ({							\
	long _before = ipis();							\
	int _status = -1;							\
	pid_t _pid = fork();							\
										\
	if (!_pid)								\
		_exit(!(expression));						\
	waitpid(_pid, &_status, 0);						\
	_status ? -1 : ipis() - _before;					\
})

/* KVM has a static key for APICs that are off, as this one is from here on. */
static void keep_keys(const CHURN *self)
{
	new_vcpu(new_empty_vm(self->kvm), 0);
}

TEST_F_TIMEOUT(churn, creations_that_fail, 600)
{
	double begin = now(), took;
	long ours, idle;

	keep_keys(self);
	ours = IPIS_OF(failing_creations(self->kvm, 0, EMFILE, NR_FAILURES, 0));
	took = now() - begin;
	EXPECT_GE(MAX_RECORDS, records(self));
	/* KVM refuses this number before there is a vCPU. */
	idle = IPIS_OF(failing_creations(self->kvm, ~0u, EINVAL, 1, now() + took));
	TH_LOG("%ld interrupts in %.1f s, else %ld", ours, took, idle);
	ASSERT_LE(0, ours);
	ASSERT_LE(0, idle);
	if (!is_single())
		EXPECT_GE(idle + MAX_IPIS(NR_FAILURES) + MAX_WAKE_UPS(took), ours);
}

/* The process is on both processors all the time, so that a flush has to ask the other. */
static void *stay(void *stop)
{
	while (!*(volatile bool *)stop)
		;
	return NULL;
}

TEST_F_TIMEOUT(churn, end_of_many, 300)
{
	int vm, vcpu[NR_REGIONS], i;
	bool stop = false;
	pthread_t thread;
	long before;

	if (is_single())
		SKIP(return, "needs two processors");
	keep_keys(self);
	ASSERT_TRUE(stay_on(1));
	ASSERT_EQ(0, pthread_create(&thread, NULL, stay, &stop));
	ASSERT_TRUE(stay_on(0));
	vm = new_empty_vm(self->kvm);
	/* The first region is that of keep_keys(). */
	for (i = 1; i < NR_REGIONS; i++)
		vcpu[i] = new_vcpu(vm, i);
	/* One that is in slot 256's next table. */
	vcpu[0] = new_vcpu(vm, 0);

	before = ipis();
	for (i = 0; i < NR_REGIONS; i++)
		close(vcpu[i]);
	close(vm);
	before = ipis() - before;
	TH_LOG("%ld interrupts", before);
	EXPECT_GE(MAX_IPIS(NR_REGIONS), before);
	stop = true;
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_GE(MAX_RECORDS, records(self));
}

struct race {
	pthread_barrier_t barrier;
	int vm;
	struct racer {
		struct race *race;
		pthread_t thread;
		unsigned long id;
		int vcpu;
	} racer[NR_RACERS];
};

static void *create_first(void *arg)
{
	struct racer *r = arg;

	pthread_barrier_wait(&r->race->barrier);
	r->vcpu = new_vcpu(r->race->vm, r->id);
	return NULL;
}

static bool has_exits(int vm)
{
	char path[128];

	snprintf(path, sizeof(path), KVM_DEBUGFS "/%d-%d/ring1_exits", getpid(), vm);
	return !access(path, R_OK);
}

TEST_F_TIMEOUT(churn, first_vcpus_in_a_race, 300)
{
	struct race race;
	int i, j;

	ASSERT_EQ(0, pthread_barrier_init(&race.barrier, NULL, NR_RACERS));
	for (i = 0; i < NR_RACES; i++) {
		race.vm = new_empty_vm(self->kvm);
		for (j = 0; j < NR_RACERS; j++) {
			struct racer *r = &race.racer[j];

			r->race = &race;
			r->id = j;
			ASSERT_EQ(0, pthread_create(&r->thread, NULL, create_first, r));
		}
		for (j = 0; j < NR_RACERS; j++)
			ASSERT_EQ(0, pthread_join(race.racer[j].thread, NULL));
		ASSERT_TRUE(has_exits(race.vm));
		for (j = 0; j < NR_RACERS; j++)
			close(race.racer[j].vcpu);
		close(race.vm);
	}
	EXPECT_GE(MAX_RECORDS, records(self));
}

static void play_round(int kvm)
{
	int vm = new_empty_vm(kvm), first = new_vcpu(vm, 0), second = new_vcpu(vm, 1);

	close(first);
	close(second);
	close(vm);
}

/* Half of the rounds with a VM beside them, so that regions are kept. In the group. */
static bool rounds_add_nothing(int kvm)
{
	int beside = -1, i;
	long start = 0;

	if (!join_group(GROUP))
		return false;
	for (i = 0; i < NR_ROUNDS; i++) {
		if (i == NR_ROUNDS / 2)
			beside = new_empty_vm(kvm);
		play_round(kvm);
		/* What is once for a process, and no more. */
		if (i == 10)
			start = pages_of_group(GROUP);
	}
	close(beside);
	return WITHIN_LIMIT(pages_of_group(GROUP) <= start + 4 * GROUP_SLACK);
}

TEST_F_TIMEOUT(churn, rounds, 300)
{
	int status = -1;
	pid_t pid;

	if (is_debug_kernel())
		SKIP(return, "KASAN keeps what is freed");
	ASSERT_TRUE(make_group(GROUP));
	pid = fork();
	if (!pid)
		_exit(!rounds_add_nothing(self->kvm));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status)
		show_group(GROUP);
	EXPECT_TRUE(WITHIN_LIMIT(pages_of_group(GROUP) <= GROUP_SLACK))
		show_group(GROUP);
	EXPECT_TRUE(remove_group(GROUP));
}

static void end_vm(struct vm *vm, int mapped)
{
	int i;

	for (i = 0; i < NR_CPUS; i++) {
		munmap(vm->cpu[i].run, mapped);
		close(vm->cpu[i].fd);
	}
	close(vm->fd);
}

/* What the first vCPU of the process may write in its region. */
static uint64_t writable(unsigned int word)
{
	return RING1_SLOT_BASE + RING1_PG_STACK * PAGE + word * 8;
}

#define NR_WRITABLE	((RING1_PG_IST - RING1_PG_STACK + 1) * (PAGE / 8))

static unsigned int count_marks(struct cpu *c)
{
	unsigned int i, count = 0;

	for (i = 0; i < NR_WRITABLE; i++)
		count += peek(c, writable(i)) == MARK;
	return count;
}

TEST_F_TIMEOUT(churn, nothing_of_the_one_before, 300)
{
	int mapped = ioctl(self->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	struct vm *vm;
	unsigned int i;

	if (is_debug_kernel())
		SKIP(return, "with KVM_RING1_DEBUG each enter overwrites them");
	/* It has no vCPU, but the process keeps its regions. */
	new_empty_vm(self->kvm);
	vm = new_vm(true);
	pv_start(&vm->cpu[0]);
	for (i = 0; i < NR_WRITABLE; i++) {
		vm->cpu[0].regs.rdi = writable(i);
		vm->cpu[0].regs.rax = MARK;
		ASSERT_EQ(STOPPED, go_kernel(&vm->cpu[0], code_poke));
	}
	/* Exits have overwritten a few. */
	EXPECT_LT(NR_WRITABLE / 2, count_marks(&vm->cpu[0]));
	end_vm(vm, mapped);

	vm = new_vm(true);
	pv_start(&vm->cpu[0]);
	EXPECT_EQ(0, count_marks(&vm->cpu[0]));
	end_vm(vm, mapped);
}

TEST_HARNESS_MAIN
