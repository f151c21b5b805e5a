/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's configuration from a file's text and overrides: see config.h. Here are the top level,
 * the block `carve` and the defaults; config_values.c has flags and imex, config_sharing.c and
 * config_resources.c the blocks of those names.
 */
#include "config/config.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "config/config_resources.h"
#include "config/config_settings.h"
#include "config/config_sharing.h"
#include "config/config_values.h"
#include "config/fields.h"
#include "config/findings.h"

enum top { TOP_VERSION, TOP_FLAGS, TOP_RESOURCES, TOP_SHARING, TOP_IMEX, TOP_CARVE, TOPS };

bool config_glob(const char *pattern, const char *text)
{
    const char *star = NULL, *retry = NULL;

    while (*text) {
        if (*pattern == '*') {
            star = ++pattern;
            retry = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}

void config_free(struct config *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_shares; i++)
        config_sharing_done(&c->shares[i]);
    free(c->shares);
    config_resources_free(c->gpu_patterns, c->n_gpu_patterns);
    config_resources_free(c->mig_patterns, c->n_mig_patterns);
    free(c->driver_root);
    free(c->dev_root);
    free(c->container_driver_root);
    free(c->cdi_hook);
    free(c);
}

static struct config *new_defaults(void)
{
    OWN(config_freep) struct config *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->fail_on_init_error = true;
    c->injection = CONFIG_INJECT_ENVVAR;
    c->driver_root = strdup("/");
    c->container_driver_root = strdup("/driver-root");
    return c->driver_root && c->container_driver_root ? TAKE(c) : NULL;
}

/* Asked before everything else, as it decides how hard the rest is judged. */
static bool asks_strict(const struct yaml_node *root)
{
    const struct yaml_node *strict = fields_peek(fields_peek(root, "carve"), "strict");

    return strict && strict->kind == YAML_SCALAR && strict->plain && yaml_truth(strict->text) == 1;
}

static void read_version(const struct reading *r, const struct yaml_pair *pair)
{
    const struct yaml_node *version = fields_value(pair);

    if (!version || !fields_expect(r, version, YAML_SCALAR, "version"))
        return;
    if (*version->text && strcmp(version->text, "v1") != 0)
        fields_error(r, version, "unknown version '%.80s'; carve reads v1", version->text);
}

static void read_carve(struct config *c, const struct reading *r, const struct yaml_node *block)
{
    static const char *const names[] = {"strict", "honor", "fractions"};
    static const char *const honors[] = {"resources", "devices", "rename", NULL};
    const struct yaml_pair *found[3];
    const struct yaml_node *fractions;
    unsigned honored = 0;
    bool strict;

    if (!block || !fields_read(r, block,
                               &(struct fields){
                                   .where = "carve", .names = names, .count = 3, .any_case = true},
                               found))
        return;
    if (fields_value(found[0]))
        (void)fields_truth(&strict, r, found[0]->value, "carve.strict");
    if (fields_value(found[1]))
        (void)config_values_choices(&honored, r, found[1]->value, "carve.honor", honors);
    c->honor_resources = honored & 1;
    c->honor_devices = honored & 2;
    c->honor_rename = honored & 4;
    fractions = fields_value(found[2]);
    if (fractions && (fractions->kind != YAML_LIST || fractions->count > 0))
        fields_error(r, found[2]->key,
                     "carve.fractions is not supported by carve yet; use sharing.timeSlicing, or "
                     "MIG where memory must be kept apart");
}

static void read_file(struct config *c, struct reading *r, const struct yaml_doc *doc,
                      const struct config_override *overrides, size_t n_overrides)
{
    static const char *const names[] = {"version", "flags", "resources",
                                        "sharing", "imex",  "carve"};
    const struct yaml_pair *found[TOPS] = {NULL};
    const struct fields known = {.where = "", .names = names, .count = TOPS, .any_case = true};
    const struct yaml_node *root = fields_root(r, doc);
    struct config_values values = {0};

    if (root)
        (void)fields_read(r, root, &known, found);
    read_version(r, found[TOP_VERSION]);
    read_carve(c, r, fields_value(found[TOP_CARVE]));
    config_values_read(&values, r, fields_value(found[TOP_FLAGS]), fields_value(found[TOP_IMEX]));
    config_values_override(&values, r, overrides, n_overrides);
    config_values_apply(c, r, &values);
    config_resources_read(c, r, fields_value(found[TOP_RESOURCES]));
    config_sharing_read(c, r, fields_value(found[TOP_SHARING]));
}

int config_parse(struct config **out, const char *file, const char *text, size_t size,
                 const struct config_override *overrides, size_t n_overrides, bool strict,
                 struct findings *f, struct err *e)
{
    OWN(yaml_doc_freep) struct yaml_doc *doc = NULL;
    OWN(config_freep) struct config *c = new_defaults();
    struct reading r = {.f = f, .home = config_settings_home};
    int failed;

    if (!c)
        return err_memory(e);
    failed = fields_open(&doc, &r, file, text, size, e);
    if (failed == -ENOMEM)
        return failed;
    if (failed == 0) {
        r.strict = c->strict = strict || asks_strict(doc->root);
        read_file(c, &r, doc, overrides, n_overrides);
    }
    findings_sort(f);
    if (r.out_of_memory)
        return err_memory(e);
    failed = findings_verdict(f, e);
    if (failed)
        return failed;
    *out = TAKE(c);
    return 0;
}
