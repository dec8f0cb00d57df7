/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel and the processor as host/'s files see them, faked: a unit test includes
 * this and then one such file, or two. What a file reads comes from struct fake, which
 * the test fills; what it does to the processor is noted in order, by name and value.
 * Kernel headers are empty files then, but for those that only define numbers and
 * layouts (Makefile). What belongs to the monitor itself is not faked here.
 */
#ifndef TEST_UNIT_KERNEL_H
#define TEST_UNIT_KERNEL_H

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <linux/kvm.h>
#include "kselftest_harness.h"

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s64 s64;
typedef u64 gva_t, gpa_t, gfn_t, hpa_t;

#define IS_ENABLED(option)	0
#define BIT(n)			(1ul << (n))
#define BIT_ULL(n)		(1ull << (n))
#define GENMASK_ULL(h, l)	((~0ull >> (63 - (h))) & (~0ull << (l)))
#define FIELD_PREP(mask, value)	(((u64)(value) << __builtin_ctzll(mask)) & (mask))
#define ALIGN_DOWN(x, a)	((x) & ~((a) - 1ul))
#define READ_ONCE(x)		(*(volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, value)	(*(volatile typeof(x) *)&(x) = (value))
#define BUILD_BUG_ON(condition)	_Static_assert(!(condition), #condition)
#define WARN_ON_ONCE(condition)	({ if (condition) fake_warn(); false; })
#define irqs_disabled()		true
#define read_trylock(lock)	(!fake.mmu_locked)
#define read_unlock(lock)	fake_note("unlock", 0, 0)
#define __no_sanitize_address
#define container_of(p, type, member) ((type *)((char *)(p) - offsetof(type, member)))
#define likely(x)		(x)
#define unlikely(x)		(x)
#define __packed		__attribute__((packed))
#define lockdep_assert_irqs_disabled()
#define preempt_disable()
#define preempt_enable()
#define asmlinkage
#define noinstr
#define noinline
#define __section(name)
#define NUM_EXCEPTION_VECTORS	32
#define __init
#define __initdata
#define __ro_after_init
#define pr_err(fmt, ...)	snprintf(fake.log, sizeof(fake.log), pr_fmt(fmt), ##__VA_ARGS__)
#define DECLARE_BITMAP(name, bits) unsigned long name[(bits) / 64]

#define PAGE_SIZE		4096
#define PTRS_PER_PMD		512
#define KVM_MAX_VCPUS		1024
#define round_up(n, to)		(((n) + (to) - 1) / (to) * (to))
#define PTRS_PER_PGD		512
#define PT64_ROOT_4LEVEL	4
struct mutex {
	int unused;
};

#define PT_PRESENT_MASK		BIT_ULL(0)
#define PT_USER_MASK		BIT_ULL(2)
#define PGDIR_SIZE		BIT_ULL(39)
#define INVALID_PAGE		(~(hpa_t)0)
#define VALID_PAGE(x)		((x) != INVALID_PAGE)
#define lower_32_bits(x)	((u32)(x))
#define upper_32_bits(x)	((u32)((u64)(x) >> 32))
#define offset_in_page(p)	((unsigned long)(p) & (PAGE_SIZE - 1))
#define gpa_to_gfn(gpa)		((gfn_t)(gpa) >> 12)
#define pgd_index(address)	((unsigned int)((address) >> 39 & 511))
#define __pa(x)			((u64)(unsigned long)(x))
#define __va(x)			((void *)(unsigned long)(x))

#define module_param(name, type, mode)
#define MODULE_PARM_DESC(name, text)

/* The real ones. */
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>
#include <asm/trapnr.h>
#include <asm/irq_vectors.h>
#include <asm/processor-flags.h>
#include <asm/debugreg.h>
#include <asm/desc_defs.h>

/* The monitor asks for KVM_RING1_DEBUG only. */
#undef IS_ENABLED
#define IS_ENABLED(option)	fake.debug

