/* SPDX-License-Identifier: Apache-2.0 */
/* A text read as the node's configuration, with all that was said about it, for the tests. */
#ifndef TESTS_UNIT_CONFIG_PARSED_H
#define TESTS_UNIT_CONFIG_PARSED_H

#include "test.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "config/config.h"
#include "config/findings.h"

struct parsed {
    struct config *config; /* NULL: refused */
    struct findings findings;
    struct err err;
    int result;
};

static inline void parsed_read(struct parsed *p, const char *text, bool strict)
{
    *p = (struct parsed){0};
    findings_init(&p->findings, "f.yaml");
    p->result = config_parse(&p->config, "f.yaml", text, strlen(text), NULL, 0, strict,
                             &p->findings, &p->err);
}

static inline void parsed_done(struct parsed *p)
{
    config_free(p->config);
    findings_done(&p->findings);
}

/* The finding with these words, or NULL. */
static inline const struct findings_item *parsed_find(const struct findings *f, const char *words)
{
    for (size_t i = 0; i < f->count; i++)
        if (strstr(f->items[i].text, words))
            return &f->items[i];
    return NULL;
}

/* What a file means that says nothing. */
static inline void parsed_is_default(const struct config *c)
{
    assert_int_equal(c->mig_strategy, CONFIG_MIG_NONE);
    assert_true(c->fail_on_init_error);
    assert_string_equal(c->driver_root, "/");
    assert_null(c->dev_root);
    assert_string_equal(c->container_driver_root, "/driver-root");
    assert_int_equal(c->injection, CONFIG_INJECT_ENVVAR);
    assert_int_equal(c->spread, CONFIG_DISTRIBUTED);
    assert_int_equal(c->n_shares, 0);
    assert_int_equal(c->n_gpu_patterns + c->n_mig_patterns, 0);
    assert_false(c->rename_by_default || c->fail_requests_greater_than_one);
}

#endif
