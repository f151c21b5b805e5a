/* SPDX-License-Identifier: Apache-2.0 */
/* A run that has read texts of the test's own, and what it found there as one text. */
#ifndef TESTS_UNIT_LINT_READING_H
#define TESTS_UNIT_LINT_READING_H

#include "test.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "lint/read/read.h"
#include "places.h"

static struct lint reading;
static char reading_words[1 << 16];

static inline int reading_begin(void **state)
{
    (void)state;
    lint_init(&reading, NULL, NULL);
    return 0;
}

static inline int reading_end(void **state)
{
    (void)state;
    lint_done(&reading);
    return 0;
}

/* Reads a file, whose places must all hold. */
static inline void reading_file(const char *file, const char *text)
{
    struct err e = {0};

    if (read_text(&reading, file, text, strlen(text), &e) < 0)
        fail_msg("%s: %s", file, e.msg);
    places_check(&reading);
}

static inline void reading_keep(struct buf *b)
{
    buf_char(b, '\0');
    assert_false(b->failed);
    memcpy(reading_words, b->data, b->size);
    buf_done(b);
}

/* "12:1-14:9 v1/Pod space/name", a line a document; "key<" in front of one inside another. */
static inline const char *reading_documents(void)
{
    struct buf b;

    buf_init(&b, sizeof reading_words);
    for (size_t i = 0; i < reading.system.n_documents; i++) {
        const struct document *d = reading.system.documents[i];
        struct spot s = spot_of_document(d);

        buf_printf(&b, "%u:%u-%u:%u %s%s%s/%s %s/%s%s%s%s%s\n", s.line, s.column, s.end_line,
                   s.end_column, d->key ? d->key : "", d->key ? "<" : "", d->api_version, d->kind,
                   d->space, d->name, d->piece->loose ? " loose" : "",
                   d->piece->templated ? " templated" : "", d->piece->file ? " > " : "",
                   d->piece->file ? d->piece->file : "");
    }
    reading_keep(&b);
    return reading_words;
}

/* "[kubectl] [apply]", a line a command, with "<<" behind one that reads a here-document. */
static inline const char *reading_commands(void)
{
    struct buf b;

    buf_init(&b, sizeof reading_words);
    for (size_t i = 0; i < reading.system.n_commands; i++) {
        const struct command *c = reading.system.commands[i];

        for (size_t j = 0; j < c->n_words; j++)
            buf_printf(&b, "%s[%s%s]", j > 0 ? " " : "", c->words[j].text,
                       c->words[j].expands ? "$" : "");
        buf_printf(&b, "%s\n", c->here ? " <<" : "");
    }
    reading_keep(&b);
    return reading_words;
}

/* "rule 3:1: words", a line a fault. */
static inline const char *reading_faults(void)
{
    struct buf b;

    buf_init(&b, sizeof reading_words);
    for (size_t i = 0; i < reading.n_faults; i++) {
        const struct fault *f = &reading.faults[i];

        buf_printf(&b, "%s %u:%u: %s\n", rules[f->rule].name, f->spot.line, f->spot.column,
                   f->message);
    }
    reading_keep(&b);
    return reading_words;
}

#define READING_TEST(function) cmocka_unit_test_setup_teardown(function, reading_begin, reading_end)

#endif
