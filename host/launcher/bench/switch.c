// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations of `ring1 bench` in which two processes take turns.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/futex.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/bench.h"

#define LINE	64
#define SET	65536

/* What one side says the other repeats, until the first one closes. */
static void echo(int from, int to)
{
	char byte;

	while (read(from, &byte, 1) == 1 && write(to, &byte, 1) == 1)
		;
	_exit(0);
}

static void talk(int to, int from, unsigned int n)
{
	char byte = 0;

	while (n--)
		if (write(to, &byte, 1) != 1 || read(from, &byte, 1) != 1)
			bench_cannot("the other process went away");
}

void bench_pipe(unsigned int n)
{
	int to[2], from[2];
	pid_t child;

	if (pipe(to) || pipe(from))
		bench_cannot("no pipe: %s", strerror(errno));
	child = fork();
	if (!child) {
		close(to[1]);
		echo(to[0], from[1]);
	}
	talk(to[1], from[0], n);
	close(to[1]);
	bench_reap(child);
	close(to[0]);
	close(from[0]);
	close(from[1]);
}

static int tcp_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	if (fd < 0)
		bench_cannot("no TCP socket: %s", strerror(errno));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static void do_tcp(unsigned int n)
{
	struct sockaddr_in here = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr *name = (struct sockaddr *)&here;
	int listener = tcp_socket(), fd = tcp_socket();
	socklen_t size = sizeof(here);
	pid_t child;

	if (bind(listener, name, size) || listen(listener, 1) || getsockname(listener, name, &size))
		bench_cannot("no TCP at the loopback interface: %s", strerror(errno));
	child = fork();
	if (!child) {
		int on = 1, other = accept(listener, NULL, NULL);

		close(fd);
		setsockopt(other, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		echo(other, other);
	}
	if (connect(fd, name, size)) {
		kill(child, SIGKILL);
		bench_cannot("the loopback interface does not connect: %s", strerror(errno));
	}
	talk(fd, fd, n);
	close(fd);
	bench_reap(child);
	close(listener);
}

static void use(volatile char *set, size_t size)
{
	size_t i;

	for (i = 0; i < size; i += LINE)
		set[i]++;
}

/* Each yield of the one runs the other. */
static void yield(unsigned int n, size_t size)
{
	static char set[SET];
	pid_t child = fork();

	if (!child) {
		for (;;) {
			use(set, size);
			sched_yield();
		}
	}
	while (n--) {
		use(set, size);
		sched_yield();
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static void do_yield(unsigned int n)
{
	yield(n, 0);
}

static void do_yield_64k(unsigned int n)
{
	yield(n, SET);
}

/* Whose turn it is. */
static int turn;

static void futex(int op, int value)
{
	syscall(SYS_futex, &turn, op | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

static void take_turns(int mine, unsigned int n)
{
	bench_pin(mine);
	while (n--) {
		while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != mine)
			futex(FUTEX_WAIT, !mine);
		__atomic_store_n(&turn, !mine, __ATOMIC_RELEASE);
		futex(FUTEX_WAKE, 1);
	}
}

static void *second(void *n)
{
	take_turns(1, *(unsigned int *)n);
	return NULL;
}

static void do_futex(unsigned int n)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, second, &n))
		bench_cannot("no new thread");
	take_turns(0, n);
	pthread_join(thread, NULL);
}

const struct operation bench_switch[] = {
	{
		.name = "pipe_round_trip",
		.what = "a byte to another process and back, by pipes, on one CPU",
		.n = 500,
		.run = bench_pipe,
		.parallel = true,
	},
	{
		.name = "context_switch",
		.what = "sched_yield() to another process and its to this one",
		.n = 1000,
		.run = do_yield,
	},
	{
		.name = "context_switch_64K",
		.what = "the same, and each uses 64 KiB",
		.n = 200,
		.run = do_yield_64k,
	},
	{
		.name = "futex",
		.what = "wakes a thread on another CPU and is woken by it",
		.n = 200,
		.run = do_futex,
		.cpus = 2,
	},
	{
		.name = "tcp_round_trip",
		.what = "the same as pipe_round_trip, by TCP on the loopback interface",
		.n = 200,
		.run = do_tcp,
	},
	{ }
};
