#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    make host exits with the command's status and prints its output alone
# How:      runs commands in the host VM through make, as a person would
# Catches:  make's own 2; echoed recipes; carriage returns; a host that died unnoticed
# Timeout:  600

. "${0%/*}/../../lib/tap.sh"

out=$(mktemp)
trap 'rm -f "$out"' HUP INT TERM

# status EXPECTED COMMAND [VARIABLE=VALUE]...
status() {
	local expected="$1" command="$2" got=0
	shift 2
	make host HOST_KVM=none HOST_CMD="$command" "$@" >"$out" || got=$?
	echo "status $got"
	[ $got = "$expected" ]
}

# prints FORMAT
prints() {
	# shellcheck disable=SC2059 # a format on purpose
	printf "$1" | cmp - "$out"
}

plan 12
for n in 0 1 2 7 126 127 255; do
	check "status $n" status $n "exit $n"
done
check "a command with every kind of quote" status 3 \
	"printf '%s|' \"\$0\" '\$(x)' \\\\ \"a  b\"; printf '\\r\\n'; exit 3" HOST_KERNEL=cloud
# shellcheck disable=SC2016 # as the command printed it
check "its output, to the byte" prints 'sh|$(x)|\\|a  b|\r\n'
check "a panic of the host is 125" status 125 'echo c >/proc/sysrq-trigger; sleep 60'
check "nothing else on stdout" prints ''
check "a missing module is 125" status 125 'true' HOST_KVM=kvm-amd HOST_CPU=,svm=off
rm -f "$out"
