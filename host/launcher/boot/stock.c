// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernels that were not made for ring 1, as trap guests. Most of what a kernel must not
 * do in ring 1 faults there and is emulated. What does not fault is replaced in the
 * kernel before it runs, by means the kernel has itself:
 *
 *   PUSHF	for the interrupt flag is a call through pv_ops until alternatives are
 *		applied. The calls stay, in modules as well, and lead to stock-text.S
 *   POPF	restores the flag in one function only, this_cpu_cmpxchg16b_emu(), which
 *		gets the instruction it stands for
 *   CPUID	is a call through pv_ops; early boot's is the processor's own
 *   MOV SS	of a null selector works, though it should fault: see the note below
 *
 * So it takes a kernel with PARAVIRT_XXL (which XEN_PV selects) that lays these things
 * out as Linux 6.12 does. Everything is looked up and compared before it is changed.
 */
#include <elf.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "boot/load.h"
#include "launcher.h"

#define X86_FEATURE_XENPV	(8 * 32 + 16)
#define ALT_FLAG_NOT		1
#define ALT_SIZE		14
#define MAX_PV_OPS		40	/* slots in front of save_fl's */
#define FUNCTION_BYTES		32	/* in which a function shows what it is for */
#define PADDING			0xcc
#define TEXT_ALIGN		64
#define CALL_SIZE		5

#define NOTE_NAME		"ring1"	/* arch/x86/ring1/entry_64.S */

/* As in the file, where it has no padding. */
struct alt_instr {
	int32_t site;
	int32_t replacement;
	uint16_t feature;
	uint16_t flags;
	uint8_t site_len;
	uint8_t replacement_len;
} __attribute__((packed));

_Static_assert(sizeof(struct alt_instr) == ALT_SIZE, "alt_instr");

struct section {
	uint64_t va;
	uint64_t size;
	uint8_t *data;
};

/* A vmlinux in memory. */
struct vmlinux {
	const struct image *image;
	uint8_t *map;
	const Elf64_Ehdr *ehdr;
	const Elf64_Shdr *shdrs;
	const char *names;
	uint64_t names_size;
	struct section text, init_text, data, alternatives;
};

static bool in_file(const struct vmlinux *v, uint64_t offset, uint64_t len)
{
	return offset <= v->image->size && len <= v->image->size - offset;
}

static int open_elf(struct vmlinux *v)
{
	const Elf64_Shdr *names;

	v->ehdr = (const Elf64_Ehdr *)v->map;
	if (v->image->size < sizeof(*v->ehdr) || memcmp(v->ehdr->e_ident, ELFMAG, SELFMAG) ||
	    v->ehdr->e_ident[EI_CLASS] != ELFCLASS64 ||
	    v->ehdr->e_shentsize != sizeof(Elf64_Shdr) ||
	    !in_file(v, v->ehdr->e_shoff, v->ehdr->e_shnum * sizeof(Elf64_Shdr)) ||
	    v->ehdr->e_shoff % sizeof(uint64_t) || v->ehdr->e_shstrndx >= v->ehdr->e_shnum)
		return -1;
	v->shdrs = (const Elf64_Shdr *)(v->map + v->ehdr->e_shoff);
	names = &v->shdrs[v->ehdr->e_shstrndx];
	if (!in_file(v, names->sh_offset, names->sh_size) || !names->sh_size ||
	    v->map[names->sh_offset + names->sh_size - 1])
		return -1;
	v->names = (const char *)v->map + names->sh_offset;
	v->names_size = names->sh_size;
	return 0;
}

static bool find_section(const struct vmlinux *v, const char *name, struct section *section)
{
	unsigned int i;

	for (i = 0; i < v->ehdr->e_shnum; i++) {
		const Elf64_Shdr *shdr = &v->shdrs[i];

		if (shdr->sh_name >= v->names_size || strcmp(v->names + shdr->sh_name, name))
			continue;
		if (shdr->sh_type == SHT_NOBITS || !in_file(v, shdr->sh_offset, shdr->sh_size))
			return false;
		*section = (struct section){
			.va = shdr->sh_addr,
			.size = shdr->sh_size,
			.data = v->map + shdr->sh_offset,
		};
		return true;
	}
	return false;
}

static bool made_for_ring1(const struct vmlinux *v)
{
	struct section notes;
	Elf64_Nhdr note;
	uint64_t at = 0;

	if (!find_section(v, ".notes", &notes))
		return false;
	while (notes.size - at >= sizeof(note)) {
		const uint8_t *name = notes.data + at + sizeof(note);
		uint64_t len;

		memcpy(&note, notes.data + at, sizeof(note));
		len = sizeof(note) + (((uint64_t)note.n_namesz + 3) & ~3ULL) +
		      (((uint64_t)note.n_descsz + 3) & ~3ULL);
		if (len > notes.size - at)
			return false;
		if (note.n_namesz == sizeof(NOTE_NAME) && !memcmp(name, NOTE_NAME, note.n_namesz))
			return true;
		at += len;
	}
	return false;
}

