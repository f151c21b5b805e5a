/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of kubectl, helm and eksctl out of words: see call.h. */
#include "lint/view/call.h"

#include <string.h>

#include "lint/lint.h"

/* Options of kubectl, helm and eksctl whose value is a word of its own. */
static const char *const valued[] = {
    "-n",
    "--namespace",
    "-f",
    "--filename",
    "--values",
    "-k",
    "--kustomize",
    "-l",
    "--selector",
    "-o",
    "--output",
    "-c",
    "--container",
    "-p",
    "--patch",
    "--patch-file",
    "--type",
    "--replicas",
    "--current-replicas",
    "--timeout",
    "--for",
    "--context",
    "--kube-context",
    "--kubeconfig",
    "--cluster",
    "--user",
    "--server",
    "-s",
    "--as",
    "--as-group",
    "--token",
    "--field-selector",
    "--sort-by",
    "--tail",
    "--since",
    "--since-time",
    "--image",
    "--from-literal",
    "--from-file",
    "--from-env-file",
    "--env",
    "--port",
    "--grace-period",
    "--field-manager",
    "--set",
    "--set-string",
    "--set-json",
    "--set-file",
    "--set-literal",
    "--version",
    "--repo",
    "--username",
    "--password",
    "--description",
    "--name-template",
    "--ca-file",
    "--cert-file",
    "--key-file",
    "--keyring",
    "--history-max",
    "--max",
    "--post-renderer",
    "--region",
    "--name",
    "-r",
    "--profile",
    "--nodes",
    "--node-type",
    "--chunk-size",
    "-L",
    "--label-columns",
    "--pod-selector",
    "--max-log-requests",
    "--template",
};

static bool has_value(const char *option)
{
    for (size_t i = 0; i < sizeof valued / sizeof *valued; i++)
        if (strcmp(valued[i], option) == 0)
            return true;
    return false;
}

static bool is_assignment(const char *text)
{
    size_t size = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

    return size > 0 && text[size] == '=';
}

static const char *program_name(const char *text)
{
    const char *slash = strrchr(text, '/');

    return slash ? slash + 1 : text;
}

/* The number of the word that names the program; n_words if there is none. */
static size_t program_at(const struct command *c)
{
    static const char *const before[] = {"sudo", "time", "exec", "command", "env",   "!",
                                         "then", "do",   "else", "if",      "while", "until"};
    size_t at = 0;

    for (bool skipped = true; at < c->n_words && skipped;) {
        skipped = is_assignment(c->words[at].text);
        for (size_t i = 0; i < sizeof before / sizeof *before; i++)
            skipped |= strcmp(c->words[at].text, before[i]) == 0;
        at += skipped;
    }
    return at;
}

/* at: of the word that names the program. */
static void read_args(struct call *out, const struct command *c, size_t at)
{
    bool options = true;

    *out = (struct call){.command = c};
    for (at++; at < c->n_words; at++) {
        const struct word *w = &c->words[at];

        if (options && strcmp(w->text, "--") == 0) {
            options = false;
        } else if (options && w->text[0] == '-' && w->text[1]) {
            at += !strchr(w->text, '=') && has_value(w->text);
        } else if (out->n_args < CALL_MAX_ARGS) {
            out->args[out->n_args++] = w;
        }
    }
}

void call_prepare(struct lint *l, struct command *c)
{
    static const char *const programs[] = {"kubectl", "helm", "eksctl"};
    size_t at = program_at(c);

    c->program = at < c->n_words ? program_name(c->words[at].text) : "";
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        struct call *call;

        if (strcmp(c->program, programs[i]) != 0)
            continue;
        call = arena_alloc(&l->arena, sizeof *call);
        if (call)
            read_args(call, c, at);
        else
            l->out_of_memory = true;
        c->call = call;
    }
}

bool call_read(struct call *out, const struct command *c, const char *program)
{
    size_t at;

    if (c->program && strcmp(c->program, program) != 0)
        return false;
    if (c->call) {
        out->command = c;
        out->n_args = c->call->n_args;
        memcpy(out->args, c->call->args, c->call->n_args * sizeof c->call->args[0]);
        return true;
    }
    at = program_at(c);
    if (at == c->n_words || strcmp(program_name(c->words[at].text), program) != 0)
        return false;
    read_args(out, c, at);
    return true;
}

bool call_is(const struct call *call, const char *a, const char *b)
{
    return call->n_args > 0 && strcmp(call->args[0]->text, a) == 0 &&
           (!b || (call->n_args > 1 && strcmp(call->args[1]->text, b) == 0));
}

size_t call_option_size(const char *text)
{
    const char *equals = text[0] == '-' ? strchr(text, '=') : NULL;

    return equals ? (size_t)(equals - text) + 1 : 0;
}

const char *call_value(const struct word *w)
{
    return w->text + call_option_size(w->text);
}

static bool is_option(const char *text, const char *name)
{
    return strcmp(text, name) == 0;
}

const struct word *call_next_option(const struct call *call, const char *name,
                                    const char *short_name, size_t *at)
{
    const struct command *c = call->command;

    for (size_t i = *at; i < c->n_words; i++) {
        const char *text = c->words[i].text;
        size_t size = call_option_size(text);

        if (size > 1 &&
            ((strlen(name) == size - 1 && memcmp(text, name, size - 1) == 0) ||
             (strlen(short_name) == size - 1 && memcmp(text, short_name, size - 1) == 0))) {
            *at = i + 1;
            return c->words[i].value ? c->words[i].value : &c->words[i];
        }
        if ((is_option(text, name) || is_option(text, short_name)) && i + 1 < c->n_words) {
            *at = i + 2;
            return &c->words[i + 1];
        }
    }
    *at = c->n_words;
    return NULL;
}

const struct word *call_option(const struct call *call, const char *name, const char *short_name)
{
    size_t at = 0;

    return call_next_option(call, name, short_name, &at);
}

bool call_before(const struct spot *a, const struct spot *b)
{
    return a->source == b->source &&
           (a->line < b->line || (a->line == b->line && a->column < b->column));
}
