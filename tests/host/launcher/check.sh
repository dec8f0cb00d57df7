#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    ring1 check says yes to a host that fulfils every condition, and no to
#           one that misses any, with its reason and what to do
# How:      trees with the files of a good host, one thing changed in each
# Needs:    ring1 in $RING1 or PATH
# Catches:  a condition that is not asked, or asked of the wrong file

. "${0%/*}/../../lib/tap.sh"
. "${0%/*}/../../lib/ring1.sh"

root=root
release=6.12.117+deb12-amd64
modules=$root/lib/modules/$release

put() {
	mkdir -p "$(dirname "$root/$1")"
	printf '%s\n' "$2" >"$root/$1"
}

flags() {
	put proc/cpuinfo "processor	: 0
flags		: fpu $1 de
bugs		: spectre_v1"
}

# put_msr INDEX BYTE: the lowest byte of a model-specific register.
put_msr() {
	mkdir -p "$root/dev/cpu/0"
	printf '%b\0\0\0\0\0\0\0' "$2" |
		dd of="$root/dev/cpu/0/msr" bs=1 seek="$(($1))" conv=notrunc 2>/dev/null
}

good_host() {
	rm -rf "$root"
	flags "lm nx smep fsgsbase vme"
	put proc/sys/kernel/osrelease "$release"
	put sys/devices/system/cpu/vulnerabilities/meltdown "Not affected"
	put sys/kernel/security/lockdown "[none] integrity confidentiality"
	put sys/module/kvm_ring1/initstate live
	put "lib/modules/$release/modules.dep" "kernel/arch/x86/kvm/kvm.ko.xz:
updates/dkms/kvm-ring1.ko: kernel/arch/x86/kvm/kvm.ko.xz"
	put dev/kvm ""
	mkdir -p "$modules/build"
}

# does_say STATUS TEXT...: every text is in the output.
does_say() {
	local want="$1" text bad=0
	shift
	run_ring1 check --root $root
	[ "$status" -eq "$want" ] && [ ! -s err ] || bad=1
	for text; do
		grep -qF -- "$text" out || bad=1
	done
	return $bad
}

# says CLAIM STATUS TEXT...
says() {
	local claim="$1"
	shift
	check "$claim" does_say "$@"
}

# refused CLAIM TEXT...: there is exactly one no.
refused() {
	local claim="$1"
	shift
	says "$claim" 1 "$@" "cannot run ring-1 guests as it is: 1 problem,"
}

has_no_proc() {
	run_ring1 check --root missing
	[ "$status" -eq 1 ] && said "cannot read"
}

not_loaded() {
	good_host
	rm -r "$root/sys/module/kvm_ring1"
}

plan 40

good_host
says "a good host" 0 "This host can run ring-1 guests."

for feature in lm nx smep fsgsbase; do
	good_host
	flags "$(echo "lm nx smep fsgsbase" | sed "s/$feature//") no$feature ${feature}x"
	case $feature in
	lm) refused "no 64-bit mode" "no 64-bit mode" ;;
	nx) refused "no NX" "no NX" "without 'clearcpuid=nx'" ;;
	smep) refused "no SMEP" "no SMEP" "without 'clearcpuid=smep'" ;;
	fsgsbase) refused "no FSGSBASE" "no FSGSBASE" "without 'nofsgsbase'" ;;
	esac
done

good_host
flags "lm nx smep fsgsbase la57"
refused "five-level paging" "what to do: boot the host with 'no5lvl'"
flags "lm nx smep fsgsbase fred"
refused "FRED" "what to do: boot the host with 'fred=off'"
flags "lm nx smep fsgsbase sme"
refused "SME" "what to do: boot the host with 'mem_encrypt=off'"
flags "lm nx smep fsgsbase tdx_guest"
refused "a TDX guest" "without confidential computing"
flags "lm nx smep fsgsbase vmx"
says "VT-x is mentioned" 0 "note" "kvm_intel would be quicker"
flags "lm nx smep fsgsbase svm"
says "AMD-V is mentioned" 0 "note" "kvm_amd would be quicker"

