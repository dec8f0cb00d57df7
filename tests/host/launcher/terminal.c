// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    on a terminal every key reaches the guest but the escape key, which always
 *           works, and the terminal gets its mode back however the launcher ends; so it is
 *           again after a stop
 * How:      types on a pseudo-terminal and compares its mode before and after
 * Needs:    /dev/kvm of any vendor module; ring1 in $RING1 or PATH
 * Catches:  a terminal left raw, a guest that cannot be left
 */
#include "launch.h"

#define CTRL(key)	((key) & 0x1f)

#define STARTED_ON_TERMINAL(options) do {				\
	ASSERT_LT(0, start_on_terminal(self, options));			\
	ASSERT_EQ(0, tcgetattr(self->in, &before));			\
} while (0)

#define TERMINAL_IS_BACK() do {						\
	struct termios _after;						\
									\
	ASSERT_EQ(0, tcgetattr(self->in, &_after));			\
	EXPECT_EQ(before.c_lflag, _after.c_lflag);			\
	EXPECT_EQ(before.c_iflag, _after.c_iflag);			\
	EXPECT_EQ(before.c_oflag, _after.c_oflag);			\
	EXPECT_EQ(before.c_cflag, _after.c_cflag);			\
} while (0)

/* The other side of the terminal has no end of file: do not read it to the end. */
#define ENDS_ON_TERMINAL(status, says) do {				\
	self->out = open("/dev/null", O_RDONLY);			\
	ENDS(status, says);						\
} while (0)

static void type(LAUNCH *self, const char *keys, size_t len)
{
	if (write(self->in, keys, len) != (ssize_t)len)
		abort();
}

static bool is_raw(LAUNCH *self)
{
	struct termios now;

	return !tcgetattr(self->in, &now) && !(now.c_lflag & (ICANON | ECHO | ISIG));
}

TEST_F(run, escape_key_ends_it)
{
	struct termios before;

	STARTED_ON_TERMINAL(DO("halt"));
	ASSERT_TRUE(wait_for(self, "halting\r\n"));
	EXPECT_TRUE(is_raw(self));
	type(self, (char[]){ CTRL('a'), 'x' }, 2);
	ENDS_ON_TERMINAL(130, "ended by Ctrl-A x");
	TERMINAL_IS_BACK();
}

TEST_F(run, terminal_may_be_on_another_port)
{
	struct termios before;

	STARTED_ON_TERMINAL(DO("2", "--serial", "null", "--serial", "stdio"));
	EXPECT_TRUE(wait_for(self, "to COM2"));
	ENDS_ON_TERMINAL(0, "powered off");
	EXPECT_EQ(NULL, strstr(self->text, "to COM1"));
	TERMINAL_IS_BACK();
}

TEST_F(run, escape_key_works_after_unread_input)
{
	struct termios before;
	int i;

	STARTED_ON_TERMINAL(DO("halt"));
	ASSERT_TRUE(wait_for(self, "halting\r\n"));
	for (i = 0; i < 500; i++)
		type(self, "twenty characters...", 20);
	type(self, (char[]){ CTRL('a'), 'x' }, 2);
	ENDS_ON_TERMINAL(130, "ended by Ctrl-A x");
	TERMINAL_IS_BACK();
}

TEST_F(run, other_keys_reach_the_guest)
{
	static const char keys[] = {
		'a', CTRL('c'), CTRL('z'), CTRL('a'), CTRL('a'), CTRL('a'), 'h', 'b', CTRL('d'),
	};
	struct termios before;

	STARTED_ON_TERMINAL(DO("echo"));
	ASSERT_TRUE(wait_for(self, "ready"));
	type(self, keys, sizeof(keys));
	ASSERT_TRUE(wait_for(self, "b"));
	EXPECT_NE(NULL, strstr(self->text, (char[]){ 'a', 3, 26, 1, 'b', 0 }));
	self->out = open("/dev/null", O_RDONLY);
	EXPECT_EQ(0, finish(self));
	EXPECT_NE(NULL, strstr(self->said, "Ctrl-A x ends the guest"));
	TERMINAL_IS_BACK();
}

