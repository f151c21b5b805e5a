/* SPDX-License-Identifier: Apache-2.0 */
/* lint/fix: what the edits of one finding make of a text. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "lint/fixing.h"

/* One call of fix.h. A path of numbers and keys ("items.0.name") leads to nodes. */
struct op {
    char
        kind; /* Put, Remove, Item, Move, Comment, comment out an item (X), Value, Name, Document */
    const char *path, *key, *a, *b;
    size_t document;
};

static size_t number(const char *text)
{
    uint64_t n;

    assert_true(text_uint(&n, text, 1000));
    return n;
}

static const struct yaml_node *node_of(const struct yaml_node *node, const char *path)
{
    while (*path) {
        size_t size = strcspn(path, ".");
        char key[64];

        assert_true(size < sizeof key);
        memcpy(key, path, size);
        key[size] = '\0';
        if (node->kind == YAML_LIST)
            node = node->items[number(key)];
        else
            node = node_get(node, key);
        assert_non_null(node);
        path += size;
        path += *path == '.';
    }
    return node;
}

static void call(struct lint *l, struct finding *f, const struct op *op)
{
    const struct document *d = l->system.documents[op->document];
    const struct yaml_node *node;

    switch (op->kind) {
    case 'P':
        fix_put(l, f, d, op->path, op->key, op->a);
        break;
    case 'R':
        fix_remove(l, f, d, op->path, op->key);
        break;
    case 'I':
        fix_remove_item(l, f, d, node_of(d->root, op->path), number(op->key));
        break;
    case 'M':
        fix_move(l, f, d, op->path, op->key, op->a, op->b);
        break;
    case 'C':
        node = node_of(d->root, op->path);
        fix_comment_out(l, f, d, node_pair(node, op->key), op->a);
        break;
    case 'X':
        fix_comment_out_item(l, f, d, node_of(d->root, op->path), number(op->key), op->a);
        break;
    case 'V':
        fix_replace(l, f, d, node_of(d->root, op->path), op->a);
        break;
    case 'N':
        node = node_of(d->root, op->path);
        fix_rename(l, f, d, node_pair(node, op->key), op->a);
        break;
    case 'D':
        fix_add_document(l, f, d, op->a);
        break;
    default:
        fail();
    }
}

static size_t n_wrong;

static void check(const char *file, const char *before, const struct op *ops, const char *after)
{
    struct lint l;
    struct finding *f;
    char *text;

    open_text(&l, file, before);
    assert_true(l.system.n_documents > 0);
    f = lint_find(&l, 0, spot_of_document(l.system.documents[0]), "words");
    for (; ops->kind; ops++)
        call(&l, f, ops);
    text = apply(&l, f);
    if (!text != !after || (text && strcmp(text, after) != 0)) {
        print_error("--- before:\n%s--- expected:\n%s\n--- found:\n%s\n", before,
                    after ? after : "(nothing)", text ? text : "(nothing)");
        n_wrong++;
    }
    free(text);
    lint_done(&l);
}

#define CHECK(before, after, ...)                                                                  \
    check("a.yaml", before, (const struct op[]){__VA_ARGS__, {0}}, after)

#define HEAD "apiVersion: v1\nkind: Pod\n"

