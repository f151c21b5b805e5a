/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A libcuda.so.1 for tests: one device that "runs" the doctor's kernel on the host. CUDA_STANDIN
 * names what goes wrong: "cuInit=803" fails that call with that code, "cuInit=hang" and
 * "cuInit=crash" do that, "wrong" makes a sum wrong, "two" shows two devices, "small" little
 * memory.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MEMORY_MIB = 40320 };

static const char *plan(void)
{
    const char *text = secure_getenv("CUDA_STANDIN");

    return text ? text : "";
}

static int outcome(const char *call)
{
    const char *text = plan();
    size_t size = strlen(call);
    int code = 0;

    if (strncmp(text, call, size) != 0 || text[size] != '=')
        return 0;
    text += size + 1;
    if (strcmp(text, "crash") == 0)
        abort();
    while (strcmp(text, "hang") == 0)
        (void)pause();
    for (; *text; text++)
        code = code * 10 + (*text - '0');
    return code;
}

#define CALL(name, ...)                                                                            \
    __attribute__((visibility("default"))) int name(__VA_ARGS__);                                  \
    int name(__VA_ARGS__)

CALL(cuInit, unsigned flags)
{
    (void)flags;
    return outcome("cuInit");
}

CALL(cuDriverGetVersion, int *version)
{
    *version = 13000;
    return 0;
}

CALL(cuDeviceGetCount, int *count)
{
    *count = strcmp(plan(), "none") == 0 ? 0 : strcmp(plan(), "two") == 0 ? 2 : 1;
    return outcome("cuDeviceGetCount");
}

CALL(cuDeviceGet, int *device, int ordinal)
{
    *device = ordinal;
    return outcome("cuDeviceGet");
}

CALL(cuDeviceGetName, char *name, int size, int device)
{
    (void)device;
    (void)snprintf(name, (size_t)size, "Stand-In 1");
    return 0;
}

CALL(cuDeviceTotalMem_v2, size_t *bytes, int device)
{
    (void)device;
    *bytes = (size_t)(strcmp(plan(), "small") == 0 ? MEMORY_MIB / 2 : MEMORY_MIB) << 20;
    return 0;
}

/* The one that CUDA_VISIBLE_DEVICES names. */
CALL(cuDeviceGetUuid_v2, uint8_t *uuid, int device)
{
    const char *text = secure_getenv("CUDA_VISIBLE_DEVICES");
    const char *digits = "0123456789abcdef", *digit;
    unsigned n = 0;

    (void)device;
    for (text = text ? text + 4 : ""; *text && n < 32; text++) {
        digit = strchr(digits, *text);
        if (!digit)
            continue;
        uuid[n / 2] = (uint8_t)(n % 2 ? uuid[n / 2] | (digit - digits) : (digit - digits) << 4);
        n++;
    }
    return outcome("cuDeviceGetUuid_v2");
}

CALL(cuDevicePrimaryCtxRetain, void **context, int device)
{
    (void)device;
    *context = NULL;
    return outcome("cuDevicePrimaryCtxRetain");
}

CALL(cuCtxSetCurrent, void *context)
{
    (void)context;
    return outcome("cuCtxSetCurrent");
}

CALL(cuCtxSynchronize, void)
{
    return outcome("cuCtxSynchronize");
}

CALL(cuModuleLoadData, void **module, const void *image)
{
    static const char head[] = ".version 4.0\n.target sm_50\n";

    *module = NULL;
    return strncmp(image, head, sizeof head - 1) == 0 ? outcome("cuModuleLoadData") : 218;
}

CALL(cuModuleGetFunction, void **function, void *module, const char *name)
{
    (void)module;
    *function = NULL;
    return strcmp(name, "carve_add") == 0 ? outcome("cuModuleGetFunction") : 500;
}

CALL(cuMemAlloc_v2, uint64_t *address, size_t bytes)
{
    int code = outcome("cuMemAlloc_v2");

    *address = code ? 0 : (uint64_t)(uintptr_t)malloc(bytes);
    return code;
}

CALL(cuMemFree_v2, uint64_t address)
{
    free((void *)(uintptr_t)address);
    return 0;
}

CALL(cuMemcpyHtoD_v2, uint64_t to, const void *from, size_t bytes)
{
    memcpy((void *)(uintptr_t)to, from, bytes);
    return outcome("cuMemcpyHtoD_v2");
}

CALL(cuMemcpyDtoH_v2, void *to, uint64_t from, size_t bytes)
{
    memcpy(to, (const void *)(uintptr_t)from, bytes);
    return outcome("cuMemcpyDtoH_v2");
}

/* Adds as many as the grid has threads, so that a wrong launch is seen. */
CALL(cuLaunchKernel, void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
     unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared, void *stream,
     void **parameters, void **extra)
{
    const uint32_t *a = (const uint32_t *)(uintptr_t) * (uint64_t *)parameters[0];
    const uint32_t *b = (const uint32_t *)(uintptr_t) * (uint64_t *)parameters[1];
    uint32_t *sums = (uint32_t *)(uintptr_t) * (uint64_t *)parameters[2];
    uint32_t count = *(uint32_t *)parameters[3];

    (void)function;
    (void)shared;
    (void)stream;
    (void)extra;
    for (uint32_t i = 0; i < grid_x * block_x && i < count; i++)
        sums[i] = a[i] + b[i];
    if (strcmp(plan(), "wrong") == 0)
        sums[count / 2]++;
    return grid_y * grid_z * block_y * block_z == 1 ? outcome("cuLaunchKernel") : 1;
}

CALL(cuGetErrorName, int code, const char **name)
{
    *name = "CUDA_ERROR_OF_TEST";
    return code ? 0 : 1;
}

CALL(cuGetErrorString, int code, const char **words)
{
    *words = "something is wrong";
    return code ? 0 : 1;
}
