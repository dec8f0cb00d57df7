# SPDX-License-Identifier: GPL-2.0-only
#
# The report of make bench-quick, from what tests/bench/quick collected natively and in
# the PV guest: figures beside their goals, and whether these are met.

function rule(width) {
	printf "%s\n", substr("------------------------------------------------------------" \
		"----------------------------------------", 1, width)
}

function verdict(met) {
	if (!met)
		missed++
	return met ? "met" : "MISSED"
}

function goal(text, value, met) {
	printf "%-66s %12s  %s\n", text, value, verdict(met)
}

FNR == 1 { file++ }
$1 == "boot" { boot[file] = $3 - $2; next }
$1 == "exits" {
	exits[$2, $3] = $4
	if (!($3 in known)) {
		known[$3] = 1
		reason[++reasons] = $3
	}
	next
}
$1 == "hypercall" { round[$2] = $3; next }
$1 == "split" {
	split_of[$2, $3] = $4
	parts_of[$2] += $4
	if (trip[trips] != $2)
		trip[++trips] = $2
	next
}
$1 == "slow" {
	insn = $4
	for (i = 5; i <= NF; i++)
		insn = insn " " $i
	slow_of[$2, insn] = $3
	if (!(insn in slow_seen)) {
		slow_seen[insn] = 1
		slow[++slows] = insn
	}
	next
}
$2 != 1 { next }
file == 1 { native[$1] = $3; operation[++operations] = $1; next }
{ pv[$1] = $3 }

# Exits of the operation itself. The timer's tick comes as an interrupt of the host, and
# is taken and armed again with hypercalls, some hundred times a second. Ticks do not
# come as often in n operations as in the next n, so that there is noise; an exit that an
# operation takes counts 1.
function own_exits(op) {
	return exits[op, "exits"] - exits[op, "interrupt"] - exits[op, "hypercall_irq_poll"] - \
		exits[op, "hypercall_wrmsr"] - exits[op, "hypercall_iret"]
}

# One that was timed; a page fault and an interrupt are more than one thing.
function in_all(name) {
	return name in round ? sprintf("%.0f", round[name]) : "-"
}

function no_exits(op, value) {
	value = own_exits(op)
	goal("exits per " op ", the timer's aside: 0", sprintf("%.2f", value + 0),
		value < 0.005 && value > -0.005)
}

END {
	print "Retired instructions and exits per operation, 1 CPU, -icount shift=0"
	print ""
	printf "%-18s %12s %12s %7s %10s %10s %10s\n", "operation", "native", "PV guest", "ratio",
		"exits", "page fault", "interrupt"
	rule(85)
	for (i = 1; i <= operations; i++) {
		op = operation[i]
		printf "%-18s %12.0f %12.0f %7.2f %10.3f %10.3f %10.3f\n", op, native[op], pv[op],
			pv[op] / native[op], exits[op, "exits"], exits[op, "page_fault"],
			exits[op, "interrupt"]
	}
	printf "%-18s %12.0f %12.0f %7.2f\n", "boot to /init", boot[1], boot[2], boot[2] / boot[1]

	print "\nExits of one mix, by reason"
	rule(40)
	for (i = 1; i <= reasons; i++)
		if (exits["mix", reason[i]])
			printf "%-28s %10.2f\n", reason[i], exits["mix", reason[i]]

	print "\nOut of the guest world and back, retired instructions"
	print ""
	printf "%-14s %8s %8s %6s %9s %13s %7s %7s\n", "what", "timed", "sum", "guest",
		"switcher", "kvm-ring1.ko", "kvm.ko", "kernel"
	rule(79)
	for (i = 1; i <= trips; i++) {
		c = trip[i]
		printf "%-14s %8s %8d %6d %9d %13d %7d %7d\n", c, in_all(c), parts_of[c],
			split_of[c, "guest"], split_of[c, "switcher"], split_of[c, "kvm-ring1.ko"],
			split_of[c, "kvm.ko"], split_of[c, "kernel"]
	}

	print "\nOf these, instructions that take a processor long"
	print ""
	printf "%-14s", ""
	for (i = 1; i <= trips; i++)
		printf " %11s", trip[i]
	print ""
	rule(14 + 12 * trips)
	for (j = 1; j <= slows; j++) {
		printf "%-14s", slow[j]
		for (i = 1; i <= trips; i++)
			printf " %11d", slow_of[trip[i], slow[j]]
		print ""
	}

	print "\nGoals"
	rule(86)
	no_exits("getppid")
	value = pv["getppid"] / native["getppid"]
	goal("instructions per getppid, PV / native: at most 1.5", sprintf("%.2f", value), value <= 1.5)
	split("breakpoint divide_error invalid_opcode", exception, " ")
	for (i = 1; i <= 3; i++)
		no_exits(exception[i])
	goal("privileged instructions emulated in a mix: 0", exits["mix", "privileged"] + 0,
		exits["mix", "privileged"] == 0)
	printf "%-66s %12.1f\n", "  emulated writes to shadowed page tables in a mix",
		exits["mix", "page_fault_pt_write"]
	value = boot[2] / boot[1]
	goal("instructions from kernel entry to /init, PV / native: at most 3",
		sprintf("%.2f", value), value <= 3)
	if (missed)
		printf "%d missed\n", missed
}
