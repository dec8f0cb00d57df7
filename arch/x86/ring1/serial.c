// SPDX-License-Identifier: GPL-2.0-only
/*
 * The console on a serial port, for the 8250 driver: 16 bytes by one hypercall, where the
 * driver would do an IN and an OUT for each, all of which trap. The 16550A's own rule is
 * what allows it, so it is right with any VMM: an empty FIFO takes 16 bytes.
 */
#include <linux/serial_8250.h>
#include <linux/serial_reg.h>
#include <linux/tty_port.h>
#include <asm/cpufeature.h>
#include <asm/ring1.h>
#include "private.h"

#define FIFO_SIZE	16

static bool fifo_is_on(struct uart_port *port)
{
	return (serial_port_in(port, UART_IIR) & UART_IIR_FIFO_ENABLED) ==
		UART_IIR_FIFO_ENABLED_16550A;
}

/*
 * As long as the port is not open, the driver may not have found out that there is a
 * FIFO, or have turned it off. Looking into IIR loses no interrupt: IER is 0.
 */
static bool turn_on_fifo(struct uart_8250_port *up)
{
	struct uart_port *port = &up->port;

	if (port->state && tty_port_initialized(&port->state->port))
		return up->fcr & UART_FCR_ENABLE_FIFO && port->type == PORT_16550A;
	if (fifo_is_on(port))
		return true;
	serial_port_out(port, UART_FCR, up->fcr | UART_FCR_ENABLE_FIFO);
	if (fifo_is_on(port))
		return true;
	serial_port_out(port, UART_FCR, up->fcr);
	return false;
}

/* LF becomes CR LF; CR may be the last of one burst. Returns the burst's length. */
static unsigned int fill(u8 *burst, const char **s, const char *end, bool *cr_sent)
{
	unsigned int n = 0;

	while (n < FIFO_SIZE && *s != end) {
		*cr_sent = **s == '\n' && !*cr_sent;
		burst[n++] = *cr_sent ? '\r' : *(*s)++;
	}
	return n;
}

/**
 * ring1_console_write - write to a serial console
 * @up:		port, whose lock is held, or cannot be had in a panic
 * @s:		text
 * @count:	its length
 * @wait:	waits until the FIFO is empty, as long as so many bytes may take
 *
 * Return: true; false if the driver has to do it its own way.
 */
bool ring1_console_write(struct uart_8250_port *up, const char *s, unsigned int count,
			 void (*wait)(struct uart_8250_port *up, unsigned int bytes))
{
	const char *end = s + count;
	bool cr_sent = false;

	if (!boot_cpu_has(X86_FEATURE_RING1) || up->port.iotype != UPIO_PORT ||
	    up->port.flags & UPF_CONS_FLOW)
		return false;
	/* Turning it on would lose what is being sent; and programs may have filled it. */
	wait(up, FIFO_SIZE);
	if (!turn_on_fifo(up))
		return false;

	while (s != end) {
		union {
			u8 byte[FIFO_SIZE];
			u64 data[2];
		} burst = {};
		unsigned int n = fill(burst.byte, &s, end, &cr_sent);

		ring1_hc_outs(up->port.iobase + UART_TX, n, burst.data[0], burst.data[1]);
		wait(up, n);
	}
	return true;
}
