// SPDX-License-Identifier: GPL-2.0-only
/*
 * Opens kernel and initrd files, tells the kernel formats apart, and places
 * the initrd. Every file is untrusted: no size or address out of one is used
 * before it was compared with the file's size and the guest's memory.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "machine/layout.h"
#include "boot/load.h"
#include "launcher.h"

#define PAGE_MASK	4095ULL

int image_open(struct image *image, const char *what, const char *path)
{
	struct stat st;

	image->what = what;
	image->path = path;
	/* Opening a FIFO without a writer would block. */
	image->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (image->fd < 0)
		return fail("cannot open %s %s: %s", what, path, strerror(errno));
	if (fstat(image->fd, &st)) {
		fail("cannot examine %s %s: %s", what, path, strerror(errno));
		goto close;
	}
	if (!S_ISREG(st.st_mode)) {
		fail("%s %s is %s, not a file", what, path,
		     S_ISDIR(st.st_mode) ? "a directory" : "a pipe or device");
		goto close;
	}
	if (!st.st_size) {
		fail("%s %s is empty", what, path);
		goto close;
	}
	image->size = st.st_size;
	return 0;

close:
	image_close(image);
	return -1;
}

void image_close(struct image *image)
{
	close(image->fd);
	image->fd = -1;
}

static int read_failed(const struct image *image)
{
	if (!errno)
		return fail("%s %s got shorter while it was read", image->what, image->path);
	return fail("cannot read %s %s: %s", image->what, image->path, strerror(errno));
}

int image_read(const struct image *image, void *to, uint64_t offset, uint64_t len)
{
	struct ram buffer = { .low = to, .low_size = len };

	return image_load(image, &buffer, 0, offset, len);
}

int image_load(const struct image *image, const struct ram *ram, uint64_t gpa,
	       uint64_t offset, uint64_t len)
{
	if (offset > image->size || len > image->size - offset)
		return fail("%s %s is truncated: its headers promise more than its %llu bytes",
			    image->what, image->path, (unsigned long long)image->size);
	if (ram_read_file(ram, gpa, image->fd, offset, len))
		return read_failed(image);
	return 0;
}

int kernel_check_room(const struct image *image, const struct ram *ram, uint64_t gpa,
		      uint64_t len)
{
	if (gpa < HIGH_RAM_START || gpa > HOLE_START || len > HOLE_START - gpa)
		return fail("%s %s wants memory at %#llx to %#llx, where ring1 has none",
			    image->what, image->path, (unsigned long long)gpa,
			    (unsigned long long)(gpa + len));
	if (!ram_at(ram, gpa, len))
		return fail("%s %s needs at least %lluM of memory to load: use a larger --mem",
			    image->what, image->path,
			    (unsigned long long)((gpa + len + MIB - 1) / MIB));
	return 0;
}

int image_is_elf(const struct image *image)
{
	unsigned char magic[SELFMAG] = { 0 };

	if (image_read(image, magic, 0, image->size < SELFMAG ? image->size : SELFMAG))
		return -1;
	return !memcmp(magic, ELFMAG, SELFMAG);
}

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
