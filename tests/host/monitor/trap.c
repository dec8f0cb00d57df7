// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    a trap guest's kernel and user make INT n by the guest's own gates, and its
 *           hypercalls are KVM's; what faults on the way of an event is the next event;
 *           what the guest cannot have, it is told so
 * How:      INT n from both rings and in the shadow of STI; gates and stacks that are not
 *           there; VMCALL, VMMCALL and what Hyper-V's page has; CPUID with the prefix; the
 *           MSRs of the TSC
 * Catches:  an INT n that ends in #GP, a stack that is gone and becomes a double fault where
 *           the processor has none, a feature that ends the guest when it is used
 */
#include "machine.h"

#define KVM_FEATURES	0x40000001
#define NEED_HYPERCALLS	(1u << 7 | 1u << 11 | 1u << 13 | 1u << 16)
#define POLL_IRQ	1		/* KVM_HC_VAPIC_POLL_IRQ: does nothing, and succeeds */
#define TSC		0x10
#define TSC_ADJUST	0x3b

#define GUEST_OS_ID	0x40000000	/* Hyper-V's MSRs */
#define HYPERCALL_PAGE	0x40000001
#define HV_INVALID_CODE	2

CODE(int_n, "int $0x21\n mov $7, %ebx\n" STOP);
CODE(user_int_n, "int $0x21\n ud2\n");
CODE(user_int_80, "int $0x80\n ud2\n");
CODE(back, "inc %ecx\n iretq\n");
CODE(shadow_int_n, "sti\n int $0x21\n mov $7, %ebx\n" STOP);
CODE(shadow_int3, "sti\n int3\n mov $7, %ebx\n" STOP);
CODE(shadow_endbr, "sti\n .byte 0xf3, 0x0f, 0x1e, 0xfa\n mov $7, %ebx\n" STOP);
CODE(vmcall, "vmcall\n" STOP);
CODE(vmmcall, "vmmcall\n" STOP);
CODE(user_vmmcall, "vmmcall\n nop\n");
CODE(call_page, "call *%rbx\n" STOP);
CODE(selectors, "mov %ebx, %ds\n mov %ebx, %es\n mov %ebx, %fs\n mov %ebx, %gs\n mov %ebx, %ss\n"
	STOP);
CODE(cpuid, "ud2\n .ascii \"kvm\"\n cpuid\n" STOP);
CODE(wrmsr, "mov %rbx, %rdx\n shr $32, %rdx\n mov %ebx, %eax\n wrmsr\n" STOP);

static void set_dpl(struct vm *vm, int vector, int dpl)
{
	uint8_t *gate = at(vm, GPA_IDT + vector * 16);

	gate[5] = (gate[5] & 0x9f) | dpl << 5;
}

static void set_handler(struct vm *vm, int vector, const char *code)
{
	uint64_t *gate = at(vm, GPA_IDT + vector * 16);
	uint64_t to = kernel_code(code);

	gate[0] = (to & 0xffff) | KERNEL_CS << 16 | 0xee00ull << 32 | (to >> 16 & 0xffff) << 48;
	gate[1] = to >> 32;
}

static uint64_t frame(const struct cpu *c, int i)
{
	return *(uint64_t *)at(c->vm, c->regs.rsp - KERNEL_BASE + 8 * i);
}

TEST_F(trap, int_n_of_the_kernel)
{
	struct cpu *c = self->cpu;

	set_dpl(self->vm, 0x21, 0);
	ASSERT_EQ(GATE(0x21), (int)go_kernel(c, int_n));
	EXPECT_EQ(kernel_code(int_n) + 2, frame(c, 0));
	EXPECT_EQ(KERNEL_CS, frame(c, 1));
	set_handler(self->vm, 0x21, back);
	c->regs.rcx = 0;
	c->regs.rsp = kernel_stack(c);
	ASSERT_EQ(STOPPED, go_kernel(c, int_n));
	EXPECT_EQ(1, c->regs.rcx);
	EXPECT_EQ(7, c->regs.rbx);
}

/*
 * Also where Linux has the user's segments, and the hardware's table has them for any guest; they
 * are closed while an interrupt waits.
 */
