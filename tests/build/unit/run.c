// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    what changes at every enter and exit is right where emulation cannot show
 *           it: CR3 with and without PCIDs and with PTI off, CR4, protection keys, extended
 *           state, debug registers near slot 256, PEBS, BTS and branch tracking, the
 *           notes of NMI and #MC, and the flags of an async page fault
 * How:      host/run.c on a faked processor; a fake switcher looks at what it would
 *           find, leaves an exit, and every write to the processor is noted in order
 * Catches:  a host value that is not put back, or is put back too late
 */
#include "kernel.h"

#define __KERNEL_CS		0x10
#define __USER32_CS		0x23
#define __USER_CS		0x33
#define SEGMENT_RPL_MASK	3
#define DR_ENABLE_SIZE		2
#define DR7_GD			BIT_ULL(13)
#define XFEATURE_MASK_FPSSE	(BIT_ULL(0) | BIT_ULL(1))
#define XFEATURE_MASK_BNDREGS	BIT_ULL(3)
#define XFEATURE_MASK_BNDCSR	BIT_ULL(4)
#define XFEATURE_MASK_PKRU	BIT_ULL(9)
#define XFEATURE_MASK_XTILE	(BIT_ULL(17) | BIT_ULL(18))
#define XCR_XFEATURE_ENABLED_MASK 0
#define TIF_NEED_FPU_LOAD	0
#define KVM_HANDLING_NMI	1
#define KVM_HANDLING_IRQ	2
#define KVM_ISA_VMX		1
#define KVM_ISA_SVM		2
#define trace_kvm_entry(vcpu, immediate)	((void)(vcpu))
#define trace_kvm_exit(vcpu, isa)		((void)(isa))
#define trace_kvm_entry_enabled()		false
#define trace_kvm_exit_enabled()		fake.traced

struct pt_regs_mc {
	unsigned long cs, ip, flags;
};

#define pt_regs pt_regs_mc

static bool leave_after_interrupt, context_tracking, fast_hypercall;

#define is_long_mode(vcpu)			true
#define kvm_rip_read(vcpu)			((vcpu)->arch.regs[VCPU_REGS_RIP])
#define kvm_is_cr4_bit_set(vcpu, bit)		((vcpu)->arch.cr4 & (bit))
#define vcpu_to_pmu(vcpu)			NULL
#define perf_guest_get_msrs(nr, pmu)		(*(nr) = fake.nr_perf_msrs, fake.perf_msrs)
#define guest_state_enter_irqoff()		fake_note("guest state", 1, 0)
#define guest_state_exit_irqoff()		fake_note("guest state", 0, 0)
#define context_tracking_enabled()		context_tracking
#define kvm_before_interrupt(vcpu, why)		((void)(vcpu))
#define kvm_after_interrupt(vcpu)		((void)(vcpu))
#define kvm_wait_lapic_expire(vcpu)		((void)(vcpu))
#define kvm_request_pending(vcpu)		leave_after_interrupt
#define xfer_to_guest_mode_work_pending()	false
#define test_thread_flag(flag)			false
#define smp_send_reschedule(cpu)		fake_note("self-IPI", cpu, 0)
#define do_machine_check(regs)			fake_note("#MC", (regs)->cs, (regs)->ip)
#define amd_clear_divider()			fake_note("divide", 0, 0)
#define x86_clear_cpu_buffers()			fake_note("verw", 0, 0)
#define kvm_arch_has_assigned_device(kvm)	((void)(kvm), assigned_device)

static bool assigned_device;

static u32 kvm_read_and_reset_apf_flags(void)
{
	u32 flags = fake.apf_flags;

	fake_note("apf read", flags, 0);
	fake.apf_flags = 0;
	return flags;
}

static gate_desc fake_idt[256];

static void store_idt(struct desc_ptr *ptr)
{
	ptr->address = (unsigned long)fake_idt;
}

/* After the real one: SLDT is not the test's to execute. */
#include "../../../host/ring1.h"
#define ring1_read_ldt()	fake.ldt
#include "../../../host/run.c"

/* The monitor's other files. */
unsigned int ring1_mitigate;

bool ring1_region_contains(gva_t gva)
{
	return gva >= RING1_SLOT_BASE && gva < RING1_SLOT_BASE + PGDIR_SIZE;
}

static unsigned int features;

unsigned int ring1_paging_features(void)
{
	return features;
}

bool ring1_paging_prepare_run(struct vcpu_ring1 *v)
{
	return true;
}

void ring1_paging_prepare_enter(struct vcpu_ring1 *v) { }
void ring1_paging_finish_exit(struct vcpu_ring1 *v) { }

bool ring1_paging_must_leave(struct vcpu_ring1 *v)
{
	return false;
}

bool ring1_paging_fault_fast(struct kvm_vcpu *vcpu)
{
	return false;
}

bool ring1_must_emulate(struct vcpu_ring1 *v) { return false; }
void ring1_segments_check(struct vcpu_ring1 *v) { }
void ring1_cancel_injection(struct kvm_vcpu *vcpu) { }
void ring1_event_recheck(struct vcpu_ring1 *v) { }
void ring1_segments_fill(const struct vcpu_ring1 *v, u16 selector, struct kvm_segment *var) { }

void ring1_desc_close_user(struct vcpu_ring1 *v, bool closed)
{
	fake_note("ring 3 closed", closed, 0);
	v->user_closed = closed;
}

bool ring1_hypercall_fast(struct kvm_vcpu *vcpu) { return fast_hypercall; }
bool ring1_hypercall_irqoff(struct kvm_vcpu *vcpu) { return false; }

void ring1_late_flush(struct vcpu_ring1 *v)
{
	fake_note("late flush", 0, 0);
}

void ring1_do_nmi_irqoff(void)
{
	fake_note("host NMI", 0, 0);
}

void ring1_do_interrupt_irqoff(unsigned long offset)
{
	fake_note("host interrupt", offset, 0);
}

/* What the next exits are, and what the switcher found at the last enter. */
static struct ring1_exit exits[3];
static unsigned int nr_entered;
static u64 note_nmi, note_stack, ip_after;
static struct ring1_conf seen;

