/* SPDX-License-Identifier: Apache-2.0 */
/* The rights that carve-gateway needs, and which of them we have. */
#ifndef DOCTOR_NODE_RIGHTS_H
#define DOCTOR_NODE_RIGHTS_H

struct api;
struct node_facts;

/* Fills f->api.rights; only asks who may do what, changes nothing. */
void node_rights_look(struct node_facts *f, struct api *api);

#endif
