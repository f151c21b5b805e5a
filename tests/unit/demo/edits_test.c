/* SPDX-License-Identifier: Apache-2.0 */
/* What a container gets: the answer to Allocate with the CDI specs that it names. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/own.h"
#include "demo/container.h"
#include "deviceplugin.pb-c.h"
#include "test.h"

/* As carve writes it: edits of the spec, then of each device. */
static const char golden[] =
    "{\"cdiVersion\": \"0.5.0\", \"kind\": \"carve.dev/gpu\", \"devices\": ["
    "{\"name\": \"g0\", \"containerEdits\": {\"env\": [\"CUDA_VISIBLE_DEVICES=0\"],"
    " \"deviceNodes\": [{\"path\": \"/dev/nvidia0\", \"hostPath\": \"/node/dev/nvidia0\"}]}},"
    "{\"name\": \"g1\", \"containerEdits\": {\"env\": [\"CUDA_VISIBLE_DEVICES=1\"],"
    " \"deviceNodes\": [{\"path\": \"/dev/nvidia1\"}]}}],"
    " \"containerEdits\": {\"env\": [\"NVIDIA_VISIBLE_DEVICES=void\"],"
    " \"deviceNodes\": [{\"path\": \"/dev/nvidiactl\"}],"
    " \"mounts\": [{\"hostPath\": \"/d/libcuda.so.1\", \"containerPath\": \"/l/libcuda.so.1\","
    " \"options\": [\"ro\"]}]}}";

struct world {
    char folder[32];
    char spec[64];
};

static int setup(void **state)
{
    static struct world w;

    w = (struct world){.folder = "/tmp/carve-edits-XXXXXX"};
    assert_non_null(mkdtemp(w.folder));
    (void)snprintf(w.spec, sizeof w.spec, "%s/spec.json", w.folder);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    (void)unlink(w->spec);
    return rmdir(w->folder);
}

/* The edits of an answer that has one variable and names up to two CDI devices. */
static int make(struct container_edits **out, struct world *w, const char *spec, const char *first,
                const char *second, struct err *e)
{
    Deviceplugin__ContainerAllocateResponse answer =
        DEVICEPLUGIN__CONTAINER_ALLOCATE_RESPONSE__INIT;
    Deviceplugin__ContainerAllocateResponse__EnvsEntry env =
        DEVICEPLUGIN__CONTAINER_ALLOCATE_RESPONSE__ENVS_ENTRY__INIT;
    Deviceplugin__ContainerAllocateResponse__EnvsEntry *envs = &env;
    Deviceplugin__CDIDevice devices[2] = {DEVICEPLUGIN__CDIDEVICE__INIT,
                                          DEVICEPLUGIN__CDIDEVICE__INIT};
    Deviceplugin__CDIDevice *names[] = {&devices[0], &devices[1]};

    assert_int_equal(file_write(w->spec, spec, strlen(spec), 0600, e), 0);
    env.key = (char *)"NVIDIA_VISIBLE_DEVICES";
    env.value = (char *)"GPU-1";
    answer.envs = &envs;
    answer.n_envs = 1;
    devices[0].name = (char *)first;
    devices[1].name = (char *)second;
    answer.cdi_devices = names;
    answer.n_cdi_devices = (first ? 1U : 0U) + (second ? 1U : 0U);
    return container_edits_make(out, &answer, w->folder, e);
}

static void answer_alone_is_enough(void **state)
{
    OWN(container_edits_freep) struct container_edits *edits = NULL;
    struct err e = {0};

    assert_int_equal(make(&edits, *state, golden, NULL, NULL, &e), 0);
    assert_int_equal(edits->n_env, 1);
    assert_string_equal(edits->env[0], "NVIDIA_VISIBLE_DEVICES=GPU-1");
    assert_int_equal(edits->n_devices + edits->n_mounts, 0);
}

