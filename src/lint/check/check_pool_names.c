/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of requirements that name nothing: types, families, sizes and GPUs that do not exist, and
 * keys that are resources. Of families without NVIDIA GPUs the catalogue knows nothing, so these
 * are not judged.
 */
#include <ctype.h>
#include <string.h>

#include "base/text.h"
#include "lint/check/check_parts.h"
#include "lint/rules_list.h"
#include "lint/view/match.h"

enum { MAX_VALUES = 256 }; /* of one requirement that are looked at */

static const char type_key[] = "node.kubernetes.io/instance-type";
static const char size_key[] = "karpenter.k8s.aws/instance-size";
static const char family_key[] = "karpenter.k8s.aws/instance-family";
static const char gpu_key[] = "karpenter.k8s.aws/instance-gpu-name";

static const struct yaml_node *value_node(const struct requirement *r, size_t index)
{
    const struct yaml_node *list = r->values_node;

    return list && list->kind == YAML_LIST && index < list->count ? list->items[index] : r->node;
}

/* "g4", "p6", "gr6" at the start: letters and generation of a family with GPUs; 0 for others. */
static unsigned generation(const char *name, char letters[3])
{
    size_t n = 0;

    while (n < 2 && islower((unsigned char)name[n])) {
        letters[n] = name[n];
        n++;
    }
    letters[n] = '\0';
    if (strcmp(letters, "g") != 0 && strcmp(letters, "p") != 0 && strcmp(letters, "gr") != 0)
        return 0;
    return isdigit((unsigned char)name[n]) && !isdigit((unsigned char)name[n + 1])
               ? (unsigned)(name[n] - '0')
               : 0;
}

/*
 * A family that could only be of a generation which the catalogue has in full: not AMD's, and
 * older than the newest one.
 */
static bool family_is_closed(const struct lint *l, const char *family)
{
    static const char *const others[] = {"g2", "g4ad", "p1"};
    const struct instance_type *t;
    char letters[3], other[3];
    unsigned is = generation(family, letters), newest = 0;

    if (is == 0)
        return false;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (strcmp(others[i], family) == 0)
            return false;
    for (size_t i = 0; (t = catalog_at(l->catalog, i)); i++) {
        unsigned has = generation(t->family, other);

        if (strcmp(letters, other) == 0 && has > newest)
            newest = has;
    }
    return is < newest;
}

/* "G5.xlarge", "g5xlarge", "g5-xlarge" for "g5.xlarge". */
static bool is_meant(const char *written, const char *name)
{
    for (; *name; written++, name++) {
        if (*name == '.' && *written && strchr(".-_", *written))
            continue;
        name += *name == '.';
        if (tolower((unsigned char)*written) != *name)
            return false;
    }
    return *written == '\0';
}

/* The type that is meant, also of "ml.g5.xlarge"; NULL. */
static const struct instance_type *meant_type(const struct lint *l, const char *value)
{
    const struct instance_type *t;

    if (text_starts(value, "ml."))
        value += 3;
    for (size_t i = 0; (t = catalog_at(l->catalog, i)); i++)
        if (is_meant(value, t->name))
            return t;
    return NULL;
}

static void unknown_type(struct lint *l, const struct pool *p, const struct requirement *r,
                         size_t index)
{
    const char *value = r->values[index];
    const struct instance_type *meant = meant_type(l, value);
    const char *near = meant ? meant->name : catalog_nearest_type(l->catalog, value);
    const struct yaml_node *node = value_node(r, index);
    struct finding *f;

    f = lint_find(l, RULE_INSTANCE_TYPE_UNKNOWN, match_spot(p->doc, node),
                  "EC2 has no instance type '%s' (pool '%s')", value, p->name);
    if (near)
        finding_cure(l, f, "did you mean %s?", near);
    if (meant && node != r->node)
        fix_replace(l, f, p->doc, node, meant->name);
}

static bool type_is_unknown(const struct lint *l, const char *value)
{
    const char *dot = strchr(value, '.');
    char family[16];

    if (text_is_placeholder(value) || catalog_find(l->catalog, value))
        return false;
    if (!dot || meant_type(l, value))
        return meant_type(l, value) || catalog_has_family(l->catalog, value);
    if ((size_t)(dot - value) >= sizeof family)
        return false;
    memcpy(family, value, (size_t)(dot - value));
    family[dot - value] = '\0';
    return catalog_has_family(l->catalog, family) || family_is_closed(l, family);
}

static bool all_types(const struct lint *l, const struct requirement *r)
{
    for (size_t i = 0; i < r->n_values; i++)
        if (!catalog_find(l->catalog, r->values[i]))
            return false;
    return r->n_values > 0;
}

/* "g5.xlarge" where a size or a family is meant: told once if all values are such. */
static void whole_type(struct lint *l, const struct pool *p, const struct requirement *r,
                       size_t index, enum rule_id rule, const char *what)
{
    const struct instance_type *t = catalog_find(l->catalog, r->values[index]);
    const struct yaml_node *key = node_get(r->node, "key");
    bool all = all_types(l, r) && r->n_values > 1;
    struct finding *f;

    if (all && index > 0)
        return;
    f = lint_find(l, rule, match_spot(p->doc, all ? r->values_node : value_node(r, index)),
                  all ? "%s are instance types, no %s of one: pool '%s' finds no type for them"
                      : "%s is an instance type, no %s of one: pool '%s' finds no type for it",
                  match_list(l, all ? r->values : &r->values[index], all ? r->n_values : 1), what,
                  p->name);
    finding_cure(l, f, "use the key %s, or the %s '%s'", type_key, what,
                 strcmp(what, "size") == 0 ? t->size : t->family);
    if (all_types(l, r) && key)
        fix_replace(l, f, p->doc, key, type_key);
}

