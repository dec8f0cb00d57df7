/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An empty disk image in QEMU's format, in which it keeps snapshots.
 */
#ifndef TEST_QCOW2_H
#define TEST_QCOW2_H

#include <endian.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#define CLUSTER_BITS	16
#define CLUSTER		(1ull << CLUSTER_BITS)
#define IMAGE_SIZE	(64ull << 20)

/* Version 2, all big-endian. */
static inline bool make_image(const char *path)
{
	struct {
		uint32_t magic, version;
		uint64_t backing_offset;
		uint32_t backing_size, cluster_bits;
		uint64_t size;
		uint32_t encrypted, l1_size;
		uint64_t l1_offset, refcounts_offset;
		uint32_t refcounts_clusters, snapshots;
		uint64_t snapshots_offset;
	} header = {
		.magic = htobe32('Q' << 24 | 'F' << 16 | 'I' << 8 | 0xfb),
		.version = htobe32(2),
		.cluster_bits = htobe32(CLUSTER_BITS),
		.size = htobe64(IMAGE_SIZE),
		.l1_size = htobe32(1),
		.l1_offset = htobe64(3 * CLUSTER),
		.refcounts_offset = htobe64(CLUSTER),
		.refcounts_clusters = htobe32(1),
	};
	/* The clusters of the header, both levels of the reference counts, and the mapping. */
	const uint16_t counts[] = { htobe16(1), htobe16(1), htobe16(1), htobe16(1) };
	const uint64_t block = htobe64(2 * CLUSTER);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool ok = fd >= 0 && !ftruncate(fd, 4 * CLUSTER) &&
		  pwrite(fd, &header, sizeof(header), 0) == sizeof(header) &&
		  pwrite(fd, &block, sizeof(block), CLUSTER) == sizeof(block) &&
		  pwrite(fd, counts, sizeof(counts), 2 * CLUSTER) == sizeof(counts);

	return !close(fd) && ok;
}

#endif
