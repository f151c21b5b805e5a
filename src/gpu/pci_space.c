/* SPDX-License-Identifier: Apache-2.0 */
/* Class and vGPU of a board from its files below /sys/bus/pci/devices: see pci_space.h. */
#include "gpu/pci_space.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/own.h"
#include "base/text.h"
#include "gpu/gpu.h"

enum {
    SPACE_SIZE = 256, /* where capabilities lie; what follows is PCI Express's */
    MAX_FILE_BYTES = 8192,
    CLASS_TEXT_SIZE = 8,
    STATUS = 0x06,
    STATUS_HAS_CAPABILITIES = 0x10,
    FIRST_CAPABILITY = 0x34,
    CAPABILITY_VENDOR = 0x09,
    CAPABILITY_BROKEN = 0xff,
    MAX_CAPABILITIES = 48, /* more do not fit; fewer than a chain that runs in a circle */
    /* The vendor's capability: id, next, size, 'V', 'F', then records of id, size and content. */
    VENDOR_SIZE = 2,
    VENDOR_SIGNATURE = 3,
    VENDOR_RECORDS = 5,
    RECORD_HOST_DRIVER = 0, /* version and branch */
    HOST_TEXT_SIZE = 10,    /* of each, filled with NULs */
};

static_assert((int)HOST_TEXT_SIZE < (int)GPU_VGPU_SIZE, "a text and its NUL fit");

/* Where the vendor-specific capability is; 0: there is none. */
static size_t find_vendor(const uint8_t space[SPACE_SIZE])
{
    size_t at = space[FIRST_CAPABILITY];

    if (!(space[STATUS] & STATUS_HAS_CAPABILITIES))
        return 0;
    for (int i = 0; i < MAX_CAPABILITIES && at > 0 && at + VENDOR_RECORDS <= SPACE_SIZE; i++) {
        if (space[at] == CAPABILITY_VENDOR)
            return at;
        if (space[at] == CAPABILITY_BROKEN)
            return 0;
        at = space[at + 1];
    }
    return 0;
}

static void copy_text(char out[GPU_VGPU_SIZE], const uint8_t *text)
{
    memcpy(out, text, HOST_TEXT_SIZE);
    out[HOST_TEXT_SIZE] = '\0';
}

bool pci_space_vgpu(struct gpu *gpu, const uint8_t *space, size_t size)
{
    size_t start = size < SPACE_SIZE ? 0 : find_vendor(space), end, at;

    if (start == 0 || memcmp(space + start + VENDOR_SIGNATURE, "VF", 2) != 0)
        return false;
    end = start + space[start + VENDOR_SIZE];
    if (end > SPACE_SIZE)
        end = SPACE_SIZE;
    at = start + VENDOR_RECORDS;
    while (at + 2 <= end && space[at] != RECORD_HOST_DRIVER && space[at + 1] > 0)
        at += space[at + 1];
    if (at + 2 + (size_t)2 * HOST_TEXT_SIZE > end || space[at] != RECORD_HOST_DRIVER)
        return false;
    copy_text(gpu->vgpu_version, space + at + 2);
    copy_text(gpu->vgpu_branch, space + at + 2 + HOST_TEXT_SIZE);
    return true;
}

static char *read_file(size_t *out_size, const char *sysfs_root, const struct gpu *gpu,
                       const char *name)
{
    char path[512];
    char *text = NULL;

    (void)snprintf(path, sizeof path, "%s/bus/pci/devices/%s/%s", sysfs_root, gpu->bus_id, name);
    return file_read(&text, out_size, path, MAX_FILE_BYTES, NULL) < 0 ? NULL : text;
}

/* "0x030200\n"; 0: something else. */
static uint32_t parse_class(const char *text)
{
    static const char digits[] = "0123456789abcdef";
    uint32_t number = 0;

    if (!text_starts(text, "0x") || strcspn(text, "\n") != CLASS_TEXT_SIZE)
        return 0;
    for (size_t i = 2; i < CLASS_TEXT_SIZE; i++) {
        const char *digit = strchr(digits, text[i]);

        if (!digit)
            return 0;
        number = number << 4 | (uint32_t)(digit - digits);
    }
    return number;
}

void pci_space_read(const char *sysfs_root, struct gpu *gpu)
{
    size_t size = 0;
    OWN_MEM char *class = read_file(NULL, sysfs_root, gpu, "class");
    OWN_MEM char *space = read_file(&size, sysfs_root, gpu, "config");

    if (class)
        gpu->pci_class = parse_class(class);
    if (space)
        (void)pci_space_vgpu(gpu, (const uint8_t *)space, size);
}