static void test_put(void **state)
{
    (void)state;
    CHECK(HEAD "spec:\n  a: 1\n", HEAD "spec:\n  a: 1\n  b: 2\n", {'P', "spec", "b", "2", NULL, 0});
    CHECK(HEAD "spec:\n  a: 1", HEAD "spec:\n  a: 1\n  b: 2", {'P', "spec", "b", "2", NULL, 0});
    CHECK(HEAD "spec:\n  a: 1\n", HEAD "spec:\n  a: 2\n", {'P', "spec", "a", "2", NULL, 0});
    CHECK(HEAD "spec:\n  a: 1 # one\n", HEAD "spec:\n  a: 2 # one\n",
          {'P', "spec", "a", "2", NULL, 0});
    /* The end of a map is before what follows, and behind comments that belong to it. */
    CHECK(HEAD "spec:\n  a:\n    - x\n    # more\n\n# end\nstatus: 1\n",
          HEAD "spec:\n  a:\n    - x\n    # more\n  b: 2\n\n# end\nstatus: 1\n",
          {'P', "spec", "b", "2", NULL, 0});
    /* Missing maps, as deep as the document indents. */
    CHECK(HEAD "spec:\n    a: 1\n", HEAD "spec:\n    a: 1\n    t:\n        m:\n            b: 2\n",
          {'P', "spec.t.m", "b", "2", NULL, 0});
    CHECK(HEAD, HEAD "spec:\n  t:\n    b: 2\n", {'P', "spec.t", "b", "2", NULL, 0});
    /* Nothing, an empty map, and one between braces. */
    CHECK(HEAD "spec:\n", HEAD "spec:\n  b: 2\n", {'P', "spec", "b", "2", NULL, 0});
    CHECK(HEAD "spec: # later\n", HEAD "spec: # later\n  b: 2\n", {'P', "spec", "b", "2", NULL, 0});
    CHECK(HEAD "spec: null # later\n", HEAD "spec: # later\n  b: 2\n",
          {'P', "spec", "b", "2", NULL, 0});
    CHECK(HEAD "spec: {}\n", HEAD "spec:\n  b: 2\n", {'P', "spec", "b", "2", NULL, 0});
    CHECK(HEAD "spec: {a: 1}\n", HEAD "spec: {a: 1, b: 2}\n", {'P', "spec", "b", "2", NULL, 0});
    CHECK(HEAD "spec: {a: {}}\n", HEAD "spec: {a: {x: {b: 2}}}\n",
          {'P', "spec.a.x", "b", "2", NULL, 0});
    /* Keys with dots, and those that need quotes. */
    CHECK(HEAD "spec:\n  a: 1\n", HEAD "spec:\n  a: 1\n  nvidia.com/gpu: 8\n",
          {'P', "spec", "nvidia.com/gpu", "8", NULL, 0});
    CHECK(HEAD "spec:\n  a: 1\n", HEAD "spec:\n  a: 1\n  \"on\": 8\n",
          {'P', "spec", "on", "8", NULL, 0});
    /* A list goes on, a map goes on, and what is there is not put twice. */
    CHECK(HEAD "spec:\n  l:\n  - a\n  - b # last\n  m: 1\n",
          HEAD "spec:\n  l:\n  - a\n  - b # last\n  - c\n  m: 1\n",
          {'P', "spec", "l", "- b\n- c", NULL, 0});
    CHECK(HEAD "spec:\n  l: [a]\n", HEAD "spec:\n  l: [a, b]\n",
          {'P', "spec", "l", "[b]", NULL, 0});
    CHECK(HEAD "spec:\n  l: [a]\n", HEAD "spec:\n  l: [a, {k: 1}]\n",
          {'P', "spec", "l", "- k: 1", NULL, 0});
    CHECK(HEAD "spec:\n  l: []\n", HEAD "spec:\n  l:\n    - k: 1\n      v: 2\n",
          {'P', "spec", "l", "- k: 1\n  v: 2", NULL, 0});
    CHECK(HEAD "spec:\n  l:\n    - a\n", HEAD "spec:\n  l:\n    - a\n    - b\n",
          {'P', "spec", "l", "[a, b]", NULL, 0});
    CHECK(HEAD "spec:\n  m:\n    a: 1\n", HEAD "spec:\n  m:\n    a: 2\n    b:\n      c: 3\n",
          {'P', "spec", "m", "a: 2\nb:\n  c: 3", NULL, 0});
    /* Lists stand under their keys as they do elsewhere. */
    CHECK(HEAD "spec:\n  l:\n  - a\n", HEAD "spec:\n  l:\n  - a\n  k:\n  - b\n",
          {'P', "spec", "k", "- b", NULL, 0});
    /* Texts of several lines. */
    CHECK(HEAD "spec:\n  a: 1\n", HEAD "spec:\n  a: 1\n  b: |\n    one\n    two\n",
          {'P', "spec", "b", "|\n  one\n  two", NULL, 0});
    CHECK(HEAD "spec:\n  a: |\n    one\n\n    two\n\nz: 1\n",
          HEAD "spec:\n  a: |\n    one\n\n    two\n  b: 1\n\nz: 1\n",
          {'P', "spec", "b", "1", NULL, 0});
    /* JSON stays JSON. */
    CHECK("{\"kind\": \"Pod\", \"spec\": {\"a\": 1}}\n",
          "{\"kind\": \"Pod\", \"spec\": {\"a\": 1, \"b\": [\"x\", true, 2, \"1Gi\"]}}\n",
          {'P', "spec", "b", "- x\n- true\n- 2\n- 1Gi", NULL, 0});
    CHECK("{\n  \"kind\": \"Pod\",\n  \"spec\": {\n    \"a\": 1\n  }\n}\n",
          "{\n  \"kind\": \"Pod\",\n  \"spec\": {\n    \"a\": 1,\n    \"b\": \"x\"\n  }\n}\n",
          {'P', "spec", "b", "x", NULL, 0});
    /* Through a list there is no path; an alias stands for other places too. */
    CHECK(HEAD "spec:\n  - a: 1\n", NULL, {'P', "spec", "b", "2", NULL, 0});
    CHECK(HEAD "x: &x\n  a: 1\nspec: *x\n", NULL, {'P', "spec", "b", "2", NULL, 0});
    CHECK(HEAD "x: &x\n  a: 1\nspec:\n  <<: *x\n  c: 1\n",
          HEAD "x: &x\n  a: 1\nspec:\n  <<: *x\n  c: 1\n  b: 2\n",
          {'P', "spec", "b", "2", NULL, 0});
    assert_int_equal(n_wrong, 0);
}

