// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest of a few pages for the launcher's tests: does what the last word of
 * its command line says, by polling, and needs nothing of a kernel. Entered by
 * the 64-bit boot protocol with the zero page in RSI; own output on COM1.
 */
#include <stdint.h>

#include <asm/bootparam.h>

#define COM1		0x3f8
#define COM2		0x2f8
#define FCR		2
#define MCR		4
#define LSR		5
#define FCR_ENABLE_FIFO	1
#define MCR_DTR_RTS	3
#define LSR_RECEIVED	1
#define END_OF_INPUT	0x04
#define NO_DEVICE_PORT	0x2000
#define NO_DEVICE_GPA	0xd0000000

static void out8(uint16_t port, uint8_t val)
{
	asm volatile("outb %0, %1" : : "a"(val), "d"(port));
}

static void out16(uint16_t port, uint16_t val)
{
	asm volatile("outw %0, %1" : : "a"(val), "d"(port));
}

static uint8_t in8(uint16_t port)
{
	uint8_t val;

	asm volatile("inb %1, %0" : "=a"(val) : "d"(port));
	return val;
}

static uint32_t in32(uint16_t port)
{
	uint32_t val;

	asm volatile("inl %1, %0" : "=a"(val) : "d"(port));
	return val;
}

static void print(uint16_t com, const char *text)
{
	while (*text)
		out8(com, *text++);
}

static void print_hex(const char *name, uint64_t val)
{
	int shift = 60;

	print(COM1, name);
	while (shift && !(val >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		out8(COM1, "0123456789abcdef"[val >> shift & 15]);
	out8(COM1, '\n');
}

static void power_off(void)
{
	out16(0x604, 5 << 10 | 1 << 13);
}

static void echo(void)
{
	uint8_t byte;

	out8(COM1 + FCR, FCR_ENABLE_FIFO);
	out8(COM1 + MCR, MCR_DTR_RTS);
	print(COM1, "ready\n");
	do {
		while (!(in8(COM1 + LSR) & LSR_RECEIVED))
			;
		byte = in8(COM1);
		out8(COM1, byte);
	} while (byte != END_OF_INPUT);
}

/* Not the flags and selectors: in ring 1 the processor shows its own. */
static void show_params(const struct boot_params *bp)
{
	const uint64_t *initrd = (void *)(uintptr_t)bp->hdr.ramdisk_image;
	int i;

	print(COM1, "cmdline=");
	print(COM1, (const char *)(uintptr_t)bp->hdr.cmd_line_ptr);
	print(COM1, "\n");
	for (i = 0; i < bp->e820_entries; i++) {
		print_hex("from=", bp->e820_table[i].addr);
		print_hex("size=", bp->e820_table[i].size);
		print_hex("type=", bp->e820_table[i].type);
	}
	print_hex("initrd_size=", bp->hdr.ramdisk_size);
	if (bp->hdr.ramdisk_size)
		print_hex("initrd_start=", *initrd);
	print_hex("rsdp=", *(uint64_t *)(uintptr_t)bp->acpi_rsdp_addr);
}

static void show_absent(void)
{
	print_hex("port=", in32(NO_DEVICE_PORT));
	print_hex("mmio=", *(volatile uint32_t *)NO_DEVICE_GPA);
	*(volatile uint32_t *)NO_DEVICE_GPA = 1;
	out8(0x70, 0x0d);
	print_hex("rtc=", in8(0x71));
}

static void flood(void)
{
	int i;

	for (i = 0; i < 4096; i++)
		print(COM1, "0123456789abcde\n");
}

/* The first letter of it, which is all that matters here. */
static char last_word(const struct boot_params *bp)
{
	const char *at = (const char *)(uintptr_t)bp->hdr.cmd_line_ptr;
	const char *word = at;

	for (; *at; at++) {
		if (*at == ' ')
			word = at + 1;
	}
	return *word;
}

void start(const struct boot_params *bp);
void start(const struct boot_params *bp)
{
	switch (last_word(bp)) {
	case 'h':
		print(COM1, "halting\n");
		for (;;)
			asm volatile("cli; hlt");
	case 'r':
		out8(0xcf9, 6);
		break;
	case 'k':
		out8(0x64, 0xfe);
		break;
	case 't':
		/* There is no IDT. */
		asm volatile("ud2");
		break;
	case 'j':
		((void (*)(void))NO_DEVICE_GPA)();
		break;
	case 'e':
		echo();
		break;
	case 'p':
		show_params(bp);
		break;
	case 'a':
		show_absent();
		break;
	case 'f':
		flood();
		break;
	case '2':
		print(COM2, "to COM2\n");
		print(COM1, "to COM1\n");
		break;
	}
	power_off();
	for (;;)
		asm volatile("cli; hlt");
}

asm(".globl _start; _start: movq %rsi, %rdi; call start");
