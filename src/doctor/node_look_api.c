/* SPDX-License-Identifier: Apache-2.0 */
/* What the API server knows of the node, and as whom we ask. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/err.h"
#include "base/file.h"
#include "base/text.h"
#include "config/yaml.h"
#include "doctor/node_look.h"
#include "doctor/node_rights.h"
#include "lint/read/text.h"

#define ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"
#define FEATURES "/apis/nfd.k8s-sigs.io/v1alpha1"
#define WHO "{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"SelfSubjectReview\"}"

static const struct yaml_limits limits = {.max_bytes = 1 << 20, .max_nodes = 1 << 17};

static int parse(struct yaml_doc **out, const char *what, const char *text, size_t size,
                 struct err *e)
{
    struct yaml_place place;

    return yaml_read_limited(out, what, text, size, &limits, &place, e);
}

/*
 * The server that the user's files name or, as root on a node, the kubelet's. -ENOENT: there is
 * none.
 */
static int open_server(struct node_facts *f, struct api **out, const struct node_places *p,
                       struct err *e)
{
    const char *kubelet =
        p->kubelet_folder ? p->kubelet_folder : look_text(f, "%s/var/lib/kubelet", p->host_root);
    const char *const files[] = {look_text(f, "%s/kubeconfig", kubelet),
                                 look_text(f, "%s/etc/kubernetes/kubelet.conf", p->host_root)};
    int r = api_open(out, p->kubeconfig, p->context, e);

    if (p->kubeconfig || r != -ENOENT)
        return r;
    for (size_t i = 0; i < 2; i++)
        if (look_at(files[i]) == NODE_THERE)
            return api_open(out, files[i], NULL, e);
    return r;
}

static void read_node(struct node_facts *f, struct api *api)
{
    struct node_api_facts *a = &f->api;
    OWN_MEM char *text = NULL;
    struct err e = {0};
    size_t size;

    a->node_code = api_get(api, look_text(f, "/api/v1/nodes/%s", a->node_name), &text, &size, &e);
    if (a->node_code == 0)
        a->node_code = parse(&a->node, "node", text, size, &e);
    if (a->node_code < 0)
        a->node_error = look_text(f, "%s", e.msg);
}

/* Servers before 1.28 cannot tell. */
static void read_user(struct node_facts *f, struct api *api, const struct node_places *p)
{
    OWN(yaml_doc_freep) struct yaml_doc *doc = NULL;
    OWN_MEM char *text = NULL;
    size_t size;

    f->api.user = "";
    if (api_post(api, "/apis/authentication.k8s.io/v1/selfsubjectreviews", WHO, &text, &size,
                 NULL) < 0 ||
        parse(&doc, "user", text, size, NULL) < 0)
        return;
    f->api.user = look_text(f, "%s", node_text(node_at(doc->root, "status.userInfo.username"), ""));
    /* A pod that is told its namespace and has an account there is carve-gateway's. */
    f->api.is_gateways =
        p->namespace &&
        text_starts(f->api.user, look_text(f, "system:serviceaccount:%s:", p->namespace));
}

static bool is_served(struct api *api, const char *path)
{
    OWN_MEM char *text = NULL;
    size_t size;

    return api_get(api, path, &text, &size, NULL) == 0;
}

/* As the kubelet makes a name of it. */
static const char *lowered(char *name)
{
    for (char *c = name; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return name;
}

static void find_names(struct node_facts *f, const struct node_places *p)
{
    struct node_api_facts *a = &f->api;
    char line[256] = "";

    a->name_guessed = !p->node_name;
    if (p->node_name)
        a->node_name = p->node_name;
    else if (gethostname(line, sizeof line - 1) == 0)
        a->node_name = look_text(f, "%s", lowered(line));
    else
        a->node_name = "";
    if (p->namespace)
        a->namespace = p->namespace;
    else if (look_line(line, sizeof line, ACCOUNT "/namespace"))
        a->namespace = look_text(f, "%s", line);
    else
        a->namespace = "default";
}

static bool is_name(const char *text)
{
    size_t size = strlen(text);

    return size > 0 && size < 254 && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.-") == size;
}

int node_look_api(struct node_facts *f, const struct node_places *p, struct err *e)
{
    struct node_api_facts *a = &f->api;
    OWN(api_closep) struct api *api = NULL;
    struct err trouble = {0};
    int r;

    find_names(f, p);
    a->asked = p->kubeconfig || p->context;
    a->in_pod = !p->kubeconfig && secure_getenv("KUBERNETES_SERVICE_HOST") &&
                look_at(ACCOUNT "/token") != NODE_MISSING;
    r = open_server(f, &api, p, &trouble);
    if (r == 0 && !is_name(a->node_name))
        r = err_set(&trouble, EINVAL, "'%s' is no name of a node: give it with --node",
                    a->node_name);
    a->error = look_text(f, "%s", trouble.msg);
    a->end = r == 0                           ? NODE_API_ANSWERS
             : r == -ENOENT && !p->kubeconfig ? NODE_API_NONE
                                              : NODE_API_FAILED;
    if (r == 0) {
        a->server = look_text(f, "%s", api_server(api));
        read_node(f, api);
        if (a->node_code == -EHOSTUNREACH) {
            a->end = NODE_API_FAILED;
            a->error = a->node_error;
        }
    }
    if (a->end == NODE_API_ANSWERS) {
        a->has_features = is_served(api, FEATURES);
        read_user(f, api, p);
        node_rights_look(f, api);
    }
    return f->arena.failed ? err_memory(e) : 0;
}
