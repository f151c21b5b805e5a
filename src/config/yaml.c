/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML trees: see yaml.h. Events of libyaml become nodes by recursive descent, at most 64 levels
 * deep. An aliased node adds its full weight to the count of nodes and its full height to the
 * depth, so that whoever walks the tree is bounded as if it had been written out.
 */
#include "config/yaml.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "base/err.h"
#include "config/yaml_tree.h"

enum {
    DEPTH_MAX = 64,
    ANCHORS_MAX = 1024,
};

struct node {
    struct yaml_node seen;
    uint32_t weight; /* nodes below and with it, written out */
    uint16_t height; /* levels below and with it */
    bool open;       /* its end has not come yet */
};

struct anchor {
    const char *name;
    struct node *node;
};

struct reader {
    yaml_parser_t parser;
    const char *text;
    size_t size;
    const struct yaml_limits *limits;
    struct yaml_doc *doc;
    struct yaml_lines lines;
    struct yaml_place last;     /* just behind the last thing that was not a comment */
    struct yaml_node **pending; /* finished children of open nodes */
    size_t n_pending, max_pending;
    struct anchor *anchors;
    size_t n_anchors;
    size_t weight; /* of all nodes until now */
    struct yaml_place *place;
    struct err *e;
};

__attribute__((format(printf, 4, 5))) static int fail_at(struct reader *r, yaml_mark_t mark,
                                                         int code, const char *fmt, ...)
{
    char words[256];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(words, sizeof words, fmt, args);
    va_end(args);
    r->place->line = (unsigned)mark.line + 1;
    r->place->column = (unsigned)mark.column + 1;
    return err_set(r->e, code, "%s", words);
}

/* libyaml names only the byte where its reader stopped. */
static yaml_mark_t mark_of_byte(const struct reader *r, size_t offset)
{
    yaml_mark_t mark = {.line = r->limits->lines_before};

    for (size_t i = 0; i < offset && i < r->size; i++) {
        mark.column++;
        if (r->text[i] == '\n') {
            mark.line++;
            mark.column = 0;
        }
    }
    return mark;
}

/* Whether a tab is what libyaml stumbled over: in JSON it may stand before anything. */
static bool is_at_tab(const struct reader *r, yaml_mark_t mark)
{
    size_t at = 0;

    for (size_t line = mark.line - r->limits->lines_before; line > 0 && at < r->size; at++)
        line -= r->text[at] == '\n';
    /* Columns are characters, of which all bytes but the first are 10xxxxxx. */
    for (size_t column = mark.column; column > 0 && at < r->size; column--)
        do
            at++;
        while (at < r->size && (r->text[at] & 0xc0) == 0x80);
    return at < r->size && r->text[at] == '\t';
}

static int parser_failed(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    const char *problem = p->problem ? p->problem : "not YAML";

    if (p->error == YAML_MEMORY_ERROR)
        return err_memory(r->e);
    if (p->error == YAML_READER_ERROR)
        return fail_at(r, mark_of_byte(r, p->problem_offset), EINVAL, "%s", problem);
    if (is_at_tab(r, p->problem_mark))
        return fail_at(r, p->problem_mark, EINVAL, "tab in the indentation; YAML wants spaces");
    if (p->context && p->context_mark.line != p->problem_mark.line)
        return fail_at(r, p->problem_mark, EINVAL, "%s (%s that began at line %zu)", problem,
                       p->context, p->context_mark.line + 1);
    return fail_at(r, p->problem_mark, EINVAL, "%s", problem);
}

static int next_event(struct reader *r, yaml_event_t *event)
{
    if (!yaml_parser_parse(&r->parser, event))
        return parser_failed(r);
    return 0;
}

/* Counts a node or an alias; both bounds are on the tree written out. */
static int take_weight(struct reader *r, yaml_mark_t mark, size_t weight, unsigned deepest)
{
    r->weight += weight;
    if (r->weight > r->limits->max_nodes)
        return fail_at(r, mark, EFBIG, "more than %zu values, aliases counted as they are used",
                       r->limits->max_nodes);
    if (deepest > DEPTH_MAX)
        return fail_at(r, mark, EFBIG, "more than %d levels deep", DEPTH_MAX);
    return 0;
}

