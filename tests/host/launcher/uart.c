// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    the serial ports behave as Linux's 8250 driver expects of a 16550A
 *           and never take input that the guest could lose
 * How:      register accesses as the driver makes them, with a recording bus
 * Needs:    nothing
 * Catches:  a lost transmit interrupt, which stops output for ever; input lost
 *           before the port is open; a shared line dropped by the other port
 */
#include <linux/serial_reg.h>

#include "devices/uart.h"
#include "kselftest_harness.h"

#define IIR_NONE	(0xc0 | UART_IIR_NO_INT)
#define FIFO		16

static bool line[16];
static unsigned int edges;
static unsigned int refills;
static char sent[64];
static unsigned int sent_len;
static unsigned int sends;

static void set_irq(unsigned int irq, bool level)
{
	edges += level;
	line[irq] = level;
}

static void send(unsigned int uart, const uint8_t *bytes, unsigned int n)
{
	(void)uart;
	memcpy(sent + sent_len, bytes, n);
	sent_len += n;
	sends++;
}

static void drained(unsigned int uart)
{
	(void)uart;
	refills++;
}

/* As the bus calls for an access of one byte. */
static uint8_t read_reg(unsigned int uart, unsigned int reg)
{
	return uart_read(&uarts[uart], reg, 1);
}

static void write_reg(unsigned int uart, unsigned int reg, uint8_t val)
{
	uart_write(&uarts[uart], reg, 1, val);
}

/* Each test runs in a process of its own, with ports fresh from reset. */
FIXTURE(uart)
{
};

FIXTURE_SETUP(uart)
{
	const struct uart_wiring wiring = {
		.set_irq = set_irq, .send = send, .drained = drained,
	};

	uart_init(&wiring);
	write_reg(0, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_R_TRIG_10);
	write_reg(0, UART_MCR, UART_MCR_OUT2 | UART_MCR_RTS | UART_MCR_DTR);
}

FIXTURE_TEARDOWN(uart)
{
}