struct list_head { struct list_head *next, *prev; };
struct mm_struct;
struct page;
struct msr_data;
struct kvm_lapic;
struct kvm { int unused; };

/* The processor. */
struct note {
	const char *what;
	u64 a, b;
};

static struct {
	u64 feature[32], bug[2];
	u64 msr_smask, msr_s_cet, msr_arch_capabilities, msr_spec_ctrl, msr_xfd_err;
	unsigned long cr2, cr3, cr4, dr6;
	u16 ldt;
	bool traced, rebooting, host_breakpoint, no_pebs_enable, mitigations_off;
	bool cc_state, cc_memory;
	bool debug, mmu_locked;
	u32 apf_flags;
	struct perf_guest_switch_msr *perf_msrs;
	int nr_perf_msrs;
	char log[512];
	struct note note[64];
	unsigned int notes;
} fake;

static inline void fake_note(const char *what, u64 a, u64 b)
{
	fake.note[fake.notes++ % ARRAY_SIZE(fake.note)] = (struct note){ what, a, b };
}

/* Only tests of KVM_RING1_DEBUG expect one. */
static inline void fake_warn(void)
{
	if (!fake.debug)
		abort();
	fake_note("warning", 0, 0);
}

/* The nth time this was done, or NULL. */
static inline const struct note *fake_done(const char *what, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < fake.notes && i < ARRAY_SIZE(fake.note); i++)
		if (!strcmp(fake.note[i].what, what) && !n--)
			return &fake.note[i];
	return NULL;
}

static inline void fake_feature(unsigned int n, bool on)
{
	fake.feature[n / 64] = (fake.feature[n / 64] & ~BIT_ULL(n % 64)) | (u64)on << n % 64;
}

static inline void fake_bug(unsigned int n, bool on)
{
	n -= NCAPINTS * 32;
	fake.bug[n / 64] = (fake.bug[n / 64] & ~BIT_ULL(n % 64)) | (u64)on << n % 64;
}

/* linux/cpu.h, asm/cpufeature.h, linux/cc_platform.h */
#define boot_cpu_has(n)		(!!(fake.feature[(n) / 64] & BIT_ULL((n) % 64)))
#define cpu_feature_enabled(n)	boot_cpu_has(n)
#define boot_cpu_has_bug(n)	(!!(fake.bug[((n) - NCAPINTS * 32) / 64] & \
				    BIT_ULL(((n) - NCAPINTS * 32) % 64)))
#define cpu_mitigations_off()	(fake.mitigations_off)
enum { X86_VENDOR_INTEL, X86_VENDOR_AMD = 2, X86_VENDOR_HYGON = 9 };
static struct { u8 x86_vendor; } boot_cpu_data;
enum { CC_ATTR_MEM_ENCRYPT, CC_ATTR_GUEST_STATE_ENCRYPT };
#define cc_platform_has(attr)	\
	((attr) == CC_ATTR_MEM_ENCRYPT ? fake.cc_memory : fake.cc_state)

/* Control, debug and model-specific registers */
#define KVM_NR_DB_REGS		4
#define DR7_BP_EN_MASK		0xff
#define cr4_read_shadow()	(fake.cr4)
#define __read_cr4()		(fake.cr4)
#define native_read_cr2()	(fake.cr2)
#define __get_current_cr3_fast() (fake.cr3)
#define get_debugreg(var, n)	((var) = fake.dr##n)
#define set_debugreg(value, n)	fake_note("dr" #n, value, 0)
#define rdmsrl(msr, var)	((void)rdmsrl_safe(msr, &(var)))
#define wrmsrl(msr, value)	fake_note("wrmsr", msr, value)
#define native_wrmsrl(msr, value) wrmsrl(msr, value)
#define xsetbv(index, value)	fake_note("xsetbv", value, index)
#define kvm_rebooting		fake.rebooting
#define KVM_REQ_VM_DEAD		1
#define kvm_make_request(request, vcpu) fake_note("request", request, 0)
#define kvm_load_ldt(selector)	fake_note("ldt", fake.ldt = (selector), 0)
#define hw_breakpoint_active()	fake.host_breakpoint
#define write_pkru(value)	fake_note("wrpkru", value, 0)

