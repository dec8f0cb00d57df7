// SPDX-License-Identifier: GPL-2.0-only
/*
 * Collects the facts for `ring1 check`. A file that is not there is a fact
 * like any other; only a missing /proc means that nothing can be said.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backdoor.h"
#include "host.h"
#include "launcher.h"

#define MSR_S_CET		0x6a2
#define MSR_SEV_STATUS		0xc0010131
#define MODULE_FILE		"kvm-ring1.ko"
#define SIGNATURE_MARK		"~Module signature appended~\n"
#define REFUSAL_MARK		"kvm_ring1: cannot load: "
#define LOG_RECORD_MAX		8192
#define PATH_SIZE		512

static const char *root;

__attribute__((format(printf, 1, 2)))
static int open_file(const char *fmt, ...)
{
	char path[PATH_SIZE];
	int used = snprintf(path, sizeof(path), "%s", root);
	va_list args;

	va_start(args, fmt);
	if (used < (int)sizeof(path))
		used += vsnprintf(path + used, sizeof(path) - used, fmt, args);
	va_end(args);
	if (used >= (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

static FILE *open_stream(int fd)
{
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");

	if (!f && fd >= 0)
		close(fd);
	return f;
}

static bool exists(const char *path)
{
	int fd = open_file("%s", path);

	if (fd < 0)
		return errno == EACCES || errno == EPERM;
	close(fd);
	return true;
}

/* The first line without its end, or an empty text. */
static void read_line(char *text, size_t size, const char *path)
{
	FILE *f = open_stream(open_file("%s", path));

	*text = '\0';
	if (!f)
		return;
	if (fgets(text, size, f))
		text[strcspn(text, "\n")] = '\0';
	fclose(f);
}

/* The word in brackets, by which files in /sys mark the choice in force. */
static void read_choice(char *text, size_t size, const char *path)
{
	char line[128], *word;

	read_line(line, sizeof(line), path);
	word = strchr(line, '[');
	if (word)
		word[strcspn(word, "]")] = '\0';
	snprintf(text, size, "%s", word ? word + 1 : "");
}

static int read_flags(struct host *host)
{
	FILE *f = open_stream(open_file("/proc/cpuinfo"));
	char *line = NULL;
	size_t size = 0;

	if (!f)
		return fail("cannot read %s/proc/cpuinfo: %s", root, strerror(errno));
	while (!host->flags && getline(&line, &size, f) > 0) {
		char *flags = strchr(line, ':');

		if (strncmp(line, "flags", 5) || !flags)
			continue;
		flags[strcspn(flags, "\n")] = '\0';
		if (asprintf(&host->flags, "%s ", flags + 1) < 0)
			host->flags = NULL;
	}
	free(line);
	fclose(f);
	if (!host->flags)
		return fail("no processor flags in %s/proc/cpuinfo: this is no x86 processor",
			    root);
	return 0;
}

bool host_has(const struct host *host, const char *flag)
{
	size_t len = strlen(flag);
	const char *at = host->flags;

	while ((at = strstr(at, flag))) {
		if (at > host->flags && at[-1] == ' ' && at[len] == ' ')
			return true;
		at += len;
	}
	return false;
}

static uint64_t read_msr(uint32_t msr)
{
	int fd = open_file("/dev/cpu/0/msr");
	uint64_t val = 0;

	if (fd < 0)
		return 0;
	if (pread(fd, &val, sizeof(val), msr) != sizeof(val))
		val = 0;
	close(fd);
	return val;
}

