/* SPDX-License-Identifier: Apache-2.0 */
/* What a pointer is: cuPointerGetAttribute and its like. */
#include <string.h>

#include "cuda/cuda.h"
#include "cuda/virtual.h"

enum attribute { /* CUpointer_attribute */
                 POINTER_CONTEXT = 1,
                 POINTER_MEMORY_TYPE,
                 POINTER_DEVICE_ADDRESS,
                 POINTER_HOST_ADDRESS,
                 POINTER_P2P_TOKENS,
                 POINTER_SYNC_MEMOPS,
                 POINTER_BUFFER_ID,
                 POINTER_IS_MANAGED,
                 POINTER_DEVICE,
                 POINTER_IPC_CAPABLE,
                 POINTER_START,
                 POINTER_SIZE,
                 POINTER_MAPPED,
                 POINTER_HANDLE_TYPES,
                 POINTER_RDMA_CAPABLE,
                 POINTER_ACCESS,
                 POINTER_POOL,
                 POINTER_MAPPING_SIZE,
                 POINTER_MAPPING_BASE,
                 POINTER_BLOCK_ID,
                 POINTER_DECOMPRESS,
};

static bool on_host(const struct range *r)
{
    return r->kind == RANGE_HOST || r->kind == RANGE_REGISTERED;
}

/* A value of `size` bytes; what attributes are, and how wide. */
struct value {
    uint64_t number;
    size_t size;
};

static struct value word(uint64_t n)
{
    return (struct value){n, sizeof(uint64_t)};
}

static struct value half(unsigned n)
{
    return (struct value){n, sizeof(unsigned)};
}

static struct value truth(bool is)
{
    return (struct value){is, 1};
}

/* A size of 0: there is no such attribute here. */
static struct value read_value(const struct range *r, unsigned attribute, uint64_t address)
{
    struct value none = {0, 0};

    switch (attribute) {
    case POINTER_CONTEXT:
        return word((uint64_t)(uintptr_t)r->context);
    case POINTER_MEMORY_TYPE:
        return half(on_host(r) ? COPY_HOST : COPY_DEVICE);
    case POINTER_DEVICE_ADDRESS:
        return word(address);
    case POINTER_HOST_ADDRESS:
        return on_host(r) || r->kind == RANGE_MANAGED ? word(address) : none;
    case POINTER_P2P_TOKENS:
        return on_host(r) ? none : word(0);
    case POINTER_SYNC_MEMOPS:
        return truth(r->sync_memops);
    case POINTER_BUFFER_ID:
        return word(r->id);
    case POINTER_IS_MANAGED:
        return truth(r->kind == RANGE_MANAGED);
    case POINTER_DEVICE:
        return half((unsigned)r->device->ordinal);
    case POINTER_IPC_CAPABLE:
        return truth(r->kind == RANGE_DEVICE);
    case POINTER_START:
    case POINTER_MAPPING_BASE:
        return word(r->start);
    case POINTER_SIZE:
    case POINTER_MAPPING_SIZE:
        return word(r->size);
    case POINTER_MAPPED:
        return truth(true);
    case POINTER_HANDLE_TYPES:
        return word(0);
    case POINTER_RDMA_CAPABLE:
        return truth(r->kind == RANGE_DEVICE);
    case POINTER_ACCESS:
        return half(r->kind == RANGE_MAPPED ? r->flags : ACCESS_ALL);
    case POINTER_POOL:
        return word(r->kind == RANGE_POOL ? (uint64_t)(uintptr_t)r->of : 0);
    case POINTER_BLOCK_ID:
        return word(r->id);
    case POINTER_DECOMPRESS:
        return truth(false);
    default:
        return none;
    }
}

static void put(void *out, struct value v)
{
    memcpy(out, &v.number, v.size); /* the low bytes come first */
}

CUDA_API(cuPointerGetAttribute, void *out, unsigned attribute, uint64_t address)
{
    const struct range *r;
    struct value v;
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    r = range_find(address);
    if (!out || !r)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    v = read_value(r, attribute, address);
    if (v.size == 0)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    put(out, v);
    return cuda_leave(CUDA_SUCCESS);
}

/* What an address that CUDA does not know answers; others are left as they are. */
static void put_unknown(void *out, unsigned attribute)
{
    switch (attribute) {
    case POINTER_CONTEXT:
    case POINTER_DEVICE_ADDRESS:
    case POINTER_HOST_ADDRESS:
    case POINTER_POOL:
    case POINTER_START:
    case POINTER_SIZE:
        put(out, word(0));
        break;
    case POINTER_MEMORY_TYPE:
        put(out, half(0));
        break;
    case POINTER_DEVICE:
        put(out, half((unsigned)-2)); /* CU_DEVICE_INVALID */
        break;
    case POINTER_IS_MANAGED:
    case POINTER_MAPPED:
    case POINTER_IPC_CAPABLE:
        put(out, truth(false));
        break;
    default:
        break;
    }
}

CUDA_API(cuPointerGetAttributes, unsigned n, const unsigned *attributes, void **out,
         uint64_t address)
{
    const struct range *r;
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!attributes || !out || n == 0)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    r = range_find(address);
    for (unsigned i = 0; i < n; i++) {
        struct value v = r ? read_value(r, attributes[i], address) : word(0);

        if (attributes[i] < POINTER_CONTEXT || attributes[i] > POINTER_DECOMPRESS)
            return cuda_leave(CUDA_ERROR_INVALID_VALUE);
        if (r && v.size)
            put(out[i], v);
        else
            put_unknown(out[i], attributes[i]);
    }
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuPointerSetAttribute, const void *value, unsigned attribute, uint64_t address)
{
    struct range *r;
    int is, rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    r = range_find(address);
    if (!value || !r || attribute != POINTER_SYNC_MEMOPS)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    memcpy(&is, value, sizeof is);
    r->sync_memops = is != 0;
    return cuda_leave(CUDA_SUCCESS);
}
