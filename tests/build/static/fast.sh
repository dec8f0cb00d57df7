#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    between an exit and the flushing of the guest's predictions the monitor has no
#           indirect branch, calls nothing that may have one, and never nests as deep as the
#           return predictions that were overwritten; the gates of exceptions flush
# How:      follows the calls in the modules' own code from trips(), host/run.c; plants an
#           indirect branch, a call of something else and a recursion in copies of that code
# Catches:  a function pointer, a static call, a tracepoint or a switch by table in the fast
#           set; a function of it that is not __fast
# Needs:    make modules
# Timeout:  120

. "${0%/*}/../../lib/tap.sh"

# Frames of the set, those of what it calls not counted; of 32 return predictions.
DEPTH=20

# What the set may call besides, none with an indirect branch, and why.
leaves='
	__x86_return_thunk		the return itself
	clear_bhb_loop			made for this
	_raw_spin_lock			a loop, if it must wait
	_raw_spin_unlock		no resched: preemption is off, here and below
	_raw_spin_lock_irqsave
	_raw_spin_unlock_irqrestore
	__SCT__preempt_schedule
	_find_next_bit			computes
	xa_find				walk an array without callbacks: the vCPUs of the VM
	xa_find_after
	cr4_read_shadow			read a variable
	kvm_read_and_reset_apf_flags
	kvm_arch_has_assigned_device
	__SCT__kvm_x86_cache_reg	a jump to a function of ours that is empty
	rcu_note_context_switch		before the first enter only: the guest has not run
	__ct_user_enter			never, with late flushing (mitigations.c)
	__ct_user_exit
	__list_add_valid_or_report	a bug was found; or never, and then behind a check
	__list_del_entry_valid_or_report
	__stack_chk_fail
	kvm_make_all_cpus_request'

work=$(mktemp -d)
trap 'rm -rf "$work"; exit $((tap_failed > 0))' EXIT

# code MODULE: its code in the sections that have the set, with relocations.
code() {
	objdump -dr --no-show-raw-insn -j .kprobes.text -j .noinstr.text "$1"
}

# judge: what is wrong with such code, a line each.
judge() {
	awk -v depth=$DEPTH -v leaves="$(echo "$leaves" | awk 'NF { print $1 }' | paste -sd' ')" '
		function number(hex,    i, n) {
			for (i = 1; i <= length(hex); i++)
				n = n * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
			return n
		}
		# ".text+0x1c", from a relocation of a call or jump: its end is 4 bytes on.
		function in_section(symbol,    part, at, i) {
			if (split(symbol, part, "[+]0x") != 2)
				return symbol
			at = number(part[2]) + 4
			for (i = 1; i <= functions; i++)
				if (section_of[i] == part[1] && start[i] <= at && at < end[i])
					return name[i]
			return symbol
		}
		function flush() {
			if (pending != "" && pending != f)
				target[++targets] = f SUBSEP pending
			pending = ""
		}
		# Deepest nesting below a function; one that calls itself ends here, but for
		# an event that cannot be delivered: that is a double fault.
		function below(f,    i, n, deepest, to) {
			if (f in known)
				return known[f]
			if (f in under_way) {
				if (f != "ring1_pv_deliver")
					print f " may call itself"
				return 1
			}
			under_way[f] = 1
			if (f in indirect)
				print f ": " indirect[f]
			for (i = 1; i <= nr[f]; i++) {
				to = calls[f, i]
				if (to in leaf)
					n = 1
				else if (!(to in defined)) {
					print f " calls " to
					n = 1
				} else
					n = 1 + below(to)
				if (n > deepest)
					deepest = n
			}
			delete under_way[f]
			return known[f] = deepest + 0
		}
		BEGIN { n = split(leaves, l, " "); for (i = 1; i <= n; i++) leaf[l[i]] = 1 }
		/^Disassembly of section/ { section = substr($4, 1, length($4) - 1); next }
		/^[0-9a-f]+ <.*>:$/ {
			flush()
			f = substr($2, 2, length($2) - 3)
			defined[f] = 1
			at = number($1)
			if (functions && section_of[functions] == section)
				end[functions] = at
			section_of[++functions] = section
			name[functions] = f
			start[functions] = at
			end[functions] = 2 ^ 40
			next
		}
		/R_X86_64_/ {
			if ($3 ~ /__x86_indirect_thunk|pv_ops/)
				indirect[f] = $0
			if (pending != "") {
				pending = $3
				if (pending !~ /^\./)
					sub(/[+-]0x[0-9a-f]*$/, "", pending)
				flush()
			}
			next
		}
		{ flush() }
		/^ *[0-9a-f]+:\t(call|jmp) +\*/ { indirect[f] = $0; next }
		/^ *[0-9a-f]+:\t(call|j[a-z]+) / {
			pending = $NF
			gsub(/[<>]/, "", pending)
			sub(/\+0x[0-9a-f]*$/, "", pending)
		}
		END {
			flush()
			for (i = 1; i <= targets; i++) {
				split(target[i], t, SUBSEP)
				if (t[2] ~ /^\./)
					t[2] = in_section(t[2])
				# What a feature of the processor decides until it is patched in.
				if (t[2] ~ /^\.altinstr_aux/ || t[1] == t[2] || (t[1], t[2]) in seen)
					continue
				seen[t[1], t[2]] = 1
				calls[t[1], ++nr[t[1]]] = t[2]
			}
			if (!("trips" in defined))
				print "there is no trips()"
			n = below("trips")
			if (n > depth)
				print "calls nest " n " deep"
			if (!(("ring1_late_gates", "ring1_flush_predictions") in seen))
				print "gates do not flush"
			below("ring1_late_gates")
		}'
}

# finds PATTERN SCRIPT: in code that awk has changed by SCRIPT.
finds() {
	local pattern="$1"
	shift
	awk "$@" "$work/code" | judge | grep -q -- "$pattern"
}

set -- build/modules/*/host/kvm-ring1.ko
[ -e "$1" ] || skip_all "no module is built: make modules"
plan $(($# + 4))
for ko; do
	code "$ko" >"$work/code"
	name=${ko#build/modules/}
	found=$(judge <"$work/code") || found="awk failed"
	[ -z "$found" ] || echo "$found" | sed "s/^/# /"
	check "${name%%/*}: no indirect branch, no call that leaves the fast set" [ -z "$found" ]
done
check "an indirect branch is found" finds 'ring1_fill: ' \
	'{ print } /<ring1_fill>:/ { print "    10:\tjmp    *%rax" }'
check "so is a retpoline" finds 'ring1_fill: ' \
	'{ print } /<ring1_fill>:/ { print "    10:\tcall   15 <ring1_fill+0x5>\n\t\t\t11: R_X86_64_PLT32\t__x86_indirect_thunk_rax-0x4" }'
check "so is a call of something else" finds 'ring1_fill calls kvm_set_cr0' \
	'{ print } /<ring1_fill>:/ { print "    10:\tcall   15 <ring1_fill+0x5>\n\t\t\t11: R_X86_64_PLT32\tkvm_set_cr0-0x4" }'
check "so is a recursion" finds 'may call itself' \
	'{ print } /<ring1_fill>:/ { print "    10:\tcall   15 <ring1_fill+0x5>\n\t\t\t11: R_X86_64_PLT32\tring1_paging_fault_fast-0x4" }'
