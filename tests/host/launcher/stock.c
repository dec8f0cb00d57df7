// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    of a stock kernel the launcher changes what would go wrong in ring 1 without a
 *           fault, and nothing else; of a kernel made for ring 1, and of what is no Linux,
 *           nothing; a kernel it does not know it refuses, with the reason. What is packed
 *           in a bzImage comes out as it went in, or is refused
 * How:      a crafted vmlinux, with one thing of it changed at a time. The code that it puts
 *           in is run here, where its prefix ends it
 * Needs:    nothing
 * Catches:  a byte that is changed by a guess; a record of alternatives that is missed
 */
#include <setjmp.h>
#include <signal.h>
#include <sys/ucontext.h>

#include <lz4.h>
#include <zstd.h>

#include "stock.h"
#include "kselftest_harness.h"

FIXTURE(stock)
{
	struct stock file;	/* before */
	struct stock after;
	bool changed;
	char said[512];
};

FIXTURE_SETUP(stock)
{
	make_stock(&self->file);
}

FIXTURE_TEARDOWN(stock)
{
}

#define STOCK	FIXTURE_DATA(stock)
#define REFUSAL	"ring1: kernel (test) cannot be a trap guest: "

static int prepare(STOCK *self)
{
	struct image image = make_image("kernel", &self->file, sizeof(self->file)), vmlinux;
	int err;

	if (kernel_unpack(&image, &vmlinux))
		return -2;
	err = CATCH(trap_prepare(&vmlinux, &self->changed));
	if (image_read(&vmlinux, &self->after, 0, sizeof(self->after)))
		return -2;
	image_close(&vmlinux);
	image_close(&image);
	return err;
}

static uint64_t stock_text_va(const STOCK *self)
{
	return self->after.slots[SLOT_SAVE_FL] - (stock_text_save_fl - stock_text);
}

static uint64_t call_target(const uint8_t *at, uint64_t va)
{
	int32_t disp;

	memcpy(&disp, at + 1, sizeof(disp));
	return *at == 0xe8 ? va + 5 + disp : 0;
}

TEST_F(stock, what_does_not_fault_is_replaced_and_no_more)
{
	uint64_t room, apply;
	int32_t disp;

	ASSERT_EQ(0, prepare(self)) TH_LOG("%s", self->said);
	EXPECT_TRUE(self->changed);
	room = stock_text_va(self);
	apply = room + (stock_text_alternatives - stock_text);
	ASSERT_LT(TEXT_VA + AT_END, room);
	ASSERT_GE(TEXT_VA + TEXT_SIZE, room + (stock_text_end - stock_text));
	EXPECT_EQ(room + (stock_text_cpuid - stock_text), self->after.slots[SLOT_CPUID]);
	EXPECT_EQ(apply, call_target(self->after.text + AT_MODULE, TEXT_VA + AT_MODULE));
	EXPECT_EQ(apply, call_target(self->after.init_text + 22, INIT_TEXT_VA + 22));
	EXPECT_EQ(0, memcmp(self->after.text + AT_EMU, "\x65\x48\x0f\xc7\x0e\xc3", 6));
	EXPECT_EQ(0, memcmp(self->after.text + AT_HEAD, "\x31\xc0\x8e\xd8\x66\x90", 6));
	memcpy(&disp, self->after.text + (room - TEXT_VA) + (stock_text_apply - stock_text),
	       sizeof(disp));
	EXPECT_EQ(TEXT_VA + AT_APPLY, room + (stock_text_apply - stock_text) + 4 + disp);

	/* With these taken back, it is the same file. */
	self->after.slots[SLOT_SAVE_FL] = self->file.slots[SLOT_SAVE_FL];
	self->after.slots[SLOT_CPUID] = self->file.slots[SLOT_CPUID];
	memcpy(self->after.text + AT_MODULE, self->file.text + AT_MODULE, 5);
	memcpy(self->after.init_text + 22, self->file.init_text + 22, 5);
	memcpy(self->after.text + AT_EMU, self->file.text + AT_EMU, 6);
	memcpy(self->after.text + AT_HEAD, self->file.text + AT_HEAD, 6);
	memset(self->after.text + (room - TEXT_VA), 0xcc, stock_text_end - stock_text);
	EXPECT_EQ(0, memcmp(&self->file, &self->after, sizeof(self->file)));
}

