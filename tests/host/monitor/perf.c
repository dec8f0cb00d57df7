// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    kvm:kvm_entry and kvm:kvm_exit tell what a vCPU does, in the words of the
 *           processor's vendor, as `perf kvm stat` reads them; without them nothing is lost
 * How:      the events over a hypercall, a shadow fault, an I/O instruction and a user's
 *           exception, in tracefs
 * Needs:    root, tracefs
 * Catches:  an exit without its entry, a reason that perf has no name for
 */
#include <cpuid.h>

#include "machine.h"

#define TRACING "/sys/kernel/tracing/"

CODE(each_kind, "mov $0, %eax\n syscall\n mov (%rbx), %rcx\n" STOP);

static bool write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	close(fd);
	return ok;
}

static bool trace(const char *on)
{
	return write_to(TRACING "events/kvm/kvm_entry/enable", on) &&
	       write_to(TRACING "events/kvm/kvm_exit/enable", on);
}

static bool is_intel(void)
{
	unsigned int a, b = 0, c, d;

	__get_cpuid(0, &a, &b, &c, &d);
	return b == signature_INTEL_ebx;
}

static int count(const char *text, const char *word)
{
	int n = 0;

	while ((text = strstr(text, word))) {
		text += strlen(word);
		n++;
	}
	return n;
}

TEST_F(pv, entries_and_exits)
{
	static char text[1 << 20];
	struct cpu *c = self->cpu;
	ssize_t n;
	int fd;

	ASSERT_EQ(0, HYPERCALL(c, ABI_VERSION) < 0);
	ASSERT_TRUE(write_to(TRACING "trace", "\n"));
	ASSERT_TRUE(trace("1"));
	c->regs.rbx = KERNEL(GPA_DATA + 0x40000);
	EXPECT_EQ(STOPPED, go_kernel(c, each_kind));
	ASSERT_TRUE(trace("0"));
	fd = open(TRACING "trace", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	ASSERT_LT(0, n);

	printf("# %d entries, %d exits\n", count(text, "kvm_entry:"), count(text, "kvm_exit:"));
	EXPECT_LE(3, count(text, "kvm_exit:"));
	EXPECT_EQ(count(text, "kvm_entry:"), count(text, "kvm_exit:"));
	EXPECT_EQ(0, count(text, "UNKNOWN"));
	if (is_intel()) {
		EXPECT_LE(1, count(text, "reason VMCALL rip"));
		EXPECT_LE(2, count(text, "reason EXCEPTION_NMI rip"));
		EXPECT_LE(1, count(text, "intr_info 0x8000030d"));
	} else {
		EXPECT_LE(1, count(text, "reason hypercall rip"));
		EXPECT_LE(1, count(text, "reason PF excp rip"));
		EXPECT_LE(1, count(text, "reason GP excp rip"));
	}
	/* And none from here on. */
	ASSERT_TRUE(write_to(TRACING "trace", "\n"));
	EXPECT_EQ(RING1_ABI_VERSION, HYPERCALL(c, ABI_VERSION));
}

TEST_HARNESS_MAIN
