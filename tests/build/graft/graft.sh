#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    make graft puts the port, the monitor and the hooks into a kernel tree and both
#           options are to be had there; a tree that it refuses, or where it is interrupted,
#           is the one it was, to the byte
# How:      grafts copies of what of Debian's source configures a kernel and of what the
#           series touches; gives it wrong trees, and kills it in the middle
# Catches:  a half of a graft, a write through a hard link, an option that its own
#           dependencies hide, a tree of `make graft` that is not the one tests build from
# Timeout:  900

. "${0%/*}/../../lib/tap.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"; exit $((tap_failed > 0))' EXIT
cd "$work" || exit
top=$OLDPWD
source=$(realpath "$top/build/linux-source")
place=$top/guest-patches/place

pristine() {
	sed -n 's|^--- a/||p' "$top"/guest-patches/*.patch | sort -u >touched
	rsync -a --files-from=touched "$source/" pristine &&
		rsync -am --include=/Documentation/Kconfig --exclude='/Documentation/*' \
			--exclude=/tools --exclude='/scripts/dtc/*' --include='*/' \
			--include='Kconfig*' --include='Makefile*' --include=Kbuild \
			--include='/scripts/**' --exclude='*' "$source/" pristine
}

# What is in a tree: names, modes, contents.
sums() {
	(cd "$1" && find . -printf '%y %m %P\n' | LC_ALL=C sort &&
		find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum)
}

graft() {
	make -s -C "$top" graft TREE="$1" >said 2>&1
}

# refused TREE TEXT: says TEXT, and leaves the tree as it was.
refused() {
	[ ! -d "$1" ] || sums "$1" >before
	! graft "$1" || return
	cat said
	grep -qF "$2" said || return
	[ ! -d "$1" ] || sums "$1" | diff before -
}

grafted() {
	cp -a pristine tree && graft "$work/tree" || return
	cat said
	grep -q RING1_GUEST said && grep -q KVM_RING1 said
}

# Below this one, but for the list of what is in it.
same_as_the_tests() {
	cp -a pristine followed && "$place" --from "$work/pristine" followed &&
		diff -r -x .ring1-placed tree followed
}

# options FILE...: the configuration that comes of them.
options() {
	mkdir -p obj
	cat "$@" >obj/allconfig
	make -C tree O="$work/obj" ARCH=x86 CC=gcc-12 HOSTCC=gcc-12 KCONFIG_ALLCONFIG=allconfig \
		allnoconfig
}

both_options() {
	options "$top/tests/rig/build/option-off.config" "$top/tests/rig/build/option-on.config" || return
	grep RING1 obj/.config
	grep -qx CONFIG_RING1_GUEST=y obj/.config && grep -qx CONFIG_KVM_RING1=m obj/.config
}

# With kvm-intel built in, what the monitor needs of the kernel is not exported.
not_built_in() {
	options "$top/tests/rig/build/option-off.config" "$top/tests/rig/build/option-on.config" && (
		cd obj && "$work/tree/scripts/config" -e KVM -e KVM_INTEL &&
			make ARCH=x86 CC=gcc-12 HOSTCC=gcc-12 olddefconfig) || return
	grep -E 'KVM_INTEL|RING1' obj/.config
	grep -qx CONFIG_KVM_INTEL=y obj/.config && ! grep -q ^CONFIG_KVM_RING1 obj/.config
}

changed() {
	cp -a pristine "$1" && sed -i "$2" "$1/$3"
}

links_are_broken() {
	cp -al pristine linked && sums pristine >before || return
	graft "$work/linked" && sums pristine | diff before - && diff -r tree linked
}

# In place of mv, in the middle of the graft: ends it by SIGNAL.
killer() {
	mkdir -p bin
	cat >bin/mv <<END
#!/bin/sh
[ "\$(echo >>$work/count; wc -l <$work/count)" != 40 ] || kill -$1 \$PPID
exec /bin/mv "\$@"
END
	chmod +x bin/mv
	: >count
	! PATH=$work/bin:$PATH "$place" "$work/$2" && [ "$(wc -l <count)" -ge 40 ]
}

interrupted() {
	cp -a pristine interrupted && sums interrupted >before || return
	killer INT interrupted && sums interrupted | diff before -
}

# The first graft after it finds a tree that is neither this nor that.
killed() {
	cp -a pristine killed && killer KILL killed || return
	! diff -rq pristine killed && graft "$work/killed" && diff -r tree killed
}

refused_half_way() {
	cp -a pristine half && : >half/hypercalls && refused "$work/half" hypercalls
}

plan 16
check "there is a tree to begin with" pristine
check "it is grafted, and what to do next is said" grafted
check "it has what the tree of the tests' kernels has" same_as_the_tests
check "both options are to be had" both_options
check "the monitor is not, with kvm-intel built in" not_built_in
check "a second graft is refused" refused "$work/tree" "is in $work/tree already"
check "no tree" refused "" "which tree?"
check "no directory" refused "$work/said" "is no directory"
mkdir empty
check "no kernel" refused "$work/empty" "not the top of a Linux source tree"
changed seven 's/^VERSION = .*/VERSION = 7/; s/^PATCHLEVEL = .*/PATCHLEVEL = 1/' Makefile
check "another kernel" refused "$work/seven" "is Linux 7.1"
changed other 's/^obj-.*KVM_AMD.*/& other.o/' arch/x86/kvm/Makefile
check "a file that a patch does not fit" refused "$work/other" "/0019-"
cp -a pristine own && mkdir own/hypercalls && : >own/hypercalls/gen.awk
check "a file in the way" refused "$work/own" "hypercalls/gen.awk is one of Linux's own"
check "an error half way" refused_half_way
check "whoever has hard links to the tree's files keeps them" links_are_broken
check "Ctrl-C half way leaves the tree as it was" interrupted
check "after a SIGKILL half way, the next graft is a whole one" killed
