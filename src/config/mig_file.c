/* SPDX-License-Identifier: Apache-2.0 */
/* Reads mig-parted's file and finds configurations in it: see mig_file.h. */
#include "config/mig_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "config/fields.h"
#include "config/findings.h"
#include "config/mig_file_make.h"
#include "config/suggest.h"
#include "gpu/gpu.h"

enum {
    CONFIGS_MAX = 1024,
    PROFILES_MAX = 256,
    COUNT_MAX = 1000,
    INDEX_MAX = 65535,
    NAME_MAX_BYTES = 253,
};

/* "1a2B" up to 8 hexadecimal digits behind "0x"; returns what follows, NULL if that is not there.
 */
static const char *read_id(uint32_t *out, const char *text)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    uint32_t id = 0;
    size_t n = 0;

    if (!text_starts(text, "0x") && !text_starts(text, "0X"))
        return NULL;
    for (text += 2; *text && n < 8; text++, n++) {
        const char *digit = strchr(digits, *text);

        if (!digit)
            break;
        id = id << 4 | (uint32_t)((digit - digits) & 15);
    }
    *out = id;
    return n > 0 ? text : NULL;
}

static void read_filter(struct mig_entry *entry, struct reading *r, const struct yaml_node *node)
{
    uint32_t device = 0, subsystem = 0;
    const char *rest = node->kind == YAML_SCALAR ? read_id(&device, node->text) : NULL;

    if (node->kind == YAML_SCALAR && !*node->text)
        return; /* as good as none, in the original too */
    if (rest && !*rest && node->plain)
        fields_doubt(r, node, "device-filter: %s is a number to mig-parted; put it in quotes",
                     node->text);
    if (rest && *rest == ':')
        rest = read_id(&subsystem, rest + 1);
    if (!rest || *rest)
        fields_error(r, node,
                     "device-filter: '%.80s' is not a PCI id like 0x20B010DE or "
                     "0x20B010DE:0x134F10DE",
                     node->text ? node->text : yaml_kind_name(node->kind));
    else if (!mig_file_make_filter(entry, device, subsystem))
        r->out_of_memory = true;
}

static void read_filters(struct mig_entry *entry, struct reading *r, const struct yaml_node *node)
{
    if (!node)
        return;
    if (node->kind != YAML_LIST)
        read_filter(entry, r, node);
    for (size_t i = 0; i < node->count && node->kind == YAML_LIST; i++)
        read_filter(entry, r, node->items[i]);
}

static void read_devices(struct mig_entry *entry, struct reading *r, const struct yaml_node *node)
{
    if (node->kind == YAML_SCALAR && strcmp(node->text, "all") == 0) {
        entry->all_devices = true;
        return;
    }
    if (node->kind != YAML_LIST) {
        fields_error(r, node, "devices: expected all or a list of GPU indexes, got '%.80s'",
                     node->text ? node->text : yaml_kind_name(node->kind));
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        unsigned index;

        if (fields_whole(&index, r, node->items[i], "devices", 0, INDEX_MAX) &&
            !mig_file_make_device(entry, index))
            r->out_of_memory = true;
    }
}

static size_t skip_number(const char *text, const char *unit)
{
    size_t digits = strspn(text, "0123456789");

    return digits > 0 && text_starts(text + digits, unit) ? digits + strlen(unit) : 0;
}

/* [<c>c.]<g>g.<m>gb, then perhaps '+', '-' or '.' and attributes ("me", "gfx", "me.all"). */
static bool is_profile(const char *text)
{
    size_t size = strlen(text), part;

    text += skip_number(text, "c.");
    part = skip_number(text, "g.");
    if (part == 0 || size >= GPU_PROFILE_NAME_SIZE)
        return false;
    text += part;
    part = skip_number(text, "gb");
    if (part == 0)
        return false;
    text += part;
    if (!*text)
        return true;
    if (!strchr("+-.", *text) || !strchr("abcdefghijklmnopqrstuvwxyz", text[1]) || !text[1])
        return false;
    return text[1 + strspn(text + 1, "abcdefghijklmnopqrstuvwxyz0123456789.,")] == '\0';
}

static bool given_before(const struct yaml_node *map, size_t index)
{
    for (size_t i = index + 1; i < map->count; i++)
        if (strcmp(map->pairs[i].key->text, map->pairs[index].key->text) == 0)
            return true;
    return false;
}

