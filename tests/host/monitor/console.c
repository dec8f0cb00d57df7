// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    what the guest kernel says comes out of its serial console whole and in order,
 *           and a PV guest needs no exit for each byte
 * How:      the console in a file beside dmesg, from the first line on; messages of all
 *           lengths and of several lines, while a shell has the port open and while not
 * Needs:    root
 * Timeout:  300
 * Catches:  a FIFO that is full, or off when the kernel takes it to be on
 */
#include "launch.h"

#define LINES		100
#define APPEND		"console=ttyS1 ignore_loglevel printk.devkmsg=on printk.time=1"

/* So many lines, each longer than the one before; every tenth has a second line. */
#define SAY	"i=0 t=; while [ $i -lt 100 ]; do t=$t.; "			\
		"case $i in *7) printf \"<0>n$i$t\\nand$t\\n\" >/dev/kmsg;; "	\
		"*) echo \"<0>n$i$t\" >/dev/kmsg;; esac; i=$((i + 1)); done\n"

/* The next line at *s, which goes on behind it; CR LF ends one, and only that. */
static char *next_line(char **s)
{
	char *line = *s, *end = strstr(line, "\r\n");

	if (!end)
		return NULL;
	*end = '\0';
	*s = end + 2;
	return line;
}

/* How many lines the two have in common before one of them ends, or -1: see the log. */
static int compare(char *console, char *dmesg)
{
	char *said, *kept;
	int n;

	for (n = 0;; n++) {
		said = next_line(&console);
		kept = next_line(&dmesg);
		if (!kept || kept[0] != '[')
			return n;
		if (!said || strcmp(said, kept)) {
			printf("# the console has \"%s\", dmesg \"%s\"\n", said ?: "", kept);
			return -1;
		}
	}
}

TEST_F_TIMEOUT(run, on_a_port_nobody_opens, LIMIT)
{
	char *console, *dmesg;
	long bytes, io, outs;

	ASSERT_TRUE(start_linux_console_apart(self, APPEND, "1"));
	ASSERT_TRUE(wait_for(self, "guest# "));
	ASSERT_TRUE(give(self, SAY "echo sa''id\n"));
	ASSERT_TRUE(wait_for(self, "\nsaid\r\n"));
	/* Before dmesg, whose own output is no message of the kernel's. */
	io = counter(self, "io");
	outs = counter(self, "hypercall_outs");
	ASSERT_TRUE(give(self, "echo lo''g; dmesg; poweroff -f\n"));
	EXPECT_EQ(0, finish(self));

	console = read_console();
	bytes = strlen(console);
	dmesg = strstr(self->text, "\nlog\r\n");
	ASSERT_NE(NULL, dmesg);
	EXPECT_LT(2 * LINES, compare(console, dmesg + strlen("\nlog\r\n")));
	printf("# %ld bytes, %ld exits for port I/O, %ld for outs()\n", bytes, io, outs);
	EXPECT_LT(10000, bytes);
	EXPECT_GT(bytes / 2, io);
	EXPECT_LT(bytes / 20, outs);
}

TEST_F_TIMEOUT(run, on_the_shells_port, LIMIT)
{
	char dots[LINES + 1] = "", line[LINES + 20], *at;
	int i;

	ASSERT_TRUE(start_linux(self, SAY "poweroff -f\n", "printk.devkmsg=on", 1));
	EXPECT_EQ(0, finish(self));
	for (i = 0, at = self->text; at && i < LINES; i++) {
		dots[i] = '.';
		snprintf(line, sizeof(line), "] n%d%s\r\n", i, dots);
		at = strstr(at, line);
		EXPECT_NE(NULL, at)
			TH_LOG("line %d", i);
	}
}

TEST_HARNESS_MAIN
