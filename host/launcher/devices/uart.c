// SPDX-License-Identifier: GPL-2.0-only
/*
 * Four 16550A serial ports at a PC's addresses. Sending takes no time, so the
 * transmitter is always empty. Receiving has hardware handshake: input is
 * taken only while the guest has RTS raised and room in the FIFO, so nothing
 * is lost before the guest opens the port or while it is slow.
 *
 * One lock covers all ports, because two of them share an interrupt line. It
 * is never held while a byte is sent: that may block for as long as a reader
 * likes.
 */
#include <pthread.h>

#include <linux/serial_reg.h>

#include "devices/bus.h"
#include "devices/uart.h"

#define IIR_FIFO_16550A		0xc0	/* the FIFO is there and works */

/* On a PC each line is shared by two ports. */
struct uart uarts[UARTS] = { { .irq = 4 }, { .irq = 3 }, { .irq = 4 }, { .irq = 3 } };
static struct uart_wiring wiring;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void uart_init(const struct uart_wiring *w)
{
	wiring = *w;
}

static unsigned int fifo_size(const struct uart *u)
{
	return u->fcr & UART_FCR_ENABLE_FIFO ? UART_FIFO_SIZE : 1;
}

static unsigned int trigger_level(const struct uart *u)
{
	static const uint8_t levels[] = { 1, 4, 8, 14 };

	return u->fcr & UART_FCR_ENABLE_FIFO ? levels[u->fcr >> 6] : 1;
}

static void push(struct uart *u, uint8_t byte)
{
	u->fifo[(u->head + u->count++) % UART_FIFO_SIZE] = byte;
}

static uint8_t pop(struct uart *u)
{
	uint8_t byte;

	if (!u->count)
		return 0;
	byte = u->fifo[u->head];
	u->head = (u->head + 1) % UART_FIFO_SIZE;
	u->count--;
	return byte;
}

/* A character timeout is due at once: there is no line on which more could be on its way. */
static uint8_t interrupt_id(const struct uart *u)
{
	if (u->ier & UART_IER_RDI && u->count)
		return u->count >= trigger_level(u) ? UART_IIR_RDI : UART_IIR_RX_TIMEOUT;
	if (u->ier & UART_IER_THRI && u->thr_empty_pending)
		return UART_IIR_THRI;
	return UART_IIR_NO_INT;
}

/* On a PC, OUT2 connects the interrupt to the bus, where it is one wire for two ports. */
static bool raises_irq(const struct uart *u)
{
	return u->mcr & UART_MCR_OUT2 && !(u->mcr & UART_MCR_LOOP) &&
	       interrupt_id(u) != UART_IIR_NO_INT;
}

static void update_irq(unsigned int irq)
{
	static bool level[16];
	bool now = false;
	unsigned int i;

	for (i = 0; i < UARTS; i++)
		now |= uarts[i].irq == irq && raises_irq(&uarts[i]);
	if (now != level[irq]) {
		level[irq] = now;
		wiring.set_irq(irq, now);
	}
}

static bool takes_input(const struct uart *u)
{
	return u->mcr & UART_MCR_RTS && !(u->mcr & UART_MCR_LOOP);
}

/* Only when empty: one refill for a whole FIFO, not one for each byte. */
static bool drained(struct uart *u)
{
	if (!u->wants_drained || u->count || !takes_input(u))
		return false;
	u->wants_drained = false;
	return true;
}

static uint8_t modem_status(const struct uart *u)
{
	uint8_t msr = 0;

	if (!(u->mcr & UART_MCR_LOOP))
		return UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD;
	if (u->mcr & UART_MCR_RTS)
		msr |= UART_MSR_CTS;
	if (u->mcr & UART_MCR_DTR)
		msr |= UART_MSR_DSR;
	if (u->mcr & UART_MCR_OUT1)
		msr |= UART_MSR_RI;
	if (u->mcr & UART_MCR_OUT2)
		msr |= UART_MSR_DCD;
	return msr;
}

static uint8_t read_iir(struct uart *u)
{
	uint8_t id = interrupt_id(u);

	if (id == UART_IIR_THRI)
		u->thr_empty_pending = false;
	if (u->fcr & UART_FCR_ENABLE_FIFO)
		id |= IIR_FIFO_16550A;
	return id;
}

