/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Debian's QEMU on /dev/kvm, with the guest's first serial port, QMP and, where asked for, the
 * stub for gdb as sockets of ours. The fixture of tests/host/qemu. QEMU is in /share, by
 * SHARE=build/qemu (tests/rig/build/qemu-root), the guest's kernel and initrd in /ring1. What
 * waits ends: with what the console had and QEMU's registers, where it is in vain.
 */
#ifndef TEST_QEMU_H
#define TEST_QEMU_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "kselftest_harness.h"

#define QEMU		FIXTURE_DATA(qemu)
#define LIMIT		3600		/* that of the batch is less */
#define PATIENCE	200		/* seconds for what is waited for, if a test has no other */
#define PROMPT		"guest# "
#define TEXT_MAX	(256 * 1024)
#define CONSOLE_TAIL	24000
#define LINE_MAX_QMP	(64 * 1024)
#define MAX_ARGUMENTS	64

FIXTURE(qemu)
{
	pid_t pid;
	int qmp;
	int console;
	int gdb;
	int said;	/* what QEMU wrote to stdout and stderr: a file */
	char *text;	/* all of the console */
	size_t len;
	size_t mark;	/* where what is waited for may begin */
	char *line;	/* QMP's last, and what has come after it */
	size_t line_len;
	size_t line_next;
	int commands;
	int patience;
};

/* One that can be started; a test may have more than the fixture's. */
static inline bool prepare_qemu(QEMU *self)
{
	*self = (QEMU){
		.qmp = -1, .console = -1, .gdb = -1, .patience = PATIENCE,
		.said = memfd_create("said", 0),
		.text = calloc(1, TEXT_MAX + 1), .line = calloc(1, LINE_MAX_QMP + 1),
	};
	return self->said >= 0 && self->text && self->line;
}

FIXTURE_SETUP(qemu)
{
	ASSERT_EQ(0, access("/dev/kvm", R_OK | W_OK));
	ASSERT_EQ(0, access("/usr/bin/qemu-system-x86_64", X_OK))
		TH_LOG("no QEMU in /share: SHARE=build/qemu");
	ASSERT_EQ(0, chdir("/tmp"));
	ASSERT_TRUE(prepare_qemu(self));
	signal(SIGPIPE, SIG_IGN);
}

FIXTURE_TEARDOWN(qemu)
{
	if (self->pid > 0) {
		kill(self->pid, SIGKILL);
		waitpid(self->pid, NULL, 0);
	}
}

static inline double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* Text as lines that the judge takes for comments; without the registers that say nothing here. */
static inline void print_comment(const char *title, const char *text)
{
	const char *end;

	printf("# %s:\n", title);
	for (; *text; text = *end ? end + 1 : end) {
		end = text + strcspn(text, "\r\n");
		if (end != text && strncmp(text, "FP", 2) && strncmp(text + 1, "MM", 2))
			printf("#   %.*s\n", (int)(end - text), text);
	}
	fflush(stdout);
}

/* What QEMU printed, at most a page of it. */
static inline char *all_said(QEMU *self)
{
	static char said[4096];
	ssize_t n = pread(self->said, said, sizeof(said) - 1, 0);

	said[n > 0 ? n : 0] = '\0';
	return said;
}

/* A line of QMP's, an answer or an event, is in self->line. */
static inline bool read_line(QEMU *self, double until)
{
	struct pollfd p = { .fd = self->qmp, .events = POLLIN };
	char *end;
	ssize_t n;

	self->line_len -= self->line_next;
	memmove(self->line, self->line + self->line_next, self->line_len);
	self->line_next = 0;
	for (;;) {
		self->line[self->line_len] = '\0';
		end = strchr(self->line, '\n');
		if (end)
			break;
		if (seconds() > until || self->line_len == LINE_MAX_QMP ||
		    poll(&p, 1, (until - seconds()) * 1000 + 1) <= 0)
			return false;
		n = read(self->qmp, self->line + self->line_len, LINE_MAX_QMP - self->line_len);
		if (n <= 0)
			return false;
		self->line_len += n;
	}
	*end = '\0';
	self->line_next = end + 1 - self->line;
	return true;
}

/*
 * More of the console, at the latest at this time; false if there will be none. Events are
 * dropped, but for the one by which QEMU says that KVM has given up.
 */
