// SPDX-License-Identifier: GPL-2.0-only
/*
 * Opens kernel and initrd files and reads pieces of them. Every file is untrusted: no size
 * or address out of one is used before it was compared with the file's size and the
 * guest's memory. What the pieces mean is for the files of the formats.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot/load.h"
#include "launcher.h"
#include "machine/layout.h"

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
