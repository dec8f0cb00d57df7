// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    Debian's own QEMU stops the guest, lets it go on, takes it back to a snapshot, moves
 *           it to another QEMU, and lets it reboot itself; with KVM's interrupt controllers, with
 *           half of them, and with eight processors
 * How:      QEMU's microvm; its monitor's commands, and commands in the guest's shell
 * Needs:    SHARE=build/qemu; kvm-ring1
 * Timeout:  1800
 * Catches:  state of a vCPU that KVM's ioctls do not show, and QEMU cannot set
 */
#include "qemu.h"

#define CLUSTER_BITS	16
#define CLUSTER		(1ull << CLUSTER_BITS)
#define IMAGE_SIZE	(64ull << 20)

/* An empty image in QEMU's format, which is where it puts snapshots: version 2, all big-endian. */
static bool make_image(const char *path)
{
	struct {
		uint32_t magic, version;
		uint64_t backing_offset;
		uint32_t backing_size, cluster_bits;
		uint64_t size;
		uint32_t encrypted, l1_size;
		uint64_t l1_offset, refcounts_offset;
		uint32_t refcounts_clusters, snapshots;
		uint64_t snapshots_offset;
	} header = {
		.magic = htobe32('Q' << 24 | 'F' << 16 | 'I' << 8 | 0xfb),
		.version = htobe32(2),
		.cluster_bits = htobe32(CLUSTER_BITS),
		.size = htobe64(IMAGE_SIZE),
		.l1_size = htobe32(1),
		.l1_offset = htobe64(3 * CLUSTER),
		.refcounts_offset = htobe64(CLUSTER),
		.refcounts_clusters = htobe32(1),
	};
	/* The clusters of the header, both levels of the reference counts, and the mapping. */
	const uint16_t counts[] = { htobe16(1), htobe16(1), htobe16(1), htobe16(1) };
	const uint64_t block = htobe64(2 * CLUSTER);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool ok = fd >= 0 && !ftruncate(fd, 4 * CLUSTER) &&
		  pwrite(fd, &header, sizeof(header), 0) == sizeof(header) &&
		  pwrite(fd, &block, sizeof(block), CLUSTER) == sizeof(block) &&
		  pwrite(fd, counts, sizeof(counts), 2 * CLUSTER) == sizeof(counts);

	return !close(fd) && ok;
}

static bool answers_on(QEMU *self, int cpus)
{
	int cpu;

	for (cpu = 0; cpu < cpus; cpu++) {
		if (in_guest(self, "taskset -c %d true", cpu))
			return false;
	}
	return !in_guest(self, "[ $(nproc) = %d ]", cpus);
}

#define POWERS_OFF() do {						\
	ASSERT_TRUE(give(self, "poweroff -f\n"));			\
	EXPECT_EQ(0, finish(self));					\
} while (0)

TEST_F_TIMEOUT(qemu, stops_and_goes_on, LIMIT)
{
	STARTED(LINUX("", "-M", "microvm", "-cpu", "host", "-smp", "2"));
	ASSERT_TRUE(at_prompt(self));
	GUEST("(while sleep 1; do echo tick; done) & true");
	ASSERT_TRUE(wait_for(self, "\ntick"));
	ASSERT_TRUE(hmp_silent(self, "stop"));
	ASSERT_TRUE(hmp(self, "info status"));
	EXPECT_STREQ("VM status: paused\n", self->line);
	/* What it said before. */
	while (read_console(self, seconds() + 1))
		;
	self->mark = self->len;
	sleep(3);
	while (read_console(self, seconds() + 1))
		;
	EXPECT_EQ(self->mark, self->len);
	ASSERT_TRUE(hmp_silent(self, "cont"));
	EXPECT_TRUE(wait_for(self, "\ntick"));
	GUEST("kill $!");
	EXPECT_TRUE(answers_on(self, 2));
	print_exits(self, "microvm, 2 processors, after stop and cont");
	POWERS_OFF();
}

