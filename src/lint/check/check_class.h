/* SPDX-License-Identifier: Apache-2.0 */
/* What the checks of EC2NodeClasses share. */
#ifndef LINT_CHECK_CLASS_H
#define LINT_CHECK_CLASS_H

#include "lint/lint.h"

/* A pool of GPU nodes that uses the class, or NULL. */
const struct pool *class_gpu_pool(const struct lint *l, const struct node_class *c);

bool class_editable(const struct node_class *c);

/* Which image it boots; p may be NULL. */
void check_class_image(struct lint *l, const struct node_class *c, const struct pool *p);

void check_class_disk(struct lint *l, const struct node_class *c, const struct pool *p);

#endif
