// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loads a bzImage by the 64-bit boot protocol: the real-mode setup code is
 * skipped, its header is kept for the zero page, and the rest of the file
 * goes to the address the kernel prefers. Not lower, where memory is short:
 * the kernel's own decompressor would move itself back up there.
 */
#include <stddef.h>
#include <string.h>

#include "boot/boot.h"
#include "boot/load.h"
#include "launcher.h"

#define HEADER_OFFSET		0x1f1
#define HEADER_END_BASE		0x202u	/* the header ends this far behind its jump's operand */
#define SECTOR			512
#define DEFAULT_SETUP_SECTS	4
#define PARAGRAPH		16

#define VERSION_XLOADFLAGS	0x020c
#define ENTRY_64		0x200

static int check_header(const struct image *image, const struct setup_header *hdr)
{
	if (hdr->boot_flag != BOOT_FLAG || hdr->header != BOOT_HEADER_MAGIC)
		return fail("kernel %s is neither a bzImage nor an ELF vmlinux", image->path);
	if (hdr->version < VERSION_XLOADFLAGS)
		return fail("kernel %s speaks boot protocol %d.%02d, too old: Linux 3.8 or later is needed",
			    image->path, hdr->version >> 8, hdr->version & 0xff);
	if (!(hdr->xloadflags & XLF_KERNEL_64))
		return fail("kernel %s is a 32-bit kernel: ring1 runs 64-bit kernels only",
			    image->path);
	if (HEADER_END_BASE + (hdr->jump >> 8) <
	    HEADER_OFFSET + offsetof(struct setup_header, handover_offset))
		return fail("kernel %s has a damaged boot header", image->path);
	return 0;
}

/* The header is longer or shorter than ours: take what both know. */
static void copy_header(struct setup_header *to, const struct setup_header *from)
{
	size_t len = HEADER_END_BASE + (from->jump >> 8) - HEADER_OFFSET;

	memcpy(to, from, len < sizeof(*to) ? len : sizeof(*to));
}

static int read_header(const struct image *image, struct setup_header *hdr)
{
	if (image->size < HEADER_OFFSET + sizeof(*hdr))
		return fail("kernel %s is neither a bzImage nor an ELF vmlinux", image->path);
	if (image_read(image, hdr, HEADER_OFFSET, sizeof(*hdr)))
		return -1;
	return check_header(image, hdr);
}

static void take_header(struct kernel *kernel, const struct setup_header *hdr)
{
	copy_header(&kernel->hdr, hdr);
	kernel->initrd_end_max = (uint64_t)hdr->initrd_addr_max + 1;
	kernel->cmdline_max = hdr->cmdline_size;
}

/* Where what comes behind the real-mode code begins in the file. */
static uint64_t protected_mode_offset(const struct setup_header *hdr)
{
	return (hdr->setup_sects ? hdr->setup_sects : DEFAULT_SETUP_SECTS) * SECTOR + SECTOR;
}

/* For a kernel that came another way than by bzimage_load(). */
int bzimage_header(const struct image *image, struct kernel *kernel)
{
	struct setup_header hdr;

	if (read_header(image, &hdr))
		return -1;
	take_header(kernel, &hdr);
	return 0;
}

/* The compressed vmlinux in the file, with its size behind it. Not checked yet. */
int bzimage_payload(const struct image *image, uint64_t *offset, uint64_t *len)
{
	struct setup_header hdr;

	if (read_header(image, &hdr))
		return -1;
	*offset = protected_mode_offset(&hdr) + hdr.payload_offset;
	*len = hdr.payload_length;
	return 0;
}

int bzimage_load(const struct image *image, const struct ram *ram, struct kernel *kernel)
{
	uint64_t offset, payload, need;
	struct setup_header hdr;

	if (read_header(image, &hdr))
		return -1;

	offset = protected_mode_offset(&hdr);
	payload = (uint64_t)hdr.syssize * PARAGRAPH;
	if (payload <= ENTRY_64)
		return fail("kernel %s has a damaged boot header: no kernel behind it",
			    image->path);
	need = payload > hdr.init_size ? payload : hdr.init_size;
	if (kernel_check_room(image, ram, hdr.pref_address, need) ||
	    image_load(image, ram, hdr.pref_address, offset, payload))
		return -1;

	take_header(kernel, &hdr);
	kernel->start = hdr.pref_address;
	kernel->end = hdr.pref_address + need;
	kernel->entry = hdr.pref_address + ENTRY_64;
	return 0;
}
