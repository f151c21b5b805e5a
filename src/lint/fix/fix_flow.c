/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands between brackets and braces, JSON included: added to, taken from, and written anew
 * from a tree. See fix_yaml.h.
 */
#include <string.h>

#include "base/buf.h"
#include "base/own.h"
#include "lint/fix/fix_yaml.h"

enum { TEXT_MAX_BYTES = 1 << 20 };

bool yaml_is_json(const struct fix_yaml *y)
{
    const struct yaml_node *root = y->tree->root;

    return root->style == YAML_FLOW && root->kind == YAML_MAP && root->count > 0 &&
           root->pairs[0].key->style == YAML_DOUBLE;
}

static size_t digits(const char *text)
{
    return strspn(text, "0123456789");
}

static bool is_number(const char *text)
{
    text += *text == '-';
    if (digits(text) == 0 || (text[0] == '0' && digits(text) > 1))
        return false;
    text += digits(text);
    if (*text == '.') {
        if (digits(text + 1) == 0)
            return false;
        text += 1 + digits(text + 1);
    }
    if (*text == 'e' || *text == 'E') {
        text++;
        text += *text == '+' || *text == '-';
        if (digits(text) == 0)
            return false;
        text += digits(text);
    }
    return *text == '\0';
}

/* Whether a plain text may stand between brackets without quotes. */
static bool is_flow_safe(const char *text)
{
    return *text && !strpbrk(text, ",[]{}\n\"'#&*!|>%@`\\") && !strstr(text, ": ") &&
           text[strlen(text) - 1] != ':' && text[0] != '-' && text[0] != '?' && text[0] != ' ';
}

static void write_scalar(struct buf *out, struct arena *a, const struct yaml_node *node, bool json)
{
    const char *text = node->text;

    if (json && node->plain && yaml_truth(text) >= 0)
        text = yaml_truth(text) ? "true" : "false";
    else if (!(node->plain && (json ? is_number(text) : is_flow_safe(text) || is_number(text))))
        text = key_text(a, text, true);
    if (text)
        buf_text(out, text);
}

static void write_node(struct buf *out, struct arena *a, const struct yaml_node *node, bool json)
{
    if (node->kind == YAML_NULL) {
        buf_text(out, "null");
    } else if (node->kind == YAML_SCALAR) {
        write_scalar(out, a, node, json);
    } else if (node->kind == YAML_LIST) {
        buf_char(out, '[');
        for (size_t i = 0; i < node->count; i++) {
            buf_text(out, i > 0 ? ", " : "");
            write_node(out, a, node->items[i], json);
        }
        buf_char(out, ']');
    } else {
        buf_char(out, '{');
        for (size_t i = 0; i < node->count; i++) {
            const char *key = key_text(a, node->pairs[i].key->text, json);

            buf_printf(out, "%s%s: ", i > 0 ? ", " : "", key ? key : "");
            write_node(out, a, node->pairs[i].value, json);
        }
        buf_char(out, '}');
    }
}

const char *flow_text(struct fix_yaml *y, const struct yaml_node *node, bool json)
{
    OWN(buf_done) struct buf out;
    char *text = NULL;

    buf_init(&out, TEXT_MAX_BYTES);
    write_node(&out, y->arena, node, json);
    if (!out.failed)
        text = arena_copy(y->arena, out.data, out.size);
    if (!text)
        y->failed = true;
    return text;
}

/* Where a pair or an item begins and ends; false for what an alias stands for. */
static bool range_of(const struct fix_yaml *y, const struct yaml_node *in, size_t index,
                     struct place range[2])
{
    const struct yaml_node *key = in->kind == YAML_MAP ? in->pairs[index].key : in->items[index];
    const struct yaml_node *value = in->kind == YAML_MAP ? in->pairs[index].value : key;

    if (key->shared || value->shared)
        return false;
    range[0] = place_of(&y->sheet.lines, key->line, key->column);
    range[1] = place_of_end(&y->sheet.lines, value);
    if (range[1].line < range[0].line ||
        (range[1].line == range[0].line && range[1].byte < range[0].byte))
        range[1] = place_of_end(&y->sheet.lines, key);
    return true;
}

static bool only(const struct line *line, size_t from, const char *chars)
{
    while (from < line->size && strchr(chars, line->text[from]))
        from++;
    return from >= line->size;
}

