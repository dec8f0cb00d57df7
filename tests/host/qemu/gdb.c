// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    the stub for gdb of Debian's own QEMU stops the guest kernel at breakpoints, of
 *           software and hardware, and at watchpoints, told as such with the value changed;
 *           steps it by one instruction, and shows it at CPL 0
 * How:      speaks gdb's remote protocol itself, on a function of the kernel's and a variable
 *           that a command in the guest reaches
 * Needs:    SHARE=build/qemu; kvm-ring1
 * Timeout:  900
 * Catches:  a #DB or #BP of the debugger's that goes to the guest, a DR7 or DR6 told to KVM's
 *           user that is not the one in force, segments that are not the guest's
 */
#include <elf.h>
#include <sys/mman.h>

#include "qemu.h"

#define RIP_NUMBER		"10"	/* gdb's number */

/* Runs when /proc/sys/kernel/panic is written, which nothing else does; sets this variable. */
#define FUNCTION	"proc_dointvec"
#define VARIABLE	"panic_timeout"
#define WRITES(value)	"echo " #value " >/proc/sys/kernel/panic"

/* From the kernel's symbol table; without KASLR it runs where it is linked. */
static uint64_t symbol(const char *name)
{
	int fd = open("/ring1/vmlinux", O_RDONLY | O_CLOEXEC);
	struct stat st;
	const Elf64_Shdr *section;
	const Elf64_Ehdr *elf;
	uint64_t value = 0;
	int i;

	if (fd < 0 || fstat(fd, &st))
		return 0;
	elf = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (elf == MAP_FAILED)
		return 0;
	section = (void *)elf + elf->e_shoff;
	for (i = 0; i < elf->e_shnum; i++) {
		const char *names = (void *)elf + section[section[i].sh_link].sh_offset;
		const Elf64_Sym *s = (void *)elf + section[i].sh_offset;
		const Elf64_Sym *end = (void *)s + section[i].sh_size;

		for (; section[i].sh_type == SHT_SYMTAB && s < end; s++) {
			if (!strcmp(names + s->st_name, name))
				value = s->st_value;
		}
	}
	munmap((void *)elf, st.st_size);
	return value;
}

/* A byte from the stub, while the guest's console is read. */
static int get_byte(QEMU *self, double until)
{
	struct pollfd p[] = {
		{ .fd = self->gdb, .events = POLLIN },
		{ .fd = self->console, .events = POLLIN },
	};
	uint8_t byte;

	while (seconds() < until && poll(p, 2, 1000) >= 0) {
		if (p[0].revents)
			return read(self->gdb, &byte, 1) == 1 ? byte : -1;
		if (p[1].revents && !read_console(self, until))
			return -1;
	}
	return -1;
}

/* The packet that comes next, without its frame; false if there is none. */
static bool get_packet(QEMU *self, char *packet, size_t size)
{
	double until = seconds() + self->patience;
	size_t len = 0;
	int c;

	do {
		c = get_byte(self, until);
	} while (c >= 0 && c != '$');
	while ((c = get_byte(self, until)) >= 0 && c != '#') {
		if (len < size - 1)
			packet[len++] = c;
	}
	packet[len] = '\0';
	if (c < 0 || get_byte(self, until) < 0 || get_byte(self, until) < 0) {
		printf("# the stub says nothing\n");
		explain(self);
		return false;
	}
	return write(self->gdb, "+", 1) == 1;
}

static bool put_packet(QEMU *self, const char *format, ...)
{
	char packet[256], frame[300];
	uint8_t sum = 0;
	va_list args;
	int i, n;

	va_start(args, format);
	n = vsnprintf(packet, sizeof(packet), format, args);
	va_end(args);
	for (i = 0; i < n; i++)
		sum += packet[i];
	n = snprintf(frame, sizeof(frame), "$%s#%02x", packet, sum);
	return write(self->gdb, frame, n) == n;
}

/* A request whose answer is OK. */
#define STUB(...) do {							\
	char _answer[64];						\
									\
	ASSERT_TRUE(put_packet(self, __VA_ARGS__));			\
	ASSERT_TRUE(get_packet(self, _answer, sizeof(_answer)));	\
	ASSERT_STREQ("OK", _answer);					\
} while (0)

/* A number in the guest's byte order, of up to eight bytes. */
static uint64_t number(const char *hex)
{
	char byte[3] = "";
	uint64_t value = 0;
	int i;

	for (i = 0; i < 8 && strlen(hex) >= 2; i++, hex += 2) {
		memcpy(byte, hex, 2);
		value |= strtoull(byte, NULL, 16) << 8 * i;
	}
	return value;
}

/* Four bytes of the guest's memory; -1 if they cannot be read. */
static uint64_t memory(QEMU *self, uint64_t at)
{
	char hex[64];

	if (!put_packet(self, "m%lx,4", at) || !get_packet(self, hex, sizeof(hex)) || *hex == 'E')
		return -1;
	return number(hex);
}

