/* SPDX-License-Identifier: Apache-2.0 */
/* cuda_same: memory of all kinds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cuda_same.h"

static const uint64_t MIB = 1 << 20;

enum {
    ON_DEVICE = 1, /* CU_MEM_LOCATION_TYPE_DEVICE */
    PINNED = 1,
};

void same_alloc(void)
{
    uint64_t at = 0, base = 0, second = 0;
    size_t size = 0, pitch = 0, available = 0, total = 0;

    (void)same_context();
    (void)CALL(cuMemAlloc_v2, "no-out", 0, 1024);
    (void)CALL(cuMemAlloc_v2, "zero", P(&at), 0);
    (void)CALL(cuMemAlloc_v2, "too-much", P(&at), (uint64_t)1 << 50);
    (void)CALL(cuMemAlloc_v2, "all-ones", P(&at), UINT64_MAX);
    (void)CALL(cuMemAlloc_v2, "good", P(&at), 1000);
    same_value("aligned", at % 512 == 0);
    (void)CALL(cuMemGetAddressRange_v2, "start", P(&base), P(&size), at);
    same_value("offset", (int64_t)(at - base));
    same_value("size", (int64_t)size);
    (void)CALL(cuMemGetAddressRange_v2, "inside", P(&base), P(&size), at + 999);
    same_value("offset", (int64_t)(at - base));
    (void)CALL(cuMemGetAddressRange_v2, "no-base", 0, P(&size), at);
    (void)CALL(cuMemGetAddressRange_v2, "no-out", 0, 0, at);
    (void)CALL(cuMemGetAddressRange_v2, "null", P(&base), P(&size), 0);
    (void)CALL(cuMemFree_v2, "inside", at + 4);
    (void)CALL(cuMemFree_v2, "good", at);
    (void)CALL(cuMemFree_v2, "twice", at);
    (void)CALL(cuMemFree_v2, "null", 0);
    (void)CALL(cuMemFree_v2, "low", 4096);
    (void)CALL(cuMemGetAddressRange_v2, "freed", P(&base), P(&size), at);
    (void)CALL(cuMemAllocPitch_v2, "good", P(&at), P(&pitch), 1000, 100, 4);
    same_value("pitch", (int64_t)pitch);
    (void)CALL(cuMemAllocPitch_v2, "bad-element", P(&second), P(&pitch), 1000, 100, 3);
    (void)CALL(cuMemAllocPitch_v2, "width-0", P(&second), P(&pitch), 0, 100, 4);
    (void)CALL(cuMemAllocPitch_v2, "height-0", P(&second), P(&pitch), 100, 0, 4);
    (void)CALL(cuMemAllocPitch_v2, "no-pitch", P(&second), 0, 100, 10, 4);
    (void)CALL(cuMemGetAddressRange_v2, "pitch", P(&base), P(&size), at);
    same_value("size", (int64_t)size);
    (void)CALL(cuMemFree_v2, "pitch", at);
    (void)CALL(cuMemGetInfo_v2, "good", P(&available), P(&total));
    same_value("total-mib", (int64_t)(total >> 20));
    (void)CALL(cuMemGetInfo_v2, "no-out", 0, 0);
    (void)CALL(cuMemGetInfo_v2, "no-free", 0, P(&total));
}

void same_sizes(void)
{
    static const uint32_t sizes[] = {1,       256,           65536,   1 << 20, (1 << 20) + 1,
                                     2 << 20, (2 << 20) + 1, 5 << 20, 33 << 20};
    uint64_t at[40];

    (void)same_context();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int64_t before = same_free_kib();
        uint64_t one = 0;

        (void)CALL(cuMemAlloc_v2, "size", P(&one), sizes[i]);
        same_value("took-kib", before - same_free_kib());
        (void)CALL(cuMemFree_v2, "size", one);
        same_value("left-kib", before - same_free_kib());
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int64_t before = same_free_kib();

        for (int n = 0; n < 40; n++)
            (void)QUIET(cuMemAlloc_v2, P(&at[n]), sizes[i] < (5 << 20) ? sizes[i] : 1000);
        same_value("forty-took-kib", before - same_free_kib());
        for (int n = 0; n < 40; n++)
            (void)QUIET(cuMemFree_v2, at[n]);
        same_value("left-kib", before - same_free_kib());
    }
}

static int equal(const unsigned char *a, const unsigned char *b, size_t n)
{
    return memcmp(a, b, n) == 0;
}

