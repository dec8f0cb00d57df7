// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loads a kernel by the format its file has, and places the initrd beside it. Does not know
 * the formats: bzimage.c and elf.c do, and image.c reads the files.
 */
#include <string.h>

#include "boot/load.h"
#include "launcher.h"

#define PAGE_MASK	4095ULL

/*
 * A kernel that was not made for ring 1 is changed, so its vmlinux is what is loaded; but
 * the header, which tells where an initrd may be, is the bzImage's.
 */
static int stock_load(const struct image *image, const struct image *vmlinux,
		      const struct ram *ram, struct kernel *kernel)
{
	if (elf_load(vmlinux, ram, kernel))
		return -1;
	return image_is_elf(image) ? 0 : bzimage_header(image, kernel);
}

int kernel_load_trap(const struct image *image, const struct ram *ram, struct kernel *kernel)
{
	struct image vmlinux;
	bool stock;
	int err;

	if (kernel_unpack(image, &vmlinux))
		return -1;
	err = trap_prepare(&vmlinux, &stock);
	if (!err && stock) {
		memset(kernel, 0, sizeof(*kernel));
		err = stock_load(image, &vmlinux, ram, kernel);
	} else if (!err) {
		err = kernel_load(image, ram, kernel);
	}
	image_close(&vmlinux);
	return err;
}

int kernel_load(const struct image *image, const struct ram *ram, struct kernel *kernel)
{
	int elf = image_is_elf(image);

	memset(kernel, 0, sizeof(*kernel));
	if (elf < 0)
		return -1;
	return elf ? elf_load(image, ram, kernel) : bzimage_load(image, ram, kernel);
}

int initrd_load(const struct image *image, const struct ram *ram, struct kernel *kernel)
{
	uint64_t floor = (kernel->end + PAGE_MASK) & ~PAGE_MASK;
	uint64_t top = ram->low_size;
	uint64_t gpa;

	if (top > kernel->initrd_end_max)
		top = kernel->initrd_end_max;
	if (top < floor || image->size > top - floor)
		return fail("initrd %s (%s) does not fit beside the kernel into the guest's memory: %s",
			    image->path, size_text(image->size), "use a larger --mem or a smaller initrd");

	/* As high as allowed: the kernel's own memory grows upwards from its start. */
	gpa = (top - image->size) & ~PAGE_MASK;
	if (image_load(image, ram, gpa, 0, image->size))
		return -1;
	kernel->hdr.ramdisk_image = gpa;
	kernel->hdr.ramdisk_size = image->size;
	return 0;
}
