/* SPDX-License-Identifier: Apache-2.0 */
/* Rows over a catalogue: see merge.h. Here are types and quotas; merge_prices.c has the rest. */
#include "cost/merge.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "cost/draft.h"
#include "cost/text_map.h"

enum { GPU_WORDS = 128 };

static const char *gpu_words(char out[GPU_WORDS], const struct instance_type *t)
{
    if (t->gpus == 0)
        (void)snprintf(out, GPU_WORDS, "no GPU");
    else
        (void)snprintf(out, GPU_WORDS, "%u x %.40s of %llu MiB", t->gpus, t->gpu_name,
                       (unsigned long long)t->gpu_memory_mib);
    return out;
}

/* Where nobody told the old one's numbers there is nothing to contradict. */
static int agree(const struct instance_type *old, const struct catalog_place *said,
                 const struct type_row *row, struct err *e)
{
    const struct instance_type *t = &row->type;
    char a[GPU_WORDS], b[GPU_WORDS], place[CATALOG_PLACE_SIZE];

    if (old->vcpus == 0)
        return 0;
    if (old->gpus != t->gpus || strcmp(old->gpu_name, t->gpu_name) != 0 ||
        old->gpu_memory_mib != t->gpu_memory_mib || old->gpu_part != t->gpu_part)
        return rows_error(e, &row->place, "'%s' has %s, but %s by %s", t->name, gpu_words(a, t),
                          gpu_words(b, old), catalog_place_text(place, said));
    if (old->vcpus != t->vcpus || old->memory_mib != t->memory_mib ||
        strcmp(old->arch, t->arch) != 0)
        return rows_error(
            e, &row->place, "'%s' has %u vCPUs and %llu MiB (%s), but %u and %llu (%s) by %s",
            t->name, t->vcpus, (unsigned long long)t->memory_mib, t->arch, old->vcpus,
            (unsigned long long)old->memory_mib, old->arch, catalog_place_text(place, said));
    return 0;
}

static const char *either(const char *told, const char *before)
{
    return *told ? told : before;
}

/* What the row does not tell stays as it was; of the GPU the catalogue knows more than any file. */
static void complete(struct instance_type *t, const struct instance_type *old)
{
    t->cpu_manufacturer = either(t->cpu_manufacturer, old->cpu_manufacturer);
    t->hypervisor = either(t->hypervisor, old->hypervisor);
    t->ami = either(t->ami, old->ami);
    t->legacy |= old->legacy;
    t->n_prices = old->n_prices;
    t->prices = old->prices;
    t->n_absences = old->n_absences;
    t->absences = old->absences;
    t->max_pods = t->max_pods ? t->max_pods : old->max_pods;
    t->network_mbps = t->network_mbps ? t->network_mbps : old->network_mbps;
    t->local_nvme_gb = t->local_nvme_gb ? t->local_nvme_gb : old->local_nvme_gb;
    t->efa_interfaces = t->efa_interfaces ? t->efa_interfaces : old->efa_interfaces;
    if (t->gpus == 0 || !*old->gpu_product)
        return;
    t->gpu_product = old->gpu_product;
    t->gpu_architecture = old->gpu_architecture;
    t->compute_capability = old->compute_capability;
    t->board = old->board;
    t->geometry = old->geometry;
    t->mig = old->mig;
    t->n_mig_profiles = old->n_mig_profiles;
    t->mig_profiles = old->mig_profiles;
    t->mig_min_driver = old->mig_min_driver;
}

static int add_type(struct merge *m, struct text_map *names, const struct type_row *row,
                    struct err *e)
{
    const size_t *known = text_map_find(names, row->type.name);
    size_t at = known ? *known : m->next.n_types;
    struct instance_type t = row->type;
    int r;

    if (known) {
        r = agree(&m->types[at], &m->origins[at], row, e);
        if (r < 0)
            return r;
        complete(&t, &m->types[at]);
    } else if (at == CATALOG_MAX_TYPES) {
        return err_set(e, E2BIG, "%s: more than %d instance types in all", m->rows->file,
                       CATALOG_MAX_TYPES);
    } else if (!text_map_add(names, m->arena, t.name, m->next.n_types++)) {
        return err_memory(e);
    }
    draft_reckon(&t);
    m->types[at] = t;
    m->next.types[at] = &m->types[at];
    m->origins[at] = row->place;
    return 0;
}

