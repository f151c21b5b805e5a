/* SPDX-License-Identifier: Apache-2.0 */
/* Which objects of a cluster are kept: of pods and nodes only those that have to do with GPUs. */
#ifndef DOCTOR_SELECT_H
#define DOCTOR_SELECT_H

#include <stdbool.h>

struct cluster;
struct yaml_node;

bool select_all(struct cluster *c, const struct yaml_node *object);
bool select_node(struct cluster *c, const struct yaml_node *object); /* counts all */
bool select_pod(struct cluster *c, const struct yaml_node *object);
bool select_daemon(struct cluster *c, const struct yaml_node *object);
bool select_controller(struct cluster *c, const struct yaml_node *object);
bool select_event(struct cluster *c, const struct yaml_node *object);
bool select_scale_up(struct cluster *c, const struct yaml_node *object);
bool select_config(struct cluster *c, const struct yaml_node *object);

/* Whether a container of the pod's spec runs an image with that in its name. */
bool select_runs_image(const struct yaml_node *pod, const char *part);

/* Whether it is a device plugin of that image: its image holds other programs too. */
bool select_is_plugin(const struct yaml_node *pod, const char *part);

/* Whether it is a program that serves GPUs: a device plugin, the operator, carve, … */
bool select_serves(const struct yaml_node *pod);

#endif
