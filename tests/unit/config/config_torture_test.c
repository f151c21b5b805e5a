/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The readers and writers of files with the n-th allocation failing, for every n: an error or the
 * whole result, never a crash or half of it; the sanitizers look for leaks. The linker puts the
 * wrappers here in front of the allocator, and of libyaml's parser for what that allocates.
 */
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/buf.h"
#include "base/err.h"
#include "config/config.h"
#include "config/findings.h"
#include "config/mig_file.h"
#include "config/yaml.h"
#include "gpu/geometry.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t count, size_t size);
char *__real_strdup(const char *text);
int __real_yaml_parser_initialize(yaml_parser_t *parser);
int __real_yaml_parser_parse(yaml_parser_t *parser, yaml_event_t *event);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);
char *__wrap_strdup(const char *text);
int __wrap_asprintf(char **out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int __wrap_yaml_parser_initialize(yaml_parser_t *parser);
int __wrap_yaml_parser_parse(yaml_parser_t *parser, yaml_event_t *event);

/* The allocation that fails, from 1; 0: none. */
static unsigned fail_at, allocations;

static bool fails(void)
{
    return fail_at > 0 && ++allocations == fail_at;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

void *__wrap_reallocarray(void *old, size_t count, size_t size)
{
    return fails() ? NULL : __real_reallocarray(old, count, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

int __wrap_asprintf(char **out, const char *fmt, ...)
{
    va_list args;
    int r;

    if (fails()) {
        *out = NULL;
        return -1;
    }
    va_start(args, fmt);
    r = vasprintf(out, fmt, args);
    va_end(args);
    return r;
}

int __wrap_yaml_parser_initialize(yaml_parser_t *parser)
{
    return fails() ? 0 : __real_yaml_parser_initialize(parser);
}

int __wrap_yaml_parser_parse(yaml_parser_t *parser, yaml_event_t *event)
{
    if (!fails())
        return __real_yaml_parser_parse(parser, event);
    parser->error = YAML_MEMORY_ERROR;
    return 0;
}

static const char config_text[] =
    "version: v1\nflags:\n  migstrategy: single\n  nvidiaDriverRoot: /run/nvidia\n"
    "  nvidiaDevRoot: &root /\n  unknown: 1\n  plugin: {containerDriverRoot: *root}\n"
    "carve: {honor: [resources, devices, rename]}\n"
    "resources: {gpus: [{pattern: '*A100*', name: a}], mig: [{pattern: 1g*, name: b}]}\n"
    "sharing:\n  timeSlicing:\n    resources:\n    - &one {name: gpu, replicas: 4}\n"
    "    - {<<: *one, devices: [0, 1], rename: small}\n    - {name: gpu, replicas: 8}\n";

static const char bad_text[] = "version: v2\nflags: {migStrategy: both, failOnInitError: 1}\n"
                               "sharing: {timeSlicing: {resources: [{name: A}]}}\n";

static const char mig_text[] = "version: v1\nmig-configs:\n  a: [{devices: all, mig-enabled: no}]\n"
                               "  a:\n  - {device-filter: ['0x20B010DE', '0x20B210DE'],\n"
                               "     devices: [0, 1], mig-enabled: true,\n"
                               "     mig-devices: {1g.5gb: 2, 2g.10gb: 1}}\n";

static int read_config(const char *text)
{
    struct config_override override = {"flags.nvidiaDevRoot", "/other", "--dev-root"};
    struct config *c = NULL;
    struct findings f;
    struct err e = {0};
    int r;

    findings_init(&f, "f.yaml");
    r = config_parse(&c, "f.yaml", text, strlen(text), &override, 1, false, &f, &e);
    fail_at = r == 0 ? 0 : fail_at;
    assert_int_equal(c != NULL, r == 0);
    assert_int_equal(e.code, -r);
    if (c) {
        assert_string_equal(c->driver_root, "/run/nvidia");
        assert_string_equal(c->dev_root, "/other");
        assert_int_equal(c->n_shares, 2);
        assert_int_equal(c->shares[0].n_devices, 2);
        assert_string_equal(c->shares[0].rename, "nvidia.com/small");
        assert_int_equal(c->shares[1].replicas, 8);
        assert_int_equal(c->n_gpu_patterns, 2);
        assert_int_equal(c->n_mig_patterns, 2);
    }
    config_free(c);
    findings_done(&f);
    return r;
}

static int read_good_config(void)
{
    return read_config(config_text);
}

static int read_bad_config(void)
{
    return read_config(bad_text);
}

static int read_mig_file(void)
{
    const struct mig_config *found = NULL;
    struct mig_file *file = NULL;
    struct findings f;
    struct buf out;
    struct err e = {0};
    int r;

    findings_init(&f, "m.yaml");
    buf_init(&out, 1 << 16);
    r = mig_file_parse(&file, "m.yaml", mig_text, strlen(mig_text), &f, &e);
    assert_int_equal(file != NULL, r == 0);
    if (r == 0) {
        assert_int_equal(file->n_configs, 1);
        assert_int_equal(file->configs[0].entries[0].n_counts, 2);
        assert_int_equal(file->configs[0].entries[0].n_filters, 2);
        assert_int_equal(mig_file_find(&found, file, "b", &e), -ENOENT);
        mig_file_write(&out, file, true);
        r = buf_check(&out, &e);
    }
    mig_file_free(file);
    findings_done(&f);
    buf_done(&out);
    return r;
}

/* Geometries are large: not on the stack of a sanitized program. */
static struct gpu gpus[2];

static int write_files(void)
{
    const struct inventory inv = {.n_gpus = 2, .gpus = gpus};
    char *text = NULL;
    struct buf out;
    struct err e = {0};
    int r;

    buf_init(&out, 1 << 16);
    r = mig_file_export(&out, &inv, "current", false, &e);
    if (r == 0)
        r = mig_file_default(&text, &inv, &e);
    assert_int_equal(text != NULL, r == 0);
    free(text);
    buf_done(&out);
    return r;
}

/* What `doing` comes to with enough memory, and that it does not crash or leak with less. */
static void survives(int (*doing)(void), int result)
{
    unsigned errors = 0;

    for (unsigned at = 1;; at++) {
        unsigned done;
        int r;

        allocations = 0;
        fail_at = at;
        r = doing();
        fail_at = 0;
        done = allocations;
        errors += r == -ENOMEM;
        if (r != result)
            assert_true(r == -ENOMEM || r == -EFBIG);
        if (done < at && r == result)
            break;
        assert_true(at < 100000);
    }
    assert_true(errors > 10);
}

static void the_configuration(void **state)
{
    (void)state;
    survives(read_good_config, 0);
}

static void a_configuration_with_errors(void **state)
{
    (void)state;
    survives(read_bad_config, -EINVAL);
}

static void a_mig_file(void **state)
{
    (void)state;
    survives(read_mig_file, 0);
}

static void files_made_from_hardware(void **state)
{
    static const uint32_t ids[2] = {0x20B010DE, 0x20B710DE};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        gpus[i] = (struct gpu){.index = i, .device_id = ids[i], .mig = GPU_MIG_ON};
        assert_true(geometry_table(&gpus[i].geometry, ids[i]));
        gpus[i].n_instances = 1;
        gpus[i].instances[0].profile_id = gpus[i].geometry.profiles[0].id;
        gpus[i].instances[0].n_computes = 1;
        gpus[i].instances[0].computes[0].slices = 1;
    }
    survives(write_files, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_configuration),
        cmocka_unit_test(a_configuration_with_errors),
        cmocka_unit_test(a_mig_file),
        cmocka_unit_test(files_made_from_hardware),
    };

    return cmocka_run_group_tests_name("torture", tests, NULL, NULL);
}
