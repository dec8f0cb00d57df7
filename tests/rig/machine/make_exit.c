// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lets `make run` and `make host` exit with the status of the command they ran.
 * GNU make exits with 2 whenever a recipe fails, and no recipe can change that; but
 * make can load an object that adds a function, and a function may end the process.
 * So the recipe that runs the command succeeds and leaves its status in a file, and
 * the one after it calls $(exit-with STATUS).
 */
#include <gnumake.h>
#include <stdlib.h>

int plugin_is_GPL_compatible;

static char *exit_with(const char *name, unsigned int argc, char **argv)
{
	(void)name;
	(void)argc;
	exit(atoi(argv[0]));
}

int make_exit_gmk_setup(void)
{
	gmk_add_function("exit-with", exit_with, 1, 1, GMK_FUNC_DEFAULT);
	return 1;
}