static int new_node(struct node **out, struct reader *r, const yaml_event_t *event, unsigned depth)
{
    struct node *n;
    int failed = take_weight(r, event->start_mark, 1, depth);

    if (failed)
        return failed;
    n = yaml_tree_new(r->doc, sizeof *n);
    if (!n)
        return err_memory(r->e);
    n->seen.line = (unsigned)event->start_mark.line + 1;
    n->seen.column = (unsigned)event->start_mark.column + 1;
    n->weight = 1;
    n->height = 1;
    n->open = true;
    *out = n;
    return 0;
}

/* A node ends where the last thing in it does. */
static void end_at_last(struct reader *r, struct yaml_node *node)
{
    node->end_line = r->last.line;
    node->end_column = r->last.column;
}

static void pass(struct reader *r, const yaml_event_t *event)
{
    r->last.line = (unsigned)event->end_mark.line + 1;
    r->last.column = (unsigned)event->end_mark.column + 1;
}

static int name_anchor(struct reader *r, const yaml_event_t *event, const yaml_char_t *name,
                       struct node *n)
{
    char *copy;

    if (!name)
        return 0;
    if (r->n_anchors == ANCHORS_MAX)
        return fail_at(r, event->start_mark, EFBIG, "more than %d anchors", ANCHORS_MAX);
    if (!r->anchors)
        r->anchors = calloc(ANCHORS_MAX, sizeof *r->anchors);
    copy = yaml_tree_text(r->doc, name, strlen((const char *)name));
    if (!r->anchors || !copy)
        return err_memory(r->e);
    r->anchors[r->n_anchors++] = (struct anchor){copy, n};
    return 0;
}

static int read_alias(struct node **out, struct reader *r, const yaml_event_t *event,
                      unsigned depth)
{
    const char *name = (const char *)event->data.alias.anchor;
    struct node *n = NULL;
    int failed;

    for (size_t i = r->n_anchors; i-- > 0 && !n;)
        if (strcmp(r->anchors[i].name, name) == 0)
            n = r->anchors[i].node;
    if (!n)
        return fail_at(r, event->start_mark, EINVAL, "no anchor '&%s' stands before this alias",
                       name);
    if (n->open)
        return fail_at(r, event->start_mark, EINVAL, "anchor '&%s' contains itself", name);
    failed = take_weight(r, event->start_mark, n->weight, depth + n->height - 1);
    if (failed)
        return failed;
    yaml_tree_share(&n->seen);
    pass(r, event);
    *out = n;
    return 0;
}

static bool tag_is(const yaml_char_t *tag, const char *name)
{
    static const char core[] = "tag:yaml.org,2002:";

    return tag && strncmp((const char *)tag, core, sizeof core - 1) == 0 &&
           strcmp((const char *)tag + sizeof core - 1, name) == 0;
}

/* libyaml ends a block scalar where the next thing begins. */
static void pass_block(struct reader *r, const yaml_event_t *event, struct yaml_node *node)
{
    const char *text = node->text + strspn(node->text, "\n");
    unsigned own = (unsigned)strspn(text, " ");

    r->last =
        yaml_lines_end(&r->lines, event->start_mark.line - r->limits->lines_before,
                       event->end_mark.line - r->limits->lines_before, event->end_mark.column > 0);
    node->indent = r->lines.indent > own ? r->lines.indent - own : 0;
}

static enum yaml_style style_of(yaml_scalar_style_t style)
{
    static const enum yaml_style styles[] = {
        [YAML_SINGLE_QUOTED_SCALAR_STYLE] = YAML_SINGLE,
        [YAML_DOUBLE_QUOTED_SCALAR_STYLE] = YAML_DOUBLE,
        [YAML_LITERAL_SCALAR_STYLE] = YAML_LITERAL,
        [YAML_FOLDED_SCALAR_STYLE] = YAML_FOLDED,
    };

    return styles[style]; /* all others are YAML_PLAIN, which is 0 */
}

