/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The four 8250 serial ports, without a notion of what they are wired to.
 */
#ifndef RING1_UART_H
#define RING1_UART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UARTS			4
#define UART_REGS		8
#define UART_FIFO_SIZE		16

/* COM1 to COM4. Their state is uart.c's, under its lock. */
struct uart {
	unsigned int irq;
	uint8_t ier;
	uint8_t fcr;
	uint8_t lcr;
	uint8_t mcr;
	uint8_t scratch;
	uint8_t dll;
	uint8_t dlm;
	bool thr_empty_pending;		/* interrupt asked for and not yet seen in IIR */
	bool wants_drained;		/* input was refused: say when it would be taken */
	uint8_t fifo[UART_FIFO_SIZE];
	unsigned int head;
	unsigned int count;
};

extern struct uart uarts[UARTS];

/* How the ports reach the rest of the machine. All three are called by any vCPU's thread. */
struct uart_wiring {
	void (*set_irq)(unsigned int irq, bool level);
	void (*send)(unsigned int uart, const uint8_t *bytes, unsigned int n);
	void (*drained)(unsigned int uart);	/* input that did not fit can be offered again */
};

void uart_init(const struct uart_wiring *wiring);

/* For a table of the bus; dev is one of uarts[]. */
uint64_t uart_read(void *dev, uint64_t offset, unsigned int size);
void uart_write(void *dev, uint64_t offset, unsigned int size, uint64_t val);
void uart_write_string(void *dev, uint64_t offset, const uint8_t *bytes, unsigned int n);

/* Offer input: returns how much was taken. When it is less than len, drained() will follow. */
size_t uart_receive(unsigned int uart, const uint8_t *buf, size_t len);

#endif
