/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of a ConfigMap: see choice_key.h. */
#include "gateway/choice_key.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/own.h"
#include "base/text.h"
#include "config/suggest.h"
#include "config/yaml.h"
#include "config/yaml_at.h"
#include "gateway/own_node.h"

enum { LIST_MAX_BYTES = 200, NAMES_MAX = 256, KEYS_MAX_BYTES = 4096 };

/* A kubelet hides such names where it mounts a ConfigMap, so they are nobody's configuration. */
static bool is_hidden(const char *key)
{
    return text_starts(key, "..");
}

static size_t count_keys(const struct yaml_node *data, const char **only)
{
    size_t n = 0;

    for (size_t i = 0; data && data->kind == YAML_MAP && i < data->count; i++) {
        if (is_hidden(data->pairs[i].key->text))
            continue;
        *only = data->pairs[i].key->text;
        n++;
    }
    return n;
}

/* "it has a, b and 3 more"; with a key much like `wanted` that one is asked for. */
static void add_keys(struct buf *out, const struct yaml_node *data, const char *wanted)
{
    const char *names[NAMES_MAX] = {NULL}, *near = NULL;
    size_t n = 0, start = out->size;

    for (size_t i = 0; data && data->kind == YAML_MAP && i < data->count && n < NAMES_MAX; i++)
        if (!is_hidden(data->pairs[i].key->text))
            names[n++] = data->pairs[i].key->text;
    if (wanted)
        near = suggest_find(wanted, names, n);
    if (near)
        buf_printf(out, "did you mean '%s'? ", near);
    buf_text(out, n > 0 ? "it has " : "it has no keys");
    for (size_t i = 0; i < n; i++) {
        if (out->size - start > LIST_MAX_BYTES) {
            buf_printf(out, " and %zu more", n - i);
            break;
        }
        buf_printf(out, "%s%s", i > 0 ? ", " : "", names[i]);
    }
}

/* `who` says whose wish it is: "node label nvidia.com/device-plugin.config". */
static int take_named(struct choice_pick *out, const struct yaml_node *object, const char *key,
                      const char *config_map, const char *who, struct err *e)
{
    const struct yaml_node *data = yaml_at(object, "data", NULL), *value = yaml_at(data, key, NULL);
    OWN(buf_done) struct buf keys;

    buf_init(&keys, KEYS_MAX_BYTES);
    if (is_hidden(key))
        return err_set(e, EINVAL,
                       "%s names key '%.80s': keys that begin with '..' are not read; rename it in "
                       "ConfigMap %s",
                       who, key, config_map);
    if (value && value->kind == YAML_SCALAR) {
        *out = (struct choice_pick){.key = key, .text = value->text};
        return 0;
    }
    if (yaml_at(object, "binaryData", key, NULL))
        return err_set(e, EINVAL,
                       "%s names key '%.80s' of ConfigMap %s, which is binary data; put it under "
                       "'data' as UTF-8 text",
                       who, key, config_map);
    add_keys(&keys, data, key);
    return err_set(e, ENOENT,
                   "%s names key '%.80s', which ConfigMap %s has not: %s; name one of its keys, or "
                   "add this one",
                   who, key, config_map, keys.data ? keys.data : "");
}

/* One fallback: 1 with *out, 0 if it does not serve. */
static int fall_back(struct choice_pick *out, const struct yaml_node *data, const char *strategy,
                     size_t size, struct err *e)
{
    const struct yaml_node *value = yaml_at(data, "default", NULL);
    const char *only = NULL;

    if (size == strlen("named") && strncmp(strategy, "named", size) == 0) {
        if (!value || value->kind != YAML_SCALAR)
            return 0;
        *out = (struct choice_pick){.key = "default", .text = value->text};
        return 1;
    }
    if (size == strlen("single") && strncmp(strategy, "single", size) == 0) {
        if (count_keys(data, &only) != 1)
            return 0;
        value = yaml_at(data, only, NULL);
        if (value->kind != YAML_SCALAR)
            return 0;
        *out = (struct choice_pick){.key = only, .text = value->text};
        return 1;
    }
    if (size == strlen("empty") && strncmp(strategy, "empty", size) == 0) {
        *out = (struct choice_pick){.key = "", .text = ""};
        return 1;
    }
    return err_set(e, EINVAL, "unknown fallback '%.*s'; there are named, single and empty",
                   (int)(size < 80 ? size : 80), strategy);
}

int choice_key_pick(struct choice_pick *out, const struct yaml_node *object,
                    const struct choice_wish *wish, struct err *e)
{
    const struct yaml_node *data = yaml_at(object, "data", NULL);
    OWN(buf_done) struct buf words;
    const char *at = wish->fallbacks ? wish->fallbacks : "";

    buf_init(&words, KEYS_MAX_BYTES);
    if (wish->value && *wish->value) {
        buf_printf(&words, "node label %s", wish->label);
        return take_named(out, object, wish->value, wish->config_map,
                          words.data ? words.data : "node label", e);
    }
    if (wish->by_default && *wish->by_default)
        return take_named(out, object, wish->by_default, wish->config_map,
                          "the default configuration", e);
    while (*at) {
        size_t size = strcspn(at, ",");
        int r = size > 0 ? fall_back(out, data, at, size, e) : 0;

        if (r != 0)
            return r < 0 ? r : 0;
        at += size + (at[size] == ',');
    }
    add_keys(&words, data, NULL);
    return err_set(e, ENOENT,
                   "this node has no label %s, there is no default, and no fallback (%s) finds one "
                   "in ConfigMap %s: %s; label the node, or set a default",
                   wish->label, wish->fallbacks && *wish->fallbacks ? wish->fallbacks : "none",
                   wish->config_map, words.data ? words.data : "");
}

int choice_key_file(struct choice_pick *out, const struct yaml_node *object, const char *config_map,
                    const char *name, struct err *e)
{
    const struct yaml_node *data = yaml_at(object, "data", NULL),
                           *value = yaml_at(data, name, NULL);
    OWN(buf_done) struct buf keys;
    const char *only = NULL;

    buf_init(&keys, KEYS_MAX_BYTES);
    if (!value && !yaml_at(object, "binaryData", name, NULL) && count_keys(data, &only) == 1) {
        name = only;
        value = yaml_at(data, only, NULL);
    }
    if (value && value->kind == YAML_SCALAR) {
        *out = (struct choice_pick){.key = name, .text = value->text};
        return 0;
    }
    if (yaml_at(object, "binaryData", name, NULL))
        return err_set(e, EINVAL,
                       "key '%s' of ConfigMap %s is binary data; put it under 'data' as UTF-8 text",
                       name, config_map);
    add_keys(&keys, data, NULL);
    return err_set(e, ENOENT, "ConfigMap %s has no key '%s': %s; add it, or leave one key alone",
                   config_map, name, keys.data ? keys.data : "");
}
