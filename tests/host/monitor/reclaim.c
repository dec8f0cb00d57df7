// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    whatever the host does to the memory of a Linux guest, the guest's programs read
 *           what they wrote, and a copy made by a log of dirty pages is the memory
 * How:      the launcher's own code runs the guest with 4 processors in a process of the test's,
 *           and lib/checker.h in it. From another thread of that process, and under a memory
 *           limit, guest memory is swapped, merged, collapsed, compacted, taken out of use,
 *           forked, logged by bitmap or rings and copied, taken away and filled in by
 *           userfaultfd, and put elsewhere while the old place gets other contents.
 *           ring1_test.minutes= on the host's command line says for how long (make
 *           check-storm), ring1_test.seed= repeats the order
 * Needs:    root; what of this the host's kernel lacks is left out: the end says what was done
 * Timeout:  300
 * Catches:  a frame that the guest still has when the host has given it to somebody else, a
 *           page that was written and is not swapped out or logged, one that is filled in
 *           while the host takes it
 */
#include <linux/kvm.h>
#include <linux/userfaultfd.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "launcher.h"		/* before what has an ARRAY_SIZE, too */
#include "checker.h"
#include "cmdline.h"
#include "launch.h"
#include "leaks.h"
#include "swap.h"

#ifndef MADV_COLD
#define MADV_COLD	20
#endif
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

#define PAGE		4096ul
#define BIG_PAGE	(2ul << 20)
#define MEMORY		(112ul << 20)
#define NR_PAGES	(MEMORY / PAGE)
#define MEM_OPTION	"112M"
#define NR_VCPUS	4
#define GROUP		"reclaim"
#define KSM		"/sys/kernel/mm/ksm/"

#define RING_ENTRIES	2048u

/* Pages that must have been swapped in, and logged. */
#define MIN_SEEN	100

/* What one phase lasts, and how many pages are taken out of use in all. */
#define PHASE_MS	2000
#define NR_PHASES	4
#define MAX_OFFLINE	32

#define DAYS		(30 * LIMIT)	/* that of the batch is less */

/* For both sides: the test, and the process that runs the guest. */
static struct control {
	volatile bool go, stop, ended;
	bool by_ring, swap;
	uint64_t seed;
	/* what was done */
	volatile unsigned long phases, madvised, collapsed, forks, offline, logged, full, copies;
	volatile unsigned long pinned, evicted, filled, replaced;
	double seconds[NR_PHASES];
	volatile unsigned long wrong;
	char text[200];			/* what was wrong first */
} *control;

/* The copy by logs, and what userfaultfd fills in: outside the guest's memory group. */
static uint8_t *copy, *saved;

#define NR_SAVED	64u

static void wrong(const char *format, ...)
{
	va_list args;

	if (control->wrong++)
		return;
	va_start(args, format);
	vsnprintf(control->text, sizeof(control->text), format, args);
	va_end(args);
}

/* The guest, as the launcher sets it up: seen in its ioctls. */
static struct machine {
	int vm;
	uint8_t *memory;
	struct kvm_userspace_memory_region region;
	struct vcpu {
		int fd;
		struct kvm_run *run;
		pthread_t thread;
		bool runs;
		struct kvm_dirty_gfn *ring;
		uint32_t next;
	} vcpu[NR_VCPUS];
	int nr_vcpus;
	pthread_mutex_t lock;		/* all below, and the rings */
	pthread_cond_t changed;
	bool hold, logs;
	int held;
	uint64_t random;
} machine = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static unsigned int any(unsigned int below)
{
	return checker_random(&machine.random, below);
}