static void test_combined(void **state)
{
    (void)state;
    /* Several steps need the same new maps. */
    CHECK(
        HEAD "metadata:\n  name: p\nspec:\n"
             "  # what nodes look like\n  constraints: # old\n"
             "    labels: # ours\n      a: b\n"
             "    # keeps others off\n    taints:\n      - key: k\n        effect: NoSchedule\n"
             "    requirements:\n      # types\n      - key: t\n        operator: In\n"
             "        values: [\"a\", b] # two\n"
             "  limits:\n    resources:\n      cpu: 10\n"
             "  nodeClassRef:\n        kind: C\n        name: x # yours\n",
        HEAD
        "metadata:\n  name: p\nspec:\n"
        "  # what nodes look like\n  # old\n"
        "  limits:\n    cpu: 10\n"
        "  template:\n    metadata:\n      labels: # ours\n        a: b\n"
        "    spec:\n"
        "      # keeps others off\n      taints:\n        - key: k\n          effect: NoSchedule\n"
        "      requirements:\n        # types\n        - key: t\n          operator: In\n"
        "          values: [\"a\", b] # two\n"
        "      nodeClassRef:\n            kind: C\n            name: x # yours\n"
        "            group: g\n",
        {'M', "spec.constraints", "labels", "spec.template.metadata", "labels", 0},
        {'M', "spec.constraints", "taints", "spec.template.spec", "taints", 0},
        {'M', "spec.constraints", "requirements", "spec.template.spec", "requirements", 0},
        {'M', "spec", "nodeClassRef", "spec.template.spec", "nodeClassRef", 0},
        {'M', "spec.limits", "resources", "spec", "limits", 0},
        {'P', "spec.template.spec.nodeClassRef", "group", "g", NULL, 0});
    /* What was moved is still found by the run's nodes. */
    CHECK(HEAD "spec:\n  ref:\n    v: old\n    n: [1, 2, 3]\n  a: 1\n",
          HEAD "spec:\n  a: 1\n  t:\n    ref:\n      v: new\n      n: [2]\n",
          {'M', "spec", "ref", "spec.t", "ref", 0}, {'V', "spec.ref.v", NULL, "new", NULL, 0},
          {'I', "spec.ref.n", "0", NULL, NULL, 0}, {'I', "spec.ref.n", "2", NULL, NULL, 0});
    CHECK(HEAD "spec:\n  l:\n    - a: 1\n    # two\n    - b: 2 # x\n    - c: 3\n",
          HEAD "spec:\n  l:\n    # two\n    - b: 2 # x\n", {'I', "spec.l", "2", NULL, NULL, 0},
          {'I', "spec.l", "0", NULL, NULL, 0});
    /* Into lists and maps that are there; of two values the one that moved counts. */
    CHECK(HEAD
          "spec:\n  old:\n    # first\n    taints: # behind\n      - a\n      # second\n      - b\n"
          "    labels: {x: \"1\", z: z}\n    n: 1\n    m: 2\n"
          "  t:\n    taints:\n    - b\n    labels:\n      x: 0\n    n: 0 # why\n    m: 2\n",
          HEAD
          "spec:\n  t:\n    taints:\n    - b\n    # first\n    # behind\n    - a\n    # second\n"
          "    labels:\n      # x: 0\n      x: \"1\"\n      z: z\n    # n: 0 # why\n    n: 1\n    "
          "m: 2\n",
          {'M', "spec.old", "taints", "spec.t", "taints", 0},
          {'M', "spec.old", "labels", "spec.t", "labels", 0},
          {'M', "spec.old", "n", "spec.t", "n", 0}, {'M', "spec.old", "m", "spec.t", "m", 0});
    /* A key into its own place, wrapped; and another name in the same map. */
    CHECK(HEAD "spec:\n  template:\n    a: 1\n", HEAD "spec:\n  template:\n    spec:\n      a: 1\n",
          {'M', "spec", "template", "spec.template", "spec", 0});
    CHECK(HEAD "spec:\n  \"a\": 1\n  b: 2\n", HEAD "spec:\n  \"c\": 1\n  b: 2\n",
          {'M', "spec", "a", "spec", "c", 0});
    CHECK("{\"kind\": \"Pod\", \"spec\": {\"a\": [1, 2], \"b\": 1}}\n",
          "{\"kind\": \"Pod\", \"spec\": {\"b\": 1, \"t\": {\"a\": [1, 2]}}}\n",
          {'M', "spec", "a", "spec.t", "a", 0});
    CHECK(HEAD "spec: {a: [1, 2]}\n", HEAD "spec:\n  t:\n    a: [1, 2]\n",
          {'M', "spec", "a", "spec.t", "a", 0});
    /* Texts of many lines keep theirs. */
    CHECK(HEAD "data:\n  a: |-\n    # no comment\n    x\n\n      y\n  # c\nz: 1\n",
          HEAD "# c\nz: 1\nq:\n  r:\n    a: |-\n      # no comment\n      x\n\n        y\n",
          {'M', "data", "a", "q.r", "a", 0});
    CHECK(HEAD "a: 1\n---\nkind: Pod\nspec: 1\n",
          HEAD "a: 1\nb: 2\n---\nkind: N\n---\nkind: Pod\nspec: 2\n",
          {'P', "", "spec", "2", NULL, 1}, {'D', NULL, NULL, "kind: N", NULL, 0},
          {'P', "", "b", "2", NULL, 0});
    /* One that cannot be done takes all away. */
    CHECK(HEAD "spec:\n  a: 1\n", NULL, {'P', "spec", "b", "2", NULL, 0},
          {'M', "spec", "x", "spec", "y", 0});
    assert_int_equal(n_wrong, 0);
}

