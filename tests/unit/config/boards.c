/* SPDX-License-Identifier: Apache-2.0 */
/* Makes nodes and reads what is said of them: see boards.h. */
#include "boards.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "config/findings.h"
#include "gpu/geometry.h"
#include "test.h"

void boards_make(struct boards *n, const uint32_t *ids, unsigned count)
{
    *n = (struct boards){0};
    n->inv.n_gpus = count;
    n->inv.gpus = n->gpus;
    for (unsigned i = 0; i < count; i++) {
        struct gpu *gpu = &n->gpus[i];

        gpu->index = i;
        gpu->device_id = ids[i];
        gpu->mig = geometry_table(&gpu->geometry, ids[i]) ? GPU_MIG_ON : GPU_MIG_NONE;
    }
}

void boards_add(struct gpu *gpu, const char *profile, unsigned computes, unsigned slices)
{
    const struct gpu_profile *p = geometry_find(&gpu->geometry, profile);
    struct gpu_instance *gi = &gpu->instances[gpu->n_instances++];

    assert_non_null(p);
    gi->id = gpu->n_instances;
    gi->profile_id = p->id;
    gi->n_computes = computes;
    for (unsigned i = 0; i < computes; i++)
        gi->computes[i] = (struct gpu_compute){.id = i, .slices = slices};
}

struct mig_file *boards_parse(const char *text)
{
    struct mig_file *file = NULL;
    struct findings f;
    struct err e = {0};

    findings_init(&f, "made");
    if (mig_file_parse(&file, "made", text, strlen(text), &f, &e) < 0)
        fail_msg("%s\n%s", e.msg, text);
    assert_int_equal(f.count, 0);
    findings_done(&f);
    return file;
}

struct mig_file *boards_default(const struct boards *n)
{
    OWN_MEM char *text = NULL;

    assert_int_equal(mig_file_default(&text, &n->inv, NULL), 0);
    return boards_parse(text);
}

struct mig_file *boards_export(const struct boards *n, bool json)
{
    struct mig_file *file;
    struct buf out;

    buf_init(&out, 1 << 16);
    assert_int_equal(mig_file_export(&out, &n->inv, "current", json, NULL), 0);
    file = boards_parse(out.data);
    buf_done(&out);
    return file;
}

void boards_entry_text(char *text, size_t size, const struct mig_entry *entry)
{
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < entry->n_counts; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s:%u", i > 0 ? " " : "",
                                 entry->counts[i].profile, entry->counts[i].count);
}

void boards_has_entry(const struct mig_file *file, const char *name, size_t index,
                      const char *counts)
{
    const struct mig_config *config = NULL;
    struct err e = {0};
    char text[256];

    if (mig_file_find(&config, file, name, &e) < 0)
        fail_msg("%s", e.msg);
    assert_true(index < config->n_entries);
    boards_entry_text(text, sizeof text, &config->entries[index]);
    assert_string_equal(text, counts);
    assert_true(config->entries[index].enabled);
}
