// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    no damaged kernel image makes the loader crash or write outside of
 *           guest memory
 * How:      loads a good image, a stock kernel for a trap guest among them, with some
 *           bytes, words or its length changed at random; `make fuzz` builds it with the
 *           address and undefined behaviour sanitizers, which watch the exact bounds
 * Needs:    nothing; arguments: how many images (default 20000), first seed
 * Catches:  a missing or overflowing bounds check
 */
#include <stdlib.h>
#include <sys/wait.h>

#include "stock.h"

#define RAM_SIZE	(6 * MIB + 3 * 4096)

static uint64_t state;

/* xorshift64: the same images from the same seed everywhere. */
static uint64_t random_number(uint64_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % below;
}

/* Values at which checks go wrong, beside random ones. */
static uint64_t random_value(void)
{
	static const uint64_t values[] = {
		0, 1, 0x7f, 0xff, 0x200, 0xfff, 0x1000, 0xffff, MIB, LOAD_ADDRESS, RAM_SIZE,
		RAM_SIZE - 1, RAM_SIZE + 1, HOLE_START, HOLE_END, INT32_MAX, UINT32_MAX,
		INT64_MAX, UINT64_MAX, UINT64_MAX - 4095, UINT64_MAX - RAM_SIZE,
	};
	uint64_t n = random_number(ARRAY_SIZE(values) + 4);

	return n < ARRAY_SIZE(values) ? values[n] : random_number(UINT64_MAX);
}

static size_t damage(uint8_t *file, size_t size, size_t headers, size_t skip)
{
	unsigned int times = 1 + random_number(4);

	while (times--) {
		size_t width = 1U << random_number(4);
		uint64_t val = random_value();
		size_t at = skip + random_number(headers - skip - width);

		memcpy(file + at, &val, width);
	}
	return random_number(8) ? size : 1 + random_number(size);
}

static void load_one(const struct ram *ram)
{
	union {
		struct bzimage bz;
		struct elf elf;
		struct stock stock;
		uint8_t bytes[sizeof(struct bzimage)];
	} file;
	uint64_t what = random_number(3);
	struct kernel kernel;
	struct image image;
	size_t size;

	if (what == 2) {
		make_stock(&file.stock);
		size = damage(file.bytes, sizeof(file.stock), sizeof(file.stock), EI_CLASS);
	} else if (what == 1) {
		make_bzimage(&file.bz);
		size = damage(file.bytes, sizeof(file.bz), SETUP_BYTES, 0x1f1);
	} else {
		make_elf(&file.elf);
		size = damage(file.bytes, sizeof(file.elf), offsetof(struct elf, segment),
			      EI_CLASS);
	}
	image = make_image("kernel", file.bytes, size);
	if (image.fd < 0)
		abort();
	if (!(what == 2 ? kernel_load_trap : kernel_load)(&image, ram, &kernel)) {
		if (kernel.start < HIGH_RAM_START || kernel.end > ram->low_size ||
		    kernel.entry < kernel.start || kernel.entry >= kernel.end)
			abort();
		if (!initrd_load(&image, ram, &kernel) && kernel.hdr.ramdisk_image < kernel.end)
			abort();
		boot_write(ram, &kernel, "no5lvl", ACPI_TABLES);
	}
	image_close(&image);
}

int main(int argc, char **argv)
{
	uint64_t i, images = argc > 1 ? strtoull(argv[1], NULL, 0) : 20000;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	struct ram ram = { .low = malloc(RAM_SIZE), .low_size = RAM_SIZE };
	int status;

	puts("TAP version 13\n1..1");
	fflush(stdout);
	/* In a process of its own: a crash is a result as well. */
	if (!fork()) {
#ifndef __SANITIZE_ADDRESS__
		/* Only a sanitizer says something there that matters. */
		if (!freopen("/dev/null", "w", stderr))
			abort();
#endif
		if (!ram.low)
			abort();
		for (i = 0; i < images; i++) {
			state = (seed + i) * 0x9e3779b97f4a7c15;
			load_one(&ram);
		}
		free(ram.low);
		exit(0);
	}
	free(ram.low);
	if (wait(&status) < 0 || status) {
		printf("not ok 1 - no damaged image crashes the loader # status %#x\n", status);
		return 1;
	}
	printf("ok 1 - no damaged image crashes the loader\n");
	return 0;
}
