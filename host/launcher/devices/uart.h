/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The four 8250 serial ports, without a notion of what they are wired to.
 */
#ifndef RING1_UART_H
#define RING1_UART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UARTS		4
#define UART_REGS	8

extern const uint16_t uart_base[UARTS];

/* How the ports reach the rest of the machine. All three are called by any vCPU's thread. */
struct uart_wiring {
	void (*set_irq)(unsigned int irq, bool level);
	void (*send)(unsigned int uart, uint8_t byte);
	void (*drained)(unsigned int uart);	/* input that did not fit can be offered again */
};

void uart_init(const struct uart_wiring *wiring);
uint8_t uart_read(unsigned int uart, unsigned int reg);
void uart_write(unsigned int uart, unsigned int reg, uint8_t val);

/* Offer input: returns how much was taken. When it is less than len, drained() will follow. */
size_t uart_receive(unsigned int uart, const uint8_t *buf, size_t len);

#endif
