/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From files to a guest ready for its first instruction. image.c reads files, bzimage.c and
 * elf.c know the two kernel formats, unpack.c gets from one to the other, stock.c changes
 * kernels that were not made for ring 1 with code from stock-text.S, load.c has it all done,
 * boot.c writes what the 64-bit boot protocol wants to find in memory.
 */
#ifndef RING1_LOAD_H
#define RING1_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include <asm/bootparam.h>

#include "machine/ram.h"

/* An open regular file; path and what ("kernel", "initrd") are for messages. */
struct image {
	const char *what;
	const char *path;
	uint64_t size;
	int fd;
};

/* What the rest needs to know of a loaded kernel; [start, end) is its memory. */
struct kernel {
	uint64_t entry;
	uint64_t start;
	uint64_t end;
	uint64_t initrd_end_max;
	uint64_t cmdline_max;
	struct setup_header hdr;
};

/* Linux's limits where the file does not state its own. */
#define DEFAULT_INITRD_END_MAX	0x80000000ULL
#define DEFAULT_CMDLINE_MAX	2047

/*
 * image.c: each says what is wrong and returns -1 when it cannot. image_read() and
 * image_load() read all of [offset, offset + len), image_is_elf() tells by 1 or 0.
 */
int image_open(struct image *image, const char *what, const char *path);
void image_close(struct image *image);
int image_read(const struct image *image, void *to, uint64_t offset, uint64_t len);
int image_load(const struct image *image, const struct ram *ram, uint64_t gpa,
	       uint64_t offset, uint64_t len);
int image_is_elf(const struct image *image);
/* Room for [gpa, gpa + len) in guest memory, or the message that there is none. */
int kernel_check_room(const struct image *image, const struct ram *ram, uint64_t gpa,
		      uint64_t len);

/* All below return 0, or -1 with the reason printed. */

/* bzimage.c */
int bzimage_load(const struct image *image, const struct ram *ram, struct kernel *kernel);
int bzimage_header(const struct image *image, struct kernel *kernel);
int bzimage_payload(const struct image *image, uint64_t *offset, uint64_t *len);

/* elf.c */
int elf_load(const struct image *image, const struct ram *ram, struct kernel *kernel);

/* unpack.c: the vmlinux in a bzImage, or a copy of a vmlinux, as a file that may be changed. */
int kernel_unpack(const struct image *image, struct image *vmlinux);

/* stock.c: make it fit to be a trap guest; stock if it was not made for ring 1, and is changed. */
int trap_prepare(const struct image *vmlinux, bool *stock);

/* stock-text.S */
extern const uint8_t stock_text[], stock_text_save_fl[], stock_text_cpuid[],
		     stock_text_alternatives[], stock_text_apply[], stock_text_end[];

/* load.c */
int kernel_load(const struct image *image, const struct ram *ram, struct kernel *kernel);
int kernel_load_trap(const struct image *image, const struct ram *ram, struct kernel *kernel);
int initrd_load(const struct image *image, const struct ram *ram, struct kernel *kernel);

/* boot.c */
int boot_write(const struct ram *ram, const struct kernel *kernel, const char *cmdline,
	       uint64_t rsdp);

#endif