/* MSRs that can be parked: as the processor has them, and as the guest saw them. */
static struct {
	u32 msr;
	u64 now, in_guest;
} msrs[] = {
	{ MSR_IA32_PEBS_ENABLE }, { MSR_CORE_PERF_GLOBAL_CTRL }, { MSR_IA32_DEBUGCTLMSR },
};

enum { PEBS_ENABLE, GLOBAL_CTRL, DEBUGCTL };

/* Comes, if set, when C has done its part and the IDT is still the host's. */
static void (*pmi)(void);

/* The part of switcher.S and world.S. */
static void park_and_restore(struct vcpu_ring1 *v)
{
	u64 saved[ARRAY_SIZE(msrs)];
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(msrs); i++)
		saved[i] = msrs[i].now;
	for (n = 0; v->conf->parked && n < RING1_NR_PARKED && v->host->park[n].msr; n++) {
		for (i = 0; i < ARRAY_SIZE(msrs) && msrs[i].msr != v->host->park[n].msr; i++)
			;
		assert(i < ARRAY_SIZE(msrs));
		msrs[i].now = (u64)v->host->park[n].guest_high << 32 |
			      v->host->park[n].guest_low;
	}
	for (i = 0; i < ARRAY_SIZE(msrs); i++) {
		msrs[i].in_guest = msrs[i].now;
		msrs[i].now = saved[i];
	}
}

void ring1_switch(struct vcpu_ring1 *v)
{
	if (pmi)
		pmi();
	park_and_restore(v);
	fake_note("switch", 0, 0);
	seen = *v->conf;
	v->exit = exits[nr_entered++];
	v->host->nmi = note_nmi;
	v->stack->notes = note_stack;
	if (ip_after)
		v->vcpu.arch.regs[VCPU_REGS_RIP] = ip_after;
}

#define HOST_CR3	0x123456000ull
#define ROOT		0x7f000
#define HOST_KEYS	0x55555554
#define HOST_XCR0	0x2e7ull	/* x87 SSE AVX, AVX-512, PKRU */

FIXTURE(run) {
	struct vcpu_ring1 v;
	struct ring1_host host;
	struct ring1_conf conf;
	struct ring1_stack stack;
	u8 ist[PAGE_SIZE];
};

FIXTURE_SETUP(run)
{
	unsigned int i;

	memset(self, 0, sizeof(*self));
	memset(&fake, 0, sizeof(fake));
	memset(exits, 0, sizeof(exits));
	nr_entered = 0;
	note_nmi = 0;
	note_stack = 0;
	ip_after = 0;
	pmi = NULL;
	for (i = 0; i < ARRAY_SIZE(msrs); i++)
		msrs[i].now = 0;
	ring1_mitigate = 0;
	assigned_device = false;
	leave_after_interrupt = true;
	context_tracking = false;
	fast_hypercall = false;
	self->v.host = &self->host;
	self->v.conf = &self->conf;
	self->v.stack = &self->stack;
	self->v.region.root = (u64 *)ROOT;
	self->v.region.page[RING1_PG_IST] = self->ist;
	features = 0;
	self->v.kernel_cs.l = 1;
	self->v.vcpu.arch.host_pkru = HOST_KEYS;
	self->v.vcpu.arch.cr4 = X86_CR4_OSXSAVE;
	self->v.vcpu.arch.xcr0 = HOST_XCR0 & ~XFEATURE_MASK_PKRU;
	kvm_host.xcr0 = HOST_XCR0;
	fake.cr3 = HOST_CR3;
	fake.cr4 = X86_CR4_PGE;
	fake_feature(X86_FEATURE_PGE, true);
	exits[0] = (struct ring1_exit){ .vector = RING1_EXIT_HYPERCALL, .cs = RING1_CS };
}

FIXTURE_TEARDOWN(run)
{
}

static void run(struct vcpu_ring1 *v)
{
	fake.notes = 0;
	nr_entered = 0;
	ring1_vcpu_run(&v->vcpu, 0);
}

/* The nth note of this kind has the value and stands before, or behind, the switch. */
static bool noted(const char *what, unsigned int n, u64 value, bool before)
{
	const struct note *note = fake_done(what, n), *at = fake_done("switch", 0);

	return note && at && note->a == value && (note < at) == before;
}

static bool noted_msr(u32 msr, u64 value, bool before)
{
	const struct note *note, *at = fake_done("switch", 0);
	unsigned int n;

	for (n = 0; (note = fake_done("wrmsr", n)); n++)
		if (note->a == msr && note->b == value && (note < at) == before)
			return true;
	return false;
}

/* The nth time that this value was written. */
static const struct note *nth_wrmsr(u32 msr, u64 value, unsigned int nth)
{
	const struct note *note;
	unsigned int n;

	for (n = 0; (note = fake_done("wrmsr", n)); n++)
		if (note->a == msr && note->b == value && !nth--)
			return note;
	return NULL;
}

/* As the switcher puts the host's CR3 together again; an NMI may have left its note. */
static u64 host_cr3(const struct vcpu_ring1 *v)
{
	return (v->host_cr3 | BIT_ULL(RING1_NMI_NOTE_BIT) | seen.cr3_high) &
	       ~BIT_ULL(RING1_NMI_NOTE_BIT);
}

TEST_F(run, cr3_without_pcid)
{
	run(&self->v);
	EXPECT_EQ(ROOT, seen.cr3);
	EXPECT_EQ(HOST_CR3, host_cr3(&self->v));
	EXPECT_TRUE(noted_msr(MSR_KERNEL_GS_BASE, HOST_CR3, true));
}

