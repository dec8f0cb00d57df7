// SPDX-License-Identifier: GPL-2.0-only
/*
 * The main thread's wait: for the guest's end, for the signals that end the launcher or tell
 * that it was stopped, and for what its client has to wait for. Sleeps when there is nothing
 * to do. Does not know what the client's descriptors are (devices/console.c).
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "launcher.h"
#include "machine/end.h"
#include "machine/loop.h"

enum loop_fd { FD_END, FD_SIGNAL, FD_CLIENT };

static int end_fd = -1;
static int signal_fd = -1;

int loop_init(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCONT };
	sigset_t set;
	unsigned int i;

	end_fd = end_init();
	if (end_fd < 0)
		return -1;
	sigemptyset(&set);
	for (i = 0; i < ARRAY_SIZE(signals); i++) {
		struct sigaction old;

		/* Ignored by whoever started us, nohup for one: then it stays so. */
		if (sigaction(signals[i], NULL, &old) || old.sa_handler != SIG_IGN)
			sigaddset(&set, signals[i]);
	}
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (signal_fd < 0)
		return fail("cannot create a descriptor for signals: %s", strerror(errno));
	return 0;
}

static void handle_signal(const struct loop_client *client)
{
	struct signalfd_siginfo info;

	if (read(signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGCONT)
		client->continued();
	else
		end_guest(RING1_SIGNAL + info.ssi_signo, "ended by signal %u (%s)",
			  info.ssi_signo, strsignal(info.ssi_signo));
}

void loop_run(const struct loop_client *client)
{
	while (!guest_ended()) {
		struct pollfd fds[FD_CLIENT + LOOP_CLIENT_FDS] = {
			[FD_END] = { .fd = end_fd, .events = POLLIN },
			[FD_SIGNAL] = { .fd = signal_fd, .events = POLLIN },
		};
		int timeout = client->prepare(fds + FD_CLIENT);

		/* poll() passes over negative descriptors. */
		if (poll(fds, FD_CLIENT + client->n, timeout) < 0 && errno != EINTR) {
			end_guest(RING1_ERROR, "cannot wait for input: %s", strerror(errno));
			break;
		}
		if (fds[FD_SIGNAL].revents)
			handle_signal(client);
		client->handle(fds + FD_CLIENT);
	}
}
