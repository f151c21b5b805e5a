/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of YAML and where they stand: markers, line ends, lists, texts inside texts, bounds. */
#include "reading.h"

static void cuts_documents_at_markers(void **state)
{
    (void)state;
    reading_file("a.yaml", "# nothing\n---\n---\n# c\napiVersion: v1\nkind: A\n--- # x\n"
                           "{apiVersion: v1, kind: B}\n...\n%YAML 1.1\n---\nkind: C\n"
                           "data:\n  x: |\n    ---\n    ...\n---\n--- |\n text\n---\n...\n");
    assert_string_equal(reading_documents(), "5:1-6:8 v1/A /\n8:1-8:26 v1/B /\n"
                                             "12:1-16:8 /C /\n");
    assert_string_equal(reading_faults(), "");
}

static void an_error_costs_its_document_only(void **state)
{
    (void)state;
    reading_file("a.yaml", "kind: A\n---\nkind: B\n\tx: 1\n---\nkind: C\n---\nkind: [\n");
    assert_string_equal(reading_documents(), "1:1-1:8 /A /\n6:1-6:8 /C /\n");
    assert_string_equal(reading_faults(),
                        "yaml-syntax 4:1: not YAML: tab in the indentation; YAML wants spaces\n"
                        "yaml-syntax 9:1: not YAML: did not find expected node content\n");
}

static void counts_lines_as_editors_do(void **state)
{
    (void)state;
    reading_file("a.yaml",
                 "\xef\xbb\xbfkind: A\r\nname: \"x\"\r\n---\r\nkind: B\r\nv: |\r\n  t\r\n"
                 "\r\n---\r\n# \xe2\x80\xa8 \xc2\x85 \r x\r\nk\xc3\xa9y: \xc3\xa9  # c\r\n"
                 "kind: C\r\n");
    assert_true(reading.sources[0]->bom);
    assert_true(reading.sources[0]->crlf);
    assert_string_equal(reading_documents(), "1:1-2:10 /A /\n4:1-6:4 /B /\n10:1-11:8 /C /\n");
}

static void ends_nodes_behind_their_text(void **state)
{
    static const char text[] = "a: x # c\n\nb:\n  - 1\n  - two words\n\n# c\nc: {d: [e,\n f]} # c\n"
                               "g: >-\n  h\n   i\n\n\n# c\nj:\nk: |2\n   l\nm: 'n''o'\n";
    static const char *const ends[] = {"1:5", "5:14", "9:5", "12:5", "16:3", "18:5", "19:10"};
    const struct yaml_node *root;

    (void)state;
    reading_file("a.yaml", text);
    root = reading.system.documents[0]->root;
    for (size_t i = 0; i < root->count; i++) {
        char words[32];

        (void)snprintf(words, sizeof words, "%u:%u", root->pairs[i].value->end_line,
                       root->pairs[i].value->end_column);
        assert_string_equal(words, ends[i]);
    }
    assert_int_equal(node_get(root, "g")->indent, 2);
    assert_int_equal(node_get(root, "k")->indent, 2);
    assert_int_equal(node_get(root, "g")->style, YAML_FOLDED);
    assert_int_equal(node_get(root, "c")->style, YAML_FLOW);
    assert_int_equal(node_get(root, "b")->style, YAML_BLOCK);
    assert_int_equal(node_get(root, "m")->style, YAML_SINGLE);
}

static void marks_what_aliases_share(void **state)
{
    const struct yaml_node *root;

    (void)state;
    reading_file("a.yaml", "a: &x {b: [1]}\nc: *x\nd: &y 1\ne:\n  <<: *x\n  f: 2\n");
    root = reading.system.documents[0]->root;
    assert_true(node_at(root, "a")->shared);
    assert_true(node_at(root, "a.b")->items[0]->shared);
    assert_false(node_at(root, "d")->shared);
    assert_false(node_at(root, "e")->shared);
    assert_true(node_at(root, "e.b")->shared);
    assert_int_equal(node_at(root, "e")->end_line, 6);
    assert_ptr_equal(node_at(root, "c"), node_at(root, "a"));
}

static void lists_become_their_items(void **state)
{
    (void)state;
    reading_file("a.yaml", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n"
                           "  metadata: {name: a, namespace: s}\n-\n- {kind: B}\n---\n"
                           "apiVersion: v1\nkind: PodList\nitems:\n- metadata: {name: c}\n");
    assert_string_equal(reading_documents(), "4:3-6:36 v1/Pod s/a\n8:3-8:12 /B /\n"
                                             "13:3-13:22 v1/Pod /c\n");
}

