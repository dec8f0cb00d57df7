// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    input and output pass through the serial ports whole and in order,
 *           however fast or slow either side is
 * How:      the payload echoes and floods, between pipes that are read and written
 *           fast, slowly, or not at all
 * Needs:    /dev/kvm of any vendor module; ring1 in $RING1 or PATH
 * Timeout:  400
 * Catches:  input lost or out of order, a vCPU that holds up signals, a launcher that
 *           never sleeps
 */
#include <sys/socket.h>

#include "launch.h"

#define INPUT_SIZE	(20 * 1024)
#define FLOOD_SIZE	(64 * 1024)

/* Bytes that no terminal mode and no escape key may touch, without the one that ends it. */
static void fill_input(char *input, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		input[i] = i * 7 % 251 == 4 ? 1 : i * 7 % 251;
	input[size - 1] = 4;
}

/* Write without waiting for the guest, and read what it sends back. */
static void exchange(LAUNCH *self, const char *input, size_t size)
{
	struct pollfd fds[] = {
		{ .fd = self->in, .events = POLLOUT },
		{ .fd = self->out, .events = POLLIN },
	};
	size_t at = 0;

	fcntl(self->in, F_SETFL, O_NONBLOCK);
	while (poll(fds, 2, -1) > 0) {
		if (fds[0].revents) {
			ssize_t n = write(self->in, input + at, size - at);

			at += n > 0 ? n : 0;
			if (at == size)
				fds[0].fd = -1;
		}
		if (fds[1].revents && !read_some(self))
			return;
	}
}

TEST_F_TIMEOUT(run, fast_input_arrives_whole, LONG_TIMEOUT)
{
	static char input[INPUT_SIZE];

	fill_input(input, sizeof(input));
	STARTED(DO("echo"));
	exchange(self, input, sizeof(input));
	ENDS(0, "powered off");
	ASSERT_EQ(sizeof("ready\n") - 1 + sizeof(input), self->len);
	EXPECT_EQ(0, memcmp(self->text + 6, input, sizeof(input)));
}

TEST_F_TIMEOUT(run, descriptor_carries_both_ways, LONG_TIMEOUT)
{
	static char input[1000];
	char where[16];
	int fds[2];

	fill_input(input, sizeof(input));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	snprintf(where, sizeof(where), "fd:%d", fds[1]);
	fcntl(fds[0], F_SETFD, FD_CLOEXEC);
	STARTED(DO("echo", "--serial", where));
	close(fds[1]);
	self->in = fds[0];
	self->out = fds[0];
	exchange(self, input, sizeof(input));
	ENDS(0, "powered off");
	EXPECT_EQ(0, memcmp(self->text + 6, input, sizeof(input)));
}

TEST_F_TIMEOUT(run, slow_reader_gets_everything, LONG_TIMEOUT)
{
	size_t i;

	STARTED(DO("flood"));
	fcntl(self->out, F_SETPIPE_SZ, 4096);
	for (i = 0; i < 10; i++) {
		usleep(50000);
		ASSERT_TRUE(read_some(self));
	}
	ENDS(0, "powered off");
	ASSERT_EQ(FLOOD_SIZE, self->len);
	for (i = 0; i < FLOOD_SIZE; i += 16)
		ASSERT_EQ(0, memcmp(self->text + i, "0123456789abcde\n", 16));
}

TEST_F(run, blocked_output_does_not_block_signals)
{
	STARTED(DO("flood"));
	fcntl(self->out, F_SETPIPE_SZ, 4096);
	usleep(1000000);
	kill(self->pid, SIGTERM);
	ENDS(128 + SIGTERM, "ended by signal 15");
	EXPECT_GT(FLOOD_SIZE, self->len);
}

TEST_F(run, closed_output_ends_it)
{
	STARTED(DO("flood"));
	close(self->out);
	ENDS(1, "cannot write the output of COM1");
}

TEST_F(run, ports_go_where_they_are_sent)
{
	char text[32] = "";
	int fd;

	STARTED(DO("2", "--serial", "stdio", "--serial", "file:com2.test", "--serial", "null"));
	ENDS(0, "powered off");
	EXPECT_STREQ("to COM1\n", self->text);
	fd = open("com2.test", O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(8, read(fd, text, sizeof(text) - 1));
	EXPECT_STREQ("to COM2\n", text);
	close(fd);
	unlink("com2.test");
}

/* Clock ticks that the launcher's process has used. */
static long ticks(pid_t pid)
{
	char path[64], line[512] = "", *at;
	long user = 0, system = 0;
	FILE *f;
	int i;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (!f)
		return -1;
	at = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
	for (i = 0; at && i < 12; i++)
		at = strchr(at + 1, ' ');
	if (at)
		sscanf(at, "%ld %ld", &user, &system);
	fclose(f);
	return user + system;
}

TEST_F(run, idle_guest_and_closed_input_cost_nothing)
{
	long before;

	STARTED(DO("halt"));
	close(self->in);
	ASSERT_TRUE(wait_for(self, "halting\n"));
	usleep(500000);
	before = ticks(self->pid);
	EXPECT_LT(0, before);
	usleep(2000000);
	EXPECT_GT(20, ticks(self->pid) - before);
	kill(self->pid, SIGTERM);
	ENDS(128 + SIGTERM, "ended by signal 15");
}

TEST_HARNESS_MAIN
