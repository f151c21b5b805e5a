/* SPDX-License-Identifier: Apache-2.0 */
/* What a function (or a kernel of a library, which serves as one) is asked and told. */
#include <string.h>

#include "cuda/attribute.h"
#include "cuda/cuda.h"
#include "cuda/module.h"

enum {
    MOST_THREADS = 0, /* CUfunction_attribute */
    SHARED_BYTES = 1,
    REGISTERS = 4,
    PTX_TARGET = 5,
    BINARY_VERSION = 6,
    MOST_DYNAMIC_SHARED = 8,
    CARVEOUT = 9,
    PLAIN_SHARED = 49152,
    REGISTERS_STATED = 16,
    SETTABLE = 1 << 8 | 1 << 9 | 1 << 11 | 1 << 12 | 1 << 13 | 1 << 14 | 1 << 15,
};

struct function *function_find(void *handle)
{
    return handle_is(handle, HANDLE_FUNCTION) ? handle : NULL;
}

/* Of a board: what a block can have when it asks for more than the usual. */
static int most_shared(void)
{
    const struct context *c = context_current();
    int bytes = PLAIN_SHARED;

    if (c)
        (void)attribute_read(c->device, 97, &bytes);
    return bytes;
}

int function_attribute(const struct function *f, int attribute, int *out)
{
    const struct context *c = context_current();

    if (attribute < 0 || attribute >= IMAGE_ATTRIBUTES)
        return CUDA_ERROR_INVALID_VALUE;
    *out = f->attributes[attribute];
    switch (attribute) {
    case MOST_THREADS:
        *out = 1024;
        break;
    case SHARED_BYTES:
        *out = (int)f->kernel.shared_bytes;
        break;
    case REGISTERS:
        *out = REGISTERS_STATED;
        break;
    case PTX_TARGET:
        *out = (int)f->ptx_target;
        break;
    case BINARY_VERSION:
        *out = c ? attribute_compute_major(c->device) * 10 : 0;
        break;
    case MOST_DYNAMIC_SHARED:
        if (!*out)
            *out = PLAIN_SHARED - (int)f->kernel.shared_bytes;
        break;
    case CARVEOUT:
        if (!*out)
            *out = -1;
        break;
    default:
        break;
    }
    return CUDA_SUCCESS;
}

static int set_attribute(struct function *f, int attribute, int value)
{
    if (attribute < 0 || attribute >= IMAGE_ATTRIBUTES || !(SETTABLE >> attribute & 1))
        return CUDA_ERROR_INVALID_VALUE;
    if (attribute == MOST_DYNAMIC_SHARED &&
        (value < 0 || value > most_shared() - (int)f->kernel.shared_bytes))
        return CUDA_ERROR_INVALID_VALUE;
    f->attributes[attribute] = value;
    return CUDA_SUCCESS;
}

static int enter_function(void *handle, struct function **out)
{
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    *out = function_find(handle);
    return *out ? CUDA_SUCCESS : cuda_leave(CUDA_ERROR_INVALID_HANDLE);
}

/* What is asked of a function loads it. */
static int get(int *out, int attribute, void *handle)
{
    struct function *f;
    int rc = enter_function(handle, &f);

    if (rc != CUDA_SUCCESS)
        return rc;
    f->loaded = true;
    return cuda_leave(out ? function_attribute(f, attribute, out) : CUDA_ERROR_INVALID_VALUE);
}

static int set(void *handle, int attribute, int value)
{
    struct function *f;
    int rc = enter_function(handle, &f);

    return rc == CUDA_SUCCESS ? cuda_leave(set_attribute(f, attribute, value)) : rc;
}

/* A library's kernel is a function for launches alone. */
static bool is_kernel(void *handle)
{
    const struct function *f;
    bool is = false;

    if (cuda_enter() != CUDA_SUCCESS)
        return false;
    f = function_find(handle);
    is = f && !f->module;
    (void)cuda_leave(0);
    return is;
}

CUDA_API(cuFuncGetAttribute, int *out, int attribute, void *function)
{
    return is_kernel(function) ? CUDA_ERROR_INVALID_HANDLE : get(out, attribute, function);
}