/* Where a section has [va, va + len), or NULL. */
static uint8_t *at_va(const struct section *s, uint64_t va, uint64_t len)
{
	if (va < s->va || va - s->va > s->size || len > s->size - (va - s->va))
		return NULL;
	return s->data + (va - s->va);
}

/* The same in whatever section of the kernel that has contents. */
static uint8_t *anywhere(const struct vmlinux *v, uint64_t va, uint64_t len)
{
	unsigned int i;

	for (i = 0; i < v->ehdr->e_shnum; i++) {
		const Elf64_Shdr *shdr = &v->shdrs[i];
		struct section s = { .va = shdr->sh_addr, .size = shdr->sh_size };
		uint8_t *found;

		if (!(shdr->sh_flags & SHF_ALLOC) || !shdr->sh_addr ||
		    shdr->sh_type == SHT_NOBITS || !in_file(v, shdr->sh_offset, shdr->sh_size))
			continue;
		s.data = v->map + shdr->sh_offset;
		found = at_va(&s, va, len);
		if (found)
			return found;
	}
	return NULL;
}

static int unknown(const struct vmlinux *v, const char *why)
{
	return fail("kernel %s cannot be a trap guest: it was not made for ring 1, and ring1 does not know how to make it one: %s",
		    v->image->path, why);
}

/* The one place in a section with these bytes, or NULL. */
static uint8_t *find_once(const struct section *s, const void *bytes, size_t len)
{
	uint8_t *found = memmem(s->data, s->size, bytes, len);

	if (found && memmem(found + 1, s->data + s->size - found - 1, bytes, len))
		return NULL;
	return found;
}

/* The operand of CALL *disp32(%rip) at a site, as an address; 0 if it is something else. */
static uint64_t pv_call_slot(const struct vmlinux *v, uint64_t site)
{
	const uint8_t *insn = anywhere(v, site, 6);
	int32_t disp;

	if (!insn || insn[0] != 0xff || insn[1] != 0x15)
		return 0;
	memcpy(&disp, insn + 2, sizeof(disp));
	return site + 6 + disp;
}

/* Address of pv_ops.irq.save_fl, on which all records that would put PUSHF there agree. */
static uint64_t find_save_fl(const struct vmlinux *v)
{
	const struct section *table = &v->alternatives;
	uint64_t at, slot = 0;

	for (at = 0; at + ALT_SIZE <= table->size; at += ALT_SIZE) {
		const struct alt_instr *a = (const struct alt_instr *)(table->data + at);
		uint64_t va = table->va + at;
		const uint8_t *replacement;
		uint64_t this;

		if (a->feature != X86_FEATURE_XENPV || a->flags != ALT_FLAG_NOT ||
		    a->replacement_len < 2)
			continue;
		replacement = anywhere(v, va + offsetof(struct alt_instr, replacement) +
				       a->replacement, 2);
		if (!replacement || memcmp(replacement, "\x9c\x58", 2))
			continue;
		this = pv_call_slot(v, va + a->site);
		if (!this || (slot && slot != this))
			return 0;
		slot = this;
	}
	return slot;
}

static const uint8_t *pv_function(const struct vmlinux *v, uint64_t slot)
{
	const uint8_t *p = at_va(&v->data, slot, sizeof(uint64_t));
	uint64_t va;

	if (!p)
		return NULL;
	memcpy(&va, p, sizeof(va));
	return at_va(&v->text, va, FUNCTION_BYTES);
}

/* The operations before save_fl are those of pv_ops.cpu: one of them is CPUID. */
static uint64_t find_cpuid(const struct vmlinux *v, uint64_t save_fl)
{
	uint64_t slot, found = 0;

	for (slot = save_fl - 8; slot > save_fl - MAX_PV_OPS * 8; slot -= 8) {
		const uint8_t *code = pv_function(v, slot);

		if (!code)
			break;
		if (!memmem(code, FUNCTION_BYTES, "\x0f\xa2", 2))
			continue;
		if (found)
			return 0;
		found = slot;
	}
	return found;
}

/* apply_alternatives(), by the call with the bounds of the kernel's own table. */
static uint64_t find_apply(const struct vmlinux *v)
{
	uint32_t start = v->alternatives.va, end = v->alternatives.va + v->alternatives.size;
	uint8_t code[15] = { 0x48, 0xc7, 0xc6, 0, 0, 0, 0, 0x48, 0xc7, 0xc7, 0, 0, 0, 0, 0xe8 };
	const uint8_t *found;
	int32_t disp;

	memcpy(code + 3, &end, sizeof(end));
	memcpy(code + 10, &start, sizeof(start));
	found = find_once(&v->init_text, code, sizeof(code));
	if (!found || found + sizeof(code) + 4 > v->init_text.data + v->init_text.size)
		return 0;
	memcpy(&disp, found + sizeof(code), sizeof(disp));
	return v->init_text.va + (found - v->init_text.data) + sizeof(code) + 4 + disp;
}