static void test_remove(void **state)
{
    (void)state;
    CHECK(HEAD "spec:\n  # of a\n  a: 1\n  b: 2\n", HEAD "spec:\n  b: 2\n",
          {'R', "spec", "a", NULL, NULL, 0});
    CHECK(HEAD "spec:\n  m:\n    a:\n      - 1\n", HEAD, {'R', "spec.m", "a", NULL, NULL, 0});
    CHECK(HEAD "spec: {m: {a: 1}, b: 2}\n", HEAD "spec: {b: 2}\n",
          {'R', "spec.m", "a", NULL, NULL, 0});
    CHECK("{\n  \"kind\": \"Pod\",\n  \"a\": 1,\n  \"b\": [\n    1,\n    2\n  ]\n}\n",
          "{\n  \"kind\": \"Pod\",\n  \"a\": 1\n}\n", {'R', "", "b", NULL, NULL, 0});
    CHECK("{\n  \"kind\": \"Pod\",\n  \"b\": [\n    1,\n    2\n  ]\n}\n",
          "{\n  \"kind\": \"Pod\",\n  \"b\": [\n    1\n  ]\n}\n", {'I', "b", "1", NULL, NULL, 0});
    CHECK("{\n  \"kind\": \"Pod\",\n  \"b\": [\n    1,\n    2\n  ]\n}\n",
          "{\n  \"kind\": \"Pod\",\n  \"b\": [\n    2\n  ]\n}\n", {'I', "b", "0", NULL, NULL, 0});
    CHECK(HEAD "spec:\n  l: [a, \"b\", c] # x\n", HEAD "spec:\n  l: [a, c] # x\n",
          {'I', "spec.l", "1", NULL, NULL, 0});
    CHECK(HEAD "spec:\n  l: [a]\n", HEAD "spec:\n  l: []\n", {'I', "spec.l", "0", NULL, NULL, 0});
    CHECK(HEAD "spec:\n  l:\n  # c\n  - a\n  m: 1\n", HEAD "spec:\n  l: []\n  m: 1\n",
          {'I', "spec.l", "0", NULL, NULL, 0});
    CHECK(HEAD "spec:\n  l:\n    - \"a\" # A\n    - \"b\"\n", HEAD "spec:\n  l:\n    - \"b\"\n",
          {'I', "spec.l", "0", NULL, NULL, 0});
    assert_int_equal(n_wrong, 0);
}