CUDA_API(cuFuncSetAttribute, void *function, int attribute, int value)
{
    return set(function, attribute, value);
}

CUDA_API(cuKernelGetAttribute, int *out, int attribute, void *kernel, int device)
{
    (void)device;
    return get(out, attribute, kernel);
}

CUDA_API(cuKernelSetAttribute, int attribute, int value, void *kernel, int device)
{
    (void)device;
    return set(kernel, attribute, value);
}

/* Hints, taken and forgotten. */
static int hint(void *handle)
{
    struct function *f;
    int rc = enter_function(handle, &f);

    return rc == CUDA_SUCCESS ? cuda_leave(rc) : rc;
}

CUDA_API(cuFuncSetCacheConfig, void *function, int config)
{
    (void)config;
    return hint(function);
}

CUDA_API(cuFuncSetSharedMemConfig, void *function, int config)
{
    (void)config;
    return hint(function);
}

CUDA_API(cuKernelSetCacheConfig, void *kernel, int config, int device)
{
    (void)config;
    (void)device;
    return hint(kernel);
}

CUDA_API(cuFuncGetModule, struct module **out, void *function)
{
    struct function *f;
    int rc = enter_function(function, &f);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    if (!f->module)
        return cuda_leave(CUDA_ERROR_INVALID_HANDLE);
    *out = f->module;
    return cuda_leave(CUDA_SUCCESS);
}

static int name_of(const char **out, void *handle)
{
    struct function *f;
    int rc = enter_function(handle, &f);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *out = f->kernel.name;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuFuncGetName, const char **out, void *function)
{
    return name_of(out, function);
}

CUDA_API(cuKernelGetName, const char **out, void *kernel)
{
    return name_of(out, kernel);
}

static int param_info(void *handle, size_t i, size_t *out_at, size_t *out_bytes)
{
    struct function *f;
    int rc = enter_function(handle, &f);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out_at || i >= f->kernel.n_params)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *out_at = f->kernel.param_at[i];
    if (out_bytes)
        *out_bytes = f->kernel.param_bytes[i];
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuFuncGetParamInfo, void *function, size_t i, size_t *at, size_t *bytes)
{
    return param_info(function, i, at, bytes);
}

CUDA_API(cuKernelGetParamInfo, void *kernel, size_t i, size_t *at, size_t *bytes)
{
    return param_info(kernel, i, at, bytes);
}

CUDA_API(cuFuncIsLoaded, int *out, void *function)
{
    struct function *f;
    int rc = enter_function(function, &f);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *out = f->loaded;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuFuncLoad, void *function)
{
    struct function *f;
    int rc = enter_function(function, &f);

    if (rc != CUDA_SUCCESS)
        return rc;
    f->loaded = true;
    return cuda_leave(CUDA_SUCCESS);
}

/* The oldest way to launch: its shape and arguments beforehand. Arguments change nothing here. */
CUDA_API(cuFuncSetBlockShape, void *function, int x, int y, int z)
{
    struct function *f;
    int rc = enter_function(function, &f);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (x <= 0 || y <= 0 || z <= 0)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    f->old_block[0] = (unsigned)x;
    f->old_block[1] = (unsigned)y;
    f->old_block[2] = (unsigned)z;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuFuncSetSharedSize, void *function, unsigned bytes)
{
    struct function *f;
    int rc = enter_function(function, &f);

    if (rc != CUDA_SUCCESS)
        return rc;
    f->old_shared = bytes;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuParamSetSize, void *function, unsigned bytes)
{
    (void)bytes;
    return hint(function);
}

CUDA_API(cuParamSeti, void *function, int at, unsigned value)
{
    (void)at;
    (void)value;
    return hint(function);
}

CUDA_API(cuParamSetf, void *function, int at, float value)
{
    (void)at;
    (void)value;
    return hint(function);
}

CUDA_API(cuParamSetv, void *function, int at, const void *value, unsigned bytes)
{
    (void)at;
    (void)bytes;
    return value ? hint(function) : CUDA_ERROR_INVALID_VALUE;
}