TEST_F(run, terminal_is_back_after_a_signal)
{
	struct termios before;

	STARTED_ON_TERMINAL(DO("halt"));
	ASSERT_TRUE(wait_for(self, "halting\r\n"));
	kill(self->pid, SIGTERM);
	ENDS_ON_TERMINAL(128 + SIGTERM, "ended by signal 15");
	TERMINAL_IS_BACK();
}

TEST_F(run, terminal_is_back_after_a_crash_of_the_launcher)
{
	struct termios before;

	STARTED_ON_TERMINAL(DO("halt"));
	ASSERT_TRUE(wait_for(self, "halting\r\n"));
	EXPECT_TRUE(is_raw(self));
	kill(self->pid, SIGSEGV);
	self->out = open("/dev/null", O_RDONLY);
	EXPECT_EQ(-SIGSEGV, finish(self));
	TERMINAL_IS_BACK();
}

static bool becomes_raw(LAUNCH *self)
{
	int i;

	for (i = 0; i < 200 && !is_raw(self); i++)
		usleep(100000);
	return is_raw(self);
}

/* Any stop from outside, with a shell that sets its own mode in between. */
TEST_F(run, stopped_and_continued_it_is_raw_again)
{
	static const char keys[] = { 'a', CTRL('c'), CTRL('z'), 'b' };
	struct termios before;
	int i, status;

	STARTED_ON_TERMINAL(DO("echo"));
	ASSERT_TRUE(wait_for(self, "ready"));
	for (i = 0; i < 2; i++) {
		kill(self->pid, SIGSTOP);
		ASSERT_EQ(self->pid, waitpid(self->pid, &status, WUNTRACED));
		ASSERT_TRUE(WIFSTOPPED(status));
		ASSERT_EQ(0, tcsetattr(self->in, TCSANOW, &before));
		kill(self->pid, SIGCONT);
		ASSERT_TRUE(becomes_raw(self));
	}
	/* At once, without Enter, and once: the payload echoes, the terminal does not. */
	self->len = 0;
	type(self, keys, sizeof(keys));
	ASSERT_TRUE(wait_for(self, "b"));
	EXPECT_EQ(0, memcmp(self->text, keys, sizeof(keys)));
	type(self, (char[]){ CTRL('a'), 'x' }, 2);
	ENDS_ON_TERMINAL(130, "ended by Ctrl-A x");
	TERMINAL_IS_BACK();
}

/*
 * In the child: a shell that has started the launcher in the background, and continues it
 * there. Ends with how often it was stopped for wanting the terminal.
 */
static void shell(const char *kernel, char *const *options)
{
	int i, status, stops = 0;
	struct termios own, now;
	pid_t job;

	signal(SIGTTOU, SIG_IGN);
	tcgetattr(STDIN_FILENO, &own);
	job = fork();
	if (!job) {
		setpgid(0, 0);
		signal(SIGTTOU, SIG_DFL);
		exec_ring1(kernel, options);
	}
	setpgid(job, job);
	for (i = 0; i < 2; i++) {
		if (waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status) &&
		    WSTOPSIG(status) == SIGTTOU)
			stops++;
		tcgetattr(STDIN_FILENO, &now);
		if (own.c_lflag != now.c_lflag || own.c_iflag != now.c_iflag)
			stops = 10;
		kill(job, SIGCONT);
	}
	kill(job, SIGKILL);
	_exit(stops);
}

TEST_F(run, in_the_background_it_leaves_the_shells_terminal_alone)
{
	int status;

	self->pid = forkpty(&self->in, NULL, NULL, NULL);
	if (!self->pid)
		shell(self->kernel, DO("halt"));
	ASSERT_EQ(self->pid, waitpid(self->pid, &status, 0));
	self->pid = 0;
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(2, WEXITSTATUS(status));
}

TEST_F(run, hangup_ends_it)
{
	struct termios before;

	STARTED_ON_TERMINAL(DO("halt"));
	ASSERT_TRUE(wait_for(self, "halting\r\n"));
	close(self->in);
	ENDS_ON_TERMINAL(128 + SIGHUP, "ended by signal 1");
}

TEST_HARNESS_MAIN