static void copy_variants(uint64_t a, uint64_t b, unsigned char *out)
{
    struct same_copy2 two = {.from = {.type = 2, .device = a, .pitch = 64},
                             .to = {.type = 1, .host = out, .pitch = 32},
                             .width = 32,
                             .height = 4};
    struct same_copy3 three = {.from = {.type = 2, .device = a, .pitch = 64, .height = 4},
                               .to = {.type = 2, .device = b, .pitch = 64, .height = 4},
                               .width = 64,
                               .height = 4,
                               .depth = 2};

    (void)CALL(cuMemcpy2D_v2, "good", P(&two));
    (void)CALL(cuMemcpy2DUnaligned_v2, "good", P(&two));
    (void)CALL(cuMemcpy2DAsync_v2, "good", P(&two), 0);
    (void)CALL(cuMemcpy2D_v2, "null", 0);
    two.to.pitch = 16;
    (void)CALL(cuMemcpy2D_v2, "pitch-small", P(&two));
    two.to.pitch = 32;
    two.from.type = 9;
    (void)CALL(cuMemcpy2D_v2, "bad-type", P(&two));
    two.from.type = 2;
    two.width = 0;
    (void)CALL(cuMemcpy2D_v2, "width-0", P(&two));
    (void)CALL(cuMemcpy3D_v2, "good", P(&three));
    (void)CALL(cuMemcpy3DAsync_v2, "good", P(&three), 0);
    (void)CALL(cuMemcpy3D_v2, "null", 0);
    three.depth = 0;
    (void)CALL(cuMemcpy3D_v2, "depth-0", P(&three));
}

void same_copy(void)
{
    unsigned char in[1024], out[1024] = {0};
    uint64_t context = same_context(), a = 0, b = 0;

    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (unsigned char)(i * 7);
    (void)QUIET(cuMemAlloc_v2, P(&a), sizeof in);
    (void)QUIET(cuMemAlloc_v2, P(&b), sizeof in);
    (void)CALL(cuMemcpyHtoD_v2, "good", a, P(in), sizeof in);
    (void)CALL(cuMemcpyDtoD_v2, "good", b, a, sizeof in);
    (void)CALL(cuMemcpyDtoH_v2, "good", P(out), b, sizeof in);
    same_value("equal", equal(in, out, sizeof in));
    memset(out, 0, sizeof out);
    (void)CALL(cuMemcpy, "to-host", P(out), a, sizeof in);
    same_value("equal", equal(in, out, sizeof in));
    (void)CALL(cuMemcpy, "host-to-host", P(out), P(in), 100);
    (void)CALL(cuMemcpyAsync, "good", P(out), a, sizeof in, 0);
    (void)CALL(cuMemcpyHtoDAsync_v2, "good", a, P(in), sizeof in, 0);
    (void)CALL(cuMemcpyDtoDAsync_v2, "good", b, a, sizeof in, 0);
    (void)CALL(cuMemcpyDtoHAsync_v2, "good", P(out), b, sizeof in, 0);
    (void)CALL(cuMemcpyPeer, "itself", b, context, a, context, sizeof in);
    (void)CALL(cuMemcpyPeerAsync, "itself", b, context, a, context, sizeof in, 0);
    (void)CALL(cuStreamSynchronize, "good", 0);
    (void)CALL(cuMemcpyHtoD_v2, "size-0", a, P(in), 0);
    (void)CALL(cuMemcpyHtoD_v2, "null-source", a, 0, 16);
    (void)CALL(cuMemcpyHtoD_v2, "null-target", 0, P(in), 16);
    (void)CALL(cuMemcpyDtoH_v2, "null-source", P(out), 0, 16);
    (void)CALL(cuMemcpyDtoH_v2, "null-target", 0, a, 16);
    (void)CALL(cuMemcpyDtoD_v2, "null", b, 0, 16);
    (void)CALL(cuMemcpyHtoD_v2, "beyond", a, P(in), 64 * MIB);
    (void)CALL(cuMemcpyHtoD_v2, "unknown-target", 4096, P(in), 16);
    (void)CALL(cuMemcpyDtoD_v2, "unknown", b, 4096, 16);
    copy_variants(a, b, out);
    (void)CALL(cuMemcpyPeer, "null-context", b, 0, a, context, sizeof in);
    (void)CALL(cuMemFree_v2, "good", a);
    (void)CALL(cuMemcpyDtoH_v2, "freed", P(out), a, 16);
}

