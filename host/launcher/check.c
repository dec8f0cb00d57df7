// SPDX-License-Identifier: GPL-2.0-only
/*
 * `ring1 check`: can this host run ring-1 guests, and what is to be done where
 * it cannot. The module's own requirements, but for two that user space cannot
 * see, and those that come before it: is it there, may it load, may this user
 * use it. Each check is a pure function of the facts that host.c collected.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../require.h"
#include "host.h"
#include "launcher.h"

#define SEV_STATUS_SEV		(1 << 0)
#define SEV_STATUS_ES		(1 << 1)
#define SEV_STATUS_SNP		(1 << 2)
#define S_CET_SHADOW_STACK	(1 << 0)

enum requirement {
#define REQUIREMENT(missing, ...) missing,
#include "../require-table.h"
#undef REQUIREMENT
};

static const struct {
	const char *why;
	const char *remedy;
} requirements[] = {
#define REQUIREMENT(missing, ...)	\
	[missing] = { __VA_ARGS__ },
#include "../require-table.h"
#undef REQUIREMENT
};

enum verdict { YES, NOTE, NO };

struct finding {
	enum verdict verdict;
	char reason[320];
	char remedy[320];
};

static const char help_text[] =
"usage: ring1 check [--root DIR]\n"
"\n"
"Say whether this host can run ring-1 guests and, where not, why and what to do.\n"
"Run it as root to have everything examined. Exit status: 0 yes, 1 no.\n"
"\n"
"  --root DIR    judge by the files under DIR instead of /\n"
"  --help        print this\n";

__attribute__((format(printf, 2, 3)))
static void yes(struct finding *f, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	f->verdict = YES;
	vsnprintf(f->reason, sizeof(f->reason), fmt, args);
	*f->remedy = '\0';
	va_end(args);
}

__attribute__((format(printf, 3, 4)))
static void no(struct finding *f, const char *remedy, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	f->verdict = NO;
	vsnprintf(f->reason, sizeof(f->reason), fmt, args);
	snprintf(f->remedy, sizeof(f->remedy), "%s", remedy);
	va_end(args);
}

static void note(struct finding *f, const char *remedy, const char *reason)
{
	no(f, remedy, "%s", reason);
	f->verdict = NOTE;
}

/* In the module's own words. */
static void missing(struct finding *f, enum requirement which)
{
	no(f, requirements[which].remedy, "%s", requirements[which].why);
}

static bool is_our_series(const struct host *h)
{
	return h->version[0] == RING1_KERNEL_MAJOR && h->version[1] == RING1_KERNEL_MINOR;
}

static void check_kernel(const struct host *h, struct finding *f)
{
	if (!is_our_series(h))
		no(f, "boot a kernel of Debian's linux-image-" RING1_KERNEL_SERIES " packages",
		   "Linux %s runs; the module is made for Linux " RING1_KERNEL_SERIES, h->release);
	else if (h->version[2] < RING1_KERNEL_PATCH)
		missing(f, old_kvm);
	else
		yes(f, "Linux %s", h->release);
}

static void check_xen(const struct host *h, struct finding *f)
{
	if (h->xen_pv)
		missing(f, xen_pv);
	else
		yes(f, "the kernel runs in ring 0");
}

static void check_confidential(const struct host *h, struct finding *f)
{
	if (host_has(h, "tdx_guest") || h->sev_snp_guest ||
	    h->sev_status & (SEV_STATUS_ES | SEV_STATUS_SNP))
		missing(f, encrypted_state);
	else
		yes(f, "no confidential computing");
}

static void check_encryption(const struct host *h, struct finding *f)
{
	if (h->sev_status & SEV_STATUS_SEV || host_has(h, "sme"))
		missing(f, encrypted_memory);
	else
		yes(f, "no marks of memory encryption in page tables");
}

static void check_features(const struct host *h, struct finding *f)
{
	if (!host_has(h, "lm"))
		no(f, "use another machine", "the processor has no 64-bit mode");
	else if (!host_has(h, "nx"))
		missing(f, no_nx);
	else if (!host_has(h, "smep"))
		missing(f, no_smep);
	else if (!host_has(h, "fsgsbase"))
		missing(f, no_fsgsbase);
	else
		yes(f, "64-bit, NX, SMEP, FSGSBASE");
}

