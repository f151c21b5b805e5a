/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as condensed schemas: refused or taken. And any bytes as YAML against the schemas that
 * are built in, and against those that the same bytes are, if they are any.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "config/yaml.h"
#include "schema/schema.h"
#include "schema/schema_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_INPUT = 1 << 14 };

/* A fault names its place, and says what is expected or where it belongs. */
static void look(void *self, const struct schema_fault_at *at)
{
    size_t *n = self;

    if (!at->node || !at->path || !at->field || !at->words || !at->instead ||
        ++*n > SCHEMA_MAX_FAULTS)
        abort();
}

static void check_kind(const struct schema_set *s, const struct yaml_node *root,
                       const char *version, const char *kind)
{
    size_t n = 0;

    (void)schema_ask(s, version, kind);
    if (schema_check(s, root, version, kind, look, &n, NULL) < 0)
        abort();
}

/* The document as what it says it is, and as the kinds that have rules of their own. */
static void check(const struct schema_set *s, const struct yaml_node *root)
{
    const char *version = "", *kind = "";

    for (size_t i = 0; root->kind == YAML_MAP && i < root->count; i++) {
        const struct yaml_pair *p = &root->pairs[i];

        if (p->value->kind == YAML_SCALAR && strcmp(p->key->text, "apiVersion") == 0)
            version = p->value->text;
        if (p->value->kind == YAML_SCALAR && strcmp(p->key->text, "kind") == 0)
            kind = p->value->text;
    }
    check_kind(s, root, version, kind);
    check_kind(s, root, "karpenter.sh/v1alpha5", "Provisioner");
    check_kind(s, root, "karpenter.k8s.aws/v1", "EC2NodeClass");
    check_kind(s, root, "apps/v1", "StatefulSet");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    OWN(schema_freep) struct schema_set *s = NULL, *own = calloc(1, sizeof *own);
    OWN(yaml_doc_freep) struct yaml_doc *doc = NULL;
    const char *text = (const char *)data;
    struct err e = {0};

    if (!own || size > MAX_INPUT)
        return 0;
    if (yaml_read(&doc, "f", text, size, &e) == 0) {
        if (schema_open(&s, &e) < 0)
            abort();
        check(s, doc->root);
    }
    if (schema_read(own, "f", text, size, &e) < 0) {
        if (e.code <= 0 || !*e.msg)
            abort();
        return 0;
    }
    for (size_t i = 0; doc && i < own->n_kinds; i++)
        check_kind(own, doc->root, own->kinds[i].api_version, own->kinds[i].kind);
    return 0;
}
