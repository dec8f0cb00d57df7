// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    the predictor state that an exit gets rid of follows the host's own
 *           mitigations as the table in host/hygiene.c says, and a host whose choice
 *           needs an IBPB that the processor has not is refused
 * How:      that file, with every combination of faked features
 * Catches:  a mode of the host's that is taken for a weaker one
 */
#include "kernel.h"
#include "../../../host/hygiene.c"

#define IBPB	RING1_HYGIENE_IBPB
#define RSB	RING1_HYGIENE_RSB
#define BHB	RING1_HYGIENE_BHB
#define PUT	RING1_HYGIENE_IBPB_PUT

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
	  { X86_FEATURE_RETPOLINE, X86_FEATURE_RETPOLINE_LFENCE },	IBPB | RSB },
	{ "eIBRS",		true, false, { X86_FEATURE_IBRS_ENHANCED },	IBPB | RSB },
	{ "automatic IBRS",	true, false, { X86_FEATURE_AUTOIBRS },		IBPB | RSB },
	{ "legacy IBRS",	true, false, { X86_FEATURE_KERNEL_IBRS },	IBPB | RSB },
	{ "spectre_v2=off",	true, false, {},				IBPB | RSB },
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
			ring1_hygiene_init();
			EXPECT_EQ(modes[i].want | (bhi && !modes[i].off ? BHB : 0), ring1_hygiene)
				TH_LOG("mode: %s", modes[i].name);
		}
	}
}

TEST(a_host_that_needs_a_missing_ibpb_is_refused)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		fake_mode(&modes[i], false, false);
		EXPECT_EQ(!!(modes[i].want & IBPB), ring1_hygiene_impossible())
			TH_LOG("mode: %s", modes[i].name);
		fake_mode(&modes[i], true, false);
		EXPECT_FALSE(ring1_hygiene_impossible());
	}
}

/* The host flushes less than the sequence only where the table says that it may. */
TEST(no_combination_of_choices_uses_stale_predictions)
{
	unsigned int bits;

	for (bits = 0; bits < 32; bits++) {
		const struct ring1_mitigations m = {
			.spectre_v2 = bits & 1, .retpoline = bits & 2, .ibpb = bits & 4,
			.ibpb_entry = bits & 8, .bhi = bits & 16,
		};
		unsigned int got = ring1_hygiene_choose(&m);

		EXPECT_EQ(m.ibpb_entry || (m.spectre_v2 && !m.retpoline), !!(got & IBPB));
		EXPECT_EQ(m.ibpb_entry || m.spectre_v2, !!(got & RSB));
		EXPECT_EQ(m.bhi, !!(got & BHB));
		EXPECT_EQ(m.spectre_v2 && m.ibpb && !(got & IBPB), !!(got & PUT));
	}
}

TEST_HARNESS_MAIN
