#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Tool:      kvm_read_ldt() of Linux, <asm/kvm_host.h> in linux-headers-6.12.117+deb12-common
#            6.12.117-1~deb12u1 of Debian 12, compiled by GCC 12, cpp-12 12.2.0-14+deb12u1
# Behaviour: It reads LDTR once, however often it is called. Its SLDT is an asm without
#            volatile and without an input, of which GCC takes two for one and one in a loop
#            for one before it; a call in between, in which an interrupt may have loaded
#            LDTR, makes no difference. kvm-intel and kvm-amd call it once in a function. A
#            caller in a loop goes by what LDTR was when the loop began.
# Remedy:    the same SLDT with asm volatile
# Output:    SLDTs that a function executes, which calls kvm_read_ldt() before and after
#            another function, or ten times in a loop with it
#: two calls: 1
#: ten in a loop: 1
#: two calls, volatile: 2
#: ten in a loop, volatile: 10

. "$(dirname "$0")/lib/qemu.sh"

gcc_version=12.2.0-14+deb12u1
headers_package=linux-headers-6.12.117+deb12-common
headers_version=6.12.117-1~deb12u1

source_of() {
	echo 'typedef unsigned short u16;'
	sed -n '/^static inline u16 kvm_read_ldt(void)$/,/^}/p' \
		"$root/usr/src/$headers_package/arch/x86/include/asm/kvm_host.h" | sed "$1"
	cat <<-'EOF'
		void other(void);

		unsigned int two(void)
		{
			unsigned int first = kvm_read_ldt();

			other();
			return first << 16 | kvm_read_ldt();
		}

		unsigned int ten(void)
		{
			unsigned int sum = 0, i;

			for (i = 0; i < 10; i++) {
				other();
				sum += kvm_read_ldt();
			}
			return sum;
		}
	EOF
}

# count FUNCTION: SLDTs in it; those behind a label that a later jump leads back to count ten.
count() {
	awk -v function_name="$1:" '
		$1 == function_name { on = 1 }
		on && /^\.L[0-9]+:/ { label = $1; before = n }
		on && $1 == "sldt" { n++ }
		on && $1 ~ /^j/ && $2 ":" == label { n = before + (n - before) * 10 }
		on && $1 == ".size" { print n + 0; exit }' "$dir/ldt.s"
}

# compile SED-SCRIPT WORDS
compile() {
	source_of "$1" >"$dir/ldt.c"
	grep -q sldt "$dir/ldt.c" || cannot "no kvm_read_ldt() in $headers_package"
	lib=lib/x86_64-linux-gnu
	"$root/$lib/ld-linux-x86-64.so.2" --library-path "$root/$lib:$root/usr/$lib" \
		"$root/usr/lib/gcc/x86_64-linux-gnu/12/cc1" -quiet -O2 "$dir/ldt.c" \
		-o "$dir/ldt.s" >"$dir/log" 2>&1 || {
		cat "$dir/log" >&2
		cannot "GCC does not compile it"
	}
	echo "two calls$2: $(count two)"
	echo "ten in a loop$2: $(count ten)"
}

fetch "cpp-12=$gcc_version"
(cd "$dir" && apt-get -qq -o APT::Sandbox::User= download "$headers_package=$headers_version") \
	>"$dir/log" 2>&1 || {
	cat "$dir/log" >&2
	cannot "cannot download $headers_package=$headers_version"
}
dpkg -x "$dir/$headers_package"_*.deb "$root"
{
	compile '' ''
	compile 's/asm(/asm volatile(/' ', volatile'
} >"$dir/output"
judge <"$dir/output"
