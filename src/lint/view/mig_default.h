/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boards of the catalogue as GPUs, as plan/ and config/ want them, and mig-parted's default
 * configuration for each.
 */
#ifndef LINT_MIG_DEFAULT_H
#define LINT_MIG_DEFAULT_H

struct gpu;
struct instance_type;
struct lint;
struct mig_file;

/* A GPU of that type as it comes from the factory, MIG on if it can. */
void mig_default_gpu(struct gpu *out, const struct instance_type *t, unsigned index);

/* The default file for the type's board; the run keeps it. NULL: none, or no memory. */
const struct mig_file *mig_default_file(struct lint *l, const struct instance_type *t);

#endif
