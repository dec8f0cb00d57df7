/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs that a test carries in itself, because a batch puts one file per test into
 * the machine, and runs as they are.
 */
#ifndef EMBEDDED_H
#define EMBEDDED_H

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* EMBED(name, "path"): embedded_name to embedded_end_name. */
#define EMBED(name, path)							\
	asm(".pushsection .rodata\n"						\
	    "embedded_" #name ": .incbin \"" path "\"\n"			\
	    "embedded_end_" #name ": .popsection");				\
	extern const char embedded_##name[], embedded_end_##name[]

static inline int embedded_file(const char *image, const char *end)
{
	int fd = syscall(SYS_memfd_create, "embedded", 0);

	while (fd >= 0 && image < end) {
		ssize_t n = write(fd, image, end - image);

		if (n <= 0)
			return -1;
		image += n;
	}
	return fd;
}

/* The program's wait status, or -1. What it prints is in @log. */
static inline int embedded_run(const char *image, const char *end, FILE *log)
{
	int fd = embedded_file(image, end), status;
	char path[32];
	pid_t pid;

	if (fd < 0)
		return -1;
	/* By path: a program that executes itself again finds no closed descriptor. */
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), fd);
	pid = fork();
	if (!pid) {
		dup2(fileno(log), STDOUT_FILENO);
		dup2(fileno(log), STDERR_FILENO);
		execl(path, "embedded", NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		status = -1;
	close(fd);
	return status;
}

/* As TAP's comments: some programs print TAP of their own. */
static inline void embedded_show(FILE *log)
{
	char line[512];

	rewind(log);
	while (fgets(line, sizeof(line), log))
		fprintf(stderr, "# %.*s\n", (int)strcspn(line, "\n"), line);
}

#endif /* EMBEDDED_H */
