/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Charts as they are installed by the helm command: which chart, under which name, with which
 * values. The files of --values are looked for in the set, by their names.
 */
#include "lint/view/release.h"

#include <string.h>

#include "base/text.h"

static const struct {
    const char *name;
    enum chart chart;
} charts[] = {
    {"nvidia-device-plugin", CHART_DEVICE_PLUGIN},
    {"gpu-operator", CHART_GPU_OPERATOR},
    {"gpu-feature-discovery", CHART_GPU_FEATURE_DISCOVERY},
    {"node-feature-discovery", CHART_NFD},
    {"dcgm-exporter", CHART_DCGM_EXPORTER},
    {"karpenter", CHART_KARPENTER},
    {"carve", CHART_CARVE},
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

/* "nvdp/gpu-operator", "./charts/karpenter/", "oci://…/karpenter", "gpu-operator-v25.3.0.tgz". */
enum chart release_chart(const char *reference)
{
    const char *name = base_name(reference);

    for (size_t i = 0; i < sizeof charts / sizeof charts[0]; i++) {
        size_t length = strlen(charts[i].name);
        const char *rest = name + length;

        if (strncmp(name, charts[i].name, length) != 0)
            continue;
        if (!*rest || (*rest == '-' && strstr(rest, ".tgz")) || strcmp(rest, "/") == 0)
            return charts[i].chart;
    }
    return CHART_OTHER;
}

struct release *release_add(struct lint *l, struct system *s, const char *reference)
{
    struct release *grown = view_grow(l, s->releases, s->n_releases, sizeof *grown);

    if (!grown)
        return NULL;
    s->releases = grown;
    grown += s->n_releases++;
    *grown = (struct release){
        .chart = release_chart(reference),
        .name = "",
        .space = "",
        .reference = reference,
        .version = "",
    };
    return grown;
}

/* Options of helm that take a value in the next word. */
static const char *const with_value[] = {
    "-n",
    "--namespace",
    "--version",
    "--set",
    "--set-string",
    "--set-json",
    "--set-file",
    "--set-literal",
    "-f",
    "--values",
    "--timeout",
    "--repo",
    "--username",
    "--password",
    "--kube-context",
    "--kubeconfig",
    "--ca-file",
    "--cert-file",
    "--key-file",
    "--description",
    "--keyring",
    "--labels",
    "-l",
    "--history-max",
    "--post-renderer",
    "--output",
    "-o",
    "--name-template",
    "--kube-version",
    "--api-versions",
    "-a",
    "--show-only",
    "-s",
    "--output-dir",
    "--kube-apiserver",
    "--kube-token",
    "--registry-config",
    "--repository-config",
    "--repository-cache",
    "--qps",
    "--burst-limit",
    "--post-renderer-args",
    "--kube-as-user",
    "--kube-ca-file",
};

/* An option with its value; without a value `value` is NULL. Word: what holds the value. */
struct option {
    const char *name, *value;
    const struct word *word;
};

/* A command on its way; positional words are gathered. */
struct reading {
    struct lint *l;
    struct system *s;
    const struct command *c;
    size_t at;
    const struct word *plain[3]; /* the verb, the name, the chart */
    size_t n_plain;
};

static bool takes_value(const char *name)
{
    for (size_t i = 0; i < sizeof with_value / sizeof with_value[0]; i++)
        if (strcmp(with_value[i], name) == 0)
            return true;
    return false;
}

/* "--set=a=b" has both in one word, "-nspace" too. */
static void split_option(struct reading *r, struct option *o)
{
    const char *text = o->word->text, *equals = strchr(text, '=');

    o->name = text;
    o->value = NULL;
    if (text_starts(text, "--") && equals) {
        o->name = lint_printf(r->l, "%.*s", (int)(equals - text), text);
        o->value = equals + 1;
    } else if (!text_starts(text, "--") && strlen(text) > 2) {
        o->name = lint_printf(r->l, "%.2s", text);
        o->value = takes_value(o->name) ? text + 2 + (text[2] == '=') : NULL;
    } else if (takes_value(text) && r->at < r->c->n_words) {
        o->word = &r->c->words[r->at++];
        o->value = o->word->text;
    }
}

/* The next option; positional words on the way are kept. False at the end. */
static bool next_option(struct reading *r, struct option *o)
{
    while (r->at < r->c->n_words) {
        o->word = &r->c->words[r->at++];
        if (o->word->text[0] == '-' && o->word->text[1]) {
            split_option(r, o);
            return true;
        }
        if (r->n_plain < 3)
            r->plain[r->n_plain++] = o->word;
    }
    return false;
}

/* How many names both paths end with alike: folders tell files of one name apart. */
static unsigned common_tail(const char *a, const char *b)
{
    size_t size_a = strlen(a), size_b = strlen(b);
    unsigned names = 0;

    for (size_t n = 0;; n++) {
        bool ends_a = n == size_a || a[size_a - n - 1] == '/';
        bool ends_b = n == size_b || b[size_b - n - 1] == '/';

        names += ends_a && ends_b;
        if (n == size_a || n == size_b || a[size_a - n - 1] != b[size_b - n - 1])
            return names;
    }
}

/* The name that a command could call a document by; NULL: by none. */
static const char *file_name(const struct document *d)
{
    if (d->outer || !d->piece)
        return NULL;
    if (d->piece->file)
        return d->piece->file;
    return d->piece->fenced || !d->piece->source ? NULL : d->piece->source->file;
}

/*
 * The document of the set that a file's name means: written by a here-document, or read. Of several
 * with that name, the first of those whose folders are most like the name's.
 */
static const struct document *find_file(const struct reading *r, const char *name)
{
    const struct document *best = NULL;
    unsigned most = 0;

    for (size_t i = 0; i < r->s->n_documents; i++) {
        const struct document *d = r->s->documents[i];
        const char *file = file_name(d);
        unsigned tail;

        if (!d->outer && d->piece && strcmp(name, "-") == 0 && d->piece == r->c->here)
            return d;
        if (!file || strcmp(base_name(file), base_name(name)) != 0)
            continue;
        tail = common_tail(file, name);
        if (!best || tail > most) {
            best = d;
            most = tail;
        }
    }
    return best;
}

static void read_file(struct reading *r, struct release *out, const char *name)
{
    const struct document *d = r->s->n_releases < RELEASE_MAX_LOOKUPS ? find_file(r, name) : NULL;

    if (!d || d->kind[0]) {
        out->values_open = true;
        return;
    }
    release_values_tree(r->l, out, &(struct release_origin){.doc = d}, "", d->root);
}

/* "path=file" of --set-file: the value is the file's text. */
static void read_file_value(struct reading *r, struct release *out, const struct option *o)
{
    const char *equals = strchr(o->value, '=');
    const struct document *d;
    struct release_origin origin = {.word = o->word, .spot = o->word->spot};

    if (!equals)
        return;
    d = r->s->n_releases < RELEASE_MAX_LOOKUPS ? find_file(r, equals + 1) : NULL;
    if (!d)
        out->values_open = true;
    release_values_one(r->l, out, &origin,
                       lint_printf(r->l, "%.*s", (int)(equals - o->value), o->value),
                       d && d->piece->text ? d->piece->text : "");
}

/* Names of an option in both spellings. */
static bool is(const struct option *o, const char *name, const char *letter)
{
    return strcmp(o->name, name) == 0 || (letter && strcmp(o->name, letter) == 0);
}

static void read_value(struct reading *r, struct release *out, const struct option *o)
{
    const struct release_origin origin = {.word = o->word, .spot = o->word->spot};

    if (!o->value)
        return;
    if (is(o, "--set", NULL) || is(o, "--set-string", NULL)) {
        release_values_set(r->l, out, &origin, o->value);
    } else if (is(o, "--set-json", NULL)) {
        release_values_json(r->l, out, &origin, o->value);
    } else if (is(o, "--set-file", NULL)) {
        read_file_value(r, out, o);
    } else if (is(o, "--set-literal", NULL)) {
        const char *equals = strchr(o->value, '=');

        if (equals)
            release_values_one(r->l, out, &origin,
                               lint_printf(r->l, "%.*s", (int)(equals - o->value), o->value),
                               equals + 1);
    }
}

static void read_option(struct release *out, const struct option *o, bool *generate)
{
    if (is(o, "--generate-name", "-g"))
        *generate = true;
    else if (is(o, "--reuse-values", NULL) || is(o, "--reset-then-reuse-values", NULL))
        out->values_open = true;
    else if (!o->value)
        return;
    else if (is(o, "--namespace", "-n"))
        out->space = o->value;
    else if (is(o, "--version", NULL)) {
        out->version = o->value + (o->value[0] == 'v');
        out->version_word = o->word;
        out->version_spot = o->word->spot;
    }
}

/* Where the words behind "helm" begin, 0 if the command is another. */
static size_t find_start(const struct command *c)
{
    size_t i = 0;

    while (i < c->n_words && i < 8 &&
           (strcmp(c->words[i].text, "sudo") == 0 || strcmp(c->words[i].text, "time") == 0 ||
            strchr(c->words[i].text, '=')))
        i++;
    if (i >= c->n_words || strcmp(base_name(c->words[i].text), "helm") != 0)
        return 0;
    return i + 1;
}

static bool is_verb(const char *word)
{
    return strcmp(word, "install") == 0 || strcmp(word, "upgrade") == 0 ||
           strcmp(word, "template") == 0;
}

/* Files first: what --set says counts more, wherever it stands. */
static void read_values(struct reading *r, struct release *out, size_t start)
{
    struct option o;

    r->at = start;
    while (next_option(r, &o))
        if (is(&o, "--values", "-f") && o.value)
            read_file(r, out, o.value);
    r->at = start;
    while (next_option(r, &o))
        read_value(r, out, &o);
}

void release_read_command(struct lint *l, struct system *s, const struct command *c)
{
    struct reading r = {.l = l, .s = s, .c = c, .at = find_start(c)};
    size_t start = r.at;
    struct release read = {.name = "", .space = "", .version = ""}, *out;
    struct option o;
    bool generate = false, named;

    if (!start)
        return;
    while (next_option(&r, &o))
        read_option(&read, &o, &generate);
    if (r.n_plain < 2 || !is_verb(r.plain[0]->text))
        return;
    named = r.n_plain > 2 && !generate;
    out = release_add(l, s, r.plain[named ? 2 : 1]->text);
    if (!out)
        return;
    read.chart = out->chart;
    read.reference = out->reference;
    read.name = named ? r.plain[1]->text : "";
    read.command = c;
    read.spot = c->spot;
    *out = read;
    read_values(&r, out, start);
}
