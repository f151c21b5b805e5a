/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is in an image. PTX is text: its entries with their parameters and shared variables, and its
 * global variables, are read word by word; what stands in bodies is not judged.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/cuda.h"
#include "cuda/module.h"

enum {
    MOST = 4096, /* kernels, or globals, of one image */
    WORD = 256,
};

/* How images begin that are no text: ELF, fat binaries, and what the compiler wraps those in. */
static const char *const binaries[] = {"\x7f\x45\x4c\x46", "\x50\xed\x55\xba", "\xb1\x43\x62\x46"};

/* Reads words of PTX: names and numbers, or single other characters. Comments are blanks. */
struct reader {
    const char *at;
    char word[WORD];
};

static const char *skip_blanks(const char *at)
{
    for (;;) {
        if (isspace((unsigned char)*at)) {
            at++;
        } else if (at[0] == '/' && at[1] == '/') {
            at += strcspn(at, "\n");
        } else if (at[0] == '/' && at[1] == '*') {
            const char *end = strstr(at + 2, "*/");

            at = end ? end + 2 : at + strlen(at);
        } else {
            return at;
        }
    }
}

static bool in_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || c == '.' || c == '%';
}

/* false: the text is over. A word that is too long is cut. */
static bool next(struct reader *r)
{
    size_t n = 0;

    r->at = skip_blanks(r->at);
    if (!*r->at)
        return false;
    if (!in_word(*r->at)) {
        r->word[n++] = *r->at++;
    } else {
        for (; in_word(*r->at); r->at++) {
            if (n < WORD - 1)
                r->word[n++] = *r->at;
        }
    }
    r->word[n] = '\0';
    return true;
}

static bool is(const struct reader *r, const char *word)
{
    return strcmp(r->word, word) == 0;
}

static uint64_t number(const char *text)
{
    uint64_t n = 0;

    for (; *text >= '0' && *text <= '9' && n < (uint64_t)1 << 48; text++)
        n = n * 10 + (uint64_t)(*text - '0');
    return n;
}

/* Bytes of a type such as .u32, .b8, .f64; 0: not one. */
static unsigned type_bytes(const char *word)
{
    if (word[0] != '.' || !word[1] || !strchr("bsuf", word[1]))
        return 0;
    return (unsigned)(number(word + 2) / 8);
}

/* ".align 4 .b8 name[64]" and what stands before; ends at one of the marks. */
struct variable {
    char name[IMAGE_NAME];
    uint64_t element, count, align;
};

/* One word of it, with what belongs to that. */
static void read_word(struct reader *r, struct variable *v, bool of_pointer)
{
    if (type_bytes(r->word)) {
        v->element = type_bytes(r->word);
        v->align = v->align > v->element ? v->align : v->element;
    } else if (is(r, ".align") && next(r)) {
        v->align = number(r->word) && !of_pointer ? number(r->word) : v->align;
    } else if (is(r, "[") && next(r)) {
        v->count *= is(r, "]") ? 1 : number(r->word);
    } else if (!strchr(".],;=()", r->word[0]) && !v->name[0]) {
        memcpy(v->name, r->word, sizeof v->name);
    }
}

static bool read_variable(struct reader *r, struct variable *v, const char *ends)
{
    bool of_pointer = false; /* ".ptr .global .align 4" is about what it points to */

    *v = (struct variable){.count = 1, .align = 1};
    do {
        of_pointer |= is(r, ".ptr");
        read_word(r, v, of_pointer);
        if (strchr(ends, r->word[0]) && !r->word[1])
            return true;
    } while (next(r));
    return false;
}

