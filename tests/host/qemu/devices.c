// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    disk, network, random numbers and console of Debian's own QEMU, by virtio on MMIO
 *           and on PCI, carry the guest's data unharmed; its machines pc and q35 boot through
 *           their firmware
 * How:      data from a file of the host's to the guest and back, compared by checksum on both
 *           sides; the same through QEMU's user network
 * Needs:    SHARE=build/qemu; kvm-ring1
 * Timeout:  1800
 * Catches:  events that the vCPU loses in real mode, where SeaBIOS runs; interrupts of devices
 *           that do not reach the guest; a queue's memory seen at two places
 */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "qemu.h"

#define DISK_BYTES	(16 << 20)
#define NET_BYTES	(1 << 20)

static bool make_file(const char *path, size_t size, uint32_t seed)
{
	uint32_t *data = malloc(size);
	size_t i;
	FILE *f = fopen(path, "we");
	bool ok;

	for (i = 0; i < size / 4; i++)
		data[i] = seed = seed * 1664525 + 1013904223;
	ok = f && fwrite(data, 1, size, f) == size;
	free(data);
	return f && !fclose(f) && ok;
}

/* The checksum that busybox gives, on both sides. */
static bool checksum(const char *path, char sum[33])
{
	char command[64];
	FILE *f;
	bool ok;

	snprintf(command, sizeof(command), "md5sum <%s", path);
	f = popen(command, "re");
	ok = f && fread(sum, 1, 32, f) == 32;
	sum[ok ? 32 : 0] = '\0';
	return f && !pclose(f) && ok;
}

/* Gives a file to the first who connects, and writes what the second one says to another. */
static pid_t serve(const char *from, const char *to, int *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char buffer[4096];
	int i, in, out;
	ssize_t n;
	pid_t pid;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(s, (void *)&address, len) || listen(s, 2) ||
	    getsockname(s, (void *)&address, &len))
		return -1;
	*port = ntohs(address.sin_port);
	pid = fork();
	if (pid) {
		close(s);
		return pid;
	}
	for (i = 0; i < 2; i++) {
		int peer = accept(s, NULL, NULL);

		in = i ? peer : open(from, O_RDONLY);
		out = i ? open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600) : peer;
		while ((n = read(in, buffer, sizeof(buffer))) > 0) {
			if (write(out, buffer, n) != n)
				_exit(1);
		}
		close(in);
		close(out);
	}
	_exit(0);
}

static void disk_is_read(struct __test_metadata *_metadata, QEMU *self)
{
	char sum[33];

	ASSERT_TRUE(checksum("disk", sum));
	EXPECT_EQ(0, in_guest(self, "md5sum </dev/vda | grep %s", sum));
}

/* The second half of the disk gets the first one's content; seen in the file when QEMU is gone. */
static void disk_is_written(struct __test_metadata *_metadata, QEMU *self)
{
	EXPECT_EQ(0, in_guest(self, "dd if=/dev/vda of=/dev/vda bs=64k count=128 seek=128"));
	EXPECT_EQ(0, in_guest(self, "sync"));
}

static void disk_has_it(struct __test_metadata *_metadata)
{
	const size_t half = DISK_BYTES / 2;
	char *data = malloc(DISK_BYTES);
	FILE *f = fopen("disk", "re");

	ASSERT_NE(NULL, f);
	ASSERT_EQ(DISK_BYTES, fread(data, 1, DISK_BYTES, f));
	fclose(f);
	EXPECT_EQ(0, memcmp(data, data + half, half));
	free(data);
}

static void disk_has_a_file_system(struct __test_metadata *_metadata, QEMU *self)
{
	EXPECT_EQ(0, in_guest(self, "mke2fs /dev/vda && mkdir /mnt"));
	EXPECT_EQ(0, in_guest(self, "mount -t ext4 /dev/vda /mnt && cp -r /bin /mnt"));
	EXPECT_EQ(0, in_guest(self, "umount /mnt && mount -t ext4 /dev/vda /mnt"));
	EXPECT_EQ(0, in_guest(self, "cmp /bin/busybox /mnt/bin/busybox && umount /mnt"));
}

