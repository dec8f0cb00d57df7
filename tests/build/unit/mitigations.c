// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    the predictor state that an exit gets rid of, and the residue that an enter
 *           does, follow the host's own mitigations as the table in host/mitigations.c
 *           says; retpolines count only where returns are safe from ring 1, too; flushing
 *           is late only where neither returns nor direct branches go astray; and a host
 *           whose choice needs an IBPB that the processor has not is refused
 * How:      that file, with every combination of faked features, and with processors
 *           and modes of Linux by name
 * Catches:  a mode of the host's that is taken for a weaker one
 */
#include "kernel.h"

static bool mmio_stale_data_clear, context_tracking;
#define context_tracking_enabled() context_tracking
#define static_key_enabled(key)	(*(key))

#include "../../../host/mitigations.c"

#define IBPB	RING1_MITIGATE_IBPB
#define RSB	RING1_MITIGATE_RSB
#define BHB	RING1_MITIGATE_BHB
#define LONG	RING1_MITIGATE_BHB_LONG
#define PUT	RING1_MITIGATE_IBPB_PUT
#define DIVIDER	RING1_MITIGATE_DIVIDER
#define MMIO	RING1_MITIGATE_MMIO
#define LATE	RING1_MITIGATE_LATE

/* A row of the table: how Linux says that it runs in this mode, and what is to be done. */
struct mode {
	const char *name;
	bool bug, off;
	unsigned int feature[3];
	unsigned int want;
};

static const struct mode modes[] = {
	{ "not affected",	false, false, {},				0 },
	{ "mitigations=off",	true, true, {},					0 },
	{ "retpoline",		true, false, { X86_FEATURE_RETPOLINE },		RSB | PUT },
	{ "eIBRS + retpoline",	true, false, { X86_FEATURE_RETPOLINE, X86_FEATURE_IBRS_ENHANCED },
	  RSB | PUT },
	/* Linux sets RETPOLINE as well. */
	{ "LFENCE",		true, false,
	  { X86_FEATURE_RETPOLINE, X86_FEATURE_RETPOLINE_LFENCE },	IBPB | RSB | LATE },
	{ "eIBRS",		true, false, { X86_FEATURE_IBRS_ENHANCED },	IBPB | RSB | LATE },
	{ "automatic IBRS",	true, false, { X86_FEATURE_AUTOIBRS },		IBPB | RSB | LATE },
	{ "legacy IBRS",	true, false, { X86_FEATURE_KERNEL_IBRS },	IBPB | RSB | LATE },
	{ "spectre_v2=off",	true, false, {},				IBPB | RSB | LATE },
	{ "IBPB on entry",	true, false, { X86_FEATURE_RETPOLINE, X86_FEATURE_ENTRY_IBPB },
	  IBPB | RSB },
	{ "IBPB on VM exit",	true, false, { X86_FEATURE_RETPOLINE, X86_FEATURE_IBPB_ON_VMEXIT },
	  IBPB | RSB },
	{ "IBPB on entry, no v2", false, false, { X86_FEATURE_ENTRY_IBPB },	IBPB | RSB },
};

static void fake_mode(const struct mode *mode, bool ibpb, bool bhi)
{
	unsigned int i;

	memset(&fake, 0, sizeof(fake));
	fake.mitigations_off = mode->off;
	fake_bug(X86_BUG_SPECTRE_V2, mode->bug);
	fake_bug(X86_BUG_BHI, bhi);
	fake_feature(X86_FEATURE_IBPB, ibpb);
	for (i = 0; i < ARRAY_SIZE(mode->feature); i++)
		if (mode->feature[i])
			fake_feature(mode->feature[i], true);
}

TEST(each_mode_has_its_sequence)
{
	unsigned int i, bhi;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		for (bhi = 0; bhi < 2; bhi++) {
			fake_mode(&modes[i], true, bhi);
			ring1_mitigations_init();
			EXPECT_EQ(modes[i].want | (bhi && !modes[i].off ? BHB : 0), ring1_mitigate)
				TH_LOG("mode: %s", modes[i].name);
		}
	}
}

