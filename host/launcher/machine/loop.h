/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the main thread does while the guest runs: it waits, for whoever has a descriptor.
 */
#ifndef RING1_LOOP_H
#define RING1_LOOP_H

#include <poll.h>

/* A part of the launcher with descriptors to wait for, at most so many. */
#define LOOP_CLIENT_FDS		8

struct loop_client {
	unsigned int n;
	/*
	 * Before each wait: do what is due and say what to wait for, by fd (negative: nothing)
	 * and events. Returns after how many milliseconds to be called again, or -1.
	 */
	int (*prepare)(struct pollfd *fds);
	/* After it, with what poll() says of each; also when there is nothing new. */
	void (*handle)(const struct pollfd *fds);
	/* The process was stopped, and is not any more. */
	void (*continued)(void);
};

/*
 * 0, or -1 with the reason printed. Call before any thread starts: blocks SIGCONT and the
 * signals that end the launcher, and prepares end_guest().
 */
int loop_init(void);
/* Wait and call the client until the guest has ended. */
void loop_run(const struct loop_client *client);

#endif
