# SPDX-License-Identifier: GPL-2.0-only
#
# What a person runs; `make help` lists it. The work is done by tests/rig/, which
# tells by content what is out of date: so every target is phony here, and a make
# with nothing to do takes a second. stdout belongs to the commands in the machines;
# all else is said on stderr.

#: make TARGET [VARIABLE=VALUE]...
#:
#:   run        a shell in a guest, in an emulated host that has no VT-x/AMD-V;
#:              with GUEST_CMD='...' runs that, prints its output, exits with its status;
#:              with DISK=FILE boots that disk there, under Debian's QEMU
#:   host       the same on the host itself, with HOST_CMD='...'
#:   check      all tests; BATCH= and TEST= patterns select (tests/batches/, TEST='host/*')
#:   check-debug
#:              the tests that a host kernel with KASAN and lockdep has something to say to
#:   check-trap all tests of guests in trap guests, and on Debian's own kernels: slow
#:   check-install
#:              make install in a bootstrapped Debian, which then boots as a host
#:   check-deb  the Debian packages: lintian, and their life in a bootstrapped Debian
#:   check-off  that the series leaves a kernel without RING1_GUEST and KVM_RING1 as it was:
#:              builds one of the patched and one of the pristine tree, compares their code;
#:              and that both options together compile; a quarter of an hour
#:   check-abi  that guest kernels and monitors of ABI versions 1 and 2 get on with each other;
#:              version 1 is taken from the history of the repository
#:   check-amd  the launcher and our guest kernel on kvm-amd, in a QEMU that it builds with a
#:              line less: twenty minutes the first time
#:   check-qemu Debian's own QEMU and libvirt, as they are packaged, drive guests in the host:
#:              three quarters of an hour
#:   check-image
#:              that disk in a guest of QEMU's: comes up whole, survives QEMU's end by SIGKILL
#:   check-storm
#:              an hour, or MINUTES=, of what a host can do to the memory of a Linux guest
#:   mutants    that tests of the monitor find mistakes: makes those of tests/mutants/, one at
#:              a time, and runs the test that each names; MUTANT='frames-*' selects
#:   bench      operations and exits in eleven environments, side by side: build/bench/report.md;
#:              ENVIRONMENTS= PARTS= OPERATIONS= select, see Documentation/bench.rst
#:   bench-quick
#:              instructions and exits per operation, natively and in a guest
#:   guest modules launcher tests
#:              builds one part, in build/
#:   install    on this machine: the module by DKMS (KERNEL=RELEASE for another kernel than
#:              the running one), ring1 in /usr/local/bin
#:   uninstall  takes that away again
#:   deb        Debian packages of the same, ring1 and ring1-dkms, in build/deb
#:   guest-deb  Debian packages of a guest kernel, configured as Debian's for clouds, in
#:              build/guest-deb: an hour or two
#:   image      a disk with Debian, systemd, ssh and cloud-init and that kernel, and a seed for
#:              its cloud-init, in build/image; as root
#:   graft      puts the guest port and the monitor into a Debian 6.12 source tree, TREE=DIR,
#:              as options of its own: RING1_GUEST and KVM_RING1
#:   reference  makes Documentation/abi/hypercalls.rst and Documentation/tests.rst anew
#:   clean      removes build/; the cache stays
#:
#:   GUEST_CMD HOST_CMD         command for the machine's shell
#:   SMP=1 MEM=512M             the guest's size
#:   GUEST_MODE=pv|trap         whether it calls the monitor or traps into it
#:   GUEST_KERNEL=ring1|amd64|cloud
#:                              the patched one, or Debian's own, which has to trap
#:   GUEST_APPEND HOST_APPEND   added to the kernel's command line
#:   DISK=FILE SEED=FILE        run: a disk with GRUB, raw or qcow2, which is written to, and one
#:                              that cloud-init reads; `make image` makes both
#:   SIZE=4096                  image: the disk's size in MiB
#:   FIRMWARE=uefi|bios         run: what boots DISK; the BIOS takes very long, as its instructions
#:                              are emulated
#:   SNAPSHOT=on                run: DISK stays as it is, what is written is lost at the end
#:   SHARE=DIR                  a folder, to be /share in the host
#:   HOST_KERNEL=amd64|cloud|debug
#:                              Debian's flavour, or a kernel with KASAN and lockdep
#:   HOST_CPU                   its processor, as for QEMU's -cpu, such as EPYC,svm=off; or
#:                              what the usual one has as well, such as ,la57=on
#:   HOST_SMP=2 HOST_MEM        the emulated machine's size
#:   HOST_ICOUNT=shift=0        counts its instructions: slower, and repeatable (QEMU's -icount)
#:   HOST_EMULATOR=qemu|bochs   the machine; Bochs knows global TLB entries, and is slow
#:   HOST_GDB=PORT              run and host: the machine waits for gdb's `target remote :PORT`
#:   VERSION1=guest|monitor     takes that one from before there was an own MMU (ABI version 1)
#:   HOST_KVM=kvm-ring1|kvm-amd|none
#:                              what /dev/kvm is there
#:   RING1_CACHE=DIR            for kernels and downloads; ~/.cache/ring1
#:   KERNEL_VERSION             another one than guest-patches/base says
#:   RING1_DEBUG=y              modules: with the checks of KVM_RING1_DEBUG (Kconfig)
#:   TEST_SLOWNESS=1            multiplies the time that tests may take
#:   MINUTES=60                 check-storm: how long
#:   ENVIRONMENTS PARTS OPERATIONS EFFORT=100
#:                              bench: what is measured, and how often (percent)
#:   V=1                        shows every command

