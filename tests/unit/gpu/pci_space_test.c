/* SPDX-License-Identifier: Apache-2.0 */
/* What a board's PCI files say: class, and the host's driver of a vGPU. */
#include "test.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/own.h"
#include "base/text.h"
#include "gpu/gpu.h"
#include "gpu/pci_space.h"

enum { SPACE = 256, FIRST = 0x60, VENDOR = 0xd0, VENDOR_SIZE = 0x1b };

/* A power management capability at FIRST, then the vendor's with one record, as a vGPU has it. */
static void fill(uint8_t space[SPACE])
{
    memset(space, 0, SPACE);
    space[0x06] = 0x10;
    space[0x34] = FIRST;
    space[FIRST] = 0x01;
    space[FIRST + 1] = VENDOR;
    space[VENDOR] = 0x09;
    space[VENDOR + 2] = VENDOR_SIZE;
    memcpy(space + VENDOR + 3, "VF", 2);
    space[VENDOR + 5] = 0;    /* record: host driver */
    space[VENDOR + 6] = 0x16; /* its size */
    memcpy(space + VENDOR + 7, "460.16", 6);
    memcpy(space + VENDOR + 17, "r460_00", 7);
}

static void reads_the_hosts_driver_of_a_vgpu(void **state)
{
    uint8_t space[SPACE];
    struct gpu gpu = {0};

    (void)state;
    fill(space);
    assert_true(pci_space_vgpu(&gpu, space, sizeof space));
    assert_string_equal(gpu.vgpu_version, "460.16");
    assert_string_equal(gpu.vgpu_branch, "r460_00");
    memset(space + VENDOR + 7, '7', 20);
    assert_true(pci_space_vgpu(&gpu, space, sizeof space));
    assert_string_equal(gpu.vgpu_version, "7777777777");
    assert_string_equal(gpu.vgpu_branch, "7777777777");
}

static void passes_over_other_records(void **state)
{
    uint8_t space[SPACE];
    struct gpu gpu = {0};

    (void)state;
    fill(space);
    memmove(space + VENDOR + 9, space + VENDOR + 5, 0x16);
    space[VENDOR + 2] = VENDOR_SIZE + 4;
    space[VENDOR + 5] = 3;
    space[VENDOR + 6] = 4;
    assert_true(pci_space_vgpu(&gpu, space, sizeof space));
    assert_string_equal(gpu.vgpu_version, "460.16");
}

static void finds_no_vgpu_in_what_is_none(void **state)
{
    uint8_t space[SPACE];
    struct gpu gpu = {0};

    (void)state;
    fill(space);
    /* Only root reads beyond the first 64 bytes. */
    assert_false(pci_space_vgpu(&gpu, space, 64));
    assert_false(pci_space_vgpu(&gpu, space, SPACE - 1));
    assert_false(pci_space_vgpu(&gpu, space, 0));
#define NONE(change)                                                                               \
    do {                                                                                           \
        fill(space);                                                                               \
        change;                                                                                    \
        assert_false(pci_space_vgpu(&gpu, space, sizeof space));                                   \
    } while (0)
    NONE(space[0x06] = 0);                                /* no capabilities */
    NONE(space[0x34] = 0);                                /* an empty list */
    NONE(space[FIRST + 1] = FIRST);                       /* a list in a circle */
    NONE(space[FIRST] = 0xff);                            /* a broken list */
    NONE(space[FIRST + 1] = 0xfe);                        /* leads out of the space */
    NONE(space[VENDOR + 3] = 'X');                        /* another signature */
    NONE(space[VENDOR + 2] = 8);                          /* too short for a record */
    NONE(space[VENDOR + 5] = 1);                          /* no host record */
    NONE((space[VENDOR + 5] = 1, space[VENDOR + 6] = 0)); /* a record of no size */
    NONE((space[VENDOR + 5] = 1, space[VENDOR + 6] = 0xff));
    NONE((space[VENDOR + 2] = 0xff, space[VENDOR + 5] = 1, space[VENDOR + 6] = 0x20));
#undef NONE
    assert_string_equal(gpu.vgpu_version, "");
}

/* Whatever bytes a device shows, nothing beyond them is read: the sanitizers watch. */
static void survives_any_bytes(void **state)
{
    uint32_t seed = 3;

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        OWN_MEM uint8_t *space = malloc(SPACE);
        struct gpu gpu = {0};

        assert_non_null(space);
        for (unsigned i = 0; i < SPACE; i++) {
            seed = seed * 1664525U + 1013904223U;
            space[i] = (uint8_t)(seed >> 24);
        }
        space[0x06] |= 0x10;
        if (round % 2) {
            space[space[0x34]] = 0x09;
            memcpy(space + (space[0x34] < 250 ? space[0x34] + 3 : 0), "VF", 2);
        }
        (void)pci_space_vgpu(&gpu, space, SPACE);
        assert_true(strnlen(gpu.vgpu_version, sizeof gpu.vgpu_version) < sizeof gpu.vgpu_version);
    }
}

struct folder {
    char root[64], device[160];
};

static void put_file(const struct folder *f, const char *name, const void *data, size_t size)
{
    OWN_MEM char *path = file_join(f->device, name);

    assert_non_null(path);
    assert_int_equal(file_write(path, data, size, 0644, NULL), 0);
}

static void remove_all(struct folder *f)
{
    OWN_MEM char *class = file_join(f->device, "class"), *config = file_join(f->device, "config");

    (void)unlink(class);
    (void)unlink(config);
    for (char *slash; strlen(f->device) >= strlen(f->root); *slash = '\0') {
        (void)rmdir(f->device);
        slash = strrchr(f->device, '/');
    }
}

static void reads_the_files_of_a_board(void **state)
{
    static const struct {
        const char *text;
        uint32_t class;
    } rows[] = {{"0x030200\n", 0x030200},
                {"0x030000", 0x030000},
                {"0x12abcf\n", 0x12abcf},
                {"030200\n", 0},
                {"0x0302\n", 0},
                {"0x0302zz\n", 0},
                {"", 0},
                {"0x030200 \n", 0}};
    OWN(remove_all) struct folder f = {.root = "/tmp/carve-pci-test-XXXXXX"};
    struct gpu gpu = {.bus_id = "0000:10:1c.0"};
    uint8_t space[SPACE];

    (void)state;
    assert_non_null(mkdtemp(f.root));
    (void)snprintf(f.device, sizeof f.device, "%s/bus/pci/devices/%s", f.root, gpu.bus_id);
    assert_int_equal(file_make_folder(f.device, NULL), 0);
    pci_space_read(f.root, &gpu);
    assert_int_equal(gpu.pci_class, 0);
    assert_string_equal(gpu.vgpu_version, "");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put_file(&f, "class", rows[i].text, strlen(rows[i].text));
        pci_space_read(f.root, &gpu);
        assert_int_equal(gpu.pci_class, rows[i].class);
    }
    fill(space);
    put_file(&f, "config", space, sizeof space);
    pci_space_read(f.root, &gpu);
    assert_string_equal(gpu.vgpu_version, "460.16");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_hosts_driver_of_a_vgpu),
        cmocka_unit_test(passes_over_other_records),
        cmocka_unit_test(finds_no_vgpu_in_what_is_none),
        cmocka_unit_test(survives_any_bytes),
        cmocka_unit_test(reads_the_files_of_a_board),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