static void examine_machine(struct host *host)
{
	char line[32];

	read_line(host->release, sizeof(host->release), "/proc/sys/kernel/osrelease");
	if (sscanf(host->release, "%u.%u.%u", &host->version[0], &host->version[1],
		   &host->version[2]) != 3)
		memset(host->version, 0, sizeof(host->version));

	read_line(line, sizeof(line), "/sys/hypervisor/guest_type");
	host->xen_pv = !strcmp(line, "PV");
	read_line(line, sizeof(line), "/sys/class/dmi/id/sys_vendor");
	host->vmware = !strncmp(line, "VMware", 6);
	/* Not of another machine's files. */
	if (!*root) {
		host->vmware |= backdoor_is_vmware();
		host->backdoor = backdoor_answers();
	}
	read_line(line, sizeof(line), "/sys/module/kvm_ring1/parameters/guest_may_call_vmware");
	host->vmware_accepted = *line == 'Y';
	host->sev_snp_guest = exists("/dev/sev-guest");
	host->sev_status = read_msr(MSR_SEV_STATUS);
	host->s_cet = read_msr(MSR_S_CET);
	read_line(host->meltdown, sizeof(host->meltdown),
		  "/sys/devices/system/cpu/vulnerabilities/meltdown");
	read_choice(host->lockdown, sizeof(host->lockdown), "/sys/kernel/security/lockdown");
}

/* Only an uncompressed module shows its signature without being unpacked. */
static bool is_unsigned(const char *release, const char *path)
{
	char tail[sizeof(SIGNATURE_MARK)] = "";
	size_t len = strlen(SIGNATURE_MARK), name = strlen(path);
	bool mark = true;
	int fd;

	if (name < 3 || strcmp(path + name - 3, ".ko"))
		return false;
	fd = open_file("/lib/modules/%s/%s", release, path);
	if (fd < 0)
		return false;
	if (lseek(fd, -(off_t)len, SEEK_END) >= 0 && read(fd, tail, len) == (ssize_t)len)
		mark = !strcmp(tail, SIGNATURE_MARK);
	close(fd);
	return !mark;
}

/* modules.dep has a line for each module that modprobe can find: its path, a colon, others. */
static void find_module(struct host *host)
{
	FILE *f = open_stream(open_file("/lib/modules/%s/modules.dep", host->release));
	char *line = NULL;
	size_t size = 0;

	if (!f)
		return;
	while (!host->ring1_installed && getline(&line, &size, f) > 0) {
		char *name;

		line[strcspn(line, ":")] = '\0';
		name = strrchr(line, '/');
		if (strncmp(name ? name + 1 : line, MODULE_FILE, strlen(MODULE_FILE)))
			continue;
		host->ring1_installed = true;
		host->ring1_unsigned = is_unsigned(host->release, line);
	}
	free(line);
	fclose(f);
}

/* Each read of the kernel log gives one record, if there is room for it. */
static void find_refusal(struct host *host)
{
	FILE *f = open_stream(open_file("/dev/kmsg"));
	char buffer[LOG_RECORD_MAX], *line = NULL;
	size_t size = 0;

	if (!f)
		return;
	setvbuf(f, buffer, _IOFBF, sizeof(buffer));
	for (;;) {
		char *refusal;

		if (getline(&line, &size, f) < 0) {
			/* The oldest records were overwritten before they were read: go on. */
			if (!ferror(f) || errno != EPIPE)
				break;
			clearerr(f);
			continue;
		}
		refusal = strstr(line, REFUSAL_MARK);
		if (!refusal)
			continue;
		refusal[strcspn(refusal, "\n")] = '\0';
		snprintf(host->refusal, sizeof(host->refusal), "%s",
			 refusal + strlen(REFUSAL_MARK));
	}
	free(line);
	fclose(f);
}

static void try_kvm(struct host *host)
{
	char path[PATH_SIZE];
	int fd;

	snprintf(path, sizeof(path), "%s/dev/kvm", root);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		host->kvm_errno = errno;
	else
		close(fd);
}

static void examine_modules(struct host *host)
{
	host->kvm_intel_loaded = exists("/sys/module/kvm_intel/initstate");
	host->kvm_amd_loaded = exists("/sys/module/kvm_amd/initstate");
	host->ring1_loaded = exists("/sys/module/kvm_ring1/initstate");
	find_module(host);
	find_refusal(host);
	try_kvm(host);
}

int host_examine(struct host *host, const char *from)
{
	char path[PATH_SIZE];

	memset(host, 0, sizeof(*host));
	root = from;
	if (read_flags(host))
		return -1;
	examine_machine(host);
	examine_modules(host);
	snprintf(path, sizeof(path), "/lib/modules/%s/build", host->release);
	host->headers_installed = exists(path);
	return 0;
}
