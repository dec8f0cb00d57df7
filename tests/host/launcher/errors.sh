#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    whatever is wrong with a command line or a file, ring1 says so in one
#           line, writes nothing to stdout and ends with the documented status
# How:      runs it with each mistake; all are found before /dev/kvm is opened
# Needs:    ring1 in $RING1 or PATH
# Catches:  a mistake that gets as far as KVM, or a status that misleads a script

. "${0%/*}/../../lib/tap.sh"
. "${0%/*}/../../lib/ring1.sh"

# The smallest kernel that loads: an ELF header and one segment, which is itself.
make_elf() {
	printf '\177ELF\002\001\001\0\0\0\0\0\0\0\0\0\002\0\076\0\001\0\0\0'
	printf '\0\0\040\0\0\0\0\0\100\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
	printf '\0\0\0\0\100\0\070\0\001\0\0\0\0\0\0\0'
	printf '\001\0\0\0\005\0\0\0\0\0\0\0\0\0\0\0'
	printf '\0\0\040\0\0\0\0\0\0\0\040\0\0\0\0\0'
	printf '\170\0\0\0\0\0\0\0\170\0\0\0\0\0\0\0\0\020\0\0\0\0\0\0'
}

# is_refused STATUS TEXT ARGUMENTS...
is_refused() {
	local want="$1" text="$2"
	shift 2
	run_ring1 "$@"
	[ "$status" -eq "$want" ] && [ ! -s out ] && said "$text"
}

refuses() {
	local claim
	claim=$(shift 2; echo "ring1 $*" | cut -c1-70)
	check "$claim" is_refused "$@"
}

# is_shown TEXT ARGUMENTS...
is_shown() {
	local text="$1"
	shift
	run_ring1 "$@"
	[ "$status" -eq 0 ] && grep -q "$text" out && [ ! -s err ]
}

shows() {
	check "ring1 $2 $3" is_shown "$@"
}

make_elf >kernel
mkdir directory
: >empty
echo "this is no kernel" >text
head -c 5000 /dev/zero >zeros
head -c 100 kernel >short
truncate -s 600M large
truncate -s 3M three
mkfifo fifo

plan 89
shows "^usage: ring1 run" --help
shows "^usage: ring1 run" run --help
shows "^usage: ring1 stat" stat --help
shows "^usage: ring1 check" check --help
shows "^usage: ring1 bench" bench --help
shows "^fork_exit " bench --list
shows "^ring1 [0-9]" --version

refuses 2 "no command"
refuses 2 "unknown command jump" jump
refuses 2 "unknown command --verbose" --verbose
refuses 2 "unknown option --speed" run --speed
refuses 2 "unknown option --speed=9" run --speed=9
refuses 2 "unknown option -x" run -x
refuses 2 "wants an argument" run --kernel
refuses 2 "unexpected argument bzImage" run --kernel kernel bzImage
refuses 2 "no kernel given" run
refuses 2 "no kernel given" run --mem 1G

for mem in "" 0 1K 1M 1023K -1 -512M +1G " 1G" 1.5G 512MB 512X 1GG 4097K 2000001 \
	99999999999999999999 18446744073709551615P 0x1000000; do
	refuses 2 "--mem $mem" run --kernel kernel --mem "$mem"
done
refuses 1 "more than this host has" run --kernel kernel --mem 1P

for cpus in "" 0 -1 256 1.5 many 4294967297; do
	refuses 2 "--cpus $cpus" run --kernel kernel --cpus "$cpus"
done

for cpus in "" ',' 0 '1,0' '1,' '1,x' 99999; do
	refuses 2 "--cpus" bench --cpus "$cpus" getppid
done
for number in "" 0 -1 x 1.5 4294967297; do
	refuses 2 "--effort $number" bench --effort "$number"
	refuses 2 "--repeat $number" bench --repeat "$number"
done
refuses 2 "no operation juggling" bench getppid juggling
refuses 2 "unknown option --fast" bench --fast
refuses 2 "wants an argument" bench --marks
refuses 2 "--command wants" bench --command true
refuses 2 "--command wants" bench --command =true
refuses 1 "cannot open directory" bench --marks directory

refuses 2 "--mode fast" run --kernel kernel --mode fast
refuses 2 "--serial tcp:1" run --kernel kernel --serial tcp:1
refuses 2 "--serial file:" run --kernel kernel --serial file:
refuses 2 "--serial fd:x" run --kernel kernel --serial fd:x
refuses 2 "--serial fd:99" run --kernel kernel --serial fd:99
refuses 2 "more than one --serial stdio" run --kernel kernel --serial stdio --serial stdio
refuses 2 "more than 4 --serial" run --kernel kernel --serial null --serial null \
	--serial null --serial null --serial null
refuses 1 "cannot write directory for COM1" run --kernel kernel --serial file:directory

refuses 1 "cannot open kernel missing" run --kernel missing
refuses 1 "is a directory" run --kernel directory
refuses 1 "is empty" run --kernel empty
refuses 1 "is a pipe or device" run --kernel fifo
refuses 1 "is a pipe or device" run --kernel /dev/null
refuses 1 "neither a bzImage nor an ELF" run --kernel text
refuses 1 "neither a bzImage nor an ELF" run --kernel zeros
refuses 1 "truncated" run --kernel short
refuses 1 "cannot open initrd missing" run --kernel kernel --initrd missing
refuses 1 "is a directory" run --kernel kernel --initrd directory
refuses 1 "does not fit" run --kernel kernel --initrd large
refuses 1 "larger --mem" run --kernel kernel --initrd three --mem 2M
refuses 1 "shorten --append" run --kernel kernel --append "$(printf %03000d 0)"