void same_set(void)
{
    unsigned char out[1024];
    uint64_t a = 0;

    (void)same_context();
    (void)QUIET(cuMemAlloc_v2, P(&a), sizeof out);
    (void)CALL(cuMemsetD8_v2, "good", a, 0x5a, sizeof out);
    (void)QUIET(cuMemcpyDtoH_v2, P(out), a, sizeof out);
    same_value("first", out[0]);
    same_value("last", out[sizeof out - 1]);
    (void)CALL(cuMemsetD16_v2, "good", a, 0x1234, 16);
    (void)CALL(cuMemsetD32_v2, "good", a + 512, 0x12345678, 16);
    (void)QUIET(cuMemcpyDtoH_v2, P(out), a, sizeof out);
    same_value("byte-0", out[0]);
    same_value("byte-515", out[515]);
    same_value("byte-576", out[576]);
    (void)CALL(cuMemsetD2D8_v2, "good", a, 64, 1, 32, 4);
    (void)CALL(cuMemsetD2D16_v2, "good", a, 64, 2, 16, 4);
    (void)CALL(cuMemsetD2D32_v2, "good", a, 64, 3, 8, 4);
    (void)QUIET(cuMemcpyDtoH_v2, P(out), a, sizeof out);
    same_value("byte-64", out[64]);
    same_value("byte-96", out[96]);
    (void)CALL(cuMemsetD8Async, "good", a, 9, 16, 0);
    (void)CALL(cuMemsetD16Async, "good", a, 9, 16, 0);
    (void)CALL(cuMemsetD32Async, "good", a, 9, 16, 0);
    (void)CALL(cuMemsetD2D8Async, "good", a, 64, 1, 32, 4, 0);
    (void)CALL(cuMemsetD2D16Async, "good", a, 64, 1, 16, 4, 0);
    (void)CALL(cuMemsetD2D32Async, "good", a, 64, 1, 8, 4, 0);
    (void)CALL(cuMemsetD8_v2, "size-0", a, 9, 0);
    (void)CALL(cuMemsetD8_v2, "null", 0, 9, 16);
    (void)CALL(cuMemsetD8_v2, "unknown", 4096, 9, 16);
    (void)CALL(cuMemsetD8_v2, "beyond", a, 9, 64 * MIB);
    (void)CALL(cuMemsetD16_v2, "odd", a + 1, 9, 16);
    (void)CALL(cuMemsetD32_v2, "odd", a + 2, 9, 16);
    (void)CALL(cuMemsetD2D8_v2, "pitch-small", a, 16, 1, 32, 4);
    (void)CALL(cuMemsetD2D8_v2, "width-0", a, 64, 1, 0, 4);
    (void)CALL(cuMemsetD2D8_v2, "height-0", a, 64, 1, 32, 0);
    (void)CALL(cuStreamSynchronize, "good", 0);
}

void same_host(void)
{
    uint64_t at = 0, device = 0;
    unsigned flags = 99;
    int64_t before;
    void *own = NULL;

    (void)same_context();
    before = same_free_kib();
    (void)CALL(cuMemAllocHost_v2, "good", P(&at), MIB);
    same_value("took-kib", before - same_free_kib());
    (void)CALL(cuMemHostGetFlags, "good", P(&flags), at);
    same_value("flags", flags);
    (void)CALL(cuMemHostGetDevicePointer_v2, "good", P(&device), at, 0);
    same_value("same", device == at);
    (void)CALL(cuMemHostGetDevicePointer_v2, "bad-flags", P(&device), at, 1);
    (void)CALL(cuMemFreeHost, "good", at);
    (void)CALL(cuMemFreeHost, "twice", at);
    (void)CALL(cuMemFreeHost, "null", 0);
    (void)CALL(cuMemAllocHost_v2, "no-out", 0, MIB);
    (void)CALL(cuMemAllocHost_v2, "zero", P(&at), 0);
    (void)CALL(cuMemHostAlloc, "mapped", P(&at), 4096, 2);
    (void)CALL(cuMemHostGetFlags, "mapped", P(&flags), at);
    same_value("flags", flags);
    (void)CALL(cuMemFree_v2, "host", at);
    (void)CALL(cuMemFreeHost, "mapped", at);
    (void)CALL(cuMemHostAlloc, "bad-flags", P(&at), 4096, 0x100);
    (void)CALL(cuMemHostAlloc, "zero", P(&at), 0, 0);
    if (posix_memalign(&own, 4096, 8192) != 0)
        return;
    (void)CALL(cuMemHostRegister_v2, "good", P(own), 8192, 0);
    (void)CALL(cuMemHostRegister_v2, "twice", P(own), 8192, 0);
    (void)CALL(cuMemHostGetFlags, "registered", P(&flags), P(own));
    same_value("flags", flags);
    (void)CALL(cuMemFreeHost, "registered", P(own));
    (void)CALL(cuMemHostUnregister, "good", P(own));
    (void)CALL(cuMemHostUnregister, "twice", P(own));
    (void)CALL(cuMemHostRegister_v2, "null", 0, 4096, 0);
    (void)CALL(cuMemHostRegister_v2, "zero", P(own), 0, 0);
    (void)CALL(cuMemHostRegister_v2, "bad-flags", P(own), 4096, 0x100);
    (void)CALL(cuMemHostGetFlags, "unknown", P(&flags), P(own));
    (void)CALL(cuMemHostGetDevicePointer_v2, "unknown", P(&device), P(own), 0);
    free(own);
}