static void test_comment_out(void **state)
{
    (void)state;
    CHECK(HEAD "spec:\n  a: 1\n  b:\n    # in\n    - x\n\n    - y\n",
          HEAD "spec:\n  a: 1\n  # gone\n  # b:\n    # in\n  #   - x\n\n  #   - y\n",
          {'C', "spec", "b", "gone", NULL, 0});
    CHECK(HEAD "spec:\n  a: 1\n", HEAD "spec: {}\n  # a: 1\n", {'C', "spec", "a", NULL, NULL, 0});
    CHECK(HEAD "l:\n  - a: 1\n    # of b\n    b: 2\n", HEAD "l:\n  # a: 1\n    # of b\n  - b: 2\n",
          {'C', "l.0", "a", NULL, NULL, 0});
    CHECK(HEAD "d:\n  - 1\nspec: {a: 1, b: [x, y]} # c\n",
          HEAD "d:\n  - 1\n# why\n# b: [x, y]\nspec: {a: 1} # c\n",
          {'C', "spec", "b", "why", NULL, 0});
    CHECK(HEAD "l:\n  # A\n  - \"a\" # x\n  - k: 1\n    v: 2\n",
          HEAD "l:\n  # A\n  - \"a\" # x\n  # why\n  # - k: 1\n  #   v: 2\n",
          {'X', "l", "1", "why", NULL, 0});
    CHECK(HEAD "l: [a, b] # x\n", HEAD "# a\nl: [b] # x\n", {'X', "l", "0", NULL, NULL, 0});
    CHECK("{\n  \"kind\": \"Pod\",\n  \"a\": [\n    1\n  ]\n}\n",
          "{\n  \"kind\": \"Pod\",\n  # \"a\": [\n  #   1\n  # ]\n}\n",
          {'C', "", "a", NULL, NULL, 0});
    assert_int_equal(n_wrong, 0);
}