/* PCID on, as with PTI off: the guest's PCID is none of Linux's, and is flushed. */
TEST_F(run, cr3_with_pcid)
{
	unsigned int pcid;

	fake.cr4 |= X86_CR4_PCIDE;
	for (pcid = 1; pcid <= 6; pcid++) {
		fake.cr3 = HOST_CR3 | pcid;
		run(&self->v);
		EXPECT_EQ(fake.cr3 | X86_CR3_PCID_NOFLUSH, host_cr3(&self->v));
		EXPECT_EQ(0, seen.cr3 & X86_CR3_PCID_NOFLUSH);
		EXPECT_EQ(ROOT, seen.cr3 & ~X86_CR3_PCID_MASK);
		EXPECT_NE(pcid, seen.cr3 & X86_CR3_PCID_MASK);
		/* PTI's user PCIDs are the kernel's with bit 11. */
		EXPECT_NE(pcid | 1 << 11, seen.cr3 & X86_CR3_PCID_MASK);
	}
}

/* Physical addresses up to bit 51 and LAM's bits 61 and 62 survive. */
TEST_F(run, cr3_from_end_to_end)
{
	unsigned int bit;

	fake.cr4 |= X86_CR4_PCIDE;
	for (bit = 12; bit <= 62; bit++) {
		if (bit > 51 && bit < 61)
			continue;
		fake.cr3 = BIT_ULL(bit);
		run(&self->v);
		EXPECT_EQ(fake.cr3 | X86_CR3_PCID_NOFLUSH, host_cr3(&self->v));
		/* WRMSR would fault. */
		EXPECT_EQ(0, self->v.host_cr3 >> 47);
	}
}

TEST_F(run, kernel_gs_base_follows_cr3)
{
	run(&self->v);
	run(&self->v);
	EXPECT_EQ(NULL, fake_done("wrmsr", 0));
	fake.cr3 = HOST_CR3 + 0x1000;
	run(&self->v);
	EXPECT_TRUE(noted_msr(MSR_KERNEL_GS_BASE, HOST_CR3 + 0x1000, true));
}

/* One write, in front of the switch, which sets and clears these bits. */
static bool cr4_changed_by(unsigned long set, unsigned long clear)
{
	return noted("cr4", 0, set, true) && fake_done("cr4", 0)->b == clear &&
	       !fake_done("cr4", 1);
}

TEST_F(run, global_pages_go_before_the_first_enter)
{
	run(&self->v);
	EXPECT_TRUE(cr4_changed_by(0, X86_CR4_PGE));
	EXPECT_TRUE(self->v.cr4_loaded);
	EXPECT_EQ(X86_CR4_PGE, self->v.host_cr4);
	run(&self->v);
	EXPECT_EQ(NULL, fake_done("cr4", 0));
}

/* The guest's choice, be the VMM a thread that must not read the counter itself. */
TEST_F(run, rdtsc_is_the_guests_choice)
{
	struct vcpu_ring1 *v = &self->v;
	int i;

	for (i = 0; i < 2; i++) {
		const unsigned long of_the_host = i ? X86_CR4_TSD : 0;

		v->cr4_loaded = false;
		fake.cr4 = X86_CR4_PGE | of_the_host;
		v->vcpu.arch.cr4 = X86_CR4_TSD;
		run(v);
		EXPECT_TRUE(cr4_changed_by(i ? 0 : X86_CR4_TSD, X86_CR4_PGE));
		run(v);
		EXPECT_EQ(NULL, fake_done("cr4", 0));
		v->vcpu.arch.cr4 = 0;
		run(v);
		EXPECT_TRUE(cr4_changed_by(0, X86_CR4_TSD));
		v->vcpu.arch.cr4 = X86_CR4_TSD;
		run(v);
		EXPECT_TRUE(cr4_changed_by(X86_CR4_TSD, 0));
		EXPECT_EQ(X86_CR4_PGE | of_the_host, v->host_cr4);
	}
}

/* No other bit of the guest's reaches the processor, the host's PCE does not stay. */
TEST_F(run, cr4_is_else_the_hosts)
{
	fake.cr4 = X86_CR4_PCE | X86_CR4_DE;
	self->v.vcpu.arch.cr4 = ~(X86_CR4_TSD | X86_CR4_DE);
	run(&self->v);
	EXPECT_TRUE(cr4_changed_by(0, X86_CR4_PCE));
	EXPECT_EQ(X86_CR4_PCE, self->v.host_cr4);
}

/* Perf's IPI turns it on for all threads of the VMM, one that runs a vCPU included. */
TEST_F(run, rdpmc_goes_when_an_interrupt_has_turned_it_on)
{
	leave_after_interrupt = false;
	exits[0] = (struct ring1_exit){ .vector = 0x40, .cs = 3 };
	exits[1] = (struct ring1_exit){ .vector = RING1_EXIT_HYPERCALL, .cs = RING1_CS };
	run(&self->v);
	EXPECT_EQ(2, nr_entered);
	fake.cr4 |= X86_CR4_PCE;
	self->v.vcpu.arch.cr4 = 0;
	run(&self->v);
	EXPECT_TRUE(cr4_changed_by(0, X86_CR4_PCE));
	EXPECT_EQ(X86_CR4_PGE | X86_CR4_PCE, self->v.host_cr4);
}

static void turn_rdpmc_on(void)
{
	fake.cr4 |= X86_CR4_PCE;
}

TEST_F(run, an_interrupt_that_turns_rdpmc_on_takes_the_long_way)
{
	leave_after_interrupt = false;
	exits[0] = (struct ring1_exit){ .vector = 0x40, .cs = 3 };
	exits[1] = (struct ring1_exit){ .vector = RING1_EXIT_HYPERCALL, .cs = RING1_CS };
	pmi = turn_rdpmc_on;
	run(&self->v);
	EXPECT_EQ(1, nr_entered);
}

TEST_F(run, keys_are_open_in_the_guest_and_the_hosts_again_behind_it)
{
	fake_feature(X86_FEATURE_OSPKE, true);
	run(&self->v);
	EXPECT_TRUE(noted("wrpkru", 0, 0, true));
	EXPECT_TRUE(noted("wrpkru", 1, HOST_KEYS, false));
	EXPECT_EQ(NULL, fake_done("wrpkru", 2));
}

TEST_F(run, without_keys_pkru_is_not_touched)
{
	run(&self->v);
	EXPECT_EQ(NULL, fake_done("wrpkru", 0));
}

