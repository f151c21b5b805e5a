/* SPDX-License-Identifier: Apache-2.0 */
/* A node for the tests of labels: what it has, what is configured on it, and the labels of both. */
#ifndef TESTS_UNIT_GATEWAY_SCENE_H
#define TESTS_UNIT_GATEWAY_SCENE_H

#include "test.h"

#include "gateway/labels.h"
#include "node/node_state.h"

/* A node, what is configured on it, and the labels of both. */
struct scene {
    struct inventory *inv;
    struct config *config;
    struct resource_list *list;
    struct node_resource *resources;
    struct node_state state;
    struct labels labels;
};

void scene_make(struct scene *s);

/* MIG strategy of a file that has nothing else. */
extern const char *const scene_none, *const scene_single, *const scene_mixed;

struct scene scene_open(struct inventory *inv, const char *config);

void scene_close(struct scene *s);

void scene_check(const struct scene *s, const char *key, const char *value);

/* "key=value" lines; "key" alone: there is no such label. */
void scene_check_all(const struct scene *s, const char *const *lines);

#define SCENE_HAS(scene, ...) scene_check_all(scene, (const char *const[]){__VA_ARGS__, NULL})

void scene_check_keys(const struct scene *s, const char *start, size_t count);

struct inventory *scene_all_1g(unsigned n_gpus);

#define SCENE_SHARED(options, resources)                                                           \
    "version: v1\nsharing: {timeSlicing: {" options "resources: [" resources "]}}\n"

#endif
