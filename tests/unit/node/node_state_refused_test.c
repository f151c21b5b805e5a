/* SPDX-License-Identifier: Apache-2.0 */
/* The node's state from bytes: nothing impossible gets in, nothing grows large. */
#include "test.h"

#include <errno.h>

#include "base/buf.h"
#include "node.pb-c.h"
#include "node/node_state.h"
#include "slice/fixture.h"

/* A message with one of everything; each test breaks one thing of it. */
struct broken {
    Carve__V1__NodeState state;
    Carve__V1__ConfigState config;
    Carve__V1__Inventory inventory;
    Carve__V1__Gpu gpu, *gpus[GPU_MAX + 1];
    Carve__V1__Profile profile, *profiles[GPU_MAX_PROFILES + 1];
    Carve__V1__Instance instance, *instances[GPU_MAX_INSTANCES + 1];
    Carve__V1__Span span;
    Carve__V1__Compute compute, *computes[GPU_MAX_COMPUTE + 1];
    Carve__V1__Process process, *processes[GPU_MAX_PROCESSES + 1];
    Carve__V1__Link link, *links[4];
    char text[256];
};

#define FILL(list, item)                                                                           \
    for (size_t i = 0; i < sizeof(list) / sizeof((list)[0]); i++)                                  \
    (list)[i] = (item)

static void make_whole(struct broken *b)
{
    memset(b, 0, sizeof *b);
    carve__v1__node_state__init(&b->state);
    carve__v1__config_state__init(&b->config);
    carve__v1__inventory__init(&b->inventory);
    carve__v1__gpu__init(&b->gpu);
    carve__v1__profile__init(&b->profile);
    carve__v1__instance__init(&b->instance);
    carve__v1__span__init(&b->span);
    carve__v1__compute__init(&b->compute);
    carve__v1__process__init(&b->process);
    carve__v1__link__init(&b->link);
    FILL(b->gpus, &b->gpu);
    FILL(b->profiles, &b->profile);
    FILL(b->instances, &b->instance);
    FILL(b->computes, &b->compute);
    FILL(b->processes, &b->process);
    FILL(b->links, &b->link);
    b->state.inventory = &b->inventory;
    b->inventory.gpus = b->gpus;
    b->inventory.links = b->links;
    b->gpu.profiles = b->profiles;
    b->gpu.instances = b->instances;
    b->gpu.processes = b->processes;
    b->instance.span = &b->span;
    b->instance.computes = b->computes;
    b->inventory.n_gpus = b->inventory.n_links = b->gpu.n_profiles = b->gpu.n_instances =
        b->gpu.n_processes = b->instance.n_computes = 1;
    memset(b->text, 'x', sizeof b->text - 1);
}

static int unpack(const struct broken *b, struct err *e)
{
    OWN(node_state_freep) struct node_state *out = NULL;
    size_t size = carve__v1__node_state__get_packed_size(&b->state);
    OWN_MEM uint8_t *bytes = malloc(size + 1);

    assert_non_null(bytes);
    (void)carve__v1__node_state__pack(&b->state, bytes);
    return node_state_unpack(&out, bytes, size, e);
}

