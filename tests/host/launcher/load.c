// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    the launcher loads a good bzImage, ELF file or initrd where it
 *           belongs and refuses a bad one with one line that names the reason
 * How:      smallest images that load, each damaged in one way
 * Needs:    nothing
 * Catches:  a size or address of the file used without a check
 */
#include "images.h"
#include "kselftest_harness.h"

FIXTURE(load)
{
	struct ram ram;
	struct kernel kernel;
	struct bzimage bz;
	struct elf elf;
	char said[512];
};

FIXTURE_SETUP(load)
{
	ASSERT_EQ(0, ram_alloc(&self->ram, 16 * MIB));
	make_bzimage(&self->bz);
	make_elf(&self->elf);
}

FIXTURE_TEARDOWN(load)
{
	ram_free(&self->ram);
}

#define REFUSED(bytes, size, reason) do {				\
	struct image _image = make_image("kernel", bytes, size);	\
									\
	ASSERT_LE(0, _image.fd);					\
	EXPECT_EQ(-1, CATCH(kernel_load(&_image, &self->ram, &self->kernel))); \
	EXPECT_EQ(0, strncmp(self->said, "ring1: kernel ", 14));	\
	EXPECT_EQ(self->said + strlen(self->said) - 1, strchr(self->said, '\n')); \
	EXPECT_NE(NULL, strstr(self->said, reason))			\
		TH_LOG("said: %s", self->said);				\
	image_close(&_image);						\
} while (0)

#define LOADED(bytes, size) do {					\
	struct image _image = make_image("kernel", bytes, size);	\
									\
	ASSERT_LE(0, _image.fd);					\
	ASSERT_EQ(0, kernel_load(&_image, &self->ram, &self->kernel));	\
	image_close(&_image);						\
} while (0)

TEST_F(load, bzimage_goes_to_its_preferred_address)
{
	LOADED(&self->bz, sizeof(self->bz));
	EXPECT_EQ(LOAD_ADDRESS + 0x200, self->kernel.entry);
	EXPECT_EQ(LOAD_ADDRESS, self->kernel.start);
	EXPECT_EQ(LOAD_ADDRESS + INIT_SIZE, self->kernel.end);
	EXPECT_EQ(0x80000000, self->kernel.initrd_end_max);
	EXPECT_EQ(255, self->kernel.cmdline_max);
	EXPECT_EQ(0x20f, self->kernel.hdr.version);
	EXPECT_EQ(0, memcmp(self->ram.low + LOAD_ADDRESS, self->bz.payload, PAYLOAD_BYTES));
	EXPECT_EQ(0, self->ram.low[LOAD_ADDRESS + PAYLOAD_BYTES]);
}

TEST_F(load, zero_setup_sectors_mean_four)
{
	static uint8_t file[5 * 512 + PAYLOAD_BYTES];

	self->bz.hdr.setup_sects = 0;
	memcpy(file, &self->bz, SETUP_BYTES);
	memcpy(file + 5 * 512, self->bz.payload, PAYLOAD_BYTES);
	LOADED(file, sizeof(file));
	EXPECT_EQ(0, memcmp(self->ram.low + LOAD_ADDRESS, self->bz.payload, PAYLOAD_BYTES));
}

TEST_F(load, what_follows_the_kernel_is_ignored)
{
	self->bz.hdr.syssize = PAYLOAD_BYTES / 32;
	LOADED(&self->bz, sizeof(self->bz));
	EXPECT_EQ(0, self->ram.low[LOAD_ADDRESS + PAYLOAD_BYTES / 2]);
}

TEST_F(load, truncated_bzimage_is_refused)
{
	size_t size;

	REFUSED(&self->bz, sizeof(self->bz) - 1, "truncated");
	REFUSED(&self->bz, SETUP_BYTES, "truncated");
	for (size = 1; size < 0x1f1 + sizeof(struct setup_header); size += 100)
		REFUSED(&self->bz, size, "neither a bzImage nor an ELF");
}

TEST_F(load, something_else_is_refused)
{
	self->bz.hdr.header++;
	REFUSED(&self->bz, sizeof(self->bz), "neither a bzImage nor an ELF");
	self->bz.hdr.header--;
	self->bz.hdr.boot_flag = 0;
	REFUSED(&self->bz, sizeof(self->bz), "neither a bzImage nor an ELF");
}

TEST_F(load, kernel_of_32_bits_is_refused)
{
	self->bz.hdr.xloadflags = 0;
	REFUSED(&self->bz, sizeof(self->bz), "32-bit");
	self->elf.ehdr.e_ident[EI_CLASS] = ELFCLASS32;
	REFUSED(&self->elf, sizeof(self->elf), "32-bit");
}

TEST_F(load, old_boot_protocol_is_refused)
{
	self->bz.hdr.version = 0x20b;
	REFUSED(&self->bz, sizeof(self->bz), "too old");
}