static int read_scalar(struct node **out, struct reader *r, const yaml_event_t *event,
                       unsigned depth)
{
    const char *text = (const char *)event->data.scalar.value;
    const yaml_char_t *tag = event->data.scalar.tag;
    size_t size = event->data.scalar.length;
    struct node *n;
    int failed = new_node(&n, r, event, depth);

    if (!failed)
        failed = name_anchor(r, event, event->data.scalar.anchor, n);
    if (failed)
        return failed;
    if (strlen(text) != size)
        return fail_at(r, event->start_mark, EINVAL, "text with a NUL character");
    n->seen.text = yaml_tree_text(r->doc, text, size);
    if (!n->seen.text)
        return err_memory(r->e);
    n->seen.style = style_of(event->data.scalar.style);
    n->seen.plain = n->seen.style == YAML_PLAIN && !tag_is(tag, "str");
    n->seen.kind = (n->seen.plain && yaml_is_null(text)) ? YAML_NULL : YAML_SCALAR;
    pass(r, event);
    if (n->seen.style == YAML_LITERAL || n->seen.style == YAML_FOLDED)
        pass_block(r, event, &n->seen);
    end_at_last(r, &n->seen);
    n->open = false;
    *out = n;
    return 0;
}

static int push_pending(struct reader *r, struct yaml_node *child)
{
    if (r->n_pending == r->max_pending) {
        size_t wanted = r->max_pending ? 2 * r->max_pending : 64;
        struct yaml_node **grown = reallocarray(r->pending, wanted, sizeof(struct yaml_node *));

        if (!grown)
            return err_memory(r->e);
        r->pending = grown;
        r->max_pending = wanted;
    }
    r->pending[r->n_pending++] = child;
    return 0;
}

static int read_node(struct node **out, struct reader *r, const yaml_event_t *event,
                     unsigned depth);

/* The children of `parent` up to the event `end`, on top of r->pending. */
static int read_children(struct node *parent, struct reader *r, yaml_event_type_t end,
                         unsigned depth)
{
    for (;;) {
        OWN(yaml_event_delete) yaml_event_t event = {0};
        struct node *child = NULL;
        int failed = next_event(r, &event);

        if (failed)
            return failed;
        if (event.type == end) {
            if (parent->seen.style == YAML_FLOW)
                pass(r, &event);
            end_at_last(r, &parent->seen);
            return 0;
        }
        failed = read_node(&child, r, &event, depth + 1);
        if (!failed)
            failed = push_pending(r, &child->seen);
        if (failed)
            return failed;
        parent->weight += child->weight;
        if (child->height >= parent->height)
            parent->height = (uint16_t)(child->height + 1);
    }
}

static int read_list(struct node **out, struct reader *r, const yaml_event_t *event, unsigned depth)
{
    size_t base = r->n_pending;
    struct node *n;
    int failed = new_node(&n, r, event, depth);

    if (!failed)
        failed = name_anchor(r, event, event->data.sequence_start.anchor, n);
    if (!failed)
        n->seen.style =
            event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE ? YAML_FLOW : YAML_BLOCK;
    if (!failed)
        failed = read_children(n, r, YAML_SEQUENCE_END_EVENT, depth);
    if (failed)
        return failed;
    n->seen.kind = YAML_LIST;
    n->seen.count = r->n_pending - base;
    n->seen.items = yaml_tree_new(r->doc, (n->seen.count + 1) * sizeof(struct yaml_node *));
    if (!n->seen.items)
        return err_memory(r->e);
    if (n->seen.count > 0)
        memcpy(n->seen.items, r->pending + base, n->seen.count * sizeof(struct yaml_node *));
    r->n_pending = base;
    n->open = false;
    *out = n;
    return 0;
}

/* Pairs from the keys and values that take turns on r->pending. */
static int make_pairs(struct reader *r, struct yaml_node *map, size_t base)
{
    map->count = (r->n_pending - base) / 2;
    map->pairs = yaml_tree_new(r->doc, (map->count + 1) * sizeof *map->pairs);
    if (!map->pairs)
        return err_memory(r->e);
    for (size_t i = 0; i < map->count; i++) {
        struct yaml_pair *pair = &map->pairs[i];

        pair->key = r->pending[base + 2 * i];
        pair->value = r->pending[base + 2 * i + 1];
        if (!pair->key->text) {
            *r->place = (struct yaml_place){pair->key->line, pair->key->column};
            return err_set(r->e, EINVAL, "a key must be a text, this is %s",
                           yaml_kind_name(pair->key->kind));
        }
    }
    return yaml_tree_merge(r->doc, map, r->place, r->e);
}

