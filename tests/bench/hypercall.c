// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the host VM: a guest that does one thing after another for which it has to leave its
 * world. What its caller sees of it from outside is bench/quick's business.
 *
 *   hypercall NAME	prints two addresses of the guest's, of the instruction that begins
 *			such a thing and of the one that is next when it is done; then runs
 *			until it is killed
 *   hypercall NAME N	makes N of them, and prints "hypercall NAME TICKS" for one; for
 *			hypercalls
 *
 * NAME is a hypercall: abi_version (served with interrupts off), invlpg (in kvm.ko),
 * irq_poll (an event request, so all of vcpu_enter_guest()), wrmsr (of the local APIC: EOI
 * without an interrupt); or page_fault, one that KVM's shadow tables alone lack, from the
 * access until it succeeds; or interrupt, from the hypercall that sends the processor one
 * until it is at its entry point.
 */
#include "machine.h"
#include "tsc.h"

#define MSR_APIC_BASE	0x1b
#define APIC_BASE_X2	0xfee00d00	/* enabled, x2APIC, boot processor */
#define MSR_EOI		"0x80b"
#define MSR_SELF_IPI	"0x83f"
#define VECTOR		"0x50"
#define FRAME_IP	"64"		/* offsets in the shared page, of the first frame */
#define FRAME_BUSY	"120"

_Static_assert(RING1_PAGE_FRAME(RING1_EVENT_NORMAL) + RING1_FRAME_IP == 64 &&
	       RING1_PAGE_FRAME(RING1_EVENT_NORMAL) + RING1_FRAME_BUSY == 120, "frame");

/* RBP is the number, RBX the first argument. */
CODE(code_forever, "1: mov %rbx, %rdi\n mov $0, %esi\n mov %rbp, %rax\n"
		   "code_forever_begin: syscall\n code_forever_end: jmp 1b\n");
CODE(code_times, "1: mov %rbx, %rdi\n mov $0, %esi\n mov %rbp, %rax\n syscall\n"
		 "dec %r12\n jnz 1b\n" STOP);
/* The page at RBX, whose entry R14 is at R13; RBP is invlpg's number. */
CODE(code_faults, "1: movq $0, (%r13)\n mov %rbx, %rdi\n mov %rbp, %rax\n syscall\n"
		  "mov %r14, (%r13)\n"
		  "code_faults_begin: mov (%rbx), %al\n code_faults_end: jmp 1b\n");
/* RBP is wrmsr's number. The handler ends what it was sent, and returns. */
CODE(code_interrupts, "1: movl $0x200, %gs:0\n mov $" MSR_SELF_IPI ", %edi\n"
		      "mov $" VECTOR ", %esi\n mov %rbp, %rax\n"
		      "code_interrupts_begin: syscall\n jmp 1b\n");
CODE(code_handler, "movq $0, %gs:" FRAME_BUSY "\n mov $" MSR_EOI ", %edi\n mov $0, %esi\n"
		   "mov %rbp, %rax\n syscall\n jmp *%gs:" FRAME_IP "\n");
extern const char code_forever_begin[], code_forever_end[], code_faults_begin[],
		  code_faults_end[], code_interrupts_begin[];

static uint64_t time_of(struct cpu *c, uint64_t n)
{
	uint64_t begin = tsc();

	c->regs.r12 = n;
	if (go_kernel(c, code_times) != STOPPED)
		die("the guest did not stop");
	return tsc() - begin;
}

static void use_x2apic(struct cpu *c)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} base = {
		.head.nmsrs = 1,
		.entry = { .index = MSR_APIC_BASE, .data = APIC_BASE_X2 },
	};

	if (ioctl(c->fd, KVM_SET_MSRS, &base) != 1)
		die("KVM_SET_MSRS");
}

static void forever(struct cpu *c, const char *code, uint64_t begin, uint64_t end)
{
	printf("%llx\n%llx\n", (long long)begin, (long long)end);
	fflush(stdout);
	go_kernel(c, code);
	die("the guest stopped");
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		uint64_t nr;
		uint64_t arg;
	} calls[] = {
		{ "abi_version", RING1_HC_ABI_VERSION, 0 },
		{ "invlpg", RING1_HC_INVLPG, KERNEL(GPA_DATA) },
		{ "irq_poll", RING1_HC_IRQ_POLL, 0 },
		{ "wrmsr", RING1_HC_WRMSR, 0x80b },
	};
	struct vm *vm = new_vm(true);
	struct cpu *c = &vm->cpu[0];
	uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 10) : 0, once, *entry;
	unsigned int i;

	if (argc < 2)
		goto usage;
	use_x2apic(c);
	pv_start(c);
	for (i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		if (strcmp(argv[1], calls[i].name))
			continue;
		c->regs.rbp = calls[i].nr;
		c->regs.rbx = calls[i].arg;
		if (!n)
			forever(c, code_forever, kernel_code(code_forever_begin),
				kernel_code(code_forever_end));
		time_of(c, n);
		once = time_of(c, n);
		printf("hypercall %s %.1f\n", argv[1], ((double)time_of(c, 2 * n) - once) / n);
		return 0;
	}
	if (!strcmp(argv[1], "page_fault")) {
		entry = pte(vm, KERNEL(GPA_DATA));
		c->regs.rbp = RING1_HC_INVLPG;
		c->regs.rbx = KERNEL(GPA_DATA);
		c->regs.r13 = KERNEL(gpa_of(vm, entry));
		c->regs.r14 = *entry;
		forever(c, code_faults, kernel_code(code_faults_begin),
			kernel_code(code_faults_end));
	}
	if (!strcmp(argv[1], "interrupt")) {
		c->page->setup.entry_kernel = kernel_code(code_handler);
		if (HYPERCALL(c, VCPU_REGISTER, c->page_gpa))
			die("vcpu_register");
		c->regs.rbp = RING1_HC_WRMSR;
		forever(c, code_interrupts, kernel_code(code_interrupts_begin),
			kernel_code(code_handler));
	}
usage:
	fprintf(stderr, "usage: hypercall abi_version|invlpg|irq_poll|wrmsr [N]\n"
			"       hypercall page_fault|interrupt\n");
	return 2;
}
