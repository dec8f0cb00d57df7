#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    every kernel-doc comment is one: well formed, and of the declaration after it
# How:      runs the kernel's kernel-doc on all files that have such a comment
# Catches:  a parameter or a field that was added, renamed or removed without its line

. "${0%/*}/../../lib/tap.sh"

files=$(git grep -lE '^/\*\*$' '*.[ch]')
plan 1
# shellcheck disable=SC2086 # a list
check "kernel-doc does not complain" build/linux-source/scripts/kernel-doc -none -Werror $files
