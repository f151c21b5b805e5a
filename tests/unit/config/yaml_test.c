/* SPDX-License-Identifier: Apache-2.0 */
/* YAML trees: places, kinds, merging, and every bound from both sides. */
#include "test.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "config/yaml.h"

static struct yaml_doc *read_ok(const char *text)
{
    struct yaml_doc *doc = NULL;
    struct err e = {0};

    if (yaml_read(&doc, "f", text, strlen(text), &e) < 0)
        fail_msg("%s", e.msg);
    return doc;
}

static void refuses(const char *text, int code, const char *message)
{
    struct yaml_doc *doc = NULL;
    struct err e = {0};

    assert_int_equal(yaml_read(&doc, "f", text, strlen(text), &e), -code);
    assert_string_equal(e.msg, message);
    assert_null(doc);
}

static const struct yaml_node *value_of(const struct yaml_node *map, const char *key)
{
    const struct yaml_node *value = NULL;

    assert_int_equal(map->kind, YAML_MAP);
    for (size_t i = 0; i < map->count; i++)
        if (strcmp(map->pairs[i].key->text, key) == 0)
            value = map->pairs[i].value;
    if (!value)
        fail_msg("no key %s", key);
    return value;
}

static void remembers_kinds_and_places(void **state)
{
    OWN(yaml_doc_freep)
    struct yaml_doc *doc = read_ok("# c\na: 1\nb: ['x', null]\noff: {c: ~}\nd:\n");
    const struct yaml_node *b;

    (void)state;
    assert_int_equal(doc->root->count, 4);
    assert_true(value_of(doc->root, "a")->plain);
    assert_int_equal(value_of(doc->root, "a")->line, 2);
    assert_int_equal(value_of(doc->root, "a")->column, 4);
    b = value_of(doc->root, "b");
    assert_int_equal(b->kind, YAML_LIST);
    assert_int_equal(b->count, 2);
    assert_false(b->items[0]->plain);
    assert_string_equal(b->items[0]->text, "x");
    assert_int_equal(b->items[1]->kind, YAML_NULL);
    assert_int_equal(b->items[1]->column, 10);
    assert_int_equal(value_of(value_of(doc->root, "off"), "c")->kind, YAML_NULL);
    assert_int_equal(value_of(doc->root, "d")->kind, YAML_NULL);
    assert_int_equal(doc->extra_line, 0);
}

static void an_empty_file_is_null(void **state)
{
    static const char *const texts[] = {"", "\n", "# only this\n", "---\n", "---\n...\n"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        OWN(yaml_doc_freep) struct yaml_doc *doc = read_ok(texts[i]);

        assert_int_equal(doc->root->kind, YAML_NULL);
    }
}

static void reads_byte_order_marks_and_line_ends(void **state)
{
    static const char utf16[] = "\xff\xfe"
                                "a\0:\0 \0"
                                "b\0\n";
    OWN(yaml_doc_freep)
    struct yaml_doc *utf8 = read_ok("\xef\xbb\xbf"
                                    "a: b\r\nc: d\r\n");
    OWN(yaml_doc_freep) struct yaml_doc *wide = NULL;
    struct err e = {0};

    (void)state;
    assert_string_equal(value_of(utf8->root, "a")->text, "b");
    assert_int_equal(value_of(utf8->root, "c")->line, 2);
    assert_int_equal(yaml_read(&wide, "f", utf16, sizeof utf16, &e), 0);
    assert_string_equal(value_of(wide->root, "a")->text, "b");
}

static void keeps_duplicates(void **state)
{
    OWN(yaml_doc_freep) struct yaml_doc *doc = read_ok("a: 1\nb: 2\na: 3\n");

    (void)state;
    assert_int_equal(doc->root->count, 3);
    assert_string_equal(doc->root->pairs[2].value->text, "3");
}

static void merges_behind_own_keys(void **state)
{
    OWN(yaml_doc_freep)
    struct yaml_doc *doc = read_ok("x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\n"
                                   "one: {<<: *x, a: 0}\ntwo: {<<: [*x, *y], d: 4}\n"
                                   "quoted: {'<<': 1}\n");
    const struct yaml_node *one = value_of(doc->root, "one"), *two = value_of(doc->root, "two");

    (void)state;
    assert_int_equal(one->count, 2);
    assert_string_equal(one->pairs[0].key->text, "a");
    assert_string_equal(one->pairs[0].value->text, "0");
    assert_string_equal(one->pairs[1].value->text, "1");
    assert_int_equal(two->count, 4);
    assert_string_equal(two->pairs[0].key->text, "d");
    assert_string_equal(value_of(two, "b")->text, "1");
    assert_string_equal(value_of(two, "c")->text, "2");
    assert_string_equal(value_of(value_of(doc->root, "quoted"), "<<")->text, "1");
}

