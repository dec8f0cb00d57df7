// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    in the sandbox every thread of the launcher has what serves a running guest, and
 *           no other system call does anything: the process says which it was, gives the
 *           terminal back and ends
 * How:      children with a second thread enter it and make calls of both kinds
 * Needs:    a kernel with seccomp
 * Catches:  a call that the list forgot, and one too many; a thread without the filter; 32-bit
 *           and x32 calls that get past numbers of 64-bit ones; a terminal left raw
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <termios.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>

#include "devices/terminal.h"
#include "launcher.h"
#include "confined.h"
#include "kselftest_harness.h"

#define X32_CALL	0x40000000
#define FILE_NAME	"sandbox.test"
#define ESCAPED		77		/* the exit status of a call that returned */

struct call {
	const char *name;
	long nr;
	long args[6];
};

static long make(const struct call *c)
{
	return syscall(c->nr, c->args[0], c->args[1], c->args[2], c->args[3], c->args[4],
		       c->args[5]);
}

/* The second thread: in the sandbox, it makes this call; if there is none, it stays. */
static const struct call *second_call;
static pthread_barrier_t barrier;

static void *second(void *nothing)
{
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	if (second_call) {
		make(second_call);
		_exit(ESCAPED);
	}
	poll(NULL, 0, -1);
	return nothing;
}

/* With two threads, as vcpu.c has them: started before, running after. */
static void enter(void)
{
	pthread_t thread;

	pthread_barrier_init(&barrier, NULL, 2);
	if (pthread_create(&thread, NULL, second, NULL))
		_exit(1);
	pthread_barrier_wait(&barrier);
	if (sandbox_enter())
		_exit(2);
	pthread_barrier_wait(&barrier);
}

/* What a child came to: its wait status, and what it said on standard error. */
static int status;
static char said[512];

static pid_t begin(int *err)
{
	int fds[2];
	pid_t pid;

	if (pipe(fds))
		return -1;
	pid = fork();
	if (!pid) {
		dup2(fds[1], STDERR_FILENO);
		close(fds[0]);
	}
	close(fds[1]);
	*err = fds[0];
	return pid;
}

static void end(pid_t pid, int err)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(err, said + len, sizeof(said) - 1 - len)) > 0)
		len += n;
	said[len] = '\0';
	close(err);
	waitpid(pid, &status, 0);
}

/* In a child in the sandbox, in its first or its second thread. */
static void try(const struct call *c, bool in_second)
{
	int err;
	pid_t pid = begin(&err);

	if (!pid) {
		second_call = in_second ? c : NULL;
		enter();
		if (in_second)
			poll(NULL, 0, -1);
		make(c);
		_exit(ESCAPED);
	}
	end(pid, err);
}

static const char *const no_arguments[] = { "true", NULL };

/* One for each kind of thing that somebody in this process might want. */
static const struct call forbidden[] = {
	{ "openat", SYS_openat, { AT_FDCWD, (long)FILE_NAME, O_CREAT | O_RDWR, 0600 } },
	{ "open", SYS_open, { (long)FILE_NAME, O_CREAT | O_RDWR, 0600 } },
	{ "socket", SYS_socket, { AF_UNIX, SOCK_STREAM } },
	{ "execve", SYS_execve, { (long)"/bin/true", (long)no_arguments } },
	{ "fork", SYS_fork, { 0 } },
	{ "clone", SYS_clone, { SIGCHLD } },
	{ "kill of another", SYS_kill, { 1, 0 } },
	{ "kill of the group", SYS_kill, { 0, 0 } },
	{ "kill of all", SYS_kill, { -1, 0 } },
	{ "tkill", SYS_tkill, { 1, 0 } },
	{ "ptrace", SYS_ptrace, { 0 } },
	{ "process_vm_writev", SYS_process_vm_writev, { 1 } },
	{ "unlink", SYS_unlink, { (long)FILE_NAME } },
	{ "setuid", SYS_setuid, { 0 } },
	{ "prctl", SYS_prctl, { PR_SET_DUMPABLE, 1 } },
	{ "init_module", SYS_init_module, { 0 } },
	{ "io_uring_setup", SYS_io_uring_setup, { 0 } },
	{ "userfaultfd", SYS_userfaultfd, { 0 } },
	{ "memory with code", SYS_mmap, { 0, 4096, PROT_READ | PROT_EXEC,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1 } },
	{ "memory that gets code", SYS_mprotect, { 0, 4096, PROT_READ | PROT_EXEC } },
	{ "a key pressed for the shell", SYS_ioctl, { STDIN_FILENO, TIOCSTI, (long)"x" } },
	{ "another VM", SYS_ioctl, { STDIN_FILENO, KVM_CREATE_VM } },
	{ "more guest memory", SYS_ioctl, { STDIN_FILENO, KVM_SET_USER_MEMORY_REGION } },
	{ "a call that does not exist", 9999, { 0 } },
};

TEST(forbidden_calls_end_it_with_a_message)
{
	char text[64];
	unsigned int i;

	unlink(FILE_NAME);
	for (i = 0; i < 2 * ARRAY_SIZE(forbidden); i++) {
		const struct call *c = &forbidden[i / 2];

		try(c, i % 2);
		snprintf(text, sizeof(text), "system call %ld,", c->nr);
		EXPECT_TRUE(WIFEXITED(status));
		EXPECT_EQ(RING1_ERROR, WEXITSTATUS(status)) TH_LOG("%s", c->name);
		EXPECT_EQ(0, strncmp(said, "ring1: ", 7));
		EXPECT_NE(NULL, strstr(said, text)) TH_LOG("%s: said: %s", c->name, said);
	}
	EXPECT_NE(0, access(FILE_NAME, F_OK));
}

