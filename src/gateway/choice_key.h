/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which key of a ConfigMap is a node's configuration, by the rules of NVIDIA's config-manager: the
 * node's label, else the default, else the fallbacks in their order. Pure.
 */
#ifndef GATEWAY_CHOICE_KEY_H
#define GATEWAY_CHOICE_KEY_H

#include <stddef.h>

struct err;
struct yaml_node;

/* What is asked for. Texts may be NULL or "". */
struct choice_wish {
    const char *config_map; /* "gpu/configs", for messages */
    const char *label;      /* its name, for messages */
    const char *value;      /* of the node's label */
    const char *by_default; /* key */
    const char *fallbacks;  /* "named,single,empty" */
};

/* Borrowed from the ConfigMap; static where no key is meant (fallback "empty"). */
struct choice_pick {
    const char *key; /* "" for none */
    const char *text;
};

/*
 * `object` is the ConfigMap. -ENOENT: what is named is not there, or nothing is named and no
 * fallback serves; -EINVAL: it is there but no text (binaryData, a name beginning with ".."), or a
 * fallback that does not exist.
 */
int choice_key_pick(struct choice_pick *out, const struct yaml_node *object,
                    const struct choice_wish *wish, struct err *e);

/*
 * The key of that name, or the only one whatever its name: what a ConfigMap with one file has.
 * Results as above.
 */
int choice_key_file(struct choice_pick *out, const struct yaml_node *object, const char *config_map,
                    const char *name, struct err *e);

#endif
