/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A crafted vmlinux of a stock kernel: the least that host/launcher/boot/stock.c looks for, to be
 * damaged by each test in its own way.
 */
#ifndef TEST_STOCK_H
#define TEST_STOCK_H

#include "images.h"

#define TEXT_VA			0xffffffff81000000ULL
#define INIT_TEXT_VA		0xffffffff82000000ULL
#define DATA_VA			0xffffffff83000000ULL
#define ALTERNATIVES_VA		0xffffffff84000000ULL
#define REPLACEMENTS_VA		0xffffffff85000000ULL

/* In .text. Functions are NOPs but for what is looked for. */
enum {
	AT_SAVE_FL = 0x00, AT_CPUID = 0x40, AT_OTHER = 0x80, AT_EMU = 0xc0, AT_HEAD = 0x100,
	AT_SITE = 0x140, AT_APPLY = 0x180, AT_MODULE = 0x1c0, AT_END = 0x200, TEXT_SIZE = 0x400,
};

enum { SLOT_OTHER = 1, SLOT_CPUID = 2, SLOT_SAVE_FL = 4, NR_SLOTS = 8 };

/* In .altinstructions: PUSHF, with its site in .text; CLI; something else. */
enum { ALT_PUSHF, ALT_CLI, ALT_OTHER, NR_ALTS };

struct alt {
	int32_t site, replacement;
	uint16_t feature, flags;
	uint8_t site_len, replacement_len;
} __attribute__((packed));

enum {
	SECTION_NONE, SECTION_TEXT, SECTION_INIT, SECTION_DATA, SECTION_ALTS,
	SECTION_REPLACEMENTS, SECTION_NOTES, SECTION_NAMES, NR_SECTIONS,
};

#define STOCK_NAMES \
	"\0.text\0.init.text\0.data\0.altinstructions\0.altinstr_replacement\0.notes\0.shstrtab"

struct stock {
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdr;
	Elf64_Shdr shdrs[NR_SECTIONS];
	uint8_t text[TEXT_SIZE];
	uint8_t init_text[64];
	uint64_t slots[NR_SLOTS];
	struct alt alts[NR_ALTS];
	uint8_t replacements[8];
	struct {
		Elf64_Nhdr header;
		char name[8];
		uint32_t version;
	} note;
	char names[sizeof(STOCK_NAMES)];
};

static inline void put_call(uint8_t *at, uint64_t va, uint64_t target)
{
	int32_t disp = target - (va + 5);

	*at = 0xe8;
	memcpy(at + 1, &disp, sizeof(disp));
}

static inline void make_section(struct stock *s, unsigned int n, uint64_t va, size_t offset,
				size_t size)
{
	const char *name = STOCK_NAMES;
	unsigned int i;

	for (i = 0; i < n; i++)
		name += strlen(name) + 1;
	s->shdrs[n] = (Elf64_Shdr) {
		.sh_name = name - STOCK_NAMES, .sh_type = SHT_PROGBITS,
		.sh_flags = va ? SHF_ALLOC : 0, .sh_addr = va, .sh_offset = offset, .sh_size = size,
	};
}

#define MAKE_SECTION(s, n, va, member) \
	make_section(s, n, va, offsetof(struct stock, member), sizeof((s)->member))

static inline void make_stock(struct stock *s)
{
	static const uint8_t pushf[] = { 0x9c, 0x58, 0xc3 }, cpuid[] = { 0x0f, 0xa2, 0xc3 };
	static const uint8_t emu[] = { 0x9c, 0xfa, 0x65, 0x48, 0x3b, 0x06, 0x75, 0x08 };
	static const uint8_t head[] = { 0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xd0 };
	uint32_t start = (uint32_t)ALTERNATIVES_VA, end = start + sizeof(s->alts);
	int32_t slot = DATA_VA + SLOT_SAVE_FL * 8 - (TEXT_VA + AT_SITE + 6);
	struct elf elf;
	unsigned int i;

	make_elf(&elf);
	memset(s, 0, sizeof(*s));
	s->ehdr = elf.ehdr;
	s->ehdr.e_phoff = offsetof(struct stock, phdr);
	s->ehdr.e_phnum = 1;
	s->ehdr.e_shoff = offsetof(struct stock, shdrs);
	s->ehdr.e_shentsize = sizeof(Elf64_Shdr);
	s->ehdr.e_shnum = NR_SECTIONS;
	s->ehdr.e_shstrndx = SECTION_NAMES;
	s->phdr = elf.phdrs[1];
	s->phdr.p_offset = offsetof(struct stock, text);
	s->phdr.p_filesz = TEXT_SIZE;
	MAKE_SECTION(s, SECTION_TEXT, TEXT_VA, text);
	MAKE_SECTION(s, SECTION_INIT, INIT_TEXT_VA, init_text);
	MAKE_SECTION(s, SECTION_DATA, DATA_VA, slots);
	MAKE_SECTION(s, SECTION_ALTS, ALTERNATIVES_VA, alts);
	MAKE_SECTION(s, SECTION_REPLACEMENTS, REPLACEMENTS_VA, replacements);
	MAKE_SECTION(s, SECTION_NOTES, 0, note);
	MAKE_SECTION(s, SECTION_NAMES, 0, names);
	memcpy(s->names, STOCK_NAMES, sizeof(s->names));

	memset(s->text, 0x90, AT_END);
	memset(s->text + AT_END, 0xcc, TEXT_SIZE - AT_END);
	memcpy(s->text + AT_SAVE_FL + 4, pushf, sizeof(pushf));
	memcpy(s->text + AT_CPUID + 9, cpuid, sizeof(cpuid));
	memcpy(s->text + AT_EMU, emu, sizeof(emu));
	memcpy(s->text + AT_HEAD, head, sizeof(head));
	memcpy(s->text + AT_SITE, "\xff\x15", 2);
	memcpy(s->text + AT_SITE + 2, &slot, sizeof(slot));
	put_call(s->text + AT_MODULE, TEXT_VA + AT_MODULE, TEXT_VA + AT_APPLY);

	memset(s->init_text, 0x90, sizeof(s->init_text));
	memcpy(s->init_text + 8, "\x48\xc7\xc6", 3);
	memcpy(s->init_text + 11, &end, sizeof(end));
	memcpy(s->init_text + 15, "\x48\xc7\xc7", 3);
	memcpy(s->init_text + 18, &start, sizeof(start));
	put_call(s->init_text + 22, INIT_TEXT_VA + 22, TEXT_VA + AT_APPLY);

	for (i = 0; i < NR_SLOTS; i++)
		s->slots[i] = TEXT_VA + AT_OTHER;
	s->slots[SLOT_CPUID] = TEXT_VA + AT_CPUID;
	s->slots[SLOT_SAVE_FL] = TEXT_VA + AT_SAVE_FL;

	memcpy(s->replacements, "\x9c\x58\xfa\x90\x90", 5);
	for (i = 0; i < NR_ALTS; i++) {
		uint64_t va = ALTERNATIVES_VA + i * sizeof(struct alt);

		s->alts[i] = (struct alt){
			.site = TEXT_VA + AT_SITE - va,
			.replacement = REPLACEMENTS_VA + 2 * i - (va + 4),
			.feature = i == ALT_OTHER ? 5 : 8 * 32 + 16,
			.flags = 1,
			.site_len = 6,
			.replacement_len = i == ALT_CLI ? 1 : 2,
		};
	}
	s->note.header = (Elf64_Nhdr){ .n_namesz = 6, .n_descsz = 4, .n_type = 1 };
	memcpy(s->note.name, "other", sizeof("other"));
}

#endif
