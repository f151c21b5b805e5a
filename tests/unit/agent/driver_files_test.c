/* SPDX-License-Identifier: Apache-2.0 */
/* Which files of a driver root a container gets. */
#include "agent/driver_files.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "test.h"

#include "base/err.h"
#include "scratch.h"

#define VERSION "580.95.05"
#define LIB "/usr/lib64/"

static int open_scratch(void **state)
{
    static struct scratch s;

    scratch_open(&s);
    *state = &s;
    return 0;
}

static int close_scratch(void **state)
{
    scratch_close(*state);
    return 0;
}

static struct driver_files *find(const struct scratch *s)
{
    struct driver_files *f = NULL;
    struct err e = {0};

    assert_int_equal(driver_files_find(&f, s->folder, VERSION, &e), 0);
    return f;
}

static const struct driver_file *target(const struct driver_files *f, const char *path)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->files[i].target, path) == 0)
            return &f->files[i];
    return NULL;
}

static void put_driver(const struct scratch *s)
{
    scratch_put(s, LIB "libcuda.so." VERSION, "");
    scratch_link(s, LIB "libcuda.so.1", "libcuda.so." VERSION);
    scratch_put(s, LIB "libnvidia-ml.so." VERSION, "");
    scratch_put(s, LIB "vdpau/libvdpau_nvidia.so." VERSION, "");
    scratch_put(s, LIB "libnvidia-old.so.1.2.3", "");
    scratch_put(s, LIB "libc.so.6", "");
    scratch_put(s, LIB "libx" VERSION, "");
    scratch_put(s, "/usr/bin/nvidia-smi", "");
    scratch_put(s, "/usr/bin/gcc", "");
    scratch_put(s, "/lib/firmware/nvidia/" VERSION "/gsp_ga10x.bin", "");
    scratch_put(s, "/lib/firmware/nvidia/" VERSION "/other.bin", "");
}

static void finds_libraries_programs_and_firmware(void **state)
{
    const struct scratch *s = *state;
    OWN(driver_files_freep) struct driver_files *f = NULL;

    put_driver(s);
    f = find(s);
    assert_string_equal(f->library_folder, "/usr/lib64");
    assert_non_null(target(f, LIB "libcuda.so." VERSION));
    assert_string_equal(target(f, LIB "libcuda.so.1")->source, LIB "libcuda.so." VERSION);
    assert_string_equal(target(f, LIB "libcuda.so")->source, LIB "libcuda.so." VERSION);
    assert_non_null(target(f, LIB "libnvidia-ml.so." VERSION));
    assert_non_null(target(f, LIB "vdpau/libvdpau_nvidia.so." VERSION));
    assert_non_null(target(f, "/usr/bin/nvidia-smi"));
    assert_non_null(target(f, "/lib/firmware/nvidia/" VERSION "/gsp_ga10x.bin"));
    assert_int_equal(f->count, 7);
    assert_null(f->hook);
}

static void finds_sockets_but_not_what_is_called_so(void **state)
{
    const struct scratch *s = *state;
    OWN(driver_files_freep) struct driver_files *f = NULL;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    put_driver(s);
    scratch_put(s, "/run/nvidia-fabricmanager/socket", "");
    scratch_put(s, "/run/nvidia-persistenced/pid", "");
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s/run/nvidia-persistenced/socket", s->folder);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    (void)close(fd);
    f = find(s);
    assert_true(target(f, "/run/nvidia-persistenced/socket")->is_socket);
    assert_null(target(f, "/run/nvidia-fabricmanager/socket"));
    assert_false(target(f, "/usr/bin/nvidia-smi")->is_socket);
}

/* Libraries in a folder of their own, and only some linked from where the linker looks. */
static void finds_libraries_behind_links(void **state)
{
    const struct scratch *s = *state;
    OWN(driver_files_freep) struct driver_files *f = NULL;

    scratch_put(s, "/usr/local/nvidia/lib64/libcuda.so." VERSION, "");
    scratch_put(s, "/usr/local/nvidia/lib64/libnvidia-ptxjitcompiler.so." VERSION, "");
    scratch_link(s, "/usr/local/nvidia/lib64/libcuda.so.1", "libcuda.so." VERSION);
    scratch_link(s, "/usr/lib/libcuda.so.1", "../local/nvidia/lib64/libcuda.so.1");
    f = find(s);
    assert_string_equal(f->library_folder, "/usr/lib");
    assert_string_equal(target(f, "/usr/lib/libcuda.so.1")->source,
                        "/usr/local/nvidia/lib64/libcuda.so." VERSION);
    assert_string_equal(target(f, "/usr/lib/libcuda.so." VERSION)->source,
                        "/usr/local/nvidia/lib64/libcuda.so." VERSION);
    assert_non_null(target(f, "/usr/lib/libnvidia-ptxjitcompiler.so." VERSION));
    assert_null(target(f, "/usr/local/nvidia/lib64/libcuda.so." VERSION));
    assert_false(driver_files_changed(f));
    scratch_put(s, "/usr/local/nvidia/lib64/libnvidia-new.so." VERSION, "");
    assert_true(driver_files_changed(f));
}

