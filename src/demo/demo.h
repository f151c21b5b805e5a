/* SPDX-License-Identifier: Apache-2.0 */
/* `carve demo`: the whole job on an emulated node, told as a story. */
#ifndef DEMO_DEMO_H
#define DEMO_DEMO_H

/* The subcommand; argv[0] is "demo". Returns the exit code. */
int cmd_demo(int argc, char **argv);

#endif