/* A guest with the host's features, less those hidden from it, costs no XSETBV. */
TEST_F(run, hidden_state_stays_on)
{
	run(&self->v);
	EXPECT_EQ(NULL, fake_done("xsetbv", 0));
	self->v.vcpu.arch.xcr0 = 7;
	run(&self->v);
	EXPECT_TRUE(noted("xsetbv", 0, 7 | XFEATURE_MASK_PKRU, true));
	EXPECT_TRUE(noted("xsetbv", 1, HOST_XCR0, false));
}

TEST_F(run, a_kernel_without_osxsave_has_no_avx)
{
	self->v.vcpu.arch.cr4 = 0;
	run(&self->v);
	EXPECT_TRUE(noted("xsetbv", 0, XFEATURE_MASK_FPSSE | XFEATURE_MASK_PKRU, true));
	EXPECT_TRUE(noted("xsetbv", 1, HOST_XCR0, false));
}

TEST_F(run, a_host_without_xsave_has_no_xcr0)
{
	kvm_host.xcr0 = 0;
	self->v.vcpu.arch.cr4 = 0;
	self->v.vcpu.arch.xcr0 = 1;
	run(&self->v);
	EXPECT_EQ(NULL, fake_done("xsetbv", 0));
}

TEST_F(run, host_state_is_back_before_interrupts_are)
{
	fake_feature(X86_FEATURE_OSPKE, true);
	self->v.vcpu.arch.xcr0 = 3;
	exits[0] = (struct ring1_exit){ .vector = 0x40, .cs = 3 };
	run(&self->v);
	/* No interrupt is handled in here: its handler would run with the guest's XCR0. */
	EXPECT_EQ(1, nr_entered);
	EXPECT_EQ(NULL, fake_done("host interrupt", 0));
	EXPECT_TRUE(noted("xsetbv", 1, HOST_XCR0, false));
	ring1_handle_exit_irqoff(&self->v.vcpu);
	EXPECT_NE(NULL, fake_done("host interrupt", 0));
}

TEST_F(run, interrupts_are_handled_at_once_and_the_guest_goes_on)
{
	fake_idt[0x40].offset_low = 0x1234;
	fake_idt[0x40].offset_middle = 0x8765;
	fake_idt[0x40].offset_high = 0xffffffff;
	leave_after_interrupt = false;
	exits[1] = exits[0];
	exits[0] = (struct ring1_exit){ .vector = 0x40, .cs = 3 };
	run(&self->v);
	EXPECT_EQ(2, nr_entered);
	EXPECT_TRUE(noted("host interrupt", 0, 0xffffffff87651234, false));
	EXPECT_EQ(1, self->v.stat[RING1_STAT_INTERRUPT]);
	EXPECT_EQ(1, self->v.vcpu.stat.irq_exits);
}

/* Vector 0x80 is a device's on a host without 32-bit programs. */
TEST_F(run, vector_0x80_is_the_guests_or_the_hosts)
{
	unsigned int int80;

	leave_after_interrupt = false;
	for (int80 = 0; int80 < 2; int80++) {
		exits[0] = (struct ring1_exit){ .vector = 0x80, .cs = 3 };
		exits[1] = (struct ring1_exit){ .vector = RING1_EXIT_HYPERCALL, .cs = RING1_CS };
		self->conf.int80 = int80;
		run(&self->v);
		EXPECT_EQ(int80 ? 1 : 2, nr_entered);
		EXPECT_EQ(int80, !fake_done("host interrupt", 0));
	}
}

/* What a guest arms: bits of DR7, and whether this address may be matched. */
static bool stays_armed(struct vcpu_ring1 *v, u64 address)
{
	unsigned int i, armed = 0;

	for (i = 0; i < KVM_NR_DB_REGS; i++) {
		memset(v->vcpu.arch.eff_db, 0, sizeof(v->vcpu.arch.eff_db));
		v->vcpu.arch.eff_db[i] = address;
		/* All four, for 8 bytes each. */
		v->dr7 = 0xbbbb04ff;
		run(v);
		armed += seen.dr7 >> (2 * i) & 3 ? 1 : 0;
		/* The others are not concerned. */
		if ((seen.dr7 | 3 << (2 * i)) != (v->dr7 | 3 << (2 * i)) || !seen.debug)
			return !armed;
	}
	return armed == KVM_NR_DB_REGS;
}

TEST_F(run, no_breakpoint_in_slot_256)
{
	EXPECT_TRUE(stays_armed(&self->v, 0x400000));
	EXPECT_TRUE(stays_armed(&self->v, 0xffffffff81000000));
	EXPECT_TRUE(stays_armed(&self->v, RING1_SLOT_BASE - 8));
	EXPECT_FALSE(stays_armed(&self->v, RING1_SLOT_BASE - 7));
	EXPECT_FALSE(stays_armed(&self->v, RING1_SLOT_BASE));
	EXPECT_FALSE(stays_armed(&self->v, RING1_SLOT_BASE + PGDIR_SIZE - 1));
	EXPECT_TRUE(stays_armed(&self->v, RING1_SLOT_BASE + PGDIR_SIZE));
}

TEST_F(run, an_unarmed_dr7_is_not_loaded)
{
	self->v.dr7 = 0x400;
	run(&self->v);
	EXPECT_EQ(0, seen.debug);
	/* Armed on the switcher alone: there is nothing to load either. GD is never loaded. */
	self->v.dr7 = 0x2401;
	self->v.vcpu.arch.eff_db[0] = RING1_SLOT_BASE;
	run(&self->v);
	EXPECT_EQ(0, seen.debug);
	EXPECT_EQ(0x400, seen.dr7);
}

/* An LDT of the host's, which another thread's modify_ldt() loaded, is not the guest's. */
TEST_F(run, no_ldt_in_the_guest)
{
	fake.ldt = 0x50;
	run(&self->v);
	EXPECT_TRUE(noted("ldt", 0, 0, true));
	EXPECT_EQ(0x50, self->v.host_ldt);
}

