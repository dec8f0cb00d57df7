# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
#
# QEMU 7.2 of Debian 12, in a temporary folder with all that it needs, and a boot sector that
# reads CPUID in it under TCG. What that should have read is the findings' own business.
#
# Sourced. Needs Debian's apt and dpkg with bookworm's package lists; no root, no KVM. Ends
# with status 2 if it cannot get the packages or run them, which says nothing of the finding.

set -eu

qemu_version=1:7.2+dfsg-7+deb12u18+b3
data_version=1:7.2+dfsg-7+deb12u18
seabios_version=1.16.2-1

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 2' HUP INT TERM
root=$dir/root

cannot() {
	echo "${0##*/}: $*" >&2
	exit 2
}

# fetch PACKAGE=VERSION...: unpacks them in $root, with all that they depend on, as for a
# system where nothing is installed.
fetch() {
	mkdir -p "$dir/apt/archives/partial" "$root"
	: >"$dir/status"
	apt-get -qq -y --download-only -o Dir::State::status="$dir/status" \
		-o Dir::Cache="$dir/apt" -o Debug::NoLocking=1 -o APT::Install-Recommends=false \
		-o APT::Sandbox::User= install "$@" >"$dir/log" 2>&1 || {
		cat "$dir/log" >&2
		cannot "cannot download $*"
	}
	for deb in "$dir"/apt/archives/*.deb; do
		dpkg -x "$deb" "$root"
	done
}

# binary: bytes in hexadecimal, with comments after a #, from stdin to stdout
binary() {
	while read -r bytes; do
		for byte in ${bytes%%#*}; do
			# shellcheck disable=SC2059 # an octal escape
			printf "\\$(printf %o "0x$byte")"
		done
	done
}

# The registers of each leaf go to the port of isa-debugcon, in the order EAX, EBX, ECX, EDX;
# then 16 to that of isa-debug-exit, which makes QEMU's exit status 33.
boot_sector() {
	binary <<-'EOF'
		31 c0              #       xor %ax, %ax
		8e d8              #       mov %ax, %ds
		8e d0              #       mov %ax, %ss
		bc 00 7c           #       mov $0x7c00, %sp
		fc                 #       cld
		bd 3a 7c           #       mov $leaves, %bp
		66 8b 46 00        # next: mov (%bp), %eax
		66 31 c9           #       xor %ecx, %ecx
		0f a2              #       cpuid
		66 52              #       push %edx
		66 51              #       push %ecx
		66 53              #       push %ebx
		66 50              #       push %eax
		89 e6              #       mov %sp, %si
		b9 10 00           #       mov $16, %cx
		ba e9 00           #       mov $0xe9, %dx
		f3 6e              #       rep outsb
		89 f4              #       mov %si, %sp
		83 c5 04           #       add $4, %bp
		81 fd 52 7c        #       cmp $end, %bp
		75 da              #       jne next
		b0 10              #       mov $16, %al
		e6 f4              #       out %al, $0xf4
		f4                 # halt: hlt
		eb fd              #       jmp halt
		07 00 00 00        # leaves
		00 00 00 80
		02 00 00 80
		03 00 00 80
		04 00 00 80
		08 00 00 80        # end
	EOF
}

# emulator ARGUMENT...
emulator() {
	lib=lib/x86_64-linux-gnu
	timeout 300 env QEMU_MODULE_DIR="$root/usr/$lib/qemu" "$root/$lib/ld-linux-x86-64.so.2" \
		--library-path "$root/$lib:$root/usr/$lib" "$root/usr/bin/qemu-system-x86_64" \
		-L "$root/usr/share/seabios" -L "$root/usr/share/qemu" \
		-nodefaults -no-user-config -display none -accel tcg "$@"
}

qemu() {
	fetch "qemu-system-x86=$qemu_version" "qemu-system-common=$qemu_version" \
		"qemu-system-data=$data_version" "seabios=$seabios_version"
	boot_sector >"$dir/boot"
	truncate -s 510 "$dir/boot"
	printf '\125\252' >>"$dir/boot"
	emulator --version >"$dir/log" 2>&1 || {
		cat "$dir/log" >&2
		cannot "QEMU does not start"
	}
}

# cpuid MODEL: as for -cpu. The registers are then in $dir/cpuid, QEMU's warnings in $dir/log.
cpuid() {
	status=0
	emulator -cpu "$1" -drive file="$dir/boot",format=raw \
		-chardev file,id=port,path="$dir/cpuid" \
		-device isa-debugcon,iobase=0xe9,chardev=port \
		-device isa-debug-exit,iobase=0xf4,iosize=1 >"$dir/log" 2>&1 || status=$?
	if [ "$status" != 33 ] || [ "$(wc -c <"$dir/cpuid")" != 96 ]; then
		cat "$dir/log" >&2
		cannot "QEMU ends with status $status for -cpu $1"
	fi
}

# register LEAF NAME, in hexadecimal
register() {
	case $1 in
	7) leaf=0 ;;
	80000000) leaf=1 ;;
	80000008) leaf=5 ;;
	esac
	case $2 in
	eax) register=0 ;;
	ebx) register=4 ;;
	ecx) register=8 ;;
	edx) register=12 ;;
	esac
	od -An -tx4 -j $((leaf * 16 + register)) -N 4 "$dir/cpuid" | tr -d ' '
}

# brand: the string in leaves 80000002h to 80000004h
brand() {
	tail -c +33 "$dir/cpuid" | head -c 48 | tr -d '\0'
}

# judge: compares what stdin has with the output that the finding's opening comment states,
# in the lines after "#: "; ends with status 1 where it is another one.
judge() {
	tee "$dir/seen"
	sed -n 's/^#: //p' "$0" >"$dir/stated"
	diff "$dir/stated" "$dir/seen" >"$dir/diff" || {
		echo "${0##*/}: not as stated:" >&2
		cat "$dir/diff" >&2
		exit 1
	}
	echo "${0##*/}: as stated"
}
