// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    a VMM that knows nothing of ring 1 saves a PV guest and restores it, in another
 *           VM or in the same: by the registers and MSRs that VMMs save, and memory
 * How:      copies memory and what QEMU copies from one small machine to another, in the order
 *           of QEMU, at stops in ring 1 and behind ring 3; goes on there with events, hypercalls,
 *           descriptors, announcements. Spoils what is copied
 * Catches:  a registration, an MMU, a descriptor or a flag that is lost; a state that a VMM
 *           could not have saved and is taken; a write back that changes something
 */
#include "ownmmu.h"

#define VA	USER_EMPTY
#define ALL	(PTE_P | PTE_W | PTE_U)
#define LOW	0x10000000ull			/* where a 32-bit base can be */
#define TLS	(RING1_GDT_TLS * 8 + 3)

/* A 32-bit data segment of ring 3, from LOW on. */
#define TLS_DESC 0x10cff3000000ffffull

#define MSR_CSTAR		0xc0000083
#define MSR_KERNEL_GS_BASE	0xc0000102

static const uint32_t msrs[] = {
	0xc0000081, MSR_CSTAR, MSR_KERNEL_GS_BASE, 0xc0000084, 0xc0000082, 0xc0000103, 0x174,
	0x175, 0x176, 0x277,
};

#define NR_MSRS ARRAY_SIZE(msrs)

struct saved {
	uint8_t *ram;
	struct {
		struct kvm_regs regs;
		struct kvm_sregs sregs;
		struct kvm_xsave xsave;
		struct kvm_vcpu_events events;
		struct kvm_mp_state mp;
		uint64_t msr[NR_MSRS];
	} cpu[NR_CPUS];
};

static void save(struct vm *vm, struct saved *s)
{
	unsigned int i, m;

	if (!s->ram)
		s->ram = malloc(RAM_SIZE);
	for (i = 0; i < NR_CPUS; i++) {
		struct cpu *c = &vm->cpu[i];

		IOCTL(c->fd, KVM_GET_REGS, &s->cpu[i].regs);
		s->cpu[i].sregs = get_sregs(c);
		IOCTL(c->fd, KVM_GET_XSAVE, &s->cpu[i].xsave);
		IOCTL(c->fd, KVM_GET_MP_STATE, &s->cpu[i].mp);
		for (m = 0; m < NR_MSRS; m++)
			if (get_msr(c, msrs[m], &s->cpu[i].msr[m]) != 1)
				die("KVM_GET_MSRS of %#x", msrs[m]);
		IOCTL(c->fd, KVM_GET_VCPU_EVENTS, &s->cpu[i].events);
	}
	memcpy(s->ram, vm->ram, RAM_SIZE);
}

/* Return how many MSRs were refused. */
static unsigned int restore(struct vm *vm, struct saved *s)
{
	unsigned int i, m, refused = 0;

	memcpy(vm->ram, s->ram, RAM_SIZE);
	for (i = 0; i < NR_CPUS; i++) {
		struct cpu *c = &vm->cpu[i];

		IOCTL(c->fd, KVM_SET_SREGS, &s->cpu[i].sregs);
		IOCTL(c->fd, KVM_SET_REGS, &s->cpu[i].regs);
		IOCTL(c->fd, KVM_SET_XSAVE, &s->cpu[i].xsave);
		for (m = 0; m < NR_MSRS; m++)
			refused += set_msr(c, msrs[m], s->cpu[i].msr[m]) != 1;
		IOCTL(c->fd, KVM_SET_VCPU_EVENTS, &s->cpu[i].events);
		IOCTL(c->fd, KVM_SET_MP_STATE, &s->cpu[i].mp);
		c->regs = s->cpu[i].regs;
	}
	return refused;
}

/* As it comes out of a reset: nothing of a kernel's is in it. */
static void reset(struct cpu *c)
{
	struct kvm_sregs sregs = get_sregs(c);

	sregs.cr0 = 0x60000010;
	sregs.cr3 = 0;
	sregs.cr4 = 0;
	sregs.efer = 0;
	sregs.cs = (struct kvm_segment){
		.base = 0xffff0000, .limit = 0xffff, .selector = 0xf000, .type = 11, .present = 1,
		.s = 1,
	};
	IOCTL(c->fd, KVM_SET_SREGS, &sregs);
}

/* A machine that was never started, with the same. */
static struct vm *moved(struct vm *vm)
{
	static struct saved s;
	struct vm *to = new_vm(true);
	int i;

	save(vm, &s);
	for (i = 0; i < NR_CPUS; i++)
		reset(&to->cpu[i]);
	to->next_table = vm->next_table;
	if (restore(to, &s))
		die("MSRs that were refused");
	return to;
}

static bool is_registered(struct cpu *c)
{
	uint64_t mark;

	return get_msr(c, MSR_CSTAR, &mark) == 1 && mark;
}

