// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    a page fault goes to whom it belongs: protection keys to nobody, an async
 *           page fault of a hypervisor above us to KVM with its token and its flags,
 *           slot 256 and the user's upper half to the guest; the private root is KVM's,
 *           with the upper half closed to ring 3 and slot 256 untouched; and a root the
 *           vCPU ran before is freed when its page is written from the start; with
 *           KVM_RING1_DEBUG, an entry of the private root that is not KVM's is found
 * How:      host/mmu.c with faked faults and a faked root of KVM's
 * Catches:  a token taken for a guest's address, which leaves the host's next fault
 *           to panic; WRPKRU that reaches KVM; an entry of KVM's over the switcher
 */
#include "kernel.h"

static void __kvm_inject_emulated_page_fault(struct kvm_vcpu *vcpu, struct x86_exception *fault,
					     bool from_hardware)
{
	fake_note("inject", fault->address, fault->error_code);
}

static int kvm_handle_page_fault(struct kvm_vcpu *vcpu, u64 error, u64 address, char *insn,
				 int insn_len)
{
	fake_note("kvm", address, error);
	fake_note("apf flags", vcpu->arch.apf.host_apf_flags, 0);
	return 1;
}

/* The direct map. */
static gpa_t kvm_mmu_gva_to_gpa_write(struct kvm_vcpu *vcpu, gva_t gva, struct x86_exception *e)
{
	return gva - 0xffff888000000000ull;
}

static void kvm_mmu_free_roots(struct kvm *kvm, struct kvm_mmu *mmu, ulong roots)
{
	fake_note("free roots", roots, 0);
}

#include "../../../host/mmu.c"

bool ring1_region_contains(gva_t gva)
{
	return gva >= RING1_SLOT_BASE && gva < RING1_SLOT_BASE + PGDIR_SIZE;
}

#define READY		2u	/* KVM_PV_REASON_PAGE_READY */
#define NOT_PRESENT	1u	/* KVM_PV_REASON_PAGE_NOT_PRESENT */
#define UPPER		0xffff888000000000ull
#define WRITE		2
#define USER		4
#define KEY		0x20

FIXTURE(mmu) {
	struct vcpu_ring1 v;
	struct kvm_mmu mmu;
	u64 root[512], kvm[512];
};

FIXTURE_SETUP(mmu)
{
	memset(self, 0, sizeof(*self));
	memset(&fake, 0, sizeof(fake));
	self->v.region.root = self->root;
	self->v.vcpu.arch.mmu = &self->mmu;
	self->v.kvm_root = __pa(self->kvm);
}

FIXTURE_TEARDOWN(mmu)
{
}

/* Where the fault goes; fails the test if to two or to nobody unexpectedly. */
static const struct note *fault(struct vcpu_ring1 *v, bool user, u64 error, u64 gva, u32 flags)
{
	fake.notes = 0;
	v->user = user;
	v->exit.error = error;
	v->fault_gva = gva;
	v->vcpu.arch.apf.host_apf_flags = flags;
	return ring1_mmu_fault(&v->vcpu) == 1 && fake.notes ? &fake.note[0] : NULL;
}

TEST_F(mmu, ordinary_faults_are_kvms)
{
	const struct note *n = fault(&self->v, true, USER | WRITE, 0x400000, 0);

	ASSERT_NE(NULL, n);
	EXPECT_STREQ("kvm", n->what);
	EXPECT_EQ(0x400000, n->a);
	EXPECT_EQ(USER | WRITE, n->b);
	EXPECT_TRUE(self->v.fault_pending);
	n = fault(&self->v, false, WRITE, UPPER, 0);
	ASSERT_NE(NULL, n);
	EXPECT_STREQ("kvm", n->what);
}

/* A token is any number: one that looks like slot 256, or like the user's upper half. */
TEST_F(mmu, async_page_faults_are_kvms_whatever_the_token)
{
	static const u64 tokens[] = { 0x1001, RING1_SLOT_BASE + 0x2001, UPPER, ~0ull };
	const struct note *n;
	unsigned int i, user;

	for (i = 0; i < ARRAY_SIZE(tokens); i++) {
		for (user = 0; user < 2; user++) {
			n = fault(&self->v, user, 0, tokens[i], NOT_PRESENT);
			ASSERT_NE(NULL, n);
			EXPECT_STREQ("kvm", n->what);
			EXPECT_EQ(tokens[i], n->a);
			n = fake_done("apf flags", 0);
			ASSERT_NE(NULL, n);
			EXPECT_EQ(NOT_PRESENT, n->a);
		}
	}
}