/* KVM has taken the guest's SYSCALL MSRs away. */
TEST_F(run, no_guest_runs_when_the_host_reboots)
{
	leave_after_interrupt = false;
	exits[0] = (struct ring1_exit){ .vector = 0x40, .cs = 3 };
	fake.rebooting = true;
	run(&self->v);
	EXPECT_EQ(0, nr_entered);
	EXPECT_NE(NULL, fake_done("request", 0));
}

/* An interrupt may have turned PEBS on: it is parked before the next run. */
TEST_F(run, with_a_ds_area_interrupts_take_the_long_way)
{
	leave_after_interrupt = false;
	exits[0] = (struct ring1_exit){ .vector = 0x40, .cs = 3 };
	fake_feature(X86_FEATURE_DS, true);
	run(&self->v);
	EXPECT_EQ(1, nr_entered);
}

/* One that an interrupt in between armed: KVM disarms it before the next run. */
TEST_F(run, breakpoints_of_the_hosts_take_the_long_way)
{
	leave_after_interrupt = false;
	exits[0] = (struct ring1_exit){ .vector = 0x40, .cs = 3 };
	fake.host_breakpoint = true;
	run(&self->v);
	EXPECT_EQ(1, nr_entered);
}

/* With a breakpoint armed the host's own must be looked at again: no short way. */
TEST_F(run, breakpoints_take_the_long_way)
{
	leave_after_interrupt = false;
	exits[0] = (struct ring1_exit){ .vector = 0x40, .cs = 3 };
	self->v.dr7 = 0x401;
	run(&self->v);
	EXPECT_EQ(1, nr_entered);
}

TEST_F(run, dr6_is_taken_and_reset)
{
	exits[0] = (struct ring1_exit){ .vector = X86_TRAP_DB, .cs = 3 };
	fake.dr6 = 0xffff4ff1;
	run(&self->v);
	EXPECT_EQ(0xffff4ff1, self->v.exit.dr6);
	EXPECT_TRUE(noted("dr6", 0, DR6_RESERVED, false));
}

#define HOST_GLOBAL	0x70000000full	/* counters 0 to 3, of which 3 is the host's alone */
#define GUEST_GLOBAL	0x700000007ull
#define HOST_DEBUGCTL	0x1c0		/* BTS */

static struct perf_guest_switch_msr counter_of_the_host[] = {
	{ MSR_CORE_PERF_GLOBAL_CTRL, HOST_GLOBAL, GUEST_GLOBAL },
};

/* What an NMI handler of the host's does: all that is in use is on again. */
static void perf_enables_all(void)
{
	msrs[PEBS_ENABLE].now = 8;
	msrs[GLOBAL_CTRL].now = HOST_GLOBAL;
	msrs[DEBUGCTL].now = HOST_DEBUGCTL;
}

static void host_that_samples(struct kvm_vcpu *vcpu)
{
	fake_feature(X86_FEATURE_DS, true);
	fake_feature(X86_FEATURE_PEBS, true);
	fake.perf_msrs = counter_of_the_host;
	fake.nr_perf_msrs = ARRAY_SIZE(counter_of_the_host);
	vcpu->arch.host_debugctl = HOST_DEBUGCTL;
	perf_enables_all();
}

/* Perf names PEBS_ENABLE only where the processor would not stop it at a VM entry. */
TEST_F(run, pebs_and_bts_are_parked)
{
	unsigned int with_pmi;

	host_that_samples(&self->v.vcpu);
	for (with_pmi = 0; with_pmi < 2; with_pmi++) {
		pmi = with_pmi ? perf_enables_all : NULL;
		run(&self->v);
		EXPECT_EQ(0, msrs[PEBS_ENABLE].in_guest);
		EXPECT_EQ(GUEST_GLOBAL, msrs[GLOBAL_CTRL].in_guest);
		EXPECT_EQ(0, msrs[DEBUGCTL].in_guest);
		EXPECT_EQ(8, msrs[PEBS_ENABLE].now);
		EXPECT_EQ(HOST_GLOBAL, msrs[GLOBAL_CTRL].now);
		EXPECT_EQ(HOST_DEBUGCTL, msrs[DEBUGCTL].now);
		/* C leaves them alone: an NMI would find them off, and turn them on. */
		EXPECT_FALSE(noted_msr(MSR_IA32_PEBS_ENABLE, 0, true));
		EXPECT_FALSE(noted_msr(MSR_CORE_PERF_GLOBAL_CTRL, GUEST_GLOBAL, true));
	}
}

/* It is the first: a record may be under way. */
TEST_F(run, pebs_is_parked_before_its_counters)
{
	host_that_samples(&self->v.vcpu);
	run(&self->v);
	EXPECT_EQ(MSR_IA32_PEBS_ENABLE, self->host.park[0].msr);
}

TEST_F(run, what_is_the_same_in_a_guest_is_not_parked)
{
	struct perf_guest_switch_msr same[] = {
		{ MSR_CORE_PERF_GLOBAL_CTRL, 7, 7 }, { MSR_IA32_DS_AREA, 0x1000, 0x1000 },
	};

	fake_feature(X86_FEATURE_DS, true);
	fake_feature(X86_FEATURE_PEBS, true);
	fake.perf_msrs = same;
	fake.nr_perf_msrs = ARRAY_SIZE(same);
	run(&self->v);
	EXPECT_EQ(0, seen.parked);
	/* Nor what was in the last run. */
	self->v.vcpu.arch.host_debugctl = HOST_DEBUGCTL;
	run(&self->v);
	EXPECT_EQ(1, seen.parked);
	EXPECT_EQ(0, self->host.park[1].msr);
	self->v.vcpu.arch.host_debugctl = 0;
	run(&self->v);
	EXPECT_EQ(0, seen.parked);
}

/* A PMU of version 1 has an MSR for each counter. */
TEST_F(run, no_more_is_parked_than_there_is_room_for)
{
	struct perf_guest_switch_msr counters[16];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(counters); i++)
		counters[i] = counter_of_the_host[0];
	host_that_samples(&self->v.vcpu);
	fake.perf_msrs = counters;
	fake.nr_perf_msrs = ARRAY_SIZE(counters);
	run(&self->v);
	EXPECT_EQ(0, msrs[PEBS_ENABLE].in_guest);
	EXPECT_EQ(0, msrs[DEBUGCTL].in_guest);
}