/* A kernel with nohz_full says at an exit that the guest has ended. */
TEST(what_calls_out_of_the_fast_set_flushes_at_once)
{
	context_tracking = true;
	fake_mode(&modes[5], true, false);
	ring1_mitigations_init();
	EXPECT_EQ(IBPB | RSB, ring1_mitigate);
	context_tracking = false;
}

TEST(a_host_that_needs_a_missing_ibpb_is_refused)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		fake_mode(&modes[i], false, false);
		EXPECT_EQ(!!(modes[i].want & IBPB), ring1_mitigations_impossible())
			TH_LOG("mode: %s", modes[i].name);
		fake_mode(&modes[i], true, false);
		EXPECT_FALSE(ring1_mitigations_impossible());
	}
}

/* A processor, by what Linux knows of it, and a mode that Linux runs it in. */
struct processor {
	const char *name;
	unsigned int bug[4], feature[6];
	bool amd;
	bool eibrs_retpoline;		/* the mode */
	bool caps;			/* both MSRs are there: */
	u64 capabilities, control;	/* ARCH_CAPABILITIES, SPEC_CTRL */
	bool mmio;			/* Linux clears buffers for assigned devices only */
	unsigned int want;
};

#define V2		X86_BUG_SPECTRE_V2

static const struct processor processors[] = {
	{ "Skylake, retpoline",
	  { V2, X86_BUG_RETBLEED }, { X86_FEATURE_RETPOLINE }, .want = IBPB | RSB | LATE },
	{ "Skylake, retpoline and retbleed=stuff",
	  { V2, X86_BUG_RETBLEED }, { X86_FEATURE_RETPOLINE, X86_FEATURE_CALL_DEPTH },
	  .want = RSB | PUT },
	{ "Comet Lake, retpoline and retbleed=stuff, RRSBA",
	  { V2, X86_BUG_RETBLEED }, { X86_FEATURE_RETPOLINE, X86_FEATURE_CALL_DEPTH },
	  .caps = true, .capabilities = ARCH_CAP_RRSBA, .want = RSB | PUT },
	{ "Ice Lake, eIBRS + retpoline, ITS, its thunks left out",
	  { V2, X86_BUG_ITS }, {}, .eibrs_retpoline = true, .caps = true, .want = IBPB | RSB },
	{ "the same with the thunks",
	  { V2, X86_BUG_ITS }, { X86_FEATURE_RETHUNK }, .eibrs_retpoline = true, .caps = true,
	  .want = RSB | PUT },
	{ "Cascade Lake, eIBRS + retpoline",
	  { V2, X86_BUG_RETBLEED }, {}, .eibrs_retpoline = true, .caps = true,
	  .want = IBPB | RSB | LATE },
	{ "Ice Lake, eIBRS + retpoline, RRSBA without its control",
	  { V2, X86_BUG_BHI }, {}, .eibrs_retpoline = true, .caps = true,
	  .capabilities = ARCH_CAP_RRSBA, .want = IBPB | RSB | LATE | BHB },
	{ "the same, MMIO stale data, no MDS",
	  { V2, X86_BUG_BHI, X86_BUG_MMIO_STALE_DATA }, {}, .eibrs_retpoline = true, .caps = true,
	  .capabilities = ARCH_CAP_RRSBA, .mmio = true, .want = IBPB | RSB | LATE | BHB | MMIO },
	{ "a pool of hosts, one of them with RSBA",
	  { V2 }, { X86_FEATURE_RETPOLINE }, .caps = true, .capabilities = ARCH_CAP_RSBA,
	  .want = IBPB | RSB | LATE },
	{ "Sapphire Rapids, eIBRS",
	  { V2, X86_BUG_BHI }, { X86_FEATURE_IBRS_ENHANCED, X86_FEATURE_BHI_CTRL }, .caps = true,
	  .capabilities = ARCH_CAP_RRSBA, .control = SPEC_CTRL_BHI_DIS_S,
	  .want = IBPB | RSB | LATE | BHB | LONG },
	{ "Sapphire Rapids, eIBRS + retpoline",
	  { V2, X86_BUG_BHI }, { X86_FEATURE_BHI_CTRL }, .eibrs_retpoline = true, .caps = true,
	  .capabilities = ARCH_CAP_RRSBA, .control = SPEC_CTRL_RRSBA_DIS_S,
	  .want = RSB | PUT | BHB | LONG },
	{ "the same, whose Linux left RRSBA on",
	  { V2, X86_BUG_BHI }, { X86_FEATURE_BHI_CTRL }, .eibrs_retpoline = true, .caps = true,
	  .capabilities = ARCH_CAP_RRSBA, .want = IBPB | RSB | LATE | BHB | LONG },
	{ "eIBRS + retpoline, no RRSBA, not a guest",
	  { V2 }, {}, .eibrs_retpoline = true, .caps = true, .want = RSB | PUT },
	{ "the same under a hypervisor, which may hide RRSBA",
	  { V2 }, { X86_FEATURE_HYPERVISOR }, .eibrs_retpoline = true, .caps = true,
	  .want = IBPB | RSB | LATE },
	{ "the same with RRSBA_DIS_S, which it cannot hide",
	  { V2 }, { X86_FEATURE_HYPERVISOR }, .eibrs_retpoline = true, .caps = true,
	  .control = SPEC_CTRL_RRSBA_DIS_S, .want = RSB | PUT },
	{ "Zen 1, untrained returns",
	  { V2, X86_BUG_RETBLEED, X86_BUG_SRSO, X86_BUG_DIV0 },
	  { X86_FEATURE_RETPOLINE, X86_FEATURE_UNRET, X86_FEATURE_SRSO }, .amd = true,
	  .want = RSB | PUT | DIVIDER },
	{ "Zen 1, retbleed=off",
	  { V2, X86_BUG_RETBLEED, X86_BUG_DIV0 }, { X86_FEATURE_RETPOLINE }, .amd = true,
	  .want = IBPB | RSB | DIVIDER },
	{ "Zen 2 without SMT, safe from SRSO",
	  { V2, X86_BUG_RETBLEED, X86_BUG_SRSO },
	  { X86_FEATURE_RETPOLINE, X86_FEATURE_UNRET, X86_FEATURE_SRSO_NO }, .amd = true,
	  .want = RSB | PUT },
	{ "Zen 2, srso=off",
	  { V2, X86_BUG_RETBLEED, X86_BUG_SRSO }, { X86_FEATURE_RETPOLINE, X86_FEATURE_UNRET },
	  .amd = true, .want = IBPB | RSB },
	{ "Zen 3, safe returns",
	  { V2, X86_BUG_SRSO },
	  { X86_FEATURE_RETPOLINE, X86_FEATURE_UNRET, X86_FEATURE_SRSO_ALIAS }, .amd = true,
	  .want = RSB | PUT },
	{ "Zen 4, automatic IBRS + retpoline under a hypervisor, safe returns",
	  { V2, X86_BUG_SRSO },
	  { X86_FEATURE_AUTOIBRS, X86_FEATURE_UNRET, X86_FEATURE_SRSO_ALIAS,
	    X86_FEATURE_HYPERVISOR },
	  .eibrs_retpoline = true, .amd = true, .want = RSB | PUT },
	{ "Zen 5, automatic IBRS",
	  { V2, X86_BUG_SRSO },
	  { X86_FEATURE_IBRS_ENHANCED, X86_FEATURE_AUTOIBRS, X86_FEATURE_SRSO_USER_KERNEL_NO },
	  .amd = true, .want = IBPB | RSB },
	{ "Zen 5, automatic IBRS + retpoline, BP_SPEC_REDUCE left to kvm-amd",
	  { V2, X86_BUG_SRSO },
	  { X86_FEATURE_AUTOIBRS, X86_FEATURE_SRSO_USER_KERNEL_NO,
	    X86_FEATURE_SRSO_BP_SPEC_REDUCE },
	  .eibrs_retpoline = true, .amd = true, .want = IBPB | RSB },
	{ "the same without BP_SPEC_REDUCE",
	  { V2, X86_BUG_SRSO },
	  { X86_FEATURE_AUTOIBRS, X86_FEATURE_SRSO_USER_KERNEL_NO, X86_FEATURE_IBPB_ON_VMEXIT },
	  .eibrs_retpoline = true, .amd = true, .want = IBPB | RSB },
};

