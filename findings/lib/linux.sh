# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Debian 12's Linux 6.1 in the QEMU of qemu.sh, which is sourced before this: with an init
# of a few system calls, which shows /proc/cpuinfo and needs no library.
#
# shellcheck disable=SC2154 # set in qemu.sh

linux_package=linux-image-6.1.0-57-cloud-amd64-unsigned
linux_version=6.1.192-3

init() {
	binary <<-'EOF'
		7f 45 4c 46 02 01 01 00   # ELF header
		00 00 00 00 00 00 00 00
		02 00 3e 00 01 00 00 00
		78 00 40 00 00 00 00 00   # entry point: 0x400078
		40 00 00 00 00 00 00 00
		00 00 00 00 00 00 00 00
		00 00 00 00 40 00 38 00
		01 00 00 00 00 00 00 00
		01 00 00 00 07 00 00 00   # program header: all of the file, at 0x400000
		00 00 00 00 00 00 00 00
		00 00 40 00 00 00 00 00
		00 00 40 00 00 00 00 00
		e4 00 00 00 00 00 00 00
		00 20 00 00 00 00 00 00   # and zeros up to 0x402000
		00 10 00 00 00 00 00 00
		b8 a5 00 00 00            # mov $165, %eax           mount
		bf cd 00 40 00            # mov $proc, %edi
		be d2 00 40 00            # mov $dev, %esi
		89 fa                     # mov %edi, %edx
		0f 05                     # syscall
		b8 02 00 00 00            # mov $2, %eax             open
		bf d7 00 40 00            # mov $cpuinfo, %edi
		31 f6                     # xor %esi, %esi
		0f 05                     # syscall
		89 c7                     # mov %eax, %edi
		31 c0                     # xor %eax, %eax           read
		be 00 10 40 00            # mov $0x401000, %esi
		ba 00 10 00 00            # mov $4096, %edx
		0f 05                     # syscall
		89 c2                     # mov %eax, %edx
		b8 01 00 00 00            # mov $1, %eax             write
		bf 01 00 00 00            # mov $1, %edi
		0f 05                     # syscall
		b8 a9 00 00 00            # mov $169, %eax           reboot, to switch off
		bf ad de e1 fe            # mov $0xfee1dead, %edi
		be 69 19 12 28            # mov $0x28121969, %esi
		ba dc fe 21 43            # mov $0x4321fedc, %edx
		0f 05                     # syscall
		70 72 6f 63 00            # "proc"
		2f 64 65 76 00            # "/dev"
		2f 64 65 76 2f 63 70 75   # "/dev/cpuinfo"
		69 6e 66 6f 00
	EOF
}

# entry NAME MODE SIZE: the head of a file in a cpio archive, up to its contents
entry() {
	printf 070701
	printf %08x 1 "$2" 0 0 1 0 "$3" 0 0 0 0 $((${#1} + 1)) 0
	printf '%s\0' "$1"
	head -c $(((5 - ${#1} % 4) % 4)) /dev/zero
}

linux() {
	(cd "$dir" && apt-get -qq -o APT::Sandbox::User= download "$linux_package=$linux_version") \
		>"$dir/log" 2>&1 || {
		cat "$dir/log" >&2
		cannot "cannot download $linux_package=$linux_version"
	}
	dpkg -x "$dir/$linux_package"_*.deb "$root"
	init >"$dir/init"
	{
		entry init 0100755 "$(wc -c <"$dir/init")"
		cat "$dir/init"
		entry 'TRAILER!!!' 0 0
	} >"$dir/initrd"
}

# cpuinfo MODEL: /proc/cpuinfo is then in $dir/cpuinfo.
cpuinfo() {
	status=0
	emulator -cpu "$1" -m 256M -no-reboot -kernel "$root"/boot/vmlinuz-* \
		-initrd "$dir/initrd" -append 'console=ttyS0 quiet panic=-1' \
		-serial file:"$dir/console" >"$dir/log" 2>&1 || status=$?
	tr -d '\r' <"$dir/console" >"$dir/cpuinfo"
	if [ "$status" != 0 ] || ! grep -q '^processor' "$dir/cpuinfo"; then
		cat "$dir/log" "$dir/cpuinfo" >&2
		cannot "QEMU ends with status $status for Linux on -cpu $1"
	fi
}