TEST_F(mmu, protection_keys_are_the_users)
{
	const struct note *n;

	EXPECT_EQ(NULL, fault(&self->v, false, KEY | USER | 1, 0x400000, 0));
	EXPECT_EQ(0, fake.notes);
	n = fault(&self->v, true, KEY | USER | 1, 0x400000, 0);
	ASSERT_NE(NULL, n);
	EXPECT_STREQ("inject", n->what);
	EXPECT_EQ(0x400000, n->a);
	EXPECT_EQ(KEY | USER | 1, n->b);
}

TEST_F(mmu, slot_256_is_the_guests_own_fault)
{
	static const u64 gva[] = { RING1_SLOT_BASE, RING1_SLOT_BASE + PGDIR_SIZE - 1 };
	const struct note *n;
	unsigned int i, user;

	for (i = 0; i < ARRAY_SIZE(gva); i++) {
		for (user = 0; user < 2; user++) {
			n = fault(&self->v, user, WRITE | 1, gva[i], 0);
			ASSERT_NE(NULL, n);
			EXPECT_STREQ("inject", n->what);
			EXPECT_EQ(gva[i], n->a);
			/* In the guest's own tables nothing is there. */
			EXPECT_EQ(WRITE, n->b);
		}
	}
	n = fault(&self->v, false, WRITE, RING1_SLOT_BASE + PGDIR_SIZE, 0);
	ASSERT_NE(NULL, n);
	EXPECT_STREQ("kvm", n->what);
}

TEST_F(mmu, the_upper_half_is_not_the_users)
{
	const struct note *n = fault(&self->v, true, USER | 1, UPPER, 0);

	ASSERT_NE(NULL, n);
	EXPECT_STREQ("inject", n->what);
	EXPECT_EQ(USER, n->b);
}

/* CR3 holds a PCID in its low bits. */
TEST_F(mmu, a_previous_root_is_freed_when_its_page_is_cleared)
{
	static const struct {
		u64 error, gva, roots;
		u32 flags;
	} faults[] = {
		{ WRITE | 1, UPPER + 0x2000, 1 << 2 },
		{ WRITE | 1, UPPER + 0x3000, 1 << 1 | 1 << 3 },
		{ WRITE | 1, UPPER + 0x4000, 0 },
		{ WRITE | 1, UPPER + 0x2001, 0 },
		{ WRITE, UPPER + 0x2000, 0 },
		{ 1, UPPER + 0x2000, 0 },
		{ WRITE | 1, UPPER + 0x2000, 0, NOT_PRESENT },
	};
	const struct note *n;
	unsigned int i;

	self->mmu.prev_roots[0].pgd = 0x3000;
	self->mmu.prev_roots[1].pgd = 0x2001;
	self->mmu.prev_roots[2].pgd = 0x3002;
	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		fault(&self->v, false, faults[i].error, faults[i].gva, faults[i].flags);
		EXPECT_NE(NULL, fake_done("kvm", 0));
		n = fake_done("free roots", 0);
		EXPECT_EQ(faults[i].roots, n ? n->a : 0)
			TH_LOG("fault %u", i);
	}
}

static void fill_kvm_root(u64 *kvm, u64 tag)
{
	unsigned int i;

	for (i = 0; i < 512; i++)
		kvm[i] = tag | (u64)i << 12 | 7;
}

/* NULL, or what is wrong with the entry. */
static const char *wrong_entry(const u64 *root, const u64 *kvm, unsigned int i)
{
	if (i == RING1_SLOT)
		return root[i] == 0x5107 ? NULL : "slot 256 was touched";
	if (i < RING1_SLOT)
		return root[i] == kvm[i] ? NULL : "lower half differs";
	return root[i] == (kvm[i] & ~4ull) ? NULL : "upper half differs, or is the user's";
}