TEST(each_processor_has_its_sequence)
{
	const struct processor *p;
	unsigned int i;

	for (p = processors; p < processors + ARRAY_SIZE(processors); p++) {
		memset(&fake, 0, sizeof(fake));
		fake_feature(X86_FEATURE_IBPB, true);
		for (i = 0; i < ARRAY_SIZE(p->bug); i++)
			if (p->bug[i])
				fake_bug(p->bug[i], true);
		for (i = 0; i < ARRAY_SIZE(p->feature); i++)
			if (p->feature[i])
				fake_feature(p->feature[i], true);
		if (p->eibrs_retpoline) {
			fake_feature(X86_FEATURE_IBRS_ENHANCED, true);
			fake_feature(X86_FEATURE_RETPOLINE, true);
		}
		fake_feature(X86_FEATURE_ARCH_CAPABILITIES, p->caps);
		fake_feature(X86_FEATURE_MSR_SPEC_CTRL, p->caps);
		boot_cpu_data.x86_vendor = p->amd ? X86_VENDOR_AMD : X86_VENDOR_INTEL;
		fake.msr_arch_capabilities = p->capabilities;
		fake.msr_spec_ctrl = p->control;
		mmio_stale_data_clear = p->mmio;
		ring1_mitigations_init();
		EXPECT_EQ(p->want, ring1_mitigate)
			TH_LOG("processor: %s", p->name);
	}
	mmio_stale_data_clear = false;
}

