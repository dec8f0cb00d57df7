// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim:    BPF programs are compiled into kernel text and give the right results
 * How:      loads one after the other, with different constants, runs each, unloads it
 * Needs:    root
 * Catches:  text that is executed before it is visible, or from a page that was another
 *           program's a moment ago
 */
#include <linux/bpf.h>
#include <sys/syscall.h>

#include "fixture.h"
#include "guest.h"

#define INSN(op, d, s, o, i) { .code = op, .dst_reg = d, .src_reg = s, .off = o, .imm = i }

static int bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/* A program whose result is 1000 * constant, summed up in a loop. */
static int load(int constant)
{
	const struct bpf_insn program[] = {
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, 1000),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 0, 0, 0, constant),
		INSN(BPF_ALU64 | BPF_SUB | BPF_K, 1, 0, 0, 1),
		INSN(BPF_JMP | BPF_JNE | BPF_K, 1, 0, -3, 0),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
		.insns = (uintptr_t)program,
		.insn_cnt = sizeof(program) / sizeof(*program),
		.license = (uintptr_t)"GPL",
	};

	return bpf(BPF_PROG_LOAD, &attr);
}

static bool is_compiled(int fd)
{
	struct bpf_prog_info info = { };
	union bpf_attr attr = {
		.info = { .bpf_fd = fd, .info_len = sizeof(info), .info = (uintptr_t)&info },
	};

	return !bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) && info.jited_prog_len;
}

static long run(int fd)
{
	char packet[64] = { };
	union bpf_attr attr = {
		.test = {
			.prog_fd = fd, .repeat = 3,
			.data_in = (uintptr_t)packet, .data_size_in = sizeof(packet),
		},
	};

	return bpf(BPF_PROG_TEST_RUN, &attr) ? -1 : (long)attr.test.retval;
}

/* A trap guest, on a busy machine, takes a minute. */
EMPTY_FIXTURE(slow)

TEST_F_TIMEOUT(slow, programs_compute_what_they_say, 120)
{
	int constant, fd;

	ASSERT_TRUE(write_text("/proc/sys/net/core/bpf_jit_enable", "1"));
	for (constant = 1; constant <= 50; constant++) {
		fd = load(constant);
		ASSERT_LE(0, fd);
		EXPECT_TRUE(is_compiled(fd));
		EXPECT_EQ(1000 * constant, run(fd));
		close(fd);
	}
}

TEST_HARNESS_MAIN
