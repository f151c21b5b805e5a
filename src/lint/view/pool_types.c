/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From requirements to the types of the catalogue that meet them. The catalogue has types with
 * GPUs alone, so whether others are allowed too is told apart. Source of the keys: Karpenter's AWS
 * provider v1.14.
 */
#include "lint/view/pool_types.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "lint/view/view.h"

/* What a key says of a type. */
enum about {
    ABOUT_NOTHING, /* no label of types, or one that the catalogue does not know */
    ABOUT_NAME,    /* which type it is: a type, family, size, category */
    ABOUT_SHAPE,   /* a number or a manufacturer that types without GPUs have too */
    ABOUT_GPU,     /* its GPUs; a type without them lacks the label */
};

/* By key, for a search; with the spellings of the past, of EKS Auto Mode and of people. */
static const struct label {
    const char *key, *right;
    enum about about;
} labels[] = {
    {"beta.kubernetes.io/arch", "kubernetes.io/arch", ABOUT_SHAPE},
    {"beta.kubernetes.io/instance-type", "node.kubernetes.io/instance-type", ABOUT_NAME},
    {"eks.amazonaws.com/instance-category", "karpenter.k8s.aws/instance-category", ABOUT_NAME},
    {"eks.amazonaws.com/instance-cpu", "karpenter.k8s.aws/instance-cpu", ABOUT_SHAPE},
    {"eks.amazonaws.com/instance-family", "karpenter.k8s.aws/instance-family", ABOUT_NAME},
    {"eks.amazonaws.com/instance-generation", "karpenter.k8s.aws/instance-generation", ABOUT_SHAPE},
    {"eks.amazonaws.com/instance-gpu-count", "karpenter.k8s.aws/instance-gpu-count", ABOUT_GPU},
    {"eks.amazonaws.com/instance-gpu-manufacturer", "karpenter.k8s.aws/instance-gpu-manufacturer",
     ABOUT_GPU},
    {"eks.amazonaws.com/instance-gpu-memory", "karpenter.k8s.aws/instance-gpu-memory", ABOUT_GPU},
    {"eks.amazonaws.com/instance-gpu-name", "karpenter.k8s.aws/instance-gpu-name", ABOUT_GPU},
    {"eks.amazonaws.com/instance-memory", "karpenter.k8s.aws/instance-memory", ABOUT_SHAPE},
    {"eks.amazonaws.com/instance-size", "karpenter.k8s.aws/instance-size", ABOUT_NAME},
    {"karpenter.k8s.aws/instance-category", "karpenter.k8s.aws/instance-category", ABOUT_NAME},
    {"karpenter.k8s.aws/instance-cpu", "karpenter.k8s.aws/instance-cpu", ABOUT_SHAPE},
    {"karpenter.k8s.aws/instance-cpu-manufacturer", "karpenter.k8s.aws/instance-cpu-manufacturer",
     ABOUT_SHAPE},
    {"karpenter.k8s.aws/instance-family", "karpenter.k8s.aws/instance-family", ABOUT_NAME},
    {"karpenter.k8s.aws/instance-generation", "karpenter.k8s.aws/instance-generation", ABOUT_SHAPE},
    {"karpenter.k8s.aws/instance-gpu-count", "karpenter.k8s.aws/instance-gpu-count", ABOUT_GPU},
    {"karpenter.k8s.aws/instance-gpu-manufacturer", "karpenter.k8s.aws/instance-gpu-manufacturer",
     ABOUT_GPU},
    {"karpenter.k8s.aws/instance-gpu-memory", "karpenter.k8s.aws/instance-gpu-memory", ABOUT_GPU},
    {"karpenter.k8s.aws/instance-gpu-name", "karpenter.k8s.aws/instance-gpu-name", ABOUT_GPU},
    {"karpenter.k8s.aws/instance-hypervisor", "karpenter.k8s.aws/instance-hypervisor", ABOUT_SHAPE},
    {"karpenter.k8s.aws/instance-local-nvme", "karpenter.k8s.aws/instance-local-nvme", ABOUT_SHAPE},
    {"karpenter.k8s.aws/instance-memory", "karpenter.k8s.aws/instance-memory", ABOUT_SHAPE},
    {"karpenter.k8s.aws/instance-network-bandwidth", "karpenter.k8s.aws/instance-network-bandwidth",
     ABOUT_SHAPE},
    {"karpenter.k8s.aws/instance-size", "karpenter.k8s.aws/instance-size", ABOUT_NAME},
    {"karpenter.k8s.aws/instance-type", "node.kubernetes.io/instance-type", ABOUT_NAME},
    {"karpenter.sh/instance-family", "karpenter.k8s.aws/instance-family", ABOUT_NAME},
    {"karpenter.sh/instance-type", "node.kubernetes.io/instance-type", ABOUT_NAME},
    {"kubernetes.io/arch", "kubernetes.io/arch", ABOUT_SHAPE},
    {"node.kubernetes.io/instance-type", "node.kubernetes.io/instance-type", ABOUT_NAME},
};

static int by_key(const void *key, const void *label)
{
    return strcmp(key, ((const struct label *)label)->key);
}

