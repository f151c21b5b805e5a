/* SPDX-License-Identifier: Apache-2.0 */
/* On which GPUs a slice is, and whether its limit makes sense there. See run.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/bytes.h"
#include "cli/run.h"

const char *run_device_name(char buffer[RUN_DEVICE_SIZE], const struct meter_device *d)
{
    if (d->mig < 0)
        (void)snprintf(buffer, RUN_DEVICE_SIZE, "GPU %u", d->gpu);
    else
        (void)snprintf(buffer, RUN_DEVICE_SIZE, "MIG device %u:%d", d->gpu, d->mig);
    return buffer;
}

uint64_t run_room_bytes(const struct run *r, size_t device)
{
    const struct meter_device *d = meter_device(r->meter, device);
    uint64_t gone = slices_promised(r->slices, d->uuid_bytes, d->total_bytes);

    if (__builtin_add_overflow(gone, slices_outside_bytes(r->slices, device), &gone) ||
        gone > d->total_bytes)
        return 0;
    return d->total_bytes - gone;
}

/* Does this word of CUDA_VISIBLE_DEVICES or --gpu mean the device? */
static bool means(const char *word, const struct meter_device *d)
{
    char place[RUN_DEVICE_SIZE];
    uint64_t index;

    if (text_uint(&index, word, UINT32_MAX))
        return d->mig < 0 && d->gpu == index;
    if (strchr(word, ':')) {
        (void)snprintf(place, sizeof place, "%u:%d", d->gpu, d->mig);
        return d->mig >= 0 && strcmp(word, place) == 0;
    }
    return strlen(word) > 4 &&
           text_starts(d->uuid, word); /* as CUDA has it: a beginning is enough */
}

/* What whoever started us has left of the machine: CUDA_VISIBLE_DEVICES, as Slurm sets it. */
static bool is_visible(const struct meter_device *d)
{
    const char *list = secure_getenv("CUDA_VISIBLE_DEVICES");
    char words[4096], *rest = words, *word;

    if (!list || !text_copy(words, sizeof words, list))
        return true;
    while ((word = strsep(&rest, ",")))
        if (*word && means(word, d))
            return true;
    return false;
}

static int check_device(const struct meter_device *d, const char *word, struct err *e)
{
    if (d->cut)
        return err_set(e, EINVAL,
                       "GPU %u is cut by MIG; name one of its MIG devices (%u:0 ...), which 'carve "
                       "gpus' lists",
                       d->gpu, d->gpu);
    if (!d->has_bytes)
        return err_set(e, EINVAL,
                       "'%s' has the UUID '%s', of a form that slices cannot use; a newer driver "
                       "gives it another",
                       word, d->uuid);
    if (!is_visible(d))
        return err_set(e, EINVAL,
                       "'%s' is not in CUDA_VISIBLE_DEVICES='%s', which leaves this session other "
                       "GPUs; name one of those, or unset the variable",
                       word, secure_getenv("CUDA_VISIBLE_DEVICES"));
    return 0;
}

static bool is_chosen(const struct run *r, size_t device)
{
    for (unsigned i = 0; i < r->n_devices; i++)
        if (r->devices[i] == device)
            return true;
    return false;
}

static int choose_named(struct run *r, const char *word, struct err *e)
{
    size_t found = SIZE_MAX;
    int code;

    for (size_t i = 0; i < meter_count(r->meter); i++) {
        if (!means(word, meter_device(r->meter, i)))
            continue;
        if (found != SIZE_MAX)
            return err_set(e, EINVAL,
                           "'%s' is the beginning of more than one UUID; write more of it", word);
        found = i;
    }
    if (found == SIZE_MAX)
        return err_set(e, ENODEV, "there is no GPU '%s'; 'carve gpus' lists those there are", word);
    code = check_device(meter_device(r->meter, found), word, e);
    if (code < 0)
        return code;
    if (is_chosen(r, found))
        return err_set(e, EINVAL, "'%s' is named twice", word);
    r->devices[r->n_devices++] = found;
    return 0;
}

/* CUDA shows a process one MIG device, and no other GPU beside it. */
static int check_mix(const struct run *r, struct err *e)
{
    for (unsigned i = 0; r->n_devices > 1 && i < r->n_devices; i++)
        if (meter_device(r->meter, r->devices[i])->mig >= 0)
            return err_set(
                e, EINVAL,
                "CUDA shows a program only one MIG device, and no GPU beside it; name one "
                "of them");
    return 0;
}

