// SPDX-License-Identifier: GPL-2.0-only
/*
 * Late flushing of what the guest has trained: behind the fast set (run.c), not at each
 * exit. What can come in between is an exception of the host's own, an NMI most of all,
 * whose handlers use predictions. So the IDT is a copy of the host's then, with a gate of
 * world.S for each exception that flushes, loads the host's IDT and goes on to the host's
 * handler. When to be late is mitigations.c's to say.
 */
#include <asm/desc.h>
#include <asm/traps.h>
#include "mitigations.h"
#include "ring1.h"

/* Operand of LIDT; the same on every processor. */
struct desc_ptr ring1_host_idt __ro_after_init;
/* Handlers of exceptions, for the gates. */
u64 ring1_late_target[NUM_EXCEPTION_VECTORS] __ro_after_init;

static gate_desc late_idt[256] __ro_after_init __aligned(PAGE_SIZE);

/**
 * ring1_late_idt - tell which IDT an exit loads
 * @idt:	operand of LIDT
 */
void ring1_late_idt(struct ring1_pseudo_desc *idt)
{
	if (ring1_mitigate & RING1_MITIGATE_LATE) {
		idt->limit = sizeof(late_idt) - 1;
		idt->base = (unsigned long)late_idt;
	} else {
		idt->limit = ring1_host_idt.size;
		idt->base = ring1_host_idt.address;
	}
}

/**
 * ring1_late_flush - let the host's own code run again
 * @v:	vCPU that has left the fast set
 *
 * Context: interrupts off. An exception between the two has flushed as well.
 */
__fast void ring1_late_flush(struct vcpu_ring1 *v)
{
	if (!(ring1_mitigate & RING1_MITIGATE_LATE))
		return;
	ring1_flush_predictions();
	native_load_idt(&ring1_host_idt);
	v->stat[RING1_STAT_IBPB]++;
}

static void set_gate(gate_desc *gate, unsigned long handler)
{
	gate->offset_low = handler;
	gate->offset_middle = handler >> 16;
	gate->offset_high = handler >> 32;
}

void __init ring1_late_init(void)
{
	unsigned long gates = (unsigned long)ring1_late_gates;
	gate_desc *host;
	int i;

	/* Else the loop's end is their end, and objtool misses an ENDBR there. */
	OPTIMIZER_HIDE_VAR(gates);
	store_idt(&ring1_host_idt);
	host = (gate_desc *)ring1_host_idt.address;
	memcpy(late_idt, host, sizeof(late_idt));
	for (i = 0; i < NUM_EXCEPTION_VECTORS; i++) {
		ring1_late_target[i] = gate_offset(&host[i]);
		if (host[i].bits.p)
			set_gate(&late_idt[i], gates + i * RING1_LATE_GATE_SIZE);
	}
}
