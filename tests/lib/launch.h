/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Starts `ring1 run` on the payload, between pipes or on a terminal of its own,
 * and collects what comes of it. The fixture of each test that needs /dev/kvm,
 * of any vendor module; ring1 is found in $RING1 or PATH.
 */
#ifndef TEST_LAUNCH_H
#define TEST_LAUNCH_H

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <termios.h>

#include "kselftest_harness.h"

#define OUTPUT_MAX	(64 * 1024)
#define LONG_TIMEOUT	180
#define LIMIT		3600		/* that of the batch is less */

#define LAUNCH		FIXTURE_DATA(run)

FIXTURE(run)
{
	char kernel[32];
	pid_t pid;
	int in;		/* our ends of its standard input, output and error */
	int out;
	int err;
	char *text;	/* what has been read of its output, and what it said at last */
	size_t len;
	char said[1024];
};

/* The guest, payload/launcher.c. */
asm(".pushsection .rodata; payload: .incbin \"" PAYLOAD "\"; payload_end: .popsection");
extern const uint8_t payload[], payload_end[];

FIXTURE_SETUP(run)
{
	int kvm = open("/dev/kvm", O_RDWR);
	int kernel = memfd_create("payload", 0);

	if (kvm < 0)
		SKIP(return, "/dev/kvm cannot be opened");
	close(kvm);
	ASSERT_EQ(payload_end - payload, write(kernel, payload, payload_end - payload));
	snprintf(self->kernel, sizeof(self->kernel), "/proc/self/fd/%d", kernel);
	self->text = malloc(OUTPUT_MAX + 1);
	ASSERT_NE(NULL, self->text);
	ASSERT_EQ(0, chdir(getenv("TMPDIR") ?: "/tmp"));
	signal(SIGPIPE, SIG_IGN);
	/* The launcher leaves ignored what is ignored, as in a shell's background job. */
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
}

FIXTURE_TEARDOWN(run)
{
	if (self->pid > 0) {
		kill(self->pid, SIGKILL);
		waitpid(self->pid, NULL, 0);
	}
}

#define MAX_ARGUMENTS	24

/* Of `ring1 run`. Return how many. */
static inline int arguments(char *argv[MAX_ARGUMENTS], const char *kernel, char *const *options)
{
	int argc = 0;

	argv[argc++] = "ring1";
	argv[argc++] = "run";
	argv[argc++] = "--kernel";
	argv[argc++] = (char *)kernel;
	while (*options)
		argv[argc++] = *options++;
	argv[argc] = NULL;
	return argc;
}

static inline void exec_ring1(const char *kernel, char *const *options)
{
	const char *ring1 = getenv("RING1") ?: "ring1";
	char *argv[MAX_ARGUMENTS];

	arguments(argv, kernel, options);
	execvp(ring1, argv);
	_exit(99);
}

#define OPTIONS(...) ((char *const[]){ __VA_ARGS__, NULL })
#define DO(what, ...) OPTIONS("--append", what, ##__VA_ARGS__)

/* In the child: the original closes itself when the launcher is executed. */
static inline void becomes(int fd, int standard_fd)
{
	if (dup2(fd, standard_fd) < 0)
		_exit(98);
}

/* Runs child(), which does not return, with pipes of ours for standard input, output, error. */
static inline pid_t start_as(LAUNCH *self, void (*child)(const char *, char *const *),
			     char *const *options)
{
	int in[2], out[2], err[2];

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		return -1;
	self->pid = fork();
	if (!self->pid) {
		becomes(in[0], STDIN_FILENO);
		becomes(out[1], STDOUT_FILENO);
		becomes(err[1], STDERR_FILENO);
		child(self->kernel, options);
	}
	close(in[0]);
	close(out[1]);
	close(err[1]);
	self->in = in[1];
	self->out = out[0];
	self->err = err[0];
	return self->pid;
}

static inline pid_t start(LAUNCH *self, char *const *options)
{
	return start_as(self, exec_ring1, options);
}

/* A guest kernel, in so much memory; with the rig's initrd it has a shell on COM1. */
static inline bool start_kernel_with(LAUNCH *self, const char *kernel, const char *append,
				     char *initrd, char *mem, int cpus)
{
	char line[256], number[8];

	snprintf(self->kernel, sizeof(self->kernel), "%s", kernel);
	snprintf(line, sizeof(line), "console=ttyS0 quiet %s", append);
	snprintf(number, sizeof(number), "%d", cpus);
	return start(self, DO(line, "--initrd", initrd, "--mem", mem, "--cpus", number)) > 0;
}

