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
/*
 * Raw once more, if it was: whoever stopped the process may have set another mode. Stops it
 * again, by SIGTTOU, as long as it is in the background.
 */
void terminal_raw_again(void);
/* Put it back. May be called twice, and from signal handlers. */
void terminal_restore(void);

#endif