/* getpid() of 32-bit programs, whose number is writev()'s of 64-bit ones. */
static long by_int80(void)
{
	long result;

	asm volatile("int $0x80" : "=a"(result) : "a"(20) : "r8", "r9", "r10", "r11", "memory");
	return result;
}

/* Which signal ends a child that makes a 32-bit call. */
static int int80_ends_by(bool in_sandbox)
{
	int err;
	pid_t pid = begin(&err);

	if (!pid) {
		if (in_sandbox)
			enter();
		_exit(by_int80() == getpid() ? 0 : ESCAPED);
	}
	end(pid, err);
	return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

TEST(x32_calls_kill_it)
{
	const struct call x32 = { "x32 getpid", SYS_getpid | X32_CALL, { 0 } };

	try(&x32, false);
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGSYS, WTERMSIG(status));
	EXPECT_STREQ("", said);
}

TEST(calls_of_32_bit_programs_kill_it)
{
	if (int80_ends_by(false))
		SKIP(return, "the kernel has none");
	EXPECT_EQ(SIGSYS, int80_ends_by(true));
	EXPECT_STREQ("", said);
}

#define MUST(what) do {							\
	if (!(what)) {							\
		dprintf(STDERR_FILENO, "not: %s\n", #what);		\
		_exit(3);						\
	}								\
} while (0)

/* What the launcher's files do from here on, by the C library's functions where they do. */
static void serve(void)
{
	struct timespec now;
	uint64_t count = 1;
	int fds[2];
	char *p;

	MUST(!pipe(fds));
	enter();
	MUST(write(fds[1], &count, sizeof(count)) == sizeof(count));
	MUST(read(fds[0], &count, sizeof(count)) == sizeof(count));
	MUST(poll(NULL, 0, 1) == 0);
	MUST(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now) == 0);
	MUST(ioctl(fds[0], KVM_RUN, 0) == -1 && errno == ENOTTY);
	MUST(ioctl(fds[0], KVM_IRQ_LINE, &count) == -1 && errno == ENOTTY);
	MUST(ioctl(fds[0], KVM_GET_REGS, &count) == -1 && errno == ENOTTY);
	MUST(ioctl(fds[0], KVM_GET_SREGS, &count) == -1 && errno == ENOTTY);
	MUST(ioctl(fds[0], TCSETS, &now) == -1 && errno == ENOTTY);
	p = malloc(1 << 20);
	MUST(p);
	memset(p, 1, 1 << 20);
	p = realloc(p, 8 << 20);
	MUST(p);
	free(p);
	MUST(kill(getpid(), 0) == 0);
	fail("%s", "served");
	exit(0);
}

TEST(what_serves_a_guest_is_allowed)
{
	int err;
	pid_t pid = begin(&err);

	if (!pid)
		serve();
	end(pid, err);
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
	EXPECT_STREQ("ring1: served\n", said);
}

static void *returns(void *nothing)
{
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return nothing;
}

TEST(a_thread_may_end_before_the_process)
{
	int err;
	pid_t pid = begin(&err);

	if (!pid) {
		pthread_t thread;

		pthread_barrier_init(&barrier, NULL, 2);
		MUST(!pthread_create(&thread, NULL, returns, NULL));
		pthread_barrier_wait(&barrier);
		MUST(!sandbox_enter());
		pthread_barrier_wait(&barrier);
		MUST(!pthread_join(thread, NULL));
		exit(0);
	}
	end(pid, err);
	EXPECT_EQ(0, status) TH_LOG("said: %s", said);
}

TEST(all_threads_are_in_it)
{
	int err, ready[2];
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe(ready));
	pid = begin(&err);
	if (!pid) {
		enter();
		MUST(write(ready[1], "", 1) == 1);
		poll(NULL, 0, -1);
	}
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	EXPECT_EQ(0, confined_threads(getpid()));
	EXPECT_EQ(2, confined_threads(pid));
	kill(pid, SIGKILL);
	end(pid, err);
}

TEST(a_signal_from_outside_is_no_call)
{
	int err, ready[2];
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe(ready));
	pid = begin(&err);
	if (!pid) {
		enter();
		MUST(write(ready[1], "", 1) == 1);
		poll(NULL, 0, -1);
	}
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	kill(pid, SIGSYS);
	end(pid, err);
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGSYS, WTERMSIG(status));
	EXPECT_STREQ("", said);
}

TEST(the_terminal_comes_back)
{
	struct termios mode;
	int master, slave, err;
	pid_t pid;

	ASSERT_EQ(0, openpty(&master, &slave, NULL, NULL, NULL));
	pid = begin(&err);
	if (!pid) {
		MUST(!terminal_raw(slave));
		MUST(!tcgetattr(slave, &mode) && !(mode.c_lflag & ICANON));
		enter();
		syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
		_exit(ESCAPED);
	}
	end(pid, err);
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(RING1_ERROR, WEXITSTATUS(status));
	ASSERT_EQ(0, tcgetattr(slave, &mode));
	EXPECT_NE(0, mode.c_lflag & ICANON);
	EXPECT_NE(0, mode.c_lflag & ECHO);
}

/* A filter of another kind, of which seccomp() is what a kernel without it has. */
static bool hide_seccomp(void)
{
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { .len = 4, .filter = insns };

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

TEST(without_seccomp_it_warns)
{
	int err;
	pid_t pid = begin(&err);

	if (!pid) {
		MUST(hide_seccomp());
		MUST(!sandbox_enter());
		exit(0);
	}
	end(pid, err);
	EXPECT_EQ(0, status);
	EXPECT_NE(NULL, strstr(said, "ring1: warning: "));
	EXPECT_NE(NULL, strstr(said, "without a sandbox\n")) TH_LOG("said: %s", said);
}

TEST_HARNESS_MAIN