/* Of the processor that stopped, behind its 16 general registers. */
static uint64_t rip(QEMU *self)
{
	char hex[4096];

	if (!put_packet(self, "g") || !get_packet(self, hex, sizeof(hex)) || strlen(hex) < 17 * 16)
		return -1;
	return number(hex + 16 * 16);
}

static bool is_sigtrap(const char *packet)
{
	return !strncmp(packet, "T05", 3) || !strncmp(packet, "S05", 3);
}

/* Goes on, or steps, and stops again: why is in packet. */
#define RUNS_UNTIL(request) do {					\
	ASSERT_TRUE(put_packet(self, request));				\
	ASSERT_TRUE(get_packet(self, packet, sizeof(packet)));		\
	EXPECT_TRUE(is_sigtrap(packet))					\
		TH_LOG("the stub says %s", packet);			\
} while (0)

/* As in the registers of the monitor for people, of the processor that stopped. */
static bool is_at_cpl_0(QEMU *self)
{
	const char *ss;

	if (!hmp(self, "info registers"))
		return false;
	ss = strstr(self->line, "\nSS =");
	if (strstr(self->line, "CPL=0") && ss && strstr(ss, "DPL=0") < strchr(ss + 1, '\n'))
		return true;
	print_comment("registers", self->line);
	return false;
}

/*
 * With a debugger's connection there from the beginning, QEMU waits for it. The guest is stopped
 * at its prompt.
 */
#define STOPPED_AT_PROMPT(cpus) do {					\
	STARTED(LINUX("nokaslr", "-M", "microvm", "-cpu", "host", "-smp", cpus,	\
		      "-gdb", "chardev:gdb"));				\
	ASSERT_TRUE(put_packet(self, "qSupported"));			\
	ASSERT_TRUE(get_packet(self, packet, sizeof(packet)));		\
	ASSERT_TRUE(put_packet(self, "c"));				\
	ASSERT_TRUE(at_prompt(self));					\
	ASSERT_EQ(1, write(self->gdb, "\003", 1));			\
	ASSERT_TRUE(get_packet(self, packet, sizeof(packet)));		\
} while (0)

/* It stops where the breakpoint of that type is, which is taken away then. */
#define BREAKS(type) do {						\
	STUB("Z" type ",%lx,1", at);					\
	ASSERT_TRUE(give(self, WRITES(5) "\n"));			\
	RUNS_UNTIL("c");						\
	EXPECT_EQ(at, rip(self));					\
	STUB("z" type ",%lx,1", at);					\
} while (0)

/* Leaves the guest alone; it answers, and has got nothing that was the debugger's. */
#define DETACHED() do {							\
	STUB("D");							\
	ASSERT_TRUE(at_prompt(self));					\
	GUEST("true");							\
	EXPECT_EQ(NULL, strstr(self->text, "traps:"));			\
	EXPECT_EQ(NULL, strstr(self->text, "Oops"));			\
	POWERS_OFF();							\
} while (0)

TEST_F_TIMEOUT(qemu, breakpoint_and_step, LIMIT)
{
	uint64_t at = symbol(FUNCTION);
	char packet[256];

	ASSERT_NE(0, at);
	STOPPED_AT_PROMPT("1");
	BREAKS("0");
	EXPECT_TRUE(is_at_cpl_0(self));
	/* Each function begins with an ENDBR, or what is in its place, of four bytes. */
	RUNS_UNTIL("s");
	EXPECT_EQ(at + 4, rip(self));
	RUNS_UNTIL("s");
	EXPECT_LT(at + 4, rip(self));
	EXPECT_GT(at + 20, rip(self));
	EXPECT_TRUE(is_at_cpl_0(self));
	print_exits(self, "microvm, with gdb's stub");
	DETACHED();
}

TEST_F_TIMEOUT(qemu, hardware_breakpoint, LIMIT)
{
	uint64_t at = symbol(FUNCTION);
	char packet[256];

	ASSERT_NE(0, at);
	STOPPED_AT_PROMPT("2");
	BREAKS("1");
	/* Going on, it does not stop at the same instruction. */
	DETACHED();
}

TEST_F_TIMEOUT(qemu, watchpoint, LIMIT)
{
	uint64_t at = symbol(VARIABLE);
	char packet[256], expected[64];

	ASSERT_NE(0, at);
	STOPPED_AT_PROMPT("2");
	STUB("Z2,%lx,4", at);
	/* panic=-1 is on its command line. */
	EXPECT_EQ(0xffffffff, memory(self, at));
	ASSERT_TRUE(give(self, WRITES(5) "\n"));
	RUNS_UNTIL("c");
	/* Without this gdb takes it for a SIGTRAP of the guest's, and shows no values. */
	snprintf(expected, sizeof(expected), "watch:%lx;", at);
	EXPECT_NE(NULL, strstr(packet, expected))
		TH_LOG("the stub says %s", packet);
	EXPECT_EQ(5, memory(self, at));
	EXPECT_TRUE(is_at_cpl_0(self));
	STUB("z2,%lx,4", at);
	DETACHED();
}

TEST_HARNESS_MAIN
