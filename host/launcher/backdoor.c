// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a hypervisor above this host talk to guests? VMware, and KVM where it imitates
 * VMware (kvm.enable_vmware_backdoor), answer IN of one port whatever the permissions are:
 * they intercept the #GP. A guest in ring 1 or 3 may use no port, like any program, so a
 * program finds out what would happen to it. Ring 0 cannot: it may use every port, and
 * QEMU has a device behind this one that does nothing without permission.
 */
#include <cpuid.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/io.h>

#include "backdoor.h"
#include "launcher.h"

#define PORT		0x5658
#define MAGIC		0x564d5868
#define GET_VERSION	10
#define ACCEPTED	"/sys/module/kvm_ring1/parameters/guest_may_call_vmware"
#define CPUID_HYPERVISOR	0x40000000

static sigjmp_buf refused;

static void on_fault(int sig)
{
	(void)sig;
	siglongjmp(refused, 1);
}

bool backdoor_answers_us(void)
{
	const struct sigaction action = { .sa_handler = on_fault };
	struct sigaction before;
	volatile bool answers = false;

	sigaction(SIGSEGV, &action, &before);
	if (!sigsetjmp(refused, 1)) {
		unsigned int a = MAGIC, b = 0, c = GET_VERSION, d = PORT;

		asm volatile("inl %%dx, %%eax"
			     : "+a" (a), "+b" (b), "+c" (c), "+d" (d) : : "esi", "edi", "memory");
		/* What it says does not matter: an IN that does not fault went to somebody. */
		answers = true;
	}
	sigaction(SIGSEGV, &before, NULL);
	return answers;
}

bool backdoor_answers(void)
{
	/* Permissions come down from who started us; to give them away is always allowed. */
	iopl(0);
	ioperm(PORT, sizeof(int), 0);
	return backdoor_answers_us();
}

bool backdoor_is_vmware(void)
{
	unsigned int a, b, c, d, vendor[3];

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & 1U << 31))
		return false;
	__cpuid(CPUID_HYPERVISOR, a, vendor[0], vendor[1], vendor[2]);
	return !memcmp(vendor, "VMwareVMware", sizeof(vendor));
}

int backdoor_check(void)
{
	FILE *f = fopen(ACCEPTED, "re");
	int accepted;

	/* Another vendor module: its guests' ports are its own. */
	if (!f)
		return 0;
	accepted = fgetc(f);
	fclose(f);
	if (accepted == 'Y' || !backdoor_answers())
		return 0;
	return fail("a hypervisor above would answer the guest by VMware's port; `ring1 check` says what to do");
}