/* The host flushes less than the sequence only where the table says that it may. */
TEST(no_combination_of_choices_uses_stale_predictions)
{
	unsigned int bits;

	for (bits = 0; bits < 2048; bits++) {
		const struct ring1_mitigations m = {
			.spectre_v2 = bits & 1, .retpoline = bits & 2, .ibpb = bits & 4,
			.ibpb_entry = bits & 8, .bhi = bits & 16, .bhb_long = bits & 32,
			.steered_return = bits & 64, .div0 = bits & 128, .mmio = bits & 256,
			.steered_code = bits & 512, .calls_out = bits & 1024,
		};
		unsigned int got = ring1_mitigations_choose(&m);

		EXPECT_EQ(m.ibpb_entry ||
			  (m.spectre_v2 && !(m.retpoline && !m.steered_return)), !!(got & IBPB));
		EXPECT_EQ(m.ibpb_entry || m.spectre_v2, !!(got & RSB));
		EXPECT_EQ(m.bhi, !!(got & BHB));
		EXPECT_EQ(m.bhi && m.bhb_long, !!(got & LONG));
		EXPECT_EQ(m.div0, !!(got & DIVIDER));
		EXPECT_EQ(m.mmio, !!(got & MMIO));
		EXPECT_EQ(m.spectre_v2 && m.ibpb && !(got & IBPB), !!(got & PUT));
		EXPECT_EQ(got & IBPB && !m.ibpb_entry && !m.steered_code && !m.calls_out,
			  !!(got & LATE));
	}
}

TEST_HARNESS_MAIN
