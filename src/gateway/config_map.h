/* SPDX-License-Identifier: Apache-2.0 */
/* One ConfigMap, watched: what it holds now, whether it is there, and why that is not known. */
#ifndef GATEWAY_CONFIG_MAP_H
#define GATEWAY_CONFIG_MAP_H

#include <stdbool.h>

struct config_map;
struct err;
struct gateway;
struct yaml_node;

/* place: "NAME" (in the gateway's namespace) or "NAMESPACE/NAME"; -EINVAL for what is no name. */
int config_map_open(struct config_map **out, struct gateway *g, const char *place, struct err *e);
void config_map_close(struct config_map *m);

const char *config_map_name(const struct config_map *m); /* "gpu/configs" */

/* Whether it is known what it holds, or that it is not there. Stays true during an API outage. */
bool config_map_known(const struct config_map *m);

/* Borrowed until the next turn of the loop; NULL: it is not there. */
const struct yaml_node *config_map_object(const struct config_map *m);

/* "" or why the API server does not tell; also while what was known before still is. */
const char *config_map_error(const struct config_map *m);
/* errno of that, positive, or 0. */
int config_map_error_code(const struct config_map *m);

#endif
