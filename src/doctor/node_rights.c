/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rights: see node_rights.h. All rules that the server knows for us in a namespace come in one
 * answer, rights on one named object among them. Where they do not hold a right, the server is
 * asked for it alone, since authorizers beside RBAC need not tell their rules.
 */
#include "doctor/node_rights.h"

#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "config/yaml.h"
#include "doctor/node_look.h"
#include "lint/read/text.h"

#define EVENTS_NAMESPACE "default" /* where Events about a node are */

enum { QUESTION_MAX_BYTES = 4096 };

static const struct node_right wanted[] = {
    {"get", "", "nodes", "", "everything", false, true, -1},
    {"list", "", "nodes", "", "watching the node", false, true, -1},
    {"watch", "", "nodes", "", "watching the node", false, true, -1},
    {"patch", "", "nodes", "", "labels and the start-up taint", false, true, -1},
    {"patch", "", "nodes", "status", "the condition AcceleratedHardwareReady", false, true, -1},
    {"create", "", "events", "", "Events", true, true, -1},
    {"patch", "", "events", "", "counting Events", true, true, -1},
    {"get", "apps", "daemonsets", "", "cleaning up at the end", true, false, -1},
    {"list", "", "configmaps", "", "configurations by label", true, false, -1},
    {"watch", "", "configmaps", "", "configurations by label", true, false, -1},
    {"create", "nfd.k8s-sigs.io", "nodefeatures", "", "labels through NFD", true, false, -1},
    {"patch", "nfd.k8s-sigs.io", "nodefeatures", "", "labels through NFD", true, false, -1},
    {"create", "", "pods", "eviction", "evicting pods for a MIG change or a spot notice", false,
     false, -1},
};

static const char *namespace_of(const struct node_facts *f, const struct node_right *right)
{
    if (!right->in_namespace)
        return "";
    return strcmp(right->resource, "events") == 0 ? EVENTS_NAMESPACE : f->api.namespace;
}

static bool has(const struct yaml_node *list, const char *text)
{
    for (size_t i = 0; list && list->kind == YAML_LIST && i < list->count; i++) {
        const char *item = node_text(list->items[i], "");

        if (strcmp(item, text) == 0 || strcmp(item, "*") == 0)
            return true;
    }
    return false;
}

static bool grants(const struct yaml_node *rule, const struct node_right *right)
{
    char resource[128];

    (void)snprintf(resource, sizeof resource, "%s%s%s", right->resource,
                   *right->subresource ? "/" : "", right->subresource);
    return has(node_get(rule, "verbs"), right->verb) &&
           has(node_get(rule, "apiGroups"), right->group) &&
           has(node_get(rule, "resources"), resource);
}

/* Posts a question and reads the answer. */
static int ask(struct yaml_doc **out, struct api *api, const char *kind, const struct buf *body,
               struct err *e)
{
    OWN_MEM char *text = NULL;
    OWN_MEM char *path = NULL;
    size_t size;
    int r = buf_check(body, e);

    if (r == 0 && asprintf(&path, "/apis/authorization.k8s.io/v1/%s", kind) < 0) {
        path = NULL;
        return err_memory(e);
    }
    if (r == 0)
        r = api_post(api, path, body->data, &text, &size, e);
    return r < 0 ? r : yaml_read(out, "answer", text, size, e);
}

static void begin(struct json *j, struct buf *body, const char *kind)
{
    buf_init(body, QUESTION_MAX_BYTES);
    json_init(j, body, 0);
    json_object(j, NULL);
    json_string(j, "apiVersion", "authorization.k8s.io/v1");
    json_string(j, "kind", kind);
    json_object(j, "spec");
}

static void end(struct json *j)
{
    json_object_end(j);
    json_object_end(j);
}

/* All that the rules of a namespace grant. */
static int read_rules(struct node_facts *f, struct api *api, const char *namespace, struct err *e)
{
    OWN(yaml_doc_freep) struct yaml_doc *doc = NULL;
    OWN(buf_done) struct buf body;
    const struct yaml_node *rules;
    struct json j;
    int r;

    begin(&j, &body, "SelfSubjectRulesReview");
    json_string(&j, "namespace", namespace);
    end(&j);
    r = ask(&doc, api, "selfsubjectrulesreviews", &body, e);
    if (r < 0)
        return r;
    rules = doc ? node_at(doc->root, "status.resourceRules") : NULL;
    for (size_t i = 0; rules && rules->kind == YAML_LIST && i < rules->count; i++) {
        for (size_t n = 0; n < f->api.n_rights; n++) {
            struct node_right *right = &f->api.rights[n];

            /* Rules that are bound in a namespace give no right on nodes. */
            if (right->in_namespace && strcmp(namespace_of(f, right), namespace) == 0 &&
                grants(rules->items[i], right))
                right->given = 1;
        }
    }
    return 0;
}

/* One right by itself. */
static int read_right(struct node_facts *f, struct api *api, struct node_right *right,
                      struct err *e)
{
    OWN(yaml_doc_freep) struct yaml_doc *doc = NULL;
    OWN(buf_done) struct buf body;
    struct json j;
    int r;

    begin(&j, &body, "SelfSubjectAccessReview");
    json_object(&j, "resourceAttributes");
    json_string(&j, "namespace", namespace_of(f, right));
    json_string(&j, "verb", right->verb);
    json_string(&j, "group", right->group);
    json_string(&j, "resource", right->resource);
    json_string(&j, "subresource", right->subresource);
    json_object_end(&j);
    end(&j);
    r = ask(&doc, api, "selfsubjectaccessreviews", &body, e);
    if (r == 0)
        right->given = strcmp(node_text(node_at(doc->root, "status.allowed"), ""), "true") == 0;
    return r;
}

void node_rights_look(struct node_facts *f, struct api *api)
{
    struct node_api_facts *a = &f->api;
    struct err e = {0};
    int r;

    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (a->has_features || strcmp(wanted[i].group, "nfd.k8s-sigs.io") != 0)
            a->rights[a->n_rights++] = wanted[i];
    r = read_rules(f, api, EVENTS_NAMESPACE, &e);
    if (r == 0 && strcmp(a->namespace, EVENTS_NAMESPACE) != 0)
        r = read_rules(f, api, a->namespace, &e);
    for (size_t i = 0; r == 0 && i < a->n_rights; i++)
        if (a->rights[i].given < 0)
            r = read_right(f, api, &a->rights[i], &e);
    if (r < 0)
        a->rights_error = look_text(f, "%s", e.msg);
}
