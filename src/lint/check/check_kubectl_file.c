/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that kubectl is to apply and that nobody makes, in Markdown most of all, where the manifest
 * stands right above but nothing gives it its name. The fix makes it write the file.
 */
#include <string.h>
#include <strings.h>

#include "lint/check/checks.h"
#include "lint/check/files.h"
#include "lint/check/stack.h"
#include "lint/fix/fix.h"
#include "lint/view/call.h"

enum {
    MAX_MISSING = 128, /* files of one run that are judged */
    MAX_NAME = 128,
};

/* Files that are asked for and not there. */
struct files {
    size_t n;
    struct {
        const struct word *word;
        const struct command *command;
        const struct piece *given; /* the manifest that is to become the file; NULL */
    } items[MAX_MISSING];
};

/* Words for kinds as they stand in the names of files. */
static const struct {
    const char *kind, *word;
} kind_words[] = {
    {"Deployment", "deployment"},
    {"Deployment", "deploy"},
    {"NodePool", "nodepool"},
    {"NodePool", "node-pool"},
    {"EC2NodeClass", "nodeclass"},
    {"EC2NodeClass", "node-class"},
    {"DaemonSet", "daemonset"},
    {"StatefulSet", "statefulset"},
    {"ConfigMap", "configmap"},
    {"ConfigMap", "config-map"},
    {"NodeOverlay", "overlay"},
    {"Pod", "pod"},
    {"Job", "job"},
    {"CronJob", "cronjob"},
    {"Service", "service"},
    {"Namespace", "namespace"},
    {"Provisioner", "provisioner"},
    {"Secret", "secret"},
    {"AWSNodeTemplate", "nodetemplate"},
};

static bool holds(const char *text, const char *word)
{
    for (size_t size = strlen(word); *text; text++)
        if (strncasecmp(text, word, size) == 0)
            return true;
    return false;
}

/* 2 if the file's name has a word for this kind, -1 if only for others, else 0. */
static int kind_fit(const char *stem, const char *kind)
{
    bool other = false;

    for (size_t i = 0; i < sizeof kind_words / sizeof *kind_words; i++) {
        if (!holds(stem, kind_words[i].word))
            continue;
        if (strcmp(kind_words[i].kind, kind) == 0)
            return 2;
        other = true;
    }
    return other ? -1 : 0;
}

/* How many parts of the object's name stand in the file's. */
static int name_fit(const char *stem, const char *name)
{
    char part[MAX_NAME];
    int n = 0;

    while (*name) {
        size_t size = strcspn(name, "-._");

        if (size > 1 && size < sizeof part) {
            memcpy(part, name, size);
            part[size] = '\0';
            n += holds(stem, part);
        }
        name += size + (name[size] != '\0');
    }
    return n;
}

/* How well an object fits a file's name; -1: not at all. */
static int fit(const struct document *d, const char *file)
{
    const char *stem = files_base(file);
    int kind = *d->kind ? kind_fit(stem, d->kind) : -1;

    return kind < 0 ? -1 : kind + name_fit(stem, d->name);
}

static bool is_given(const struct files *files, const struct piece *p)
{
    for (size_t i = 0; i < files->n; i++)
        if (files->items[i].given == p)
            return true;
    return false;
}

/* Whether the piece may become a file: a block of manifests above the command, without a name. */
static bool may_be_file(const struct files *files, const struct piece *p, const struct command *c)
{
    return p->kind == PIECE_YAML && p->fenced && !p->file && p->source == c->piece->source &&
           p->line < c->spot.line && !is_given(files, p);
}

/* How many files that this piece of shell asks for have no manifest yet, from this one on. */
static size_t waiting(const struct files *files, size_t from)
{
    size_t n = 0;

    for (size_t i = from; i < files->n; i++)
        n += files->items[i].command->piece == files->items[from].command->piece &&
             !files->items[i].given;
    return n;
}

/*
 * The best of the manifests above; among equals the nearest, or the first of as many as there are
 * files still to be found.
 */
static const struct piece *choose(const struct system *s, const struct files *files, size_t which)
{
    const struct command *c = files->items[which].command;
    const char *file = call_value(files->items[which].word);
    const struct piece *best = NULL;
    size_t back = waiting(files, which);
    int best_fit = -1;

    for (size_t i = 0; i < s->n_documents; i++) {
        int this_fit =
            may_be_file(files, s->documents[i]->piece, c) ? fit(s->documents[i], file) : -1;

        if (this_fit > best_fit)
            best_fit = this_fit;
    }
    for (size_t i = s->n_documents; best_fit >= 0 && i-- > 0 && back > 0;) {
        const struct piece *p = s->documents[i]->piece;

        if (p != best && may_be_file(files, p, c) && fit(s->documents[i], file) == best_fit) {
            best = p;
            back--;
        }
    }
    return best;
}

static bool asked_before(const struct files *files, const struct command *c, const char *file)
{
    for (size_t i = 0; i < files->n; i++)
        if (files->items[i].command->piece->source == c->piece->source &&
            strcmp(call_value(files->items[i].word), file) == 0)
            return true;
    return false;
}

static void collect(struct lint *l, struct files *files, const struct call *call)
{
    const struct word *w;
    size_t at = 0;

    while ((w = call_next_option(call, "--filename", "-f", &at))) {
        const char *file = call_value(w);

        if (files->n == MAX_MISSING || w->expands || !*file ||
            files_can_be(l, call->command, file) || asked_before(files, call->command, file))
            continue;
        files->items[files->n].word = w;
        files->items[files->n++].command = call->command;
    }
}

void check_kubectl_file(struct lint *l)
{
    struct files *files = arena_alloc(&l->arena, sizeof *files);
    struct call call;

    if (!files) {
        l->out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < l->system.n_commands; i++)
        if (call_read(&call, l->system.commands[i], "kubectl") &&
            (call_is(&call, "apply", NULL) || call_is(&call, "create", NULL) ||
             call_is(&call, "replace", NULL) || call_is(&call, "delete", NULL)))
            collect(l, files, &call);
    for (size_t i = 0; i < files->n; i++) {
        const struct word *w = files->items[i].word;
        const char *file = call_value(w);
        struct finding *f = lint_find(l, RULE_KUBECTL_FILE_MISSING, w->spot,
                                      "no file '%s' is here, and nothing makes it", file);

        files->items[i].given = choose(&l->system, files, i);
        if (!files->items[i].given) {
            finding_cure(l, f, "write the file, or name the one that is meant");
            continue;
        }
        finding_cure(l, f, "let the manifest of line %u write it", files->items[i].given->line);
        fix_write_file(l, f, files->items[i].given, file);
    }
}
