/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Debian's libvirt, its daemons started as they are in a host VM that has no systemd, and virsh
 * as a person runs it. Owns what Debian's packages do to a host when they are installed, and the
 * daemons, which outlive a test. A domain's console is that of lib/qemu.h: the QEMU there is
 * virsh, on a terminal. All of it is in /share, by SHARE=build/qemu (tests/rig/build/qemu-root).
 */
#ifndef TEST_LIBVIRT_H
#define TEST_LIBVIRT_H

#include <pty.h>
#include <termios.h>

#include "embedded.h"
#include "qemu.h"

#define IMAGES	"/var/lib/libvirt/images"
#define OUTPUT	(64 * 1024)

EMBED(guest, GUEST_XML);

/* A command for the shell; what it prints is in said[] and, if it fails, a comment. */
static char said[OUTPUT];

static inline bool shell(const char *format, ...)
{
	char command[1024];
	va_list args;
	size_t n = 0;
	FILE *f;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	strncat(command, " 2>&1", sizeof(command) - strlen(command) - 1);
	f = popen(command, "re");
	if (f)
		n = fread(said, 1, sizeof(said) - 1, f);
	said[n] = '\0';
	if (f && !pclose(f))
		return true;
	print_comment(command, said);
	return false;
}

#define virsh(format, ...) shell("virsh " format, ##__VA_ARGS__)

/*
 * The user that QEMU runs as, and the group that may have /dev/kvm: libvirt-daemon-system and
 * udev see to these on a host.
 */
static inline bool installed(void)
{
	return shell("mkdir -p /etc /run/lock /var/log/libvirt " IMAGES) &&
	       shell("ln -s /run /var/run && ln -s /run/lock /var/lock") &&
	       shell("echo root:x:0:0::/root:/bin/sh >/etc/passwd") &&
	       shell("echo libvirt-qemu:x:64055:103::/var/lib/libvirt:/bin/false >>/etc/passwd") &&
	       shell("printf 'root:x:0:\\nkvm:x:103:\\nlibvirt-qemu:x:64055:\\n' >/etc/group") &&
	       shell("chgrp kvm /dev/kvm && chmod 660 /dev/kvm") &&
	       shell("hostname host && mount -t cgroup2 cgroup2 /sys/fs/cgroup") &&
	       shell("cp /ring1/bzImage /ring1/initrd " IMAGES);
}

static inline bool libvirt_runs(void)
{
	/* libvirtd looks for QEMU there. */
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	if (access("/usr/sbin/libvirtd", X_OK)) {
		printf("# no libvirt in /share: make check-qemu puts it there\n");
		return false;
	}
	if (access(IMAGES, F_OK) && !(installed() && shell("virtlogd -d")))
		return false;
	return !access("/run/libvirt/libvirt-sock", F_OK) || shell("libvirtd -d");
}

/* Defines guest.xml's domain, by a name and with sed's changes; what is left of one goes. */
static inline bool define(const char *name, const char *changes)
{
	FILE *f = fopen("guest.xml", "we");
	size_t size = embedded_end_guest - embedded_guest;
	bool written = f && fwrite(embedded_guest, 1, size, f) == size;
	char path[64];

	if (!f || fclose(f) || !written)
		return false;
	snprintf(path, sizeof(path), "/etc/libvirt/qemu/%s.xml", name);
	if (!access(path, F_OK)) {
		shell("! virsh list --name | grep -qx %s || virsh destroy %s", name, name);
		virsh("undefine --managed-save %s", name);
	}
	return shell("truncate -s 16M " IMAGES "/%s.img", name) &&
	       shell("sed -e 's/>ring1</>%s</; s/ring1.img/%s.img/' -e '%s' guest.xml >%s.xml",
		     name, name, changes, name) &&
	       virsh("define %s.xml", name);
}

/*
 * virsh on a terminal of its own, in a mode for a console before this returns: what is typed before
 * that would be thrown away.
 */
static inline bool has_console(QEMU *self, const char *command, const char *name)
{
	double until = seconds() + self->patience;
	struct termios mode;

	forget_text(self);
	self->pid = forkpty(&self->console, NULL, NULL, NULL);
	if (!self->pid) {
		if (!strcmp(command, "start"))
			execlp("virsh", "virsh", "start", name, "--console", NULL);
		else
			execlp("virsh", "virsh", command, name, NULL);
		_exit(99);
	}
	while (seconds() < until) {
		if (!tcgetattr(self->console, &mode) && !(mode.c_lflag & ICANON))
			return true;
		if (!read_console(self, seconds() + 0.05))
			usleep(50000);
	}
	explain(self);
	return false;
}

/* A domain of this name and with these changes, with its console as self's, at the prompt. */
#define STARTED_DOMAIN(name, changes) do {				\
	ASSERT_TRUE(libvirt_runs());					\
	ASSERT_TRUE(define(name, changes));				\
	ASSERT_TRUE(has_console(self, "start", name));			\
	ASSERT_TRUE(at_prompt(self));					\
} while (0)

/* Whether the guest's shell is there, whose prompt was printed before. */
static inline bool still_at_prompt(QEMU *self)
{
	return give(self, "\n") && at_prompt(self);
}

static inline bool is_in_state(const char *name, const char *state)
{
	return virsh("domstate %s", name) && !strncmp(said, state, strlen(state)) &&
	       said[strlen(state)] == '\n';
}

/* Of the process that is the domain. */
static inline pid_t process(const char *name)
{
	return shell("cat /run/libvirt/qemu/%s.pid", name) ? atoi(said) : 0;
}

static inline void print_domain_exits(const char *name, const char *when)
{
	QEMU domain = { .pid = process(name) };

	print_exits(&domain, when);
}

#endif
