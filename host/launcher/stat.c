// SPDX-License-Identifier: GPL-2.0-only
/*
 * `ring1 stat`: prints the exit counters of running guests as the kernel
 * shows them in debugfs, in a directory per virtual machine called PID-FD.
 * With kvm-ring1 these are counts per reason and vCPU; with another vendor
 * module there are KVM's own counters for the whole machine.
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launcher.h"

#define DEBUGFS		"/sys/kernel/debug"
#define RING1_EXITS	"ring1_exits"
#define BLANKS		" \t\n"

static const char help_text[] =
"usage: ring1 stat [PID] [--root DIR]\n"
"\n"
"Print how often a running guest came back to the host, and why. Needs root, as\n"
"all of debugfs does.\n"
"\n"
"  PID           the process that runs the guest; needed when there are several\n"
"  --root DIR    read the files under DIR instead of /\n"
"  --help        print this\n";

/* KVM's counters that say something about exits; each kernel has its own subset. */
static const char *const kvm_counters[] = {
	"exits", "io_exits", "mmio_exits", "irq_exits", "halt_exits", "signal_exits",
	"request_irq_exits", "irq_window_exits", "nmi_window_exits", "notify_window_exits",
	"hypercalls", "insn_emulation", "insn_emulation_fail", "pf_taken", "pf_fixed", "pf_fast",
	"pf_guest", "pf_emulate", "pf_spurious", "invlpg", "tlb_flush", "remote_tlb_flush",
	"irq_injections", "nmi_injections",
};

/* Of a virtual machine's directory, PID-FD; 0 for anything else. */
static unsigned long pid_of(const char *name)
{
	unsigned long pid, fd;
	char rest;

	return sscanf(name, "%lu-%lu%c", &pid, &fd, &rest) == 2 ? pid : 0;
}

static int explain_debugfs(const char *root, const char *path)
{
	struct dirent **entries;
	char *debugfs;
	int n;

	if (errno == EACCES || errno == EPERM)
		return fail("no permission to read %s: run as root", path);
	if (errno != ENOENT)
		return fail("cannot read %s: %s", path, strerror(errno));
	if (asprintf(&debugfs, "%s" DEBUGFS, root) < 0)
		return fail("out of memory");
	/* "." and ".." are all that an unused mount point has. */
	n = scandir(debugfs, &entries, NULL, NULL);
	if (n >= 0 && n <= 2)
		fail("debugfs is not mounted: `mount -t debugfs none %s`", debugfs);
	else if (n < 0 && (errno == EACCES || errno == EPERM))
		fail("no permission to read %s: run as root", debugfs);
	else if (n < 0)
		fail("no %s: this kernel was built without debugfs", debugfs);
	else
		fail("no guest is running: KVM is not loaded");
	free(debugfs);
	return -1;
}

static FILE *open_counter(const char *guest, const char *name)
{
	char *path;
	FILE *f;

	if (asprintf(&path, "%s/%s", guest, name) < 0)
		return NULL;
	f = fopen(path, "re");
	free(path);
	return f;
}

/* Lines of a name and one number for each vCPU; the first one has words for numbers. */
static void print_table(FILE *f)
{
	bool heading = true;
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, f) > 0) {
		unsigned long long total = 0;
		char *save, *word = strtok_r(line, BLANKS, &save);

		if (!word)
			continue;
		printf("%-24s", word);
		while ((word = strtok_r(NULL, BLANKS, &save))) {
			printf(" %12s", word);
			total += strtoull(word, NULL, 10);
		}
		if (heading)
			printf(" %12s\n", "total");
		else
			printf(" %12llu\n", total);
		heading = false;
	}
	free(line);
}

static int print_kvm_counters(const char *guest)
{
	unsigned int i, found = 0;

	for (i = 0; i < ARRAY_SIZE(kvm_counters); i++) {
		FILE *f = open_counter(guest, kvm_counters[i]);
		unsigned long long count;

		if (!f)
			continue;
		if (fscanf(f, "%llu", &count) == 1) {
			printf("%-24s %12llu\n", kvm_counters[i], count);
			found++;
		}
		fclose(f);
	}
	if (!found)
		return fail("no counters in %s: %s", guest,
			    "the guest has just ended, or the kernel is locked down");
	return 0;
}

static int print_guest(const char *dir, const char *name, bool heading)
{
	FILE *f;
	char *guest;
	int err = 0;

	if (asprintf(&guest, "%s/%s", dir, name) < 0)
		return fail("out of memory");
	if (heading)
		printf("%s:\n", name);
	f = open_counter(guest, RING1_EXITS);
	if (f) {
		print_table(f);
		fclose(f);
	} else {
		err = print_kvm_counters(guest);
	}
	free(guest);
	return err;
}

static int list_guests(struct dirent **guests, int n)
{
	int i;

	fputs("ring1: several guests are running, choose one with `ring1 stat PID`:", stderr);
	for (i = 0; i < n; i++)
		fprintf(stderr, " %s", guests[i]->d_name);
	fputs(" (PID-FD)\n", stderr);
	return -1;
}

static unsigned long wanted_pid;	/* or 0: any */

static int is_wanted(const struct dirent *entry)
{
	unsigned long pid = pid_of(entry->d_name);

	return pid && (!wanted_pid || pid == wanted_pid);
}

static int print_stat(const char *root)
{
	struct dirent **guests;
	int i, n, err = 0;
	char *dir;

	if (asprintf(&dir, "%s" DEBUGFS "/kvm", root) < 0)
		return fail("out of memory");
	n = scandir(dir, &guests, is_wanted, alphasort);
	if (n < 0)
		err = explain_debugfs(root, dir);
	else if (!n && wanted_pid)
		err = fail("process %lu runs no guest", wanted_pid);
	else if (!n)
		err = fail("no guest is running");
	else if (pid_of(guests[0]->d_name) != pid_of(guests[n - 1]->d_name))
		err = list_guests(guests, n);
	else
		for (i = 0; i < n && !err; i++)
			err = print_guest(dir, guests[i]->d_name, n > 1);
	free(dir);
	return err;
}

int stat_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "root",	required_argument,	NULL, 'r' },
		{ "help",	no_argument,		NULL, 'h' },
		{ }
	};
	const char *root = "";
	int option;

	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (option) {
		case 'r':
			root = optarg;
			break;
		case 'h':
			fputs(help_text, stdout);
			return RING1_OK;
		default:
			return fail_option("stat", option, argv);
		}
	}
	if (argc - optind > 1)
		return fail_usage("stat", "unexpected argument %s", argv[optind + 1]);
	if (optind < argc && (parse_number(argv[optind], INT32_MAX, &wanted_pid) || !wanted_pid))
		return fail_usage("stat", "%s is not a process number", argv[optind]);
	return print_stat(root) ? RING1_ERROR : RING1_OK;
}