/* "(.param .u64 at, .param .u32 n)" of an entry. */
static bool read_params(struct reader *r, struct image_kernel *k)
{
    uint64_t at = 0;

    while (next(r) && !is(r, ")")) {
        struct variable v;
        uint64_t bytes;

        if (!is(r, ".param"))
            continue;
        if (!read_variable(r, &v, ",)"))
            return false;
        bytes = v.element * v.count;
        at = (at + v.align - 1) / v.align * v.align;
        if (k->n_params < IMAGE_PARAMS && at + bytes <= UINT16_MAX) {
            k->param_at[k->n_params] = (uint16_t)at;
            k->param_bytes[k->n_params++] = (uint16_t)bytes;
        }
        at += bytes;
        if (is(r, ")"))
            break;
    }
    return is(r, ")");
}

/* To the brace that ends it; shared variables are counted. */
static bool read_body(struct reader *r, struct image_kernel *k)
{
    int depth = 0;

    while (next(r)) {
        struct variable v;

        depth += is(r, "{") - is(r, "}");
        if (is(r, "}") && depth == 0)
            return true;
        if (is(r, ";") && depth == 0)
            return true; /* declared only */
        if (is(r, ".shared") && k && read_variable(r, &v, ";"))
            k->shared_bytes += (unsigned)(v.element * v.count);
    }
    return false;
}

static int read_entry(struct image *out, struct reader *r)
{
    struct image_kernel *more, *k;

    if (out->n_kernels == MOST || !next(r))
        return CUDA_ERROR_INVALID_PTX;
    more = realloc(out->kernels, (out->n_kernels + 1) * sizeof *more);
    if (!more)
        return CUDA_ERROR_OUT_OF_MEMORY;
    out->kernels = more;
    k = &more[out->n_kernels++];
    memset(k, 0, sizeof *k);
    memcpy(k->name, r->word, sizeof k->name);
    r->at = skip_blanks(r->at);
    if (*r->at == '(' && !read_params(r, k))
        return CUDA_ERROR_INVALID_PTX;
    return read_body(r, k) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_PTX;
}

static int read_global(struct image *out, struct reader *r)
{
    struct image_global *more, *g;
    struct variable v;

    if (out->n_globals == MOST || !read_variable(r, &v, ";="))
        return CUDA_ERROR_INVALID_PTX;
    more = realloc(out->globals, (out->n_globals + 1) * sizeof *more);
    if (!more)
        return CUDA_ERROR_OUT_OF_MEMORY;
    out->globals = more;
    g = &more[out->n_globals++];
    memset(g, 0, sizeof *g);
    memcpy(g->name, v.name, sizeof g->name);
    g->bytes = v.element * v.count;
    return CUDA_SUCCESS;
}

static int read_text(struct image *out, const char *text)
{
    struct reader r = {.at = text};
    bool has_version = false;
    int rc = CUDA_SUCCESS;

    while (rc == CUDA_SUCCESS && next(&r)) {
        if (is(&r, ".version"))
            has_version = true;
        else if (is(&r, ".target") && next(&r) && strncmp(r.word, "sm_", 3) == 0)
            out->ptx_target = (unsigned)number(r.word + 3);
        else if (is(&r, ".entry"))
            rc = read_entry(out, &r);
        else if (is(&r, ".func"))
            rc = read_body(&r, NULL) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_PTX;
        else if (is(&r, ".global") || is(&r, ".const"))
            rc = read_global(out, &r);
    }
    if (rc == CUDA_SUCCESS && !has_version)
        rc = CUDA_ERROR_INVALID_PTX;
    return rc;
}

int image_read(struct image *out, const void *data)
{
    int rc;

    *out = (struct image){0};
    for (size_t i = 0; i < sizeof binaries / sizeof *binaries; i++) {
        if (strncmp(data, binaries[i], IMAGE_MAGIC) == 0)
            return CUDA_SUCCESS;
    }
    if (!strstr(data, ".version"))
        return CUDA_ERROR_INVALID_IMAGE;
    out->is_text = true;
    rc = read_text(out, data);
    if (rc != CUDA_SUCCESS)
        image_done(out);
    return rc;
}

void image_done(struct image *i)
{
    free(i->kernels);
    free(i->globals);
    *i = (struct image){0};
}