MAKEFLAGS += --no-builtin-rules --no-print-directory
ifneq ($(V),1)
MAKEFLAGS += --silent
endif
.NOTPARALLEL:

# Taken as written: a $ in a command is for the machine's shell.
variables := GUEST_CMD HOST_CMD SMP MEM GUEST_MODE GUEST_KERNEL GUEST_APPEND HOST_APPEND SHARE \
	DISK SEED SIZE SNAPSHOT FIRMWARE HOST_KERNEL HOST_CPU HOST_SMP HOST_MEM HOST_ICOUNT \
	HOST_EMULATOR HOST_GDB HOST_KVM VERSION1 \
	RING1_CACHE KERNEL_VERSION V BATCH TEST TEST_SLOWNESS MUTANT \
	ENVIRONMENTS PARTS OPERATIONS EFFORT TREE RING1_DEBUG
$(foreach v,$(variables),$(eval override $(v) := $$(value $(v))))
export $(variables)

rig := tests/rig
status := build/status

help:
	sed -n 's/^#: \{0,1\}//p' Makefile

# A recipe cannot choose make's exit status, but a loaded function can: make_exit.c.
ifneq ($(filter run host,$(MAKECMDGOALS)),)
-load build/make_exit.so
endif
build/make_exit.so: $(rig)/machine/make_exit.c | packages
	mkdir -p build
	gcc-12 -O2 -Wall -shared -fPIC -o $@ $<

run host: %: %-session
	$(exit-with $(file <$(status)))
run-session: run-args guest modules launcher $(if $(VERSION1),version1) $(if $(DISK),qemu)
	setpriv --pdeathsig TERM $(rig)/machine/host run; echo $$? >$(status)
host-session: host-args guest modules launcher $(if $(VERSION1),version1)
	setpriv --pdeathsig TERM $(rig)/machine/host; echo $$? >$(status)
run-args host-args: %-args:
	$(rig)/machine/check-args $*

packages:
	$(rig)/build/need-packages

kernels: packages
	$(rig)/build/fetch-kernels

guest_config := arch/x86/configs/ring1-guest.config
guest: kernels
	$(rig)/build/kernel-build --source patched --config $(guest_config) --out build/guest

guest-deb: kernels
	$(rig)/build/need-packages cpio debhelper libssl-dev zstd
	$(rig)/build/guest-deb

image: guest-deb
	$(rig)/build/need-packages mmdebstrap e2fsprogs fdisk grub-efi-amd64-bin
	$(rig)/build/image build/guest-deb/linux-image-*.deb

debug-host: kernels
	$(rig)/build/kernel-build --source patched --config $(guest_config) \
		--config $(rig)/build/debug-host.config --out build/debug-host

modules: kernels $(if $(filter debug,$(HOST_KERNEL)),debug-host)
	$(rig)/build/module-build amd64 $(addprefix RING1_DEBUG=,$(RING1_DEBUG))
	$(rig)/build/module-build cloud-amd64 $(addprefix RING1_DEBUG=,$(RING1_DEBUG))

version1: kernels
	$(rig)/build/version1

launcher: packages
	MAKEFLAGS= $(MAKE) -s -C host/launcher O=$(CURDIR)/build/launcher >&2

tests: kernels launcher
	MAKEFLAGS= $(MAKE) -s -C tests O=$(CURDIR)/build/tests UAPI=$(CURDIR)/build/uapi/include \
		SELFTESTS=$(CURDIR)/build/linux-source/tools/testing/selftests \
		LAUNCHER=$(CURDIR)/build/launcher >&2