/* A new line for a further item, where the last stands on one of its own; else a space. */
static const char *comma(struct fix_yaml *y, const struct yaml_node *in,
                         const struct place range[2])
{
    const struct line *line = y->sheet.lines.at[range[0].line];
    const struct line *end = y->sheet.lines.at[range[1].line];

    if (range[0].line + 1 == in->line || line_indent(line) != range[0].byte ||
        !only(end, range[1].byte, " ,"))
        return ", ";
    return arena_printf(y->arena, ",\n%*s", (int)range[0].byte, "");
}

void flow_add(struct fix_yaml *y, const struct trail *at, const char *text)
{
    const struct yaml_node *in = at->node;
    struct place place = place_of(&y->sheet.lines, in->line, in->column), range[2];
    const struct line *line = y->sheet.lines.at[place.line];
    const char *before = "";

    if (in->count == 0) {
        while (place.byte < line->size && !strchr("[{", line->text[place.byte]))
            place.byte++;
        if (place.byte++ >= line->size)
            goto failed;
    } else {
        if (!range_of(y, in, in->count - 1, range))
            goto failed;
        before = comma(y, in, range);
        place = range[1];
    }
    text = before ? arena_printf(y->arena, "%s%s", before, text) : NULL;
    if (!text)
        goto failed;
    sheet_replace(&y->sheet, place, place, text);
    fix_changed(y);
    return;

failed:
    y->failed = true;
}

/* Takes the range out, and its lines if nothing else stands on them. */
static void cut(struct fix_yaml *y, struct place from, struct place to)
{
    struct line *line;

    sheet_replace(&y->sheet, from, to, "");
    line = y->sheet.lines.at[from.line];
    if (line_is_blank(line))
        (void)lines_cut(&y->sheet.lines, from.line, 1);
    else if (only(line, from.byte, " \t"))
        line_splice(y->arena, line, from.byte, line->size - from.byte, "");
}

/* The comma behind a place, on its line; false if there is none. */
static bool comma_behind(const struct fix_yaml *y, struct place *place)
{
    const struct line *line = y->sheet.lines.at[place->line];
    size_t at = place->byte;

    while (at < line->size && (line->text[at] == ' ' || line->text[at] == '\t'))
        at++;
    if (at >= line->size || line->text[at] != ',')
        return false;
    place->byte = at;
    return true;
}

void flow_remove(struct fix_yaml *y, const struct trail *at, size_t index)
{
    const struct yaml_node *in = at->node;
    struct place range[2], before[2], end;
    const struct line *line;

    if (!range_of(y, in, index, range) || (index > 0 && !range_of(y, in, index - 1, before))) {
        y->failed = true;
        return;
    }
    end = range[1];
    if (comma_behind(y, &end)) {
        end.byte++;
        range[1] = end;
    }
    line = y->sheet.lines.at[range[1].line];
    if (index + 1 < in->count)
        while (range[1].byte < line->size && line->text[range[1].byte] == ' ')
            range[1].byte++;
    cut(y, range[0], range[1]);
    /* The last one leaves the comma of the one before it, which JSON does not want. */
    if (index > 0 && index + 1 == in->count && comma_behind(y, &before[1])) {
        size_t n = 1;

        line = y->sheet.lines.at[before[1].line];
        while (before[1].byte + n < line->size && line->text[before[1].byte + n] == ' ')
            n++;
        if (before[1].byte + n < line->size && line->text[before[1].byte + n] == '#')
            n = 1;
        line_splice(y->arena, y->sheet.lines.at[before[1].line], before[1].byte, n, "");
    }
    fix_changed(y);
}

const char *flow_source(struct fix_yaml *y, const struct yaml_node *node)
{
    struct place from = place_of(&y->sheet.lines, node->line, node->column);
    struct place to = place_of_end(&y->sheet.lines, node);
    const char *text = "";

    for (size_t i = from.line; text && i <= to.line; i++) {
        const struct line *line = y->sheet.lines.at[i];
        size_t start = i == from.line ? from.byte : 0, end = i == to.line ? to.byte : line->size;

        text = arena_printf(y->arena, "%s%s%.*s", text, i > from.line ? "\n" : "",
                            end > start ? (int)(end - start) : 0, line->text + start);
    }
    if (!text)
        y->failed = true;
    return text;
}
