// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    by kexec, a guest kernel of ABI version 1 can start one of version 2, and the other
 *           way round: that gets the MMU it knows how to use, and the memory is served right
 * How:      kernels of both versions in one initrd. The second one says on which MMU it is, and
 *           then runs processes on all its processors, on a VM that has left KVM's MMU or has
 *           not yet
 * Needs:    root; version 1's guest kernel, which `make check-abi` has in SHARE
 * Timeout:  600
 * Catches:  trees of the first kernel's that the second one runs on, which announces nothing
 */
#include "kexec.h"

#define VERSION_1	"/share/bzImage"
#define VERSION_2	"/ring1/bzImage"

/*
 * Who serves the page tables, what version the monitor says it has, and what processes on each
 * of 2 processors have counted, one after another.
 */
static const char question[] =
	"dmesg | grep -q \"served by the monitor's own\" && mmu=own || mmu=kvm\n"
	"count() {\n"
	"	n=0\n"
	"	while [ $n -lt 100 ]; do n=$(sh -c \"echo $((n + 1))\"); done\n"
	"	echo $n >/tmp/$1\n"
	"}\n"
	"taskset -p 1 $$ >/dev/null\n"
	"count 1 &\n"
	"taskset -p 2 $$ >/dev/null\n"
	"count 2 &\n"
	"wait\n"
	"taskset -p 3 $$ >/dev/null\n"
	"abi=$(cat /sys/hypervisor/abi_version)\n"
	"echo mmu $mmu abi $abi nproc $(nproc) $(cat /tmp/1 /tmp/2)";

static void from_to(struct __test_metadata *_metadata, LAUNCH *self, const char *first,
		    const char *second, const char *mmu)
{
	char answer[60];

	if (access(VERSION_1, R_OK))
		SKIP(return, "no kernel of version 1: make check-abi has one");
	snprintf(answer, sizeof(answer), "mmu %s abi 2 nproc 2 100 100", mmu);
	to_the_second_kernel(_metadata, self, first, second, "", 2, question, answer);
}

TEST_F_TIMEOUT(run, from_version_1_to_version_2, LIMIT)
{
	from_to(_metadata, self, VERSION_1, VERSION_2, "own");
}

TEST_F_TIMEOUT(run, from_version_2_to_version_1, LIMIT)
{
	from_to(_metadata, self, VERSION_2, VERSION_1, "kvm");
}

TEST_F_TIMEOUT(run, from_version_1_to_version_1, LIMIT)
{
	from_to(_metadata, self, VERSION_1, VERSION_1, "kvm");
}

TEST_HARNESS_MAIN