TEST_F(trap, data_segments_anywhere)
{
	uint64_t *gdt = at(self->vm, GPA_GDT);
	struct cpu *c = self->cpu;
	unsigned int selector;

	c->regs.rflags = FLAG_FIXED;
	interrupt(c, 0x41);
	for (selector = 8; selector < 0x78; selector += 8) {
		uint64_t was = gdt[selector / 8];
		struct kvm_sregs s;

		if (selector == KERNEL_CS)
			continue;
		gdt[selector / 8] = 0x00cf93000000ffff;
		c->regs.rbx = selector;
		ASSERT_EQ(STOPPED, go_kernel(c, selectors)) TH_LOG("selector %#x", selector);
		s = get_sregs(c);
		EXPECT_EQ(selector, s.ss.selector);
		EXPECT_EQ(0, s.ds.base | s.es.base | s.fs.base | s.gs.base);
		gdt[selector / 8] = was;
		set_long_mode(c);
	}
}

TEST_F(trap, int_n_of_the_user)
{
	struct cpu *c = self->cpu;

	ASSERT_EQ(GATE(0x21), (int)go_user(c, user_int_n));
	EXPECT_EQ(user_code(user_int_n) + 2, frame(c, 0));
	EXPECT_EQ(USER_CS, frame(c, 1));
	set_dpl(self->vm, 0x21, 0);
	set_long_mode(c);			/* the kernel's GS */
	ASSERT_EQ(GATE(13), (int)go_user(c, user_int_n));
	EXPECT_EQ(0x21 * 8 + 2, frame(c, 0));
	EXPECT_EQ(user_code(user_int_n), frame(c, 1));
	set_long_mode(c);			/* the kernel's GS */
	EXPECT_EQ(GATE(0x80), (int)go_user(c, user_int_80));
	EXPECT_EQ(user_code(user_int_80) + 2, frame(c, 0));
	set_dpl(self->vm, 0x80, 0);
	set_long_mode(c);			/* the kernel's GS */
	ASSERT_EQ(GATE(13), (int)go_user(c, user_int_80));
	EXPECT_EQ(0x80 * 8 + 2, frame(c, 0));
	EXPECT_EQ(user_code(user_int_80), frame(c, 1));
}

/* An interrupt waits, so that the instruction in the shadow is emulated. */
static enum stop in_shadow(struct cpu *c, const char *code)
{
	c->regs.rflags = FLAG_FIXED;
	c->regs.rsp = kernel_stack(c);
	interrupt(c, 0x41);
	return go_kernel(c, code);
}

TEST_F(trap, in_the_shadow_of_sti)
{
	enum stop stop;

	stop = in_shadow(self->cpu, shadow_int_n);
	EXPECT_TRUE(stop == (enum stop)GATE(0x21) || stop == (enum stop)GATE(0x41));
}

TEST_F(trap, in_the_shadow_of_sti_int3)
{
	enum stop stop = in_shadow(self->cpu, shadow_int3);

	EXPECT_TRUE(stop == (enum stop)GATE(3) || stop == (enum stop)GATE(0x41));
}

TEST_F(trap, in_the_shadow_of_sti_endbr)
{
	EXPECT_EQ(GATE(0x41), (int)in_shadow(self->cpu, shadow_endbr));
	EXPECT_EQ(kernel_code(shadow_endbr) + 5, frame(self->cpu, 0));
}

/* Of a fault that is not one of those that two of make a double fault, the second is it. */
TEST_F(trap, faults_on_the_way)
{
	struct cpu *c = self->cpu;
	uint64_t *gate = at(self->vm, GPA_IDT);

	gate[2 * 0x21] &= ~(0x80ull << 40);
	ASSERT_EQ(GATE(11), (int)go_kernel(c, int_n));
	EXPECT_EQ(0x21 * 8 + 2, frame(c, 0));
	EXPECT_EQ(kernel_code(int_n), frame(c, 1));
	gate[2 * 6] &= ~(0x80ull << 40);
	c->regs.rsp = kernel_stack(c);
	ASSERT_EQ(GATE(11), (int)go_kernel(c, code_user_ud2));
	EXPECT_EQ(6 * 8 + 3, frame(c, 0));
	gate[2 * 11] &= ~(0x80ull << 40);
	c->regs.rsp = kernel_stack(c);
	ASSERT_EQ(GATE(8), (int)go_kernel(c, code_user_ud2));
	EXPECT_EQ(0, frame(c, 0));
	EXPECT_EQ(kernel_code(code_user_ud2), frame(c, 1));
}

