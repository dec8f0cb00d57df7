# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced, after lib.sh, by what makes a disk that a PC boots, through its BIOS or UEFI. As in a
# cloud's image, the root is the first partition in GPT and the last on the disk, where it can
# grow. GRUB's parts are put where grub-install would put them, which wants a
# block device.

sector=512
bios_start=2048			# sectors
bios_sectors=2048
esp_start=$((bios_start + bios_sectors))
esp_sectors=65536
root_start=$((esp_start + esp_sectors))

# number N: 32 bits, the lowest byte first.
number() {
	for shift in 0 8 16 24; do
		# shellcheck disable=SC2059 # an escape
		printf "\\$(printf %o $(($1 >> shift & 255)))"
	done
}

# put FILE OFFSET: stdin.
put() {
	dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# grub_for TARGET CONFIG OUT MODULE...: a GRUB that does what CONFIG says, and has its modules
# at hand for that.
grub_for() {
	local target="$1" config="$2" out="$3"
	shift 3
	grub-mkimage -O "$target" -d "/usr/lib/grub/$target" -p /boot/grub -c "$config" \
		-o "$out" part_gpt ext2 search search_label "$@"
}

# The boot sector loads the first sector of GRUB's image, and that the rest: both are told where.
put_bios_grub() {
	dd if=/usr/lib/grub/i386-pc/boot.img of="$1" bs=440 count=1 conv=notrunc status=none
	number $bios_start | put "$1" 92
	dd if="$2" of="$1" bs=$sector seek=$bios_start conv=notrunc status=none
	number $((bios_start + 1)) | put "$1" $((bios_start * sector + 500))
}

# put_efi_grub DISK IMAGE: where firmware looks if nobody has told it of a system.
put_efi_grub() {
	local esp="$1@@$((esp_start * sector))"
	mformat -i "$esp" -T $esp_sectors -h 16 -s 63 -v ESP ::
	mmd -i "$esp" ::/EFI ::/EFI/BOOT
	mcopy -i "$esp" "$2" ::/EFI/BOOT/BOOTX64.EFI
}

# make_disk OUT MIB ROOT [MKE2FS-OPTION]...: without GRUB; the root is 2 MiB smaller than what the
# other partitions leave it.
make_disk() {
	local out="$1" mib="$2" root="$3" sectors
	shift 3
	sectors=$(((mib - 2) * 2048 - root_start))
	truncate -s "$mib"M "$out"
	sfdisk -q "$out" <<END
label: gpt
1: start=$root_start, size=$sectors, type=linux
14: start=$bios_start, size=$bios_sectors, type=21686148-6449-6E6F-744E-656564454649
15: start=$esp_start, size=$esp_sectors, type=uefi
END
	mke2fs -q -t ext4 -E offset=$((root_start * sector)) "$@" -d "$root" "$out" \
		$((sectors / 2))
}