/* The root is mounted elsewhere, and the links are the host's. */
static void absolute_links_lead_below_the_root(void **state)
{
    const struct scratch *s = *state;
    OWN(driver_files_freep) struct driver_files *f = NULL;

    scratch_put(s, "/opt/driver/lib64/libcuda.so." VERSION, "");
    scratch_put(s, "/opt/driver/lib64/libnvidia-nvvm.so." VERSION, "");
    scratch_link(s, "/usr/lib64/libcuda.so.1", "/opt/driver/lib64/libcuda.so." VERSION);
    scratch_link(s, "/usr/bin", "/opt/driver/bin");
    scratch_put(s, "/opt/driver/bin/nvidia-smi", "");
    f = find(s);
    assert_string_equal(target(f, LIB "libcuda.so.1")->source,
                        "/opt/driver/lib64/libcuda.so." VERSION);
    assert_non_null(target(f, LIB "libnvidia-nvvm.so." VERSION));
    assert_string_equal(target(f, "/usr/bin/nvidia-smi")->source, "/opt/driver/bin/nvidia-smi");
}

/* What is called so in /usr/bin may be a script that starts them. */
static void programs_of_the_drivers_own_folder_count_first(void **state)
{
    const struct scratch *s = *state;
    OWN(driver_files_freep) struct driver_files *f = NULL;

    scratch_put(s, "/usr/local/nvidia/lib64/libcuda.so." VERSION, "");
    scratch_link(s, "/usr/lib/libcuda.so.1", "../local/nvidia/lib64/libcuda.so." VERSION);
    scratch_put(s, "/usr/local/nvidia/bin/nvidia-smi", "");
    scratch_put(s, "/usr/bin/nvidia-smi", "#!/bin/sh\n");
    scratch_put(s, "/usr/bin/nvidia-debugdump", "");
    f = find(s);
    assert_string_equal(target(f, "/usr/bin/nvidia-smi")->source,
                        "/usr/local/nvidia/bin/nvidia-smi");
    assert_string_equal(target(f, "/usr/bin/nvidia-debugdump")->source,
                        "/usr/bin/nvidia-debugdump");
}

static void a_link_out_of_the_root_leads_nowhere(void **state)
{
    const struct scratch *s = *state;
    OWN(driver_files_freep) struct driver_files *f = NULL;

    scratch_put(s, "/usr/lib/libnvidia-ml.so." VERSION, "");
    scratch_link(s, "/usr/lib/libnvidia-ml.so.1", "/dev/null");
    f = find(s);
    assert_null(f->library_folder);
    assert_int_equal(f->count, 0);
}

static void a_root_without_a_driver_has_no_files(void **state)
{
    const struct scratch *s = *state;
    OWN(driver_files_freep) struct driver_files *f = NULL;

    f = find(s);
    assert_null(f->library_folder);
    assert_int_equal(f->count, 0);
}

static void tells_when_files_come_or_go(void **state)
{
    const struct scratch *s = *state;
    OWN(driver_files_freep) struct driver_files *before = NULL;
    OWN(driver_files_freep) struct driver_files *after = NULL;

    put_driver(s);
    before = find(s);
    assert_false(driver_files_changed(before));
    scratch_put(s, LIB "libnvidia-new.so." VERSION, "");
    assert_true(driver_files_changed(before));
    after = find(s);
    assert_false(driver_files_changed(after));
    scratch_put(s, "/usr/bin/nvidia-cdi-hook", "");
    assert_true(driver_files_changed(after));
}

static void there_is_a_bound(void **state)
{
    const struct scratch *s = *state;
    struct driver_files *f = NULL;
    struct err e = {0};

    put_driver(s);
    for (int i = 0; i < DRIVER_FILES_MAX; i++) {
        char path[64];

        (void)snprintf(path, sizeof path, LIB "lib%d.so." VERSION, i);
        scratch_put(s, path, "");
    }
    assert_int_not_equal(driver_files_find(&f, s->folder, VERSION, &e), 0);
    assert_non_null(strstr(e.msg, "more than 512 driver files"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_libraries_programs_and_firmware, open_scratch,
                                        close_scratch),
        cmocka_unit_test_setup_teardown(finds_sockets_but_not_what_is_called_so, open_scratch,
                                        close_scratch),
        cmocka_unit_test_setup_teardown(finds_libraries_behind_links, open_scratch, close_scratch),
        cmocka_unit_test_setup_teardown(absolute_links_lead_below_the_root, open_scratch,
                                        close_scratch),
        cmocka_unit_test_setup_teardown(programs_of_the_drivers_own_folder_count_first,
                                        open_scratch, close_scratch),
        cmocka_unit_test_setup_teardown(a_link_out_of_the_root_leads_nowhere, open_scratch,
                                        close_scratch),
        cmocka_unit_test_setup_teardown(a_root_without_a_driver_has_no_files, open_scratch,
                                        close_scratch),
        cmocka_unit_test_setup_teardown(tells_when_files_come_or_go, open_scratch, close_scratch),
        cmocka_unit_test_setup_teardown(there_is_a_bound, open_scratch, close_scratch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
