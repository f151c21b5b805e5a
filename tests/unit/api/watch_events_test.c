/* SPDX-License-Identifier: Apache-2.0 */
/* A watch's events out of a stream in pieces of any size, members left out, and what is no event.
 */
#include <errno.h>
#include <string.h>

#include "api/objects.h"
#include "base/buf.h"
#include "base/err.h"
#include "test.h"

static const char stream[] =
    "{\"type\":\"ADDED\",\"object\":{\"kind\":\"Node\",\"metadata\":{\"name\":\"a\","
    "\"managedFields\":[{\"a\":{}}],\"labels\":{\"images\":\"1\"}},\"status\":{\"images\":[{"
    "\"names\":[\"x\"]}"
    ",null,1],\"ready\":true}}}\n"
    "{\"object\":{\"kind\":\"Node\",\"metadata\":{\"name\":\"b\"},\"status\":{\"images\":null}},"
    "\"type\":"
    "\"BOOKMARK\",\"more\":[{\"object\":{}}]}\n\n"
    "{\"type\":\"ERROR\",\"object\":{\"code\":410}}";

/* Everything that came, as text. */
struct heard {
    struct buf text;
    unsigned count, stop_at;
};

static void write_tree(struct buf *out, const struct yaml_node *node)
{
    if (node->kind == YAML_SCALAR)
        buf_text(out, node->text);
    if (node->kind == YAML_NULL)
        buf_text(out, "null");
    buf_text(out, node->kind == YAML_LIST ? "[" : node->kind == YAML_MAP ? "{" : "");
    for (size_t i = 0; node->kind == YAML_LIST && i < node->count; i++) {
        write_tree(out, node->items[i]);
        buf_text(out, " ");
    }
    for (size_t i = 0; node->kind == YAML_MAP && i < node->count; i++) {
        buf_printf(out, "%s:", node->pairs[i].key->text);
        write_tree(out, node->pairs[i].value);
        buf_text(out, " ");
    }
    buf_text(out, node->kind == YAML_LIST ? "]" : node->kind == YAML_MAP ? "}" : "");
}

static bool hear(void *self, const char *type, struct yaml_doc *object)
{
    OWN(yaml_doc_freep) struct yaml_doc *mine = object;
    struct heard *heard = self;

    buf_printf(&heard->text, "%s=", type);
    write_tree(&heard->text, mine->root);
    buf_text(&heard->text, ";");
    return ++heard->count != heard->stop_at;
}

static void heard_init(struct heard *heard)
{
    *heard = (struct heard){0};
    buf_init(&heard->text, 1 << 16);
}

static void heard_done(struct heard *heard)
{
    buf_done(&heard->text);
}

static int feed(struct heard *heard, const char *const *skip, const char *text, size_t piece,
                struct err *e)
{
    OWN(objects_freep) struct objects *o = NULL;
    size_t size = strlen(text);
    int r = objects_open_events(&o, hear, heard, e);

    if (r == 0 && skip)
        objects_skip(o, skip);
    for (size_t i = 0; r == 0 && i < size; i += piece)
        r = objects_feed(o, text + i, size - i < piece ? size - i : piece, e);
    return r;
}

static void test_any_piece_size(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < sizeof stream; piece++) {
        OWN(heard_done) struct heard heard;
        struct err e = {0};

        heard_init(&heard);
        assert_int_equal(feed(&heard, NULL, stream, piece, &e), 0);
        assert_string_equal(heard.text.data,
                            "ADDED={kind:Node metadata:{name:a labels:{images:1 } } status:{images:"
                            "[{names:[x ] } null 1 ] ready:true } };"
                            "BOOKMARK={kind:Node metadata:{name:b } status:{images:null } };"
                            "ERROR={code:410 };");
    }
}