static void check_paging(const struct host *h, struct finding *f)
{
	if (host_has(h, "la57"))
		missing(f, la57);
	else
		yes(f, "four levels");
}

static void check_events(const struct host *h, struct finding *f)
{
	if (host_has(h, "fred"))
		missing(f, fred);
	else if (h->s_cet & S_CET_SHADOW_STACK)
		missing(f, supervisor_shadow_stack);
	else
		yes(f, "IDT, no supervisor shadow stacks");
}

static void check_meltdown(const struct host *h, struct finding *f)
{
	if (!strcmp(h->meltdown, "Not affected"))
		yes(f, "not affected");
	else if (h->ring1_loaded)
		note(f, "", requirements[meltdown].why);
	else
		missing(f, meltdown);
}

/* The port belongs to all guests of the hypervisor above; the module knows VMware by name only. */
static void check_hypervisor(const struct host *h, struct finding *f)
{
	static const char reason[] =
		"a hypervisor above answers guests by VMware's port, behind the monitor's back";

	if (h->backdoor && h->vmware_accepted)
		note(f, "", reason);
	else if (h->backdoor && h->vmware)
		missing(f, vmware);
	else if (h->backdoor)
		no(f, "run that one without kvm.enable_vmware_backdoor; if it is acceptable: modprobe kvm-ring1 guest_may_call_vmware=1",
		   "%s", reason);
	else if (h->vmware && !h->ring1_loaded)
		no(f, "`modprobe kvm-ring1 guest_may_call_vmware=1`",
		   "this is a VMware guest: the module does not see that its port is closed to guests");
	else
		yes(f, "no hypervisor above answers guests by VMware's port");
}

/* User space sees neither SFMASK nor all of what the kernel does against Spectre v2. */
static void check_unseen(const struct host *h, struct finding *f)
{
	if (h->ring1_loaded)
		yes(f, "branch predictions and SYSCALL's flags were checked by the module");
	else
		note(f, "", "branch predictions and SYSCALL's flags: the module checks them when it is loaded");
}

static void check_vendor(const struct host *h, struct finding *f)
{
	static const char reason[] =
		"%s is loaded: KVM takes one vendor module, and this one is the quicker";

	if (h->kvm_intel_loaded)
		no(f, "keep it; or end its guests and `rmmod kvm_intel`", reason, "kvm_intel");
	else if (h->kvm_amd_loaded)
		no(f, "keep it; or end its guests and `rmmod kvm_amd`", reason, "kvm_amd");
	else
		yes(f, "no other vendor module is loaded");
}

static void check_hardware(const struct host *h, struct finding *f)
{
	if (host_has(h, "vmx"))
		note(f, "", "this processor has VT-x: kvm_intel would be quicker");
	else if (host_has(h, "svm"))
		note(f, "", "this processor has AMD-V: kvm_amd would be quicker");
	else
		yes(f, "no VT-x or AMD-V here, ring1 needs none");
}

static void check_installed(const struct host *h, struct finding *f)
{
	char remedy[sizeof(f->remedy)];

	if (h->ring1_loaded || h->ring1_installed) {
		yes(f, "kvm-ring1 is installed for this kernel");
		return;
	}
	if (!is_our_series(h))
		snprintf(remedy, sizeof(remedy), "boot a kernel that it is made for, see above");
	else if (h->headers_installed)
		snprintf(remedy, sizeof(remedy), "`make install` in the source of ring1");
	else
		snprintf(remedy, sizeof(remedy),
			 "`apt install linux-headers-%s`, then `make install` in the source of ring1",
			 h->release);
	no(f, remedy, "kvm-ring1 is not installed for Linux %s", h->release);
}