static void read_count(struct mig_entry *entry, struct reading *r, const struct yaml_pair *pair)
{
    struct mig_count *made;
    unsigned count;

    if (!is_profile(pair->key->text)) {
        fields_error(r, pair->key,
                     "mig-devices: '%.80s' is not a MIG profile like 1g.5gb, 1c.3g.20gb or "
                     "1g.5gb+me",
                     pair->key->text);
        return;
    }
    if (!fields_whole(&count, r, pair->value, "mig-devices", 0, COUNT_MAX))
        return;
    made = mig_file_make_count(entry, pair->key->text, count);
    if (!made) {
        r->out_of_memory = true;
        return;
    }
    made->line = pair->key->line;
    made->column = pair->key->column;
}

static void read_counts(struct mig_entry *entry, struct reading *r, const struct yaml_node *map)
{
    size_t before = r->f->n_errors;
    bool any = map->count == 0;

    if (!fields_expect(r, map, YAML_MAP, "mig-devices"))
        return;
    if (map->count > PROFILES_MAX) {
        fields_error(r, map, "mig-devices: more than %d profiles", PROFILES_MAX);
        return;
    }
    for (size_t i = 0; i < map->count; i++) {
        if (given_before(map, i))
            fields_doubt(r, map->pairs[i].key, "'%.80s' is given again below and counts there",
                         map->pairs[i].key->text);
        else
            read_count(entry, r, &map->pairs[i]);
    }
    for (size_t i = 0; i < entry->n_counts; i++)
        any = any || entry->counts[i].count > 0;
    if (!any && r->f->n_errors == before)
        fields_error(r, map, "mig-devices: all counts are 0; write {} for no MIG devices");
}

static void read_entry(struct mig_config *config, struct reading *r, const struct yaml_node *node)
{
    static const char *const names[] = {"device-filter", "devices", "mig-enabled", "mig-devices"};
    const struct fields known = {.where = "an entry", .names = names, .count = 4};
    const struct yaml_pair *found[4];
    const struct yaml_node *devices, *enabled, *counts;
    struct mig_entry *entry;

    if (!fields_expect(r, node, YAML_MAP, "an entry") || !fields_read(r, node, &known, found))
        return;
    entry = mig_file_make_entry(config);
    if (!entry) {
        r->out_of_memory = true;
        return;
    }
    entry->line = node->line;
    entry->column = node->column;
    devices = fields_value(found[1]);
    enabled = fields_value(found[2]);
    counts = fields_value(found[3]);
    read_filters(entry, r, fields_value(found[0]));
    if (devices)
        read_devices(entry, r, devices);
    else
        fields_error(r, node, "an entry has no devices; add devices: all");
    if (!enabled)
        fields_error(r, node, "an entry has no mig-enabled; add mig-enabled: true or false");
    else if (!fields_truth(&entry->enabled, r, enabled, "mig-enabled"))
        return;
    if (counts)
        read_counts(entry, r, counts);
    if (enabled && entry->enabled && !counts)
        fields_error(r, node,
                     "mig-enabled is true but there are no mig-devices; add mig-devices, "
                     "{} for none");
    if (enabled && !entry->enabled && counts && counts->count > 0)
        fields_error(r, found[3]->key, "mig-devices are given but mig-enabled is false");
}

static bool is_printable(const char *text)
{
    for (; *text; text++)
        if (*text < 0x20 || *text > 0x7e)
            return false;
    return true;
}

static void read_config(struct mig_file *file, struct reading *r, const struct yaml_pair *pair)
{
    const char *name = pair->key->text;
    struct mig_config *config;

    if (!*name || strlen(name) > NAME_MAX_BYTES || !is_printable(name)) {
        fields_error(r, pair->key,
                     "mig-configs: '%.80s' is no name: it must be 1 to %d printable "
                     "ASCII characters",
                     name, NAME_MAX_BYTES);
        return;
    }
    if (pair->value->kind != YAML_LIST || pair->value->count == 0) {
        fields_error(r, pair->key, "configuration '%s': expected a list of at least one entry",
                     name);
        return;
    }
    for (size_t i = 0; i < file->n_configs; i++) {
        if (strcmp(file->configs[i].name, name) != 0)
            continue;
        fields_doubt(r, pair->key, "configuration '%s' replaces the one at line %u: remove one",
                     name, file->configs[i].line);
        mig_file_make_drop(file, i);
    }
    config = mig_file_make_config(file, name);
    if (!config) {
        r->out_of_memory = true;
        return;
    }
    config->line = pair->key->line;
    config->column = pair->key->column;
    for (size_t i = 0; i < pair->value->count; i++)
        read_entry(config, r, pair->value->items[i]);
}