TEST_F(mmu, the_private_root_follows_kvms)
{
	unsigned int i;

	self->root[RING1_SLOT] = 0x5107;
	fill_kvm_root(self->kvm, 1ull << 32);
	ring1_load_mmu_pgd(&self->v.vcpu, __pa(self->kvm), 4);
	ring1_mmu_sync_root(&self->v);
	for (i = 0; i < 512; i++)
		EXPECT_EQ(NULL, wrong_entry(self->root, self->kvm, i));

	/* Without a word from KVM, a copy is good. */
	fill_kvm_root(self->kvm, 2ull << 32);
	ring1_mmu_sync_root(&self->v);
	EXPECT_EQ(1ull << 32 | 7, self->root[0]);
	ring1_flush_tlb(&self->v.vcpu);
	ring1_mmu_sync_root(&self->v);
	for (i = 0; i < 512; i++)
		EXPECT_EQ(NULL, wrong_entry(self->root, self->kvm, i));
}

TEST_F(mmu, a_fault_brings_one_entry)
{
	self->root[RING1_SLOT] = 0x5107;
	fill_kvm_root(self->kvm, 1ull << 32);
	fault(&self->v, false, WRITE, UPPER, 0);
	ring1_mmu_sync_root(&self->v);
	EXPECT_EQ(self->kvm[pgd_index(UPPER)] & ~4ull, self->root[pgd_index(UPPER)]);
	EXPECT_EQ(0, self->root[0]);

	/* The token of an async fault may have slot 256's index. */
	fault(&self->v, false, 0, RING1_SLOT_BASE, NOT_PRESENT);
	ring1_mmu_sync_root(&self->v);
	EXPECT_EQ(0x5107, self->root[RING1_SLOT]);
}

TEST_F(mmu, other_roots_are_empty)
{
	static const int levels[] = { 0, 3, 5 };
	unsigned int i, j;

	for (j = 0; j < ARRAY_SIZE(levels); j++) {
		fill_kvm_root(self->root, 3ull << 32);
		self->root[RING1_SLOT] = 0x5107;
		ring1_load_mmu_pgd(&self->v.vcpu, __pa(self->kvm), levels[j]);
		ring1_mmu_sync_root(&self->v);
		for (i = 0; i < 512; i++)
			EXPECT_EQ(i == RING1_SLOT ? 0x5107 : 0, self->root[i]);
	}
}

/* A root in which KVM has taken an entry away without a word. */
static void lose_entry(struct vcpu_ring1 *v, u64 *kvm, unsigned int i)
{
	fake.debug = true;
	fill_kvm_root(kvm, 1ull << 32);
	v->root_stale = true;
	ring1_mmu_sync_root(v);
	kvm[i] = 0;
}

TEST_F(mmu, debugging_takes_a_root_that_is_kvms)
{
	lose_entry(&self->v, self->kvm, RING1_SLOT);
	self->root[0] = 0;
	ring1_mmu_sync_root(&self->v);
	ring1_load_mmu_pgd(&self->v.vcpu, 0, 3);
	ring1_mmu_sync_root(&self->v);
	EXPECT_EQ(NULL, fake_done("warning", 0));
}

/* Another vCPU's fault has added an entry; a missing one of KVM's is not 0. */
TEST_F(mmu, debugging_takes_a_missing_entry)
{
	fake.debug = true;
	self->kvm[0] = BIT_ULL(63);
	self->v.root_stale = true;
	ring1_mmu_sync_root(&self->v);
	self->kvm[0] = 0x5000 | PT_PRESENT_MASK;
	ring1_mmu_sync_root(&self->v);
	EXPECT_EQ(BIT_ULL(63), self->root[0]);
	EXPECT_EQ(NULL, fake_done("warning", 0));
}

/* KVM takes entries away under the lock, and then waits for this vCPU to leave. */
TEST_F(mmu, debugging_finds_an_entry_that_is_not_kvms)
{
	static const unsigned int lost[] = { 0, RING1_SLOT - 1, RING1_SLOT + 1, 511 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lost); i++) {
		fake.notes = 0;
		lose_entry(&self->v, self->kvm, lost[i]);
		fake.mmu_locked = true;
		ring1_mmu_sync_root(&self->v);
		EXPECT_EQ(NULL, fake_done("warning", 0));
		fake.mmu_locked = false;
		ring1_mmu_sync_root(&self->v);
		EXPECT_NE(NULL, fake_done("warning", 0))
			TH_LOG("entry %u", lost[i]);
	}
}

TEST_HARNESS_MAIN
