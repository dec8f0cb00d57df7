/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's memory as the launcher sees it: one piece below the hole under
 * 4 GiB and, for larger guests, one above. Everything the launcher itself
 * writes goes into the low piece.
 */
#ifndef RING1_RAM_H
#define RING1_RAM_H

#include <stdint.h>

struct ram {
	uint8_t *low;
	uint8_t *high;
	uint64_t low_size;
	uint64_t high_size;
};

int ram_alloc(struct ram *ram, uint64_t bytes);
void ram_free(struct ram *ram);

/* Host address of [gpa, gpa + len) in the low piece, or NULL when it is not all there. */
void *ram_at(const struct ram *ram, uint64_t gpa, uint64_t len);

/* Read a piece of a file straight into guest memory: 0, or -1 with errno (0: file too short). */
int ram_read_file(const struct ram *ram, uint64_t gpa, int fd, uint64_t offset, uint64_t len);

#endif
