/* SPDX-License-Identifier: Apache-2.0 */
/* Holders against a MIG plan: what must not be touched, what stays, and who stands in the way. */
#ifndef AGENT_APPLY_HELD_H
#define AGENT_APPLY_HELD_H

struct buf;
struct err;
struct gpu;
struct holder_list;
struct inventory;
struct mig_change_block;
struct mig_change_held;
struct mig_plan;

/* Adds what holders and the driver's processes hold. */
void apply_held_fill(struct mig_change_held *out, const struct inventory *inv,
                     const struct holder_list *holders);

/* Puts into e what is held and by whom: "GPU 0: 1g.5gb at 3 is held by pod a/b, container c". */
int apply_held_refuse(struct err *e, const struct inventory *inv,
                      const struct mig_change_block *block, const struct holder_list *holders);

/* Appends the UUIDs, each with its NUL, of the MIG devices that the plan leaves alone. */
void apply_held_kept(struct buf *out, const struct gpu *gpu, const struct mig_plan *plan);

#endif
