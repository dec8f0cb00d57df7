# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# Makes every other form of hypercalls.tbl; the kernel's build of a guest runs it
# too, so it is plain awk. Use: awk -v form=FORM -f gen.awk hypercalls.tbl
#
#   check     nothing but the table's own consistency (all forms do that first)
#   numbers   RING1_HC_* for C and assembly
#   protos    prototypes of the handlers, for the host
#   dispatch  the cases of the host's dispatcher
#   fast      those of the fast set's
#   symbols   number-to-name pairs for tracepoints and statistics
#   stubs     inline functions for the guest kernel
#   list      names, one a line
#
# The reference in Documentation/ is reference.awk's.

BEGIN { n = 0 }

function fail(text)
{
	printf "%s:%d: %s\n", FILENAME, FNR, text > "/dev/stderr"
	bad = 1
	exit 1
}

function rest(first,    i, s)
{
	s = $first
	for (i = first + 1; i <= NF; i++)
		s = s " " $i
	return s
}

/^#/ || NF == 0 { next }

{
	if (NF < 8)
		fail("a row has at least 8 columns")
	if ($1 !~ /^[0-9]+$/ || $1 != n + 0)
		fail("number " $1 " where " n + 0 " must stand: ascending, no gap, none reused")
	if ($3 !~ /^[a-z][a-z0-9_]*$/ || $3 in seen)
		fail("name " $3 " is malformed or taken")
	if ($4 !~ /^(val|run|fast|try)$/)
		fail("kind is val, fast, try or run, not " $4)
	seen[$3] = 1
	since[n] = $2; name[n] = $3; kind[n] = $4; errors[n] = $7; text[n] = rest(8)
	nargs[n] = $5 == "-" ? 0 : split($5, part, ",")
	if (nargs[n] > 5)
		fail("five arguments at most")
	for (i = 1; i <= nargs[n]; i++) {
		if (split(part[i], nt, ":") != 2 || nt[2] !~ /^(u32|u64|gpa|gva)$/)
			fail("argument " part[i] " is not name:type")
		aname[n, i] = nt[1]; atype[n, i] = nt[2]
	}
	nout[n] = $6 == "-" ? 0 : split($6, part, ",")
	if (nout[n] > 4)
		fail("four results beside RAX at most")
	if (nout[n] && ($4 == "fast" || $4 == "try"))
		fail("what the fast set answers has no result beside RAX")
	for (i = 1; i <= nout[n]; i++)
		oname[n, i] = part[i]
	n++
}

function macro(i) { return "RING1_HC_" toupper(name[i]) }
function ctype(t) { return t == "u32" ? "u32" : "u64" }

function numbers(    i)
{
	print "#ifndef _RING1_HYPERCALLS_H\n#define _RING1_HYPERCALLS_H\n"
	for (i = 0; i < n; i++)
		printf "#define %-28s%d\n", macro(i), i
	printf "#define %-28s%d\n\n#endif\n", "RING1_NR_HYPERCALLS", n
}

function params(i, first,    j, s)
{
	s = first
	for (j = 1; j <= nargs[i]; j++)
		s = s (s == "" ? "" : ", ") ctype(atype[i, j]) " " aname[i, j]
	return s
}

function protos(    i)
{
	for (i = 0; i < n; i++) {
		printf "%s ring1_hc_%s(%s%s);\n", kind[i] == "run" ? "int" : "long", name[i],
		       params(i, "struct kvm_vcpu *vcpu"),
		       kind[i] != "run" && nout[i] ? ", u64 *out" : ""
		if (kind[i] == "try")
			printf "long ring1_hc_%s_fast(%s);\n", name[i], params(i, "struct kvm_vcpu *vcpu")
	}
}

