// SPDX-License-Identifier: GPL-2.0-only
/*
 * A machine's first program, to learn when it came so far: says "boot TSC" on the second
 * serial port, or the console where there is none, a status of 0 on the third as the
 * rig's init does, and powers off; with an argument, not before somebody sent it a line.
 */
#include <linux/major.h>
#include <stdio.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "tsc.h"

static FILE *device(const char *path, int major, int minor)
{
	return mknod(path, S_IFCHR | 0600, makedev(major, minor)) ? NULL : fopen(path, "r+");
}

static FILE *port(int n)
{
	char path[] = "/port0";
	FILE *f;

	path[5] += n;
	f = device(path, TTY_MAJOR, 64 + n);
	if (!f)
		f = device(n == 1 ? "/console" : "/none", n == 1 ? TTYAUX_MAJOR : MEM_MAJOR,
			   n == 1 ? 1 : 3);
	if (!f)
		_exit(1);
	return f;
}

static void finish(FILE *f)
{
	fflush(f);
	tcdrain(fileno(f));
}

int main(int argc, char **argv)
{
	unsigned long long now = tsc();
	FILE *f;

	(void)argv;
	f = port(1);
	fprintf(f, "boot %llu\n", now);
	finish(f);
	if (argc > 1)
		fgetc(f);
	f = port(2);
	fprintf(f, "0\n");
	finish(f);
	reboot(RB_POWER_OFF);
}