TEST_F(load, damaged_boot_header_is_refused)
{
	self->bz.hdr.jump = 0xeb;
	REFUSED(&self->bz, sizeof(self->bz), "damaged");
	make_bzimage(&self->bz);
	self->bz.hdr.syssize = 0;
	REFUSED(&self->bz, sizeof(self->bz), "damaged");
	self->bz.hdr.syssize = UINT32_MAX;
	REFUSED(&self->bz, sizeof(self->bz), "where ring1 has none");
}

TEST_F(load, bzimage_outside_of_memory_is_refused)
{
	self->bz.hdr.pref_address = 15 * MIB;
	REFUSED(&self->bz, sizeof(self->bz), "at least 17M");
	self->bz.hdr.pref_address = 0;
	REFUSED(&self->bz, sizeof(self->bz), "where ring1 has none");
	self->bz.hdr.pref_address = HOLE_START - INIT_SIZE + 1;
	REFUSED(&self->bz, sizeof(self->bz), "where ring1 has none");
	self->bz.hdr.pref_address = UINT64_MAX - 4096;
	REFUSED(&self->bz, sizeof(self->bz), "where ring1 has none");
}

TEST_F(load, elf_goes_to_its_physical_addresses)
{
	LOADED(&self->elf, sizeof(self->elf));
	EXPECT_EQ(LOAD_ADDRESS + 16, self->kernel.entry);
	EXPECT_EQ(LOAD_ADDRESS, self->kernel.start);
	EXPECT_EQ(LOAD_ADDRESS + ELF_MEM_SIZE, self->kernel.end);
	EXPECT_EQ(0, memcmp(self->ram.low + LOAD_ADDRESS, self->elf.segment, ELF_FILE_SIZE));
	EXPECT_EQ(0, self->ram.low[LOAD_ADDRESS + ELF_FILE_SIZE]);
}

TEST_F(load, truncated_elf_is_refused)
{
	REFUSED(&self->elf, sizeof(self->elf) - 1, "truncated");
	REFUSED(&self->elf, offsetof(struct elf, phdrs[1]), "truncated");
	REFUSED(&self->elf, SELFMAG, "truncated");
	self->elf.ehdr.e_phoff = UINT64_MAX - 8;
	REFUSED(&self->elf, sizeof(self->elf), "truncated");
}

TEST_F(load, foreign_elf_is_refused)
{
	self->elf.ehdr.e_machine = EM_AARCH64;
	REFUSED(&self->elf, sizeof(self->elf), "another processor");
	make_elf(&self->elf);
	self->elf.ehdr.e_type = ET_DYN;
	REFUSED(&self->elf, sizeof(self->elf), "fixed addresses");
}

TEST_F(load, damaged_elf_is_refused)
{
	self->elf.ehdr.e_phnum = 0;
	REFUSED(&self->elf, sizeof(self->elf), "damaged");
	self->elf.ehdr.e_phnum = UINT16_MAX;
	REFUSED(&self->elf, sizeof(self->elf), "damaged");
	make_elf(&self->elf);
	self->elf.ehdr.e_phentsize--;
	REFUSED(&self->elf, sizeof(self->elf), "damaged");
	make_elf(&self->elf);
	self->elf.phdrs[1].p_memsz = ELF_FILE_SIZE - 1;
	REFUSED(&self->elf, sizeof(self->elf), "damaged");
}

TEST_F(load, elf_outside_of_memory_is_refused)
{
	self->elf.phdrs[1].p_paddr = 4096;
	REFUSED(&self->elf, sizeof(self->elf), "where ring1 has none");
	self->elf.phdrs[1].p_paddr = UINT64_MAX - 4096;
	REFUSED(&self->elf, sizeof(self->elf), "where ring1 has none");
	self->elf.phdrs[1].p_paddr = 16 * MIB;
	REFUSED(&self->elf, sizeof(self->elf), "larger --mem");
	self->elf.phdrs[1].p_paddr = LOAD_ADDRESS;
	self->elf.phdrs[1].p_memsz = UINT64_MAX;
	REFUSED(&self->elf, sizeof(self->elf), "where ring1 has none");
}

TEST_F(load, elf_that_starts_elsewhere_is_refused)
{
	self->elf.ehdr.e_entry = 0xffffffff81000000;
	REFUSED(&self->elf, sizeof(self->elf), "entry");
	self->elf.phdrs[1].p_type = PT_NULL;
	REFUSED(&self->elf, sizeof(self->elf), "entry");
}

