// SPDX-License-Identifier: GPL-2.0-only
/*
 * `ring1 run`: reads the options and puts the parts together. All that can be
 * known to fail without KVM fails before /dev/kvm is opened.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backdoor.h"
#include "boot/acpi.h"
#include "boot/load.h"
#include "devices/bus.h"
#include "devices/console.h"
#include "devices/devices.h"
#include "devices/terminal.h"
#include "devices/uart.h"
#include "launcher.h"
#include "machine/end.h"
#include "machine/layout.h"
#include "machine/loop.h"
#include "machine/vm.h"

#define DEFAULT_MEM	(512 * MIB)
#define MIN_MEM		(2 * MIB)
#define MAX_CPUS	255
#define PAGE_SIZE	4096

struct options {
	const char *kernel;
	const char *initrd;
	const char *append;
	const char *serial[UARTS];
	unsigned int serials;
	uint64_t mem;
	unsigned int cpus;
	bool trap;
	bool debug;
	bool help;
};

static const char help_text[] =
"usage: ring1 run --kernel FILE [options]\n"
"\n"
"Run a Linux kernel as a guest until it powers off.\n"
"\n"
"  --kernel FILE      bzImage or vmlinux, 64-bit\n"
"  --initrd FILE      initial RAM disk\n"
"  --append STRING    kernel command line, for example \"console=ttyS0\"\n"
"  --mem SIZE         guest memory, for example 512M or 4G (default 512M)\n"
"  --cpus N           number of processors, 1 to 255 (default 1)\n"
"  --mode pv|trap     let the guest kernel use hypercalls (default), or have all emulated;\n"
"                     trap runs Debian's own kernels as well\n"
"  --serial WHERE     stdio, null, file:PATH or fd:N; up to four times, for COM1 to\n"
"                     COM4 (default: COM1 is stdio, the others null)\n"
"  --debug            report accesses to devices that do not exist\n"
"  --help             print this\n"
"\n"
"On a terminal, Ctrl-A x ends the guest and Ctrl-A h lists the keys.\n"
"\n"
"Exit status: 0 the guest powered off, 1 ring1 could not run it, 2 wrong usage,\n"
"3 the guest asked for a reset, 4 the guest crashed, 130 Ctrl-A x, 128+N signal N.\n";

static int parse_mem(const char *text, struct options *options)
{
	if (parse_size(text, &options->mem))
		return fail_usage("run", "--mem %s is not a size such as 512M or 4G", text);
	if (options->mem < MIN_MEM)
		return fail_usage("run", "--mem %s is too little: 2M at least", text);
	if (options->mem % PAGE_SIZE)
		return fail_usage("run", "--mem %s is not a multiple of 4K", text);
	return RING1_OK;
}

static int parse_cpus(const char *text, struct options *options)
{
	unsigned long cpus;

	if (parse_number(text, MAX_CPUS, &cpus) || !cpus)
		return fail_usage("run", "--cpus %s is not a number from 1 to %d", text, MAX_CPUS);
	options->cpus = cpus;
	return RING1_OK;
}

static int parse_mode(const char *text, struct options *options)
{
	options->trap = !strcmp(text, "trap");
	if (!options->trap && strcmp(text, "pv"))
		return fail_usage("run", "--mode %s is neither pv nor trap", text);
	return RING1_OK;
}

static int add_serial(const char *text, struct options *options)
{
	unsigned int i;

	if (options->serials == UARTS)
		return fail_usage("run", "more than %d --serial: there is no COM%d", UARTS,
				  UARTS + 1);
	for (i = 0; i < options->serials; i++) {
		if (!strcmp(text, "stdio") && !strcmp(options->serial[i], text))
			return fail_usage("run", "more than one --serial stdio");
	}
	options->serial[options->serials++] = text;
	return RING1_OK;
}

static int parse_option(int option, char **argv, struct options *options)
{
	switch (option) {
	case 'k':
		options->kernel = optarg;
		return RING1_OK;
	case 'i':
		options->initrd = optarg;
		return RING1_OK;
	case 'a':
		options->append = optarg;
		return RING1_OK;
	case 'm':
		return parse_mem(optarg, options);
	case 'c':
		return parse_cpus(optarg, options);
	case 'M':
		return parse_mode(optarg, options);
	case 's':
		return add_serial(optarg, options);
	case 'd':
		options->debug = true;
		return RING1_OK;
	case 'h':
		options->help = true;
		return RING1_OK;
	default:
		return fail_option("run", option, argv);
	}
}

static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option long_options[] = {
		{ "kernel",	required_argument,	NULL, 'k' },
		{ "initrd",	required_argument,	NULL, 'i' },
		{ "append",	required_argument,	NULL, 'a' },
		{ "mem",	required_argument,	NULL, 'm' },
		{ "cpus",	required_argument,	NULL, 'c' },
		{ "mode",	required_argument,	NULL, 'M' },
		{ "serial",	required_argument,	NULL, 's' },
		{ "debug",	no_argument,		NULL, 'd' },
		{ "help",	no_argument,		NULL, 'h' },
		{ }
	};
	int option;

	while ((option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		int status = parse_option(option, argv, options);

		if (status || options->help)
			return status;
	}
	if (optind < argc)
		return fail_usage("run", "unexpected argument %s", argv[optind]);
	if (!options->kernel)
		return fail_usage("run", "no kernel given: --kernel FILE is required");
	if (!options->serials)
		options->serial[options->serials++] = "stdio";
	return RING1_OK;
}

static int load_images(const struct options *options, const struct ram *ram,
		       struct kernel *kernel)
{
	struct image image;
	int err;

	if (image_open(&image, "kernel", options->kernel))
		return -1;
	err = options->trap ? kernel_load_trap(&image, ram, kernel) :
			      kernel_load(&image, ram, kernel);
	image_close(&image);
	if (err || !options->initrd)
		return err;

	if (image_open(&image, "initrd", options->initrd))
		return -1;
	err = initrd_load(&image, ram, kernel);
	image_close(&image);
	return err;
}

/* ring1 has no five-level paging, and the kernel decides on that before it knows where it runs. */
static int write_boot_data(const struct options *options, const struct ram *ram,
			   const struct kernel *kernel)
{
	/* Each switch of a kernel that isolates its page tables would be emulated. */
	const char *mode = options->trap ? " ring1=trap nopti" : "";
	const char *append = options->append ? options->append : "";
	char *cmdline;
	int err;

	if (!acpi_write(ram_at(ram, ACPI_TABLES, ACPI_TABLES_SIZE), ACPI_TABLES_SIZE, ACPI_TABLES,
			options->cpus))
		return fail("the ACPI tables for %u processors do not fit", options->cpus);
	if (asprintf(&cmdline, "no5lvl%s%s%s", mode, *append ? " " : "", append) < 0)
		return fail("out of memory");
	err = boot_write(ram, kernel, cmdline, ACPI_TABLES);
	free(cmdline);
	return err;
}

