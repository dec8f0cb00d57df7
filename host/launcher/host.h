/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What `ring1 check` knows of a host. host.c fills it in from /proc, /sys and
 * /dev; check.c judges it and looks at nothing else.
 */
#ifndef RING1_HOST_H
#define RING1_HOST_H

#include <stdbool.h>
#include <stdint.h>

struct host {
	char release[96];
	unsigned int version[3];	/* zeros where the release does not start with x.y.z */
	char *flags;			/* of a processor, a blank before and behind each */
	bool xen_pv;
	bool sev_snp_guest;
	bool vmware;
	bool vmware_accepted;		/* by who loaded the module */
	bool backdoor;			/* VMware's port answers programs; false with --root */
	/* Zero where root or the msr module is missing: the module itself will look again. */
	uint64_t sev_status;
	uint64_t s_cet;
	char meltdown[128];
	char lockdown[32];

	bool kvm_intel_loaded;
	bool kvm_amd_loaded;
	bool ring1_loaded;
	bool ring1_installed;
	bool ring1_unsigned;		/* false where that cannot be told */
	bool headers_installed;
	char refusal[256];		/* the module's last words in the kernel log */
	int kvm_errno;			/* of opening /dev/kvm for reading and writing */
};

/* Look at the host whose files are under root. 0, or -1 with the reason printed. */
int host_examine(struct host *host, const char *root);

bool host_has(const struct host *host, const char *flag);

#endif
