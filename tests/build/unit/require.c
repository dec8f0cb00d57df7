// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    each requirement that is missing is a refusal of its own, with its reason and a
 *           remedy; a good host passes; processors that come later are asked the same
 * How:      host/require.c on a faked processor, with one thing changed at a time.
 * Catches:  a requirement that looks at the wrong bit, or is not in the table
 */
#include "kernel.h"

/* The kernel this file believes to be built for. */
static unsigned int fake_version;
#define KERNEL_VERSION(a, b, c)	(((a) << 16) + ((b) << 8) + (c))
#define LINUX_VERSION_CODE	fake_version
#define raw_smp_processor_id()	3
#define KBUILD_MODNAME		"kvm_ring1"
#define CET_SHSTK_EN		BIT_ULL(0)
static bool fake_mitigations_impossible;
enum { X86_HYPER_NATIVE, X86_HYPER_VMWARE, X86_HYPER_KVM };
static int fake_hypervisor;
#define hypervisor_is_type(type) (fake_hypervisor == (type))

#include "../../../host/require.c"

bool ring1_mitigations_impossible(void)
{
	return fake_mitigations_impossible;
}

static void good_host(void)
{
	memset(&fake, 0, sizeof(fake));
	fake_version = KERNEL_VERSION(6, 12, 111);
	fake_mitigations_impossible = false;
	fake_hypervisor = X86_HYPER_NATIVE;
	guest_may_call_vmware = false;
	guest_user_may_read_guest_kernel = false;
	fake_feature(X86_FEATURE_NX, true);
	fake.cr4 = X86_CR4_FSGSBASE | X86_CR4_SMEP;
	fake.msr_smask = 0x47700;	/* Linux's: TF IF DF IOPL NT AC, and more */
}

/* Exactly this reason: once at load, once on a processor that comes later. */
static bool refused(const char *reason, const char *remedy)
{
	bool ok;

	ok = ring1_require_host() == -EOPNOTSUPP &&
	     !strncmp(fake.log, "kvm_ring1: cannot load: ", 24) &&
	     strstr(fake.log, reason) && strstr(fake.log, remedy);
	ok &= ring1_require_processor() == -EIO && !strncmp(fake.log, "kvm_ring1: CPU 3: ", 18) &&
	      strstr(fake.log, reason) && strstr(fake.log, remedy);
	if (!ok)
		printf("# wanted %s; it said %s", reason, fake.log);
	return ok;
}

static bool passes(void)
{
	return !ring1_require_host() && !ring1_require_processor() && !*fake.log;
}

FIXTURE(host) {
};

FIXTURE_SETUP(host)
{
	good_host();
}

FIXTURE_TEARDOWN(host)
{
}

TEST_F(host, good)
{
	EXPECT_TRUE(passes());
}

TEST_F(host, without_fsgsbase)
{
	fake.cr4 &= ~X86_CR4_FSGSBASE;
	EXPECT_TRUE(refused("no FSGSBASE", "nofsgsbase"));
}

TEST_F(host, without_nx)
{
	fake_feature(X86_FEATURE_NX, false);
	EXPECT_TRUE(refused("no NX", "clearcpuid=nx"));
}

TEST_F(host, without_smep)
{
	fake.cr4 &= ~X86_CR4_SMEP;
	EXPECT_TRUE(refused("no SMEP", "clearcpuid=smep"));
}

TEST_F(host, five_levels)
{
	fake.cr4 |= X86_CR4_LA57;
	EXPECT_TRUE(refused("five-level paging", "no5lvl"));
}

TEST_F(host, fred)
{
	fake_feature(X86_FEATURE_FRED, true);
	EXPECT_TRUE(refused("FRED is on", "fred=off"));
}

TEST_F(host, supervisor_shadow_stacks)
{
	fake.cr4 |= X86_CR4_CET;
	fake.msr_s_cet = CET_SHSTK_EN;
	EXPECT_TRUE(refused("supervisor shadow stacks", "does not use them"));
}

