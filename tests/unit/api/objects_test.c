/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of objects out of JSON that comes in pieces of any size, and lists that are none. */
#include "api/objects.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "test.h"

static const char list[] =
    "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"7\","
    "\"continue\":\"next-page\"},\"items\":[{\"metadata\":{\"name\":\"a\",\"labels\":{}},\"spec\":"
    "{\"containers\":[{\"name\":\"c\",\"n\":1.5},{\"on\":true}],\"none\":null}},"
    "{\"kind\":\"Special\",\"metadata\":{\"name\":\"b \\u00e9\"}}]}";

struct seen {
    unsigned count, stop_at;
    struct yaml_doc *docs[8];
};

static bool keep(void *self, struct yaml_doc *object)
{
    struct seen *seen = self;

    seen->docs[seen->count++] = object;
    return seen->count != seen->stop_at;
}

static void seen_done(struct seen *seen)
{
    for (unsigned i = 0; i < seen->count; i++)
        yaml_doc_free(seen->docs[i]);
}

static const struct yaml_node *at(const struct yaml_node *map, const char *key)
{
    assert_int_equal(map->kind, YAML_MAP);
    for (size_t i = 0; i < map->count; i++)
        if (strcmp(map->pairs[i].key->text, key) == 0)
            return map->pairs[i].value;
    fail_msg("no key '%s'", key);
    return NULL;
}

static int feed(struct seen *seen, char **more, const char *text, size_t piece, struct err *e)
{
    OWN(objects_freep) struct objects *o = NULL;
    size_t size = strlen(text);
    int r = objects_open(&o, keep, seen, e);

    for (size_t i = 0; r == 0 && i < size; i += piece)
        r = objects_feed(o, text + i, size - i < piece ? size - i : piece, e);
    return r == 0 ? objects_end(o, more, e) : r;
}

static void test_any_piece_size(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < sizeof list; piece++) {
        OWN(seen_done) struct seen seen = {0};
        OWN_MEM char *more = NULL;
        struct err e = {0};
        const struct yaml_node *first, *containers;

        assert_int_equal(feed(&seen, &more, list, piece, &e), 0);
        assert_string_equal(more, "next-page");
        assert_int_equal(seen.count, 2);
        first = seen.docs[0]->root;
        assert_string_equal(at(first, "kind")->text, "Pod");
        assert_string_equal(at(first, "apiVersion")->text, "v1");
        assert_string_equal(at(at(first, "metadata"), "name")->text, "a");
        assert_int_equal(at(at(first, "metadata"), "labels")->count, 0);
        containers = at(at(first, "spec"), "containers");
        assert_int_equal(containers->kind, YAML_LIST);
        assert_int_equal(containers->count, 2);
        assert_string_equal(at(containers->items[0], "n")->text, "1.5");
        assert_true(at(containers->items[1], "on")->plain);
        assert_int_equal(at(at(first, "spec"), "none")->kind, YAML_NULL);
        assert_string_equal(at(seen.docs[1]->root, "kind")->text, "Special");
        assert_string_equal(at(at(seen.docs[1]->root, "metadata"), "name")->text, "b \xc3\xa9");
    }
}

/* Who wrote an object is not kept, wherever the pieces end; the same name elsewhere is. */
static void test_managed_fields(void **state)
{
    static const char text[] =
        "{\"items\":[{\"metadata\":{\"managedFields\":[{\"a\":[1,null,true,{\"b\":\"c\"}]}],"
        "\"name\":\"x\"},\"managedFields\":1},{\"metadata\":{\"managedFields\":7,\"name\":\"y\"}}]"
        "}";

    (void)state;
    for (size_t piece = 1; piece < sizeof text; piece++) {
        OWN(seen_done) struct seen seen = {0};
        OWN_MEM char *more = NULL;
        struct err e = {0};

        assert_int_equal(feed(&seen, &more, text, piece, &e), 0);
        assert_int_equal(seen.count, 2);
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(at(seen.docs[i]->root, "metadata")->count, 1);
            assert_string_equal(at(at(seen.docs[i]->root, "metadata"), "name")->text,
                                i == 0 ? "x" : "y");
        }
        assert_string_equal(at(seen.docs[0]->root, "managedFields")->text, "1");
    }
}

static void test_stops(void **state)
{
    OWN(seen_done) struct seen seen = {.stop_at = 1};
    OWN_MEM char *more = NULL;
    struct err e = {0};

    (void)state;
    assert_int_equal(feed(&seen, &more, list, sizeof list, &e), -ECANCELED);
    assert_int_equal(seen.count, 1);
}

static void test_refuses(void **state)
{
    static const char *const texts[] = {"", "{", "[1,", "nothing", "{\"items\":[{\"a\":1}", "{}{}"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        OWN(seen_done) struct seen seen = {0};
        OWN_MEM char *more = NULL;
        struct err e = {0};

        assert_int_equal(feed(&seen, &more, texts[i], 64, &e), -EINVAL);
    }
}

static void test_depth(void **state)
{
    char text[512] = "{\"items\":[{\"a\":";
    OWN(seen_done) struct seen seen = {0};
    OWN_MEM char *more = NULL;
    struct err e = {0};

    (void)state;
    memset(text + strlen(text), '[', 100);
    assert_int_equal(feed(&seen, &more, text, 7, &e), -EFBIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_piece_size), cmocka_unit_test(test_managed_fields),
        cmocka_unit_test(test_stops),          cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_depth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