static inline bool read_console(QEMU *self, double until)
{
	struct pollfd p[] = {
		{ .fd = self->console, .events = POLLIN },
		{ .fd = self->qmp, .events = POLLIN },
	};
	double left = until - seconds();
	ssize_t n;

	if (left <= 0 || poll(p, 2, left * 1000 + 1) <= 0 || self->len == TEXT_MAX)
		return false;
	if (!p[0].revents)
		return read_line(self, until) && (!strstr(self->line, "\"STOP\"") ||
						  !strstr(all_said(self), "internal error"));
	n = read(self->console, self->text + self->len, TEXT_MAX - self->len);
	if (n <= 0)
		return false;
	/* A string has to end where the text does. */
	for (; n; n--, self->len++) {
		if (!self->text[self->len])
			self->text[self->len] = '?';
	}
	self->text[self->len] = '\0';
	return true;
}

/* The answer to a command is in self->line; events on the way are dropped. */
static inline bool qmp(QEMU *self, const char *format, ...)
{
	double until = seconds() + self->patience;
	char command[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command) - 1, format, args);
	va_end(args);
	strcat(command, "\n");
	if (write(self->qmp, command, strlen(command)) != (ssize_t)strlen(command))
		return false;
	while (read_line(self, until)) {
		if (!strncmp(self->line, "{\"return\"", 9))
			return true;
		if (!strncmp(self->line, "{\"error\"", 8))
			break;
	}
	printf("# QMP: %s# %s\n", command, self->line);
	return false;
}

/* A command of the monitor for people; its output, unescaped, is in self->line. */
static inline bool hmp(QEMU *self, const char *command)
{
	char *from, *to;

	if (!qmp(self, "{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":\"%s\"}}",
		 command))
		return false;
	from = self->line + strlen("{\"return\": \"");
	for (to = self->line; *from && *from != '"'; from++) {
		if (*from != '\\') {
			*to++ = *from;
			continue;
		}
		from++;
		if (*from == 'n')
			*to++ = '\n';
		else if (*from != 'r')
			*to++ = *from;
	}
	*to = '\0';
	return true;
}

/* Whether that command has nothing to say, as those have that succeed. */
static inline bool hmp_silent(QEMU *self, const char *command)
{
	if (!hmp(self, command))
		return false;
	if (*self->line)
		print_comment(command, self->line);
	return !*self->line;
}

/* What is known when something did not come. */
static inline void explain(QEMU *self)
{
	size_t tail = self->len > CONSOLE_TAIL ? self->len - CONSOLE_TAIL : 0;

	print_comment("the console's end", self->text + tail);
	print_comment("QEMU said", all_said(self));
	if (hmp(self, "info status"))
		print_comment("status", self->line);
	if (hmp(self, "info registers -a"))
		print_comment("registers", self->line);
}

/* The text, on the console, behind what was waited for before. */
static inline bool wait_for(QEMU *self, const char *text)
{
	double until = seconds() + self->patience;
	char *found;

	while (!(found = strstr(self->text + self->mark, text))) {
		if (read_console(self, until))
			continue;
		printf("# in vain: %s\n", text);
		explain(self);
		return false;
	}
	self->mark = found + strlen(text) - self->text;
	return true;
}

static inline bool give(QEMU *self, const char *text)
{
	return write(self->console, text, strlen(text)) == (ssize_t)strlen(text);
}

/*
 * A command in the guest's shell: its status, or -1. What it printed is in self->text from
 * self->mark on before; the marker is written so that its echo looks different.
 */
static inline int in_guest(QEMU *self, const char *format, ...)
{
	char command[1024], marker[32];
	const char *status;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	self->commands++;
	snprintf(command + n, sizeof(command) - n, "; echo en''d %d $?.\n", self->commands);
	snprintf(marker, sizeof(marker), "\nend %d ", self->commands);
	if (!give(self, command) || !wait_for(self, marker))
		return -1;
	status = self->text + self->mark;
	return wait_for(self, PROMPT) ? atoi(status) : -1;
}

/* Whether the guest comes to its shell's prompt. */
static inline bool at_prompt(QEMU *self)
{
	return wait_for(self, PROMPT);
}

/* The text is that of a console which begins now. */
static inline void forget_text(QEMU *self)
{
	self->len = 0;
	self->mark = 0;
	self->text[0] = '\0';
}

/*
 * Starts QEMU with these arguments, a list with NULL at its end, and its guest unless one of
 * them is -S. The descriptors' numbers are those that the options below name. Nothing is left
 * of one that has ended before but the number of commands.
 */
