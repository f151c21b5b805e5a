/* SPDX-License-Identifier: Apache-2.0 */
/* What a process may see of the machine: as in a container, that goes by the nodes in /dev. */
#ifndef EMULATOR_VISIBLE_H
#define EMULATOR_VISIBLE_H

#include <stdbool.h>

/* No node of any GPU (a desk without containers): every GPU is visible. */
bool visible_gpu(unsigned gpu);

/* Of a visible GPU; without any capability node but the driver's own two, every instance is. */
bool visible_instance(unsigned gpu, unsigned gi, unsigned ci);

#endif