# Both dispatchers' test of u32 arguments, and what they pass on.
function regs(i, act,    j, test, call)
{
	split("kvm_rdi_read kvm_rsi_read kvm_rdx_read kvm_r10_read kvm_r8_read", read, " ")
	call = "vcpu"
	for (j = 1; j <= nargs[i]; j++) {
		if (atype[i, j] == "u32")
			test = test (test == "" ? "" : " | ") read[j] "(vcpu)"
		call = call ", " read[j] "(vcpu)"
	}
	printf "case %s:\n", macro(i)
	if (test != "")
		printf "\tif ((%s) >> 32)\n\t\t%s;\n", test, act
	return call
}

function dispatch(    i, call)
{
	for (i = 0; i < n; i++) {
		call = regs(i, "break")
		if (kind[i] == "run") {
			printf "\treturn ring1_hc_%s(%s);\n", name[i], call
			continue
		}
		printf "\tret = ring1_hc_%s(%s%s);\n", name[i], call, nout[i] ? ", out" : ""
		if (nout[i])
			printf "\tnr_out = %d;\n", nout[i]
		print "\tbreak;"
	}
}

function fast(    i, call)
{
	for (i = 0; i < n; i++) {
		if (kind[i] != "fast" && kind[i] != "try")
			continue
		call = regs(i, "return -EINVAL")
		printf "\treturn ring1_hc_%s%s(%s);\n", name[i], kind[i] == "try" ? "_fast" : "", call
	}
}

function symbols(    i)
{
	for (i = 0; i < n; i++)
		printf "\t{ %s, \"%s\" }%s\n", macro(i), name[i], i < n - 1 ? ",\t\\" : ""
}

# In- and output registers share RDI RSI RDX R10, so each call names all of them.
function stubs(    i, j, p, set)
{
	split("_rdi _rsi _rdx _r10 _r8", reg, " ")
	for (i = 0; i < n; i++) {
		p = params(i, "")
		for (j = 1; j <= nout[i]; j++)
			p = p (p == "" ? "" : ", ") "u64 *" oname[i, j]
		printf "static __always_inline long ring1_hc_%s(%s)\n{\n", name[i], p == "" ? "void" : p
		printf "\tlong _rax = %s;\n", macro(i)
		for (j = 1; j <= nargs[i] || j <= nout[i]; j++)
			if (j <= 3)
				printf "\tunsigned long %s = %s;\n", reg[j],
				       j <= nargs[i] ? aname[i, j] : "0"
			else
				printf "\tregister unsigned long %s asm(\"%s\") = %s;\n", reg[j],
				       substr(reg[j], 2), j <= nargs[i] ? aname[i, j] : "0"
		printf "\n\tasm volatile(\"call ring1_pv_hypercall\"\n\t\t     : \"+a\" (_rax), ASM_CALL_CONSTRAINT"
		for (j = 1; j <= nargs[i] || j <= nout[i]; j++)
			printf ",\n\t\t       \"+%s\" (%s)", j == 1 ? "D" : j == 2 ? "S" : j == 3 ? "d" : "r", reg[j]
		print "\n\t\t     : : \"rcx\", \"r11\", \"cc\", \"memory\");"
		for (j = 1; j <= nout[i]; j++)
			printf "\t*%s = %s;\n", oname[i, j], reg[j]
		print "\treturn _rax;\n}\n"
	}
}

END {
	if (bad)
		exit 1
	if (form == "list" || form == "check") {
		for (i = 0; i < n && form == "list"; i++)
			print name[i]
		exit 0
	}
	print "/* SPDX-License-Identifier: GPL-2.0-only OR MIT */"
	print "/* Made from hypercalls.tbl. Do not edit. */"
	if (form == "numbers") numbers()
	else if (form == "protos") protos()
	else if (form == "dispatch") dispatch()
	else if (form == "fast") fast()
	else if (form == "symbols") { print "#define RING1_HC_SYMBOLS\t\\"; symbols() }
	else if (form == "stubs") stubs()
	else { print "gen.awk: unknown form '" form "'" > "/dev/stderr"; exit 2 }
}
