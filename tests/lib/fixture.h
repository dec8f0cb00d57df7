/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A fixture for tests that have nothing to set up, and want what only tests with one can
 * have: a time limit of their own.
 */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "kselftest_harness.h"

#define EMPTY_FIXTURE(name)		\
	FIXTURE(name) { };		\
	FIXTURE_SETUP(name) { }		\
	FIXTURE_TEARDOWN(name) { }

#endif
