// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the mode of the user's terminal. Raw means that each key reaches the
 * guest at once and unchanged; output processing stays on, so that messages
 * of the launcher keep their line ends.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "devices/terminal.h"
#include "launcher.h"

static struct termios cooked, raw;
static volatile sig_atomic_t raw_fd = -1;

void terminal_restore(void)
{
	int fd = raw_fd;

	if (fd < 0)
		return;
	raw_fd = -1;
	tcsetattr(fd, TCSANOW, &cooked);
}

static void crashed(int sig)
{
	terminal_restore();
	/* SA_RESETHAND has brought the default action back. Not raise(): see sandbox.c. */
	kill(getpid(), sig);
}

static void catch_crashes(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS };
	struct sigaction action = { .sa_handler = crashed, .sa_flags = SA_RESETHAND };
	unsigned int i;

	sigemptyset(&action.sa_mask);
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &action, NULL);
}

int terminal_raw(int fd)
{
	if (tcgetattr(fd, &cooked))
		return fail("cannot read the terminal's mode: %s", strerror(errno));
	catch_crashes();
	atexit(terminal_restore);

	raw = cooked;
	raw.c_iflag &= ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
	raw.c_lflag &= ~(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
	raw.c_cflag = (raw.c_cflag & ~(CSIZE | PARENB)) | CS8;
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	raw_fd = fd;
	if (tcsetattr(fd, TCSANOW, &raw))
		return fail("cannot set the terminal's mode: %s", strerror(errno));
	return 0;
}

void terminal_raw_again(void)
{
	if (raw_fd >= 0)
		tcsetattr(raw_fd, TCSANOW, &raw);
}
