/* SPDX-License-Identifier: Apache-2.0 */
/* This node's Node object: watched, read by what parts want to know of it, and patched. */
#ifndef GATEWAY_OWN_NODE_H
#define GATEWAY_OWN_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/http.h"

struct err;
struct gateway;
struct own_node;
struct yaml_node;

int own_node_open(struct own_node **out, struct gateway *g, struct err *e);
void own_node_close(struct own_node *n);

/* The object, borrowed until the next turn of the loop; NULL: not seen yet, or deleted. */
const struct yaml_node *own_node_object(const struct own_node *n);

/* NULL where there is none. Borrowed as the object. */
const char *own_node_uid(const struct own_node *n);
const char *own_node_label(const struct own_node *n, const char *key);
const char *own_node_annotation(const struct own_node *n, const char *key);
const struct yaml_node *own_node_condition(const struct own_node *n, const char *type);
/* A resource's allocatable amount; -1: the node has none of that name. */
int64_t own_node_allocatable(const struct own_node *n, const char *resource);
bool own_node_taint(const struct own_node *n, const char *key, const char **effect);
/* Who has written the condition of this type (a field manager), others before us; or NULL. */
const char *own_node_condition_manager(const struct own_node *n, const char *type);

/*
 * Patches the node ("status": its status; NULL: the object itself) with `body`; field manager
 * GATEWAY_MANAGER. done as for http_send().
 */
int own_node_patch(struct http_request **out, struct own_node *n, const char *subresource,
                   enum http_content content, const char *body, http_done *done, void *self,
                   struct err *e);

#endif