static void unknown_family(struct lint *l, const struct pool *p, const struct requirement *r,
                           size_t index)
{
    const char *value = r->values[index], *near = catalog_nearest_family(l->catalog, value);
    struct finding *f;

    f = lint_find(l, RULE_INSTANCE_FAMILY_UNKNOWN, match_spot(p->doc, value_node(r, index)),
                  "EC2 has no instance family '%s' (pool '%s')", value, p->name);
    if (near)
        finding_cure(l, f, "did you mean %s?", near);
}

/* Letters and digits alone, lower case, without the makers' words. */
static void plain_name(char *out, size_t size, const char *name)
{
    static const char *const makers[] = {"nvidia-", "tesla-", "nvidia ", "tesla ",
                                         "NVIDIA-", "Tesla-", "NVIDIA ", "Tesla "};
    size_t n = 0;

    for (size_t i = 0; i < sizeof makers / sizeof makers[0]; i++)
        if (text_starts(name, makers[i]))
            name += strlen(makers[i]);
    for (; *name && n + 1 < size; name++)
        if (isalnum((unsigned char)*name))
            out[n++] = (char)tolower((unsigned char)*name);
    out[n] = '\0';
}

static const char *meant_gpu(const struct lint *l, const char *value)
{
    char is[64], has[64];
    const struct instance_type *t;

    plain_name(is, sizeof is, value);
    for (size_t i = 0; (t = catalog_at(l->catalog, i)); i++) {
        plain_name(has, sizeof has, t->gpu_name ? t->gpu_name : "");
        if (has[0] && strcmp(is, has) == 0)
            return t->gpu_name;
    }
    return NULL;
}

/* GPUs that NVIDIA does not make, or that no type of the catalogue has but EC2 had. */
static bool other_gpu(const char *value)
{
    static const char *const others[] = {"radeon-pro-v520", "gaudi-hl-205", "k520", "gb200",
                                         "gb300"};

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (strcmp(others[i], value) == 0)
            return true;
    return false;
}

static void check_gpu_name(struct lint *l, const struct pool *p, const struct requirement *r,
                           size_t index)
{
    const char *value = r->values[index], *meant = meant_gpu(l, value);
    const struct yaml_node *node = value_node(r, index);
    struct finding *f;

    if (text_is_placeholder(value) || (meant && strcmp(meant, value) == 0) || other_gpu(value))
        return;
    f = lint_find(l, RULE_GPU_NAME_UNKNOWN, match_spot(p->doc, node),
                  "no instance type has a GPU that Karpenter calls '%s' (pool '%s')", value,
                  p->name);
    finding_cure(l, f, meant ? "it is called %s" : "`carve catalog` lists the names%s",
                 meant ? meant : "");
    if (meant && node != r->node)
        fix_replace(l, f, p->doc, node, meant);
}

static void check_values(struct lint *l, const struct pool *p, const struct requirement *r)
{
    for (size_t i = 0; i < r->n_values && i < MAX_VALUES; i++) {
        const char *value = r->values[i];

        if (strcmp(r->key, type_key) == 0 && type_is_unknown(l, value))
            unknown_type(l, p, r, i);
        else if (strcmp(r->key, size_key) == 0 && catalog_find(l->catalog, value))
            whole_type(l, p, r, i, RULE_INSTANCE_SIZE_VALUE, "size");
        else if (strcmp(r->key, family_key) == 0 && catalog_find(l->catalog, value))
            whole_type(l, p, r, i, RULE_INSTANCE_FAMILY_UNKNOWN, "family");
        else if (strcmp(r->key, family_key) == 0 && !catalog_has_family(l->catalog, value) &&
                 family_is_closed(l, value))
            unknown_family(l, p, r, i);
        else if (strcmp(r->key, gpu_key) == 0)
            check_gpu_name(l, p, r, i);
    }
}

static bool all_numbers(const struct requirement *r)
{
    uint64_t number;

    for (size_t i = 0; i < r->n_values; i++)
        if (!text_uint(&number, r->values[i], UINT64_MAX))
            return false;
    return true;
}

/* A resource is no label of an instance type: as a key it says nothing of types. */
static void check_resource_key(struct lint *l, const struct pool *p, const struct requirement *r)
{
    static const char count_key[] = "karpenter.k8s.aws/instance-gpu-count";
    const char *profile = resource_profile(r->key);
    const struct yaml_node *key = node_get(r->node, "key");
    struct finding *f;

    if (strcmp(r->key, "nvidia.com/gpu") != 0 && strcmp(r->key, "nvidia.com/gpu.shared") != 0 &&
        strcmp(r->key, "amd.com/gpu") != 0 && !(profile && strstr(profile, "gb")))
        return;
    /* In ["true"] makes a label of one's own of it, which pods may well select. */
    if (!all_numbers(r) || r->op == OPERATOR_DOES_NOT_EXIST || r->op == OPERATOR_NOT_IN)
        return;
    f = lint_find(l, RULE_POOL_REQUIRES_RESOURCE, match_spot(p->doc, key ? key : r->node),
                  "'%s' is a resource, no label of instance types: pool '%s' is not limited to "
                  "types with GPUs by it, and its nodes get a label of a random number",
                  r->key, p->name);
    finding_cure(l, f, "require %s (Exists, or Gt 0)", count_key);
    if (key)
        fix_replace(l, f, p->doc, key, count_key);
}

void check_pool_names(struct lint *l, const struct pool *p)
{
    for (size_t i = 0; i < p->n_requirements; i++) {
        check_values(l, p, &p->requirements[i]);
        check_resource_key(l, p, &p->requirements[i]);
    }
}