static inline bool start_linux_with(LAUNCH *self, const char *append, char *initrd, char *mem,
				    int cpus)
{
	return start_kernel_with(self, "/ring1/bzImage", append, initrd, mem, cpus);
}

static inline bool give(LAUNCH *self, const char *commands)
{
	return write(self->in, commands, strlen(commands)) == (ssize_t)strlen(commands);
}

/* Commands typed ahead are echoed: a text to wait for must look different in them. */
static inline bool start_linux(LAUNCH *self, const char *commands, const char *append, int cpus)
{
	return start_linux_with(self, append, "/ring1/initrd", "128M", cpus) &&
	       give(self, commands);
}

/* Of `ring1 stat`: this counter of the guest's only vCPU. */
static inline long counter(LAUNCH *self, const char *name)
{
	char line[200];
	long value = -1;
	FILE *f;

	snprintf(line, sizeof(line), "ring1 stat %d", self->pid);
	f = popen(line, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ' ')
			value = strtol(line + strlen(name), NULL, 10);
	}
	if (f)
		pclose(f);
	return value;
}

#define CONSOLE		"console"

/* The same with the kernel's words alone on COM2, which goes to a file: read_console(). */
static inline bool start_linux_console_apart(LAUNCH *self, char *append, char *cpus)
{
	snprintf(self->kernel, sizeof(self->kernel), "/ring1/bzImage");
	return start(self, DO(append, "--initrd", "/ring1/initrd", "--mem", "128M", "--cpus", cpus,
			      "--serial", "stdio", "--serial", "file:" CONSOLE)) > 0;
}

/* All of it, once; empty if there is none. */
static inline char *read_console(void)
{
	static char text[OUTPUT_MAX + 1];
	FILE *f = fopen(CONSOLE, "re");
	size_t n = f ? fread(text, 1, OUTPUT_MAX, f) : 0;

	text[n] = '\0';
	if (f)
		fclose(f);
	unlink(CONSOLE);
	return text;
}

/* With a terminal of its own as input and output, messages apart. */
static inline pid_t start_on_terminal(LAUNCH *self, char *const *options)
{
	int err[2];

	if (pipe2(err, O_CLOEXEC))
		return -1;
	self->pid = forkpty(&self->in, NULL, NULL, NULL);
	if (!self->pid) {
		becomes(err[1], STDERR_FILENO);
		exec_ring1(self->kernel, options);
	}
	close(err[1]);
	self->out = self->in;
	self->err = err[0];
	return self->pid;
}

static inline bool read_some(LAUNCH *self)
{
	ssize_t n = read(self->out, self->text + self->len, OUTPUT_MAX - self->len);

	if (n <= 0)
		return false;
	self->len += n;
	self->text[self->len] = '\0';
	return true;
}

static inline bool wait_for(LAUNCH *self, const char *text)
{
	self->text[self->len] = '\0';
	while (!strstr(self->text, text)) {
		if (!read_some(self))
			return false;
	}
	return true;
}

/* Read what is left, then the exit status as a shell shows it. */
static inline int finish(LAUNCH *self)
{
	size_t len = 0;
	ssize_t n;
	int status;

	while (self->len < OUTPUT_MAX && read_some(self))
		;
	while ((n = read(self->err, self->said + len, sizeof(self->said) - 1 - len)) > 0)
		len += n;
	self->said[len] = '\0';
	waitpid(self->pid, &status, 0);
	self->pid = 0;
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* It ends with this status and one line, which holds this text. */
#define ENDS(status, says) do {						\
	int _status = finish(self);					\
									\
	EXPECT_EQ(status, _status);					\
	EXPECT_EQ(0, strncmp(self->said, "ring1: ", 7));		\
	EXPECT_EQ(self->said + strlen(self->said) - 1, strchr(self->said, '\n')); \
	EXPECT_NE(NULL, strstr(self->said, says))			\
		TH_LOG("said: %s", self->said);				\
} while (0)

#define STARTED(options) ASSERT_LT(0, start(self, options))

#endif
