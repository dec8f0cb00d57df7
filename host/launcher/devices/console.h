/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The outer ends of the four serial ports: files, descriptors, the terminal.
 */
#ifndef RING1_CONSOLE_H
#define RING1_CONSOLE_H

#include <stdint.h>

#include "machine/loop.h"

/* Wire COM<uart + 1> to stdio, null, file:PATH or fd:N: RING1_OK, or the status to exit with. */
int console_connect(unsigned int uart, const char *where);

/* Output of a port, from any vCPU's thread; the news that it can take input again. */
void console_send(unsigned int uart, const uint8_t *bytes, unsigned int n);
void console_drained(unsigned int uart);

/* Call before any thread starts: takes the terminal, and prepares console_drained(). */
int console_init(void);
/* Moves input and keys to where they belong, until the guest has ended. */
extern const struct loop_client console_client;

#endif