TEST_F(trap, hypercalls)
{
	static const char *const code[] = { vmcall, vmmcall };
	struct cpu *c = self->cpu;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(code); i++) {
		c->regs.rax = POLL_IRQ;
		ASSERT_EQ(STOPPED, go_kernel(c, code[i]));
		EXPECT_EQ(0, c->regs.rax);
		c->regs.rax = 99;
		ASSERT_EQ(STOPPED, go_kernel(c, code[i]));
		EXPECT_EQ(-1000, (int64_t)c->regs.rax);
	}
	EXPECT_EQ(GATE(6), (int)go_user(c, user_vmmcall));
}

/* Hyper-V's leaves in place of KVM's. */
static void be_hyperv(struct cpu *c)
{
	static struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entry[128];
	} hyperv = { .head.nent = 128 }, all = { .head.nent = 128 };
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	unsigned int i, n = 0;

	IOCTL(c->fd, KVM_GET_SUPPORTED_HV_CPUID, &hyperv);
	IOCTL(kvm, KVM_GET_SUPPORTED_CPUID, &all);
	for (i = 0; i < all.head.nent; i++)
		if (all.entry[i].function >> 8 != 0x400000)
			all.entry[n++] = all.entry[i];
	memcpy(&all.entry[n], hyperv.entry, hyperv.head.nent * sizeof(hyperv.entry[0]));
	all.head.nent = n + hyperv.head.nent;
	IOCTL(c->fd, KVM_SET_CPUID2, &all);
	close(kvm);
}

/* The user's memory has the page, too: no hypercall for it. */
TEST_F(trap, hypercall_page_of_hyperv)
{
	struct cpu *c = self->cpu;

	be_hyperv(c);
	ASSERT_EQ(1, set_msr(c, GUEST_OS_ID, 1));
	ASSERT_EQ(1, set_msr(c, HYPERCALL_PAGE, GPA_DATA | 1));
	c->regs.rbx = KERNEL(GPA_DATA);
	c->regs.rcx = 0x7fff;			/* no call of Hyper-V's */
	ASSERT_EQ(STOPPED, go_kernel(c, call_page));
	EXPECT_EQ(HV_INVALID_CODE, c->regs.rax & 0xffff);
	EXPECT_EQ(GATE(6), (int)go_user_at(c, USER(GPA_DATA)));
}

/* The test's host has a hypervisor above it, says CPUID: the emulator. */
TEST_F(trap, features_that_need_hypercalls)
{
	struct cpu *c = self->cpu;

	c->regs.rax = KVM_FEATURES;
	c->regs.rcx = 0;
	ASSERT_EQ(STOPPED, go_kernel(c, cpuid));
	EXPECT_NE(0, c->regs.rax);
	EXPECT_EQ(0, c->regs.rax & NEED_HYPERCALLS);
	/* A PV guest has another instruction for them. */
	pv_start(c);
	ASSERT_EQ(0, HYPERCALL(c, CPUID, KVM_FEATURES, 0));
	EXPECT_EQ(1u << 7 | 1u << 11 | 1u << 13, c->regs.rdi & NEED_HYPERCALLS);
}

static enum stop write_msr(struct cpu *c, uint32_t msr, uint64_t value)
{
	c->regs.rcx = msr;
	c->regs.rbx = value;
	c->regs.rsp = kernel_stack(c);
	return go_kernel(c, wrmsr);
}

TEST_F(trap, the_tsc_is_the_hosts)
{
	struct cpu *c = self->cpu;
	uint64_t value;

	EXPECT_EQ(GATE(13), (int)write_msr(c, TSC, 0));
	EXPECT_EQ(GATE(13), (int)write_msr(c, TSC_ADJUST, 1));
	EXPECT_EQ(STOPPED, write_msr(c, TSC_ADJUST, 0));
	/* A VMM restores whatever there was. */
	EXPECT_EQ(1, set_msr(c, TSC, 12345));
	EXPECT_EQ(1, get_msr(c, TSC, &value));
	EXPECT_LT(12345 + 1000000, value);
}

TEST_HARNESS_MAIN
