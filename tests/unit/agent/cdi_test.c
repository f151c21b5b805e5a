/* SPDX-License-Identifier: Apache-2.0 */
/* The CDI file's text, for a node with one whole GPU and one MIG device. */
#include "agent/cdi.h"

#include <string.h>

#include "test.h"

#include "agent/driver_files.h"
#include "base/buf.h"
#include "base/err.h"
#include "gpu/gpu.h"
#include "scratch.h"

struct world {
    struct scratch scratch;
    struct gpu gpus[2];
    struct inventory inventory;
    struct driver_file file;
    struct driver_files files;
    struct cdi_sources sources;
    struct buf out;
};

static char library[] = "/usr/lib64/libcuda.so.1", library_folder[] = "/usr/lib64";

static int open_world(void **state)
{
    static struct world w;

    w = (struct world){
        .gpus = {{.minor = 4, .uuid = "GPU-a"},
                 {.minor = 1,
                  .uuid = "GPU-b",
                  .n_instances = 1,
                  .instances = {{.id = 9, .n_computes = 1, .computes = {{.uuid = "MIG-c"}}}}}},
        .inventory = {.n_gpus = 2, .gpus = w.gpus},
        .file = {.source = library, .target = library},
        .files = {.library_folder = library_folder, .count = 1, .files = &w.file},
        .sources = {.inventory = &w.inventory,
                    .files = &w.files,
                    .driver_root = "",
                    .dev_root = "",
                    .dev_root_here = w.scratch.folder,
                    .proc_root = w.scratch.folder},
    };
    scratch_open(&w.scratch);
    scratch_put(&w.scratch, "driver/nvidia-caps/mig-minors",
                "gpu1/gi9/access 219\ngpu1/gi9/ci0/access 220\n");
    scratch_put(&w.scratch, "devices", "237 nvidia-caps\n");
    buf_init(&w.out, 1 << 20);
    *state = &w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;

    buf_done(&w->out);
    scratch_close(&w->scratch);
    return 0;
}

/* The text without white space, so that a test may look for pieces. */
static const char *write_file(struct world *w, int devices)
{
    struct err e = {0};
    char *to;

    buf_clear(&w->out);
    assert_int_equal(cdi_write(&w->out, &w->sources, &e), devices);
    to = w->out.data;
    for (const char *from = w->out.data; *from; from++)
        if (*from != ' ' && *from != '\n')
            *to++ = *from;
    *to = '\0';
    return w->out.data;
}

static void has_a_device_for_each_gpu_and_mig_device(void **state)
{
    const char *text = write_file(*state, 3);

    assert_non_null(strstr(text, "{\"cdiVersion\":\"0.3.0\",\"kind\":\"carve.dev/gpu\","
                                 "\"devices\":[{\"name\":\"GPU-a\",\"containerEdits\":"
                                 "{\"deviceNodes\":[{\"path\":\"/dev/nvidia4\"}]}}"));
    assert_non_null(strstr(text, "{\"name\":\"MIG-c\",\"containerEdits\":{\"deviceNodes\":"
                                 "[{\"path\":\"/dev/nvidia1\"},"
                                 "{\"path\":\"/dev/nvidia-caps/nvidia-cap219\",\"type\":\"c\","
                                 "\"major\":237,\"minor\":219,\"fileMode\":292,"
                                 "\"permissions\":\"rw\"},"));
    assert_non_null(strstr(text, "\"env\":[\"NVIDIA_VISIBLE_DEVICES=void\"]"));
    assert_non_null(strstr(text, "\"mounts\":[{\"hostPath\":\"/usr/lib64/libcuda.so.1\","
                                 "\"containerPath\":\"/usr/lib64/libcuda.so.1\",\"options\":"
                                 "[\"ro\",\"nosuid\",\"nodev\",\"rbind\",\"rprivate\"]}]"));
    assert_null(strstr(text, "hostPath\":\"/dev"));
    assert_null(strstr(text, "hooks"));
}

static void nodes_that_are_here_are_given_by_path(void **state)
{
    struct world *w = *state;
    const char *text;

    scratch_put(&w->scratch, "dev/nvidia-caps/nvidia-cap219", "");
    scratch_put(&w->scratch, "dev/nvidiactl", "");
    text = write_file(w, 3);
    assert_non_null(strstr(text, "{\"path\":\"/dev/nvidia-caps/nvidia-cap219\"},"));
    assert_null(strstr(text, "nvidia-uvm"));
    scratch_put(&w->scratch, "dev/nvidia-uvm", "");
    scratch_put(&w->scratch, "dev/nvidia-modeset", "");
    text = write_file(w, 3);
    assert_non_null(strstr(text, "\"/dev/nvidia-uvm\""));
    assert_non_null(strstr(text, "\"/dev/nvidia-modeset\""));
    assert_null(strstr(text, "nvidia-uvm-tools"));
}

static void without_a_look_at_dev_all_needed_nodes_are_given(void **state)
{
    const char *text = write_file(*state, 3);

    assert_non_null(strstr(text, "[{\"path\":\"/dev/nvidiactl\"},{\"path\":\"/dev/nvidia-uvm\"},"
                                 "{\"path\":\"/dev/nvidia-uvm-tools\"}]"));
}

static void roots_go_before_host_paths(void **state)
{
    struct world *w = *state;
    const char *text;

    w->sources.driver_root = "/run/nvidia/driver";
    w->sources.dev_root = "/run/nvidia/driver";
    w->sources.hook = "/opt/nvidia-ctk";
    text = write_file(w, 3);
    assert_non_null(strstr(text, "{\"cdiVersion\":\"0.5.0\""));
    assert_non_null(strstr(text, "{\"path\":\"/dev/nvidia4\","
                                 "\"hostPath\":\"/run/nvidia/driver/dev/nvidia4\"}"));
    assert_non_null(strstr(text, "{\"hostPath\":\"/run/nvidia/driver/usr/lib64/libcuda.so.1\","
                                 "\"containerPath\":\"/usr/lib64/libcuda.so.1\""));
    assert_non_null(strstr(text, "\"path\":\"/opt/nvidia-ctk\",\"args\":"
                                 "[\"nvidia-ctk\",\"hook\",\"update-ldcache\",\"--folder\","
                                 "\"/usr/lib64\"]"));
}

static void a_socket_is_mounted_as_one(void **state)
{
    struct world *w = *state;

    w->file.is_socket = true;
    assert_non_null(strstr(write_file(w, 3), "\"options\":[\"nosuid\",\"nodev\",\"noexec\","
                                             "\"rbind\",\"rprivate\"]"));
}

static void leaves_out_what_cannot_be_told(void **state)
{
    struct world *w = *state;

    scratch_remove(&w->scratch, "driver/nvidia-caps/mig-minors");
    assert_null(strstr(write_file(w, 2), "MIG-c"));
    w->gpus[0].uuid[0] = '\0';
    (void)write_file(w, 1);
    w->inventory.n_gpus = 1;
    (void)write_file(w, 0);
    w->inventory.n_gpus = 0;
    (void)write_file(w, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(has_a_device_for_each_gpu_and_mig_device, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(nodes_that_are_here_are_given_by_path, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(without_a_look_at_dev_all_needed_nodes_are_given,
                                        open_world, close_world),
        cmocka_unit_test_setup_teardown(roots_go_before_host_paths, open_world, close_world),
        cmocka_unit_test_setup_teardown(a_socket_is_mounted_as_one, open_world, close_world),
        cmocka_unit_test_setup_teardown(leaves_out_what_cannot_be_told, open_world, close_world),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
