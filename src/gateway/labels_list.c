/* SPDX-License-Identifier: Apache-2.0 */
/* Node labels in the making, and what Kubernetes allows in them: see labels_list.h. */
#include "gateway/labels_list.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void labels_done(struct labels *l)
{
    arena_done(&l->arena);
    *l = (struct labels){0};
}

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_allowed(char c)
{
    return is_alphanumeric(c) || c == '-' || c == '_' || c == '.';
}

bool labels_value_fits(const char *value)
{
    size_t size = strnlen(value, LABELS_NAME_SIZE);

    if (size == 0)
        return true;
    if (size == LABELS_NAME_SIZE || !is_alphanumeric(value[0]) || !is_alphanumeric(value[size - 1]))
        return false;
    for (size_t i = 0; i < size; i++)
        if (!is_allowed(value[i]))
            return false;
    return true;
}

bool labels_key_fits(const char *key)
{
    const char *slash = strchr(key, '/');

    return slash && slash > key && slash[1] && labels_value_fits(slash + 1);
}

void labels_clean(char *out, size_t size, const char *text)
{
    size_t used = 0;
    bool blank = false;

    for (; *text && used + 2 < size; text++) {
        if (*text == ' ')
            blank = used > 0;
        if (!is_allowed(*text))
            continue;
        if (blank)
            out[used++] = '-';
        blank = false;
        out[used++] = *text;
    }
    out[used] = '\0';
}

static struct label *find(const struct labels *l, const char *key)
{
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->items[i].key, key) == 0)
            return &l->items[i];
    return NULL;
}

const char *labels_find(const struct labels *l, const char *key)
{
    const struct label *label = find(l, key);

    return label ? label->value : NULL;
}

static void leave_out(struct labels *l, const char *key, const char *value)
{
    if (l->n_left_out++ == 0)
        l->left_out = arena_printf(&l->arena, "%s=%s", key, value ? value : "");
}

void labels_put(struct labels *l, const char *key, const char *fmt, ...)
{
    struct label *label = find(l, key);
    const char *value;
    va_list args;

    va_start(args, fmt);
    value = arena_vprintf(&l->arena, fmt, args);
    va_end(args);
    if (label) {
        label->value = value;
        return;
    }
    if (l->count == LABELS_MAX) {
        leave_out(l, key, value);
        return;
    }
    label = arena_grow(&l->arena, l->items, l->count, sizeof *label);
    key = arena_text(&l->arena, key);
    if (!label)
        return;
    l->items = label;
    l->items[l->count++] = (struct label){.key = key, .value = value};
}

static int by_key(const void *left, const void *right)
{
    const struct label *a = left, *b = right;

    return strcmp(a->key, b->key);
}

bool labels_list_end(struct labels *l)
{
    size_t kept = 0;

    if (l->arena.failed)
        return false;
    for (size_t i = 0; i < l->count; i++) {
        if (labels_key_fits(l->items[i].key) && labels_value_fits(l->items[i].value))
            l->items[kept++] = l->items[i];
        else
            leave_out(l, l->items[i].key, l->items[i].value);
    }
    l->count = kept;
    if (kept > 0)
        qsort(l->items, kept, sizeof *l->items, by_key);
    return !l->arena.failed;
}

bool labels_equal(const struct labels *a, const struct labels *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->items[i].key, b->items[i].key) != 0 ||
            strcmp(a->items[i].value, b->items[i].value) != 0)
            return false;
    return true;
}