TEST_F(load, initrd_goes_as_high_as_allowed)
{
	struct image image = make_image("initrd", "initrd", 6);

	self->kernel.end = LOAD_ADDRESS;
	self->kernel.initrd_end_max = UINT32_MAX;
	ASSERT_EQ(0, initrd_load(&image, &self->ram, &self->kernel));
	EXPECT_EQ(16 * MIB - 4096, self->kernel.hdr.ramdisk_image);
	EXPECT_EQ(6, self->kernel.hdr.ramdisk_size);
	EXPECT_EQ(0, memcmp(self->ram.low + 16 * MIB - 4096, "initrd", 6));

	self->kernel.initrd_end_max = 8 * MIB;
	ASSERT_EQ(0, initrd_load(&image, &self->ram, &self->kernel));
	EXPECT_EQ(8 * MIB - 4096, self->kernel.hdr.ramdisk_image);
	image_close(&image);
}

TEST_F(load, initrd_without_room_is_refused)
{
	struct image image = make_image("initrd", &self->bz, sizeof(self->bz));

	self->kernel.initrd_end_max = UINT32_MAX;
	self->kernel.end = 16 * MIB - 8192;
	EXPECT_EQ(0, initrd_load(&image, &self->ram, &self->kernel));
	self->kernel.end++;
	EXPECT_EQ(-1, CATCH(initrd_load(&image, &self->ram, &self->kernel)));
	EXPECT_NE(NULL, strstr(self->said, "larger --mem or a smaller initrd"));
	self->kernel.end = UINT32_MAX;
	EXPECT_EQ(-1, CATCH(initrd_load(&image, &self->ram, &self->kernel)));
	image_close(&image);
}

TEST_F(load, file_that_shrinks_meanwhile_is_refused)
{
	struct image image = make_image("initrd", "initrd", 6);

	self->kernel.initrd_end_max = UINT32_MAX;
	ASSERT_EQ(0, ftruncate(image.fd, 3));
	EXPECT_EQ(-1, CATCH(initrd_load(&image, &self->ram, &self->kernel)));
	EXPECT_NE(NULL, strstr(self->said, "got shorter"));
	image_close(&image);
}

TEST_F(load, zero_page_describes_memory)
{
	struct boot_params *bp = (void *)(self->ram.low + BOOT_PARAMS);

	LOADED(&self->bz, sizeof(self->bz));
	self->ram.high_size = GIB;
	ASSERT_EQ(0, boot_write(&self->ram, &self->kernel, "words", ACPI_TABLES));
	self->ram.high_size = 0;
	EXPECT_STREQ("words", (char *)self->ram.low + bp->hdr.cmd_line_ptr);
	EXPECT_EQ(ACPI_TABLES, bp->acpi_rsdp_addr);
	EXPECT_EQ(0, bp->sentinel);
	ASSERT_EQ(4, bp->e820_entries);
	EXPECT_EQ(0, bp->e820_table[0].addr);
	EXPECT_EQ(LOW_RAM_END, bp->e820_table[0].size);
	EXPECT_EQ(2, bp->e820_table[1].type);
	EXPECT_EQ(MIB, bp->e820_table[2].addr);
	EXPECT_EQ(15 * MIB, bp->e820_table[2].size);
	EXPECT_EQ(HOLE_END, bp->e820_table[3].addr);
	EXPECT_EQ(GIB, bp->e820_table[3].size);
}

TEST_F(load, command_line_has_a_limit)
{
	static char words[BOOT_CMDLINE_SIZE + 1];

	LOADED(&self->bz, sizeof(self->bz));
	memset(words, 'x', 255);
	EXPECT_EQ(0, boot_write(&self->ram, &self->kernel, words, 0));
	words[255] = 'x';
	EXPECT_EQ(-1, CATCH(boot_write(&self->ram, &self->kernel, words, 0)));
	EXPECT_NE(NULL, strstr(self->said, "shorten --append"));
	memset(words, 'x', BOOT_CMDLINE_SIZE);
	self->kernel.cmdline_max = UINT64_MAX;
	EXPECT_EQ(-1, CATCH(boot_write(&self->ram, &self->kernel, words, 0)));
}

TEST_F(load, page_tables_map_four_gib_to_themselves)
{
	uint64_t gpa, *pml4 = (void *)(self->ram.low + BOOT_PML4);

	LOADED(&self->bz, sizeof(self->bz));
	ASSERT_EQ(0, boot_write(&self->ram, &self->kernel, "", 0));
	for (gpa = 0; gpa < 4 * GIB; gpa += 2 * MIB) {
		uint64_t *pdpt = (void *)(self->ram.low + (pml4[gpa >> 39] & ~4095ULL));
		uint64_t *pd = (void *)(self->ram.low + (pdpt[gpa >> 30 & 511] & ~4095ULL));

		/* Present, writable, large, and not the user's. */
		ASSERT_EQ(gpa | 0x83, pd[gpa >> 21 & 511]);
	}
	EXPECT_EQ(0, pml4[1]);
}

TEST_HARNESS_MAIN
