/* SPDX-License-Identifier: Apache-2.0 */
/* A run over texts of the test's own, as far as the views: nothing is checked. */
#ifndef TESTS_UNIT_LINT_VIEWS_H
#define TESTS_UNIT_LINT_VIEWS_H

#include "test.h"

#include <string.h>

#include "base/err.h"
#include "lint/lint.h"
#include "lint/read/read.h"

static struct catalog *views_catalog;
static struct lint views_run;

static inline int views_open(void **state)
{
    struct err e = {0};

    (void)state;
    return catalog_open(&views_catalog, &e);
}

static inline int views_close(void **state)
{
    (void)state;
    catalog_free(views_catalog);
    return 0;
}

/* Before and after each test. */
static inline int views_begin(void **state)
{
    (void)state;
    lint_init(&views_run, views_catalog, NULL);
    return 0;
}

static inline int views_end(void **state)
{
    (void)state;
    lint_done(&views_run);
    return 0;
}

/* Adds a file. */
static inline void views_file(const char *file, const char *text)
{
    struct err e = {0};

    if (read_text(&views_run, file, text, strlen(text), &e) < 0)
        fail_msg("%s: %s", file, e.msg);
}

/* The views of all files that were added. */
static inline struct system *views_read(void)
{
    struct err e = {0};

    if (system_read(&views_run, &views_run.system, &e) < 0)
        fail_msg("%s", e.msg);
    return &views_run.system;
}

static inline const struct instance_type *views_type(const char *name)
{
    const struct instance_type *t = catalog_find(views_catalog, name);

    if (!t)
        fail_msg("no type %s", name);
    return t;
}

#define VIEWS_TEST(function) cmocka_unit_test_setup_teardown(function, views_begin, views_end)

#endif
