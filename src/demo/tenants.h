/* SPDX-License-Identifier: Apache-2.0 */
/* The demo's scene with `carve run`: limits on a GPU that is not cut by MIG, without Kubernetes. */
#ifndef DEMO_TENANTS_H
#define DEMO_TENANTS_H

struct err;
struct node;

/* Two programs on GPU 0, which has to be whole. What they were answered is checked and printed. */
int tenants_show(struct node *n, struct err *e);

#endif