static void a_quoted_null_is_a_text(void **state)
{
    OWN(yaml_doc_freep) struct yaml_doc *doc = read_ok("a: 'null'\nb: !!str null\nc: \"\"\n");

    (void)state;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(doc->root->pairs[i].value->kind, YAML_SCALAR);
}

static void tells_of_a_second_document(void **state)
{
    OWN(yaml_doc_freep) struct yaml_doc *more = read_ok("a: 1\n---\nb: 2\n");
    OWN(yaml_doc_freep) struct yaml_doc *end = read_ok("a: 1\n---\n");

    (void)state;
    assert_int_equal(more->extra_line, 3);
    assert_int_equal(more->root->count, 1);
    assert_int_equal(end->extra_line, 0);
}

static void says_where_text_is_wrong(void **state)
{
    (void)state;
    refuses("a: 1\n\tb: 2\n", EINVAL, "f:2:1: tab in the indentation; YAML wants spaces");
    refuses("a: [1\nb: 2\n", EINVAL,
            "f:2:2: did not find expected ',' or ']' (while parsing a flow sequence that began at "
            "line 1)");
    refuses("a: b: c\n", EINVAL, "f:1:5: mapping values are not allowed in this context");
    refuses("a: *b\n", EINVAL, "f:1:4: no anchor '&b' stands before this alias");
    refuses("a: 1\nb: \xff\n", EINVAL, "f:2:4: invalid leading UTF-8 octet");
    refuses("? [a]\n: 1\n", EINVAL, "f:1:3: a key must be a text, this is a list");
    refuses("a: \"x\\0y\"\n", EINVAL, "f:1:4: text with a NUL character");
    refuses("a: {<<: 1}\n", EINVAL, "f:1:5: '<<' merges maps, this is a text");
}

static void refuses_an_anchor_that_contains_itself(void **state)
{
    (void)state;
    refuses("a: &x [1, *x]\n", EINVAL, "f:1:11: anchor '&x' contains itself");
    refuses("a: &x\n  <<: *x\n", EINVAL, "f:2:7: anchor '&x' contains itself");
}

static void refuses_an_alias_bomb(void **state)
{
    (void)state;
    refuses("a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
            "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
            "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n",
            EFBIG, "f:5:20: more than 65536 values, aliases counted as they are used");
}

static char *nested(unsigned levels)
{
    struct buf b;

    buf_init(&b, 1 << 16);
    for (unsigned i = 0; i < levels; i++)
        buf_char(&b, '[');
    for (unsigned i = 0; i < levels; i++)
        buf_char(&b, ']');
    return buf_take(&b);
}

static void bounds_the_depth(void **state)
{
    OWN_MEM char *most = nested(64), *more = nested(65), *far = nested(5000);
    OWN(yaml_doc_freep) struct yaml_doc *doc = read_ok(most);

    (void)state;
    assert_int_equal(doc->root->kind, YAML_LIST);
    refuses(more, EFBIG, "f:1:65: more than 64 levels deep");
    refuses(far, EFBIG, "f:1:65: more than 64 levels deep");
}

static void bounds_the_depth_through_aliases(void **state)
{
    OWN_MEM char *inner = nested(40);
    struct buf text;

    (void)state;
    buf_init(&text, 1 << 16);
    buf_printf(&text, "- &a %s\n- ", inner);
    for (unsigned i = 0; i < 30; i++)
        buf_char(&text, '[');
    buf_text(&text, "*a");
    for (unsigned i = 0; i < 30; i++)
        buf_char(&text, ']');
    refuses(text.data, EFBIG, "f:2:33: more than 64 levels deep");
    buf_done(&text);
}

static char *repeated(const char *line, unsigned count)
{
    struct buf b;

    buf_init(&b, 4 << 20);
    for (unsigned i = 0; i < count; i++)
        buf_text(&b, line);
    return buf_take(&b);
}

static void bounds_the_number_of_nodes(void **state)
{
    OWN_MEM char *most = repeated("- x\n", 65535), *more = repeated("- x\n", 65536);
    OWN(yaml_doc_freep) struct yaml_doc *doc = read_ok(most);

    (void)state;
    assert_int_equal(doc->root->count, 65535);
    refuses(more, EFBIG, "f:65536:3: more than 65536 values, aliases counted as they are used");
}