#define STAYS_AS_IT_IS() do {							\
	EXPECT_EQ(0, prepare(self));						\
	EXPECT_FALSE(self->changed);						\
	EXPECT_EQ(0, memcmp(&self->file, &self->after, sizeof(self->file)));	\
} while (0)

TEST_F(stock, a_kernel_made_for_ring_1_stays_as_it_is)
{
	memcpy(self->file.note.name, "ring1", sizeof("ring1"));
	STAYS_AS_IT_IS();
}

TEST_F(stock, what_is_no_linux_stays_as_it_is)
{
	self->file.names[self->file.shdrs[SECTION_ALTS].sh_name] = '?';
	STAYS_AS_IT_IS();
}

/* What is wrong with it, and what is said then. */
enum wrong {
	NO_DATA, NO_SITES, TWO_SLOTS, NOT_PUSHF, NO_CPUID, TWO_CPUIDS, NO_EMU, TWO_EMUS, NO_HEAD,
	OTHER_TABLE, NO_MODULES, NO_ROOM, NR_WRONG,
};

static const char *make_wrong(struct stock *s, enum wrong wrong)
{
	switch (wrong) {
	case NO_DATA:
		s->shdrs[SECTION_DATA].sh_type = SHT_NOBITS;
		return "no .text, .init.text and .data";
	case NO_SITES:
		s->alts[ALT_PUSHF].flags = 0;
		return "pv_ops.irq.save_fl";
	case TWO_SLOTS:
		s->alts[ALT_OTHER] = s->alts[ALT_PUSHF];
		s->alts[ALT_OTHER].site += AT_MODULE - AT_SITE - 2 * (int)sizeof(struct alt);
		s->alts[ALT_OTHER].replacement -= 2 * (int)sizeof(struct alt);
		memcpy(s->text + AT_MODULE, s->text + AT_SITE, 6);
		return "pv_ops.irq.save_fl";
	case NOT_PUSHF:
		s->text[AT_SAVE_FL + 4] = 0x90;
		return "pv_ops.irq.save_fl";
	case NO_CPUID:
		s->text[AT_CPUID + 9] = 0x90;
		return "pv_ops.cpu.cpuid";
	case TWO_CPUIDS:
		s->slots[SLOT_OTHER] = s->slots[SLOT_CPUID];
		return "pv_ops.cpu.cpuid";
	case NO_EMU:
		s->text[AT_EMU] = 0x90;
		return "this_cpu_cmpxchg16b_emu()";
	case TWO_EMUS:
		memcpy(s->text + AT_OTHER, s->text + AT_EMU, 8);
		return "this_cpu_cmpxchg16b_emu()";
	case NO_HEAD:
		s->text[AT_HEAD + 5] = 0xd8;
		return "segments";
	case OTHER_TABLE:
		s->init_text[18] ^= 1;
		return "apply_alternatives()";
	case NO_MODULES:
		s->text[AT_MODULE] = 0x90;
		return "calls of apply_alternatives()";
	case NO_ROOM:
		memset(s->text + AT_END, 0x90, TEXT_SIZE - AT_END);
		return "no room";
	default:
		return "?";
	}
}

TEST_F(stock, another_kernel_is_refused_with_the_reason)
{
	enum wrong wrong;
	const char *why;

	for (wrong = 0; wrong < NR_WRONG; wrong++) {
		make_stock(&self->file);
		why = make_wrong(&self->file, wrong);
		EXPECT_EQ(-1, prepare(self)) TH_LOG("case %d", wrong);
		EXPECT_NE(NULL, strstr(self->said, why)) TH_LOG("%d: %s", wrong, self->said);
		EXPECT_EQ(0, strncmp(self->said, REFUSAL, strlen(REFUSAL)));
		EXPECT_EQ(self->said + strlen(self->said) - 1, strchr(self->said, '\n'));
	}
}