static int read_map(struct node **out, struct reader *r, const yaml_event_t *event, unsigned depth)
{
    size_t base = r->n_pending;
    struct node *n;
    int failed = new_node(&n, r, event, depth);

    if (!failed)
        failed = name_anchor(r, event, event->data.mapping_start.anchor, n);
    if (!failed)
        n->seen.style =
            event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE ? YAML_FLOW : YAML_BLOCK;
    if (!failed)
        failed = read_children(n, r, YAML_MAPPING_END_EVENT, depth);
    if (!failed)
        failed = make_pairs(r, &n->seen, base);
    if (failed)
        return failed;
    n->seen.kind = YAML_MAP;
    r->n_pending = base;
    n->open = false;
    *out = n;
    return 0;
}

static int read_node(struct node **out, struct reader *r, const yaml_event_t *event, unsigned depth)
{
    switch ((int)event->type) {
    case YAML_ALIAS_EVENT:
        return read_alias(out, r, event, depth);
    case YAML_SCALAR_EVENT:
        return read_scalar(out, r, event, depth);
    case YAML_SEQUENCE_START_EVENT:
        return read_list(out, r, event, depth);
    default: /* libyaml's grammar leaves only this one */
        return read_map(out, r, event, depth);
    }
}

static int make_empty_root(struct reader *r)
{
    struct yaml_node *root = yaml_tree_new(r->doc, sizeof *root);
    unsigned line = r->limits->lines_before + 1;

    if (!root)
        return err_memory(r->e);
    *root = (struct yaml_node){
        .line = line, .column = 1, .end_line = line, .end_column = 1, .plain = true, .text = ""};
    r->doc->root = root;
    return 0;
}

/* What stands behind the first document: nothing, an empty one, or one that nobody reads. */
static int look_behind(struct reader *r)
{
    OWN(yaml_event_delete) yaml_event_t start = {0};
    OWN(yaml_event_delete) yaml_event_t content = {0};
    int failed = next_event(r, &start);

    if (failed || start.type == YAML_STREAM_END_EVENT)
        return failed;
    failed = next_event(r, &content);
    if (failed)
        return failed;
    if (content.type != YAML_SCALAR_EVENT || content.data.scalar.length > 0)
        r->doc->extra_line = (unsigned)content.start_mark.line + 1;
    return 0;
}

static int read_document(struct reader *r)
{
    OWN(yaml_event_delete) yaml_event_t stream = {0};
    OWN(yaml_event_delete) yaml_event_t start = {0};
    OWN(yaml_event_delete) yaml_event_t content = {0};
    OWN(yaml_event_delete) yaml_event_t end = {0};
    struct node *root = NULL;
    int failed = next_event(r, &stream);

    if (!failed)
        failed = next_event(r, &start);
    if (failed)
        return failed;
    if (start.type == YAML_STREAM_END_EVENT)
        return make_empty_root(r);
    failed = next_event(r, &content);
    if (!failed)
        failed = read_node(&root, r, &content, 1);
    if (!failed)
        failed = next_event(r, &end);
    if (failed)
        return failed;
    r->doc->root = &root->seen;
    r->doc->n_nodes = r->weight;
    return look_behind(r);
}

int yaml_read_limited(struct yaml_doc **out, const char *file, const char *text, size_t size,
                      const struct yaml_limits *limits, struct yaml_place *place, struct err *e)
{
    OWN(yaml_doc_freep) struct yaml_doc *doc = calloc(1, sizeof *doc);
    struct reader r = {
        .text = text, .size = size, .limits = limits, .doc = doc, .place = place, .e = e};
    int failed;

    *place = (struct yaml_place){0};
    if (doc)
        doc->file = strdup(file);
    if (!doc || !doc->file)
        return err_memory(e);
    if (size > limits->max_bytes)
        return err_set(e, EFBIG, "more than %zu bytes", limits->max_bytes);
    if (!yaml_parser_initialize(&r.parser))
        return err_memory(e);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)(size > 0 ? text : ""), size);
    r.parser.mark.line = limits->lines_before;
    r.lines = (struct yaml_lines){.text = text, .size = size, .before = limits->lines_before};
    failed = read_document(&r);
    yaml_parser_delete(&r.parser);
    free(r.pending);
    free(r.anchors);
    if (failed)
        return failed;
    *out = TAKE(doc);
    return 0;
}
