/* SPDX-License-Identifier: Apache-2.0 */
/* Slices that stay until they are released: see leaving.h. */
#include "slice/leaving.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "slice/notes.h"

/* Where the device behind a slice is. */
struct place {
    unsigned gpu;     /* position in the inventory */
    bool whole;       /* the GPU, else a MIG device of it */
    const char *uuid; /* the inventory's */
};

static int compare(const void *left, const void *right)
{
    const struct leaving_slice *a = left, *b = right;
    int order = strcmp(a->resource, b->resource);

    return order != 0 ? order : strcmp(a->id, b->id);
}

size_t leaving_sort(struct leaving_slice *slices, size_t count)
{
    size_t kept = 0;

    if (count > 0)
        qsort(slices, count, sizeof *slices, compare);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || compare(&slices[kept - 1], &slices[i]) != 0)
            slices[kept++] = slices[i];
    return kept;
}

/* The id is the UUID, or begins with it. */
static bool is_of(const char *id, const char *uuid)
{
    size_t size = strlen(uuid);

    return strncmp(id, uuid, size) == 0 && (id[size] == '\0' || id[size] == ':');
}

/* A share of a device; else all of it. */
static bool is_replica(const char *id)
{
    return strstr(id, "::") != NULL;
}

static bool find_place(struct place *out, const char *id, const struct inventory *inv)
{
    for (unsigned g = 0; g < inv->n_gpus; g++) {
        const struct gpu *gpu = &inv->gpus[g];

        *out = (struct place){.gpu = g, .whole = true, .uuid = gpu->uuid};
        if (is_of(id, gpu->uuid))
            return true;
        out->whole = false;
        for (unsigned i = 0; i < gpu->n_instances; i++) {
            for (unsigned c = 0; c < gpu->instances[i].n_computes; c++) {
                out->uuid = gpu->instances[i].computes[c].uuid;
                if (is_of(id, out->uuid))
                    return true;
            }
        }
    }
    return false;
}

bool leaving_is(const struct leaving_slice *slice, const struct resource_list *list,
                const struct inventory *inv)
{
    const struct resource *r = resource_list_find(list, slice->resource);
    struct place place;

    return (!r || resource_slice_find(r, slice->id) < 0) && find_place(&place, slice->id, inv);
}

static bool overlaps(const struct resource_device *d, const struct place *place)
{
    return strcmp(d->uuid, place->uuid) == 0 ||
           (d->gpu == place->gpu && (place->whole || d->gi_id < 0));
}

/* Takes from others what a leaving slice holds. */
static void withhold(struct resource_list *list, const struct inventory *inv,
                     const struct leaving_slice *slice, struct notes *notes)
{
    struct place place;

    if (!find_place(&place, slice->id, inv))
        return;
    for (size_t i = 0; i < list->count; i++) {
        struct resource *r = &list->resources[i];

        for (size_t k = 0; k < r->n_devices; k++) {
            if ((r->replicas > 1 && is_replica(slice->id)) || !overlaps(&r->devices[k], &place))
                continue;
            r->devices[k].healthy = false;
            notes_add(notes, (int)place.gpu,
                      "slices of '%s' wait until the containers that hold the device as '%s' have "
                      "ended",
                      r->name, slice->resource);
        }
    }
}

/* The resource of this name, a new one without devices if need be; NULL: there are enough. */
static int find_or_add(struct resource **out, struct resource_list *list, const char *name,
                       struct err *e)
{
    struct resource *r;
    size_t at = 0;

    *out = NULL;

    while (at < list->count && strcmp(list->resources[at].name, name) < 0)
        at++;
    if (at < list->count && strcmp(list->resources[at].name, name) == 0) {
        *out = &list->resources[at];
        return 0;
    }
    if (list->count == RESOURCE_MAX)
        return 0;
    r = realloc(list->resources, (list->count + 1) * sizeof *r);
    if (!r)
        return err_memory(e);
    list->resources = r;
    memmove(r + at + 1, r + at, (list->count - at) * sizeof *r);
    list->count++;
    r[at] = (struct resource){.replicas = 1};
    (void)TEXT_COPY(r[at].name, name);
    *out = &r[at];
    return 0;
}

/* Adds `count` slices of one resource. */
static int add(struct resource *r, const struct leaving_slice *slices, size_t count,
               struct notes *notes, struct err *e)
{
    uint64_t bytes = resource_bytes(r);
    char(*ids)[SLICE_ID_SIZE] = calloc(count, sizeof *ids);

    if (!ids)
        return err_memory(e);
    free(r->leaving);
    r->leaving = ids;
    r->n_leaving = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += resource_slice_bytes(strlen(slices[i].id), -1);
        if (bytes > RESOURCE_MAX_LIST_BYTES)
            break;
        (void)TEXT_COPY(ids[r->n_leaving], slices[i].id);
        r->n_leaving++;
    }
    notes_add(notes, NOTES_NODE,
              "%zu slice%s of '%s' not configured any more; each stays until its container has "
              "ended",
              count, count == 1 ? " is" : "s are", r->name);
    return 0;
}

/* Puts the notes behind those of the list. */
static int add_notes(struct resource_list *list, const struct notes *notes,
                     const struct inventory *inv, struct err *e)
{
    OWN_MEM char **texts = NULL;
    char **all;
    size_t count = 0;
    int r = notes_texts(&texts, &count, notes, inv, e);

    if (r < 0 || count == 0)
        return r;
    all = realloc(list->notes, (list->n_notes + count) * sizeof *all);
    if (!all) {
        for (size_t i = 0; i < count; i++)
            free(texts[i]);
        return err_memory(e);
    }
    list->notes = all;
    memcpy(all + list->n_notes, texts, count * sizeof *all);
    list->n_notes += count;
    return 0;
}

int leaving_apply(struct resource_list *list, const struct inventory *inv,
                  const struct leaving_slice *slices, size_t count, bool tell, struct err *e)
{
    OWN(notes_done) struct notes notes;
    int r = 0;

    notes_init(&notes);
    for (size_t i = 0; i < count; i++)
        withhold(list, inv, &slices[i], &notes);
    for (size_t first = 0, end; r == 0 && first < count; first = end) {
        struct resource *resource;

        r = find_or_add(&resource, list, slices[first].resource, e);
        end = first + 1;
        while (end < count && strcmp(slices[end].resource, slices[first].resource) == 0)
            end++;
        if (r == 0 && resource)
            r = add(resource, slices + first, end - first, &notes, e);
    }
    return r == 0 && tell ? add_notes(list, &notes, inv, e) : r;
}
