/* SPDX-License-Identifier: Apache-2.0 */
/* Builds and frees struct mig_file: see mig_file_make.h. */
#include "config/mig_file_make.h"

#include <stdlib.h>
#include <string.h>

/* Room for one more element behind `count`; *array, a pointer, is replaced. NULL: no memory. */
static void *grow(void *array, size_t count, size_t size)
{
    char *grown;

    memcpy(&grown, array, sizeof grown);
    grown = reallocarray(grown, count + 1, size);
    if (!grown)
        return NULL;
    memcpy(array, &grown, sizeof grown);
    return memset(grown + count * size, 0, size);
}

struct mig_file *mig_file_make_new(const char *file)
{
    OWN(mig_file_freep) struct mig_file *made = calloc(1, sizeof *made);

    if (made)
        made->file = strdup(file);
    return made && made->file ? TAKE(made) : NULL;
}

struct mig_config *mig_file_make_config(struct mig_file *file, const char *name)
{
    OWN_MEM char *copy = strdup(name);
    struct mig_config *config =
        copy ? grow(&file->configs, file->n_configs, sizeof *file->configs) : NULL;

    if (!config)
        return NULL;
    config->name = TAKE(copy);
    file->n_configs++;
    return config;
}

struct mig_entry *mig_file_make_entry(struct mig_config *config)
{
    struct mig_entry *entry = grow(&config->entries, config->n_entries, sizeof *config->entries);

    if (entry)
        config->n_entries++;
    return entry;
}

bool mig_file_make_filter(struct mig_entry *entry, uint32_t device, uint32_t subsystem)
{
    struct mig_filter *filter = grow(&entry->filters, entry->n_filters, sizeof *entry->filters);

    if (!filter)
        return false;
    *filter = (struct mig_filter){device, subsystem};
    entry->n_filters++;
    return true;
}

bool mig_file_make_device(struct mig_entry *entry, unsigned index)
{
    unsigned *device = grow(&entry->devices, entry->n_devices, sizeof *entry->devices);

    if (!device)
        return false;
    *device = index;
    entry->n_devices++;
    return true;
}

struct mig_count *mig_file_make_count(struct mig_entry *entry, const char *profile, unsigned count)
{
    OWN_MEM char *copy = strdup(profile);
    struct mig_count *made =
        copy ? grow(&entry->counts, entry->n_counts, sizeof *entry->counts) : NULL;

    if (!made)
        return NULL;
    made->profile = TAKE(copy);
    made->count = count;
    entry->n_counts++;
    return made;
}

static void entry_done(struct mig_entry *entry)
{
    for (size_t i = 0; i < entry->n_counts; i++)
        free(entry->counts[i].profile);
    free(entry->counts);
    free(entry->devices);
    free(entry->filters);
}

void mig_file_make_drop_entry(struct mig_config *config, size_t index)
{
    struct mig_entry *entry = &config->entries[index];

    entry_done(entry);
    memmove(entry, entry + 1, (config->n_entries - index - 1) * sizeof *entry);
    config->n_entries--;
}

static void config_done(struct mig_config *config)
{
    for (size_t i = 0; i < config->n_entries; i++)
        entry_done(&config->entries[i]);
    free(config->entries);
    free(config->name);
}

void mig_file_make_drop(struct mig_file *file, size_t index)
{
    struct mig_config *config = &file->configs[index];

    config_done(config);
    memmove(config, config + 1, (file->n_configs - index - 1) * sizeof *config);
    file->n_configs--;
}

void mig_file_free(struct mig_file *file)
{
    if (!file)
        return;
    for (size_t i = 0; i < file->n_configs; i++)
        config_done(&file->configs[i]);
    free(file->configs);
    free(file->file);
    free(file);
}
