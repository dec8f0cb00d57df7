/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: hypercalls, and privileged instructions. Events of KVM's own (kvm_entry,
 * kvm_exit, kvm_inj_exception, kvm_page_fault, ...) are there as with any vendor module.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvm_ring1

#if !defined(_RING1_TRACEPOINTS_H) || defined(TRACE_HEADER_MULTI_READ)
#define _RING1_TRACEPOINTS_H

#include <linux/tracepoint.h>
#include "ring1-hypercalls.h"
#include "ring1-symbols.h"

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

#endif /* _RING1_TRACEPOINTS_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE tracepoints
#include <trace/define_trace.h>
