/* SPDX-License-Identifier: Apache-2.0 */
/* Labels as the node object shows them: whose they are, and the patches that make a difference. */
#include "test.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "config/yaml.h"
#include "gateway/labels_list.h"
#include "gateway/labels_node.h"

#define COUNT "nvidia.com/gpu.count"
#define FAMILY "nvidia.com/gpu.family"
#define NFD "nfd.node.kubernetes.io/feature-labels"
#define ENTRY(manager, operation, more, labels)                                                    \
    "{\"manager\":\"" manager "\",\"operation\":\"" operation "\"" more                            \
    ",\"fieldsV1\":{\"f:metadata\":{\"f:labels\":{" labels "}}}}"

static struct yaml_doc *node_of(const char *metadata)
{
    OWN(buf_done) struct buf text;
    struct yaml_doc *doc = NULL;
    struct err e = {0};

    buf_init(&text, 65536);
    buf_printf(&text, "{\"metadata\":{%s}}", metadata);
    if (yaml_read(&doc, "node", text.data, text.size, &e) < 0)
        fail_msg("%s", e.msg);
    return doc;
}

/* Count 8 and family hopper. */
static struct labels two(void)
{
    struct labels l = {0};

    labels_put(&l, COUNT, "%s", "8");
    labels_put(&l, FAMILY, "%s", "hopper");
    assert_true(labels_list_end(&l));
    return l;
}

static void shown_are_all_with_their_values(void **state)
{
    static const struct {
        const char *metadata;
        bool shows;
    } rows[] = {
        {"\"labels\":{\"" COUNT "\":\"8\",\"" FAMILY "\":\"hopper\",\"a/b\":\"c\"}", true},
        {"\"labels\":{\"" COUNT "\":\"9\",\"" FAMILY "\":\"hopper\"}", false},
        {"\"labels\":{\"" COUNT "\":\"8\"}", false},
        {"\"labels\":{\"" COUNT "\":{},\"" FAMILY "\":[]}", false},
        {"\"labels\":[]", false},
        {"\"name\":\"a\"", false},
    };
    OWN(labels_done) struct labels wanted = two();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        OWN(yaml_doc_freep) struct yaml_doc *node = node_of(rows[i].metadata);

        assert_int_equal(labels_node_shows(node->root, &wanted), rows[i].shows);
    }
    assert_false(labels_node_shows(NULL, &wanted));
}

static void nfd_lists_what_is_its(void **state)
{
    static const struct {
        const char *metadata;
        bool by_nfd;
    } rows[] = {
        {"\"annotations\":{\"" NFD "\":\"a," COUNT "," FAMILY ",b\"}", true},
        {"\"annotations\":{\"" NFD "\":\"" FAMILY "," COUNT "\"}", true},
        {"\"annotations\":{\"gpu." NFD "\":\"" FAMILY "," COUNT "\"}", true},
        {"\"annotations\":{\"" NFD "\":\"" COUNT "\"}", false},
        {"\"annotations\":{\"" NFD "\":\"" COUNT "x," FAMILY "\"}", false},
        {"\"annotations\":{\"" NFD "\":\"\"}", false},
        {"\"annotations\":{\"" NFD "\":{}}", false},
        {"\"annotations\":{\"other\":\"" FAMILY "," COUNT "\"}", false},
        {"\"annotations\":7", false},
        {"\"name\":\"a\"", false},
    };
    OWN(labels_done) struct labels wanted = two();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        OWN(yaml_doc_freep) struct yaml_doc *node = node_of(rows[i].metadata);

        assert_int_equal(labels_node_by_nfd(node->root, &wanted), rows[i].by_nfd);
    }
}

