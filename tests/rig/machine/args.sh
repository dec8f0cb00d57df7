# shellcheck shell=sh disable=SC2034 # names for the scripts that source this
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced where machines are booted. Owns the variables a person may set (`make help`
# describes them): their defaults and their checks. Sets flavour, from
# HOST_KERNEL, and emulator.

: "${HOST_KERNEL:=amd64}" "${HOST_KVM:=kvm-ring1}" "${HOST_SMP:=2}" "${SMP:=1}" "${MEM:=512M}"
: "${GUEST_KERNEL:=ring1}"
: "${HOST_EMULATOR:=qemu}"

flavour_of() {
	case $1 in
	cloud) echo cloud-amd64 ;;
	*) echo "$1" ;;
	esac
}

case $HOST_KERNEL in
amd64 | cloud | debug) flavour=$(flavour_of "$HOST_KERNEL") ;;
*) die "HOST_KERNEL=$HOST_KERNEL: must be amd64, cloud or debug" ;;
esac

case $HOST_EMULATOR in
qemu) emulator=boot ;;
bochs)
	emulator=bochs
	case ${HOST_CPU:=corei7_skylake_x} in
	,*) die "HOST_CPU=$HOST_CPU: with Bochs, must be one of its models" ;;
	esac
	;;
*) die "HOST_EMULATOR=$HOST_EMULATOR: must be qemu or bochs" ;;
esac

# For initramfs.
# shellcheck disable=SC2154 # lib.sh sets build
case ${VERSION1:-} in
'') ;;
guest) export guest="$build/version1/build/guest" ;;
monitor) export monitors="$build/version1/build/modules" ;;
*) die "VERSION1=$VERSION1: must be guest or monitor" ;;
esac
[ -z "${VERSION1:-}" ] || [ "$HOST_KERNEL$HOST_KVM$GUEST_KERNEL" = amd64kvm-ring1ring1 ] ||
	die "VERSION1=$VERSION1: goes with ring1's guest and kvm-ring1 on HOST_KERNEL=amd64 only"

case ${HOST_GDB:-1} in
*[!0-9]* | 0* | ??????*) die "HOST_GDB=$HOST_GDB: must be a port number" ;;
esac
[ "${HOST_GDB:-1}" -le 65535 ] || die "HOST_GDB=$HOST_GDB: must be a port number"
[ -z "${HOST_GDB:-}" ] || [ "$emulator" = boot ] ||
	die "HOST_GDB=$HOST_GDB: gdb is for QEMU; Bochs has a debugger of its own"

# A host without hardware virtualization, unless it is to run the real kvm-amd.
case $HOST_KVM in
kvm-ring1 | none) : "${HOST_CPU:=}" ;;
kvm-amd) : "${HOST_CPU:=,svm=on}" ;;
*) die "HOST_KVM=$HOST_KVM: must be kvm-ring1, kvm-amd or none" ;;
esac

case $GUEST_KERNEL in
ring1) : "${GUEST_MODE:=pv}" ;;
amd64 | cloud) : "${GUEST_MODE:=trap}" ;;
*) die "GUEST_KERNEL=$GUEST_KERNEL: must be ring1, amd64 or cloud" ;;
esac
case $GUEST_MODE/$GUEST_KERNEL in
pv/ring1 | trap/*) ;;
pv/*) die "GUEST_MODE=pv: not with GUEST_KERNEL=$GUEST_KERNEL, which knows no hypercalls" ;;
*) die "GUEST_MODE=$GUEST_MODE: must be pv or trap" ;;
esac

# count NAME VALUE MAX
count() {
	case $2 in
	'' | *[!0-9]* | 0* | ????*) ;;
	*) [ "$2" -gt "$3" ] || return 0 ;;
	esac
	die "$1=$2: must be a number from 1 to $3"
}

# mebibytes NAME VALUE: prints it; QEMU's way of writing sizes, M where no unit is.
mebibytes() {
	case ${2%[MG]} in
	'' | *[!0-9]* | 0* | ???????*) die "$1=$2: must be a size such as 512M or 2G" ;;
	esac
	case $2 in
	*G) echo $((${2%G} * 1024)) ;;
	*) echo "${2%M}" ;;
	esac
}

count SMP "$SMP" 64
count HOST_SMP "$HOST_SMP" 64
mem=$(mebibytes MEM "$MEM")
[ "$mem" -ge 64 ] || die "MEM=$MEM: a guest needs 64M"
host_mem=$((mem + 1024))
[ -z "${HOST_MEM:-}" ] || host_mem=$(mebibytes HOST_MEM "$HOST_MEM")
[ "$host_mem" -ge 512 ] || die "HOST_MEM=$HOST_MEM: the host VM needs 512M"
machine_mem=$(awk '$1 == "MemTotal:" { print int($2 / 1024) }' /proc/meminfo)
[ "$host_mem" -lt "$machine_mem" ] ||
	die "HOST_MEM=${HOST_MEM:-${host_mem}M, for MEM=$MEM}: this machine has ${machine_mem}M"

if [ -n "${SHARE:-}" ]; then
	[ -d "$SHARE" ] || die "SHARE=$SHARE: no such folder"
	SHARE=$(realpath "$SHARE")
fi

# A disk that a guest of QEMU's boots from, and one that its cloud-init reads.
for name in DISK SEED; do
	eval "file=\${$name:-}"
	[ -n "$file" ] || continue
	[ -f "$file" ] || die "$name=$file: no such file"
	[ -r "$file" ] || die "$name=$file: may not be read"
done
case ${SNAPSHOT:-off} in
on | off) ;;
*) die "SNAPSHOT=$SNAPSHOT: must be on or off" ;;
esac
case ${FIRMWARE:-uefi} in
uefi | bios) ;;
*) die "FIRMWARE=$FIRMWARE: must be uefi or bios" ;;
esac
if [ -n "${DISK:-}" ]; then
	[ -w "$DISK" ] || [ "${SNAPSHOT:-}" = on ] ||
		die "DISK=$DISK: may not be written, as a guest's disk is"
	[ -z "${SHARE:-}" ] || die "DISK=$DISK: not with SHARE, which is QEMU's folder then"
	[ -z "${GUEST_CMD:-}${GUEST_APPEND:-}" ] ||
		die "DISK=$DISK: not with GUEST_CMD or GUEST_APPEND; the disk says what is run"
	[ "$emulator" = boot ] || die "DISK=$DISK: not with HOST_EMULATOR=$HOST_EMULATOR"
	DISK=$(realpath "$DISK")
	SEED=${SEED:+$(realpath "$SEED")}
	SHARE=$build/qemu
else
	for name in SEED SNAPSHOT FIRMWARE; do
		eval "value=\${$name:-}"
		[ -z "$value" ] || die "$name=$value: goes with DISK"
	done
fi

case "${HOST_APPEND:-}${GUEST_APPEND:-}" in
*[![:print:]]*) die "HOST_APPEND and GUEST_APPEND: printable characters only" ;;
esac
