/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of `carve gpus`; each prints what it is about and returns an exit code. */
#ifndef CLI_GPUS_H
#define CLI_GPUS_H

#include <stdbool.h>

struct group;
struct inventory;
struct view;

/* Boards, MIG devices, processes, resources. */
int gpus_list(const struct view *v, const struct group *chosen, bool json);

/* MIG profiles of each kind of board, as `nvidia-smi mig -lgip` and `-lgipp` have them. */
int gpus_profiles(const struct inventory *inv, const struct group *chosen, bool json);

/* Every way to cut each kind of board full. */
int gpus_layouts(const struct inventory *inv, const struct group *chosen, bool json);

/* How the GPUs reach each other. */
int gpus_topology(const struct inventory *inv, const struct group *chosen, bool json);

#endif