static const struct label *find_label(const char *key)
{
    return bsearch(key, labels, sizeof labels / sizeof labels[0], sizeof labels[0], by_key);
}

static const char *right_key(const char *key)
{
    const struct label *label = find_label(key);

    return label ? label->right : key;
}

static enum about find_about(const char *key)
{
    const struct label *label = find_label(key);

    return label ? label->about : ABOUT_NOTHING;
}

bool pool_types_label(const char *key)
{
    return find_about(key) != ABOUT_NOTHING;
}

/* A whole type's name where a part of one is meant. */
static bool names_type(const struct requirement *r, const struct instance_type *t)
{
    for (size_t i = 0; i < r->n_values; i++)
        if (strcmp(r->values[i], t->name) == 0)
            return true;
    return false;
}

bool pool_types_meets(const struct requirement *r, const struct instance_type *t)
{
    char value[CATALOG_LABEL_SIZE];
    const struct label *label = find_label(r->key);
    bool has;

    if (!label)
        return true;
    has = catalog_label(value, t, label->right);
    if (!has && label->about != ABOUT_GPU &&
        strcmp(label->right, "karpenter.k8s.aws/instance-local-nvme") != 0)
        return true; /* the catalogue cannot tell */
    if (label->about == ABOUT_NAME && names_type(r, t))
        return r->op != OPERATOR_NOT_IN;
    return requirement_meets(r, has ? value : NULL);
}

/* The families of NVIDIA's GPUs have names like these; newer ones may be unknown here. */
static bool looks_gpu(const char *name)
{
    if (text_starts(name, "gr"))
        name++;
    return (name[0] == 'g' || name[0] == 'p') && isdigit((unsigned char)name[1]);
}

/* What the values of a requirement that names types say of the pool. */
struct named {
    bool gpu, other, open, exact;
};

static struct named read_name(const struct lint *l, const char *key, const char *value)
{
    const struct named gpu = {.gpu = true, .exact = true}, other = {.other = true};
    const char *dot = strchr(value, '.');

    if (text_is_placeholder(value))
        return (struct named){.open = true};
    if (strcmp(key, "karpenter.k8s.aws/instance-category") == 0)
        return (struct named){.gpu = strcmp(value, "g") == 0 || strcmp(value, "p") == 0,
                              .other = strcmp(value, "g") != 0 && strcmp(value, "p") != 0};
    if (dot ? catalog_find(l->catalog, value) != NULL : catalog_has_family(l->catalog, value))
        return gpu;
    if (!dot && strcmp(key, "karpenter.k8s.aws/instance-size") == 0)
        return other; /* sizes are the same in all families */
    if (looks_gpu(value))
        return (struct named){.gpu = true, .open = true};
    return other;
}

/* A requirement In that names types: which of them have GPUs. */
static void judge_names(struct lint *l, struct pool *p, const struct requirement *r, bool *forces)
{
    struct named all = {0};

    if (r->op != OPERATOR_IN)
        return;
    p->names_types = true;
    for (size_t i = 0; i < r->n_values; i++) {
        struct named one = read_name(l, right_key(r->key), r->values[i]);

        all.gpu |= one.gpu;
        all.other |= one.other;
        all.open |= one.open;
        all.exact |= one.exact;
    }
    p->types_open |= all.open;
    *forces |= all.gpu && !all.other;
    p->gpu |= all.exact;
}

static void judge(struct lint *l, struct pool *p, const struct requirement *r, bool *forces)
{
    for (size_t i = 0; i < r->n_values; i++)
        p->types_open |= text_is_placeholder(r->values[i]) && pool_types_label(r->key);
    switch (find_about(r->key)) {
    case ABOUT_NAME:
        judge_names(l, p, r, forces);
        break;
    case ABOUT_GPU:
        if (r->op == OPERATOR_NOT_IN || r->op == OPERATOR_DOES_NOT_EXIST || r->op == OPERATOR_LT ||
            r->op == OPERATOR_LTE)
            break;
        p->names_types = p->gpu = true;
        *forces = true;
        break;
    case ABOUT_SHAPE:
    case ABOUT_NOTHING:
        break;
    }
}

static bool meets_all(const struct pool *p, const struct instance_type *t)
{
    for (size_t i = 0; i < p->n_requirements; i++)
        if (!pool_types_meets(&p->requirements[i], t))
            return false;
    return true;
}

void pool_types_read(struct lint *l, struct pool *p)
{
    const struct instance_type *t;
    bool forces = false;

    for (size_t i = 0; i < p->n_requirements; i++)
        judge(l, p, &p->requirements[i], &forces);
    p->types_open |= p->doc->piece && p->doc->piece->templated;
    p->others = !forces;
    for (size_t i = 0; (t = catalog_at(l->catalog, i)); i++) {
        const struct instance_type **grown;

        if (!meets_all(p, t))
            continue;
        grown = view_grow(l, p->types, p->n_types, sizeof *grown);
        if (!grown)
            return;
        p->types = grown;
        p->types[p->n_types++] = t;
    }
    p->gpu |= forces;
}