# This machine's QEMU, for the host VM.
qemu: packages
	$(rig)/build/qemu-root

check: guest modules launcher tests qemu
	$(rig)/judge/run-tests tests/batches/check

check-debug: guest debug-host launcher tests
	TEST_SLOWNESS=$(or $(TEST_SLOWNESS),5) $(rig)/judge/run-tests tests/batches/debug

check-off: kernels
	$(rig)/build/kernel-build --source pristine --config $(rig)/build/option-off.config --objects \
		--targets "bzImage arch/x86/kvm/" --out build/off-pristine
	$(rig)/build/kernel-build --source patched --config $(rig)/build/option-off.config --objects \
		--targets "bzImage arch/x86/kvm/" --out build/off-patched
	$(rig)/build/kernel-build --source patched --config $(rig)/build/option-off.config \
		--config $(rig)/build/option-on.config --objects \
		--targets "modules_prepare arch/x86/ring1/ arch/x86/kvm/ring1/" --out build/off-both
	$(rig)/judge/run-tests tests/batches/off

bench-quick: guest modules launcher tests
	tests/bench/quick

bench: guest modules launcher tests
	tests/bench/fetch
	$(rig)/build/kernel-build --source patched --config $(guest_config) \
		--config tests/bench/kernel.config --out build/bench-kernel
	tests/bench/run

check-trap: guest modules launcher tests
	$(rig)/judge/run-tests tests/batches/trap

check-amd: guest modules launcher tests
	$(rig)/build/amd-qemu
	PATH=$(CURDIR)/build/amd-qemu:$$PATH $(rig)/judge/run-tests tests/batches/amd

check-abi: guest modules launcher tests version1
	$(rig)/judge/run-tests tests/batches/abi

check-qemu: guest modules launcher tests
	$(rig)/build/need-packages e2fsprogs fdisk libvirt-daemon libvirt-daemon-driver-qemu \
		libvirt-clients
	$(rig)/build/qemu-root libvirt
	$(rig)/build/grub-disk
	$(rig)/judge/run-tests tests/batches/qemu

# QEMU takes kernel and initrd from files, as firmware needs minutes to read them from the disk.
check-image: image modules launcher tests qemu
	ln -f build/image/vmlinuz build/image/initrd.img build/qemu
	$(rig)/judge/run-tests tests/batches/image

# The test has 5 minutes, times TEST_SLOWNESS.
check-storm: MINUTES := $(or $(MINUTES),60)
check-storm: guest modules launcher tests
	HOST_APPEND="$$HOST_APPEND ring1_test.minutes=$(MINUTES)" \
		TEST_SLOWNESS=$$(($(MINUTES) / 4 + 3)) $(rig)/judge/run-tests tests/batches/storm

mutants: guest launcher tests
	$(rig)/judge/mutants

check-install: guest
	$(rig)/build/need-packages mmdebstrap e2fsprogs
	$(rig)/judge/run-tests tests/batches/install

check-deb: deb
	$(rig)/build/need-packages lintian mmdebstrap
	$(rig)/judge/run-tests tests/batches/deb

launcher_packages := musl-tools linux-libc-dev libzstd-dev liblz4-dev
install:
	$(rig)/build/need-packages $(launcher_packages) >&2
	MAKEFLAGS= $(MAKE) -s -C host/launcher O=$(CURDIR)/build/launcher >&2
	host/dkms/install build/launcher/ring1

uninstall:
	host/dkms/uninstall

deb:
	$(rig)/build/need-packages $(launcher_packages) build-essential debhelper dh-dkms
	$(rig)/build/deb-build

graft:
	guest-patches/place "$$TREE"

reference:
	awk -v form=rst -f hypercalls/reference.awk -f hypercalls/gen.awk \
		hypercalls/hypercalls.tbl host/hypercall.c >Documentation/abi/hypercalls.rst
	awk -f $(rig)/build/index.awk $(foreach room,build host guest, \
		$(sort $(wildcard $(addprefix tests/$(room)/*/*.,c sh)))) >Documentation/tests.rst

clean:
	rm -rf build

.PHONY: help run host run-session host-session run-args host-args packages kernels guest \
	modules launcher tests check check-abi check-amd check-debug check-off check-storm check-trap \
	check-install check-deb check-qemu qemu mutants bench bench-quick install uninstall deb graft \
	reference clean debug-host version1
