# SPDX-License-Identifier: GPL-2.0-only
#
# The report of make bench. Arguments: the file environments, the list of operations as
# ring1 bench --list prints it, then cells (DIR/ENVIRONMENT/PART/cell, parse.awk). Variables:
# form, csv, md or plot; what, with plot: the part; about, a file with lines on what was
# measured with.

FNR == 1 { file++ }
/^#/ { next }
file == 1 { environment[++environments] = $1; title[$1] = rest(2); next }
file == 2 { add_row($1); about_row[$1] = rest(2); sub(/ \(--cpus N\)$/, "", about_row[$1]); next }
FNR == 1 {
	n = split(FILENAME, path, "/")
	env = path[n - 2]
	part = path[n - 1]
	present[env, part] = 1
}
$1 == "failed" { failed[env, part] = rest(2); next }
{ key = part SUBSEP env SUBSEP $2 SUBSEP $3 }
$1 == "cost" { add_row($2); cost[key] = $4 / $3; cpus_seen[$3] = 1; next }
$1 == "wall" { wall[key] = $4; next }
$1 == "cannot" { add_row($2); cannot[key] = rest(4); next }
$1 == "exits" {
	exits[key, $4] = $5 / $3
	if (!($4 in reason_seen)) {
		reason_seen[$4] = 1
		reason[++reasons] = $4
	}
}

function rest(from,    i, text) {
	for (i = from; i <= NF; i++)
		text = text (i > from ? " " : "") $i
	return text
}

function add_row(name) {
	if (!(name in row_seen)) {
		row_seen[name] = 1
		row[++rows] = name
	}
}

function k(part, env, op, cpus) {
	return part SUBSEP env SUBSEP op SUBSEP cpus
}

# Of another environment, and "" where one of the two is missing.
function ratio(part, env, op, cpus, other,    a, b) {
	a = k(part, env, op, cpus)
	b = k(part, other, op, cpus)
	return a in cost && b in cost && cost[b] > 0 ? cost[a] / cost[b] : ""
}

function wall_ratio(part, env, op, cpus,    a, b) {
	a = k(part, env, op, cpus)
	b = k(part, "native", op, cpus)
	return a in wall && b in wall && wall[b] > 0 ? wall[a] / wall[b] : ""
}

function short(x) {
	if (x == "")
		return ""
	return sprintf(x < 10 ? "%.2f" : x < 100 ? "%.1f" : "%.0f", x)
}

function human(x) {
	if (x < 100000)
		return sprintf(x < 100 ? "%.1f" : "%.0f", x)
	return x < 1e7 ? sprintf("%.0f k", x / 1e3) : sprintf("%.1f M", x / 1e6)
}

# Those of kvm-ring1 that are no exits by themselves, and what KVM counts beside its exits.
function is_reason(name) {
	if (name ~ /^(exits|hypercall|exception_injected|page_fault_pt_write|page_fault_mmio)$/)
		return 0
	if (name ~ /^(interrupt|nmi|page_fault|io|privileged|syscall|emulate_mode|rewind|ibpb)$/)
		return 1
	return name ~ /^(hypercall_|(io|irq|irq_window|halt|mmio|nmi_window|signal)_exits$|pf_taken$|insn_emulation$|invlpg$|hypercalls$)/
}

function reasons_of(key, least,    i, text, n) {
	for (i = 1; i <= reasons; i++) {
		n = exits[key, reason[i]]
		if (is_reason(reason[i]) && n >= least) {
			text = text (text ? ", " : "") reason[i] " " short(n)
		}
	}
	return text
}

function total_exits(key) {
	return (key, "exits") in exits ? exits[key, "exits"] : ""
}