static void network_carries(struct __test_metadata *_metadata, QEMU *self)
{
	char sum[33], back[33];
	int port, status;
	pid_t server;

	ASSERT_TRUE(make_file("sent", NET_BYTES, 2));
	ASSERT_TRUE(checksum("sent", sum));
	server = serve("sent", "received", &port);
	ASSERT_LT(0, server);
	EXPECT_EQ(0, in_guest(self, "ip link set eth0 up && udhcpc -i eth0 -n -q -f -s /bin/true"));
	EXPECT_EQ(0, in_guest(self, "ip address add 10.0.2.15/24 dev eth0"));
	EXPECT_EQ(0, in_guest(self, "ping -c 3 -i 0.2 10.0.2.2"));
	EXPECT_EQ(0, in_guest(self, "nc 10.0.2.2 %d </dev/null >/tmp/file", port));
	EXPECT_EQ(0, in_guest(self, "md5sum </tmp/file | grep %s", sum));
	EXPECT_EQ(0, in_guest(self, "nc 10.0.2.2 %d </tmp/file", port));
	ASSERT_EQ(server, waitpid(server, &status, 0));
	EXPECT_EQ(0, status);
	ASSERT_TRUE(checksum("received", back));
	EXPECT_STREQ(sum, back);
	unlink("sent");
	unlink("received");
}

static void numbers_are_random(struct __test_metadata *_metadata, QEMU *self)
{
	EXPECT_EQ(0, in_guest(self, "grep virtio_rng /sys/class/misc/hw_random/rng_current"));
	EXPECT_EQ(0, in_guest(self, "[ $(dd if=/dev/hwrng bs=64 count=1 | wc -c) = 64 ]"));
}

static void console_carries(struct __test_metadata *_metadata, QEMU *self)
{
	char text[64] = "";
	FILE *f;

	EXPECT_EQ(0, in_guest(self, "echo by virtio >/dev/hvc0"));
	f = fopen("hvc", "re");
	ASSERT_NE(NULL, f);
	EXPECT_NE(NULL, fgets(text, sizeof(text), f));
	EXPECT_STREQ("by virtio\r\n", text);
	fclose(f);
}

/* Options of the four devices on a bus. */
#define DEVICES(bus)						\
	"-drive", "if=none,id=disk,format=raw,file=disk",	\
	"-device", "virtio-blk-" bus ",drive=disk",		\
	"-netdev", "user,id=net",				\
	"-device", "virtio-net-" bus ",netdev=net",		\
	"-object", "rng-builtin,id=rng",			\
	"-device", "virtio-rng-" bus ",rng=rng",		\
	"-chardev", "file,id=hvc,path=hvc",			\
	"-device", "virtio-serial-" bus,			\
	"-device", "virtconsole,chardev=hvc"

static void all_devices(struct __test_metadata *_metadata, QEMU *self, char *const *options,
			const char *machine)
{
	ASSERT_TRUE(make_file("disk", DISK_BYTES, 1));
	STARTED(options);
	ASSERT_TRUE(at_prompt(self));
	print_exits(self, machine);
	EXPECT_EQ(0, in_guest(self, "grep -qw ring1 /proc/cpuinfo"));
	numbers_are_random(_metadata, self);
	console_carries(_metadata, self);
	network_carries(_metadata, self);
	disk_is_read(_metadata, self);
	disk_is_written(_metadata, self);
	EXPECT_EQ(0, in_guest(self, "cat /proc/interrupts"));
	print_exits(self, "and after its devices");
	POWERS_OFF();
	disk_has_it(_metadata);
}

TEST_F_TIMEOUT(qemu, microvm_mmio, LIMIT)
{
	all_devices(_metadata, self, LINUX("", "-M", "microvm", "-cpu", "host", DEVICES("device")),
		    "microvm, to the prompt");
}

TEST_F_TIMEOUT(qemu, microvm_file_system, LIMIT)
{
	ASSERT_TRUE(make_file("disk", DISK_BYTES, 1));
	STARTED(LINUX("", "-M", "microvm", "-cpu", "host", "-smp", "2", DEVICES("device")));
	ASSERT_TRUE(at_prompt(self));
	disk_has_a_file_system(_metadata, self);
	print_exits(self, "microvm, 2 processors, after work on a file system");
	POWERS_OFF();
}

TEST_F_TIMEOUT(qemu, pc_pci, LIMIT)
{
	all_devices(_metadata, self, LINUX("", "-M", "pc", "-cpu", "host", DEVICES("pci")),
		    "pc, to the prompt");
}

TEST_F_TIMEOUT(qemu, q35_pci, LIMIT)
{
	all_devices(_metadata, self, LINUX("", "-M", "q35", "-smp", "2", DEVICES("pci")),
		    "q35, 2 processors, qemu64, to the prompt");
}

TEST_HARNESS_MAIN