/* Make the calls of one function calls of another. Returns how many there were. */
static unsigned int redirect_calls(const struct section *s, uint64_t from, uint64_t to)
{
	unsigned int calls = 0;
	uint64_t at;

	for (at = 0; at + CALL_SIZE <= s->size; at++) {
		uint64_t next = s->va + at + CALL_SIZE;
		int32_t disp;

		if (s->data[at] != 0xe8)
			continue;
		memcpy(&disp, s->data + at + 1, sizeof(disp));
		if (next + disp != from)
			continue;
		disp = to - next;
		memcpy(s->data + at + 1, &disp, sizeof(disp));
		calls++;
	}
	return calls;
}

/* Room for stock-text.S in the padding that ends the text. Address, or 0. */
static uint64_t find_room(const struct vmlinux *v)
{
	uint64_t used = v->text.size, start;

	while (used && v->text.data[used - 1] == PADDING)
		used--;
	start = (used + 2 * TEXT_ALIGN - 1) & ~(TEXT_ALIGN - 1ULL);
	if (start > v->text.size || v->text.size - start < (uint64_t)(stock_text_end - stock_text))
		return 0;
	return v->text.va + start;
}

static void set_slot(const struct vmlinux *v, uint64_t slot, uint64_t function)
{
	memcpy(at_va(&v->data, slot, sizeof(function)), &function, sizeof(function));
}

static int patch(struct vmlinux *v)
{
	/* pushfq; cli; cmpq %gs:(%rsi), %rax; jne */
	static const uint8_t cmpxchg16b_emu[] = { 0x9c, 0xfa, 0x65, 0x48, 0x3b, 0x06, 0x75 };
	/* cmpxchg16b %gs:(%rsi); ret */
	static const uint8_t cmpxchg16b[] = { 0x65, 0x48, 0x0f, 0xc7, 0x0e, 0xc3 };
	/*
	 * xorl %eax, %eax; movl %eax, %ds; movl %eax, %ss. The last one faults in ring 1,
	 * but not in every emulator of a processor, and one raises the CPL to 0 then.
	 */
	static const uint8_t null_ss[] = { 0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xd0 };
	static const uint8_t nop2[] = { 0x66, 0x90 };
	uint64_t save_fl, cpuid, apply, room;
	uint8_t *emu, *ss, *code;
	int32_t disp;

	save_fl = find_save_fl(v);
	if (!save_fl || !pv_function(v, save_fl) ||
	    !memmem(pv_function(v, save_fl), FUNCTION_BYTES, "\x9c\x58", 2))
		return unknown(v, "no calls of pv_ops.irq.save_fl (it needs CONFIG_PARAVIRT_XXL)");
	cpuid = find_cpuid(v, save_fl);
	if (!cpuid)
		return unknown(v, "no pv_ops.cpu.cpuid");
	emu = find_once(&v->text, cmpxchg16b_emu, sizeof(cmpxchg16b_emu));
	if (!emu)
		return unknown(v, "no this_cpu_cmpxchg16b_emu()");
	ss = find_once(&v->text, null_ss, sizeof(null_ss));
	if (!ss)
		return unknown(v, "no loads of segments in its head");
	apply = find_apply(v);
	if (!apply)
		return unknown(v, "no apply_alternatives()");
	room = find_room(v);
	if (!room)
		return unknown(v, "no room behind its text");

	code = at_va(&v->text, room, stock_text_end - stock_text);
	memcpy(code, stock_text, stock_text_end - stock_text);
	disp = apply - (room + (stock_text_apply - stock_text) + 4);
	memcpy(code + (stock_text_apply - stock_text), &disp, sizeof(disp));
	/* At boot, and for modules. */
	if (redirect_calls(&v->init_text, apply, room + (stock_text_alternatives - stock_text)) +
	    redirect_calls(&v->text, apply, room + (stock_text_alternatives - stock_text)) < 2)
		return unknown(v, "no calls of apply_alternatives()");
	set_slot(v, save_fl, room + (stock_text_save_fl - stock_text));
	set_slot(v, cpuid, room + (stock_text_cpuid - stock_text));
	memcpy(emu, cmpxchg16b, sizeof(cmpxchg16b));
	memcpy(ss + 4, nop2, sizeof(nop2));
	return 0;
}

int trap_prepare(const struct image *image, bool *stock)
{
	struct vmlinux v = { .image = image };
	int err = 0;

	*stock = false;
	v.map = mmap(NULL, image->size, PROT_READ | PROT_WRITE, MAP_SHARED, image->fd, 0);
	if (v.map == MAP_FAILED)
		return fail("no memory to look into kernel %s", image->path);
	/* No Linux: it must know itself what it does in ring 1. */
	if (open_elf(&v) || made_for_ring1(&v) ||
	    !find_section(&v, ".altinstructions", &v.alternatives))
		goto out;
	*stock = true;
	if (!find_section(&v, ".text", &v.text) || !find_section(&v, ".init.text", &v.init_text) ||
	    !find_section(&v, ".data", &v.data))
		err = unknown(&v, "it has no .text, .init.text and .data");
	else
		err = patch(&v);
out:
	munmap(v.map, image->size);
	return err;
}