/* Where RCX and RDX come from when an entry that used them is given up. */
TEST_F(run, parking_knows_the_guests_registers)
{
	unsigned int debug;

	for (debug = 0; debug < 2; debug++) {
		fake.debug = debug;
		self->v.vcpu.arch.host_debugctl = HOST_DEBUGCTL;
		self->v.vcpu.arch.regs[VCPU_REGS_RCX] = 0x1111;
		self->v.vcpu.arch.regs[VCPU_REGS_RDX] = 0x2222;
		run(&self->v);
		EXPECT_EQ(0x1111, self->stack.park_cx);
		EXPECT_EQ(0x2222, self->stack.park_dx);
	}
}

/* The host's PMU is a hypervisor's that has no PEBS. */
TEST_F(run, pebs_is_not_parked_where_it_is_not)
{
	host_that_samples(&self->v.vcpu);
	fake.no_pebs_enable = true;
	run(&self->v);
	EXPECT_NE(MSR_IA32_PEBS_ENABLE, self->host.park[0].msr);
	EXPECT_EQ(GUEST_GLOBAL, msrs[GLOBAL_CTRL].in_guest);
}

/* At each switch, not by the switcher: an NMI in there would miss an ENDBR. */
TEST_F(run, branch_tracking_is_off_around_the_switcher)
{
	leave_after_interrupt = false;
	exits[1] = exits[0];
	exits[0] = (struct ring1_exit){ .vector = 0x40, .cs = 3 };
	fake_feature(X86_FEATURE_IBT, true);
	fake.msr_s_cet = CET_ENDBR_EN;
	run(&self->v);
	EXPECT_EQ(2, nr_entered);
	EXPECT_EQ(0, seen.parked);
	EXPECT_TRUE(noted_msr(MSR_IA32_S_CET, 0, true));
	EXPECT_TRUE(noted_msr(MSR_IA32_S_CET, CET_ENDBR_EN, false));
	/* The host's handler runs with it. */
	EXPECT_LT(nth_wrmsr(MSR_IA32_S_CET, CET_ENDBR_EN, 0), fake_done("host interrupt", 0));
}

/* All of it is the switcher's, at each switch: the short way is open. */
TEST_F(run, parking_does_not_take_the_long_way)
{
	leave_after_interrupt = false;
	self->v.vcpu.arch.host_debugctl = HOST_DEBUGCTL;
	exits[1] = exits[0];
	exits[0] = (struct ring1_exit){ .vector = 0x40, .cs = 3 };
	run(&self->v);
	EXPECT_EQ(2, nr_entered);
}

/* A host with AMX: its tiles stay on in XCR0, whether the guest has an XCR0 or not. */
TEST_F(run, an_amx_host_has_the_short_way)
{
	kvm_host.xcr0 = HOST_XCR0 | XFEATURE_MASK_XTILE;
	self->v.vcpu.arch.cr4 = 0;
	run(&self->v);
	EXPECT_TRUE(noted("xsetbv", 0, XFEATURE_MASK_FPSSE | XFEATURE_MASK_PKRU |
				       XFEATURE_MASK_XTILE, true));
	self->v.vcpu.arch.cr4 = X86_CR4_OSXSAVE;
	leave_after_interrupt = false;
	exits[1] = (struct ring1_exit){ .vector = RING1_EXIT_HYPERCALL, .cs = RING1_CS };
	exits[0] = (struct ring1_exit){ .vector = 0x40, .cs = 3 };
	run(&self->v);
	EXPECT_EQ(NULL, fake_done("xsetbv", 0));
	EXPECT_EQ(2, nr_entered);
}

TEST_F(run, amx_in_a_guest_is_undefined)
{
	unsigned int xfd_err;

	fake_feature(X86_FEATURE_XFD, true);
	for (xfd_err = 0; xfd_err < 2; xfd_err++) {
		exits[0] = (struct ring1_exit){ .vector = X86_TRAP_NM, .cs = 3 };
		fake.msr_xfd_err = xfd_err ? BIT_ULL(18) : 0;
		run(&self->v);
		EXPECT_EQ(xfd_err ? X86_TRAP_UD : X86_TRAP_NM, self->v.exit.vector);
		EXPECT_EQ(xfd_err, noted_msr(MSR_IA32_XFD_ERR, 0, false));
	}
}

TEST_F(run, residue_is_cleared_before_the_guest_runs)
{
	unsigned int bits;

	for (bits = 0; bits < 8; bits++) {
		ring1_mitigate = (bits & 1 ? RING1_MITIGATE_DIVIDER : 0) |
				 (bits & 2 ? RING1_MITIGATE_MMIO : 0);
		assigned_device = bits & 4;
		run(&self->v);
		EXPECT_EQ(!!(bits & 1), noted("divide", 0, 0, true));
		EXPECT_EQ((bits & 6) == 6, noted("verw", 0, 0, true));
		EXPECT_EQ(!(bits & 1), !fake_done("divide", 0));
		EXPECT_EQ((bits & 6) != 6, !fake_done("verw", 0));
	}
}

TEST_F(run, async_page_fault_flags_are_taken_with_the_fault)
{
	exits[0] = (struct ring1_exit){ .vector = X86_TRAP_PF, .cs = RING1_CS };
	fake.apf_flags = 1;
	fake.cr2 = 0x1001;
	run(&self->v);
	EXPECT_EQ(1, self->v.vcpu.arch.apf.host_apf_flags);
	EXPECT_EQ(0x1001, self->v.fault_gva);
	EXPECT_EQ(0, fake.apf_flags);
	/* The next fault is an ordinary one again. */
	run(&self->v);
	EXPECT_EQ(0, self->v.vcpu.arch.apf.host_apf_flags);
}

/* Flags of a fault of the host's own, still to come, are not taken away from it. */
TEST_F(run, other_exits_leave_the_flags_alone)
{
	fake.apf_flags = 1;
	run(&self->v);
	EXPECT_EQ(NULL, fake_done("apf read", 0));
}

