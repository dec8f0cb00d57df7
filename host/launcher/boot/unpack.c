// SPDX-License-Identifier: GPL-2.0-only
/*
 * Gets the vmlinux out of a bzImage, into a file without a name that may be written.
 * A vmlinux comes out as a copy. Debian's kernels are compressed by zstd, those of
 * ring1's source by LZ4; that is all that is known here.
 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <lz4.h>
#include <zstd.h>

#include "boot/load.h"
#include "launcher.h"

#define ZSTD_FRAME_MAGIC	0xfd2fb528
#define LZ4_LEGACY_MAGIC	0x184c2102
#define LZ4_LEGACY_BLOCK	(8 * MIB)
#define SIZE_BYTES		4		/* the size, behind the compressed kernel */
#define MAX_VMLINUX		GIB

static int bad_payload(const struct image *image)
{
	return fail("kernel %s is damaged: what is packed in it cannot be unpacked", image->path);
}

/* Blocks, each with its packed size in front and 8 MiB in it, but for the last. */
static int unpack_lz4(const uint8_t *from, size_t len, uint8_t *to, size_t size)
{
	size_t at = sizeof(uint32_t), done = 0;
	uint32_t packed;

	while (done < size) {
		size_t room = size - done < LZ4_LEGACY_BLOCK ? size - done : LZ4_LEGACY_BLOCK;
		int n;

		if (len - at < sizeof(packed))
			return -1;
		memcpy(&packed, from + at, sizeof(packed));
		at += sizeof(packed);
		if (packed > len - at)
			return -1;
		n = LZ4_decompress_safe((const char *)from + at, (char *)to + done, packed, room);
		if (n <= 0)
			return -1;
		at += packed;
		done += n;
	}
	return 0;
}

static int unpack_payload(const struct image *image, const uint8_t *from, size_t len, uint8_t *to,
			  size_t size)
{
	uint32_t magic;

	memcpy(&magic, from, sizeof(magic));
	switch (magic) {
	case ZSTD_FRAME_MAGIC:
		return ZSTD_decompress(to, size, from, len) == size ? 0 : bad_payload(image);
	case LZ4_LEGACY_MAGIC:
		return unpack_lz4(from, len, to, size) ? bad_payload(image) : 0;
	default:
		return fail("kernel %s is packed neither by zstd nor by LZ4: in trap mode ring1 has to look into it; unpack it, by the kernel source's scripts/extract-vmlinux",
			    image->path);
	}
}

static int map_new(const struct image *image, struct image *vmlinux, uint64_t size, uint8_t **map)
{
	*vmlinux = (struct image){ .what = image->what, .path = image->path, .size = size };
	vmlinux->fd = memfd_create("vmlinux", MFD_CLOEXEC);
	if (vmlinux->fd < 0)
		return fail("no memory to unpack kernel %s: %s", image->path, strerror(errno));
	if (ftruncate(vmlinux->fd, size))
		goto err;
	*map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vmlinux->fd, 0);
	if (*map != MAP_FAILED)
		return 0;
err:
	fail("no memory to unpack kernel %s: %s", image->path, strerror(errno));
	image_close(vmlinux);
	return -1;
}

static int copy(const struct image *image, struct image *vmlinux)
{
	uint8_t *map;
	int err;

	if (map_new(image, vmlinux, image->size, &map))
		return -1;
	err = image_read(image, map, 0, image->size);
	munmap(map, image->size);
	if (err)
		image_close(vmlinux);
	return err;
}

static int unpack(const struct image *image, struct image *vmlinux, uint64_t offset, uint64_t len)
{
	uint8_t *packed, *map;
	uint32_t size;
	int err = -1;

	if (len <= 2 * SIZE_BYTES || offset > image->size || len > image->size - offset)
		return bad_payload(image);
	packed = malloc(len);
	if (!packed)
		return fail("out of memory");
	if (image_read(image, packed, offset, len))
		goto out;
	memcpy(&size, packed + len - SIZE_BYTES, sizeof(size));
	if (size < sizeof(Elf64_Ehdr) || size > MAX_VMLINUX) {
		bad_payload(image);
		goto out;
	}
	if (map_new(image, vmlinux, size, &map))
		goto out;
	err = unpack_payload(image, packed, len - SIZE_BYTES, map, size);
	munmap(map, size);
	if (err)
		image_close(vmlinux);
out:
	free(packed);
	return err;
}

int kernel_unpack(const struct image *image, struct image *vmlinux)
{
	uint64_t offset, len;
	int elf = image_is_elf(image);

	if (elf)
		return elf < 0 ? -1 : copy(image, vmlinux);
	if (bzimage_payload(image, &offset, &len))
		return -1;
	return unpack(image, vmlinux, offset, len);
}