good_host
put dev/sev-guest ""
refused "an SEV-SNP guest, by its device" "without confidential computing"
for bit in 2 4; do
	good_host
	put_msr 0xc0010131 "\\00$bit"
	refused "SEV status register $bit" "without confidential computing"
done
good_host
put_msr 0xc0010131 '\001'
refused "SEV status register 1" "memory encryption" "a machine without SEV"
good_host
put_msr 0x6a2 '\001'
refused "supervisor shadow stacks" "supervisor shadow stacks are on"
put_msr 0x6a2 '\004'
says "indirect branch tracking alone" 0 "no supervisor shadow stacks"

good_host
put sys/hypervisor/guest_type PV
refused "a Xen PV domain" "Xen PV" "PVH or HVM"
put sys/hypervisor/guest_type HVM
says "a Xen HVM domain" 0 "runs in ring 0"

good_host
put sys/class/dmi/id/sys_vendor "VMware, Inc."
says "a VMware guest, where the module is loaded" 0 "yes   hypervisor"
not_loaded
put sys/class/dmi/id/sys_vendor "VMware, Inc."
says "a VMware guest" 1 "a VMware guest" "guest_may_call_vmware=1" "2 problems"

good_host
put sys/module/kvm_intel/initstate live
refused "kvm_intel is loaded" "rmmod kvm_intel"
good_host
put sys/module/kvm_amd/initstate live
refused "kvm_amd is loaded" "rmmod kvm_amd"

good_host
put proc/sys/kernel/osrelease 6.12.110+deb12-amd64
refused "a kernel whose KVM is too old" "older than 6.12.111" "upgrade the kernel package"
put proc/sys/kernel/osrelease 6.12.111+deb12-amd64
says "the oldest kernel that will do" 0
put proc/sys/kernel/osrelease 6.13.1-amd64
refused "a later series" "made for Linux 6.12"
put proc/sys/kernel/osrelease strange
refused "a kernel with a strange name" "made for Linux 6.12"

good_host
put sys/devices/system/cpu/vulnerabilities/meltdown "Mitigation: PTI"
says "Meltdown, accepted by who loaded the module" 0 "note  meltdown"
not_loaded
put sys/devices/system/cpu/vulnerabilities/meltdown "Mitigation: PTI"
says "Meltdown" 1 "guest_user_may_read_guest_kernel=1" "2 problems"

not_loaded
rm "$modules/modules.dep"
says "the module is not installed" 1 "not installed for Linux $release" "make install" "2 problems"
rmdir "$modules/build"
says "nor the headers to build it" 1 "apt install linux-headers-$release"

good_host
says "what the loaded module has seen" 0 "yes   unseen"
not_loaded
says "what only the module can see" 1 "note  unseen" "the module checks them"
refused "the module is not loaded" "what to do: \`modprobe kvm-ring1\`"
put dev/kmsg "4,1,2,-;something else
3,7,8,-;kvm_ring1: cannot load: an old reason; an old remedy
3,9,9,-;kvm_ring1: cannot load: a reason; a remedy
4,9,9,-;and more"
refused "the module refused to load" "last refused to load: a reason" "what to do: a remedy"

not_loaded
put sys/kernel/security/lockdown "none [integrity] confidentiality"
put "lib/modules/$release/updates/dkms/kvm-ring1.ko" "some module without a signature"
says "a locked-down kernel and an unsigned module" 1 "kvm-ring1 is not signed" "2 problems"
put "lib/modules/$release/updates/dkms/kvm-ring1.ko" "module ~Module signature appended~"
refused "a locked-down kernel and a signed module" "note  signature" "unless signed"

good_host
rm "$root/dev/kvm"
refused "no /dev/kvm" "there is no /dev/kvm"
if [ "$(id -u)" -eq 0 ]; then
	skip "/dev/kvm that this user may not open" "root may open everything"
else
	put dev/kvm ""
	chmod 400 "$root/dev/kvm"
	refused "/dev/kvm that this user may not open" "adduser"
fi

check "a tree without /proc" has_no_proc