static int choose_by_room(struct run *r, struct err *e)
{
    char room[BYTES_TEXT_SIZE];
    size_t best = SIZE_MAX;
    unsigned n = 0;

    for (size_t i = 0; i < meter_count(r->meter); i++) {
        const struct meter_device *d = meter_device(r->meter, i);
        struct err ignored;

        if (check_device(d, d->uuid, &ignored) < 0)
            continue;
        n++;
        if (best == SIZE_MAX || run_room_bytes(r, i) > run_room_bytes(r, best))
            best = i;
    }
    if (best == SIZE_MAX)
        return err_set(e, ENODEV, "there is no GPU to run on%s; 'carve gpus' lists what is there",
                       secure_getenv("CUDA_VISIBLE_DEVICES") ? " among CUDA_VISIBLE_DEVICES" : "");
    r->devices[r->n_devices++] = best;
    (void)snprintf(r->reason, sizeof r->reason, "the most room of %u: %s", n,
                   bytes_text(room, run_room_bytes(r, best)));
    return 0;
}

/* A slice that is there already says on which GPUs it is. */
static int choose_joined(struct run *r, struct err *e)
{
    const struct page_head *head = &r->own->head;

    for (unsigned i = 0; i < head->n_devices; i++) {
        int at = meter_find(r->meter, head->limits[i].uuid);

        if (at < 0)
            return err_set(e, ENODEV,
                           "slice '%s' is on a GPU that is not there any more; end its programs, "
                           "then start anew",
                           r->o.name);
        r->devices[r->n_devices++] = (size_t)at;
    }
    (void)snprintf(r->reason, sizeof r->reason, "slice '%s' is there", r->o.name);
    return 0;
}

static int check_joined(struct run *r, const size_t *wished, unsigned n, struct err *e)
{
    char limit[BYTES_TEXT_SIZE];
    bool same = n == 0 || n == r->own->head.n_devices;

    for (unsigned i = 0; i < n; i++)
        same = same && is_chosen(r, wished[i]);
    if (!same)
        return err_set(e, EINVAL,
                       "slice '%s' is on other GPUs than --gpu says; leave --gpu out to join it",
                       r->o.name);
    for (unsigned i = 0; r->o.memory && i < r->own->head.n_devices; i++)
        if (r->own->head.limits[i].limit_bytes != r->o.memory_bytes)
            return err_set(e, EINVAL,
                           "slice '%s' is there with a limit of %llu bytes (%s), not '%s'; leave "
                           "--memory out to join it, or take another name",
                           r->o.name, (unsigned long long)r->own->head.limits[i].limit_bytes,
                           bytes_text(limit, r->own->head.limits[i].limit_bytes), r->o.memory);
    return 0;
}

int run_choose(struct run *r, struct err *e)
{
    size_t wished[PAGE_DEVICES];
    unsigned n_wished;
    int code = 0;

    r->n_devices = 0;
    for (unsigned i = 0; code == 0 && i < r->o.n_gpus; i++)
        code = choose_named(r, r->o.gpus[i], e);
    if (code == 0)
        code = check_mix(r, e);
    if (code < 0)
        return code;
    if (r->own) {
        n_wished = r->n_devices;
        memcpy(wished, r->devices, sizeof wished);
        r->n_devices = 0;
        code = choose_joined(r, e);
        return code < 0 ? code : check_joined(r, wished, n_wished, e);
    }
    if (r->n_devices == 0)
        return choose_by_room(r, e);
    (void)TEXT_COPY(r->reason, "named by --gpu");
    return 0;
}

int run_check_memory(const struct run *r, struct err *e)
{
    uint64_t context = (uint64_t)RUN_CONTEXT_MIB << 20;
    char name[RUN_DEVICE_SIZE], total[BYTES_TEXT_SIZE];

    if (r->own)
        return 0;
    if (!r->o.memory)
        return err_set(
            e, ENOENT,
            "you have no slice '%s'; --memory makes one: say how much of the GPU it may use",
            r->o.name);
    for (unsigned i = 0; i < r->n_devices; i++) {
        const struct meter_device *d = meter_device(r->meter, r->devices[i]);

        if (r->o.memory_bytes > d->total_bytes)
            return err_set(e, EINVAL, "'%s' is more than %s has: %s (%llu bytes); ask for less",
                           r->o.memory, run_device_name(name, d), bytes_text(total, d->total_bytes),
                           (unsigned long long)d->total_bytes);
        if (r->o.memory_bytes <= context && d->compute_major == RUN_CONTEXT_MAJOR)
            return err_set(
                e, EINVAL,
                "'%s' is too little: a CUDA context alone takes %d MiB of it on %s, so no "
                "program would start; ask for more",
                r->o.memory, RUN_CONTEXT_MIB, run_device_name(name, d));
    }
    return 0;
}
