/* SPDX-License-Identifier: Apache-2.0 */
/* Documents and their maps by known names: see fields.h. */
#include "config/fields.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "config/findings.h"
#include "config/suggest.h"

void fields_error(const struct reading *r, const struct yaml_node *at, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    findings_vadd(r->f, true, at->line, at->column, fmt, args);
    va_end(args);
}

void fields_doubt(const struct reading *r, const struct yaml_node *at, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    findings_vadd(r->f, r->strict, at->line, at->column, fmt, args);
    va_end(args);
}

const struct yaml_node *fields_value(const struct yaml_pair *pair)
{
    return pair && pair->value->kind != YAML_NULL ? pair->value : NULL;
}

bool fields_expect(const struct reading *r, const struct yaml_node *node, enum yaml_kind kind,
                   const char *what)
{
    if (node->kind == kind)
        return true;
    fields_error(r, node, "%s: expected %s, got %s", what, yaml_kind_name(kind),
                 yaml_kind_name(node->kind));
    return false;
}

int fields_open(struct yaml_doc **out, const struct reading *r, const char *file, const char *text,
                size_t size, struct err *e)
{
    struct yaml_place place;
    struct err inner = {0};
    int failed = yaml_read_place(out, file, text, size, &place, &inner);

    if (failed == -ENOMEM)
        return err_memory(e);
    if (failed == 0)
        return 0;
    findings_add(r->f, true, place.line, place.column, "%s%s%s", place.line ? "" : file,
                 place.line ? "" : ": ", inner.msg);
    return -EINVAL;
}

const struct yaml_node *fields_peek(const struct yaml_node *map, const char *name)
{
    const struct yaml_node *value = NULL;

    for (size_t i = 0; map && map->kind == YAML_MAP && i < map->count; i++)
        if (strcasecmp(map->pairs[i].key->text, name) == 0)
            value = map->pairs[i].value;
    return value;
}

const struct yaml_node *fields_root(const struct reading *r, const struct yaml_doc *doc)
{
    const struct yaml_node *kind = fields_peek(doc->root, "kind");

    if (kind && kind->kind == YAML_SCALAR && strcmp(kind->text, "ConfigMap") == 0) {
        findings_add(r->f, r->strict || r->closed, kind->line, kind->column,
                     "this is a ConfigMap; carve wants the text under one of the keys of its "
                     "'data'");
        return NULL;
    }
    if (doc->extra_line > 0)
        fields_doubt(r, &(struct yaml_node){.line = doc->extra_line, .column = 1},
                     "a second document begins here; only the first is read");
    return doc->root;
}

/* known->count if it has no such name. */
static size_t find_name(const struct fields *known, const char *key)
{
    for (size_t i = 0; i < known->count; i++)
        if (strcmp(known->names[i], key) == 0)
            return i;
    for (size_t i = 0; known->any_case && i < known->count; i++)
        if (strcasecmp(known->names[i], key) == 0)
            return i;
    return known->count;
}

static void report_unknown(const struct reading *r, const struct yaml_node *key,
                           const struct fields *known)
{
    bool error = r->strict || r->closed;
    const char *meant = r->home ? r->home(key->text) : NULL;
    char cure[128] = "";

    if (!meant)
        meant = suggest_find(key->text, known->names, known->count);
    if (meant)
        (void)snprintf(cure, sizeof cure, "; did you mean '%s'?", meant);
    findings_add(r->f, error, key->line, key->column, "unknown key '%.80s'%s%s%s%s", key->text,
                 *known->where ? " in " : "", known->where, error ? "" : " is ignored", cure);
}

/* The pair that counts for a name of which there were two. */
static const struct yaml_pair *choose(const struct reading *r, const struct yaml_pair *before,
                                      const struct yaml_pair *now, const char *name)
{
    bool exact_before = strcmp(before->key->text, name) == 0;
    bool exact_now = strcmp(now->key->text, name) == 0;

    if (exact_before && !exact_now) {
        fields_doubt(r, now->key, "key '%s' is ignored: '%s' is given too, at line %u",
                     now->key->text, name, before->key->line);
        return before;
    }
    fields_doubt(r, now->key, "duplicate key '%s' replaces the one at line %u: remove one", name,
                 before->key->line);
    return now;
}

