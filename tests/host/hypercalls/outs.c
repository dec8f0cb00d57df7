// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    outs() gives the VMM 1 to 16 bytes for a port, in order and in one exit, and
 *           devices of KVM's own one after the other
 * How:      each number of bytes, each kind of bad argument; a mask for the PIC
 * Catches:  bytes of the monitor's stack behind those of the guest; an exit for each byte
 */
#include "machine.h"

#define PORT		0x3f8
#define PIC_MASK	0x21
#define MAX		16

static enum stop outs(struct cpu *c, uint64_t port, uint64_t count, const uint8_t *data)
{
	fill_registers(&c->regs, count);
	c->regs.rax = RING1_HC_OUTS;
	c->regs.rdi = port;
	c->regs.rsi = count;
	memcpy(&c->regs.rdx, data, 8);
	memcpy(&c->regs.r10, data + 8, 8);
	return go_kernel(c, code_hypercall);
}

/* All of them come out, the registers stay, and the guest goes on with 0. */
static bool come_out(struct cpu *c, uint64_t port, uint32_t count)
{
	struct kvm_regs before;
	uint8_t data[MAX];
	uint32_t i;

	for (i = 0; i < MAX; i++)
		data[i] = count * 16 + i + 1;
	if (outs(c, port, count, data) != port || c->run->exit_reason != KVM_EXIT_IO)
		return false;
	if (c->run->io.size != 1 || c->run->io.count != count ||
	    memcmp((uint8_t *)c->run + c->run->io.data_offset, data, count))
		return false;
	before = c->regs;
	return resume(c) == STOPPED && !c->regs.rax && !changed(&before, &c->regs, 0);
}

TEST_F(pv, one_exit_for_all_bytes)
{
	uint32_t count;

	for (count = 1; count <= MAX; count++)
		EXPECT_TRUE(come_out(self->cpu, PORT, count))
			TH_LOG("%d bytes", count);
	EXPECT_TRUE(come_out(self->cpu, 0, 1));
	EXPECT_TRUE(come_out(self->cpu, 0xffff, MAX));
}

/* The page holds what came before; only what this guest wrote may be in it. */
TEST_F(pv, nothing_of_the_monitor_comes_out)
{
	struct cpu *c = self->cpu;
	uint8_t *page = (uint8_t *)c->run + PAGE, old[MAX];

	ASSERT_TRUE(come_out(c, PORT, MAX));
	ASSERT_EQ(PAGE, c->run->io.data_offset);
	memcpy(old, page, MAX);
	ASSERT_TRUE(come_out(c, PORT, 1));
	EXPECT_EQ(0, memcmp(page + 1, old + 1, MAX - 1));
}

TEST_F(pv, not_so_many_and_no_such_port)
{
	struct cpu *c = self->cpu;

	EXPECT_EQ(-EINVAL, HYPERCALL(c, OUTS, PORT, 0));
	EXPECT_EQ(-EINVAL, HYPERCALL(c, OUTS, PORT, MAX + 1));
	EXPECT_EQ(-EINVAL, HYPERCALL(c, OUTS, PORT, 0xffffffff));
	EXPECT_EQ(-EINVAL, HYPERCALL(c, OUTS, 0x10000, 1));
	EXPECT_EQ(-EINVAL, HYPERCALL(c, OUTS, 0xffffffff, 1));
	EXPECT_TRUE(refuses_high_bits(c, RING1_HC_OUTS, 3, PORT, 1));
}

TEST_F(pv, a_device_of_kvm)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_PIC_MASTER };
	struct cpu *c = self->cpu;

	/* Nothing of it reaches the VMM, and the last one stays. */
	EXPECT_EQ(0, HYPERCALL(c, OUTS, PIC_MASK, 3, 0xa53312));
	IOCTL(c->vm->fd, KVM_GET_IRQCHIP, &chip);
	EXPECT_EQ(0xa5, chip.chip.pic.imr);
}

TEST_F(trap, works_before_registration)
{
	EXPECT_TRUE(come_out(self->cpu, PORT, MAX));
	EXPECT_EQ(-EINVAL, HYPERCALL(self->cpu, OUTS, PORT, 0));
}

TEST_RING3(OUTS)

TEST_HARNESS_MAIN
