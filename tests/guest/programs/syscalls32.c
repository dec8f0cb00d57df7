// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    32-bit programs make system calls in every way that their processor has, and
 *           keep their registers, flags and TLS
 * How:      runs payload/syscalls32.c, which checks INT 0x80, the vDSO, and SYSENTER and
 *           SYSCALL by hand, also while it is stepped through
 * Needs:    nothing; Intel's and AMD's processors differ, batches have both
 * Catches:  a bounce that loses flags, which SYSENTER does not save, or the sixth
 *           argument; a SYSENTER with TF set that ends in the switcher
 */
#include "kselftest_harness.h"
#include "embedded.h"

EMBED(program, PROGRAM);

TEST(system_calls_of_32_bit_programs)
{
	FILE *log = tmpfile();

	ASSERT_NE(NULL, log);
	EXPECT_EQ(0, embedded_run(embedded_program, embedded_end_program, log)) {
		embedded_show(log);
	}
}

/* INT 0x80 from 64-bit code: 32-bit numbers, and all registers are as they were. */
TEST(int80_of_64_bit_code)
{
	unsigned long ax = 20, bx = 0xb0b1b2b3b4b5b6b7, r8 = 0x8081828384858687;
	unsigned long r11 = 0x1112131415161718, flags;

	asm volatile("mov %[r8], %%r8; mov %[r11], %%r11; mov %[r8], %%rcx\n"
		     "std; int $0x80; pushfq; pop %[flags]; cld\n"
		     "sub %%r8, %[r8]; sub %%rcx, %%r8; mov %%r11, %[r11]"
		     : "+a" (ax), "+b" (bx), [r8] "+d" (r8), [r11] "+S" (r11), [flags] "=D" (flags)
		     : : "r8", "r11", "rcx", "memory", "cc");
	EXPECT_EQ(getpid(), ax);
	EXPECT_EQ(0xb0b1b2b3b4b5b6b7, bx);
	EXPECT_EQ(0, r8);
	EXPECT_EQ(0x1112131415161718, r11);
	EXPECT_EQ(0x400, flags & 0x400);
}

TEST_HARNESS_MAIN
