// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages, numbers and writes that more than one file needs. Owns no state
 * but the text buffers of size_text(), which only the main thread uses.
 */
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "launcher.h"

int fail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	flockfile(stderr);
	fputs("ring1: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	funlockfile(stderr);
	va_end(args);
	return -1;
}

int fail_usage(const char *command, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("ring1: ", stderr);
	vfprintf(stderr, fmt, args);
	fprintf(stderr, "; see `ring1 %s%s--help`\n", command, *command ? " " : "");
	va_end(args);
	return RING1_USAGE;
}

int fail_option(const char *command, int option, char **argv)
{
	return fail_usage(command, option == ':' ? "%s wants an argument" : "unknown option %s",
			  argv[optind - 1]);
}

int parse_number(const char *text, unsigned long max, unsigned long *val)
{
	char *end;

	/* strtoul() would take a sign and leading blanks. */
	if (!isdigit((unsigned char)*text))
		return -1;
	errno = 0;
	*val = strtoul(text, &end, 10);
	return errno || *end || *val > max ? -1 : 0;
}

int parse_size(const char *text, uint64_t *bytes)
{
	static const char suffixes[] = "KMGTP";
	unsigned int shift = 0;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -1;
	errno = 0;
	*bytes = strtoull(text, &end, 10);
	if (errno)
		return -1;
	if (*end) {
		const char *suffix = suffixes;

		while (*suffix && *suffix != toupper((unsigned char)*end))
			suffix++;
		if (!*suffix || end[1])
			return -1;
		shift = 10 * (suffix - suffixes + 1);
	}
	if (*bytes > UINT64_MAX >> shift)
		return -1;
	*bytes <<= shift;
	return 0;
}

const char *size_text(uint64_t bytes)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB" };
	static char texts[4][32];
	static unsigned int next;
	char *text = texts[next++ % ARRAY_SIZE(texts)];
	unsigned int unit = 0;

	while (bytes >= 10 * KIB && unit < ARRAY_SIZE(units) - 1) {
		bytes /= KIB;
		unit++;
	}
	snprintf(text, sizeof(texts[0]), "%llu %s", (unsigned long long)bytes, units[unit]);
	return text;
}

/* The descriptor may be non-blocking: whoever gave it to us shares its flags. */
int write_all(int fd, const void *buf, size_t len)
{
	const uint8_t *next = buf;

	while (len) {
		ssize_t n = write(fd, next, len);

		if (n >= 0) {
			next += n;
			len -= n;
		} else if (errno == EAGAIN) {
			struct pollfd ready = { .fd = fd, .events = POLLOUT };

			poll(&ready, 1, -1);
		} else if (errno != EINTR) {
			return -1;
		}
	}
	return 0;
}
