/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Client of a Kubernetes API server, over libcurl: who and where from a kubeconfig or from inside a
 * pod, lists in pages. Changes nothing.
 */
#ifndef API_API_H
#define API_API_H

#include <stdbool.h>
#include <stddef.h>

#include "base/own.h"
#include "config/yaml.h"

struct err;

/* Owns its connection. */
struct api;

/*
 * From the kubeconfig at path (NULL: $KUBECONFIG, a list as kubectl takes it, else ~/.kube/config,
 * else a pod's service account) and its context (NULL: the current one).
 */
int api_open(struct api **out, const char *kubeconfig, const char *context, struct err *e);
void api_close(struct api *a);
OWN_POINTER(struct api, api_close);

const char *api_server(const struct api *a); /* "https://10.0.0.1:6443", for messages */

/*
 * All objects of a collection ("/api/v1/pods", "/apis/karpenter.sh/v1/nodepools", with a selector
 * "/api/v1/events?fieldSelector=type!=Normal"), page by page.
 * Each object comes as a tree that `object` may keep (it owns it then: yaml_doc_free); false from
 * it stops. -ENOENT: the server has no such collection; -EACCES: not allowed (the words name the
 * missing right); -EPERM not authenticated; others as they come.
 */
typedef bool api_object(void *self, struct yaml_doc *object);
int api_list(struct api *a, const char *path, api_object *object, void *self, struct err *e);

/* One answer as text (up to 1 MiB), such as "/version"; free() it. */
int api_get(struct api *a, const char *path, char **out, size_t *out_size, struct err *e);

/* Posts a JSON body, as reviews of one's own rights want it; the answer as api_get() gives it. */
int api_post(struct api *a, const char *path, const char *body, char **out, size_t *out_size,
             struct err *e);

#endif
