/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The terminal of the person who started the guest.
 */
#ifndef RING1_TERMINAL_H
#define RING1_TERMINAL_H

/*
 * Put the terminal into raw mode, and see that it is put back however the
 * process ends, SIGKILL excepted. 0, or -1 with the reason printed.
 */
int terminal_raw(int fd);
/* Put it back. May be called twice, and from signal handlers. */
void terminal_restore(void);

#endif