void same_managed(void)
{
    uint64_t at = 0, here = (uint64_t)ON_DEVICE; /* a struct of type and id 0 in one word */
    int64_t before;
    int value = -1;

    (void)same_context();
    before = same_free_kib();
    (void)CALL(cuMemAllocManaged, "global", P(&at), 4 * MIB, 1);
    same_value("took-kib", before - same_free_kib());
    *(volatile char *)(uintptr_t)at = 7;
    (void)CALL(cuMemAdvise, "read-mostly", at, 4 * MIB, 1, 0);
    (void)CALL(cuMemAdvise_v2, "read-mostly", at, 4 * MIB, 1, here);
    (void)CALL(cuMemAdvise, "bad", at, 4 * MIB, 77, 0);
    (void)CALL(cuMemPrefetchAsync, "host", at, 4 * MIB, (unsigned)-1, 0);
    (void)CALL(cuMemPrefetchAsync, "beyond", at, 4 * MIB, 4096, 0);
    (void)CALL(cuMemPrefetchAsync_v2, "device", at, 4 * MIB, here, 0, 0);
    (void)CALL(cuMemRangeGetAttribute, "read-mostly", P(&value), 4, 1, at, 4 * MIB);
    same_value("is", value);
    (void)CALL(cuStreamAttachMemAsync, "single", 0, at, 0, 4);
    (void)CALL(cuStreamSynchronize, "good", 0);
    (void)CALL(cuMemFree_v2, "managed", at);
    (void)CALL(cuMemAllocManaged, "host", P(&at), 4096, 2);
    (void)CALL(cuMemFree_v2, "managed-host", at);
    (void)CALL(cuMemAllocManaged, "bad-flags", P(&at), 4096, 0);
    (void)CALL(cuMemAllocManaged, "zero", P(&at), 0, 1);
    (void)CALL(cuMemAllocManaged, "no-out", 0, 4096, 1);
    (void)QUIET(cuMemAlloc_v2, P(&at), 4 * MIB);
    (void)CALL(cuMemPrefetchAsync, "not-managed", at, 4 * MIB, 0, 0);
    (void)CALL(cuMemAdvise, "not-managed", at, 4 * MIB, 1, 0);
}

static void attributes_of(const char *of, uint64_t at)
{
    for (unsigned i = 1; i <= 20; i++) {
        uint64_t value[8] = {0};
        char what[32];
        /* what is an address or a number of its own is not told */
        int told = i == 2 || i == 6 || i == 8 || i == 9 || i == 10 || i == 13 || i == 14 || i == 16;

        (void)snprintf(what, sizeof what, "%s-%u", of, i);
        if (CALL(cuPointerGetAttribute, what, P(value), i, at) == 0 && told)
            same_value("is", i == 8 || i == 10 || i == 14 || i == 16 ? (int64_t)(value[0] & 0xff)
                                                                     : (int32_t)value[0]);
    }
}

void same_pointer(void)
{
    uint64_t device = 0, host = 0, managed = 0, value = 0;
    int type = -1, one = 1, local = 0;
    int kinds[2] = {2, 6};
    void *data[2] = {&type, &one};

    (void)same_context();
    (void)QUIET(cuMemAlloc_v2, P(&device), 3 * MIB);
    (void)QUIET(cuMemAllocHost_v2, P(&host), 4096);
    (void)QUIET(cuMemAllocManaged, P(&managed), 4096, 1);
    attributes_of("device", device);
    attributes_of("host", host);
    attributes_of("managed", managed);
    attributes_of("own", P(&local));
    (void)CALL(cuPointerGetAttribute, "no-out", 0, 2, device);
    (void)CALL(cuPointerGetAttribute, "bad", P(&value), 99, device);
    (void)CALL(cuPointerGetAttributes, "device", 2, P(kinds), P(data), device);
    same_value("type", type);
    (void)CALL(cuPointerGetAttributes, "own", 2, P(kinds), P(data), P(&local));
    same_value("type", type);
    one = 1;
    (void)CALL(cuPointerSetAttribute, "sync", P(&one), 6, device);
    (void)CALL(cuPointerGetAttribute, "sync", P(&value), 6, device);
    same_value("is", (int64_t)(value & 0xff));
    (void)CALL(cuPointerSetAttribute, "type", P(&one), 2, device);
}

