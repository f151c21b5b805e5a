/* SPDX-License-Identifier: Apache-2.0 */
/* Which key of a ConfigMap is chosen, by the rules of nvidia-stack's config-manager. */
#include "gateway/choice_key.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/own.h"
#include "config/yaml.h"
#include "test.h"

static struct yaml_doc *read_map(const char *text)
{
    struct yaml_doc *doc = NULL;

    assert_int_equal(yaml_read(&doc, "map", text, strlen(text), NULL), 0);
    return doc;
}

struct row {
    const char *map;
    const char *value, *by_default, *fallbacks;
    int result;
    const char *key, *text; /* of the pick */
    const char *words;      /* in the error */
};

static const struct row rows[] = {
    /* The label is first, and must name a key. */
    {"data: {a: A, b: B}", "b", "a", "named", 0, "b", "B", NULL},
    {"data: {a: A, b: B}", "other", "a", "named,single", -ENOENT, NULL, NULL,
     "node label l names key 'other', which ConfigMap gpu/configs has not: it has a, b; name one "
     "of "
     "its keys, or add this one"},
    {"data: {a100: A}", "a10O", NULL, "single", -ENOENT, NULL, NULL, "did you mean 'a100'?"},
    {"{}", "a", NULL, NULL, -ENOENT, NULL, NULL, "it has no keys"},
    /* An empty label value is none. */
    {"data: {a: A, b: B}", "", "a", NULL, 0, "a", "A", NULL},
    /* Then the default, which must name a key too. */
    {"data: {a: A, default: D}", NULL, "a", "named", 0, "a", "A", NULL},
    {"data: {a: A}", NULL, "x", "single", -ENOENT, NULL, NULL,
     "the default configuration names key 'x'"},
    /* Then the fallbacks from left to right. */
    {"data: {a: A, default: D}", NULL, NULL, "named,single", 0, "default", "D", NULL},
    {"data: {a: A}", NULL, "", "named,single", 0, "a", "A", NULL},
    {"data: {any: A}", NULL, NULL, "single,named", 0, "any", "A", NULL},
    {"data: {a: A, b: B}", NULL, NULL, "named,single", -ENOENT, NULL, NULL,
     "no label l, there is no default, and no fallback (named,single) finds one in ConfigMap "
     "gpu/configs: it has a, b; label the node"},
    {"data: {a: A, b: B}", NULL, NULL, "named,single,empty", 0, "", "", NULL},
    {"{}", NULL, NULL, "single,empty", 0, "", "", NULL},
    {"data: {a: A}", NULL, NULL, "", -ENOENT, NULL, NULL, "no fallback (none)"},
    {"data: {a: A}", NULL, NULL, ",,single", 0, "a", "A", NULL},
    {"data: {a: A, b: B}", NULL, NULL, "sing1e", -EINVAL, NULL, NULL,
     "unknown fallback 'sing1e'; there are named, single and empty"},
    /* What a kubelet would hide is not there. */
    {"data: {a: A, ..data: X}", NULL, NULL, "single", 0, "a", "A", NULL},
    {"data: {a: A, ..data: X}", NULL, "..data", NULL, -EINVAL, NULL, NULL, "begin with '..'"},
    /* Binary data is no text. */
    {"binaryData: {a: AAAA}", "a", NULL, NULL, -EINVAL, NULL, NULL, "binary data"},
    {"{binaryData: {b: AAAA}, data: {a: A}}", NULL, NULL, "single", 0, "a", "A", NULL},
    {"data: {a: ''}", "a", NULL, NULL, 0, "a", "", NULL},
    {"data: [a]", "a", NULL, NULL, -ENOENT, NULL, NULL, "it has no keys"},
};

static void follows_the_originals_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        OWN(yaml_doc_freep) struct yaml_doc *doc = read_map(rows[i].map);
        const struct choice_wish wish = {.config_map = "gpu/configs",
                                         .label = "l",
                                         .value = rows[i].value,
                                         .by_default = rows[i].by_default,
                                         .fallbacks = rows[i].fallbacks};
        struct choice_pick pick = {0};
        struct err e = {0};

        print_message("%s, row %zu\n", rows[i].map, i);
        assert_int_equal(choice_key_pick(&pick, doc->root, &wish, &e), rows[i].result);
        if (rows[i].result == 0) {
            assert_string_equal(pick.key, rows[i].key);
            assert_string_equal(pick.text, rows[i].text);
        } else {
            print_message("    %s\n", e.msg);
            assert_non_null(strstr(e.msg, rows[i].words));
        }
    }
}

static void names_many_keys_in_short(void **state)
{
    char text[8192] = "data: {";
    size_t size = strlen(text);
    const struct choice_wish wish = {.config_map = "gpu/configs", .label = "l", .value = "zzz"};
    struct choice_pick pick;
    struct err e = {0};

    (void)state;
    for (unsigned i = 0; i < 300; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, "configuration%03u: x, ", i);
    (void)snprintf(text + size, sizeof text - size, "}");
    {
        OWN(yaml_doc_freep) struct yaml_doc *doc = read_map(text);

        assert_int_equal(choice_key_pick(&pick, doc->root, &wish, &e), -ENOENT);
        assert_non_null(strstr(e.msg, " more; name one of its keys"));
    }
}

static void finds_the_one_file(void **state)
{
    static const struct {
        const char *map, *key, *words;
    } files[] = {
        {"data: {config.yaml: F, other: O}", "config.yaml", NULL},
        {"data: {mine: F}", "mine", NULL},
        {"data: {mine: F, ..x: G}", "mine", NULL},
        {"data: {mine: F, yours: G}", NULL, "has no key 'config.yaml': it has mine, yours"},
        {"{}", NULL, "it has no keys"},
        {"{binaryData: {config.yaml: AAAA}, data: {b: B}}", NULL, "binary data"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        OWN(yaml_doc_freep) struct yaml_doc *doc = read_map(files[i].map);
        struct choice_pick pick = {0};
        struct err e = {0};
        int r = choice_key_file(&pick, doc->root, "gpu/mig", "config.yaml", &e);

        print_message("%s\n", files[i].map);
        assert_int_equal(r == 0, files[i].key != NULL);
        if (r == 0)
            assert_string_equal(pick.key, files[i].key);
        else
            assert_non_null(strstr(e.msg, files[i].words));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_originals_order),
        cmocka_unit_test(names_many_keys_in_short),
        cmocka_unit_test(finds_the_one_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