static void spec_and_device_are_added(void **state)
{
    OWN(container_edits_freep) struct container_edits *edits = NULL;
    struct err e = {0};

    assert_int_equal(make(&edits, *state, golden, "carve.dev/gpu=g0", NULL, &e), 0);
    assert_int_equal(edits->n_env, 2);
    assert_string_equal(edits->env[0], "NVIDIA_VISIBLE_DEVICES=void"); /* the last word counts */
    assert_string_equal(edits->env[1], "CUDA_VISIBLE_DEVICES=0");
    assert_int_equal(edits->n_devices, 2);
    assert_string_equal(edits->devices[0].host, "/dev/nvidiactl");
    assert_string_equal(edits->devices[1].path, "/dev/nvidia0");
    assert_string_equal(edits->devices[1].host, "/node/dev/nvidia0");
    assert_int_equal(edits->n_mounts, 1);
    assert_string_equal(edits->mounts[0].host, "/d/libcuda.so.1");
    assert_string_equal(edits->mounts[0].path, "/l/libcuda.so.1");
}

static void edits_of_a_spec_come_once(void **state)
{
    OWN(container_edits_freep) struct container_edits *edits = NULL;
    struct err e = {0};

    assert_int_equal(make(&edits, *state, golden, "carve.dev/gpu=g0", "carve.dev/gpu=g1", &e), 0);
    assert_int_equal(edits->n_env, 2);
    assert_string_equal(edits->env[1], "CUDA_VISIBLE_DEVICES=1");
    assert_int_equal(edits->n_devices, 3);
    assert_int_equal(edits->n_mounts, 1);
}

#define SPEC(edits)                                                                                \
    "{\"kind\": \"k/c\", \"devices\": [{\"name\": \"d\", \"containerEdits\": " edits "}]}"

static void what_cannot_be_done_is_said(void **state)
{
    static const struct {
        const char *spec, *name, *words;
    } cases[] = {
        {golden, "carve.dev/gpu=g2", "no CDI spec"},
        {golden, "other.dev/gpu=g0", "no CDI spec"},
        {golden, "carve.dev/gp=g0", "no CDI spec"},
        {golden, "carve.dev/gpu", "no CDI spec"},
        {"{\"kind\": ", "k/c=d", "spec.json:"},
        {"[]", "k/c=d", "no CDI spec"},
        {"{\"kind\": \"k/c\", \"devices\": \"d\"}", "k/c=d", "no CDI spec"},
        {SPEC("[]"), "k/c=d", "no map"},
        {SPEC("{\"additionalGids\": [1]}"), "k/c=d", "'additionalGids'"},
        {SPEC("{\"env\": \"A=1\"}"), "k/c=d", "'env' is no list"},
        {SPEC("{\"env\": [[\"A=1\"]]}"), "k/c=d", "NAME=value"},
        {SPEC("{\"env\": [\"A\"]}"), "k/c=d", "NAME=value"},
        {SPEC("{\"env\": [null]}"), "k/c=d", "NAME=value"},
        {SPEC("{\"deviceNodes\": [{\"hostPath\": \"/dev/x\"}]}"), "k/c=d", "no path"},
        {SPEC("{\"deviceNodes\": [\"/dev/x\"]}"), "k/c=d", "no path"},
        {SPEC("{\"mounts\": [{\"containerPath\": \"/x\"}]}"), "k/c=d", "lacks a path"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct container_edits *edits = NULL;
        struct err e = {0};

        assert_true(make(&edits, *state, cases[i].spec, cases[i].name, NULL, &e) < 0);
        assert_null(edits);
        if (!strstr(e.msg, cases[i].words))
            fail_msg("'%s' instead of '%s'", e.msg, cases[i].words);
    }
}

static void other_files_are_not_read(void **state)
{
    struct world *w = *state;
    OWN(container_edits_freep) struct container_edits *edits = NULL;
    OWN_MEM char *half_written = file_join(w->folder, "spec.json.XyZ123");
    struct err e = {0};

    assert_int_equal(file_write(half_written, "{", 1, 0600, &e), 0);
    assert_int_equal(make(&edits, w, golden, "carve.dev/gpu=g0", NULL, &e), 0);
    (void)unlink(half_written);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answer_alone_is_enough),    TEST(spec_and_device_are_added),
        TEST(edits_of_a_spec_come_once), TEST(what_cannot_be_done_is_said),
        TEST(other_files_are_not_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