static uint8_t *page(unsigned long i)
{
	return machine.memory + i * PAGE;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

#define PM_EXCLUSIVE	(1ull << 56)

static uint64_t pagemap_of(const uint8_t *p)
{
	static int fd = -1;
	uint64_t entry;

	if (fd < 0)
		fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	return pread(fd, &entry, 8, (uintptr_t)p / PAGE * 8) == 8 ? entry : 0;
}

/* Has it a page: in memory or in swap? */
static bool is_there(const uint8_t *p)
{
	return pagemap_of(p) >> 62;
}

/*
 * Pages that the monitor has pinned, the vCPUs' shared ones and the bitmap of mmu_register(),
 * must stay where they are, as any memory that is pinned. fork() gives a child copies of
 * them, and so they are still only the parent's then.
 */
static bool pinned[NR_PAGES];

static void hold_all(void);
static void let_all_run(void);

static void find_pinned(void)
{
	unsigned long i;
	pid_t pid;

	hold_all();
	pid = fork();
	if (!pid) {
		pause();
		_exit(0);
	}
	for (i = 0; i < NR_PAGES; i++) {
		pinned[i] = pagemap_of(page(i)) & PM_EXCLUSIVE;
		control->pinned += pinned[i];
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	let_all_run();
}

/* Dirty rings. */
static void copy_page(uint64_t gfn)
{
	if (gfn >= NR_PAGES) {
		wrong("the ring has frame %#llx", (unsigned long long)gfn);
		return;
	}
	memcpy(copy + gfn * PAGE, page(gfn), PAGE);
	control->logged++;
}

/* Under the lock. First all are reset, so that a later write shows again; then they are read. */
static void harvest_rings(void)
{
	static uint32_t gfns[NR_VCPUS * RING_ENTRIES];
	unsigned int n = 0, i;
	int v;

	for (v = 0; v < machine.nr_vcpus; v++) {
		struct vcpu *vcpu = &machine.vcpu[v];

		for (;;) {
			struct kvm_dirty_gfn *entry = &vcpu->ring[vcpu->next % RING_ENTRIES];
			uint32_t flags = __atomic_load_n(&entry->flags, __ATOMIC_ACQUIRE);

			if (n == ARRAY_SIZE(gfns) || flags != KVM_DIRTY_GFN_F_DIRTY)
				break;
			if (entry->slot)
				wrong("the ring has slot %u", entry->slot);
			gfns[n++] = entry->offset;
			__atomic_store_n(&entry->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
			vcpu->next++;
		}
	}
	if (n && ioctl(machine.vm, KVM_RESET_DIRTY_RINGS, 0) != (int)n)
		wrong("KVM_RESET_DIRTY_RINGS does not reset %u", n);
	for (i = 0; i < n && machine.logs; i++)
		copy_page(gfns[i]);
}

static void harvest_bitmap(void)
{
	static uint64_t bitmap[NR_PAGES / 64];
	struct kvm_dirty_log log = { .dirty_bitmap = bitmap };
	unsigned long i;

	if (ioctl(machine.vm, KVM_GET_DIRTY_LOG, &log))
		wrong("KVM_GET_DIRTY_LOG: %s", strerror(errno));
	for (i = 0; i < NR_PAGES; i++)
		if (bitmap[i / 64] >> (i % 64) & 1)
			copy_page(i);
}

static void harvest(void)
{
	pthread_mutex_lock(&machine.lock);
	if (control->by_ring)
		harvest_rings();
	else
		harvest_bitmap();
	pthread_mutex_unlock(&machine.lock);
}

/* The launcher's ioctls pass through here (tests/Makefile). */
int __real_ioctl(int fd, int request, ...);
int __wrap_ioctl(int fd, int request, ...);

static void use_rings(int vm)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_DIRTY_LOG_RING,
		.args = { RING_ENTRIES * sizeof(struct kvm_dirty_gfn) },
	};

	if (__real_ioctl(vm, KVM_ENABLE_CAP, &cap))
		wrong("no dirty rings: %s", strerror(errno));
}

static void note_vcpu(int fd)
{
	struct vcpu *vcpu = &machine.vcpu[machine.nr_vcpus++];

	vcpu->fd = fd;
	vcpu->run = mmap(NULL, sizeof(*vcpu->run), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (control->by_ring)
		vcpu->ring = mmap(NULL, RING_ENTRIES * sizeof(*vcpu->ring), PROT_READ | PROT_WRITE,
				  MAP_SHARED, fd, PAGE * KVM_DIRTY_LOG_PAGE_OFFSET);
	if (vcpu->run == MAP_FAILED || vcpu->ring == MAP_FAILED)
		wrong("mmap of a vCPU: %s", strerror(errno));
}

/* While all are held no vCPU is in KVM_RUN, nor comes to it. */
static int run_vcpu(int fd)
{
	struct vcpu *vcpu = machine.vcpu;
	int r, error;

	while (vcpu->fd != fd)
		vcpu++;
	pthread_mutex_lock(&machine.lock);
	vcpu->thread = pthread_self();
	while (machine.hold) {
		machine.held++;
		pthread_cond_broadcast(&machine.changed);
		while (machine.hold)
			pthread_cond_wait(&machine.changed, &machine.lock);
		machine.held--;
	}
	vcpu->run->immediate_exit = 0;
	vcpu->runs = true;
	pthread_mutex_unlock(&machine.lock);

	r = __real_ioctl(fd, KVM_RUN, 0);
	error = errno;
	if (!r && vcpu->run->exit_reason == KVM_EXIT_DIRTY_RING_FULL) {
		pthread_mutex_lock(&machine.lock);
		control->full++;
		harvest_rings();
		pthread_mutex_unlock(&machine.lock);
		r = -1;
		error = EINTR;
	}
	errno = error;
	return r;
}

int __wrap_ioctl(int fd, int request, ...)
{
	va_list args;
	void *arg;
	int r;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (request == KVM_RUN)
		return run_vcpu(fd);
	r = __real_ioctl(fd, request, arg);
	if (r < 0)
		return r;
	if ((unsigned int)request == KVM_CREATE_VM) {
		machine.vm = r;
		if (control->by_ring)
			use_rings(r);
	} else if ((unsigned int)request == KVM_CREATE_VCPU) {
		note_vcpu(r);
	} else if ((unsigned int)request == KVM_SET_USER_MEMORY_REGION && !machine.memory) {
		memcpy(&machine.region, arg, sizeof(machine.region));
		machine.memory = (uint8_t *)machine.region.userspace_addr;
	}
	return r;
}

static void nothing(int sig)
{
	(void)sig;
}

static void hold_all(void)
{
	int i;

	pthread_mutex_lock(&machine.lock);
	machine.hold = true;
	for (i = 0; i < machine.nr_vcpus; i++) {
		struct vcpu *vcpu = &machine.vcpu[i];

		/* Whether it is in KVM_RUN already or not, it comes out. */
		vcpu->run->immediate_exit = 1;
		if (vcpu->runs)
			pthread_kill(vcpu->thread, SIGUSR1);
	}
	while (machine.held < machine.nr_vcpus)
		pthread_cond_wait(&machine.changed, &machine.lock);
	pthread_mutex_unlock(&machine.lock);
}

static void let_all_run(void)
{
	pthread_mutex_lock(&machine.lock);
	machine.hold = false;
	pthread_cond_broadcast(&machine.changed);
	pthread_mutex_unlock(&machine.lock);
}

/* What keeps the contents, at places and in sizes of chance. */
static void fork_and_scribble(void)
{
	unsigned int i = any(NR_PAGES - 512), n;
	int status;
	pid_t pid = fork();

	if (!pid) {
		for (n = 0; n < 512; n += 1 + n % 7)
			memset(page(i + n), 0xee, PAGE);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		wrong("fork: %s", strerror(errno));
	control->forks++;
}

static void collapse(void)
{
	unsigned long first = (-(uintptr_t)machine.memory & (BIG_PAGE - 1)) / PAGE;
	uint8_t *p = page(first + any((NR_PAGES - first) / 512) * 512);

	madvise(p, BIG_PAGE, MADV_HUGEPAGE);
	control->collapsed += !madvise(p, BIG_PAGE, MADV_COLLAPSE);
	/* and a part of it again in small pages */
	madvise(p + any(256) * PAGE, any(255) * PAGE + PAGE, MADV_NOHUGEPAGE);
}

#define KINDS	16

static void change_something(unsigned int kind)
{
	static const int advice[] = { MADV_COLD, MADV_PAGEOUT, MADV_PAGEOUT, MADV_MERGEABLE,
				      MADV_UNMERGEABLE, MADV_HUGEPAGE };
	unsigned int n = 1 + any(any(4) ? 32 : 1024), i = any(NR_PAGES - n);

	switch (kind) {
	case 0:
		fork_and_scribble();
		break;
	case 1:
	case 2:
		collapse();
		break;
	case 3:
		put("/proc/sys/vm/compact_memory", "1");
		break;
	case 4:
		if (control->offline < MAX_OFFLINE)
			control->offline += !madvise(page(i), PAGE, MADV_SOFT_OFFLINE);
		break;
	default:
		control->madvised += !madvise(page(i), n * PAGE, advice[any(ARRAY_SIZE(advice))]);
	}
}

/* Each kind of phase is there once, however short the time is. */
static bool shall_stop(void)
{
	return control->stop && control->phases >= NR_PHASES;
}

/* Nor does one end before it has @seen what it is for: a slow machine takes longer. */
static bool phase_goes_on(double end, bool seen)
{
	return !seen || (!shall_stop() && now() < end);
}

static void change_memory(double end)
{
	unsigned int kind;

	for (kind = 0; kind < KINDS; kind++)
		change_something(kind);
	while (phase_goes_on(end, true)) {
		change_something(any(KINDS));
		sleep_ms(any(20));
	}
}

/* A migration: the log while all goes on, and once more when all stand still. */
static void log_memory(double end)
{
	unsigned long i, differ = 0, first = 0;

	pthread_mutex_lock(&machine.lock);
	machine.logs = true;
	pthread_mutex_unlock(&machine.lock);
	machine.region.flags = KVM_MEM_LOG_DIRTY_PAGES;
	if (ioctl(machine.vm, KVM_SET_USER_MEMORY_REGION, &machine.region))
		wrong("logging: %s", strerror(errno));
	for (i = 0; i < NR_PAGES; i++)
		if (is_there(page(i)))
			memcpy(copy + i * PAGE, page(i), PAGE);
	while (phase_goes_on(end, control->logged > MIN_SEEN)) {
		harvest();
		change_something(any(KINDS));
		sleep_ms(any(100));
	}
	hold_all();
	harvest();
	for (i = 0; i < NR_PAGES; i++) {
		if (!is_there(page(i)) || !memcmp(copy + i * PAGE, page(i), PAGE))
			continue;
		if (!differ++)
			first = i;
	}
	if (differ)
		wrong("%lu pages are not as the log says, %#lx the first", differ, first);
	pthread_mutex_lock(&machine.lock);
	machine.logs = false;
	pthread_mutex_unlock(&machine.lock);
	machine.region.flags = 0;
	if (ioctl(machine.vm, KVM_SET_USER_MEMORY_REGION, &machine.region))
		wrong("the end of logging: %s", strerror(errno));
	control->copies++;
	let_all_run();
}

/* To another address. What is there now is new, and has the same contents. */
static void move_away(uint8_t *p, uint8_t *to)
{
	int flags = MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS;

	if (mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) != to ||
	    mmap(p, PAGE, PROT_READ | PROT_WRITE, flags, -1, 0) != p)
		wrong("moving memory: %s", strerror(errno));
	memcpy(p, to, PAGE);
	memset(to, 0xa5, PAGE);
}

/* While all stand still, memory goes elsewhere; what is left behind is watched. */
static void replace_memory(double end)
{
	enum { PLACES = 8, PAGES = 64, ALL = PLACES * PAGES };
	unsigned int place, first, i, n;
	uint8_t *old;

	while (phase_goes_on(end, control->replaced)) {
		old = mmap(NULL, ALL * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		n = 0;
		hold_all();
		for (place = 0; place < PLACES; place++) {
			first = any(NR_PAGES - PAGES);
			for (i = first; i < first + PAGES; i++)
				if (!pinned[i])
					move_away(page(i), old + n++ * PAGE);
		}
		let_all_run();
		sleep_ms(20 + any(100));
		for (i = 0; i < n * PAGE && old[i] == 0xa5; i++)
			;
		if (i < n * PAGE)
			wrong("the guest wrote where its memory has been");
		munmap(old, ALL * PAGE);
		control->replaced += n;
	}
}

/* userfaultfd: pages go, and come back when somebody touches them. */
struct filler {
	int fd;
	struct {
		bool used;
		uint64_t addr;
	} slot[NR_SAVED];
};

static bool uffd_ioctl(struct filler *f, unsigned long request, void *arg)
{
	return !ioctl(f->fd, request, arg);
}

static void write_protect(struct filler *f, uint64_t addr, uint64_t len, bool on)
{
	struct uffdio_writeprotect range = {
		.range = { addr, len }, .mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	while (!uffd_ioctl(f, UFFDIO_WRITEPROTECT, &range))
		if (errno != EAGAIN) {
			wrong("UFFDIO_WRITEPROTECT: %s", strerror(errno));
			return;
		}
}

static void bring_back(struct filler *f, unsigned int slot)
{
	struct uffdio_copy page_of = {
		.dst = f->slot[slot].addr, .src = (uintptr_t)saved + slot * PAGE, .len = PAGE,
	};

	while (!uffd_ioctl(f, UFFDIO_COPY, &page_of))
		if (errno != EAGAIN) {
			wrong("UFFDIO_COPY: %s", strerror(errno));
			break;
		}
	f->slot[slot].used = false;
	control->filled++;
}

static void fill_in(struct filler *f, uint64_t addr, uint64_t flags)
{
	struct uffdio_zeropage zero = { .range = { addr, PAGE } };
	unsigned int i;

	for (i = 0; i < NR_SAVED; i++) {
		if (f->slot[i].used && f->slot[i].addr == addr) {
			bring_back(f, i);
			return;
		}
	}
	if (flags & UFFD_PAGEFAULT_FLAG_WP) {
		write_protect(f, addr, PAGE, false);
		return;
	}
	/* Never used by the guest so far, or filled in meanwhile. */
	while (!uffd_ioctl(f, UFFDIO_ZEROPAGE, &zero)) {
		if (errno == EEXIST) {
			uffd_ioctl(f, UFFDIO_WAKE, &zero.range);
			return;
		}
		if (errno != EAGAIN) {
			wrong("UFFDIO_ZEROPAGE: %s", strerror(errno));
			return;
		}
	}
}

static void answer_faults(struct filler *f, int ms)
{
	struct pollfd poller = { .fd = f->fd, .events = POLLIN };
	struct uffd_msg msg;

	while (poll(&poller, 1, ms) == 1) {
		while (read(f->fd, &msg, sizeof(msg)) == sizeof(msg))
			if (msg.event == UFFD_EVENT_PAGEFAULT)
				fill_in(f, msg.arg.pagefault.address & -PAGE,
					msg.arg.pagefault.flags);
		ms = 0;
	}
}

static void evict(struct filler *f)
{
	unsigned int nr = any(NR_PAGES), i;
	uint8_t *p = page(nr);

	for (i = 0; i < NR_SAVED && f->slot[i].used; i++)
		;
	if (i == NR_SAVED) {
		/* Nobody has asked for it yet. */
		bring_back(f, any(NR_SAVED));
		return;
	}
	/* This very thread is going to read it, so it must not be filled in by it. */
	if (pinned[nr] || !is_there(p))
		return;
	write_protect(f, (uintptr_t)p, PAGE, true);
	memcpy(saved + i * PAGE, p, PAGE);
	if (madvise(p, PAGE, MADV_DONTNEED))
		wrong("MADV_DONTNEED: %s", strerror(errno));
	f->slot[i].addr = (uintptr_t)p;
	f->slot[i].used = true;
	control->evicted++;
}

static void fill_memory(double end)
{
	struct filler f = { .fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK) };
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP };
	struct uffdio_register range = {
		.range = { (uintptr_t)machine.memory, MEMORY },
		.mode = UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP,
	};
	unsigned int i;

	if (f.fd >= 0 && uffd_ioctl(&f, UFFDIO_API, &api) &&
	    uffd_ioctl(&f, UFFDIO_REGISTER, &range)) {
		while (phase_goes_on(end, control->filled)) {
			for (i = 0; i < 8; i++)
				evict(&f);
			answer_faults(&f, 5);
		}
		for (i = 0; i < NR_SAVED; i++)
			if (f.slot[i].used)
				bring_back(&f, i);
		/* Whoever waits is woken. */
		if (!uffd_ioctl(&f, UFFDIO_UNREGISTER, &range.range))
			wrong("UFFDIO_UNREGISTER: %s", strerror(errno));
	}
	close(f.fd);
}

/* Three quarters of what the guest takes after its start: the rest has to be swapped. */
static void limit_memory(bool on)
{
	char path[128], text[32];
	static long limit;

	if (!limit) {
		group_path(path, sizeof(path), GROUP, "memory.current");
		limit = atol(first_line(path, text, sizeof(text))) / 4 * 3;
	}
	group_path(path, sizeof(path), GROUP, "memory.max");
	snprintf(text, sizeof(text), "%ld", limit);
	put(path, on ? text : "max");
}

/* In milliseconds. When all kinds have been there, for a time of chance. */
static long length_of_phase(void)
{
	return PHASE_MS * (control->phases < NR_PHASES ? 1 : 1 + any(6));
}

static void *storm(void *arg)
{
	static void (*const phases[NR_PHASES])(double end) = {
		change_memory, log_memory, fill_memory, replace_memory,
	};
	const struct sigaction action = { .sa_handler = nothing };

	(void)arg;
	machine.random = control->seed;
	sigaction(SIGUSR1, &action, NULL);
	while (!control->go)
		sleep_ms(50);
	put(KSM "sleep_millisecs", "20");
	put(KSM "pages_to_scan", "500");
	put(KSM "run", "1");
	find_pinned();
	madvise(machine.memory, MEMORY, MADV_MERGEABLE);
	while (!shall_stop()) {
		unsigned int i = control->phases % NR_PHASES;
		double begin;

		/* Who copies all of it would wait for nothing but swap. */
		limit_memory(control->swap && phases[i] != log_memory);
		begin = now();
		phases[i](begin + length_of_phase() / 1000.);
		control->seconds[i] += now() - begin;
		control->phases++;
	}
	limit_memory(false);
	put(KSM "run", "0");
	control->ended = true;
	return NULL;
}

/* Instead of the launcher's own: the guest is about to run. */
int sandbox_enter(void)
{
	pthread_t thread;

	return pthread_create(&thread, NULL, storm, NULL) ? fail("no thread") : 0;
}

/* In the child: the launcher's own code, in this program. */
static void run_here(const char *kernel, char *const *options)
{
	char *argv[MAX_ARGUMENTS];
	int argc = arguments(argv, kernel, options);

	if (!join_group(GROUP))
		_exit(97);
	/* The harness has read options of its own. */
	optind = 1;
	_exit(run_main(argc - 1, argv + 1));
}

static bool start_here(LAUNCH *self, char *initrd)
{
	snprintf(self->kernel, sizeof(self->kernel), "/ring1/bzImage");
	return start_as(self, run_here, DO("console=ttyS0 quiet", "--initrd", initrd, "--mem",
					   MEM_OPTION, "--cpus", "4")) > 0;
}

static void *shared_memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	/* So that it is this process's, and not the group's. */
	return memset(p, 0, size);
}

/* Also reads what the guest says, and ends when it has nothing more to say. */
static bool wait_until(LAUNCH *self, double end)
{
	while (now() < end) {
		struct pollfd poller = { .fd = self->out, .events = POLLIN };

		if (poll(&poller, 1, 1000) == 1 && !read_some(self))
			return false;
		if (strstr(self->text, CHECKER_WRONG) || control->wrong)
			return false;
	}
	return true;
}

static void weather(struct __test_metadata *_metadata, LAUNCH *self, bool by_ring)
{
	/* Two tests share the time. */
	unsigned long seconds = cmdline_number("ring1_test.minutes=", 0) * 60 / 2;
	long before = number_in("/proc/vmstat", "pswpin"), swapped;
	double begin = now(), ready;
	char line[200];
	int status;

	if (geteuid())
		SKIP(return, "needs root");
	if (!seconds)
		seconds = 4 * PHASE_MS / 1000 + 1;
	control = shared_memory(sizeof(*control));
	copy = shared_memory(MEMORY);
	saved = shared_memory(NR_SAVED * PAGE);
	ASSERT_TRUE(control && copy && saved);
	control->by_ring = by_ring;
	control->swap = have_swap();
	control->seed = cmdline_number("ring1_test.seed=", time(NULL));
	ASSERT_TRUE(make_group(GROUP));
	snprintf(line, sizeof(line), "mkdir -p tree && cp /proc/%d/exe tree/checker", getpid());
	ASSERT_EQ(0, system(line));
	ASSERT_EQ(0, system("cp /ring1/initrd both"));
	ASSERT_EQ(0, system("cd tree && find . | cpio -o -H newc >>../both && rm -rf ../tree"));

	ASSERT_TRUE(start_here(self, "both"));
	ASSERT_TRUE(wait_for(self, "guest# ") && give(self, CHECKER_ENV "=1 /checker\n") &&
		    wait_for(self, CHECKER_READY))
		TH_LOG("status %d, said: %s, the guest: %s", finish(self), self->said, self->text);
	ready = now() - begin;
	control->go = true;
	if (wait_until(self, now() + seconds))
		while (control->swap && number_in("/proc/vmstat", "pswpin") - before <= MIN_SEEN &&
		       wait_until(self, now() + 1))
			;
	control->stop = true;
	while (!control->ended && !waitpid(self->pid, NULL, WNOHANG))
		sleep_ms(50);
	EXPECT_TRUE(control->ended);
	swapped = number_in("/proc/vmstat", "pswpin") - before;
	EXPECT_TRUE(give(self, "\n"));
	EXPECT_TRUE(wait_for(self, CHECKER_DONE));
	EXPECT_TRUE(give(self, "poweroff -f\n"));
	status = finish(self);
	EXPECT_EQ(0, status)
		TH_LOG("said: %s", self->said);
	unlink("both");
	EXPECT_TRUE(WITHIN_LIMIT(remove_group(GROUP)));

	TH_LOG("seed %llu, %.1f s to boot, %.1f in all, %lu phases",
	       (unsigned long long)control->seed, ready, now() - begin, control->phases);
	TH_LOG("%lu madvised, %lu collapsed, %lu forks, %lu out of use, %ld swapped in",
	       control->madvised, control->collapsed, control->forks, control->offline, swapped);
	TH_LOG("%lu pages logged, %lu copies of all, %lu times a ring was full", control->logged,
	       control->copies, control->full);
	TH_LOG("%lu evicted, %lu filled in, %lu replaced, %lu pinned", control->evicted,
	       control->filled, control->replaced, control->pinned);
	TH_LOG("%.1f s of changes, %.1f of logs, %.1f of filling, %.1f of replacing; %s",
	       control->seconds[0], control->seconds[1], control->seconds[2], control->seconds[3],
	       strstr(self->text, CHECKER_DONE) ?: "?");
	EXPECT_TRUE(strstr(self->text, CHECKER_DONE) && strstr(self->text, CHECKER_OWN_MMU) &&
		    strstr(self->text, ", 0 wrong"))
		TH_LOG("the guest: %s", self->text);
	EXPECT_EQ(0, control->wrong)
		TH_LOG("%s", control->text);
	EXPECT_TRUE(control->madvised && control->forks && control->copies && control->replaced);
	EXPECT_TRUE(control->filled || access("/proc/sys/vm/unprivileged_userfaultfd", F_OK));
	if (control->swap)
		EXPECT_LT(MIN_SEEN, swapped);
	EXPECT_LT(MIN_SEEN, control->logged);
	/* A shared page for each vCPU, and the bitmap. */
	EXPECT_LT(NR_VCPUS, control->pinned);
}

TEST_F_TIMEOUT(run, logged_by_bitmap, DAYS)
{
	weather(_metadata, self, false);
}

TEST_F_TIMEOUT(run, logged_by_rings, DAYS)
{
	weather(_metadata, self, true);
}

TEST_HARNESS_MAIN
