/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The oldest kernel that will do, for the module (require.c) and `ring1 check`
 * (launcher/check.c): numbers and strings only, as user space includes it as well. What
 * else a host has to be is in require-table.h.
 */
#ifndef _RING1_REQUIRE_H
#define _RING1_REQUIRE_H

/* Oldest stable release with the shadow MMU's fixes (CVE-2026-53359 and its sequel). */
#define RING1_KERNEL_MAJOR	6
#define RING1_KERNEL_MINOR	12
#define RING1_KERNEL_PATCH	111

#define RING1_TEXT_OF(number)	#number
#define RING1_TEXT(number)	RING1_TEXT_OF(number)
#define RING1_KERNEL_SERIES	\
	RING1_TEXT(RING1_KERNEL_MAJOR) "." RING1_TEXT(RING1_KERNEL_MINOR)
#define RING1_KERNEL_OLDEST	RING1_KERNEL_SERIES "." RING1_TEXT(RING1_KERNEL_PATCH)

#endif /* _RING1_REQUIRE_H */
