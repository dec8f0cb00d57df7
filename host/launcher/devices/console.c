// SPDX-License-Identifier: GPL-2.0-only
/*
 * Input from outside to the serial ports, and the escape key, while machine/loop.c waits.
 * Reads no more input than a port has room for. Output is written by the vCPUs' threads.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "devices/console.h"
#include "devices/terminal.h"
#include "devices/uart.h"
#include "launcher.h"
#include "machine/end.h"
#include "machine/loop.h"

#define ESCAPE_KEY		0x01	/* Ctrl-A */
#define INPUT_SIZE		(1024 * 1024)
#define READ_SIZE		4096
#define NSEC_PER_MSEC		1000000LL
#define MAX_PAUSE		(20 * NSEC_PER_MSEC)

/*
 * A full FIFO keeps the guest's driver in its interrupt handler. Were it
 * refilled at once, no process would get to read what has been received and
 * the guest's buffer would overflow. So after the guest has emptied it in a
 * time t, it gets as much time for other things, whatever its speed.
 */
struct port {
	const char *name;
	int in;
	int out;
	bool keys;		/* a terminal: watch for the escape key */
	bool escaped;		/* and the last key was one */
	bool refused;		/* the UART has not taken all that it was offered */
	uint8_t *input;
	size_t head;
	size_t len;
	int64_t offered;
	int64_t resume;
};

/* Apart from the ports, so that the program's file does not hold them. */
static uint8_t inputs[UARTS][INPUT_SIZE];

static struct port ports[UARTS] = {
	{ .name = "COM1", .in = -1, .out = -1, .input = inputs[0] },
	{ .name = "COM2", .in = -1, .out = -1, .input = inputs[1] },
	{ .name = "COM3", .in = -1, .out = -1, .input = inputs[2] },
	{ .name = "COM4", .in = -1, .out = -1, .input = inputs[3] },
};

static atomic_uint drained;	/* one bit for each port */
static int wake_fd = -1;

static int connect_fd(struct port *port, const char *number)
{
	unsigned long fd;
	int flags;

	if (parse_number(number, INT32_MAX, &fd))
		return fail_usage("run", "--serial fd:%s does not name a descriptor", number);
	flags = fcntl(fd, F_GETFL);
	if (flags < 0)
		return fail_usage("run", "--serial fd:%lu: %s", fd, strerror(errno));
	if ((flags & O_ACCMODE) != O_WRONLY)
		port->in = fd;
	if ((flags & O_ACCMODE) != O_RDONLY)
		port->out = fd;
	return RING1_OK;
}

static int connect_file(struct port *port, const char *path)
{
	port->out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (port->out < 0) {
		fail("cannot write %s for %s: %s", path, port->name, strerror(errno));
		return RING1_ERROR;
	}
	return RING1_OK;
}

int console_connect(unsigned int uart, const char *where)
{
	struct port *port = &ports[uart];

	if (!strcmp(where, "null"))
		return RING1_OK;
	if (!strcmp(where, "stdio")) {
		port->in = STDIN_FILENO;
		port->out = STDOUT_FILENO;
		port->keys = isatty(STDIN_FILENO);
		return RING1_OK;
	}
	if (!strncmp(where, "file:", 5) && where[5])
		return connect_file(port, where + 5);
	if (!strncmp(where, "fd:", 3))
		return connect_fd(port, where + 3);
	return fail_usage("run", "--serial %s is none of stdio, null, file:PATH, fd:N", where);
}

void console_send(unsigned int uart, const uint8_t *bytes, unsigned int n)
{
	struct port *port = &ports[uart];

	if (port->out >= 0 && write_all(port->out, bytes, n))
		end_guest(RING1_ERROR, "cannot write the output of %s: %s", port->name,
			  strerror(errno));
}

void console_drained(unsigned int uart)
{
	const uint64_t one = 1;

	drained |= 1U << uart;
	write_all(wake_fd, &one, sizeof(one));
}

int console_init(void)
{
	unsigned int i;

	signal(SIGPIPE, SIG_IGN);
	wake_fd = eventfd(0, EFD_CLOEXEC);
	if (wake_fd < 0)
		return fail("cannot create a descriptor for events: %s", strerror(errno));
	for (i = 0; i < UARTS; i++) {
		if (ports[i].keys)
			return terminal_raw(STDIN_FILENO);
	}
	return 0;
}

