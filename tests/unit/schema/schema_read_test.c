/* SPDX-License-Identifier: Apache-2.0 */
/* The text form of condensed schemas: what is taken, what is refused and where. */
#include "test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "schema/schema.h"
#include "schema/schema_read.h"

static struct schema_set *empty_set(void)
{
    struct schema_set *s = calloc(1, sizeof *s);

    assert_non_null(s);
    return s;
}

static void takes_all_kinds_of_lines(void **state)
{
    static const char text[] = "# a comment\n"
                               "source Test 1\n"
                               "date 2026-01-01\n"
                               "complete example.com\n"
                               "pattern ^a b$\n"
                               "enum one \"\"\n"
                               "object\n"
                               " list! [s#1..5~0]#..3!\n"
                               " map {i>1<9}#2..\n"
                               " word s=0\n"
                               "object open\n"
                               " inner [0]@word,list\n"
                               " kind x\n"
                               "kind example.com/v1 Thing cluster 1\n"
                               "kind example.com/v1 Other space -\n"
                               "removed example.com/v0 Thing example.com/v1 Thing Test 0.5\n"
                               "renamed Thing spec.a -\n"
                               "moved Thing spec.b spec.c\n";
    OWN(schema_freep) struct schema_set *s = empty_set();
    const struct schema_field *list, *map;

    (void)state;
    assert_int_equal(schema_read(s, "t", text, sizeof text - 1, NULL), 0);
    assert_int_equal(s->n_kinds, 2);
    assert_true(s->kinds[0].cluster);
    assert_true(s->kinds[0].object->open);
    assert_string_equal(s->kinds[0].source, "Test 1");
    assert_null(s->kinds[1].object);
    assert_int_equal(s->kinds[0].object->fields[0].type.inner->atom, SCHEMA_OBJECT);
    assert_int_equal(s->kinds[0].object->fields[0].type.n_keys, 2);
    assert_string_equal(s->kinds[0].object->fields[0].type.keys[1], "list");
    list = schema_field_find(s->kinds[0].object->fields[0].type.inner->object, "list");
    map = schema_field_find(s->kinds[0].object->fields[0].type.inner->object, "map");
    assert_true(list->required && list->type.unique && list->type.most == 3);
    assert_int_equal(list->type.inner->fewest, 1);
    assert_int_equal(list->type.inner->most, 5);
    assert_string_equal(list->type.inner->pattern->text, "^a b$");
    assert_int_equal(map->type.fewest, 2);
    assert_true(map->type.inner->low == 1 && map->type.inner->high == 9);
    assert_string_equal(s->removed[0].since, "Test 0.5");
    assert_string_equal(s->renames[0].to, "");
    assert_true(s->renames[1].moved && !s->renames[0].moved);
}

static void refuses_what_it_does_not_know(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"what is this\n", "t:1: not a line of condensed schemas"},
        {"object\n x\n", "t:2: a field without a type"},
        {" x s\n", "t:1: a field without an object"},
        {"object\n x [s\n", "t:2: not a type"},
        {"object\n x s}\n", "t:2: not a type"},
        {"object\nobject\n x 0\n x2 1\n", "t:4: not a type"},
        {"object\n x 0\n", "t:2: not a type"}, /* nothing holds itself */
        {"object\n x s~0\n", "t:2: not a type"},
        {"object\n x i>99999999999999999999\n", "t:2: not a type"},
        {"object\n x [[[[[[[[[[[[[[[[[s]]]]]]]]]]]]]]]]]\n", "t:2: not a type"},
        {"object\n b s\n a s\n", "t:3: fields are not in order"},
        {"object\n a s\n a s\n", "t:3: fields are not in order"},
        {"kind a B cluster 0\n", "t:1: not the number of an object"},
        {"kind a B\n", "t:1: a line with too few words"},
        {"pattern a{1000}{1000}\n", "t:1: a pattern that is too large"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        OWN(schema_freep) struct schema_set *s = empty_set();
        struct err e = {0};

        assert_int_equal(schema_read(s, "t", cases[i].text, strlen(cases[i].text), &e), -EINVAL);
        assert_string_equal(e.msg, cases[i].words);
    }
}

static void refuses_bytes_that_are_no_text(void **state)
{
    OWN(schema_freep) struct schema_set *s = empty_set();

    (void)state;
    assert_int_equal(schema_read(s, "t", "a\0b", 3, NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_all_kinds_of_lines),
        cmocka_unit_test(refuses_what_it_does_not_know),
        cmocka_unit_test(refuses_bytes_that_are_no_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
