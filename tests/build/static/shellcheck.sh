#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Claim:    shellcheck finds nothing in any shell script of the tree
# How:      runs it on every file that starts with a line naming sh
# Catches:  unquoted words, tests that are always true, what only bash understands

. "${0%/*}/../../lib/tap.sh"

scripts=$(git grep -lE '^#!/bin/sh|^# shellcheck shell=sh')
plan 1
# shellcheck disable=SC2086 # a list
check "shellcheck is silent" shellcheck $scripts