static void bounds_anchors_merges_and_bytes(void **state)
{
    OWN_MEM char *anchors = repeated("- &a x\n", 1025);
    OWN_MEM char *bytes = repeated("# 123456\n", 120000);
    struct buf merge;

    (void)state;
    refuses(anchors, EFBIG, "f:1025:3: more than 1024 anchors");
    refuses(bytes, EFBIG, "f: more than 1048576 bytes");
    buf_init(&merge, 1 << 20);
    buf_text(&merge, "- &a\n");
    for (unsigned i = 0; i < 1025; i++)
        buf_printf(&merge, "  k%u: 1\n", i);
    buf_text(&merge, "- <<: *a\n");
    refuses(merge.data, EFBIG, "f:1027:3: '<<' makes more than 1024 keys");
    buf_done(&merge);
}

static void knows_truth_and_nothing(void **state)
{
    (void)state;
    assert_int_equal(yaml_truth("yes"), 1);
    assert_int_equal(yaml_truth("On"), 1);
    assert_int_equal(yaml_truth("TRUE"), 1);
    assert_int_equal(yaml_truth("off"), 0);
    assert_int_equal(yaml_truth("n"), 0);
    assert_int_equal(yaml_truth("1"), -1);
    assert_true(yaml_is_null("~"));
    assert_false(yaml_is_null("none"));
}

static void remembers_ends_and_styles(void **state)
{
    OWN(yaml_doc_freep)
    struct yaml_doc *doc =
        read_ok("a: b # c\n\nc: |+ # d\n  e\n\n\n# f\ng: [x,\n y]\nh:\n- \"i\"\n-\n");
    static const struct {
        const char *key;
        unsigned end_line, end_column;
        enum yaml_style style;
    } cases[] = {
        {"a", 1, 5, YAML_PLAIN},
        {"c", 4, 4, YAML_LITERAL},
        {"g", 9, 4, YAML_FLOW},
        {"h", 12, 2, YAML_BLOCK},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct yaml_node *node = value_of(doc->root, cases[i].key);

        assert_int_equal(node->end_line, cases[i].end_line);
        assert_int_equal(node->end_column, cases[i].end_column);
        assert_int_equal(node->style, cases[i].style);
        assert_false(node->shared);
    }
    assert_int_equal(value_of(doc->root, "c")->indent, 2);
    assert_int_equal(value_of(doc->root, "h")->items[0]->style, YAML_DOUBLE);
    assert_int_equal(doc->root->end_line, 12);
    assert_int_equal(doc->n_nodes, 13);
}

static void keeps_the_callers_bounds(void **state)
{
    static const char text[] = "a: [1, 2]\n";
    struct yaml_limits limits = {.max_bytes = 10, .max_nodes = 5, .lines_before = 7};
    struct yaml_doc *doc = NULL;
    struct yaml_place place;
    struct err e = {0};

    (void)state;
    assert_int_equal(yaml_read_limited(&doc, "f", text, 10, &limits, &place, &e), 0);
    assert_int_equal(doc->root->line, 8);
    yaml_doc_free(doc);
    limits.max_nodes = 4;
    assert_int_equal(yaml_read_limited(&doc, "f", text, 10, &limits, &place, &e), -EFBIG);
    assert_string_equal(e.msg, "more than 4 values, aliases counted as they are used");
    limits.max_bytes = 9;
    assert_int_equal(yaml_read_limited(&doc, "f", text, 10, &limits, &place, &e), -EFBIG);
    assert_string_equal(e.msg, "more than 9 bytes");
    limits.max_bytes = 10;
    assert_int_equal(yaml_read_limited(&doc, "f", "\n\ta: [", 7, &limits, &place, &e), -EINVAL);
    assert_int_equal(place.line, 9);
    assert_int_equal(yaml_read_limited(&doc, "f", "a\n\xff", 3, &limits, &place, &e), -EINVAL);
    assert_int_equal(place.line, 9);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(remembers_kinds_and_places),
        cmocka_unit_test(an_empty_file_is_null),
        cmocka_unit_test(reads_byte_order_marks_and_line_ends),
        cmocka_unit_test(keeps_duplicates),
        cmocka_unit_test(merges_behind_own_keys),
        cmocka_unit_test(a_quoted_null_is_a_text),
        cmocka_unit_test(tells_of_a_second_document),
        cmocka_unit_test(says_where_text_is_wrong),
        cmocka_unit_test(refuses_an_anchor_that_contains_itself),
        cmocka_unit_test(refuses_an_alias_bomb),
        cmocka_unit_test(bounds_the_depth),
        cmocka_unit_test(bounds_the_depth_through_aliases),
        cmocka_unit_test(bounds_the_number_of_nodes),
        cmocka_unit_test(bounds_anchors_merges_and_bytes),
        cmocka_unit_test(knows_truth_and_nothing),
        cmocka_unit_test(remembers_ends_and_styles),
        cmocka_unit_test(keeps_the_callers_bounds),
    };

    return cmocka_run_group_tests_name("yaml", tests, NULL, NULL);
}
