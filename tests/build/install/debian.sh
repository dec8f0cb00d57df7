#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    on a Debian 12 host make install is all that ring1 needs
# How:      bootstraps a Debian with its own kernel and make, runs make install in it,
#           boots it under emulation as a host without hardware virtualization, and
#           runs a guest there
# Needs:    root, and Debian's archive
# Catches:  a file or package that only a developer's tree or machine has
# Timeout:  1800

. "${0%/*}/../../lib/tap.sh"

[ "$(id -u)" = 0 ] || skip_all "bootstrapping needs root"
release=$(basename "$(realpath build/kernels/*+deb12-amd64/vmlinuz)" | sed 's/^vmlinuz-//')
work=$(mktemp -d)
root=$work/root

clean_up() {
	! mountpoint -q "$root" || umount "$root"
	rm -rf "$work"
}
trap 'clean_up; exit $((tap_failed > 0))' EXIT
trap 'exit 1' HUP INT TERM

# Filled where it is: the files of a Debian, made, copied and deleted, take minutes.
image() {
	truncate -s 4G "$work/image"
	mke2fs -q -t ext4 -O ^has_journal "$work/image" && mkdir "$root" &&
		mount -o loop "$work/image" "$root" && rmdir "$root/lost+found"
}

# The hooks run outside, with $1 for the new root. An initrd for any machine takes as long
# as all the rest, so the kernel gets one for this machine only.
bootstrap() {
	git ls-files -z | tar -cf "$work/ring1.tar" --null -T -
	# shellcheck disable=SC2016
	mmdebstrap --variant=important --include="make,linux-image-$release" \
		--dpkgopt=force-unsafe-io \
		--essential-hook='mkdir -p $1/etc/initramfs-tools/conf.d' \
		--essential-hook='echo MODULES=list >$1/etc/initramfs-tools/conf.d/few' \
		--essential-hook='printf "virtio_pci\nvirtio_blk\next4\n" >$1/etc/initramfs-tools/modules' \
		--customize-hook="mkdir \$1/root/ring1; tar -C \$1/root/ring1 -xf $work/ring1.tar" \
		--customize-hook="chroot \$1 make -C /root/ring1 install KERNEL=$release" \
		bookworm "$root"
}

complete() {
	cp build/guest/bzImage "$work/proof" "$root/root/" &&
		cp "$root/boot/vmlinuz-$release" "$root/boot/initrd.img-$release" "$work" &&
		umount "$root"
}

# Runs as the only job of the booted system; its output is the second serial port's.
cat >"$work/proof" <<'EOF'
#!/bin/sh
exec >/dev/ttyS1 2>&1
export PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
modprobe kvm-ring1 && echo "loaded"
ring1 check && echo "check says yes"
ring1 run --kernel /root/bzImage --append 'console=ttyS0 panic=-1' --serial file:/root/guest
grep 'Unable to mount root fs' /root/guest || tail /root/guest
EOF
chmod +x "$work/proof"

boot() {
	smp=2 mem=2G timeout 600 tests/rig/machine/boot \
		"$work/vmlinuz-$release" "$work/initrd.img-$release" \
		"root=/dev/vda rw console=ttyS0 panic=-1 systemd.run=/root/proof
		systemd.run_success_action=poweroff systemd.run_failure_action=poweroff" \
		-drive "file=$work/image,if=virtio,format=raw" \
		-serial "file:$work/console" -serial "file:$work/output"
	grep -q 'Power down' "$work/console"
}

says() {
	cat "$work/output"
	grep -qF "$1" "$work/output"
}

plan 7
check "a disk" image
check "Debian with ring1 installed on it" bootstrap
check "the disk is complete" complete
check "it boots and powers off" boot
check "the module loads" says loaded
check "ring1 check says yes" says "check says yes"
check "a guest kernel gets to its missing root" says "Unable to mount root fs"
