/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls the CUDA driver as it is told, a line a call, and prints what it answered:
 *
 *   cuMemAlloc_v2 &a 4096      one result code; &a: the address of the 64-bit word named a
 *   cuMemFree_v2 a             a: its value
 *   cuCtxCreate_v2 &c 0 0      numbers as they are
 *   cuMemCreate &h 2097152 %0100…  0     %: the address of these bytes
 *   ? a                        prints the word, and seven more that a call may have written behind
 * it fork                       goes on as a child; what it was is frozen until the child ends env
 * NAME                   prints a variable of the environment
 *
 * Nothing of carve's is linked: it finds the driver as programs do, with dlopen and dlsym.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"

enum { VALUES = 8, WORDS = 16384, SYMBOLS = 64, NAME = 24, ARGUMENTS = 14, BLOBS = 4, BLOB = 1024 };

struct word {
    char name[NAME];
    uint64_t value[VALUES]; /* some calls write more than one */
};

struct symbol {
    char name[NAME * 2];
    void *address;
};

struct caller {
    void *driver;
    struct symbol symbols[SYMBOLS]; /* looked up once, as programs do */
    unsigned n_symbols;
    struct word words[WORDS];
    unsigned n_words;
    _Alignas(16) uint8_t blobs[BLOBS][BLOB]; /* as the structs that they stand for */
    unsigned n_blobs;
};

/* From the seventh on they lie on the stack, as a struct does that is passed by value. */
typedef uint32_t function(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                          uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

static struct word *word_of(struct caller *c, const char *name)
{
    for (unsigned i = 0; i < c->n_words; i++) {
        if (strcmp(c->words[i].name, name) == 0)
            return &c->words[i];
    }
    if (c->n_words == WORDS)
        _exit(3);
    (void)snprintf(c->words[c->n_words].name, NAME, "%s", name);
    return &c->words[c->n_words++];
}

static unsigned digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static uint64_t blob_of(struct caller *c, const char *hex)
{
    uint8_t *to = c->blobs[c->n_blobs++ % BLOBS];

    for (unsigned i = 0; hex[2 * i] && i < BLOB; i++)
        to[i] = (uint8_t)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
    return (uint64_t)(uintptr_t)to;
}

static uint64_t argument(struct caller *c, const char *text)
{
    uint64_t number;

    if (*text == '&')
        return (uint64_t)(uintptr_t)word_of(c, text + 1)->value;
    if (*text == '%')
        return blob_of(c, text + 1);
    if (text_uint(&number, text, UINT64_MAX))
        return number;
    return word_of(c, text)->value[0];
}

static void *symbol_of(struct caller *c, const char *name)
{
    void *found;

    for (unsigned i = 0; i < c->n_symbols; i++) {
        if (strcmp(c->symbols[i].name, name) == 0)
            return c->symbols[i].address;
    }
    found = dlsym(c->driver, name);
    if (c->n_symbols < SYMBOLS) {
        (void)snprintf(c->symbols[c->n_symbols].name, sizeof c->symbols->name, "%s", name);
        c->symbols[c->n_symbols++].address = found;
    }
    return found;
}

static void call(struct caller *c, const char *name, char *rest)
{
    uint64_t a[ARGUMENTS] = {0};
    unsigned n = 0;
    char *state = NULL;
    void *symbol = symbol_of(c, name);
    function *f;

    c->n_blobs = 0;
    for (char *t = strtok_r(rest, " ", &state); t && n < ARGUMENTS; t = strtok_r(NULL, " ", &state))
        a[n++] = argument(c, t);
    if (!symbol) {
        (void)printf("none\n");
        return;
    }
    memcpy(&f, &symbol, sizeof f);
    (void)printf("%u\n", f(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11],
                           a[12], a[13]));
}

static void as_child(void)
{
    pid_t child = fork();
    int status = 0;

    if (child > 0) {
        (void)waitpid(child, &status, 0);
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 9);
    }
    (void)printf("%d\n", child < 0 ? 1 : 0);
}

static void print(const struct word *w)
{
    for (unsigned i = 0; i < VALUES; i++)
        (void)printf("%llu%c", (unsigned long long)w->value[i], i + 1 < VALUES ? ' ' : '\n');
}

static void handle(struct caller *c, char *line)
{
    char *state = NULL, *first = strtok_r(line, " ", &state);

    if (!first)
        return;
    if (strcmp(first, "?") == 0)
        print(word_of(c, state));
    else if (strcmp(first, "env") == 0)
        (void)printf("%s\n", secure_getenv(state) ? secure_getenv(state) : "");
    else if (strcmp(first, "fork") == 0)
        as_child();
    else
        call(c, first, state);
}

int main(void)
{
    static struct caller c;
    size_t size = 0;
    char *line = NULL;

    c.driver = dlopen("libcuda.so.1", RTLD_NOW);
    if (!c.driver) {
        (void)fprintf(stderr, "%s\n", dlerror());
        return 2;
    }
    while (getline(&line, &size, stdin) > 0) {
        line[strcspn(line, "\n")] = '\0';
        handle(&c, line);
        (void)fflush(stdout);
    }
    free(line);
    return 0;
}