static inline bool start(QEMU *self, char *const *options)
{
	static char *const common[] = {
		"qemu-system-x86_64", "-no-user-config", "-nodefaults", "-display", "none",
		"-accel", "kvm",
		"-chardev", "socket,id=qmp,fd=10", "-mon", "chardev=qmp,mode=control",
		"-chardev", "socket,id=console,fd=11", "-serial", "chardev:console",
		"-chardev", "socket,id=gdb,fd=12",
	};
	char *argv[MAX_ARGUMENTS];
	int pairs[3][2], argc = 0;
	char *version;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pairs[i]))
			return false;
	}
	for (i = 0; i < ARRAY_SIZE(common); i++)
		argv[argc++] = common[i];
	while (*options && argc < MAX_ARGUMENTS - 1)
		argv[argc++] = *options++;
	argv[argc] = NULL;
	self->pid = fork();
	if (!self->pid) {
		/* First out of the way of those numbers: they may be in use, by others of these. */
		for (i = 0; i < 3; i++)
			pairs[i][1] = fcntl(pairs[i][1], F_DUPFD_CLOEXEC, 20);
		for (i = 0; i < 3; i++) {
			if (dup2(pairs[i][1], 10 + i) < 0)
				_exit(98);
		}
		if (dup2(self->said, STDOUT_FILENO) < 0 || dup2(self->said, STDERR_FILENO) < 0)
			_exit(98);
		execv("/usr/bin/qemu-system-x86_64", argv);
		_exit(99);
	}
	for (i = 0; i < 3; i++)
		close(pairs[i][1]);
	self->qmp = pairs[0][0];
	self->console = pairs[1][0];
	self->gdb = pairs[2][0];
	self->line_len = 0;
	self->line_next = 0;
	forget_text(self);
	if (!read_line(self, seconds() + self->patience)) {
		print_comment("QEMU said", all_said(self));
		return false;
	}
	version = strstr(self->line, "\"package\": \"");
	if (version)
		printf("# QEMU: %.*s\n", (int)strcspn(version + 12, "\""), version + 12);
	return qmp(self, "{\"execute\":\"qmp_capabilities\"}");
}

#define OPTIONS(...) ((char *const[]){ __VA_ARGS__, NULL })

/* A kernel with the rig's initrd, which has a shell on the console. */
#define LINUX(append, ...) OPTIONS("-kernel", "/ring1/bzImage", "-initrd", "/ring1/initrd",	\
	"-append", "console=ttyS0 panic=-1 " append, "-m", "256", ##__VA_ARGS__)

/*
 * The monitor's counters of QEMU's guest, as a comment. They are gone when QEMU is.
 */
static inline void print_exits(QEMU *self, const char *when)
{
	char command[128], line[512];
	FILE *f;

	snprintf(command, sizeof(command), "cat /sys/kernel/debug/kvm/%d-*/ring1_exits 2>&-",
		 self->pid);
	printf("# exits: %s:", when);
	f = popen(command, "re");
	while (f && fgets(line, sizeof(line), f)) {
		char *next = strchr(line, ' ');
		long sum = 0;

		if (!next || !strncmp(line, "reason", 6) || !strncmp(line, "hypercall_", 10))
			continue;
		*next++ = '\0';
		while (*next == ' ')
			next++;
		while (*next && *next != '\n')
			sum += strtol(next, &next, 10);
		if (sum)
			printf(" %s %ld", line, sum);
	}
	if (f)
		pclose(f);
	printf("\n");
	fflush(stdout);
}

/* QEMU's exit status when it has ended by itself, or -1; -signal if by that. */
static inline int finish(QEMU *self)
{
	double until = seconds() + self->patience;
	int status;

	while (!waitpid(self->pid, &status, WNOHANG)) {
		if (seconds() > until) {
			explain(self);
			return -1;
		}
		/* Its console must not be full, or QEMU waits. */
		if (!read_console(self, seconds() + 0.2))
			usleep(100000);
	}
	self->pid = 0;
	close(self->qmp);
	close(self->console);
	close(self->gdb);
	if (status)
		print_comment("QEMU said", all_said(self));
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

#define STARTED(options) ASSERT_TRUE(start(self, options))
#define GUEST(...) ASSERT_EQ(0, in_guest(self, __VA_ARGS__))

#define POWERS_OFF() do {						\
	ASSERT_TRUE(give(self, "poweroff -f\n"));			\
	EXPECT_EQ(0, finish(self));					\
} while (0)

/* Where nothing in the guest powers off, or the guest has moved. */
#define QUITS(qemu) do {						\
	ASSERT_TRUE(qmp(qemu, "{\"execute\":\"quit\"}"));		\
	EXPECT_EQ(0, finish(qemu));					\
} while (0)

#endif