static void our_entry_is_that_of_our_apply(void **state)
{
    static const char other[] = ENTRY("carve-gateway", "Update", "", "\"f:" COUNT "\":{}");
    static const char status[] = ENTRY("carve-gateway", "Apply", ",\"subresource\":\"status\"", "");
    static const struct {
        const char *entry;
        ptrdiff_t place;
        bool lacks, excess;
    } rows[] = {
        {ENTRY("carve-gateway", "Apply", "", "\"f:" COUNT "\":{},\"f:" FAMILY "\":{}"), 2, false,
         false},
        {ENTRY("carve-gateway", "Apply", "", "\"f:" COUNT "\":{}"), 2, true, false},
        {ENTRY("carve-gateway", "Apply", "",
               "\".\":{},\"f:" COUNT "\":{},\"f:" FAMILY "\":{},\"f:nvidia.com/gpu.present\":{}"),
         2, false, true},
        {ENTRY("kubelet", "Apply", "", "\"f:" COUNT "\":{},\"f:" FAMILY "\":{}"), -1, true, false},
        {"7", -1, true, false},
    };
    OWN(labels_done) struct labels wanted = two();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        OWN(buf_done) struct buf text;
        OWN(yaml_doc_freep) struct yaml_doc *node = NULL;
        struct labels_node_owned owned;

        buf_init(&text, 65536);
        buf_printf(&text, "\"managedFields\":[%s,%s,%s]", other, status, rows[i].entry);
        node = node_of(text.data);
        owned = labels_node_owned(node->root, &wanted);
        assert_int_equal(owned.entry, rows[i].place);
        assert_int_equal(owned.lacks, rows[i].lacks);
        assert_int_equal(owned.excess, rows[i].excess);
    }
}

static void apply_has_all_labels_or_none(void **state)
{
    OWN(labels_done) struct labels wanted = two();
    OWN(buf_done) struct buf text;

    (void)state;
    buf_init(&text, LABELS_NODE_PATCH_MAX);
    labels_node_write_apply(&text, "a", &wanted);
    assert_string_equal(text.data, "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{"
                                   "\"name\":\"a\",\"labels\":{\"" COUNT "\":\"8\",\"" FAMILY
                                   "\":\"hopper\"}}}");
    buf_clear(&text);
    labels_node_write_apply(&text, "a", NULL);
    assert_string_equal(text.data, "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{"
                                   "\"name\":\"a\"}}");
}

static void leftovers_are_known_unwanted_and_nobodys(void **state)
{
    OWN(labels_done) struct labels wanted = two();
    OWN(yaml_doc_freep)
    struct yaml_doc *node =
        node_of("\"labels\":{\"" COUNT "\":\"8\",\"nvidia.com/gpu.mode\":\"compute\",\"a/b\":\"c\","
                "\"nvidia.com/mig.strategy\":\"single\",\"nvidia.com/gpu.present\":\"true\"},"
                "\"annotations\":{\"" NFD "\":\"nvidia.com/mig.strategy\"}");
    OWN(buf_done) struct buf text;

    (void)state;
    buf_init(&text, LABELS_NODE_PATCH_MAX);
    assert_true(labels_node_write_leftovers(&text, node->root, &wanted));
    assert_string_equal(text.data, "{\"metadata\":{\"labels\":{\"nvidia.com/gpu.mode\":null}}}");
    buf_clear(&text);
    assert_true(labels_node_write_leftovers(&text, node->root, NULL));
    assert_string_equal(text.data, "{\"metadata\":{\"labels\":{\"" COUNT
                                   "\":null,\"nvidia.com/gpu.mode\":null}}}");
    buf_clear(&text);
    labels_put(&wanted, "nvidia.com/gpu.mode", "%s", "compute");
    assert_false(labels_node_write_leftovers(&text, node->root, &wanted));
    assert_int_equal(text.size, 0);
    assert_false(labels_node_write_leftovers(&text, NULL, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shown_are_all_with_their_values),
        cmocka_unit_test(nfd_lists_what_is_its),
        cmocka_unit_test(our_entry_is_that_of_our_apply),
        cmocka_unit_test(apply_has_all_labels_or_none),
        cmocka_unit_test(leftovers_are_known_unwanted_and_nobodys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
