/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few functions and codes of libcuda.so.1 that running one kernel takes, declared by us. Types
 * are those of CUDA's driver interface on 64-bit Linux: results and devices are int, handles are
 * pointers, device addresses 64 bits.
 */
#ifndef DOCTOR_CUDA_API_H
#define DOCTOR_CUDA_API_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

struct cuda_context;
struct cuda_module;
struct cuda_function;
struct cuda_stream;

typedef uint64_t cuda_address;

static_assert(sizeof(int) == 4, "CUresult, CUdevice and enums are 32 bits");
static_assert(sizeof(void *) == 8, "handles are 64 bits");
static_assert(sizeof(size_t) == 8, "sizes are 64 bits");
static_assert(sizeof(cuda_address) == 8, "CUdeviceptr is 64 bits");

struct cuda_uuid {
    uint8_t bytes[16];
};
static_assert(sizeof(struct cuda_uuid) == 16, "CUuuid has 16 bytes");

/* Codes that are told apart; all others have CUDA's own words. */
enum cuda_code {
    CUDA_SUCCESS = 0,
    CUDA_OUT_OF_MEMORY = 2,
    CUDA_STUB_LIBRARY = 34,
    CUDA_DEVICE_UNAVAILABLE = 46,
    CUDA_NO_DEVICE = 100,
    CUDA_INVALID_DEVICE = 101,
    CUDA_NOT_LICENSED = 102,
    CUDA_INVALID_IMAGE = 200,
    CUDA_NO_BINARY = 209,
    CUDA_ECC = 214,
    CUDA_INVALID_PTX = 218,
    CUDA_NO_COMPILER = 221,
    CUDA_UNSUPPORTED_PTX = 222,
    CUDA_JIT_DISABLED = 223,
    CUDA_OPERATING_SYSTEM = 304,
    CUDA_ILLEGAL_ADDRESS = 700,
    CUDA_LAUNCH_TIMEOUT = 702,
    CUDA_LAUNCH_FAILED = 719,
    CUDA_NOT_PERMITTED = 800,
    CUDA_SYSTEM_NOT_READY = 802,
    CUDA_DRIVER_MISMATCH = 803,
    CUDA_COMPAT_NOT_SUPPORTED = 804,
    CUDA_MPS_CONNECTION = 805,
    CUDA_UNKNOWN = 999,

    CUDA_NO_FUNCTION = -1, /* ours: the library lacks it */
};

/* SYMBOL(name, parameters): every function, all of which return a code. */
#define CUDA_SYMBOLS(SYMBOL)                                                                       \
    SYMBOL(cuInit, (unsigned flags))                                                               \
    SYMBOL(cuDriverGetVersion, (int *version))                                                     \
    SYMBOL(cuDeviceGetCount, (int *count))                                                         \
    SYMBOL(cuDeviceGet, (int *device, int ordinal))                                                \
    SYMBOL(cuDeviceGetName, (char *name, int size, int device))                                    \
    SYMBOL(cuDeviceTotalMem_v2, (size_t * bytes, int device))                                      \
    SYMBOL(cuDeviceGetUuid, (struct cuda_uuid * uuid, int device))                                 \
    SYMBOL(cuDeviceGetUuid_v2, (struct cuda_uuid * uuid, int device))                              \
    SYMBOL(cuDevicePrimaryCtxRetain, (struct cuda_context * *context, int device))                 \
    SYMBOL(cuCtxSetCurrent, (struct cuda_context * context))                                       \
    SYMBOL(cuCtxSynchronize, (void))                                                               \
    SYMBOL(cuModuleLoadData, (struct cuda_module * *module, const void *image))                    \
    SYMBOL(cuModuleGetFunction,                                                                    \
           (struct cuda_function * *function, struct cuda_module * module, const char *name))      \
    SYMBOL(cuMemAlloc_v2, (cuda_address * address, size_t bytes))                                  \
    SYMBOL(cuMemFree_v2, (cuda_address address))                                                   \
    SYMBOL(cuMemcpyHtoD_v2, (cuda_address to, const void *from, size_t bytes))                     \
    SYMBOL(cuMemcpyDtoH_v2, (void *to, cuda_address from, size_t bytes))                           \
    SYMBOL(cuLaunchKernel,                                                                         \
           (struct cuda_function * function, unsigned grid_x, unsigned grid_y, unsigned grid_z,    \
            unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,           \
            struct cuda_stream *stream, void **parameters, void **extra))                          \
    SYMBOL(cuGetErrorName, (int code, const char **name))                                          \
    SYMBOL(cuGetErrorString, (int code, const char **words))

/* A pointer is NULL where the library has no such function; the library is never closed. */
struct cuda_api {
#define SYMBOL(name, parameters) int(*name) parameters;
    CUDA_SYMBOLS(SYMBOL)
#undef SYMBOL
};

/* Calls a function; one that the library lacks answers CUDA_NO_FUNCTION. */
#define CUDA_CALL(api, name, ...) ((api)->name ? (api)->name(__VA_ARGS__) : (int)CUDA_NO_FUNCTION)

#endif