TEST_F(host, branch_tracking_is_no_shadow_stack)
{
	fake.cr4 |= X86_CR4_CET;
	fake.msr_s_cet = CET_ENDBR_EN;
	EXPECT_TRUE(passes());
	/* S_CET counts only where CR4 lets it. */
	fake.cr4 &= ~X86_CR4_CET;
	fake.msr_s_cet = CET_SHSTK_EN;
	EXPECT_TRUE(passes());
}

TEST_F(host, xen_pv)
{
	fake_feature(X86_FEATURE_XENPV, true);
	EXPECT_TRUE(refused("Xen PV", "PVH or HVM"));
}

TEST_F(host, sev_es)
{
	fake.cc_state = true;
	EXPECT_TRUE(refused("SEV-ES, SEV-SNP or TDX", "without confidential computing"));
}

TEST_F(host, tdx)
{
	fake_feature(X86_FEATURE_TDX_GUEST, true);
	EXPECT_TRUE(refused("SEV-ES, SEV-SNP or TDX", "without confidential computing"));
}

TEST_F(host, encrypted_memory)
{
	fake.cc_memory = true;
	EXPECT_TRUE(refused("memory encryption", "mem_encrypt=off"));
}

TEST_F(host, vmware)
{
	fake_hypervisor = X86_HYPER_VMWARE;
	EXPECT_TRUE(refused("VMware", "monitor_control.restrict_backdoor"));
	guest_may_call_vmware = true;
	*fake.log = '\0';
	EXPECT_TRUE(passes());
	/* KVM, the cloud's: whether it imitates VMware is for `ring1` to find out. */
	guest_may_call_vmware = false;
	fake_hypervisor = X86_HYPER_KVM;
	EXPECT_TRUE(passes());
}

TEST_F(host, meltdown)
{
	fake_bug(X86_BUG_CPU_MELTDOWN, true);
	EXPECT_TRUE(refused("Meltdown", "guest_user_may_read_guest_kernel=1"));
	guest_user_may_read_guest_kernel = true;
	*fake.log = '\0';
	EXPECT_TRUE(passes());
}

TEST_F(host, the_parameters_permit_nothing_else)
{
	guest_may_call_vmware = true;
	guest_user_may_read_guest_kernel = true;
	fake.cr4 |= X86_CR4_LA57;
	EXPECT_TRUE(refused("five-level paging", "no5lvl"));
}

TEST_F(host, predictions_cannot_be_flushed)
{
	fake_mitigations_impossible = true;
	EXPECT_TRUE(refused("branch predictions", "spectre_v2=retpoline retbleed=stuff"));
}

TEST_F(host, old_kvm)
{
	fake_version = KERNEL_VERSION(6, 12, 110);
	EXPECT_TRUE(refused("older than 6.12.111", "upgrade"));
}

TEST_F(host, syscall_leaves_a_flag)
{
	static const u64 flags[] = {
		X86_EFLAGS_IF, X86_EFLAGS_TF, X86_EFLAGS_DF, X86_EFLAGS_AC, X86_EFLAGS_NT,
		BIT_ULL(12), BIT_ULL(13),
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		good_host();
		fake.msr_smask &= ~flags[i];
		EXPECT_TRUE(refused("SYSCALL does not clear", "bug"));
	}
}

/* Each says something of its own; `ring1 check` takes the kernel log apart at the semicolon. */
TEST(no_two_say_the_same)
{
	unsigned int i, j;

	EXPECT_EQ(14, ARRAY_SIZE(requirements));
	for (i = 0; i < ARRAY_SIZE(requirements); i++) {
		EXPECT_EQ(NULL, strchr(requirements[i].why, ';'));
		for (j = 0; j < i; j++)
			EXPECT_NE(0, strcmp(requirements[i].why, requirements[j].why));
	}
}

TEST_HARNESS_MAIN