static void refuses_what_cannot_be(void **state)
{
    static struct broken b;
    struct err e = {0};

    (void)state;
    make_whole(&b);
    assert_int_equal(unpack(&b, &e), 0);
#define REFUSED(change)                                                                            \
    do {                                                                                           \
        make_whole(&b);                                                                            \
        change;                                                                                    \
        assert_int_equal(unpack(&b, &e), -EPROTO);                                                 \
    } while (0)
    REFUSED((b.inventory.n_gpus = GPU_MAX + 1, b.inventory.n_links = 0));
    REFUSED(b.inventory.n_gpus = 2);
    REFUSED(b.inventory.n_links = 4);
    REFUSED(b.inventory.driver_version = b.text);
    REFUSED(b.inventory.nvml_version = b.text);
    REFUSED(b.link.level = 256);
    REFUSED(b.link.nvlinks = 256);
    REFUSED(b.gpu.uuid = b.text);
    REFUSED(b.gpu.name = b.text);
    REFUSED(b.gpu.bus_id = b.text + 239);
    REFUSED(b.gpu.fault = b.text);
    REFUSED(b.gpu.vgpu_version = b.text);
    REFUSED(b.gpu.vgpu_branch = b.text);
    REFUSED(b.gpu.clique = b.text);
    REFUSED((b.config.mig_strategy = (Carve__V1__MigStrategy)3, b.state.config = &b.config));
    REFUSED((b.config.mig_strategy = (Carve__V1__MigStrategy)-1, b.state.config = &b.config));
    REFUSED(b.gpu.mig = 3);
    REFUSED(b.gpu.mig_pending = (Carve__V1__MigMode)-1);
    REFUSED(b.gpu.mig_axis = 17);
    REFUSED(b.gpu.n_profiles = GPU_MAX_PROFILES + 1);
    REFUSED(b.gpu.n_instances = GPU_MAX_INSTANCES + 1);
    REFUSED(b.gpu.n_processes = GPU_MAX_PROCESSES + 1);
    REFUSED(b.profile.name = b.text);
    REFUSED(b.profile.span_size = 17);
    REFUSED(b.profile.span_starts = 0x10000);
    REFUSED(b.profile.unknown = 256);
    REFUSED(b.instance.span = NULL);
    REFUSED(b.instance.n_computes = GPU_MAX_COMPUTE + 1);
    REFUSED(b.span.start = 17);
    REFUSED(b.span.size = 17);
    REFUSED(b.compute.uuid = b.text);
#undef REFUSED
    assert_int_equal(e.code, EPROTO);
    assert_non_null(strstr(e.msg, "GPU 0"));
}

static void accepts_everything_up_to_the_bounds(void **state)
{
    static struct broken b;
    struct err e = {0};

    (void)state;
    make_whole(&b);
    b.inventory.n_gpus = GPU_MAX;
    b.inventory.n_links = 0;
    b.gpu.n_profiles = GPU_MAX_PROFILES;
    b.gpu.n_instances = GPU_MAX_INSTANCES;
    b.gpu.n_processes = GPU_MAX_PROCESSES;
    b.gpu.mig_axis = b.span.start = b.span.size = b.profile.span_size = 16;
    b.profile.span_starts = 0xffff;
    b.instance.n_computes = GPU_MAX_COMPUTE;
    b.gpu.uuid = b.gpu.name = b.compute.uuid = b.text + 255 - (GPU_UUID_SIZE - 1);
    b.gpu.bus_id = b.text + 240;
    b.profile.name = b.text + 255 - (GPU_PROFILE_NAME_SIZE - 1);
    assert_int_equal(unpack(&b, &e), 0);
}

static void a_small_message_never_grows_large(void **state)
{
    enum { COUNT = 1 << 20 };
    /* NodeState.inventory of COUNT empty GPUs: two megabytes would become hundreds. */
    OWN_MEM uint8_t *bytes = malloc(5 + 2 * COUNT);
    size_t size = 2 * COUNT;
    struct node_state *out = NULL;
    struct err e = {0};

    (void)state;
    assert_non_null(bytes);
    bytes[0] = 0x12;
    for (size_t i = 0; i < 4; i++)
        bytes[1 + i] = (uint8_t)((size >> (7 * i) & 0x7f) | (i < 3 ? 0x80 : 0));
    for (size_t i = 0; i < COUNT; i++) {
        bytes[5 + 2 * i] = 0x22;
        bytes[6 + 2 * i] = 0;
    }
    assert_int_equal(node_state_unpack(&out, bytes, 5 + size, &e), -EPROTO);
    assert_null(out);
    /* One of them is a message like any other. */
    assert_int_equal(node_state_unpack(&out, "\x12\x02\x22\x00", 4, &e), 0);
    assert_int_equal(out->inventory->n_gpus, 1);
    node_state_free(out);
}

static void a_state_too_large_is_not_packed(void **state)
{
    static char text[1 << 20];
    static const char *texts[5] = {text, text, text, text, text};
    struct node_state s = {.n_notes = 5, .notes = texts};
    OWN(buf_done) struct buf bytes;
    struct err e = {0};

    (void)state;
    memset(text, 'x', sizeof text - 1);
    buf_init(&bytes, 64 << 20);
    assert_int_equal(node_state_pack(&bytes, &s, &e), -EMSGSIZE);
    assert_int_equal(bytes.size, 0);
    s.n_notes = 3;
    assert_int_equal(node_state_pack(&bytes, &s, &e), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_cannot_be),
        cmocka_unit_test(accepts_everything_up_to_the_bounds),
        cmocka_unit_test(a_small_message_never_grows_large),
        cmocka_unit_test(a_state_too_large_is_not_packed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
