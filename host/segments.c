// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's segments: what KVM and VMMs see of them, what the hardware gets for
 * them, and where DS, ES, FS, GS and the FS base are just now, in the registers or
 * in the host page. The descriptors behind the selectors are desc.c's; loading
 * them is the switcher's business, and giving the host its own back vcpu.c's.
 */
#include <asm/desc.h>
#include <asm/fsgsbase.h>
#include "x86.h"
#include "ring1.h"

/**
 * ring1_segments_loadable - would loading DS, ES, FS or GS at CPL 0 succeed?
 * @v:		whose GDT
 * @selector:	any value
 */
__fast bool ring1_segments_loadable(const struct vcpu_ring1 *v, u16 selector)
{
	const struct desc_struct *desc = (struct desc_struct *)&v->gdt[selector / 8];

	if (selector <= 3)
		return true;
	if (selector & SEGMENT_TI_MASK || selector / 8 >= RING1_GDT_ENTRIES)
		return false;
	return desc->p && desc->s && desc->dpl == 3;
}

/**
 * ring1_segments_describe - say in KVM's terms what a descriptor says
 * @desc:	descriptor, of 8 bytes
 * @selector:	its selector
 * @var:	filled
 */
__fast void ring1_segments_describe(const struct desc_struct *desc, u16 selector,
				    struct kvm_segment *var)
{
	memset(var, 0, sizeof(*var));
	var->selector = selector;
	var->base = get_desc_base(desc);
	var->limit = get_desc_limit(desc);
	if (desc->g)
		var->limit = (var->limit << 12) | 0xfff;
	var->type = desc->type;
	var->s = desc->s;
	var->dpl = desc->dpl;
	var->present = desc->p;
	var->avl = desc->avl;
	var->l = desc->l;
	var->db = desc->d;
	var->g = desc->g;
	var->unusable = !var->present;
}

/**
 * ring1_segments_fill - describe a segment the hardware has loaded
 * @v:		whose GDT
 * @selector:	loadable selector
 * @var:	filled, base included
 */
__fast void ring1_segments_fill(const struct vcpu_ring1 *v, u16 selector, struct kvm_segment *var)
{
	if (selector <= 3 || selector / 8 >= RING1_GDT_ENTRIES)
		*var = (struct kvm_segment){ .selector = selector, .unusable = 1 };
	else
		ring1_segments_describe((struct desc_struct *)&v->gdt[selector / 8], selector, var);
}

/**
 * ring1_segments_sync - bring the guest's selectors and FS base into memory
 * @v:	vCPU; a no-op unless the processor holds them
 */
__fast void ring1_segments_sync(struct vcpu_ring1 *v)
{
	/* A preemption does the same, and loads the host's selectors (ring1_vcpu_put()). */
	preempt_disable();
	if (v->segments_live) {
		savesegment(ds, v->host->ds);
		savesegment(es, v->host->es);
		savesegment(fs, v->host->fs);
		savesegment(gs, v->host->gs);
		v->host->guest_fs = rdfsbase();
	}
	preempt_enable();
}

/**
 * ring1_segments_claim - let memory have the guest's selectors and FS base
 * @v:	vCPU; what its caller changes behind this is loaded at the next enter
 */
__fast void ring1_segments_claim(struct vcpu_ring1 *v)
{
	preempt_disable();
	ring1_segments_sync(v);
	v->segments_live = false;
	v->conf->segments = true;
	preempt_enable();
}

/*
 * DS, ES, FS and GS: the switcher loads them from the host page, so that is where
 * they live; while the registers hold the guest's selectors, memory lags behind.
 */
static __fast u16 *data_selector(struct vcpu_ring1 *v, int seg)
{
	switch (seg) {
	case VCPU_SREG_DS:
		return &v->host->ds;
	case VCPU_SREG_ES:
		return &v->host->es;
	case VCPU_SREG_FS:
		return &v->host->fs;
	case VCPU_SREG_GS:
		return &v->host->gs;
	default:
		return NULL;
	}
}

/* What the hardware gets for a selector: a kernel's has DPL 0 in the kernel's own table. */
static __fast u16 hardware_selector(const struct vcpu_ring1 *v, u16 selector)
{
	return ring1_segments_loadable(v, selector) ? selector : 0;
}

/**
 * ring1_segments_check - make the selectors in memory safe to load
 * @v:	vCPU that enters with conf.segments set
 *
 * A guest may take a descriptor away while its selector is loaded.
 */
__fast void ring1_segments_check(struct vcpu_ring1 *v)
{
	int seg;

	for (seg = VCPU_SREG_ES; seg <= VCPU_SREG_GS; seg++) {
		u16 *selector = data_selector(v, seg);

		if (selector)
			*selector = hardware_selector(v, *selector);
	}
}

u64 ring1_get_segment_base(struct kvm_vcpu *vcpu, int seg)
{
	struct kvm_segment var;

	ring1_get_segment(vcpu, &var, seg);
	return var.base;
}

void ring1_get_segment(struct kvm_vcpu *vcpu, struct kvm_segment *var, int seg)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	u16 *selector = data_selector(v, seg);

	if (seg == VCPU_SREG_CS && !v->user) {
		*var = v->kernel_cs;
		return;
	}
	*var = v->segment[seg];
	if (seg == VCPU_SREG_SS) {
		/* A PV kernel has no other. VMMs read the CPL here. */
		if (ring1_is_pv(v) && !v->user)
			ring1_segments_fill(v, __KERNEL_DS, var);
		var->dpl = v->user ? 3 : 0;
	}
	if (!selector || !is_long_mode(vcpu))
		return;

	/* The guest loads selectors without an exit: var may be an old one's. */
	ring1_segments_sync(v);
	if (*selector != hardware_selector(v, var->selector))
		ring1_segments_fill(v, *selector, var);
	if (seg == VCPU_SREG_FS)
		var->base = v->host->guest_fs;
	else if (seg == VCPU_SREG_GS)
		var->base = v->gs_base;
}

__fast void ring1_set_segment(struct kvm_vcpu *vcpu, struct kvm_segment *var, int seg)
{
	struct vcpu_ring1 *v = to_ring1(vcpu);
	u16 *selector = data_selector(v, seg);

	if (seg == VCPU_SREG_CS) {
		v->user = var->dpl == 3 && is_protmode(vcpu);
		if (!v->user) {
			v->kernel_cs = *var;
			return;
		}
	}
	v->segment[seg] = *var;
	if (!selector)
		return;
	/* A VMM may set any base, but WRFSBASE and WRGSBASE would fault at this one. */
	if (is_noncanonical_msr_address(var->base, vcpu))
		v->segment[seg].base = 0;

	ring1_segments_claim(v);
	*selector = hardware_selector(v, var->selector);
	if (seg == VCPU_SREG_FS)
		v->host->guest_fs = v->segment[seg].base;
	else if (seg == VCPU_SREG_GS)
		v->gs_base = v->segment[seg].base;
}
