/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in catalogue, made by tools/gen-catalog: types without their geometry. */
#ifndef COST_CATALOG_TABLE_H
#define COST_CATALOG_TABLE_H

#include "cost/catalog.h"

extern const char catalog_table_date[];
extern const size_t catalog_table_n_types;
extern const struct instance_type catalog_table_types[];

#endif
