/* SPDX-License-Identifier: Apache-2.0 */
/* kubeconfig files (client.authentication and v1 Config of Kubernetes) into an access. */
#ifndef API_KUBECONFIG_H
#define API_KUBECONFIG_H

#include "config/yaml.h"

struct access;
struct err;

enum { KUBECONFIG_MAX_FILES = 32 };

/* The files of one kubeconfig, in order of precedence. Owns its documents. */
struct kubeconfig {
    size_t n_files;
    struct yaml_doc *files[KUBECONFIG_MAX_FILES];
};

/* Adds a file; one that is not there is passed over unless it is `required`. */
int kubeconfig_add(struct kubeconfig *k, const char *path, bool required, struct err *e);
void kubeconfig_done(struct kubeconfig *k);

/* Fills an empty access from a context (NULL: the current one). */
int kubeconfig_resolve(struct access *out, const struct kubeconfig *k, const char *context,
                       struct err *e);

#endif
