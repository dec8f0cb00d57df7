// SPDX-License-Identifier: GPL-2.0-only
/*
 * How the guest ended: kept from the thread that found out first until the
 * main thread has put the terminal back and can say it.
 */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "machine/end.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool ended;
static enum ring1_status end_status;
static char end_text[512];
static int end_fd = -1;

int end_init(void)
{
	end_fd = eventfd(0, EFD_CLOEXEC);
	if (end_fd < 0)
		return fail("cannot create an eventfd: %s", strerror(errno));
	return end_fd;
}

void end_guest(enum ring1_status status, const char *fmt, ...)
{
	const uint64_t one = 1;
	va_list args;

	pthread_mutex_lock(&lock);
	if (!ended) {
		ended = true;
		end_status = status;
		va_start(args, fmt);
		vsnprintf(end_text, sizeof(end_text), fmt, args);
		va_end(args);
		write_all(end_fd, &one, sizeof(one));
	}
	pthread_mutex_unlock(&lock);
}

bool guest_ended(void)
{
	return ended;
}

enum ring1_status end_report(void)
{
	enum ring1_status status;

	pthread_mutex_lock(&lock);
	status = end_status;
	fail("%s", end_text);
	pthread_mutex_unlock(&lock);
	return status;
}
