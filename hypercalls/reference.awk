# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# Makes Documentation/abi/hypercalls.rst from the table, as gen.awk reads it, and from
# the kernel-doc of the handlers:
#   awk -v form=rst -f reference.awk -f gen.awk hypercalls.tbl ../host/hypercall.c
# Fails where a handler's comment lacks an argument or an error that its row has.

# Behind the table: brief comments begin with the handler's name, then come its arguments,
# then text, then what it returns.
FNR != NR {
	if ($0 == "/**") {
		handler = topic = ""
		inside = 1
	} else if ($0 ~ /^ \*\//) {
		inside = 0
	} else if (inside) {
		sub(/^ \* ?/, "")
		kernel_doc()
	}
	next
}

function kernel_doc(    at)
{
	if (handler == "") {
		inside = sub(/^ring1_hc_/, "") && $1 in seen
		handler = $1
	} else if ($0 ~ /^@[a-z0-9_]+:/) {
		at = index($0, ":")
		topic = substr($0, 2, at - 2)
		what[handler, topic] = substr($0, at + 1)
	} else if (sub(/^(RAX|Return): */, "")) {
		returns[handler] = $0
	} else if (handler in returns) {
		returns[handler] = returns[handler] " " $0
	} else if (topic != "" && NF) {
		what[handler, topic] = what[handler, topic] " " $0
	} else {
		topic = ""
		about[handler] = about[handler] $0 "\n"
	}
}

# Names become literals, kernel-doc's @name too.
function literal(s,    out, word)
{
	while (match(s, /@[a-z][a-z0-9_]*(->[a-z_]+)?|(RING1|KVM)_[A-Z0-9_]+\*?|[a-z][a-z0-9_]*\(\)|-E[A-Z]+/)) {
		word = substr(s, RSTART, RLENGTH)
		sub(/^@/, "", word)
		out = out substr(s, 1, RSTART - 1) "``" word "``"
		s = substr(s, RSTART + RLENGTH)
	}
	return out s
}

# Print in lines of at most 88 columns; `column` is where the first one has got to.
function fill(s, column, indent,    i, k, word)
{
	k = split(s, word, /[ \t\n]+/)
	for (i = 1; i <= k; i++) {
		if (word[i] == "")
			continue
		if (column > indent && column + 1 + length(word[i]) > 88) {
			printf "\n%" indent "s", ""
			column = indent
		} else if (column > indent) {
			printf " "
			column++
		}
		printf "%s", word[i]
		column += length(word[i])
	}
	print ""
}

function field(label, s)
{
	printf ":%s:", label
	fill(literal(s), length(label) + 2, 2)
}

function lacks(i, s)
{
	printf "ring1_hc_%s(): its comment does not have %s\n", name[i], s > "/dev/stderr"
	bad = 1
}

function argument(i, j,    s)
{
	s = what[name[i], aname[i, j]]
	gsub(/^[ \t]+/, "", s)
	if (s == "")
		lacks(i, "@" aname[i, j])
	field(register[j], "@" aname[i, j] " (" atype[i, j] ")" (s == "\"" ? "" : ": " s))
}

function results(i,    j, k, e, s)
{
	if (returns[name[i]] == "")
		lacks(i, "Return: or RAX:")
	k = errors[i] == "-" ? 0 : split(errors[i], e, ",")
	for (j = 1; j <= k; j++)
		if (index(returns[name[i]], "-" e[j]) == 0)
			lacks(i, "-" e[j])
	for (j = 1; j <= nout[i]; j++)
		s = s (j > 1 ? ", " : "") "@" oname[i, j] " in " register[j]
	if (s != "")
		field("Out", s (what[name[i], "out"] == "" ? "" : ": " what[name[i], "out"]))
	field("RAX", returns[name[i]])
}

function reference(i,    j, k, line, s)
{
	s = i ". " name[i]
	line = s
	gsub(/./, "-", line)
	printf "\n%s\n%s\n\n", s, line
	fill(literal(text[i] "."), 0, 0)
	print ""
	field("Since", "ABI version " since[i])
	for (j = 1; j <= nargs[i]; j++)
		argument(i, j)
	results(i)
	field("Context", context[kind[i]])
	k = split(about[name[i]], paragraph, /\n\n+/)
	for (j = 1; j <= k; j++)
		if (paragraph[j] ~ /[^ \t\n]/) {
			print ""
			fill(literal(paragraph[j]), 0, 0)
		}
}

function signature(i,    j, s)
{
	for (j = 1; j <= nargs[i]; j++)
		s = s (j > 1 ? ", " : "") aname[i, j] ": " atype[i, j]
	for (j = 1; j <= nout[i]; j++)
		s = s (j > 1 ? ", " : s == "" ? "→ " : " → ") oname[i, j]
	return s == "" ? "none" : s
}

END {
	if (bad)
		exit 1
	split("RDI RSI RDX R10 R8", register, " ")
	context["try"] = "try; the fast set answers it, with interrupts off, where the own MMU can"
	context["fast"] = "fast; the fast set answers it, with interrupts off and no trip through KVM"
	context["val"] = "exit handler, which may sleep; the vCPU goes on behind the SYSCALL"
	context["run"] = "exit handler, which may sleep; it decides where the vCPU goes on, and whether"
	print ".. SPDX-License-Identifier: GPL-2.0-only"
	print ".. Made by `make reference` from hypercalls/hypercalls.tbl and host/hypercall.c."
	print "\n==========\nHypercalls\n==========\n"
	fill("Registers, errors and versions are explained in `convention.rst <convention.rst>`_, the " \
	     "structures in `shared-page.rst <shared-page.rst>`_. Arguments that are not used do not " \
	     "matter. Registers that a call does not name stay what they were, except RCX and R11.", 0, 0)
	print "\n.. list-table::\n   :header-rows: 1\n   :widths: 5 20 35 25 15\n"
	print "   * - No.\n     - Name\n     - Meaning\n     - Arguments, results\n     - Errors"
	for (i = 0; i < n; i++)
		printf "   * - %d\n     - `%s <%s_>`_\n     - %s\n     - %s\n     - %s\n", i, name[i],
		       i ". " name[i], text[i], signature(i), errors[i] == "-" ? "none" : errors[i]
	for (i = 0; i < n; i++)
		reference(i)
	exit bad
}
