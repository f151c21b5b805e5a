/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses that kubectl applies: files that are no longer at their repository's, branches instead
 * of tags, old tags. Only of repositories whose files are known (data/charts/objects.txt).
 */
#include <string.h>

#include "lint/check/charts.h"
#include "lint/check/checks.h"
#include "lint/check/stack.h"
#include "lint/fix/fix.h"
#include "lint/view/call.h"

enum { OLD_MINORS = 3 };

/* A file of a repository on GitHub at a tag or a branch. */
struct address {
    const char *repository; /* "NVIDIA/k8s-device-plugin" */
    const char *ref, *path;
};

/* Copies up to the next slash and steps behind it; "" if there is none. */
static const char *take_step(struct lint *l, const char **at)
{
    const char *slash = strchr(*at, '/'), *out;

    if (!slash)
        return "";
    out = lint_printf(l, "%.*s", (int)(slash - *at), *at);
    *at = slash + 1;
    return out;
}

static bool read_address(struct lint *l, struct address *out, const char *url)
{
    static const char raw[] = "https://raw.githubusercontent.com/", web[] = "https://github.com/";
    bool is_raw = strncmp(url, raw, sizeof raw - 1) == 0;
    const char *at = url + (is_raw ? sizeof raw : sizeof web) - 1, *owner;

    if (!is_raw && strncmp(url, web, sizeof web - 1) != 0)
        return false;
    owner = take_step(l, &at);
    out->repository = lint_printf(l, "%s/%s", owner, take_step(l, &at));
    if (!is_raw && strcmp(take_step(l, &at), "raw") != 0)
        return false;
    if (strncmp(at, "refs/heads/", 11) == 0)
        at += 11;
    else if (strncmp(at, "refs/tags/", 10) == 0)
        at += 10;
    out->ref = take_step(l, &at);
    out->path = at;
    return *out->ref && *out->path && !strpbrk(url, "$<{");
}

static bool is_branch(const char *ref)
{
    return strcmp(ref, "main") == 0 || strcmp(ref, "master") == 0 || strcmp(ref, "HEAD") == 0;
}

static bool has_digit(const char *text)
{
    return strpbrk(text, "0123456789") != NULL;
}

/* The chart with the repository's versions: its tags bear the same numbers. */
static const struct chart_facts *facts_of(const char *repository)
{
    if (strcmp(repository, "NVIDIA/k8s-device-plugin") == 0)
        return charts_find(CHART_DEVICE_PLUGIN);
    return NULL;
}

/* The tag to apply instead of whatever is written; NULL if no tag is known. */
static const char *newest_tag(struct lint *l, const char *repository)
{
    const struct chart_facts *facts = facts_of(repository);

    if (facts)
        return lint_printf(l, "v%s", charts_newest(facts));
    return strcmp(repository, "NVIDIA/dcgm-exporter") == 0 ? "4.5.3-4.8.2" : NULL;
}

static bool known_repository(const char *repository)
{
    for (const struct chart_file *f = chart_files; f->repository; f++)
        if (strcmp(f->repository, repository) == 0)
            return true;
    return false;
}

/* Whether the file is there at a tag or at the branch that the repository has ("main"). */
static bool is_there(const struct chart_file *f, const char *ref)
{
    bool still = strcmp(f->last, "main") == 0;

    if (is_branch(ref))
        return still && strcmp(ref, "master") != 0;
    return charts_compare(ref, f->first) >= 0 && (still || charts_compare(ref, f->last) <= 0);
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* The file as it is called today: of the same path, else of the same name; NULL. */
static const struct chart_file *file_today(const struct address *a)
{
    const struct chart_file *same_name = NULL;

    for (const struct chart_file *f = chart_files; f->repository; f++) {
        if (strcmp(f->repository, a->repository) != 0 || strcmp(f->last, "main") != 0)
            continue;
        if (strcmp(f->path, a->path) == 0)
            return f;
        if (strcmp(base_of(f->path), base_of(a->path)) == 0)
            same_name = f;
    }
    return same_name;
}

/* A command that a configuration's own finding will replace as a whole is not edited here too. */
static bool replaced_anyway(const struct lint *l, const struct command *c)
{
    if (stack_static_plugin(&l->system) != c)
        return false;
    for (size_t i = 0; i < l->system.n_plugins; i++)
        if (!l->system.plugins[i].loaded)
            return true;
    return false;
}

static void put_today(struct lint *l, struct finding *f, const struct call *call,
                      const struct word *w, const struct address *a)
{
    const struct chart_file *today = file_today(a);
    const char *tag = newest_tag(l, a->repository), *url;

    if (!today || !tag)
        return;
    url = lint_printf(l, "https://raw.githubusercontent.com/%s/%s/%s", a->repository, tag,
                      today->path);
    finding_cure(l, f, "apply %s", url);
    if (!replaced_anyway(l, call->command))
        fix_word(l, f, w, lint_printf(l, "%.*s%s", (int)call_option_size(w->text), w->text, url));
}

static void check_tag(struct lint *l, const struct call *call, const struct word *w,
                      const struct address *a)
{
    const struct chart_facts *facts = facts_of(a->repository);
    int version = facts && has_digit(a->ref) ? charts_version(facts, a->ref) : -1;
    struct finding *f;

    if (is_branch(a->ref)) {
        f = lint_find(l, RULE_KUBECTL_URL_UNPINNED, w->spot,
                      "branch '%s' of %s is another text every day: nodes that come later get "
                      "another version",
                      a->ref, a->repository);
        put_today(l, f, call, w, a);
        return;
    }
    if (!facts || charts_compare(a->ref, charts_newest(facts)) >= 0 || !has_digit(a->ref))
        return;
    if (version >= 0 && charts_behind(facts, version) < OLD_MINORS)
        return;
    f = lint_find(l, RULE_KUBECTL_URL_OLD, w->spot, "%s of %s is old: v%s is the newest", a->ref,
                  a->repository, charts_newest(facts));
    put_today(l, f, call, w, a);
}

static void check_word(struct lint *l, const struct call *call, const struct word *w)
{
    struct address a;
    struct finding *f;
    bool known = false;

    if (!read_address(l, &a, call_value(w)) || !known_repository(a.repository) ||
        (!is_branch(a.ref) && !has_digit(a.ref)))
        return;
    for (const struct chart_file *file = chart_files; file->repository; file++) {
        if (strcmp(file->repository, a.repository) != 0 || strcmp(file->path, a.path) != 0)
            continue;
        known = true;
        if (is_there(file, a.ref)) {
            check_tag(l, call, w, &a);
            return;
        }
    }
    if (!known && strcmp(a.ref, "master") != 0)
        return;
    f = lint_find(l, RULE_KUBECTL_URL_GONE, w->spot, "%s has no file '%s' at '%s'", a.repository,
                  a.path, a.ref);
    put_today(l, f, call, w, &a);
}

void check_kubectl_url(struct lint *l)
{
    struct call call;

    for (size_t i = 0; i < l->system.n_commands; i++) {
        const struct word *w;
        size_t at = 0;

        if (!call_read(&call, l->system.commands[i], "kubectl") ||
            !(call_is(&call, "apply", NULL) || call_is(&call, "create", NULL) ||
              call_is(&call, "replace", NULL)))
            continue;
        while ((w = call_next_option(&call, "--filename", "-f", &at)))
            check_word(l, &call, w);
    }
}