/* Ring 3, its faults and events, and what is announced. */
static void use(struct __test_metadata *_metadata, struct cpu *c, uint64_t stamp)
{
	uint64_t *entry = pte(c->vm, VA);

	EXPECT_EQ(RING1_ABI_VERSION, HYPERCALL(c, ABI_VERSION));
	EXPECT_TRUE(can_check(c, KERNEL(GPA_DATA), stamp, DATA_PAGES));
	EXPECT_TRUE(user_can_check(c, USER(GPA_DATA), stamp, DATA_PAGES));
	set_entry(c, entry, GPA_DATA | ALL);
	EXPECT_TRUE(user_can_read(c, VA, stamp));
	set_entry(c, entry, (GPA_DATA + PAGE) | ALL);
	EXPECT_TRUE(user_can_read(c, VA, stamp + 1));
	set_entry(c, entry, 0);
	EXPECT_TRUE(user_cannot_read(c, VA, 0));
	EXPECT_EQ(ENTRY_SYSCALL64, go_served(c, code_user_syscall));
}

TEST_F(own, to_another_vm)
{
	struct vm *to = moved(self->vm);

	EXPECT_TRUE(is_registered(&to->cpu[0]));
	EXPECT_FALSE(is_registered(&to->cpu[1]));
	use(_metadata, &to->cpu[0], 1000);
	/* and the one it was copied from */
	use(_metadata, self->cpu, 1000);
	/* once more: what was restored can be saved */
	use(_metadata, &moved(to)->cpu[0], 1000);
}

TEST_F(own, both_vcpus)
{
	struct vm *to;
	int i;

	pv_start_on_kvm(&self->vm->cpu[1], variant->flags);
	use(_metadata, &self->vm->cpu[1], 1000);
	to = moved(self->vm);
	for (i = NR_CPUS - 1; i >= 0; i--) {
		EXPECT_TRUE(is_registered(&to->cpu[i]));
		use(_metadata, &to->cpu[i], 1000);
	}
}

TEST_F(pv, on_the_mmu_of_kvm)
{
	struct cpu *c = &moved(self->vm)->cpu[0];

	EXPECT_TRUE(is_registered(c));
	EXPECT_EQ(ENTRY_SYSCALL64, go_user(c, code_user_syscall));
	EXPECT_EQ(USER_CS, get_sregs(c).cs.selector | 0x33);
	EXPECT_EQ(ENTRY_USER, go_user(c, code_user_ud2));
	EXPECT_EQ(6, take(c).vector);
}

/* Between an exit of ring 3 and the way back. */
CODE(user_loads_tls, "mov %rax, %rbx\n mov %bx, %fs\n mov %fs:0, %rcx\n out %al, $0xd1\n"
		     "mov %fs:0, %rdx\n ud2\n");

TEST_F(own, a_user_with_descriptors)
{
	struct cpu *c = self->cpu;

	*pte(self->vm, LOW) = GPA_DATA | ALL;
	ASSERT_EQ(0, HYPERCALL(c, SET_TLS, TLS_DESC, 0, 0));
	c->regs.rax = TLS;
	/* the port is closed, so that ring 3 comes to a stop with what it has loaded */
	ASSERT_EQ(ENTRY_USER, go_served(c, user_loads_tls));
	ASSERT_EQ(13, take(c).vector);
	EXPECT_EQ(1000, c->regs.rcx);
	c = &moved(self->vm)->cpu[0];
	EXPECT_EQ(TLS, get_sregs(c).fs.selector);
	EXPECT_EQ(LOW, get_sregs(c).fs.base);
	c->regs.rax = TLS;
	ASSERT_EQ(ENTRY_USER, go_served(c, user_loads_tls));
	EXPECT_EQ(13, take(c).vector);
	EXPECT_EQ(1000, c->regs.rcx);
}

/* In ring 3 itself: at an exit that is the VMM's. */
CODE(user_reads_mmio, "mov (%rdi), %rax\n mov %fs:0, %rdx\n ud2\n");

TEST_F(own, in_ring_3)
{
	struct cpu *c = self->cpu;

	*pte(self->vm, VA) = GPA_HOLE | ALL;
	*pte(self->vm, LOW) = GPA_DATA | ALL;
	ASSERT_EQ(0, HYPERCALL(c, SET_TLS, TLS_DESC, 0, 0));
	EXPECT_EQ(ENTRY_USER, go_served(c, code_user_ud2));
	take(c);
	c->regs.rdi = VA;
	ASSERT_EQ(KVM(MMIO), go_served(c, user_reads_mmio));
	c->run->mmio.data[0] = 0x77;
	c->run->immediate_exit = 1;
	ASSERT_EQ(INTERRUPTED, resume(c));
	c->run->immediate_exit = 0;
	c = &moved(self->vm)->cpu[0];
	EXPECT_EQ(USER_CS, get_sregs(c).cs.selector);
	EXPECT_EQ(0x77, c->regs.rax & 0xff);
	ASSERT_EQ(ENTRY_USER, resume(c));
	/* FS is null: #GP or #PF there, and not lost */
	EXPECT_EQ(user_code(user_reads_mmio) + 3, c->page->frame[RING1_EVENT_NORMAL].ip);
}