TEST_F(uart, is_found_by_the_driver)
{
	write_reg(0, UART_IER, 0xff);
	EXPECT_EQ(0x0f, read_reg(0, UART_IER));
	write_reg(0, UART_IER, 0);
	write_reg(0, UART_SCR, 0x5a);
	EXPECT_EQ(0x5a, read_reg(0, UART_SCR));
	write_reg(0, UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
	EXPECT_EQ(UART_MSR_DCD | UART_MSR_CTS, read_reg(0, UART_MSR));
	EXPECT_EQ(IIR_NONE, read_reg(0, UART_IIR));
}

TEST_F(uart, divisor_is_apart_from_data)
{
	write_reg(0, UART_LCR, UART_LCR_DLAB);
	write_reg(0, UART_DLL, 12);
	write_reg(0, UART_DLM, 1);
	EXPECT_EQ(12, read_reg(0, UART_DLL));
	EXPECT_EQ(1, read_reg(0, UART_DLM));
	write_reg(0, UART_LCR, 0);
	EXPECT_EQ(0, read_reg(0, UART_IER));
	EXPECT_EQ(0, sent_len);
}

TEST_F(uart, each_request_for_the_transmit_interrupt_raises_it)
{
	int i;

	for (i = 0; i < 3; i++) {
		write_reg(0, UART_IER, UART_IER_THRI);
		EXPECT_TRUE(line[4]);
		EXPECT_EQ(0xc0 | UART_IIR_THRI, read_reg(0, UART_IIR));
		EXPECT_FALSE(line[4]);
		EXPECT_EQ(IIR_NONE, read_reg(0, UART_IIR));
		write_reg(0, UART_IER, 0);
	}
}

TEST_F(uart, each_byte_sent_makes_an_edge)
{
	write_reg(0, UART_IER, UART_IER_THRI);
	edges = 0;
	write_reg(0, UART_TX, 'a');
	write_reg(0, UART_TX, 'b');
	EXPECT_EQ(2, edges);
	EXPECT_TRUE(line[4]);
	EXPECT_EQ(0, memcmp(sent, "ab", 2));
	EXPECT_EQ(UART_LSR_TEMT | UART_LSR_THRE, read_reg(0, UART_LSR));
}

TEST_F(uart, a_string_is_sent_at_once)
{
	write_reg(0, UART_IER, UART_IER_THRI);
	edges = 0;
	uart_write_string(&uarts[0], UART_TX, (const uint8_t *)"0123456789abcdef", FIFO);
	EXPECT_EQ(1, edges);
	EXPECT_EQ(1, sends);
	EXPECT_EQ(FIFO, sent_len);
	EXPECT_EQ(0, memcmp(sent, "0123456789abcdef", FIFO));
	EXPECT_EQ(0xc0 | UART_IIR_THRI, read_reg(0, UART_IIR));
}

TEST_F(uart, a_string_in_loopback_is_received)
{
	int i;

	write_reg(0, UART_MCR, UART_MCR_LOOP);
	uart_write_string(&uarts[0], UART_TX, (const uint8_t *)"0123456789abcdefgh", 18);
	EXPECT_EQ(0, sends);
	for (i = 0; i < FIFO; i++)
		EXPECT_EQ("0123456789abcdef"[i], read_reg(0, UART_RX));
	EXPECT_EQ(0, read_reg(0, UART_LSR) & UART_LSR_DR);
}

TEST_F(uart, a_string_to_another_register_sets_it)
{
	uart_write_string(&uarts[0], UART_SCR, (const uint8_t *)"ab", 2);
	EXPECT_EQ('b', read_reg(0, UART_SCR));
	write_reg(0, UART_LCR, UART_LCR_DLAB);
	uart_write_string(&uarts[0], UART_TX, (const uint8_t *)"\1\2", 2);
	EXPECT_EQ(2, read_reg(0, UART_DLL));
	EXPECT_EQ(0, sends);
}

TEST_F(uart, received_bytes_come_in_order)
{
	int i;

	write_reg(0, UART_IER, UART_IER_RDI);
	EXPECT_EQ(FIFO, uart_receive(0, (uint8_t *)"0123456789abcdefgh", 18));
	EXPECT_TRUE(line[4]);
	EXPECT_EQ(0xc0 | UART_IIR_RDI, read_reg(0, UART_IIR));
	for (i = 0; i < FIFO; i++) {
		EXPECT_EQ(0, refills);
		EXPECT_NE(0, read_reg(0, UART_LSR) & UART_LSR_DR);
		EXPECT_EQ("0123456789abcdef"[i], read_reg(0, UART_RX));
	}
	EXPECT_EQ(1, refills);
	EXPECT_FALSE(line[4]);
	EXPECT_EQ(0, read_reg(0, UART_LSR) & UART_LSR_DR);
}

TEST_F(uart, few_bytes_come_by_timeout)
{
	write_reg(0, UART_IER, UART_IER_RDI);
	EXPECT_EQ(1, uart_receive(0, (uint8_t *)"x", 1));
	EXPECT_TRUE(line[4]);
	EXPECT_EQ(0xc0 | UART_IIR_RX_TIMEOUT, read_reg(0, UART_IIR));
}

TEST_F(uart, no_input_is_taken_before_rts)
{
	write_reg(0, UART_MCR, UART_MCR_DTR);
	EXPECT_EQ(0, uart_receive(0, (uint8_t *)"x", 1));
	EXPECT_EQ(0, refills);
	write_reg(0, UART_MCR, UART_MCR_DTR | UART_MCR_RTS);
	EXPECT_EQ(1, refills);
	EXPECT_EQ(1, uart_receive(0, (uint8_t *)"x", 1));
	EXPECT_EQ('x', read_reg(0, UART_RX));
}

TEST_F(uart, without_fifo_one_byte_fits)
{
	write_reg(0, UART_FCR, 0);
	EXPECT_EQ(1, uart_receive(0, (uint8_t *)"xy", 2));
	EXPECT_EQ(UART_IIR_NO_INT, read_reg(0, UART_IIR));
}

TEST_F(uart, clearing_the_fifo_asks_for_more)
{
	EXPECT_EQ(FIFO, uart_receive(0, (uint8_t *)"0123456789abcdefgh", 18));
	write_reg(0, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	EXPECT_EQ(1, refills);
	EXPECT_EQ(0, read_reg(0, UART_LSR) & UART_LSR_DR);
}

TEST_F(uart, two_ports_share_a_line)
{
	write_reg(2, UART_FCR, UART_FCR_ENABLE_FIFO);
	write_reg(2, UART_MCR, UART_MCR_OUT2 | UART_MCR_RTS);
	write_reg(0, UART_IER, UART_IER_RDI);
	write_reg(2, UART_IER, UART_IER_RDI);
	uart_receive(0, (uint8_t *)"x", 1);
	uart_receive(2, (uint8_t *)"y", 1);
	EXPECT_EQ('x', read_reg(0, UART_RX));
	EXPECT_TRUE(line[4]);
	EXPECT_EQ('y', read_reg(2, UART_RX));
	EXPECT_FALSE(line[4]);
	EXPECT_FALSE(line[3]);
}

TEST_F(uart, without_out2_the_line_is_silent)
{
	write_reg(0, UART_MCR, UART_MCR_RTS);
	write_reg(0, UART_IER, UART_IER_THRI);
	EXPECT_FALSE(line[4]);
	EXPECT_EQ(0xc0 | UART_IIR_THRI, read_reg(0, UART_IIR));
}

TEST_F(uart, loopback_keeps_bytes_inside)
{
	write_reg(0, UART_MCR, UART_MCR_LOOP | UART_MCR_RTS);
	write_reg(0, UART_TX, 'l');
	EXPECT_EQ(0, sent_len);
	EXPECT_EQ(0, uart_receive(0, (uint8_t *)"x", 1));
	EXPECT_EQ('l', read_reg(0, UART_RX));
}

TEST_HARNESS_MAIN
