/* SPDX-License-Identifier: Apache-2.0 */
/* Makes nodes and their labels, and compares: see scene.h. */
#include "scene.h"

#include "config/findings.h"
#include "slice/fixture.h"

static struct config *scene_parse(const char *text)
{
    OWN(findings_done) struct findings f;
    struct config *config = NULL;
    struct err e = {0};

    findings_init(&f, "test");
    if (config_parse(&config, "test", text, strlen(text), NULL, 0, false, &f, &e) < 0)
        fail_msg("%s", e.msg);
    return config;
}

void scene_make(struct scene *s)
{
    struct err e = {0};

    labels_done(&s->labels);
    resource_list_free(s->list);
    s->list = fixture_list(s->inv, s->config);
    free(s->resources);
    s->resources = calloc(s->list->count + 1, sizeof *s->resources);
    assert_non_null(s->resources);
    for (size_t i = 0; i < s->list->count; i++)
        s->resources[i] = node_state_resource(&s->list->resources[i], true);
    s->state = (struct node_state){
        .inventory = s->inv,
        .resources = s->resources,
        .n_resources = s->list->count,
        .mig_strategy = s->config->mig_strategy,
        .machine = "p4d.24xlarge",
        .resolved = true,
    };
    assert_true(labels_ready(&s->state));
    assert_int_equal(labels_make(&s->labels, &s->state, 0, &e), 0);
}

const char *const scene_none = "version: v1\n";
const char *const scene_single = "version: v1\nflags: {migStrategy: single}\n";
const char *const scene_mixed = "version: v1\nflags: {migStrategy: mixed}\n";

struct scene scene_open(struct inventory *inv, const char *config)
{
    struct scene s = {.inv = inv, .config = scene_parse(config)};

    inv->cuda_version = 13000;
    for (unsigned i = 0; i < inv->n_gpus; i++) {
        inv->gpus[i].compute_major = 8;
        inv->gpus[i].pci_class = 0x030200;
    }
    scene_make(&s);
    return s;
}

void scene_close(struct scene *s)
{
    labels_done(&s->labels);
    free(s->resources);
    resource_list_free(s->list);
    config_free(s->config);
    inventory_free(s->inv);
}

void scene_check(const struct scene *s, const char *key, const char *value)
{
    char full[LABELS_KEY_SIZE];
    const char *found;

    (void)snprintf(full, sizeof full, "%s%s", strchr(key, '/') ? "" : "nvidia.com/", key);
    found = labels_find(&s->labels, full);
    if ((found == NULL) != (value == NULL) || (found && strcmp(found, value) != 0))
        fail_msg("%s is '%s' and not '%s'", full, found ? found : "(none)",
                 value ? value : "(none)");
}

void scene_check_all(const struct scene *s, const char *const *lines)
{
    for (; *lines; lines++) {
        char key[LABELS_KEY_SIZE];
        const char *sign = strchr(*lines, '=');

        (void)snprintf(key, sizeof key, "%.*s", (int)strcspn(*lines, "="), *lines);
        scene_check(s, key, sign ? sign + 1 : NULL);
    }
}

void scene_check_keys(const struct scene *s, const char *start, size_t count)
{
    size_t found = 0;

    for (size_t i = 0; i < s->labels.count; i++)
        found += strncmp(s->labels.items[i].key, start, strlen(start)) == 0;
    assert_int_equal(found, count);
}

struct inventory *scene_all_1g(unsigned n_gpus)
{
    struct inventory *inv = fixture_node(n_gpus, GPU_MIG_ON);

    for (unsigned gpu = 0; gpu < n_gpus; gpu++)
        fixture_all_1g(inv, gpu);
    return inv;
}
