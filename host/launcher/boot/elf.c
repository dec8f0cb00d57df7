// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loads a 64-bit ELF executable by its physical addresses: a vmlinux, or a
 * test payload that wants no more than long mode and a stack. The zero page
 * it is given has an empty header but for what identifies the protocol.
 */
#include <elf.h>

#include "boot/boot.h"
#include "boot/load.h"
#include "launcher.h"

#define BOOT_VERSION		0x020f
#define MAX_SEGMENTS		64

static int check_header(const struct image *image, const Elf64_Ehdr *ehdr)
{
	if (ehdr->e_ident[EI_CLASS] == ELFCLASS32)
		return fail("kernel %s is a 32-bit kernel: ring1 runs 64-bit kernels only",
			    image->path);
	if (ehdr->e_ident[EI_CLASS] != ELFCLASS64 || ehdr->e_ident[EI_DATA] != ELFDATA2LSB ||
	    ehdr->e_machine != EM_X86_64)
		return fail("kernel %s is an ELF file for another processor, not for x86-64",
			    image->path);
	if (ehdr->e_type != ET_EXEC)
		return fail("kernel %s is an ELF file, but not an executable at fixed addresses as vmlinux is",
			    image->path);
	if (!ehdr->e_phnum || ehdr->e_phnum > MAX_SEGMENTS ||
	    ehdr->e_phentsize != sizeof(Elf64_Phdr))
		return fail("kernel %s has a damaged ELF header", image->path);
	return 0;
}

static int load_segment(const struct image *image, const struct ram *ram, const Elf64_Phdr *phdr,
			struct kernel *kernel)
{
	if (phdr->p_filesz > phdr->p_memsz)
		return fail("kernel %s has a damaged segment: larger in the file than in memory",
			    image->path);
	if (kernel_check_room(image, ram, phdr->p_paddr, phdr->p_memsz) ||
	    image_load(image, ram, phdr->p_paddr, phdr->p_offset, phdr->p_filesz))
		return -1;

	if (!kernel->end || kernel->start > phdr->p_paddr)
		kernel->start = phdr->p_paddr;
	if (kernel->end < phdr->p_paddr + phdr->p_memsz)
		kernel->end = phdr->p_paddr + phdr->p_memsz;
	return 0;
}

int elf_load(const struct image *image, const struct ram *ram, struct kernel *kernel)
{
	Elf64_Phdr phdrs[MAX_SEGMENTS];
	Elf64_Ehdr ehdr;
	int i;

	if (image_read(image, &ehdr, 0, sizeof(ehdr)) || check_header(image, &ehdr) ||
	    image_read(image, phdrs, ehdr.e_phoff, ehdr.e_phnum * sizeof(phdrs[0])))
		return -1;

	for (i = 0; i < ehdr.e_phnum; i++) {
		if (phdrs[i].p_type == PT_LOAD && phdrs[i].p_memsz &&
		    load_segment(image, ram, &phdrs[i], kernel))
			return -1;
	}
	if (ehdr.e_entry < kernel->start || ehdr.e_entry >= kernel->end)
		return fail("kernel %s starts outside of itself: its entry is not a physical address",
			    image->path);

	kernel->entry = ehdr.e_entry;
	kernel->initrd_end_max = DEFAULT_INITRD_END_MAX;
	kernel->cmdline_max = DEFAULT_CMDLINE_MAX;
	kernel->hdr.boot_flag = BOOT_FLAG;
	kernel->hdr.header = BOOT_HEADER_MAGIC;
	kernel->hdr.version = BOOT_VERSION;
	return 0;
}