TEST_F(run, an_nmi_in_the_guest_is_the_hosts)
{
	exits[0] = (struct ring1_exit){ .vector = X86_TRAP_NMI, .cs = 3 };
	run(&self->v);
	EXPECT_TRUE(noted("host NMI", 0, 0, false));
	EXPECT_EQ(NULL, fake_done("host NMI", 1));
}

TEST_F(run, an_nmi_in_the_switcher_is_the_hosts)
{
	note_nmi = 1;
	run(&self->v);
	EXPECT_TRUE(noted("host NMI", 0, 0, false));
	/* The note goes out of KERNEL_GS_BASE, and does not come back. */
	EXPECT_TRUE(noted_msr(MSR_KERNEL_GS_BASE, HOST_CR3, false));
	EXPECT_EQ(0, self->host.nmi);
}

/* It leaves registers of the host's on a stack that ring 1 can read. */
TEST_F(run, what_an_nmi_or_mc_left_is_wiped)
{
	static const struct {
		u64 vector, note;
		bool wiped;
	} cases[] = {
		{ RING1_EXIT_HYPERCALL, 1, true },
		{ RING1_EXIT_ABORT, 0, true },
		{ X86_TRAP_MC | RING1_EXIT_SWITCHER, 0, true },
		{ RING1_EXIT_HYPERCALL, 0, false },
	};
	unsigned int i, j, left, want;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		memset(self->ist, 0x5a, sizeof(self->ist));
		exits[0].vector = cases[i].vector;
		note_nmi = cases[i].note;
		run(&self->v);
		for (j = left = 0; j < sizeof(self->ist); j++)
			left += self->ist[j] != 0;
		want = sizeof(self->ist);
		if (cases[i].wiped)
			want = 0;
		EXPECT_EQ(want, left)
			TH_LOG("case %u", i);
	}
}

/* STI; HLT: an interrupt of the host's between the two does not end the shadow. */
TEST_F(run, an_interrupt_shadow_lasts_for_one_instruction)
{
	exits[0] = (struct ring1_exit){ .vector = 0x40, .cs = RING1_CS };
	self->v.int_shadow = 1;
	self->v.vcpu.arch.regs[VCPU_REGS_RIP] = 0x1000;
	run(&self->v);
	EXPECT_EQ(1, self->v.int_shadow);
	ip_after = 0x1001;
	run(&self->v);
	EXPECT_EQ(0, self->v.int_shadow);
}

/* A trap guest's IRETQ to ring 3 would not be seen, while an interrupt waits for it. */
TEST_F(run, the_way_to_ring_3_is_closed_while_an_event_waits)
{
	struct ring1_vcpu_page page;

	self->v.event_wanted = true;
	run(&self->v);
	EXPECT_TRUE(noted("ring 3 closed", 0, true, true));
	run(&self->v);
	EXPECT_EQ(NULL, fake_done("ring 3 closed", 0));
	self->v.event_wanted = false;
	run(&self->v);
	EXPECT_TRUE(noted("ring 3 closed", 0, false, true));

	self->v.event_wanted = true;
	self->v.user = true;
	run(&self->v);
	EXPECT_EQ(NULL, fake_done("ring 3 closed", 0));
	self->v.user = false;
	self->v.shared = &page;
	run(&self->v);
	EXPECT_EQ(NULL, fake_done("ring 3 closed", 0));
}

TEST_F(run, in_ring_3_nmis_are_not_masked_any_more)
{
	exits[0] = (struct ring1_exit){ .vector = 0x40, .cs = RING1_CS };
	self->v.nmi_masked = true;
	run(&self->v);
	EXPECT_TRUE(self->v.nmi_masked);
	exits[0].cs = __USER_CS;
	run(&self->v);
	EXPECT_FALSE(self->v.nmi_masked);
}

/* Ring 1 can write the notes; they count only if it did not run. */
TEST_F(run, forged_notes_are_not_believed)
{
	note_stack = RING1_NOTE_NMI | RING1_NOTE_MC;
	run(&self->v);
	EXPECT_EQ(NULL, fake_done("host NMI", 0));
	EXPECT_EQ(NULL, fake_done("#MC", 0));
	/* Nor beside a true NMI. */
	exits[0].vector = X86_TRAP_NMI;
	run(&self->v);
	EXPECT_NE(NULL, fake_done("host NMI", 0));
	EXPECT_EQ(NULL, fake_done("#MC", 0));
	exits[0].vector = RING1_EXIT_ABORT;
	note_stack = RING1_NOTE_NMI;
	run(&self->v);
	EXPECT_NE(NULL, fake_done("host NMI", 0));
}

TEST_F(run, a_machine_check_names_the_ring_it_hit)
{
	const struct note *note;

	exits[0] = (struct ring1_exit){ .vector = X86_TRAP_MC, .cs = RING1_CS };
	self->v.vcpu.arch.regs[VCPU_REGS_RIP] = 0x1234;
	run(&self->v);
	note = fake_done("#MC", 0);
	ASSERT_NE(NULL, note);
	EXPECT_EQ(3, note->a);		/* not the host kernel: it may go on */
	EXPECT_EQ(0x1234, note->b);

	/* While entering, at an address the switcher noted; ring 1 may have written it else. */
	exits[0] = (struct ring1_exit){ .vector = RING1_EXIT_ABORT };
	note_stack = RING1_NOTE_MC;
	self->stack.lost_ip = 0x5678;
	run(&self->v);
	note = fake_done("#MC", 0);
	ASSERT_NE(NULL, note);
	EXPECT_EQ(__KERNEL_CS, note->a);
	EXPECT_EQ(0x5678, note->b);

	exits[0] = (struct ring1_exit){ .vector = X86_TRAP_MC | RING1_EXIT_SWITCHER };
	run(&self->v);
	note = fake_done("#MC", 0);
	ASSERT_NE(NULL, note);
	EXPECT_EQ(__KERNEL_CS, note->a);
	EXPECT_EQ(0x1234, note->b);
}

