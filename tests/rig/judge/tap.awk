# SPDX-License-Identifier: GPL-2.0-only
#
# The judge. Reads what a batch printed: for each program a line "#@ begin NAME", its
# TAP, and "#@ end NAME STATUS SECONDS". Says one line for each program as it ends,
# more where something is wrong, and writes "passed failed skipped" to `totals`.
# A program must print the version line, one plan, and exactly its results in order,
# and exit with 0 (or, all skipped, 4); all else is a failure, and so is a program
# in `expected` that did not run, or did not end.
# Variables: batch (a name), expected (programs, space separated), totals (a file).

function problem(text) {
	details = details "    " text "\n"
	problems = 1
}

function begin(program) {
	name = program
	details = talk = ""
	version = seen = passed = failed = skipped = problems = 0
	planned = -1
	delete waiting[name]
}

function end(status, seconds) {
	if (status == 124 || status == 137 || status == 143)
		problem("timed out")
	else if (status != 0 && !failed && !(status == 4 && !passed))
		problem("exit status " status)
	if (!version)
		problem("no TAP version line")
	if (planned < 0)
		problem("no plan")
	else if (seen != planned)
		problem(planned " results planned, " seen " seen")
	if (problems && talk != "")
		details = details talk
	report(seconds)
}

function report(seconds) {
	failed += problems
	printf "%-7s %-44s %s%s%s%s\n%s", failed ? "FAILED" : passed ? "ok" : "skipped",
		batch ": " name, passed " passed", failed ? ", " failed " failed" : "",
		skipped ? ", " skipped " skipped" : "", seconds == "" ? "" : " (" seconds " s)",
		details
	fflush()
	all_passed += passed
	all_failed += failed
	all_skipped += skipped
	name = ""
}

BEGIN {
	n = split(expected, order, " ")
	for (i = 1; i <= n; i++)
		waiting[order[i]] = 1
}

{ sub(/\r$/, "") }

$1 == "#@" && $2 == "begin" {
	if (name != "") {
		problem("its end is missing")
		report()
	}
	begin($3)
	next
}

name == "" { next }

$1 == "#@" && $2 == "end" && $3 == name {
	end($4, $5)
	next
}

/^TAP version 1[34]$/ {
	if (version || planned >= 0 || seen)
		problem("TAP version line in the wrong place")
	version = 1
	next
}

/^1\.\.[0-9]+($| )/ {
	if (planned >= 0 || seen)
		problem("a plan in the wrong place")
	planned = substr($1, 4) + 0
	if (planned == 0) {
		skipped = 1
		sub(/^[^#]*/, "")
		details = details "    " $0 "\n"
	}
	next
}

/^(not )?ok($| )/ {
	bad = $1 == "not"
	number = bad ? $3 : $2
	seen++
	if (planned < 0)
		problem("a result before the plan")
	if (number != seen "")
		problem("result " seen " is numbered " number)
	if (bad) {
		failed++
		details = details talk "    " $0 "\n"
	} else if (toupper($0) ~ /# SKIP/) {
		skipped++
		details = details "    " $0 "\n"
	} else {
		passed++
	}
	talk = ""
	next
}

/^Bail out!/ { problem($0) }

# Everything else is talk. What was said since the last result explains the next.
NF { talk = substr(talk "    | " $0 "\n", length(talk) > 4000 ? 2000 : 1) }

END {
	if (name != "") {
		problem("the machine stopped in the middle of it")
		details = details talk
		report()
	}
	for (i = 1; i <= n; i++)
		if (order[i] in waiting) {
			begin(order[i])
			problem("did not run")
			report()
		}
	print all_passed + 0, all_failed + 0, all_skipped + 0 >totals
}
