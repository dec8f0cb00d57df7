// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names for the offsets that switcher.S and world.S use. Compiled to assembly and
 * turned into ring1-offsets.h by Kbuild; no object comes of it.
 */
#define COMPILE_OFFSETS
#include <linux/kbuild.h>
#include "ring1.h"

static void __used offsets(void)
{
	OFFSET(CONF_idt, ring1_conf, idt);
	OFFSET(CONF_gdt, ring1_conf, gdt);
	OFFSET(CONF_tr, ring1_conf, tr);
	OFFSET(CONF_bounce, ring1_conf, bounce);
	OFFSET(CONF_int80, ring1_conf, int80);
	OFFSET(CONF_debug, ring1_conf, debug);
	OFFSET(CONF_segments, ring1_conf, segments);
	OFFSET(CONF_parked, ring1_conf, parked);
	OFFSET(CONF_own_mmu, ring1_conf, own_mmu);
	OFFSET(CONF_bounce_pf, ring1_conf, bounce_pf);
	OFFSET(CONF_cr3, ring1_conf, cr3);
	OFFSET(CONF_cr3_high, ring1_conf, cr3_high);
	OFFSET(CONF_dr7, ring1_conf, dr7);
	OFFSET(CONF_kernel_gs, ring1_conf, kernel_gs);
	OFFSET(CONF_entry_user, ring1_conf, entry_user);
	OFFSET(CONF_entry_syscall64, ring1_conf, entry_syscall64);
	OFFSET(CONF_entry_syscall32, ring1_conf, entry_syscall32);
	OFFSET(CONF_entry_sysenter32, ring1_conf, entry_sysenter32);
	BLANK();
	OFFSET(STACK_notes, ring1_stack, notes);
	OFFSET(STACK_user_sp, ring1_stack, user_sp);
	OFFSET(STACK_fault_vector, ring1_stack, fault_vector);
	OFFSET(STACK_fault_error, ring1_stack, fault_error);
	OFFSET(STACK_lost_ip, ring1_stack, lost_ip);
	OFFSET(STACK_park_cx, ring1_stack, park_cx);
	OFFSET(STACK_park_dx, ring1_stack, park_dx);
	OFFSET(STACK_cr3, ring1_stack, cr3);
	OFFSET(STACK_enter, ring1_stack, enter);
	OFFSET(STACK_enter_gs_base, ring1_stack, enter.gs_base);
	OFFSET(STACK_enter_ax, ring1_stack, enter.ax);
	OFFSET(STACK_enter_ip, ring1_stack, enter.ip);
	DEFINE(STACK_top, sizeof(struct ring1_stack));
	BLANK();
	OFFSET(HW_ax, ring1_frame_hw, ax);
	OFFSET(HW_vector, ring1_frame_hw, vector);
	OFFSET(HW_error, ring1_frame_hw, error);
	OFFSET(HW_ip, ring1_frame_hw, ip);
	OFFSET(HW_cs, ring1_frame_hw, cs);
	OFFSET(HW_flags, ring1_frame_hw, flags);
	OFFSET(HW_sp, ring1_frame_hw, sp);
	OFFSET(HW_ss, ring1_frame_hw, ss);
	DEFINE(HW_SIZE, sizeof(struct ring1_frame_hw));
	BLANK();
	OFFSET(HOST_view, ring1_host, view);
	OFFSET(HOST_sp, ring1_host, sp);
	OFFSET(HOST_frame, ring1_host, frame);
	OFFSET(HOST_guest_gs, ring1_host, guest_gs);
	OFFSET(HOST_nmi, ring1_host, nmi);
	OFFSET(HOST_guest_fs, ring1_host, guest_fs);
	OFFSET(HOST_gs_base, ring1_host, gs_base);
	OFFSET(HOST_gdt_rw, ring1_host, gdt_rw);
	OFFSET(HOST_gdt_ro, ring1_host, gdt_ro);
	OFFSET(HOST_idt, ring1_host, idt);
	OFFSET(HOST_tr, ring1_host, tr);
	OFFSET(HOST_tss_type, ring1_host, tss_type);
	OFFSET(HOST_ds, ring1_host, ds);
	OFFSET(HOST_es, ring1_host, es);
	OFFSET(HOST_fs, ring1_host, fs);
	OFFSET(HOST_gs, ring1_host, gs);
	OFFSET(HOST_park, ring1_host, park);
	BLANK();
	OFFSET(PARK_msr, ring1_park, msr);
	OFFSET(PARK_saved, ring1_park, saved);
	OFFSET(PARK_guest_low, ring1_park, guest_low);
	OFFSET(PARK_guest_high, ring1_park, guest_high);
	OFFSET(PARK_host_low, ring1_park, host_low);
	OFFSET(PARK_host_high, ring1_park, host_high);
	DEFINE(PARK_SIZE, sizeof(struct ring1_park));
	BLANK();
	OFFSET(VCPU_rax, vcpu_ring1, vcpu.arch.regs[VCPU_REGS_RAX]);
	OFFSET(VCPU_rcx, vcpu_ring1, vcpu.arch.regs[VCPU_REGS_RCX]);
	OFFSET(VCPU_rdx, vcpu_ring1, vcpu.arch.regs[VCPU_REGS_RDX]);
	OFFSET(VCPU_rbx, vcpu_ring1, vcpu.arch.regs[VCPU_REGS_RBX]);
	OFFSET(VCPU_rsp, vcpu_ring1, vcpu.arch.regs[VCPU_REGS_RSP]);
	OFFSET(VCPU_rbp, vcpu_ring1, vcpu.arch.regs[VCPU_REGS_RBP]);
	OFFSET(VCPU_rsi, vcpu_ring1, vcpu.arch.regs[VCPU_REGS_RSI]);
	OFFSET(VCPU_rdi, vcpu_ring1, vcpu.arch.regs[VCPU_REGS_RDI]);
	OFFSET(VCPU_r8, vcpu_ring1, vcpu.arch.regs[VCPU_REGS_R8]);
	OFFSET(VCPU_r9, vcpu_ring1, vcpu.arch.regs[VCPU_REGS_R9]);
	OFFSET(VCPU_r10, vcpu_ring1, vcpu.arch.regs[VCPU_REGS_R10]);
	OFFSET(VCPU_r11, vcpu_ring1, vcpu.arch.regs[VCPU_REGS_R11]);
	OFFSET(VCPU_r12, vcpu_ring1, vcpu.arch.regs[VCPU_REGS_R12]);
	OFFSET(VCPU_r13, vcpu_ring1, vcpu.arch.regs[VCPU_REGS_R13]);
	OFFSET(VCPU_r14, vcpu_ring1, vcpu.arch.regs[VCPU_REGS_R14]);
	OFFSET(VCPU_r15, vcpu_ring1, vcpu.arch.regs[VCPU_REGS_R15]);
	OFFSET(VCPU_rip, vcpu_ring1, vcpu.arch.regs[VCPU_REGS_RIP]);
	OFFSET(VCPU_host, vcpu_ring1, host);
	OFFSET(VCPU_enter, vcpu_ring1, enter_text);
	OFFSET(VCPU_exit_vector, vcpu_ring1, exit.vector);
	OFFSET(VCPU_exit_error, vcpu_ring1, exit.error);
	OFFSET(VCPU_exit_cs, vcpu_ring1, exit.cs);
	OFFSET(VCPU_exit_flags, vcpu_ring1, exit.flags);
	OFFSET(VCPU_exit_ss, vcpu_ring1, exit.ss);
}