/* Cut off anywhere, it is refused, or is no kernel; nothing behind its end is read. */
TEST_F(stock, a_kernel_may_end_anywhere)
{
	struct image image, vmlinux;
	bool changed;
	size_t size, end = offsetof(struct stock, names) + sizeof(self->file.names);

	ASSERT_TRUE(freopen("/dev/null", "w", stderr));
	for (size = SELFMAG; size < end; size++) {
		image = make_image("kernel", &self->file, size);
		ASSERT_EQ(0, kernel_unpack(&image, &vmlinux));
		if (!trap_prepare(&vmlinux, &changed))
			ASSERT_FALSE(changed) TH_LOG("%zu bytes", size);
		image_close(&vmlinux);
		image_close(&image);
	}
}

FIXTURE(packed)
{
	struct stock file;
	struct bzimage bz;
	uint32_t len;		/* of what is packed, in the payload; its size follows */
	char said[512];
};

FIXTURE_VARIANT(packed)
{
	bool lz4;
};

FIXTURE_VARIANT_ADD(packed, by_lz4) {
	.lz4 = true,
};

FIXTURE_VARIANT_ADD(packed, by_zstd) {
	.lz4 = false,
};

/* As scripts/Makefile.lib of the kernel's packs. */
static uint32_t pack_lz4(const struct stock *file, uint8_t *to)
{
	static const uint8_t magic[] = { 0x02, 0x21, 0x4c, 0x18 };
	uint32_t len = LZ4_compress_default((const char *)file, (char *)to + 8, sizeof(*file),
					    PAYLOAD_BYTES - 12);

	memcpy(to, magic, sizeof(magic));
	memcpy(to + 4, &len, sizeof(len));
	return 8 + len;
}

#define PACKED	FIXTURE_DATA(packed)

static void put_size(PACKED *self, uint32_t size)
{
	memcpy(self->bz.payload + self->len, &size, sizeof(size));
	self->bz.hdr.payload_length = self->len + sizeof(size);
}

FIXTURE_SETUP(packed)
{
	make_stock(&self->file);
	make_bzimage(&self->bz);
	self->len = variant->lz4 ? pack_lz4(&self->file, self->bz.payload) :
				   ZSTD_compress(self->bz.payload, PAYLOAD_BYTES - 4, &self->file,
						 sizeof(self->file), 1);
	ASSERT_GT(PAYLOAD_BYTES - 4, self->len);
	put_size(self, sizeof(self->file));
}

FIXTURE_TEARDOWN(packed)
{
}

static int unpack(PACKED *self, struct image *vmlinux)
{
	struct image image = make_image("kernel", &self->bz, sizeof(self->bz));
	int err = CATCH(kernel_unpack(&image, vmlinux));

	image_close(&image);
	return err;
}

#define NOT_UNPACKED(reason) do {						\
	struct image _vmlinux;							\
										\
	EXPECT_EQ(-1, unpack(self, &_vmlinux));					\
	EXPECT_NE(NULL, strstr(self->said, reason)) TH_LOG("%s", self->said);	\
	EXPECT_EQ(self->said + strlen(self->said) - 1, strchr(self->said, '\n')); \
} while (0)

TEST_F(packed, comes_out_as_it_went_in)
{
	struct stock out;
	struct image vmlinux;

	ASSERT_EQ(0, unpack(self, &vmlinux)) TH_LOG("%s", self->said);
	EXPECT_EQ(sizeof(out), vmlinux.size);
	ASSERT_EQ(0, image_read(&vmlinux, &out, 0, sizeof(out)));
	EXPECT_EQ(0, memcmp(&self->file, &out, sizeof(out)));
	image_close(&vmlinux);
}