int merge_types(struct merge *m, const struct catalog_content *now, struct err *e)
{
    size_t most = now->n_types + m->rows->n_types;
    struct text_map names = {0};
    int r = 0;

    m->types = arena_array(m->arena, most + 1, sizeof *m->types);
    m->next.types = arena_array(m->arena, most + 1, sizeof(void *));
    m->origins = arena_array(m->arena, most + 1, sizeof *m->origins);
    m->next.origins = m->origins;
    if (!m->types || !m->next.types || !m->origins)
        return err_memory(e);
    m->next.n_types = now->n_types;
    for (size_t i = 0; i < now->n_types; i++) {
        m->types[i] = *now->types[i];
        m->next.types[i] = &m->types[i];
        m->origins[i] = now->origins[i];
        if (!text_map_add(&names, m->arena, m->types[i].name, i))
            return err_memory(e);
    }
    for (size_t i = 0; r == 0 && i < m->rows->n_types; i++)
        r = add_type(m, &names, &m->rows->types[i], e);
    return r;
}

static bool same_subject(const struct quota *a, const struct quota *b)
{
    if (a->purchase != b->purchase || a->n_families != b->n_families ||
        strcmp(a->region, b->region) != 0)
        return false;
    for (size_t i = 0; i < a->n_families; i++)
        if (strcmp(a->families[i], b->families[i]) != 0)
            return false;
    return true;
}

static int judge_quotas(const struct rows *rows, struct err *e)
{
    char place[CATALOG_PLACE_SIZE];

    for (size_t i = 0; i < rows->n_quotas; i++) {
        for (size_t k = 0; k < i; k++) {
            const struct quota *a = &rows->quotas[i].quota, *b = &rows->quotas[k].quota;

            if (same_subject(a, b) && a->vcpus != b->vcpus)
                return rows_error(e, &rows->quotas[i].place,
                                  "the quota in %s is %u vCPUs, but %u by %s", a->region, a->vcpus,
                                  b->vcpus, catalog_place_text(place, &rows->quotas[k].place));
        }
    }
    return 0;
}

static bool is_replaced(const struct quota *old, const struct rows *rows)
{
    for (size_t i = 0; i < rows->n_quotas; i++)
        if (same_subject(old, &rows->quotas[i].quota))
            return true;
    return false;
}

static int merge_quotas(struct merge *m, const struct catalog_content *now, struct err *e)
{
    const struct rows *rows = m->rows;
    struct quota *all = arena_array(m->arena, now->n_quotas + rows->n_quotas + 1, sizeof *all);
    size_t n = 0;
    int r = judge_quotas(rows, e);

    if (r < 0)
        return r;
    if (!all)
        return err_memory(e);
    for (size_t i = 0; i < now->n_quotas; i++)
        if (!is_replaced(&now->quotas[i], rows))
            all[n++] = now->quotas[i];
    for (size_t i = 0; i < rows->n_quotas; i++)
        all[n++] = rows->quotas[i].quota;
    if (n > CATALOG_MAX_QUOTAS)
        return err_set(e, E2BIG, "%s: more than %d quotas in all", rows->file, CATALOG_MAX_QUOTAS);
    m->next.quotas = all;
    m->next.n_quotas = n;
    return 0;
}

int merge_rows(struct catalog_content *out, const struct catalog_content *now,
               const struct rows *rows, struct err *e)
{
    struct merge m = {.rows = rows, .arena = rows_arena(rows)};
    int r = merge_types(&m, now, e);

    if (r == 0)
        r = merge_prices(&m, e);
    if (r == 0)
        r = merge_quotas(&m, now, e);
    if (r == 0 && !catalog_index(&m.next, m.arena))
        r = err_memory(e);
    if (r == 0)
        *out = m.next;
    return r;
}