static void reads_files_inside_documents(void **state)
{
    (void)state;
    reading_file("a.yaml",
                 "apiVersion: v1\nkind: ConfigMap\ndata:\n  a: |-  # c\n\n    version: v1\n"
                 "    sharing:\n      timeSlicing: {}\n  b: \"mig-configs:\\n  x: []\"\n"
                 "  c: just text\n  d: 'server { listen 80; }'\n  e: |2\n     kind: X\n"
                 "  f: >\n    k:\n\n    v: 1\n---\nconfig:\n  map:\n    z: |\n"
                 "      version: v1\n      sharing: {}\n    y: |\n      port: 1\n");
    assert_string_equal(reading_documents(), "1:1-17:9 v1/ConfigMap /\n6:5-8:22 a</ /\n"
                                             "9:6-9:6 b</ / loose\n13:6-13:13 e</X /\n"
                                             "14:6-14:6 f</ / loose\n19:1-25:14 / /\n"
                                             "22:7-23:18 z</ /\n");
    assert_ptr_equal(reading.system.documents[1]->outer, reading.system.documents[0]);
    assert_string_equal(reading_faults(), "");
}

static void tells_of_files_inside_that_are_broken(void **state)
{
    (void)state;
    reading_file("a.yaml",
                 "apiVersion: v1\nkind: ConfigMap\ndata:\n  a: |\n    version: v1\n"
                 "    sharing:\n      x: [\n      y: z]\n    w\n  b: |\n    nginx: {{{\n");
    assert_string_equal(reading_faults(),
                        "yaml-syntax 10:5: not YAML: could not find expected ':' (while scanning "
                        "a simple key that began at line 9)\n");
}

static void finds_keys_given_twice(void **state)
{
    char text[4096] = "kind: A\na: {b: 1, c: 2, b: 3}\nl:\n";

    (void)state;
    for (unsigned i = 0; i < 40; i++)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "  k%u: 1\n", i % 39);
    reading_file("a.yaml", text);
    assert_string_equal(reading_faults(),
                        "yaml-duplicate-key 2:17: key 'b' stands here for the second time, first "
                        "on line 2\nyaml-duplicate-key 43:3: key 'k0' stands here for the second "
                        "time, first on line 4\n");
}

static void refuses_bombs_and_cycles(void **state)
{
    (void)state;
    reading_file("a.yaml", "kind: A\na: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\n"
                           "c: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\n"
                           "e: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e]\n"
                           "g: &g [*f,*f,*f,*f,*f,*f,*f,*f]\n---\nkind: B\nx: &x [*x]\n---\n"
                           "kind: C\n");
    assert_string_equal(reading_documents(), "13:1-13:8 /C /\n");
    assert_string_equal(
        reading_faults(),
        "file-too-large 8:8: document is not checked: more than 524288 values, aliases counted as "
        "they are used\nyaml-syntax 11:8: not YAML: anchor '&x' contains itself\n");
    assert_true(reading.system.partial);
}

static void knows_paths_and_groups(void **state)
{
    const struct document *d;

    (void)state;
    reading_file("a.yaml",
                 "apiVersion: karpenter.sh/v1\nkind: NodePool\nspec: {a.b: {c: 1}, n: ~}\n");
    d = reading.system.documents[0];
    assert_true(document_is(d, "karpenter.sh", "NodePool"));
    assert_false(document_is(d, "karpenter", "NodePool"));
    assert_false(document_is(d, "", "NodePool"));
    assert_null(node_at(d->root, "spec.a.b.c"));
    assert_string_equal(node_text(node_get(node_get(node_at(d->root, "spec"), "a.b"), "c"), ""),
                        "1");
    assert_string_equal(node_text(node_at(d->root, "spec.n"), "none"), "none");
    assert_ptr_equal(node_at(d->root, ""), d->root);
    assert_null(node_pair(NULL, "x"));
}

static void knows_placeholders(void **state)
{
    static const char *const yes[] = {"{{ .x }}",     "a-${B}",    "$(C)",        "$HOME",
                                      "<NAME>",       "x/<A_B>",   "<your name>", "YOUR_KEY",
                                      "your-image:1", "reg/your-x"};
    static const char *const no[] = {"", "a", "1$", "<", "a < B > c", "<a>b</a>", "yours", "x$y"};

    (void)state;
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (!text_is_placeholder(yes[i]))
            fail_msg("%s", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (text_is_placeholder(no[i]))
            fail_msg("%s", no[i]);
}

static void objects_come_without_a_place(void **state)
{
    struct yaml_doc *object = NULL;
    struct err e = {0};
    const char *text = "kind: PodList\napiVersion: v1\nitems: [{metadata: {name: x}}]";

    (void)state;
    assert_int_equal(yaml_read(&object, "o", text, strlen(text), &e), 0);
    assert_int_equal(read_object(&reading, "cluster", object, &e), 0);
    assert_string_equal(reading_documents(), "1:1-1:1 v1/Pod /x loose\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        READING_TEST(cuts_documents_at_markers),
        READING_TEST(an_error_costs_its_document_only),
        READING_TEST(counts_lines_as_editors_do),
        READING_TEST(ends_nodes_behind_their_text),
        READING_TEST(marks_what_aliases_share),
        READING_TEST(lists_become_their_items),
        READING_TEST(reads_files_inside_documents),
        READING_TEST(tells_of_files_inside_that_are_broken),
        READING_TEST(finds_keys_given_twice),
        READING_TEST(refuses_bombs_and_cycles),
        READING_TEST(knows_paths_and_groups),
        READING_TEST(knows_placeholders),
        READING_TEST(objects_come_without_a_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