TEST_F(packed, with_a_wrong_size_is_refused)
{
	static const uint32_t wrong[] = {
		0, 1, sizeof(struct stock) - 1, sizeof(struct stock) + 1, UINT32_MAX,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		put_size(self, wrong[i]);
		NOT_UNPACKED("damaged");
	}
}

TEST_F(packed, cut_off_is_refused)
{
	self->len--;
	put_size(self, sizeof(self->file));
	NOT_UNPACKED("damaged");
	self->len = 0;
	put_size(self, sizeof(self->file));
	NOT_UNPACKED("damaged");
	self->bz.hdr.payload_length = PAYLOAD_BYTES + 1;
	NOT_UNPACKED("damaged");
	self->bz.hdr.payload_offset = UINT32_MAX;
	NOT_UNPACKED("damaged");
}

TEST_F(packed, otherwise_is_refused_with_a_remedy)
{
	self->bz.payload[0]++;
	NOT_UNPACKED("scripts/extract-vmlinux");
}

static sigjmp_buf trapped;
static uint64_t trap_rip;

static void on_trap(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)info;
	trap_rip = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
	siglongjmp(trapped, 1);
}

/* In ring 3 as in ring 1: a #UD, with RIP at it. */
TEST(in_ring_1_and_3_pushf_has_the_prefix)
{
	uint8_t *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static const uint8_t prefix_pushf[] = { 0x0f, 0x0b, 'k', 'v', 'm', 0x9c };
	struct sigaction action = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO };

	ASSERT_NE(MAP_FAILED, code);
	memcpy(code, stock_text, stock_text_end - stock_text);
	ASSERT_EQ(0, sigaction(SIGILL, &action, NULL));
	if (!sigsetjmp(trapped, 1))
		((void (*)(void))(code + (stock_text_save_fl - stock_text)))();
	ASSERT_NE(0, trap_rip);
	EXPECT_EQ(0, memcmp((void *)trap_rip, prefix_pushf, sizeof(prefix_pushf)));
}

/* The real table's records, in the order of a kernel's; the end is apply_alternatives(). */
TEST(pushf_alone_stays_a_call)
{
	struct {
		uint8_t code[1024];
		struct alt alts[NR_ALTS];
		uint8_t replacements[8];
	} *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static const uint8_t ret = 0xc3;
	unsigned int i;
	int32_t disp;

	ASSERT_NE(MAP_FAILED, page);
	ASSERT_GT(sizeof(page->code) - 1, (size_t)(stock_text_end - stock_text));
	memcpy(page->code, stock_text, stock_text_end - stock_text);
	page->code[sizeof(page->code) - 1] = ret;
	disp = sizeof(page->code) - 1 - (stock_text_apply - stock_text + 4);
	memcpy(page->code + (stock_text_apply - stock_text), &disp, sizeof(disp));
	memcpy(page->replacements, "\x9c\x58\xfa\x90\x9c\x58", 6);
	for (i = 0; i < NR_ALTS; i++)
		page->alts[i] = (struct alt){
			.replacement = page->replacements + 2 * i -
				       (uint8_t *)&page->alts[i].replacement,
			.feature = i == ALT_OTHER ? 5 : 8 * 32 + 16, .flags = 1,
		};
	((void (*)(void *, void *))(page->code + (stock_text_alternatives - stock_text)))
		(page->alts, page->alts + NR_ALTS);
	EXPECT_EQ(0, page->alts[ALT_PUSHF].flags);
	EXPECT_EQ(8 * 32 + 16, page->alts[ALT_PUSHF].feature);
	EXPECT_EQ(1, page->alts[ALT_CLI].flags);
	EXPECT_EQ(1, page->alts[ALT_OTHER].flags);
	EXPECT_EQ(5, page->alts[ALT_OTHER].feature);
}

TEST_HARNESS_MAIN
