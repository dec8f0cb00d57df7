/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a host has to be, in the words a person gets: the module's (require.c) and, in user
 * space, those of `ring1 check` (launcher/check.c). Each of them defines
 * REQUIREMENT(missing, why, remedy) and finds out by itself what is missing. The table in
 * Documentation/install.rst has the same words; tests/build/static/require.sh compares them.
 *
 * No semicolon in why: in the kernel log one stands between why and remedy.
 */
REQUIREMENT(no_fsgsbase,
	    "the processor has no FSGSBASE, or it is off",
	    "use a processor of 2013 or later; boot the host without 'nofsgsbase'")
REQUIREMENT(no_nx,
	    "the processor has no NX, or it is off",
	    "enable it in the firmware; boot the host without 'clearcpuid=nx'")
REQUIREMENT(no_smep,
	    "the processor has no SMEP, or it is off",
	    "use a processor of 2013 or later; boot the host without 'clearcpuid=smep'")
REQUIREMENT(la57,
	    "five-level paging is on, which is not supported yet",
	    "boot the host with 'no5lvl'")
REQUIREMENT(fred,
	    "FRED is on, which is not supported",
	    "boot the host with 'fred=off'")
REQUIREMENT(supervisor_shadow_stack,
	    "supervisor shadow stacks are on, which is not supported",
	    "boot the host with a kernel that does not use them")
REQUIREMENT(xen_pv,
	    "the host is a Xen PV guest, whose kernel does not run in ring 0",
	    "use a PVH or HVM guest")
REQUIREMENT(encrypted_state,
	    "the host is an SEV-ES, SEV-SNP or TDX guest",
	    "use a machine without confidential computing")
REQUIREMENT(encrypted_memory,
	    "memory encryption is on (C-bit in page tables)",
	    "boot the host with 'mem_encrypt=off', or use a machine without SEV")
REQUIREMENT(vmware,
	    "the host is a VMware guest, whose hypervisor answers our guests itself",
	    "set monitor_control.restrict_backdoor = \"TRUE\" for the host, then ask `ring1 check`")
REQUIREMENT(meltdown,
	    "the processor has Meltdown: a guest's user could read its kernel",
	    "if that is acceptable: modprobe kvm-ring1 guest_user_may_read_guest_kernel=1")
REQUIREMENT(unflushed_predictions,
	    "the kernel uses branch predictions that the processor cannot flush",
	    "boot the host with 'spectre_v2=retpoline retbleed=stuff'")
REQUIREMENT(old_kvm,
	    "kvm.ko is older than " RING1_KERNEL_OLDEST " and lacks fixes of its shadow MMU",
	    "upgrade the kernel package and boot the new kernel")
REQUIREMENT(unmasked_flags,
	    "SYSCALL does not clear the flags it must",
	    "report this as a bug, with the kernel's version")