static inline void cr4_update_irqsoff(unsigned long set, unsigned long clear)
{
	fake_note("cr4", set, clear);
	fake.cr4 = (fake.cr4 & ~clear) | set;
}

static inline int rdmsrl_safe(u32 msr, u64 *value)
{
	switch (msr) {
	case MSR_SYSCALL_MASK:
		*value = fake.msr_smask;
		return 0;
	case MSR_IA32_PEBS_ENABLE:
		return fake.no_pebs_enable ? -1 : 0;
	case MSR_IA32_S_CET:
		*value = fake.msr_s_cet;
		return 0;
	case MSR_IA32_ARCH_CAPABILITIES:
		*value = fake.msr_arch_capabilities;
		return 0;
	case MSR_IA32_SPEC_CTRL:
		*value = fake.msr_spec_ctrl;
		return 0;
	case MSR_IA32_XFD_ERR:
		*value = fake.msr_xfd_err;
		return 0;
	default:
		return -1;
	}
}

static inline u64 __rdmsr(u32 msr)
{
	u64 value = 0;

	rdmsrl_safe(msr, &value);
	return value;
}

struct perf_guest_switch_msr {
	u32 msr;
	u64 host, guest;
};

/* kvm.ko */
enum { VCPU_REGS_RAX, VCPU_REGS_RCX, VCPU_REGS_RDX, VCPU_REGS_RSP = 4, VCPU_REGS_RIP = 16,
	NR_VCPU_REGS };
enum { VCPU_SREG_ES, VCPU_SREG_CS, VCPU_SREG_SS, VCPU_SREG_DS, VCPU_SREG_FS, VCPU_SREG_GS,
	VCPU_SREG_TR, VCPU_SREG_LDTR };
typedef enum { EXIT_FASTPATH_NONE } fastpath_t;
#define EXITING_GUEST_MODE		2
#define KVM_RUN_FORCE_IMMEDIATE_EXIT	1
#define PF_VECTOR			14
#define PFERR_PRESENT_MASK		BIT_ULL(0)
#define PFERR_WRITE_MASK		BIT_ULL(1)
#define PFERR_USER_MASK			BIT_ULL(2)
#define PFERR_PK_MASK			BIT_ULL(5)

#define KVM_MMU_NUM_PREV_ROOTS		3
#define KVM_MMU_ROOT_PREVIOUS(i)	(2ul << (i))

struct kvm_mmu {
	struct { gpa_t pgd; hpa_t hpa; } prev_roots[KVM_MMU_NUM_PREV_ROOTS];
};

struct kvm_vcpu {
	int vcpu_id, cpu, mode;
	u32 guest_debug;
	struct kvm_run *run;
	struct kvm *kvm;
	struct { u64 exits, irq_exits, pf_emulate, mmio_exits; } stat;
	struct {
		unsigned long regs[NR_VCPU_REGS], cr4, eff_db[KVM_NR_DB_REGS], dr6, dr7;
		u64 efer, xcr0, host_debugctl;
		u32 host_pkru;
		bool at_instruction_boundary;
		struct { u32 host_apf_flags; } apf;
		struct kvm_mmu *mmu;
	} arch;
};

struct x86_exception {
	u8 vector;
	bool error_code_valid;
	u16 error_code;
	u64 address;
};

static struct { u64 xcr0; } kvm_host;

/* linux/tracepoint.h: tracepoints do nothing. */
#define TP_PROTO(...)		__VA_ARGS__
#define TRACE_EVENT(name, proto, ...) \
	static inline void trace_##name(proto) { } \
	static inline bool trace_##name##_enabled(void) { return fake.traced; }

#endif
