/* SPDX-License-Identifier: Apache-2.0 */
/* The list of pod resources: what is in it, in any order, and what is refused. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "kube/field.h"
#include "kube/podresources.h"
#include "podresources.pb-c.h"
#include "test.h"

static void note(void *self, const struct podresources_holder *h)
{
    buf_printf(self, "%s/%s/%s %s=%s\n", h->namespace, h->pod, h->container, h->resource,
               h->device_id);
}

static void assert_holders(const uint8_t *bytes, size_t size, int n_pods, const char *wanted)
{
    struct buf seen;

    buf_init(&seen, 10000);
    buf_text(&seen, "");
    assert_int_equal(podresources_read(bytes, size, note, &seen, NULL), n_pods);
    assert_string_equal(seen.data, wanted);
    buf_done(&seen);
}

static void devices_of_all_containers_are_visited(void **state)
{
    char one[] = "GPU-1", two[] = "GPU-2", three[] = "MIG-3", gpu[] = "nvidia.com/gpu",
         mig[] = "nvidia.com/mig-1g.5gb", main_[] = "main", side[] = "side", pod[] = "train-0",
         namespace[] = "ml", idle[] = "idle";
    char *gpus[] = {one, two}, *migs[] = {three};
    Podresources__ContainerDevices a = PODRESOURCES__CONTAINER_DEVICES__INIT, b = a;
    Podresources__ContainerDevices *devices[] = {&a, &b};
    Podresources__ContainerResources x = PODRESOURCES__CONTAINER_RESOURCES__INIT, y = x;
    Podresources__ContainerResources *containers[] = {&x, &y};
    Podresources__PodResources p = PODRESOURCES__POD_RESOURCES__INIT, q = p;
    Podresources__PodResources *pods[] = {&q, &p};
    Podresources__ListPodResourcesResponse list = PODRESOURCES__LIST_POD_RESOURCES_RESPONSE__INIT;
    uint8_t bytes[500];
    size_t size;

    (void)state;
    a.resource_name = gpu, a.n_device_ids = 2, a.device_ids = gpus;
    b.resource_name = mig, b.n_device_ids = 1, b.device_ids = migs;
    x.name = main_, x.n_devices = 2, x.devices = devices;
    y.name = side;
    p.name = pod, p.namespace_ = namespace, p.n_containers = 2, p.containers = containers;
    q.name = idle, q.namespace_ = namespace;
    list.n_pod_resources = 2, list.pod_resources = pods;
    size = podresources__list_pod_resources_response__pack(&list, bytes);
    assert_holders(bytes, size, 2,
                   "ml/train-0/main nvidia.com/gpu=GPU-1\n"
                   "ml/train-0/main nvidia.com/gpu=GPU-2\n"
                   "ml/train-0/main nvidia.com/mig-1g.5gb=MIG-3\n");
    assert_holders(bytes, 0, 0, "");
}

static void fields_may_come_in_any_order_and_unknown_ones_are_skipped(void **state)
{
    struct buf out;
    size_t pod, container, devices;

    (void)state;
    buf_init(&out, 1000);
    field_put_text(&out, 9, "unknown");
    pod = field_begin(&out, 1);
    container = field_begin(&out, 3);
    field_put_uint(&out, 3, 17); /* cpu_ids */
    devices = field_begin(&out, 2);
    field_put_text(&out, 2, "GPU-1");
    field_end(&out, field_begin(&out, 3)); /* topology */
    field_put_text(&out, 1, "r");
    field_end(&out, devices);
    field_put_text(&out, 1, "c");
    field_end(&out, container);
    field_put_text(&out, 2, "ns");
    field_put_text(&out, 1, "p");
    field_end(&out, pod);
    assert_holders((uint8_t *)out.data, out.size, 1, "ns/p/c r=GPU-1\n");
    buf_done(&out);
}

static int read_pod_named(size_t length, uint32_t number)
{
    char name[400];
    struct buf out, seen;
    size_t pod;
    int r;

    memset(name, 'n', sizeof name);
    name[length] = '\0';
    buf_init(&out, 1000);
    buf_init(&seen, 1000);
    pod = field_begin(&out, 1);
    field_put_text(&out, number, name);
    field_end(&out, pod);
    r = podresources_read((uint8_t *)out.data, out.size, note, &seen, NULL);
    buf_done(&out);
    buf_done(&seen);
    return r;
}

static void names_longer_than_allowed_are_refused(void **state)
{
    (void)state;
    assert_int_equal(read_pod_named(253, 1), 1);
    assert_int_equal(read_pod_named(254, 1), -EBADMSG);
    assert_int_equal(read_pod_named(63, 2), 1);
    assert_int_equal(read_pod_named(64, 2), -EBADMSG);
}

static void what_is_no_list_is_refused(void **state)
{
    static const struct {
        uint8_t bytes[16];
        size_t size;
    } bad[] = {
        {{0x0a, 9}, 2},
        {{0x08, 1}, 2},
        {{0x0a, 2, 0x08, 1}, 4},
        {{0x0a, 3, 0x0a, 1, 0}, 5},
        {{0x0a, 2, 0x18, 1}, 4},
        {{0x0a, 4, 0x1a, 2, 0x12, 5}, 6},
        {{0x0a, 6, 0x1a, 4, 0x12, 2, 0x10, 1}, 8},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct buf seen;
        struct err e = {0};

        buf_init(&seen, 1000);
        assert_int_equal(podresources_read(bad[i].bytes, bad[i].size, note, &seen, &e), -EBADMSG);
        assert_string_equal(e.msg, "the list of pod resources is not in its format");
        buf_done(&seen);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(devices_of_all_containers_are_visited),
        cmocka_unit_test(fields_may_come_in_any_order_and_unknown_ones_are_skipped),
        cmocka_unit_test(names_longer_than_allowed_are_refused),
        cmocka_unit_test(what_is_no_list_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