/* Grace periods do not wait for a guest; with context tracking it is told at each enter. */
TEST_F(run, rcu_hears_of_each_interrupt)
{
	exits[1] = (struct ring1_exit){ .vector = 0x40, .cs = RING1_CS };
	exits[2] = (struct ring1_exit){ .vector = X86_TRAP_GP, .cs = RING1_CS };
	leave_after_interrupt = false;
	fast_hypercall = true;
	run(&self->v);
	EXPECT_EQ(3, nr_entered);
	EXPECT_NE(NULL, fake_done("guest state", 3));
	EXPECT_EQ(NULL, fake_done("guest state", 4));
	EXPECT_TRUE(noted("guest state", 0, 1, true));
	EXPECT_TRUE(noted("guest state", 1, 0, false));
	EXPECT_LT(fake_done("switch", 1), fake_done("guest state", 2));

	context_tracking = true;
	run(&self->v);
	EXPECT_NE(NULL, fake_done("guest state", 5));
	EXPECT_EQ(NULL, fake_done("guest state", 6));
}

/*
 * What the fast set answers does not flush; what anything else of the host's answers comes
 * behind a flush, and so does every exit while somebody traces.
 */
TEST_F(run, the_host_runs_behind_a_flush)
{
	leave_after_interrupt = false;
	fast_hypercall = true;
	exits[0] = (struct ring1_exit){ .vector = RING1_EXIT_HYPERCALL, .cs = RING1_CS };
	exits[1] = (struct ring1_exit){ .vector = 0x40, .cs = RING1_CS };
	exits[2] = (struct ring1_exit){ .vector = X86_TRAP_GP, .cs = RING1_CS };
	run(&self->v);
	EXPECT_EQ(3, nr_entered);
	EXPECT_LT(fake_done("switch", 1), fake_done("late flush", 0));
	EXPECT_LT(fake_done("late flush", 0), fake_done("host interrupt", 0));
	EXPECT_LT(fake_done("switch", 2), fake_done("late flush", 1));
	EXPECT_EQ(NULL, fake_done("late flush", 2));

	/* An NMI that hit the switcher: its handler runs before the call is answered. */
	note_nmi = 1;
	exits[0] = (struct ring1_exit){ .vector = RING1_EXIT_HYPERCALL, .cs = RING1_CS };
	run(&self->v);
	EXPECT_EQ(1, nr_entered);
	EXPECT_LT(fake_done("late flush", 0), fake_done("host NMI", 0));
	note_nmi = 0;

	fake.traced = true;
	run(&self->v);
	EXPECT_EQ(1, nr_entered);
	EXPECT_NE(NULL, fake_done("late flush", 0));
}

/* Another XCR0, as each kernel has until it sets OSXSAVE: handlers of the host's want theirs. */
TEST_F(run, the_fast_set_answers_with_any_xcr0)
{
	leave_after_interrupt = false;
	fast_hypercall = true;
	self->v.vcpu.arch.cr4 = 0;
	exits[1] = (struct ring1_exit){ .vector = 0x40, .cs = RING1_CS };
	run(&self->v);
	EXPECT_EQ(2, nr_entered);
	EXPECT_EQ(NULL, fake_done("host interrupt", 0));
	EXPECT_LT(fake_done("xsetbv", 0), fake_done("switch", 0));
	EXPECT_LT(fake_done("switch", 1), fake_done("xsetbv", 1));
	EXPECT_EQ(NULL, fake_done("xsetbv", 2));
}

static bool bounces_page_faults(struct vcpu_ring1 *v)
{
	run(v);
	return seen.bounce_pf;
}

/* The switcher reads the shared page then: there must be one. */
TEST_F(run, page_faults_bounce_if_all_agree)
{
	struct ring1_vcpu_page page = { };

	self->v.shared = &page;
	self->v.setup.flags = RING1_SETUP_BOUNCE_PF;
	features = RING1_FEATURE_BOUNCE_PF;
	EXPECT_TRUE(bounces_page_faults(&self->v));
	self->v.setup.flags = 0;
	EXPECT_FALSE(bounces_page_faults(&self->v));
	self->v.setup.flags = RING1_SETUP_BOUNCE_PF;
	features = ~RING1_FEATURE_BOUNCE_PF;
	EXPECT_FALSE(bounces_page_faults(&self->v));
	features = RING1_FEATURE_BOUNCE_PF;
	self->v.vcpu.guest_debug = 1;
	EXPECT_FALSE(bounces_page_faults(&self->v));
	self->v.vcpu.guest_debug = 0;
	self->v.shared = NULL;
	EXPECT_FALSE(bounces_page_faults(&self->v));
}

/* Only the fault it was meant for: ring 1 may touch user memory before. */
TEST_F(run, pf_exit_ends_with_a_page_fault_of_ring_3)
{
	struct ring1_vcpu_page page = { .pf_exit = 1 };

	self->v.shared = &page;
	run(&self->v);
	EXPECT_EQ(1, page.pf_exit);
	exits[0] = (struct ring1_exit){ .vector = X86_TRAP_PF, .cs = RING1_CS };
	run(&self->v);
	EXPECT_EQ(1, page.pf_exit);
	exits[0] = (struct ring1_exit){ .vector = X86_TRAP_GP, .cs = 3 };
	run(&self->v);
	EXPECT_EQ(1, page.pf_exit);
	exits[0] = (struct ring1_exit){ .vector = X86_TRAP_PF, .cs = 3 };
	run(&self->v);
	EXPECT_EQ(0, page.pf_exit);
	self->v.shared = NULL;
	run(&self->v);
}

/* No flag of the guest's choice reaches the hardware but those of GUEST_RFLAGS. */
TEST_F(run, flags_on_the_way_in)
{
	unsigned int bit;

	for (bit = 0; bit < 64; bit++) {
		self->v.rflags = BIT_ULL(bit);
		run(&self->v);
		EXPECT_EQ((BIT_ULL(bit) & 0x254dd5) | 0x202, self->stack.enter.flags)
			TH_LOG("bit %u", bit);
	}
}

TEST_HARNESS_MAIN