static int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 * NSEC_PER_MSEC + ts.tv_nsec;
}

static void print_keys(void)
{
	fputs("\nring1: Ctrl-A x ends the guest, Ctrl-A Ctrl-A sends Ctrl-A, Ctrl-A h prints this\n",
	      stderr);
}

/* Take the escape key and what follows it out of fresh input; returns how much is left. */
static size_t take_keys(struct port *port, uint8_t *input, size_t len)
{
	size_t from, to = 0;

	for (from = 0; from < len; from++) {
		uint8_t key = input[from];

		if (key == ESCAPE_KEY && !port->escaped) {
			port->escaped = true;
			continue;
		}
		if (key == ESCAPE_KEY || !port->escaped)
			input[to++] = key;
		else if (key == 'x')
			end_guest(RING1_ESCAPE, "ended by Ctrl-A x");
		else
			print_keys();
		port->escaped = false;
	}
	return to;
}

/* A file can wait. A terminal is always read, or the escape key would stop working. */
static bool wants_input(const struct port *port)
{
	if (port->in < 0)
		return false;
	return port->keys ? INPUT_SIZE - port->len >= READ_SIZE : !port->len;
}

static void read_input(struct port *port)
{
	uint8_t *fresh;
	ssize_t n;

	if (INPUT_SIZE - port->head - port->len < READ_SIZE) {
		memmove(port->input, port->input + port->head, port->len);
		port->head = 0;
	}
	fresh = port->input + port->head + port->len;
	n = read(port->in, fresh, READ_SIZE);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		/* The end of it, or a terminal that is gone: never look again. */
		port->in = -1;
		return;
	}
	port->len += port->keys ? take_keys(port, fresh, n) : (size_t)n;
}

static void offer_input(unsigned int uart)
{
	struct port *port = &ports[uart];
	size_t taken = uart_receive(uart, port->input + port->head, port->len);

	port->len -= taken;
	port->head = port->len ? port->head + taken : 0;
	port->refused = port->len;
	port->offered = now();
}

static void handle_drained(void)
{
	int64_t time = now();
	unsigned int i, uarts;
	uint64_t count;

	/* In this order, or a bit set in between would wait for the next wake-up. */
	if (read(wake_fd, &count, sizeof(count)) != sizeof(count))
		return;
	uarts = atomic_exchange(&drained, 0);
	for (i = 0; i < UARTS; i++) {
		struct port *port = &ports[i];
		int64_t pause = time - port->offered;

		if (!(uarts & 1U << i))
			continue;
		port->refused = false;
		port->resume = time + (pause < MAX_PAUSE ? pause : MAX_PAUSE);
	}
}

/* Offer what is due; returns the milliseconds until more is, or -1. */
static int offer_due_input(void)
{
	int timeout = -1;
	unsigned int i;

	for (i = 0; i < UARTS; i++) {
		struct port *port = &ports[i];
		int64_t wait = port->resume - now();
		int ms;

		if (!port->len || port->refused)
			continue;
		if (wait <= 0) {
			offer_input(i);
			continue;
		}
		ms = wait / NSEC_PER_MSEC + 1;
		if (timeout < 0 || ms < timeout)
			timeout = ms;
	}
	return timeout;
}

enum console_fd { FD_WAKE, FD_INPUT, FDS = FD_INPUT + UARTS };

_Static_assert(FDS <= LOOP_CLIENT_FDS, "the loop takes all of the console's descriptors");

static int prepare(struct pollfd *fds)
{
	int timeout = offer_due_input();
	unsigned int i;

	fds[FD_WAKE] = (struct pollfd){ .fd = wake_fd, .events = POLLIN };
	for (i = 0; i < UARTS; i++)
		fds[FD_INPUT + i] = (struct pollfd){
			.fd = wants_input(&ports[i]) ? ports[i].in : -1,
			.events = POLLIN,
		};
	return timeout;
}

static void handle(const struct pollfd *fds)
{
	unsigned int i;

	if (fds[FD_WAKE].revents)
		handle_drained();
	for (i = 0; i < UARTS; i++) {
		if (fds[FD_INPUT + i].revents)
			read_input(&ports[i]);
	}
}

const struct loop_client console_client = {
	.n = FDS, .prepare = prepare, .handle = handle, .continued = terminal_raw_again,
};