bool fields_read(const struct reading *r, const struct yaml_node *map, const struct fields *known,
                 const struct yaml_pair **found)
{
    for (size_t i = 0; i < known->count; i++)
        found[i] = NULL;
    if (map->kind == YAML_NULL)
        return true;
    if (!fields_expect(r, map, YAML_MAP, *known->where ? known->where : "the document"))
        return false;
    for (size_t i = 0; i < map->count; i++) {
        const struct yaml_pair *pair = &map->pairs[i];
        size_t at = find_name(known, pair->key->text);

        if (at == known->count) {
            report_unknown(r, pair->key, known);
            continue;
        }
        if (strcmp(pair->key->text, known->names[at]) != 0)
            fields_doubt(r, pair->key, "key '%s' is read as '%s': write it so", pair->key->text,
                         known->names[at]);
        found[at] = found[at] ? choose(r, found[at], pair, known->names[at]) : pair;
    }
    return true;
}

bool fields_truth(bool *out, const struct reading *r, const struct yaml_node *node,
                  const char *what)
{
    int truth = node->kind == YAML_SCALAR ? yaml_truth(node->text) : -1;

    if (truth >= 0 && node->plain) {
        *out = truth == 1;
        return true;
    }
    if (truth >= 0)
        fields_error(r, node, "%s: '%s' is a text; write it without quotes", what, node->text);
    else
        fields_error(r, node, "%s: expected true or false, got '%.80s'", what,
                     node->text ? node->text : yaml_kind_name(node->kind));
    return false;
}

/* The base that a number's start says ("0x", "0b", "0o", "0"), and the start behind it. */
static unsigned number_base(const char **text)
{
    int mark = tolower((unsigned char)(*text)[1]);

    if ((*text)[0] != '0' || mark == '\0' || mark == '.')
        return 10;
    *text += mark == 'x' || mark == 'b' || mark == 'o' ? 2 : 0;
    return mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
}

static bool fraction_of_zeros(const char *text, unsigned base)
{
    return *text == '\0' || (base == 10 && text[1 + strspn(text + 1, "0")] == '\0');
}

/* Go's strconv with base 0 behind YAML's underscores; of fractions only those of zeros. */
static bool read_whole(uint64_t *out, const char *text)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t number = 0;
    size_t n_digits = 0;
    unsigned base;

    text += *text == '+';
    base = number_base(&text);
    for (; *text && *text != '.'; text++) {
        const char *digit = memchr(digits, tolower((unsigned char)*text), base);

        if (*text == '_' && n_digits > 0)
            continue;
        if (!digit || number > UINT32_MAX)
            return false;
        number = number * base + (uint64_t)(digit - digits);
        n_digits++;
    }
    *out = number;
    return n_digits > 0 && fraction_of_zeros(text, base);
}

bool fields_text(const struct reading *r, const struct yaml_node *node, const char *what)
{
    uint64_t number;

    if (!fields_expect(r, node, YAML_SCALAR, what))
        return false;
    if (!node->plain || (yaml_truth(node->text) < 0 && !read_whole(&number, node->text)))
        return true;
    fields_error(r, node, "%s: expected a text, '%s' is none; put it in quotes", what, node->text);
    return false;
}

bool fields_whole(unsigned *out, const struct reading *r, const struct yaml_node *node,
                  const char *what, unsigned min, unsigned max)
{
    uint64_t number = 0;
    const char *text = node->kind == YAML_SCALAR ? node->text : NULL;
    char usual[16];
    bool whole = text && read_whole(&number, text);

    if (whole && node->plain && number >= min && number <= max) {
        *out = (unsigned)number;
        (void)snprintf(usual, sizeof usual, "%u", *out);
        if (strcmp(text, usual) != 0)
            fields_doubt(r, node, "%s: '%.80s' is read as %s: write it so", what, text, usual);
        return true;
    }
    if (whole && !node->plain)
        fields_error(r, node, "%s: '%s' is a text; write the number without quotes", what, text);
    else
        fields_error(r, node, "%s: expected a whole number from %u to %u, got '%.80s'", what, min,
                     max, text ? text : yaml_kind_name(node->kind));
    return false;
}
