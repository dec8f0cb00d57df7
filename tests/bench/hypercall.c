// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the host VM: a guest that makes one hypercall after another. What its caller
 * sees of it from outside is bench/run's business.
 *
 *   hypercall NAME	abi_version (served with interrupts off), invlpg (in kvm.ko) or
 *			irq_poll (an event request, so all of vcpu_enter_guest());
 *			prints the address of the SYSCALL, then runs until it is killed
 *   hypercall NAME N	makes N of them, and prints "hypercall NAME TICKS" for one
 */
#include "machine.h"
#include "tsc.h"

CODE(code_forever, "mov %rdi, %rbx\n"
		   "1: mov %rbx, %rdi\n mov %rbp, %rax\n"
		   "code_forever_call: syscall\n jmp 1b\n");
CODE(code_times, "1: mov %rbx, %rdi\n mov %rbp, %rax\n syscall\n dec %r12\n jnz 1b\n" STOP);
extern const char code_forever_call[];

static uint64_t time_of(struct cpu *c, uint64_t n)
{
	uint64_t begin = tsc();

	c->regs.r12 = n;
	if (go_kernel(c, code_times) != STOPPED)
		die("the guest did not stop");
	return tsc() - begin;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		uint64_t nr;
	} calls[] = {
		{ "abi_version", RING1_HC_ABI_VERSION },
		{ "invlpg", RING1_HC_INVLPG },
		{ "irq_poll", RING1_HC_IRQ_POLL },
	};
	struct vm *vm = new_vm(true);
	struct cpu *c = &vm->cpu[0];
	uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 10) : 0, once;
	unsigned int i;

	pv_start(c);
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		if (argc < 2 || strcmp(argv[1], calls[i].name))
			continue;
		c->regs.rbp = calls[i].nr;
		c->regs.rbx = c->regs.rdi = KERNEL(GPA_DATA);
		if (n) {
			time_of(c, n);
			once = time_of(c, n);
			printf("hypercall %s %.1f\n", argv[1],
			       ((double)time_of(c, 2 * n) - once) / n);
			return 0;
		}
		printf("%llx\n", (long long)kernel_code(code_forever_call));
		fflush(stdout);
		go_kernel(c, code_forever);
		die("the guest stopped");
	}
	fprintf(stderr, "usage: hypercall abi_version|invlpg|irq_poll [N]\n");
	return 2;
}
