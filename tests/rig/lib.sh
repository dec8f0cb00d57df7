# shellcheck shell=sh disable=SC2034 # names for the scripts that source this
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by the rig's scripts. Owns where things are, which kernel it is, how a
# script talks, and how a cache entry comes into being. Everything said goes to
# stderr: stdout belongs to the commands people run in the machines.
# Sets top, build, cache, version (Debian's package), kver (the kernel's ABI name) and
# guest and monitors, where guest kernel and monitors are, unless the environment has other
# ones, and processor, which machines have unless told otherwise.

set -eu
[ "${V:-}" != 1 ] || set -x
# Variables given to the outer make are not meant for the makes run from here.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES
top=$(cd "${0%/*}" && pwd)
until [ -e "$top/guest-patches/base" ]; do
	top=${top%/*}
done
build=$top/build
guest=${guest:-$build/guest}
monitors=${monitors:-$build/modules}
# As for QEMU's -cpu: all that TCG has but AMD-V, lest there be another KVM, and 57-bit
# addresses. Without AMD-V, max would end its extended CPUID leaves before those of its name
# and of its address sizes, and Linux guess them: min-xlevel. 46 bits are a server's.
processor=max,svm=off,vmx=off,la57=off,min-xlevel=0x80000008,phys-bits=46
version=${KERNEL_VERSION:-$(awk '$1 == "version" { print $2 }' "$top/guest-patches/base")}
kver=${version%%-*}+deb12
cache=${RING1_CACHE:-$HOME/.cache/ring1}/$version

say() {
	echo "ring1: $*" >&2
}

die() {
	say "$*"
	exit 1
}

# release FLAVOUR: the name of a host kernel, as in its /lib/modules. debug is ours.
release() {
	case $1 in
	debug) echo "${version%%-*}-debug" ;;
	*) echo "$kver-$1" ;;
	esac
}

# lock FILE: hold FILE until the script ends or unlock. The descriptor is 9.
lock() {
	mkdir -p "${1%/*}"
	exec 9>"$1"
	flock -n 9 || {
		say "waiting for another make to finish (it holds $1)"
		flock 9
	}
}

unlock() {
	exec 9>&-
}

# fill ENTRY COMMAND...: make the cache entry unless it is there. COMMAND gets the
# path of an empty directory as its last argument; only when it succeeds the
# directory takes the entry's name, so an interrupted run leaves no half entry.
fill() {
	local entry="$cache/$1"
	shift
	[ ! -e "$entry" ] || return 0
	lock "$entry.lock"
	if [ ! -e "$entry" ]; then
		rm -rf "$entry.tmp"
		mkdir "$entry.tmp"
		"$@" "$entry.tmp"
		mv -T "$entry.tmp" "$entry"
	fi
	unlock
}

# Shows that a long step lives: a clock on a terminal, else a line each minute.
# A background job ignores SIGINT, so it watches for the end of its script.
clock() {
	local seconds=0
	while sleep 1 && kill -0 $$ 2>&-; do
		seconds=$((seconds + 1))
		if [ -t 2 ]; then
			printf '\rring1: %s ... %d:%02d ' "$1" $((seconds / 60)) $((seconds % 60)) >&2
		elif [ $((seconds % 60)) = 0 ]; then
			say "$1 ... $((seconds / 60)) min"
		fi
	done
}

# step WHAT LOG COMMAND...: run a long command, its output in LOG (and on stderr
# with V=1). Ends the script with the log's tail when the command fails.
step() {
	local what="$1" log="$2" status=0 begin
	shift 2
	begin=$(date +%s)
	mkdir -p "${log%/*}"
	: >"$log"
	if [ "${V:-}" = 1 ]; then
		tail -f --pid=$$ "$log" >&2 9>&- &
	else
		clock "$what" 9>&- &
		[ -t 2 ] || say "$what ..."
	fi
	"$@" >"$log" 2>&1 </dev/null || status=$?
	kill $! 2>&- || :
	wait $! 2>&- || :
	[ ! -t 2 ] || printf '\r' >&2
	if [ $status != 0 ]; then
		tail -n 25 "$log" >&2
		die "$what: failed (status $status); all of it is in $log"
	fi
	say "$what: done in $(($(date +%s) - begin)) s"
}
