/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that look at a node share. Each fills its part of the facts. */
#ifndef DOCTOR_NODE_LOOK_H
#define DOCTOR_NODE_LOOK_H

#include "doctor/node_facts.h"

/* Text in the facts' arena; "" without memory, and the arena has failed. */
const char *look_text(struct node_facts *f, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The first line of a small file; false: it cannot be read. */
bool look_line(char *out, size_t size, const char *path);

enum node_sight look_at(const char *path);

/* *out_pid is the process that listens, 0 if it cannot be seen from here. */
enum node_socket_end look_socket(const char *path, int *out_pid);

/*
 * The names in a folder, sorted, in the arena; at most `most` of them. NULL and *out_n 0 if there
 * are none; *out_sight says why.
 */
const char **look_folder(struct node_facts *f, size_t *out_n, enum node_sight *out_sight,
                         const char *path, size_t most);

void look_driver(struct node_facts *f, const struct node_places *p);
void look_libraries(struct node_facts *f, const struct node_places *p); /* in child processes */
void look_devices(struct node_facts *f, const struct node_places *p);   /* after the libraries */
void look_runtimes(struct node_facts *f, const struct node_places *p);
void look_cdi(struct node_facts *f, const struct node_places *p);
void look_kubelet(struct node_facts *f, const struct node_places *p);

#endif