static void test_replace(void **state)
{
    (void)state;
    /* Quotes stay around what is a text without them too. */
    CHECK(HEAD "spec:\n  a: \"50Gi\"\n  b: 'x'\n  c: \"8\"\n",
          HEAD "spec:\n  a: \"100Gi\"\n  b: 'z'\n  c: 8\n", {'V', "spec.a", NULL, "100Gi", NULL, 0},
          {'V', "spec.b", NULL, "z", NULL, 0}, {'V', "spec.c", NULL, "8", NULL, 0});
    /* A name that is taken is none. */
    CHECK(HEAD "spec:\n  a: 1\n  b: 2\n", NULL, {'N', "spec", "a", "b", NULL, 0});
    CHECK(HEAD "spec:\n  a: 'x' # c\n", HEAD "spec:\n  a: [y] # c\n",
          {'V', "spec.a", NULL, "[y]", NULL, 0});
    CHECK(HEAD "spec:\n  a: 'x' # c\n", HEAD "spec:\n  a: # c\n    - k: v\n      w: 1\n",
          {'V', "spec.a", NULL, "- k: v\n  w: 1", NULL, 0});
    CHECK(HEAD "spec:\n  a:\n  - k: v\n  - 2\n  b: 1\n", HEAD "spec:\n  a: 5\n  b: 1\n",
          {'V', "spec.a", NULL, "5", NULL, 0});
    CHECK(HEAD "spec:\n  a:\n  - k: v\n  b: 1\n", HEAD "spec:\n  a:\n  - m\n  - n\n  b: 1\n",
          {'V', "spec.a", NULL, "- m\n- n", NULL, 0});
    CHECK(HEAD "spec:\n  a:\n  - k: v\n    l: w\n  - 2\n",
          HEAD "spec:\n  a:\n  - x: 1\n    y: 2\n  - 2\n",
          {'V', "spec.a.0", NULL, "x: 1\ny: 2", NULL, 0});
    CHECK(HEAD "spec:\n  a:\n", HEAD "spec:\n  a: 5\n", {'V', "spec.a", NULL, "5", NULL, 0});
    CHECK(HEAD "spec:\n  - a\n  -\n", HEAD "spec:\n  - a\n  - 5\n",
          {'V', "spec.1", NULL, "5", NULL, 0});
    CHECK(HEAD "spec:\n  a: |\n    x\n    y\n  b: 1\n", HEAD "spec:\n  a: 5\n  b: 1\n",
          {'V', "spec.a", NULL, "5", NULL, 0});
    CHECK(HEAD "spec:\n  a:\n    \"x\"\n  b: 1\n", HEAD "spec:\n  a: 5\n  b: 1\n",
          {'V', "spec.a", NULL, "5", NULL, 0});
    CHECK(HEAD "\xc3\xa4: {\"\xc3\xb6\": 1, b: \xe2\x82\xac }\n",
          HEAD "\xc3\xa4: {\"\xc3\xb6\": 1, b: x }\n", {'V', "\xc3\xa4.b", NULL, "x", NULL, 0});
    CHECK(HEAD "spec:\n  k: 1\n", HEAD "spec:\n  n.o/p: 1\n", {'N', "spec", "k", "n.o/p", NULL, 0});
    CHECK("kind: Pod\r\nspec:\r\n  a: 1\r\n",
          "kind: Pod\r\nspec:\r\n  a: 1\r\n  b:\r\n    c: 2\r\n",
          {'P', "spec.b", "c", "2", NULL, 0});
    assert_int_equal(n_wrong, 0);
}

static void check_fence(const char *before, const char *file, const char *after)
{
    struct lint l;
    struct finding *f;
    char *text;

    open_text(&l, "a.md", before);
    assert_int_equal(l.system.n_documents, 1);
    f = lint_find(&l, 0, (struct spot){.source = l.sources[0]}, "words");
    fix_write_file(&l, f, l.system.documents[0]->piece, file);
    fix_put(&l, f, l.system.documents[0], "", "b", "2");
    text = apply(&l, f);
    assert_non_null(text);
    assert_string_equal(text, after);
    free(text);
    lint_done(&l);
}

