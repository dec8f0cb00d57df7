/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Crafted kernel images for the loader's tests: the smallest bzImage and ELF
 * file that load, to be damaged by each test in its own way.
 */
#ifndef TEST_IMAGES_H
#define TEST_IMAGES_H

#include <elf.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "boot/boot.h"
#include "machine/layout.h"
#include "boot/load.h"
#include "launcher.h"

#define SETUP_BYTES	1024
#define PAYLOAD_BYTES	4096
#define LOAD_ADDRESS	(4 * MIB)
#define INIT_SIZE	(2 * MIB)
#define ELF_FILE_SIZE	512
#define ELF_MEM_SIZE	8192

struct bzimage {
	uint8_t before[0x1f1];
	struct setup_header hdr;
	uint8_t after[SETUP_BYTES - 0x1f1 - sizeof(struct setup_header)];
	uint8_t payload[PAYLOAD_BYTES];
} __attribute__((packed));

struct elf {
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdrs[2];
	uint8_t segment[ELF_FILE_SIZE];
};

static inline void make_bzimage(struct bzimage *image)
{
	memset(image, 0, sizeof(*image));
	memset(image->payload, 0xaa, sizeof(image->payload));
	image->hdr = (struct setup_header){
		.setup_sects = SETUP_BYTES / 512 - 1,
		.syssize = PAYLOAD_BYTES / 16,
		.boot_flag = BOOT_FLAG,
		.jump = 0xeb | (sizeof(struct setup_header) - 0x11) << 8,
		.header = BOOT_HEADER_MAGIC,
		.version = 0x20f,
		.loadflags = LOADED_HIGH,
		.xloadflags = XLF_KERNEL_64,
		.initrd_addr_max = 0x7fffffff,
		.kernel_alignment = 2 * MIB,
		.relocatable_kernel = 1,
		.cmdline_size = 255,
		.pref_address = LOAD_ADDRESS,
		.init_size = INIT_SIZE,
	};
}

static inline void make_elf(struct elf *elf)
{
	memset(elf, 0, sizeof(*elf));
	memset(elf->segment, 0xbb, sizeof(elf->segment));
	memcpy(elf->ehdr.e_ident, ELFMAG, SELFMAG);
	elf->ehdr.e_ident[EI_CLASS] = ELFCLASS64;
	elf->ehdr.e_ident[EI_DATA] = ELFDATA2LSB;
	elf->ehdr.e_type = ET_EXEC;
	elf->ehdr.e_machine = EM_X86_64;
	elf->ehdr.e_entry = LOAD_ADDRESS + 16;
	elf->ehdr.e_phoff = offsetof(struct elf, phdrs);
	elf->ehdr.e_phentsize = sizeof(Elf64_Phdr);
	elf->ehdr.e_phnum = 2;
	elf->phdrs[0].p_type = PT_NOTE;
	elf->phdrs[1].p_type = PT_LOAD;
	elf->phdrs[1].p_offset = offsetof(struct elf, segment);
	elf->phdrs[1].p_vaddr = 0xffffffff81000000;
	elf->phdrs[1].p_paddr = LOAD_ADDRESS;
	elf->phdrs[1].p_filesz = ELF_FILE_SIZE;
	elf->phdrs[1].p_memsz = ELF_MEM_SIZE;
}

/* An image whose file holds these bytes, or one with descriptor -1. */
static inline struct image make_image(const char *what, const void *bytes, size_t size)
{
	struct image image = { .what = what, .path = "(test)", .size = size };

	image.fd = memfd_create(what, MFD_CLOEXEC);
	if (image.fd >= 0 && write(image.fd, bytes, size) != (ssize_t)size) {
		close(image.fd);
		image.fd = -1;
	}
	return image;
}

/* Run a loader with its message caught, in self->said: a failure says exactly one line. */
#define CATCH(call) ({							\
	int _saved = dup(STDERR_FILENO), _to = memfd_create("said", 0), _err; \
	ssize_t _n;							\
									\
	dup2(_to, STDERR_FILENO);					\
	_err = (call);							\
	dup2(_saved, STDERR_FILENO);					\
	_n = pread(_to, self->said, sizeof(self->said) - 1, 0);		\
	self->said[_n < 0 ? 0 : _n] = '\0';				\
	close(_to);							\
	close(_saved);							\
	_err;								\
})

#endif