/* The flag, and an interrupt that waits for it. */
TEST_F(own, interrupts)
{
	struct cpu *c = self->cpu;
	unsigned int on;

	for (on = 0; on < 2; on++) {
		c->regs.rflags = FLAG_FIXED | (on ? FLAG_IF : 0);
		ASSERT_EQ(STOPPED, go_kernel(c, code_stop));
		c = &moved(c->vm)->cpu[0];
		EXPECT_EQ(on ? FLAG_IF : 0, c->page->vif);
		EXPECT_EQ(on ? FLAG_IF : 0, c->regs.rflags & FLAG_IF);
	}
	/* goes on at the stop, behind which is nothing: the interrupt comes first */
	interrupt(c, 0x55);
	EXPECT_EQ(ENTRY_KERNEL, resume(c));
	EXPECT_EQ(0x55, take(c).vector);
}

/* A VMM reads everything and writes it back, when it looks at a register. */
TEST_F(own, written_back)
{
	struct cpu *c = self->cpu;
	uint64_t mark;
	int i;

	for (i = 0; i < 3; i++) {
		use(_metadata, c, 1000);
		ASSERT_EQ(1, get_msr(c, MSR_CSTAR, &mark));
		EXPECT_EQ(1, set_msr(c, MSR_CSTAR, mark));
		EXPECT_TRUE(is_live(self->vm, GPA_TABLES));
	}
	use(_metadata, c, 1000);
}

/* A snapshot, into the VM that went on meanwhile: at another page, with other tables. */
TEST_F(own, an_old_state)
{
	static struct saved registered, before;
	struct cpu *c = self->cpu;
	uint64_t root = new_root(self->vm), page = c->page_gpa, other = GPA_DATA + 0x80000;
	struct vm *fresh = new_vm(true);

	save(fresh, &before);
	use(_metadata, c, 1000);
	save(self->vm, &registered);

	memcpy(at(self->vm, other), c->page, PAGE);
	((struct ring1_vcpu_page *)at(self->vm, other))->setup.kernel_gs = KERNEL(other);
	ASSERT_EQ(0, HYPERCALL(c, VCPU_REGISTER, other));
	ASSERT_EQ(0, HYPERCALL(c, MMU_REGISTER, root, GPA_LIVE, NR_LIVE, 0));
	EXPECT_EQ(0, restore(self->vm, &registered));
	EXPECT_EQ(page, c->page_gpa);
	use(_metadata, c, 1000);

	/* from before the guest registered, in 64-bit mode all the same */
	EXPECT_EQ(0, restore(self->vm, &before));
	EXPECT_FALSE(is_registered(c));
	EXPECT_EQ(-ENOENT, HYPERCALL(c, VCPU_UNREGISTER));
	EXPECT_EQ(0, restore(self->vm, &registered));
	use(_metadata, c, 1000);
}

/* What no VMM can have saved is refused at KVM_SET_MSRS, and the vCPU is not registered. */
TEST_F(own, what_is_spoilt)
{
	static struct saved s;
	uint64_t mark;
	struct ring1_vcpu_page *page;
	struct vm *to;
	unsigned int i;

	save(self->vm, &s);
	mark = s.cpu[0].msr[1];
	for (i = 0; i < 8; i++) {
		to = new_vm(true);
		memcpy(to->ram, s.ram, RAM_SIZE);
		page = to->cpu[0].page;
		IOCTL(to->cpu[0].fd, KVM_SET_SREGS, &s.cpu[0].sregs);
		switch (i) {
		case 0:
			page->saved.setup.abi_version = RING1_ABI_VERSION + 1;
			break;
		case 1:
			page->saved.setup.entry_user = USER(0);
			break;
		case 2:
			page->saved.flags |= 2;
			break;
		case 3:
			page->saved.desc[3] = 0x00affb000000ffff;
			break;
		case 4:
			page->saved.kernel_root = GPA_HOLE;
			break;
		case 5:
			page->saved.live |= 8;
			break;
		case 6:
			mark += GPA_HOLE;
			break;
		case 7:
			mark = s.cpu[0].msr[1];
			page->saved.nr_gfns = 1ull << 33;
			break;
		}
		EXPECT_EQ(0, set_msr(&to->cpu[0], MSR_CSTAR, mark))
			TH_LOG("case %u", i);
		EXPECT_FALSE(is_registered(&to->cpu[0]));
		EXPECT_EQ(-ENOENT, HYPERCALL(&to->cpu[0], VCPU_UNREGISTER));
	}
}

/* The guest's own MSR is another one. */
TEST_F(trap, the_mark_is_for_vmms)
{
	uint64_t value;

	ASSERT_EQ(0, HYPERCALL(self->cpu, WRMSR, MSR_CSTAR, 0x500000030131));
	EXPECT_FALSE(HYPERCALL(self->cpu, VCPU_UNREGISTER) == 0);
	EXPECT_EQ(1, get_msr(self->cpu, MSR_CSTAR, &value));
	EXPECT_EQ(0x500000030131, value);
}

TEST_HARNESS_MAIN
