/* SPDX-License-Identifier: Apache-2.0 */
/* The state of a node's GPUs as a mig-parted file: see mig_file.h. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "config/mig_file_make.h"
#include "gpu/gpu.h"

enum { LABEL_VALUE_MAX = 63 };

/* The syntax of a node label's value, as which a configuration is chosen. */
static bool is_label_value(const char *text)
{
    size_t size = strlen(text);

    if (size == 0 || size > LABEL_VALUE_MAX || !isalnum((unsigned char)text[0]) ||
        !isalnum((unsigned char)text[size - 1]))
        return false;
    for (; *text; text++)
        if (!isalnum((unsigned char)*text) && !strchr("-_.", *text))
            return false;
    return true;
}

static bool is_usable(const struct gpu *gpu)
{
    return !gpu->fault[0];
}

/* One more device of that profile; counts stay sorted by profile, so that states compare. */
static bool count_device(struct mig_entry *entry, const char *profile)
{
    struct mig_count *made, moving;
    size_t at;

    for (size_t i = 0; i < entry->n_counts; i++) {
        if (strcmp(entry->counts[i].profile, profile) == 0) {
            entry->counts[i].count++;
            return true;
        }
    }
    made = mig_file_make_count(entry, profile, 1);
    if (!made)
        return false;
    moving = *made;
    for (at = entry->n_counts - 1; at > 0; at--) {
        if (strcmp(entry->counts[at - 1].profile, profile) < 0)
            break;
        entry->counts[at] = entry->counts[at - 1];
    }
    entry->counts[at] = moving;
    return true;
}

static bool count_gpu(struct mig_entry *entry, const struct gpu *gpu)
{
    char name[GPU_PROFILE_NAME_SIZE];

    entry->enabled = gpu->mig == GPU_MIG_ON;
    for (unsigned i = 0; entry->enabled && i < gpu->n_instances; i++) {
        const struct gpu_instance *gi = &gpu->instances[i];

        for (unsigned k = 0; k < gi->n_computes; k++)
            if (!count_device(entry, gpu_device_name(name, gpu, gi, &gi->computes[k])))
                return false;
    }
    return true;
}

static bool same_state(const struct mig_entry *a, const struct mig_entry *b)
{
    if (a->enabled != b->enabled || a->n_counts != b->n_counts)
        return false;
    for (size_t i = 0; i < a->n_counts; i++)
        if (a->counts[i].count != b->counts[i].count ||
            strcmp(a->counts[i].profile, b->counts[i].profile) != 0)
            return false;
    return true;
}

static bool has_filter(const struct mig_entry *entry, uint32_t device)
{
    for (size_t i = 0; i < entry->n_filters; i++)
        if (entry->filters[i].device == device)
            return true;
    return false;
}

static bool has_device(const struct mig_entry *entry, unsigned index)
{
    for (size_t i = 0; i < entry->n_devices; i++)
        if (entry->devices[i] == index)
            return true;
    return false;
}

/*
 * Adds the GPU to the entry of its state. The last entry of `config` is the GPU's own until then:
 * it is dropped if an earlier one is the same.
 */
static bool add_gpu(struct mig_config *config, const struct gpu *gpu)
{
    struct mig_entry *entry = mig_file_make_entry(config);

    if (!entry || !count_gpu(entry, gpu))
        return false;
    for (size_t i = 0; i + 1 < config->n_entries; i++) {
        if (!same_state(&config->entries[i], entry))
            continue;
        mig_file_make_drop_entry(config, config->n_entries - 1);
        entry = &config->entries[i];
        break;
    }
    return (has_filter(entry, gpu->device_id) || mig_file_make_filter(entry, gpu->device_id, 0)) &&
           mig_file_make_device(entry, gpu->index);
}

/* Whether the entry has every GPU of the boards that its filters name. */
static bool covers_its_boards(const struct mig_entry *entry, const struct inventory *inv)
{
    for (unsigned i = 0; i < inv->n_gpus; i++)
        if (has_filter(entry, inv->gpus[i].device_id) && !has_device(entry, inv->gpus[i].index))
            return false;
    return true;
}

static bool boards_differ(const struct inventory *inv)
{
    for (unsigned i = 1; i < inv->n_gpus; i++)
        if (inv->gpus[i].device_id != inv->gpus[0].device_id)
            return true;
    return false;
}

static struct mig_file *make_state(const struct inventory *inv, const char *name)
{
    OWN(mig_file_freep) struct mig_file *file = mig_file_make_new(name);
    struct mig_config *config = file ? mig_file_make_config(file, name) : NULL;
    bool differ = boards_differ(inv), complete = true;

    if (!config)
        return NULL;
    for (unsigned i = 0; i < inv->n_gpus; i++) {
        complete = complete && is_usable(&inv->gpus[i]);
        if (is_usable(&inv->gpus[i]) && !add_gpu(config, &inv->gpus[i]))
            return NULL;
    }
    for (size_t i = 0; i < config->n_entries; i++) {
        struct mig_entry *entry = &config->entries[i];

        entry->all_devices = covers_its_boards(entry, inv);
        if (!differ || (complete && config->n_entries == 1))
            entry->n_filters = 0;
    }
    return TAKE(file);
}

int mig_file_export(struct buf *out, const struct inventory *inv, const char *name, bool json,
                    struct err *e)
{
    OWN(mig_file_freep) struct mig_file *file = NULL;

    if (!is_label_value(name))
        return err_set(e, EINVAL, "'%.80s' cannot be a configuration's name: not a label value",
                       name);
    file = make_state(inv, name);
    if (!file)
        return err_memory(e);
    if (file->configs[0].n_entries == 0)
        return err_set(e, ENODEV, "no GPU whose state could be exported");
    for (unsigned i = 0; !json && i < inv->n_gpus; i++)
        if (!is_usable(&inv->gpus[i]))
            buf_printf(out, "# GPU %u is left out: %s\n", inv->gpus[i].index, inv->gpus[i].fault);
    mig_file_write(out, file, json);
    return buf_check(out, e);
}