TEST_F_TIMEOUT(qemu, goes_back_to_a_snapshot, LIMIT)
{
	ASSERT_TRUE(make_image("snapshots"));
	STARTED(LINUX("", "-M", "microvm", "-cpu", "host", "-smp", "2",
		      "-drive", "if=none,id=snapshots,format=qcow2,file=snapshots"));
	ASSERT_TRUE(at_prompt(self));
	GUEST("echo before >/tmp/when");
	ASSERT_TRUE(hmp_silent(self, "savevm one"));
	GUEST("echo after >/tmp/when");
	ASSERT_TRUE(hmp_silent(self, "loadvm one"));
	/* It is at the prompt that was there then, which it printed before. */
	GUEST("grep before /tmp/when");
	EXPECT_TRUE(answers_on(self, 2));
	GUEST("sleep 1");
	print_exits(self, "microvm, 2 processors, after savevm and loadvm");
	POWERS_OFF();
	unlink("snapshots");
}

static bool has_migrated(QEMU *self)
{
	double until = seconds() + self->patience;

	while (hmp(self, "info migrate") && !strstr(self->line, "failed") && seconds() < until) {
		if (strstr(self->line, "completed"))
			return true;
		usleep(200000);
	}
	print_comment("info migrate", self->line);
	return false;
}

/* By a file: the first one is gone before the other begins. */
TEST_F_TIMEOUT(qemu, moves_to_another, LIMIT)
{
	STARTED(LINUX("", "-M", "microvm", "-cpu", "host", "-smp", "2"));
	ASSERT_TRUE(at_prompt(self));
	GUEST("echo before >/tmp/when");
	ASSERT_TRUE(hmp_silent(self, "migrate -d exec:cat>state"));
	ASSERT_TRUE(has_migrated(self));
	ASSERT_TRUE(qmp(self, "{\"execute\":\"quit\"}"));
	ASSERT_EQ(0, finish(self));

	STARTED(LINUX("", "-M", "microvm", "-cpu", "host", "-smp", "2",
		      "-incoming", "exec:cat state"));
	GUEST("grep before /tmp/when");
	EXPECT_TRUE(answers_on(self, 2));
	GUEST("sleep 1");
	print_exits(self, "microvm, 2 processors, in another QEMU");
	POWERS_OFF();
	unlink("state");
}

TEST_F_TIMEOUT(qemu, reboots_itself, LIMIT)
{
	STARTED(LINUX("", "-M", "microvm", "-cpu", "host", "-smp", "2"));
	ASSERT_TRUE(at_prompt(self));
	GUEST("echo before >/tmp/when");
	ASSERT_TRUE(give(self, "reboot -f\n"));
	ASSERT_TRUE(at_prompt(self));
	GUEST("[ ! -e /tmp/when ]");
	EXPECT_TRUE(answers_on(self, 2));
	print_exits(self, "microvm, 2 processors, after its own reboot");
	POWERS_OFF();
}

TEST_F_TIMEOUT(qemu, without_firmware_tables, LIMIT)
{
	STARTED(LINUX("", "-M", "microvm,acpi=off", "-cpu", "host", "-smp", "2"));
	ASSERT_TRUE(at_prompt(self));
	EXPECT_TRUE(answers_on(self, 2));
	print_exits(self, "microvm, acpi=off, 2 processors");
	ASSERT_TRUE(qmp(self, "{\"execute\":\"quit\"}"));
	EXPECT_EQ(0, finish(self));
}

TEST_F_TIMEOUT(qemu, split_interrupt_controllers, LIMIT)
{
	STARTED(LINUX("", "-M", "microvm,kernel_irqchip=split", "-cpu", "host", "-smp", "2"));
	ASSERT_TRUE(at_prompt(self));
	EXPECT_TRUE(answers_on(self, 2));
	print_exits(self, "microvm, kernel_irqchip=split, 2 processors");
	POWERS_OFF();
}

TEST_F_TIMEOUT(qemu, eight_processors, LIMIT)
{
	STARTED(LINUX("", "-M", "microvm", "-cpu", "host", "-smp", "8"));
	ASSERT_TRUE(at_prompt(self));
	EXPECT_TRUE(answers_on(self, 8));
	print_exits(self, "microvm, 8 processors");
	POWERS_OFF();
}

TEST_HARNESS_MAIN