static uint8_t read_reg(struct uart *u, unsigned int reg)
{
	bool dlab = u->lcr & UART_LCR_DLAB;

	switch (reg) {
	case UART_RX:
		return dlab ? u->dll : pop(u);
	case UART_IER:
		return dlab ? u->dlm : u->ier;
	case UART_IIR:
		return read_iir(u);
	case UART_LCR:
		return u->lcr;
	case UART_MCR:
		return u->mcr;
	case UART_LSR:
		return UART_LSR_TEMT | UART_LSR_THRE | (u->count ? UART_LSR_DR : 0);
	case UART_MSR:
		return modem_status(u);
	default:
		return u->scratch;
	}
}

static void write_ier(struct uart *u, uint8_t val)
{
	const uint8_t all = UART_IER_MSI | UART_IER_RLSI | UART_IER_THRI | UART_IER_RDI;

	/* Asking for the interrupt while the transmitter is empty raises it, each time. */
	if (val & ~u->ier & UART_IER_THRI)
		u->thr_empty_pending = true;
	u->ier = val & all;
}

static void write_fcr(struct uart *u, uint8_t val)
{
	if ((val ^ u->fcr) & UART_FCR_ENABLE_FIFO || val & UART_FCR_CLEAR_RCVR)
		u->count = 0;
	u->fcr = val & (UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_MASK);
}

/* Returns whether the byte has to go out, which the caller does without the lock. */
static bool write_thr(struct uart *u, uint8_t byte)
{
	u->thr_empty_pending = false;
	if (!(u->mcr & UART_MCR_LOOP))
		return true;
	if (u->count < fifo_size(u))
		push(u, byte);
	u->thr_empty_pending = true;
	return false;
}

static bool write_reg(struct uart *u, unsigned int reg, uint8_t val)
{
	bool dlab = u->lcr & UART_LCR_DLAB;

	switch (reg) {
	case UART_TX:
		if (!dlab)
			return write_thr(u, val);
		u->dll = val;
		break;
	case UART_IER:
		if (dlab)
			u->dlm = val;
		else
			write_ier(u, val);
		break;
	case UART_FCR:
		write_fcr(u, val);
		break;
	case UART_LCR:
		u->lcr = val;
		break;
	case UART_MCR:
		u->mcr = val & (UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_OUT1 |
				UART_MCR_RTS | UART_MCR_DTR);
		break;
	case UART_SCR:
		u->scratch = val;
		break;
	}
	return false;
}

static unsigned int number(const struct uart *u)
{
	return u - uarts;
}

uint64_t uart_read(void *dev, uint64_t offset, unsigned int size)
{
	struct uart *u = dev;
	bool refill;
	uint8_t val;

	(void)size;
	pthread_mutex_lock(&lock);
	val = read_reg(u, offset);
	refill = drained(u);
	update_irq(u->irq);
	pthread_mutex_unlock(&lock);

	if (refill)
		wiring.drained(number(u));
	return BUS_BYTE(val);
}

/* The bytes that go out do so together: sending takes no time, and no interrupt is in between. */
void uart_write_string(void *dev, uint64_t offset, const uint8_t *bytes, unsigned int n)
{
	struct uart *u = dev;
	bool refill, send = false;
	unsigned int i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < n; i++)
		send = write_reg(u, offset, bytes[i]);
	refill = drained(u);
	update_irq(u->irq);
	pthread_mutex_unlock(&lock);

	if (refill)
		wiring.drained(number(u));
	if (!send)
		return;

	/* Empty again only after they are gone: the line drops in between, as edges need. */
	wiring.send(number(u), bytes, n);
	pthread_mutex_lock(&lock);
	u->thr_empty_pending = true;
	update_irq(u->irq);
	pthread_mutex_unlock(&lock);
}

void uart_write(void *dev, uint64_t offset, unsigned int size, uint64_t val)
{
	const uint8_t byte = val;

	(void)size;
	uart_write_string(dev, offset, &byte, 1);
}

size_t uart_receive(unsigned int uart, const uint8_t *buf, size_t len)
{
	struct uart *u = &uarts[uart];
	size_t taken = 0;

	pthread_mutex_lock(&lock);
	while (taken < len && takes_input(u) && u->count < fifo_size(u))
		push(u, buf[taken++]);
	u->wants_drained = taken < len;
	update_irq(u->irq);
	pthread_mutex_unlock(&lock);
	return taken;
}
