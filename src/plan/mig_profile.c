/* SPDX-License-Identifier: Apache-2.0 */
/* Names of MIG profiles: "[<n>c.]<slices>g.<GB>gb[<attribute>]". */
#include "plan/mig_profile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"

/* A name taken apart. */
struct shape {
    unsigned slices, mem_gb;
    char attribute[16]; /* "+me", "+me.all", "-me", "" */
};

/* A number below 10000 at *at, which moves behind it. */
static bool read_number(unsigned *out, const char **at)
{
    unsigned number = 0, digits = 0;

    for (; **at >= '0' && **at <= '9' && digits < 4; (*at)++, digits++)
        number = number * 10 + (unsigned)(**at - '0');
    *out = number;
    return digits > 0;
}

static bool read_text(const char **at, const char *text)
{
    if (!text_starts(*at, text))
        return false;
    *at += strlen(text);
    return true;
}

static bool read_shape(struct shape *out, const char *name)
{
    struct shape s = {0};

    if (!read_number(&s.slices, &name) || !read_text(&name, "g.") ||
        !read_number(&s.mem_gb, &name) || !read_text(&name, "gb") || !TEXT_COPY(s.attribute, name))
        return false;
    if (s.attribute[0] == '.')
        s.attribute[0] = '+';
    *out = s;
    return true;
}

static unsigned difference(unsigned a, unsigned b)
{
    return a > b ? a - b : b - a;
}

static bool is_alias(const struct shape *a, const struct shape *b)
{
    unsigned by = difference(a->mem_gb, b->mem_gb);

    return a->slices == b->slices && strcmp(a->attribute, b->attribute) == 0 && by <= 1 &&
           20 * by <= b->mem_gb;
}

static const struct gpu_profile *find_alias(const struct gpu_geometry *g, const char *name)
{
    const struct gpu_profile *found = NULL;
    struct shape wanted, has;

    if (!read_shape(&wanted, name))
        return NULL;
    for (unsigned i = 0; i < g->n_profiles; i++) {
        if (!read_shape(&has, g->profiles[i].name) || !is_alias(&wanted, &has))
            continue;
        if (found)
            return NULL;
        found = &g->profiles[i];
    }
    return found;
}

/* The profile with as many slices that is nearest in attribute, then memory; NULL: none is. */
static const struct gpu_profile *find_near(const struct gpu_geometry *g, const char *name)
{
    const struct gpu_profile *near = NULL;
    unsigned least = 0;
    struct shape wanted, has;

    if (!read_shape(&wanted, name))
        return NULL;
    for (unsigned i = 0; i < g->n_profiles; i++) {
        unsigned distance;

        if (!read_shape(&has, g->profiles[i].name) || has.slices != wanted.slices)
            continue;
        distance = difference(has.mem_gb, wanted.mem_gb) +
                   (strcmp(has.attribute, wanted.attribute) ? 10000 : 0);
        if (!near || distance < least) {
            near = &g->profiles[i];
            least = distance;
        }
    }
    return near;
}

static int err_unknown(const struct gpu_geometry *g, const char *name, struct err *e)
{
    const struct gpu_profile *near = find_near(g, name);
    char list[GPU_MAX_PROFILES * (GPU_PROFILE_NAME_SIZE + 2)] = "";
    size_t size = 0;

    if (g->n_profiles == 0)
        return err_set(e, ENOENT, "no MIG profile '%.40s': the driver lists none", name);
    for (unsigned i = 0; i < g->n_profiles; i++) {
        int n =
            snprintf(list + size, sizeof list - size, "%s%s", i ? ", " : "", g->profiles[i].name);

        if (n > 0)
            size += (size_t)n;
    }
    if (near)
        return err_set(e, ENOENT, "no MIG profile '%.40s', did you mean '%s'? it has %s", name,
                       near->name, list);
    return err_set(e, ENOENT, "no MIG profile '%.40s', it has %s", name, list);
}

bool mig_profile_computes(const struct gpu_profile *p, unsigned slices)
{
    if (slices == 0 || slices > p->slices || p->slices > GPU_MAX_COMPUTE)
        return false;
    return slices <= 2 || slices == p->slices || ((slices == 3 || slices == 4) && p->slices == 7);
}

int mig_profile_find(const struct gpu_profile **out, unsigned *out_slices,
                     const struct gpu_geometry *g, const char *name, struct err *e)
{
    const char *whole = name;
    const struct gpu_profile *p;
    unsigned slices;
    bool nested = read_number(&slices, &whole) && read_text(&whole, "c.");

    if (!nested)
        whole = name;
    p = geometry_find(g, whole);
    if (!p)
        p = find_alias(g, whole);
    if (!p)
        return err_unknown(g, whole, e);
    if (!nested)
        slices = p->slices;
    if (!mig_profile_computes(p, slices))
        return err_set(e, EINVAL, "no compute instance of %u slices in %s ('%.40s')", slices,
                       p->name, name);
    *out = p;
    *out_slices = slices;
    return 0;
}