function quoted(text) {
	gsub(/"/, "'", text)
	return "\"" text "\""
}

function csv(    p, e, r, c, part, key) {
	print "part,environment,operation,cpus,instructions,to_native,to_trap,emulator_ns," \
		"emulator_to_native,exits,exits_by_reason,why_not"
	for (p = 1; p <= parts; p++)
		for (e = 1; e <= environments; e++) {
			part = part_name[p]
			if ((environment[e], part) in failed)
				printf "%s,%s,,,,,,,,,,%s\n", part, environment[e],
					quoted(failed[environment[e], part])
			for (r = 1; r <= rows; r++)
				for (c = 1; c <= 64; c++) {
					key = k(part, environment[e], row[r], c)
					if (key in cost || key in cannot)
						csv_row(part, environment[e], row[r], c, key)
				}
		}
}

function csv_row(part, env, op, c, key) {
	printf "%s,%s,%s,%d,%s,%s,%s,%s,%s,%s,%s,%s\n", part, env, op, c,
		key in cost ? sprintf("%.1f", cost[key]) : "", ratio(part, env, op, c, "native"),
		ratio(part, env, op, c, "trap"), key in wall ? sprintf("%.0f", wall[key]) : "",
		wall_ratio(part, env, op, c), total_exits(key), quoted(reasons_of(key, 0.005)),
		key in cannot ? quoted(cannot[key]) : ""
}

# Environments that have anything of a part.
function columns(part,    e, n) {
	for (e = 1; e <= environments; e++)
		if ((environment[e], part) in present && !((environment[e], part) in failed))
			column[++n] = environment[e]
	return n
}

function has_row(part, op, c,    e) {
	for (e = 1; e <= environments; e++)
		if (k(part, environment[e], op, c) in cost)
			return 1
	return 0
}

function md_ratios(part, c, heading,    n, i, r, key) {
	n = columns(part)
	if (!n)
		return
	print "\n## " heading "\n"
	printf "| operation | native |"
	for (i = 1; i <= n; i++)
		if (column[i] != "native")
			printf " %s |", column[i]
	printf "\n|---|---:|"
	for (i = 1; i <= n; i++)
		if (column[i] != "native")
			printf "---:|"
	print ""
	for (r = 1; r <= rows; r++) {
		if (!has_row(part, row[r], c))
			continue
		key = k(part, "native", row[r], c)
		printf "| %s | %s |", row[r], key in cost ? human(cost[key]) : ""
		for (i = 1; i <= n; i++) {
			if (column[i] == "native")
				continue
			key = k(part, column[i], row[r], c)
			printf " %s |", key in cost ? short(ratio(part, column[i], row[r], c, "native")) : "-"
		}
		print ""
	}
}

function md_environment(env,    p, r, c, part, key, begun) {
	print "\n### " env ": " title[env] "\n"
	for (p = 1; p <= parts; p++)
		if ((env, part_name[p]) in failed)
			print "**Could not run** (" part_name[p] "): " failed[env, part_name[p]] "\n"
	for (p = 1; p <= parts; p++) {
		part = part_name[p]
		for (r = 1; r <= rows; r++)
			for (c = 1; c <= 64; c++) {
				key = k(part, env, row[r], c)
				if (!(key in cost) && !(key in cannot))
					continue
				if (!begun++) {
					print "| operation | CPUs | instructions | / native | / trap |" \
						" emulator's time / native | exits | by reason |"
					print "|---|---:|---:|---:|---:|---:|---:|---|"
				}
				if (key in cannot)
					printf "| %s | %d | - | | | | | %s |\n", row[r], c, cannot[key]
				else
					printf "| %s | %d | %s | %s | %s | %s | %s | %s |\n", row[r], c,
						human(cost[key]), short(ratio(part, env, row[r], c, "native")),
						short(ratio(part, env, row[r], c, "trap")),
						short(wall_ratio(part, env, row[r], c)),
						exits_text(key), reasons_of(key, row[r] ~ /boot$/ ? 10 : 0.05)
			}
	}
}

function exits_text(key,    n) {
	n = total_exits(key)
	return n == "" ? "" : n < 0.05 ? "0" : short(n)
}

function verdict(text, value, met) {
	printf "| %s | %s | %s |\n", text, value == "" ? "not measured" : value,
		value == "" ? "" : met ? "met" : "**not met**"
}

# Who is as fast as natively cannot be ahead of another one that is.
function costs_nothing(part, r, c,    x) {
	x = ratio(part, "pv", r, c, "native")
	return x != "" && x < 1.005
}

# Rows of pv that are not ahead of another environment: of a list's, with one CPU, or of all.
function behind(other, list,    p, c, r, text, x) {
	compared = 0
	for (p = 1; p <= parts; p++)
		for (r = 1; r <= rows; r++)
			for (c = 1; c <= 64; c++) {
				if (list && (part_name[p] != "operations" || !index(" " list " ", " " row[r] " ")))
					continue
				x = ratio(part_name[p], "pv", row[r], c, other)
				if (x == "")
					continue
				compared++
				if (x >= 1 && !costs_nothing(part_name[p], row[r], c))
					text = text (text ? ", " : "") row[r] (c > 1 ? "@" c : "") " " short(x)
			}
	return compared ? (text ? text : "none") : ""
}

function per(a, b) {
	return b > 0 && a != "" ? a / b : ""
}

# A row of pv beside its goal, as a multiple of native.
function at_most(part, op, goal,    x) {
	x = ratio(part, "pv", op, 1, "native")
	verdict(op ", PV / native: at most " goal, short(x), x != "" && x <= goal)
}

function flushes(op, goal,    x, key) {
	key = k("operations", "pvlate", op, 1)
	x = (key, "ibpb") in exits ? exits[key, "ibpb"] : ""
	# The timer's tick flushes as well.
	verdict("IBPB of a " op ", ticks aside, on a host that wants them: at most " goal, short(x),
		x != "" && x - exits[key, "interrupt"] <= goal + 0.05)
}

# The costliest of 1 and 4 CPUs that do the same.
function in_parallel(env, op,    a, b) {
	a = k("parallel", env, op, 1)
	b = k("parallel", env, op, 4)
	return a in cost && b in cost ? cost[b] / cost[a] : ""
}

function goals(    x, y, i, n, list) {
	print "\n## Goals\n\n| goal | measured | |\n|---|---|---|"
	n = split("page_fault 1.2 file_page_fault 1.25 protection_fault 1.35 mmap_1M 1.2 mmap_64M 1.2 " \
		  "fork_exit 1.6 fork_exec 1.6 posix_spawn 1.6 context_switch 1.15 " \
		  "pipe_round_trip 1.15 tcp_round_trip 1.15 module 1.3", list, " ")
	for (i = 1; i < n; i += 2)
		at_most("operations", list[i], list[i + 1])
	n = split("compile 1.08 sqlite 1.1 hackbench 1.3", list, " ")
	for (i = 1; i < n; i += 2)
		at_most("work", list[i], list[i + 1])
	at_most("boot", "boot", 1.05)
	x = in_parallel("pv", "fork_exit")
	y = in_parallel("native", "fork_exit")
	verdict("fork_exit on 4 CPUs at once / on one: at most 1.05 (native " short(y) ")", short(x),
		x != "" && x <= 1.05)
	flushes("page_fault", 0)
	flushes("fork_exit", 4)
	flushes("context_switch", 0)
	x = per(total_exits(k("boot", "trap", "boot", 1)), total_exits(k("boot", "pv", "boot", 1)))
	verdict("exits of a boot, trap / PV: at least 20", short(x), x >= 20)
	x = per(total_exits(k("quiet", "trap", "quiet_boot", 1)),
		total_exits(k("quiet", "pv", "quiet_boot", 1)))
	print "| the same with `quiet`: no messages on the serial port | " (x == "" ? "not measured" : short(x)) " | |"
	x = ratio("operations", "trap", "getppid", 1, "pv")
	verdict("instructions of getppid, trap / PV: at least 10", short(x), x >= 10)
	x = behind("qemu")
	verdict("PV ahead of QEMU's TCG, or as native, on every row, " compared " of them; the others, PV / TCG", \
		x, x == "none")
	x = behind("xen")
	verdict("PV ahead of Xen PV, or as native, on every row, " compared " of them; the others, PV / Xen", x,
		x == "none")
	print "| fork_exec, instructions / native: PV, on KVM's MMU, trap, kvm-amd npt=0, with their exits by #PF | " \
		fork_exec("pv") ", " fork_exec("pvkvm") ", " fork_exec("trap") ", " fork_exec("shadow") " | |"
}

function fork_exec(env,    key, faults) {
	key = k("operations", env, "fork_exec", 1)
	if (!(key in cost))
		return "not measured"
	faults = (key, "page_fault") in exits ? exits[key, "page_fault"] : exits[key, "pf_taken"]
	return short(ratio("operations", env, "fork_exec", 1, "native")) " (" short(faults) " of " \
		short(total_exits(key)) ")"
}

function md(    e, line, c) {
	print "# What operations cost, side by side\n"
	print "Made by `make bench`; [bench.rst](../bench.rst) says how, and how to read it.\n"
	while ((getline line <about) > 0)
		print "- " line
	print "\nInstructions retired by the whole emulated machine for one operation: natively, and in the"
	print "other environments as a multiple of that. `-` is where it could not run."
	md_ratios("boot", 1, "Cold boot")
	md_ratios("quiet", 1, "Cold boot, quiet")
	md_ratios("operations", 1, "Operations, one CPU")
	md_ratios("work", 1, "Real work, one CPU")
	for (c = 1; c <= 4; c *= 2)
		md_ratios("parallel", c, "In parallel: " c " of 4 CPUs, instructions of one operation")
	goals()
	print "\n## Each environment\n"
	print "Exits are those from a guest to the host, of one operation. KVM's own counters (kvm-amd)"
	print "overlap. \"Emulator's time\" is the time it took on the machine that emulates, an"
	print "emulator's and no processor's; other load there shows in it."
	for (e = 1; e <= environments; e++)
		md_environment(environment[e])
	print "\n## Operations\n"
	for (e = 1; e <= rows; e++)
		if (row[e] in about_row)
			print "- `" row[e] "`: " about_row[row[e]]
}

# A table for gnuplot: operations, and a column for each environment.
function plot(    n, i, r) {
	n = columns(what)
	printf "operation"
	for (i = 1; i <= n; i++)
		printf "\t%s", column[i]
	print ""
	for (r = 1; r <= rows; r++) {
		if (!has_row(what, row[r], cpus ? cpus : 1))
			continue
		printf "%s", row[r]
		for (i = 1; i <= n; i++)
			printf "\t%s", ratio(what, column[i], row[r], cpus ? cpus : 1, "native")
		print ""
	}
}

BEGIN { parts = split("boot quiet operations parallel work", part_name, " ") }

END {
	if (form == "csv")
		csv()
	else if (form == "plot")
		plot()
	else
		md()
}