static void test_write_file(void **state)
{
    (void)state;
    check_fence("A:\n```yaml\n" HEAD "```\nB\n", "a.yaml",
                "A:\n```shell\ncat > a.yaml <<'EOF'\n" HEAD "b: 2\nEOF\n```\nB\n");
    check_fence("A:\n```\n" HEAD "```\nB\n", "a b.yaml",
                "A:\n```shell\ncat > 'a b.yaml' <<'EOF'\n" HEAD "b: 2\nEOF\n```\nB\n");
    check_fence(
        "1. A:\n   ```yaml title\n   kind: Pod\n   apiVersion: v1\n   EOF: 1\n   ```\n", "a.yaml",
        "1. A:\n   ```shell title\n   cat > a.yaml <<'EOF'\n   kind: Pod\n   apiVersion: v1\n"
        "   EOF: 1\n   b: 2\n   EOF\n   ```\n");
    check_fence("A:\n~~~yaml\nx: |\n  y\nkind: Pod\napiVersion: >\n  v1\n~~~\n", "a.yaml",
                "A:\n~~~shell\ncat > a.yaml <<'EOF'\nx: |\n  y\nkind: Pod\napiVersion: >\n  v1\nb: "
                "2\nEOF\n~~~\n");
}

/* Texts inside others keep their indent. */
static void test_inside(void **state)
{
    (void)state;
    check("a.md", "- A:\n  ```yaml\n  kind: Pod\n  apiVersion: v1\n\n  spec:\n    a: 1\n  ```\n",
          (const struct op[]){{'P', "spec.t", "b", "2", NULL, 0}, {0}},
          "- A:\n  ```yaml\n  kind: Pod\n  apiVersion: v1\n\n  spec:\n    a: 1\n    t:\n      b: "
          "2\n  ```\n");
    check("a.sh",
          "cat <<-EOF | kubectl apply -f -\n\tkind: Pod\n\tapiVersion: v1\n\tspec:\n\t  a: "
          "1\n\tEOF\n",
          (const struct op[]){
              {'P', "spec", "b", "2", NULL, 0}, {'D', NULL, NULL, "kind: N", NULL, 0}, {0}},
          "cat <<-EOF | kubectl apply -f -\n\tkind: Pod\n\tapiVersion: v1\n\tspec:\n\t  a: 1\n\t  "
          "b: 2\n\t---\n\tkind: N\n\tEOF\n");
    check(
        "a.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\ndata:\n  any: |-\n    version: v1\n"
        "    sharing:\n      timeSlicing:\n        resources:\n        - name: nvidia.com/gpu\n    "
        "      replicas: 4\n",
        (const struct op[]){{'P', "sharing.timeSlicing", "renameByDefault", "true", NULL, 1}, {0}},
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\ndata:\n  any: |-\n    version: v1\n"
        "    sharing:\n      timeSlicing:\n        resources:\n        - name: nvidia.com/gpu\n    "
        "      replicas: 4\n"
        "        renameByDefault: true\n");
    /* What was blanked out or quoted cannot be edited. */
    check("a.yaml", HEAD "spec:\n  a: {{ .Values.x }}\n",
          (const struct op[]){{'P', "spec", "b", "2", NULL, 0}, {0}}, NULL);
    check("a.md", "> ```yaml\n> kind: Pod\n> apiVersion: v1\n> ```\n",
          (const struct op[]){{'P', "spec", "b", "2", NULL, 0}, {0}}, NULL);
    assert_int_equal(n_wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_file),  cmocka_unit_test(test_inside),
        cmocka_unit_test(test_combined),    cmocka_unit_test(test_remove),
        cmocka_unit_test(test_comment_out), cmocka_unit_test(test_replace),
        cmocka_unit_test(test_put),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
