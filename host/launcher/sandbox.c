// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is left to `ring1 run` once its guest runs: the system calls that serve it and say how
 * it ended. Whoever gets from a guest into this process can open, start and reach nothing that
 * it did not have open. Not the fence between guest and host, which is KVM's and the monitor's.
 *
 * A call that is not in the list below does not happen; the process then says which it was,
 * puts the terminal back and ends. If that is ring1's own, the list lacks a row. What no
 * program built as this one does, calls of the 32-bit and x32 kind, ends it without a word.
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>

#include "devices/terminal.h"
#include "launcher.h"

#define X32_CALL	0x40000000	/* a bit of the number; the architecture is the same */

enum condition { ALWAYS, IF_EQUAL, IF_NO_BIT_OF, IF_OWN_PID };

/* Arguments count from 0. Their upper halves are not looked at: the kernel takes ints here. */
struct rule {
	unsigned int call;
	enum condition condition;
	unsigned int arg;
	uint32_t val;
};

/* The most frequent ones first: the kernel goes through them at each call. */
static const struct rule rules[] = {
	/* vCPUs, and where one is when it ends; interrupts */
	{ SYS_ioctl, IF_EQUAL, 1, KVM_RUN },
	{ SYS_ioctl, IF_EQUAL, 1, KVM_IRQ_LINE },
	{ SYS_ioctl, IF_EQUAL, 1, KVM_GET_REGS },
	{ SYS_ioctl, IF_EQUAL, 1, KVM_GET_SREGS },
	/* after a stop: the vCPUs', and the kernel's way to go on with poll() */
	{ SYS_ioctl, IF_EQUAL, 1, KVM_KVMCLOCK_CTRL },
	{ SYS_restart_syscall, ALWAYS, 0, 0 },
	/* input, output, messages */
	{ SYS_write, ALWAYS, 0, 0 },
	{ SYS_writev, ALWAYS, 0, 0 },
	{ SYS_read, ALWAYS, 0, 0 },
	{ SYS_poll, ALWAYS, 0, 0 },
	/* the guest's clocks, where the vDSO has none */
	{ SYS_clock_gettime, ALWAYS, 0, 0 },
	/* locks between threads, and a thread's end */
	{ SYS_futex, ALWAYS, 0, 0 },
	{ SYS_rt_sigprocmask, ALWAYS, 0, 0 },
	{ SYS_exit, ALWAYS, 0, 0 },
	/* malloc(); with no code */
	{ SYS_brk, ALWAYS, 0, 0 },
	{ SYS_mmap, IF_NO_BIT_OF, 2, PROT_EXEC },
	{ SYS_mprotect, IF_NO_BIT_OF, 2, PROT_EXEC },
	{ SYS_mremap, ALWAYS, 0, 0 },
	{ SYS_munmap, ALWAYS, 0, 0 },
	{ SYS_madvise, ALWAYS, 0, 0 },
	/* the terminal's mode, a signal passed on to whom it was for, the end */
	{ SYS_ioctl, IF_EQUAL, 1, TCSETS },
	{ SYS_rt_sigreturn, ALWAYS, 0, 0 },
	{ SYS_getpid, ALWAYS, 0, 0 },
	{ SYS_kill, IF_OWN_PID, 0, 0 },
	{ SYS_exit_group, ALWAYS, 0, 0 },
};

#define PER_RULE	5
#define MAX_FILTER	(6 + PER_RULE * ARRAY_SIZE(rules) + 1)

struct program {
	struct sock_filter insns[MAX_FILTER];
	unsigned short n;
};

static void emit(struct program *p, uint16_t code, uint32_t val, uint8_t if_so, uint8_t if_not)
{
	p->insns[p->n++] = (struct sock_filter){
		.code = code, .k = val, .jt = if_so, .jf = if_not,
	};
}

static void load(struct program *p, size_t offset)
{
	emit(p, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
}

static void answer(struct program *p, uint32_t action)
{
	emit(p, BPF_RET | BPF_K, action, 0, 0);
}

/* Allow the call in the accumulator if it is the rule's; else leave it there. */
static void emit_rule(struct program *p, const struct rule *rule)
{
	if (rule->condition == ALWAYS) {
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, rule->call, 0, 1);
		answer(p, SECCOMP_RET_ALLOW);
		return;
	}
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, rule->call, 0, PER_RULE - 1);
	load(p, offsetof(struct seccomp_data, args[rule->arg]));
	if (rule->condition == IF_NO_BIT_OF)
		emit(p, BPF_JMP | BPF_JSET | BPF_K, rule->val, 1, 0);
	else
		emit(p, BPF_JMP | BPF_JEQ | BPF_K,
		     rule->condition == IF_OWN_PID ? (uint32_t)getpid() : rule->val, 0, 1);
	answer(p, SECCOMP_RET_ALLOW);
	load(p, offsetof(struct seccomp_data, nr));
}

static void build(struct program *p)
{
	unsigned int i;

	load(p, offsetof(struct seccomp_data, arch));
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	answer(p, SECCOMP_RET_KILL_PROCESS);
	load(p, offsetof(struct seccomp_data, nr));
	emit(p, BPF_JMP | BPF_JSET | BPF_K, X32_CALL, 0, 1);
	answer(p, SECCOMP_RET_KILL_PROCESS);
	for (i = 0; i < ARRAY_SIZE(rules); i++)
		emit_rule(p, &rules[i]);
	answer(p, SECCOMP_RET_TRAP);
}

/* In the thread that made the call, and in place of it. */
static void forbidden(int sig, siginfo_t *info, void *context)
{
	char text[128];
	int len;

	(void)context;
	terminal_restore();
	if (info->si_code != SYS_SECCOMP) {
		/* Somebody's signal. SA_RESETHAND has brought the default action back. */
		kill(getpid(), sig);
		return;
	}
	len = snprintf(text, sizeof(text),
		       "ring1: stopped at system call %d, which its sandbox does not allow; please report this\n",
		       info->si_syscall);
	write_all(STDERR_FILENO, text, len);
	_exit(RING1_ERROR);
}

int sandbox_enter(void)
{
	struct sigaction action = {
		.sa_sigaction = forbidden, .sa_flags = SA_SIGINFO | SA_RESETHAND,
	};
	struct program program = { .n = 0 };
	struct sock_fprog filter = { .filter = program.insns };

	build(&program);
	filter.len = program.n;
	sigemptyset(&action.sa_mask);
	sigaction(SIGSYS, &action, NULL);
	/* All threads, and what the filter stops goes into the kernel's log as well. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		    SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG, &filter)) {
		if (errno != ENOSYS && errno != EINVAL)
			return fail("cannot enter the sandbox: %s", strerror(errno));
		fail("warning: this kernel has no seccomp (CONFIG_SECCOMP_FILTER), so the guest is served without a sandbox");
	}
	return 0;
}
