/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a guest ends, and which exit status the launcher then has.
 */
#ifndef RING1_END_H
#define RING1_END_H

#include <stdbool.h>

#include "launcher.h"

/*
 * End the guest, from any thread. The first call decides the exit status and
 * what is said about it; the caller goes on and must not run the guest again.
 */
void end_guest(enum ring1_status status, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

bool guest_ended(void);

/* A descriptor that gets readable when the guest ends, or -1. Call before any thread starts. */
int end_init(void);
/* Say how it ended and return the exit status. */
enum ring1_status end_report(void);

#endif
