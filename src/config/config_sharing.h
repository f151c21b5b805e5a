/* SPDX-License-Identifier: Apache-2.0 */
/* The file's block `sharing`. */
#ifndef CONFIG_CONFIG_SHARING_H
#define CONFIG_CONFIG_SHARING_H

struct config;
struct config_share;
struct reading;
struct yaml_node;

/* Adds the block's entries to the configuration, which says what is honored. */
void config_sharing_read(struct config *c, struct reading *r, const struct yaml_node *block);

/* Frees what the entry owns. */
void config_sharing_done(struct config_share *share);

#endif
