/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VMware's port, by which a hypervisor above may answer guests behind the monitor's back.
 */
#ifndef RING1_BACKDOOR_H
#define RING1_BACKDOOR_H

#include <stdbool.h>

/* Does the port answer a program that has no permission for it, as a guest is one? */
bool backdoor_answers(void);

/* Does it answer this program, with the permissions that it has? */
bool backdoor_answers_us(void);

/* Does the processor say that the hypervisor is VMware's? */
bool backdoor_is_vmware(void);

/* 0, or -1 with the reason printed: it answers, and who loaded kvm-ring1 did not accept that. */
int backdoor_check(void);

#endif