static void array(const struct same_array3 *a)
{
    struct same_array3 got = {0};
    uint64_t handle = 0;
    int64_t before = same_free_kib();

    if (CALL(cuArray3DCreate_v2, "size", P(&handle), P(a)) != 0)
        return;
    same_value("took-kib", before - same_free_kib());
    (void)CALL(cuArray3DGetDescriptor_v2, "size", P(&got), handle);
    same_value("width", (int64_t)got.width);
    same_value("depth", (int64_t)got.depth);
    (void)CALL(cuArrayDestroy, "good", handle);
    same_value("left-kib", before - same_free_kib());
}

void same_array(void)
{
    static const struct same_array3 sizes[] = {
        {1024, 0, 0, 0x20, 1, 0},    {100, 100, 0, 0x20, 1, 0},   {1000, 1000, 0, 0x20, 1, 0},
        {1024, 1024, 0, 0x20, 4, 0}, {100, 100, 100, 0x20, 1, 0}, {1000, 1000, 7, 0x20, 2, 1},
        {512, 512, 6, 0x20, 4, 4},   {300, 200, 0, 0x01, 1, 0},   {77, 33, 5, 0x10, 2, 0},
        {64, 64, 0, 0x20, 3, 0},     {64, 64, 0, 0x77, 1, 0},     {0, 64, 0, 0x20, 1, 0},
    };
    struct same_array two = {64, 32, 0x20, 1}, got = {0};
    unsigned char line[256] = {1, 2, 3}, back[256] = {0};
    uint64_t handle = 0, device = 0, requirements[4] = {0};

    (void)same_context();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        array(&sizes[i]);
    (void)CALL(cuArrayCreate_v2, "good", P(&handle), P(&two));
    (void)CALL(cuArrayGetDescriptor_v2, "good", P(&got), handle);
    same_value("height", (int64_t)got.height);
    (void)CALL(cuArrayGetMemoryRequirements, "ordinary", P(requirements), handle, 0);
    (void)CALL(cuMemcpyHtoA_v2, "good", handle, 0, P(line), sizeof line);
    (void)CALL(cuMemcpyAtoH_v2, "good", P(back), handle, 0, sizeof back);
    same_value("equal", equal(line, back, sizeof line));
    (void)QUIET(cuMemAlloc_v2, P(&device), 4096);
    (void)CALL(cuMemcpyAtoD_v2, "good", device, handle, 0, 256);
    (void)CALL(cuMemcpyDtoA_v2, "good", handle, 0, device, 256);
    (void)CALL(cuMemcpyAtoA_v2, "good", handle, 256, handle, 0, 256);
    (void)CALL(cuMemcpyHtoAAsync_v2, "good", handle, 0, P(line), sizeof line, 0);
    (void)CALL(cuMemcpyAtoHAsync_v2, "good", P(back), handle, 0, sizeof back, 0);
    (void)CALL(cuMemcpyHtoA_v2, "beyond", handle, 60000, P(line), sizeof line);
    (void)CALL(cuArrayCreate_v2, "no-out", 0, P(&two));
    (void)CALL(cuArrayCreate_v2, "no-descriptor", P(&handle), 0);
    (void)CALL(cuArrayDestroy, "null", 0);
}

void same_mipmap(void)
{
    static const struct same_array3 size = {1024, 1024, 0, 0x20, 4, 0};
    uint64_t handle = 0, level = 0, requirements[4] = {0};
    int64_t before;
    struct same_array3 got = {0};

    (void)same_context();
    before = same_free_kib();
    (void)CALL(cuMipmappedArrayCreate, "good", P(&handle), P(&size), 11);
    same_value("took-kib", before - same_free_kib());
    (void)CALL(cuMipmappedArrayGetLevel, "good", P(&level), handle, 3);
    (void)CALL(cuArray3DGetDescriptor_v2, "level", P(&got), level);
    same_value("width", (int64_t)got.width);
    (void)CALL(cuMipmappedArrayGetLevel, "beyond", P(&level), handle, 11);
    (void)CALL(cuMipmappedArrayGetMemoryRequirements, "ordinary", P(requirements), handle, 0);
    (void)CALL(cuMipmappedArrayDestroy, "good", handle);
    same_value("left-kib", before - same_free_kib());
    (void)CALL(cuMipmappedArrayCreate, "many-levels", P(&handle), P(&size), 40);
    (void)CALL(cuMipmappedArrayCreate, "level-0", P(&level), P(&size), 0);
}