/* Named members are left out at the second level only, whatever they are. */
static void test_skips(void **state)
{
    static const char *const skip[] = {"status.images", "spec.none", NULL};

    (void)state;
    for (size_t piece = 1; piece < sizeof stream; piece++) {
        OWN(heard_done) struct heard heard;
        struct err e = {0};

        heard_init(&heard);
        assert_int_equal(feed(&heard, skip, stream, piece, &e), 0);
        assert_string_equal(heard.text.data,
                            "ADDED={kind:Node metadata:{name:a managedFields:[{a:{} } ] labels:"
                            "{images:1 } } status:{ready:true } };"
                            "BOOKMARK={kind:Node metadata:{name:b } status:{} };"
                            "ERROR={code:410 };");
    }
}

static void test_refuses(void **state)
{
    static const char *const texts[] = {
        "[]",
        "7 ",
        "null ",
        "\"text\"",
        "{}",
        "{\"type\":\"ADDED\"}",
        "{\"object\":{}}",
        "{\"type\":\"ADDED\",\"object\":[]}",
        "{\"type\":7,\"object\":{}}",
        "{\"type\":\"\",\"object\":{}}",
        "{\"type\":\"ADDED\",\"object\":{}} x",
        "{\"type\":\"ADDED\",\"object\":{}}{\"type\":\"ADDED\"}", /* no object of the event before
                                                                   */
        "{\"type\":\"A\",\"object\":{}}{\"object\":{}}",          /* nor its type */
        "{\"type\":\"ADDED\",\"object\":{\"a\":\"\xff\"}}",
        "\x01",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (size_t piece = 1; piece < 40; piece += 13) {
            OWN(heard_done) struct heard heard;
            struct err e = {0};

            heard_init(&heard);
            if (feed(&heard, NULL, texts[i], piece, &e) != -EINVAL)
                fail_msg("'%s' was taken", texts[i]);
            assert_true(*e.msg != '\0');
        }
}

static void test_stops(void **state)
{
    OWN(heard_done) struct heard heard;
    struct err e = {0};

    (void)state;
    heard_init(&heard);
    heard.stop_at = 2;
    assert_int_equal(feed(&heard, NULL, stream, sizeof stream, &e), -ECANCELED);
    assert_int_equal(heard.count, 2);
}

/* An event with two objects tells of the second, and nothing is lost. */
static void test_two_objects(void **state)
{
    OWN(heard_done) struct heard heard;
    struct err e = {0};

    (void)state;
    heard_init(&heard);
    assert_int_equal(
        feed(&heard, NULL, "{\"object\":{\"a\":1},\"type\":\"T\",\"object\":{\"b\":2}}", 3, &e), 0);
    assert_string_equal(heard.text.data, "T={b:2 };");
}

/* Texts, depth and nodes without an end meet a bound, long before memory does. */
static void test_bounds(void **state)
{
    static const char *const begins[] = {
        "{\"type\":\"",           "{\"type\":\"T\",\"object\":{\"a\":\"",
        "{\"type\":\"T\",\"",     "{\"type\":\"T\",\"object\":{\"a\":[0",
        "{\"type\":\"T\",\"b\":", "",
    };
    static const char *const goes_on[] = {"x", "x", "x", ",0", "[", " "};
    char piece[4097] = "";

    (void)state;
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        OWN(objects_freep) struct objects *o = NULL;
        OWN(heard_done) struct heard heard;
        struct err e = {0};
        size_t unit = strlen(goes_on[i]), fed = 0;
        int r;

        heard_init(&heard);
        assert_int_equal(objects_open_events(&o, hear, &heard, &e), 0);
        for (size_t n = 0; n < 4096; n += unit)
            memcpy(piece + n, goes_on[i], unit);
        r = objects_feed(o, begins[i], strlen(begins[i]), &e);
        for (; r == 0 && fed < 16 << 20; fed += 4096)
            r = objects_feed(o, piece, 4096, &e);
        assert_int_equal(r, -EFBIG);
        assert_true(fed <= 5 << 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_piece_size), cmocka_unit_test(test_skips),
        cmocka_unit_test(test_refuses),        cmocka_unit_test(test_stops),
        cmocka_unit_test(test_two_objects),    cmocka_unit_test(test_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
