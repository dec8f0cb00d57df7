# SPDX-License-Identifier: GPL-2.0-only
#
# Which part of the host executes how many instructions in one round trip from the guest
# and back, and which of those that take a processor long. Input: facts (addresses in
# /proc/kallsyms, /proc/modules, of the guest's first instruction and of the one behind the
# last), then QEMU's log: an instruction a line, and what it is before it comes for the first
# time. Prints "split CALL PART COUNT" and "slow CALL COUNT INSTRUCTION" of the round trip
# seen most often: interrupts make some longer.
# Variable: call.

# Addresses are compared as what they are here, 16 lower-case hexadecimal digits.
function address(text) {
	sub(/^0x/, "", text)
	return substr("0000000000000000" text, length(text) + 1)
}

# base + size, of which awk's numbers hold no more than 53 bits.
function end_of(base, size,    i, digit, carry, digits, out) {
	digits = "0123456789abcdef"
	carry = size
	for (i = 16; i >= 1; i--) {
		digit = index(digits, substr(base, i, 1)) - 1 + carry
		carry = int(digit / 16)
		out = substr(digits, digit % 16 + 1, 1) out
	}
	return out
}

function part(pc) {
	if (pc < "8000000000000000" || pc >= guest_base && pc < guest_end)
		return "guest"
	if (pc < "ffff808000000000" || pc >= from["switch"] && pc < to["switch"])
		return "switcher"
	if (pc >= from["kvm_ring1"] && pc < to["kvm_ring1"])
		return "kvm-ring1.ko"
	if (pc >= from["kvm"] && pc < to["kvm"])
		return "kvm.ko"
	return "kernel"
}

$3 == "ring1_switch" { from["switch"] = address($1); next }
$3 == "ring1_do_nmi_irqoff" { to["switch"] = address($1); next }

$1 == "kvm" || $1 == "kvm_ring1" {
	from[$1] = address($NF ~ /^0x/ ? $NF : $(NF - 1))
	to[$1] = end_of(from[$1], $2)
	next
}

NF == 1 && !begin {
	begin = address($1)
	guest_base = substr(begin, 1, 11) "00000"
	guest_end = end_of(guest_base, 4194304)
	next
}

NF == 1 && !end {
	end = address($1)
	next
}

# Behind the address come the instruction's bytes.
/^0x[0-9a-f]+:/ {
	for (i = 2; $i ~ /^[0-9a-f][0-9a-f]$/; i++)
		;
	insn = $i
	if (insn ~ /^mov/ && $NF ~ /^%cr[0-9]$/)
		insn = "mov to " toupper(substr($NF, 2))
	else if (insn ~ /^mov/ && $NF ~ /^%dr[0-9]$/)
		insn = "mov to DR"
	else
		sub(/[lqw]$/, "", insn)
	if (insn ~ slow_insns)
		slow_at[address(substr($1, 1, length($1) - 1))] = insn
	next
}

/^Trace/ {
	split($0, field, "/")
	pc = field[2]
	if (pc == end && started)
		finish()
	if (pc == begin && !started) {
		started = 1
		delete n
		delete slow
	}
	if (!started)
		next
	n[part(pc)]++
	if (pc in slow_at)
		slow[slow_at[pc]]++
}

function finish(    key, insn) {
	started = 0
	for (i = 1; i <= 5; i++)
		key = key " " n[name[i]] + 0
	if (++seen[key] <= seen[best])
		return
	best = key
	delete slow_of_best
	for (insn in slow)
		slow_of_best[insn] = slow[insn]
}

BEGIN {
	split("guest switcher kvm-ring1.ko kvm.ko kernel", name, " ")
	slow_insns = "^(mov to .*|lgdt|lidt|lldt|ltr|wrmsr|rdmsr|iret|lret|wrgsbase|swapgs|" \
		"invlpg|invpcid|cpuid|xsetbv|verw|lfence|mfence|cli|sti)$"
}

END {
	if (best == "") {
		print "split.awk: no round trip of " call " in the log" >"/dev/stderr"
		exit 1
	}
	split(best, count, " ")
	for (i = 1; i <= 5; i++)
		print "split", call, name[i], count[i]
	for (insn in slow_of_best)
		printf "slow %s %d %s\n", call, slow_of_best[insn], insn
}
