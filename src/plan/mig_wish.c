/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a named configuration of a mig-parted file to what it wishes of one GPU: picks the entry,
 * resolves the names, packs compute instances into GPU instances and proves that all can stand
 * together. What is on the GPU now does not matter here.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "config/mig_file.h"
#include "plan/layout.h"
#include "plan/mig_plan.h"
#include "plan/mig_profile.h"
#include "plan/place.h"
#include "plan/room.h"

static bool entry_matches(const struct mig_entry *entry, const struct gpu *gpu)
{
    bool matches = entry->n_filters == 0;

    for (size_t i = 0; i < entry->n_filters && !matches; i++) {
        const struct mig_filter *f = &entry->filters[i];

        matches =
            f->device == gpu->device_id && (f->subsystem == 0 || f->subsystem == gpu->subsystem_id);
    }
    if (!matches || entry->all_devices)
        return matches;
    for (size_t i = 0; i < entry->n_devices; i++) {
        if (entry->devices[i] == gpu->index)
            return true;
    }
    return false;
}

static const struct mig_entry *find_entry(const struct mig_config *config, const struct gpu *gpu)
{
    for (size_t i = config->n_entries; i-- > 0;) {
        if (entry_matches(&config->entries[i], gpu))
            return &config->entries[i];
    }
    return NULL;
}

/* Compute instances by the position of their profile and their slices. */
struct tally {
    unsigned computes[GPU_MAX_PROFILES][GPU_MAX_COMPUTE + 1];
};

static int tally_add(struct tally *t, const struct gpu_geometry *g, const struct mig_count *count,
                     struct err *e)
{
    const struct gpu_profile *p;
    unsigned slices, most, *sum;
    int rc = mig_profile_find(&p, &slices, g, count->profile, e);

    if (rc < 0)
        return rc;
    most = room_most(g, p) * (p->slices / slices);
    sum = &t->computes[p - g->profiles][slices];
    /* One name may come twice, in two spellings. */
    if (count->count > most || *sum + count->count > most) {
        unsigned long long all = (unsigned long long)*sum + count->count;

        return err_set(e, ENOSPC, "%llu x %.40s: at most %u fit", all, count->profile, most);
    }
    *sum += count->count;
    return 0;
}

/* Puts a compute instance into the first wished GPU instance of its profile that has room. */
static bool pack(struct mig_wish *wish, const struct gpu_profile *p, unsigned slices)
{
    struct mig_want *want;

    for (unsigned i = 0; i < wish->n_wants; i++) {
        unsigned sum = slices;

        want = &wish->wants[i];
        for (unsigned c = 0; c < want->n_computes; c++)
            sum += want->compute_slices[c];
        if (want->profile == p && sum <= p->slices) {
            want->compute_slices[want->n_computes++] = (uint8_t)slices;
            return true;
        }
    }
    if (wish->n_wants == GPU_MAX_INSTANCES)
        return false;
    want = &wish->wants[wish->n_wants++];
    *want = (struct mig_want){.profile = p, .n_computes = 1, .compute_slices = {(uint8_t)slices}};
    return true;
}

/* Biggest first, which is the best packing wherever a GPU has room for two of a profile. */
static bool pack_all(struct mig_wish *wish, const struct gpu_geometry *g, const struct tally *t)
{
    for (unsigned i = 0; i < g->n_profiles; i++) {
        for (unsigned slices = GPU_MAX_COMPUTE; slices > 0; slices--) {
            for (unsigned n = 0; n < t->computes[i][slices]; n++) {
                if (!pack(wish, &g->profiles[i], slices))
                    return false;
            }
        }
    }
    return true;
}

static bool found_one(void *self, const unsigned *starts, const struct room *room)
{
    (void)starts;
    (void)room;
    *(bool *)self = true;
    return false;
}

static int check_fit(const struct mig_wish *wish, const struct gpu_geometry *g, struct err *e)
{
    unsigned counts[GPU_MAX_PROFILES] = {0}, need, have;
    char text[LAYOUT_TEXT_SIZE];
    const char *lacks;
    bool fits = false;

    for (unsigned i = 0; i < wish->n_wants; i++)
        counts[wish->wants[i].profile - g->profiles]++;
    lacks = room_lacks(g, counts, &need, &have);
    if (lacks)
        return err_set(e, ENOSPC, "%s cannot fit: needs %u %s of %u", layout_text(text, g, counts),
                       need, lacks, have);
    place_each(g, wish->wants, wish->n_wants, found_one, &fits);
    if (!fits)
        return err_set(e, ENOSPC, "%s cannot fit: their placements overlap",
                       layout_text(text, g, counts));
    return 0;
}

static int fill(struct mig_wish *wish, const struct gpu_geometry *g, const struct mig_entry *entry,
                unsigned *out_line, struct err *e)
{
    struct tally t = {0};

    for (size_t i = 0; i < entry->n_counts; i++) {
        const struct mig_count *count = &entry->counts[i];
        int rc = count->count ? tally_add(&t, g, count, e) : 0;

        *out_line = count->line;
        if (rc < 0)
            return rc;
    }
    *out_line = entry->line;
    if (!pack_all(wish, g, &t))
        return err_set(e, ENOSPC, "more than %d GPU instances", GPU_MAX_INSTANCES);
    place_sort(wish->wants, wish->n_wants);
    return check_fit(wish, g, e);
}

/* line 0: the configuration did not come from a file. */
static int err_where(int rc, unsigned line, const struct gpu *gpu, struct err *e)
{
    (void)err_wrap(e, "GPU %u (%s)", gpu->index, gpu->name);
    if (line)
        (void)err_wrap(e, "line %u", line);
    return rc;
}

int mig_wish_make(struct mig_wish *out, const struct gpu *gpu, const struct mig_config *config,
                  struct err *e)
{
    const struct mig_entry *entry = find_entry(config, gpu);
    struct mig_wish wish = {0};
    unsigned line;
    int rc;

    if (!entry || (entry->enabled && entry->all_devices && gpu->mig == GPU_MIG_NONE))
        return 0;
    if (entry->enabled && gpu->mig == GPU_MIG_NONE) {
        rc = err_set(e, EINVAL, "has no MIG, but an entry with mig-enabled names it by index");
        return err_where(rc, entry->line, gpu, e);
    }
    wish.enabled = entry->enabled;
    if (wish.enabled) {
        rc = fill(&wish, &gpu->geometry, entry, &line, e);
        if (rc < 0)
            return err_where(rc, line, gpu, e);
    }
    *out = wish;
    return 1;
}