static void read_configs(struct mig_file *file, struct reading *r, const struct yaml_node *map)
{
    if (!fields_expect(r, map, YAML_MAP, "mig-configs"))
        return;
    if (map->count == 0)
        fields_error(r, map, "mig-configs: expected at least one configuration");
    if (map->count > CONFIGS_MAX) {
        fields_error(r, map, "mig-configs: more than %d configurations", CONFIGS_MAX);
        return;
    }
    for (size_t i = 0; i < map->count; i++)
        read_config(file, r, &map->pairs[i]);
}

static void read_root(struct mig_file *file, struct reading *r, const struct yaml_doc *doc)
{
    static const char *const names[] = {"version", "mig-configs"};
    const struct fields known = {.where = "", .names = names, .count = 2};
    const struct yaml_node *root = fields_root(r, doc), *version, *configs;
    const struct yaml_pair *found[2];

    if (!root || !fields_read(r, root, &known, found))
        return;
    version = fields_value(found[0]);
    configs = fields_value(found[1]);
    if (!version)
        fields_error(r, root, "no version; add version: v1");
    else if (version->kind != YAML_SCALAR || strcmp(version->text, "v1") != 0)
        fields_error(r, version, "unknown version '%.80s'; carve reads v1",
                     version->text ? version->text : yaml_kind_name(version->kind));
    if (configs)
        read_configs(file, r, configs);
    else if (found[1])
        fields_error(r, found[1]->key, "mig-configs: expected at least one configuration");
}

int mig_file_parse(struct mig_file **out, const char *file, const char *text, size_t size,
                   struct findings *f, struct err *e)
{
    OWN(yaml_doc_freep) struct yaml_doc *doc = NULL;
    OWN(mig_file_freep) struct mig_file *made = mig_file_make_new(file);
    struct reading r = {.f = f, .closed = true};
    int failed;

    if (!made)
        return err_memory(e);
    failed = fields_open(&doc, &r, file, text, size, e);
    if (failed == -ENOMEM)
        return failed;
    if (failed == 0)
        read_root(made, &r, doc);
    findings_sort(f);
    if (r.out_of_memory)
        return err_memory(e);
    failed = findings_verdict(f, e);
    if (failed)
        return failed;
    *out = TAKE(made);
    return 0;
}

/* "a, b, c", or as many as there is room for and how many more. */
static void list_names(struct buf *list, const struct mig_file *file)
{
    for (size_t i = 0; i < file->n_configs; i++) {
        const char *name = file->configs[i].name;

        if (list->size + strlen(name) > 300) {
            buf_printf(list, " and %zu more", file->n_configs - i);
            return;
        }
        buf_printf(list, "%s%s", i > 0 ? ", " : "", name);
    }
}

static const char *nearest_name(const struct mig_file *file, const char *name)
{
    const char *best = NULL;
    OWN_MEM const char **names = calloc(file->n_configs + 1, sizeof *names);

    for (size_t i = 0; names && i < file->n_configs; i++)
        names[i] = file->configs[i].name;
    if (names)
        best = suggest_find(name, names, file->n_configs);
    return best;
}

int mig_file_find(const struct mig_config **out, const struct mig_file *file, const char *name,
                  struct err *e)
{
    OWN(buf_done) struct buf list;
    const char *near;

    buf_init(&list, 1024);
    for (size_t i = 0; i < file->n_configs; i++) {
        if (name ? strcmp(file->configs[i].name, name) == 0 : file->n_configs == 1) {
            *out = &file->configs[i];
            return 0;
        }
    }
    if (file->n_configs == 0)
        return err_set(e, ENOENT, "%s has no configuration", file->file);
    list_names(&list, file);
    if (!name)
        return err_set(e, ENOENT, "%s has several configurations, choose one of %s", file->file,
                       list.data ? list.data : "them");
    near = nearest_name(file, name);
    return err_set(e, ENOENT, "%s has no configuration '%.80s'%s%s%s; it has %s", file->file, name,
                   near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "",
                   list.data ? list.data : "others");
}
