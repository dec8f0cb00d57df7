/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: enter, exit, hypercall, emulate, inject, kill. Events of KVM's own
 * (kvm_page_fault, kvm_msr, ...) are there as with any vendor module.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvm_ring1

#if !defined(_RING1_TRACEPOINTS_H) || defined(TRACE_HEADER_MULTI_READ)
#define _RING1_TRACEPOINTS_H

#include <linux/tracepoint.h>
#include "ring1-hypercalls.h"
#include "ring1-symbols.h"
#include "switcher.h"

#define RING1_EXIT_SYMBOLS						\
	{ RING1_EXIT_HYPERCALL, "hypercall" },				\
	{ RING1_EXIT_SYSCALL64, "syscall64" },				\
	{ RING1_EXIT_SYSCALL32, "syscall32" },				\
	{ RING1_EXIT_SYSENTER, "sysenter" },				\
	{ RING1_EXIT_ABORT, "abort" },					\
	{ RING1_EXIT_ENTER_FAULT, "enter_fault" },			\
	{ RING1_EXIT_NMI_PENDING, "nmi_pending" },			\
	{ 0, "DE" }, { 1, "DB" }, { 2, "NMI" }, { 3, "BP" }, { 4, "OF" },	\
	{ 5, "BR" }, { 6, "UD" }, { 7, "NM" }, { 8, "DF" }, { 10, "TS" },	\
	{ 11, "NP" }, { 12, "SS" }, { 13, "GP" }, { 14, "PF" },		\
	{ 16, "MF" }, { 17, "AC" }, { 18, "MC" }, { 19, "XM" }

TRACE_EVENT(ring1_enter,
	TP_PROTO(unsigned int vcpu_id, unsigned long rip, bool user),
	TP_ARGS(vcpu_id, rip, user),

	TP_STRUCT__entry(
		__field(unsigned int, vcpu_id)
		__field(unsigned long, rip)
		__field(bool, user)
	),
	TP_fast_assign(
		__entry->vcpu_id = vcpu_id;
		__entry->rip = rip;
		__entry->user = user;
	),
	TP_printk("vcpu %u ring %d rip 0x%lx", __entry->vcpu_id, __entry->user ? 3 : 1,
		  __entry->rip)
);

TRACE_EVENT(ring1_exit,
	TP_PROTO(unsigned int vcpu_id, u64 vector, u64 error, unsigned long rip, bool user),
	TP_ARGS(vcpu_id, vector, error, rip, user),

	TP_STRUCT__entry(
		__field(unsigned int, vcpu_id)
		__field(u32, vector)
		__field(u32, error)
		__field(unsigned long, rip)
		__field(bool, user)
	),
	TP_fast_assign(
		__entry->vcpu_id = vcpu_id;
		__entry->vector = vector;
		__entry->error = error;
		__entry->rip = rip;
		__entry->user = user;
	),
	TP_printk("vcpu %u ring %d rip 0x%lx reason %s error 0x%x", __entry->vcpu_id,
		  __entry->user ? 3 : 1, __entry->rip,
		  __print_symbolic(__entry->vector, RING1_EXIT_SYMBOLS), __entry->error)
);

TRACE_EVENT(ring1_hypercall,
	TP_PROTO(unsigned int vcpu_id, u64 nr, const u64 *arg),
	TP_ARGS(vcpu_id, nr, arg),

	TP_STRUCT__entry(
		__field(unsigned int, vcpu_id)
		__field(u64, nr)
		__array(u64, arg, 3)
	),
	TP_fast_assign(
		__entry->vcpu_id = vcpu_id;
		__entry->nr = nr;
		memcpy(__entry->arg, arg, sizeof(__entry->arg));
	),
	TP_printk("vcpu %u %s(0x%llx, 0x%llx, 0x%llx, ...)", __entry->vcpu_id,
		  __print_symbolic(__entry->nr, RING1_HC_SYMBOLS),
		  __entry->arg[0], __entry->arg[1], __entry->arg[2])
);

TRACE_EVENT(ring1_emulate,
	TP_PROTO(unsigned int vcpu_id, unsigned long rip, u8 opcode_len, u8 opcode),
	TP_ARGS(vcpu_id, rip, opcode_len, opcode),

	TP_STRUCT__entry(
		__field(unsigned int, vcpu_id)
		__field(unsigned long, rip)
		__field(u8, opcode_len)
		__field(u8, opcode)
	),
	TP_fast_assign(
		__entry->vcpu_id = vcpu_id;
		__entry->rip = rip;
		__entry->opcode_len = opcode_len;
		__entry->opcode = opcode;
	),
	TP_printk("vcpu %u rip 0x%lx opcode %s%02x", __entry->vcpu_id, __entry->rip,
		  __entry->opcode_len > 1 ? "0f " : "", __entry->opcode)
);

TRACE_EVENT(ring1_inject,
	TP_PROTO(unsigned int vcpu_id, unsigned int vector, u32 error, unsigned long rip),
	TP_ARGS(vcpu_id, vector, error, rip),

	TP_STRUCT__entry(
		__field(unsigned int, vcpu_id)
		__field(unsigned int, vector)
		__field(u32, error)
		__field(unsigned long, rip)
	),
	TP_fast_assign(
		__entry->vcpu_id = vcpu_id;
		__entry->vector = vector;
		__entry->error = error;
		__entry->rip = rip;
	),
	TP_printk("vcpu %u vector %u error 0x%x at 0x%lx", __entry->vcpu_id, __entry->vector,
		  __entry->error, __entry->rip)
);

TRACE_EVENT(ring1_kill,
	TP_PROTO(unsigned int vcpu_id, unsigned long rip, u64 detail),
	TP_ARGS(vcpu_id, rip, detail),

	TP_STRUCT__entry(
		__field(unsigned int, vcpu_id)
		__field(unsigned long, rip)
		__field(u64, detail)
	),
	TP_fast_assign(
		__entry->vcpu_id = vcpu_id;
		__entry->rip = rip;
		__entry->detail = detail;
	),
	TP_printk("vcpu %u rip 0x%lx detail 0x%llx", __entry->vcpu_id, __entry->rip,
		  __entry->detail)
);

#endif /* _RING1_TRACEPOINTS_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE tracepoints
#include <trace/define_trace.h>