static void check_lockdown(const struct host *h, struct finding *f)
{
	static const char remedy[] =
		"sign it with a key that `mokutil --import` enrolled, or turn Secure Boot off";

	if (h->ring1_loaded || !*h->lockdown || !strcmp(h->lockdown, "none"))
		yes(f, "the kernel takes modules without a signature, or has taken kvm-ring1");
	else if (h->ring1_unsigned)
		no(f, remedy, "the kernel is locked down (Secure Boot) and kvm-ring1 is not signed");
	else
		note(f, remedy, "the kernel is locked down (Secure Boot): it refuses kvm-ring1 unless signed");
}

static void check_loaded(const struct host *h, struct finding *f)
{
	char refusal[sizeof(h->refusal)], *remedy;

	if (h->ring1_loaded) {
		yes(f, "kvm-ring1 is loaded");
		return;
	}
	if (!*h->refusal) {
		no(f, "`modprobe kvm-ring1`", "kvm-ring1 is not loaded");
		return;
	}
	snprintf(refusal, sizeof(refusal), "%s", h->refusal);
	remedy = strchr(refusal, ';');
	if (remedy)
		*remedy++ = '\0';
	while (remedy && *remedy == ' ')
		remedy++;
	no(f, remedy ? remedy : "`modprobe kvm-ring1`", "kvm-ring1 last refused to load: %s",
	   refusal);
}

static void check_permission(const struct host *h, struct finding *f)
{
	switch (h->kvm_errno) {
	case 0:
		yes(f, "this user may use /dev/kvm");
		break;
	case ENOENT:
	case ENODEV:
	case ENXIO:
		no(f, "comes with the module", "there is no /dev/kvm");
		break;
	case EACCES:
	case EPERM:
		no(f, "run as root, or let root add you to the group with `adduser $USER kvm`",
		   "this user may not open /dev/kvm");
		break;
	default:
		no(f, "the kernel log (dmesg) may say why", "/dev/kvm does not open: %s",
		   strerror(h->kvm_errno));
		break;
	}
}

/* Those first that no command can mend. */
static const struct check {
	const char *name;
	void (*judge)(const struct host *host, struct finding *finding);
} checks[] = {
	{ "processor",		check_features },
	{ "ring 0",		check_xen },
	{ "confidential",	check_confidential },
	{ "encryption",		check_encryption },
	{ "kernel",		check_kernel },
	{ "paging",		check_paging },
	{ "events",		check_events },
	{ "meltdown",		check_meltdown },
	{ "hypervisor",		check_hypervisor },
	{ "unseen",		check_unseen },
	{ "hardware",		check_hardware },
	{ "other module",	check_vendor },
	{ "installed",		check_installed },
	{ "signature",		check_lockdown },
	{ "loaded",		check_loaded },
	{ "permission",		check_permission },
};

static int judge(const struct host *host)
{
	static const char *const words[] = { [YES] = "yes", [NOTE] = "note", [NO] = "NO" };
	unsigned int i, problems = 0;

	for (i = 0; i < ARRAY_SIZE(checks); i++) {
		struct finding finding;

		checks[i].judge(host, &finding);
		problems += finding.verdict == NO;
		printf("%-4s  %-13s %s\n", words[finding.verdict], checks[i].name, finding.reason);
		if (*finding.remedy)
			printf("%-4s  %-13s what to do: %s\n", "", "", finding.remedy);
	}
	if (problems)
		printf("\nThis host cannot run ring-1 guests as it is: %u problem%s, see above.\n",
		       problems, problems > 1 ? "s" : "");
	else
		puts("\nThis host can run ring-1 guests.");
	return problems ? RING1_ERROR : RING1_OK;
}

int check_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "root",	required_argument,	NULL, 'r' },
		{ "help",	no_argument,		NULL, 'h' },
		{ }
	};
	const char *root = "";
	struct host host;
	int option, status;

	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (option) {
		case 'r':
			root = optarg;
			break;
		case 'h':
			fputs(help_text, stdout);
			return RING1_OK;
		default:
			return fail_option("check", option, argv);
		}
	}
	if (optind < argc)
		return fail_usage("check", "unexpected argument %s", argv[optind]);
	if (host_examine(&host, root))
		return RING1_ERROR;
	status = judge(&host);
	free(host.flags);
	return status;
}