static int connect_serials(const struct options *options)
{
	unsigned int i;
	int status;

	for (i = 0; i < options->serials; i++) {
		status = console_connect(i, options->serial[i]);
		if (status)
			return status;
	}
	return RING1_OK;
}

static struct vm vm;

static void set_irq(unsigned int irq, bool level)
{
	if (vm_set_irq(&vm, irq, level))
		end_guest(RING1_ERROR, "KVM refuses to raise interrupt %u", irq);
}

static struct pm pm;
static struct rtc rtc;

/* All devices have ports: at no memory address does one answer. */
static const struct bus_range ports[] = {
	{ PORT_I8042_COMMAND, 1, i8042_read, i8042_write, NULL, NULL },
	{ PORT_RTC, RTC_PORTS, rtc_read, rtc_write, &rtc, NULL },
	{ PORT_COM1, UART_REGS, uart_read, uart_write, &uarts[0], uart_write_string },
	{ PORT_COM2, UART_REGS, uart_read, uart_write, &uarts[1], uart_write_string },
	{ PORT_COM3, UART_REGS, uart_read, uart_write, &uarts[2], uart_write_string },
	{ PORT_COM4, UART_REGS, uart_read, uart_write, &uarts[3], uart_write_string },
	{ PORT_PM1_EVENT, PM1_EVENT_LENGTH, pm1_event_read, pm1_event_write, &pm, NULL },
	{ PORT_PM1_CONTROL, PM1_CONTROL_LENGTH, pm1_control_read, pm1_control_write, NULL, NULL },
	{ PORT_PM_TIMER, PM_TIMER_LENGTH, pm_timer_read, NULL, NULL, NULL },
	{ PORT_RESET, 1, reset_read, reset_write, NULL, NULL },
};

int run_main(int argc, char **argv)
{
	const struct uart_wiring wiring = {
		.set_irq = set_irq, .send = console_send, .drained = console_drained,
	};
	struct options options = { .mem = DEFAULT_MEM, .cpus = 1 };
	struct kernel kernel;
	int status;

	status = parse_options(argc, argv, &options);
	if (status)
		return status;
	if (options.help) {
		fputs(help_text, stdout);
		return RING1_OK;
	}
	vm.cpus = options.cpus;
	vm.trap = options.trap;
	bus_set_debug(options.debug);
	if (backdoor_check() || ram_alloc(&vm.ram, options.mem) ||
	    load_images(&options, &vm.ram, &kernel) || write_boot_data(&options, &vm.ram, &kernel))
		return RING1_ERROR;
	status = connect_serials(&options);
	if (status)
		return status;
	if (vm_create(&vm) || vcpu_create_all(&vm, kernel.entry))
		return RING1_ERROR;

	uart_init(&wiring);
	bus_register(BUS_PORTS, ports, ARRAY_SIZE(ports));
	if (loop_init() || console_init() || vcpu_start_all(&vm) || sandbox_enter())
		return RING1_ERROR;
	vcpu_run_all();
	loop_run(&console_client);
	terminal_restore();
	return end_report();
}
