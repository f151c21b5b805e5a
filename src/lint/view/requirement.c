/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether labels meet requirements, taints meet tolerations, and what names of resources mean:
 * pure questions about single values.
 */
#include <ctype.h>
#include <string.h>

#include "base/text.h"
#include "lint/view/system.h"

static bool has_value(const struct requirement *r, const char *value)
{
    for (size_t i = 0; i < r->n_values; i++)
        if (strcmp(r->values[i], value) == 0)
            return true;
    return false;
}

/* A placeholder may become any value. */
static bool has_placeholder(const struct requirement *r)
{
    for (size_t i = 0; i < r->n_values; i++)
        if (text_is_placeholder(r->values[i]))
            return true;
    return false;
}

static bool compare(const struct requirement *r, const char *value)
{
    uint64_t is, bound;

    if (r->n_values == 0 || !text_uint(&bound, r->values[0], UINT64_MAX))
        return true;
    if (!value || !text_uint(&is, value, UINT64_MAX))
        return false;
    if (r->op == OPERATOR_GT)
        return is > bound;
    if (r->op == OPERATOR_GTE)
        return is >= bound;
    return r->op == OPERATOR_LT ? is < bound : is <= bound;
}

bool requirement_meets(const struct requirement *r, const char *value)
{
    switch (r->op) {
    case OPERATOR_IN:
        if (r->n_values == 0 || has_placeholder(r))
            return true;
        return value && has_value(r, value);
    case OPERATOR_NOT_IN:
        return !value || !has_value(r, value);
    case OPERATOR_EXISTS:
        return value;
    case OPERATOR_DOES_NOT_EXIST:
        return !value;
    case OPERATOR_GT:
    case OPERATOR_LT:
    case OPERATOR_GTE:
    case OPERATOR_LTE:
        return compare(r, value);
    case OPERATOR_UNKNOWN:
        break;
    }
    return true;
}

static bool tolerates(const struct toleration *t, const struct taint *taint)
{
    bool exists = strcmp(t->op, "Exists") == 0;

    if (t->effect[0] && strcmp(t->effect, taint->effect) != 0)
        return false;
    if (t->key[0] ? strcmp(t->key, taint->key) != 0 && !text_is_placeholder(t->key) : !exists)
        return false;
    return exists || strcmp(t->value, taint->value) == 0 || text_is_placeholder(t->value);
}

bool taint_tolerated(const struct taint *t, const struct toleration *tolerations, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (tolerates(&tolerations[i], t))
            return true;
    return false;
}

const char *resource_profile(const char *name)
{
    static const char prefix[] = "nvidia.com/mig-";

    return text_starts(name, prefix) && name[sizeof prefix - 1] ? name + sizeof prefix - 1 : NULL;
}

bool resource_same_profile(const char *a, const char *b)
{
    while (*a && (*a == *b || (*a == '+' && *b == '.') || (*a == '.' && *b == '+')))
        a++, b++;
    return *a == *b;
}

/* "4g.20gb", also with "mig-" or a compute instance's "1c." before it. */
static bool is_profile(const char *text)
{
    if (text_starts(text, "mig-"))
        text += 4;
    if (isdigit((unsigned char)text[0]) && text_starts(text + 1, "c."))
        text += 3;
    if (!isdigit((unsigned char)text[0]) || !text_starts(text + 1, "g."))
        return false;
    text += 3;
    if (!isdigit((unsigned char)*text))
        return false;
    while (isdigit((unsigned char)*text))
        text++;
    return text_starts(text, "gb");
}

bool resource_is_gpu(const char *name)
{
    /* NVIDIA's names for what is no GPU. */
    static const char *const others[] = {"hostdev", "rdma", "ib", "roce",
                                         "sriov",   "mlnx", "cx", "bf"};
    const char *rest;

    if (text_starts(name, "nvidia.com/")) {
        rest = name + strlen("nvidia.com/");
        for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
            if (text_starts(rest, others[i]))
                return false;
        return *rest;
    }
    if (text_starts(name, "carve.dev/"))
        return text_starts(name, "carve.dev/gpu") || is_profile(name + strlen("carve.dev/"));
    return is_profile(name) || strcmp(name, "gpu") == 0 || text_starts(name, "nvidia.com.");
}
