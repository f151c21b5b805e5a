/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes mig-parted's file: see mig_file.h. Names and profiles are printable ASCII, as the reader
 * demands, so that quoting is all the escaping that YAML needs.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "config/mig_file.h"
#include "config/yaml.h"

enum { FILTER_TEXT_SIZE = 24 };

static void filter_text(char text[FILTER_TEXT_SIZE], const struct mig_filter *filter)
{
    int used = snprintf(text, FILTER_TEXT_SIZE, "0x%08" PRIX32, filter->device);

    if (filter->subsystem != 0)
        (void)snprintf(text + used, FILTER_TEXT_SIZE - (size_t)used, ":0x%08" PRIX32,
                       filter->subsystem);
}

static void yaml_quoted(struct buf *out, const char *text)
{
    buf_char(out, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            buf_char(out, '\\');
        buf_char(out, *text);
    }
    buf_char(out, '"');
}

/* Plain only where no reader can take it for anything but a text. */
static void yaml_name(struct buf *out, const char *text)
{
    size_t safe = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

    if (isalpha((unsigned char)*text) && !text[safe] && yaml_truth(text) < 0 && !yaml_is_null(text))
        buf_text(out, text);
    else
        yaml_quoted(out, text);
}

static void yaml_filters(struct buf *out, const struct mig_entry *entry)
{
    char text[FILTER_TEXT_SIZE];

    if (entry->n_filters == 0)
        return;
    buf_text(out, entry->n_filters == 1 ? "device-filter: " : "device-filter: [");
    for (size_t i = 0; i < entry->n_filters; i++) {
        filter_text(text, &entry->filters[i]);
        buf_printf(out, "%s\"%s\"", i > 0 ? ", " : "", text);
    }
    buf_text(out, entry->n_filters == 1 ? "\n      " : "]\n      ");
}

static void yaml_entry(struct buf *out, const struct mig_entry *entry)
{
    buf_text(out, "    - ");
    yaml_filters(out, entry);
    buf_text(out, entry->all_devices ? "devices: all" : "devices: [");
    for (size_t i = 0; !entry->all_devices && i < entry->n_devices; i++)
        buf_printf(out, "%s%u", i > 0 ? ", " : "", entry->devices[i]);
    buf_printf(out, "%s\n      mig-enabled: %s\n", entry->all_devices ? "" : "]",
               entry->enabled ? "true" : "false");
    if (!entry->enabled)
        return;
    buf_printf(out, "      mig-devices:%s\n", entry->n_counts == 0 ? " {}" : "");
    for (size_t i = 0; i < entry->n_counts; i++) {
        buf_text(out, "        ");
        yaml_quoted(out, entry->counts[i].profile);
        buf_printf(out, ": %u\n", entry->counts[i].count);
    }
}

static void write_yaml(struct buf *out, const struct mig_file *file)
{
    buf_text(out, "version: v1\n");
    if (file->n_configs > 0)
        buf_text(out, "mig-configs:\n");
    for (size_t i = 0; i < file->n_configs; i++) {
        const struct mig_config *config = &file->configs[i];

        buf_text(out, i > 0 ? "\n  " : "  ");
        yaml_name(out, config->name);
        buf_text(out, ":\n");
        for (size_t j = 0; j < config->n_entries; j++)
            yaml_entry(out, &config->entries[j]);
    }
}

static void json_devices(struct json *j, const struct mig_entry *entry)
{
    if (entry->all_devices) {
        json_string(j, "devices", "all");
        return;
    }
    json_array(j, "devices");
    for (size_t i = 0; i < entry->n_devices; i++)
        json_uint(j, NULL, entry->devices[i]);
    json_array_end(j);
}

static void json_entry(struct json *j, const struct mig_entry *entry)
{
    char text[FILTER_TEXT_SIZE];

    json_object(j, NULL);
    if (entry->n_filters > 0) {
        json_array(j, "device-filter");
        for (size_t i = 0; i < entry->n_filters; i++) {
            filter_text(text, &entry->filters[i]);
            json_string(j, NULL, text);
        }
        json_array_end(j);
    }
    json_devices(j, entry);
    json_bool(j, "mig-enabled", entry->enabled);
    if (entry->enabled) {
        json_object(j, "mig-devices");
        for (size_t i = 0; i < entry->n_counts; i++)
            json_uint(j, entry->counts[i].profile, entry->counts[i].count);
        json_object_end(j);
    }
    json_object_end(j);
}

static void write_json(struct buf *out, const struct mig_file *file)
{
    struct json j;

    json_init(&j, out, 2);
    json_object(&j, NULL);
    json_string(&j, "version", "v1");
    if (file->n_configs > 0)
        json_object(&j, "mig-configs");
    for (size_t i = 0; i < file->n_configs; i++) {
        const struct mig_config *config = &file->configs[i];

        json_array(&j, config->name);
        for (size_t k = 0; k < config->n_entries; k++)
            json_entry(&j, &config->entries[k]);
        json_array_end(&j);
    }
    if (file->n_configs > 0)
        json_object_end(&j);
    json_object_end(&j);
}

void mig_file_write(struct buf *out, const struct mig_file *file, bool json)
{
    if (json)
        write_json(out, file);
    else
        write_yaml(out, file);
}
