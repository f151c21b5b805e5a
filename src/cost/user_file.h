/* SPDX-License-Identifier: Apache-2.0 */
/* The user's own file, carve-catalog(5): types, prices, quotas, and where a type is not sold. */
#ifndef COST_USER_FILE_H
#define COST_USER_FILE_H

#include "cost/rows.h"

/* Reads the text into rows; what it names is looked up in `now` and in the file itself. */
int user_file_read(struct rows *rows, const struct catalog_content *now, const char *text,
                   size_t size, struct err *e);

#endif
