/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of the CUDA driver's binary interface that the wrappers see: handles, codes and structs
 * as libcuda.so.1 lays them out on 64-bit Linux, declared by us. Handles and scalars have the
 * driver's names, structs have ours. Where a wrapper only hands a struct on, it stays incomplete.
 */
#ifndef SHIM_CUDA_TYPES_H
#define SHIM_CUDA_TYPES_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

typedef int CUresult;
typedef int CUdevice;
typedef int CUlimit;
typedef unsigned long long CUdeviceptr;
typedef unsigned int CUdeviceptr_v1;
typedef unsigned long long CUmemGenericAllocationHandle;
typedef int CUmemAllocationType;
typedef int CUmemAllocationHandleType;
typedef int CUmemPool_attribute;
typedef int CUgraphMem_attribute;
typedef int CUjit_option;
typedef int CUlibraryOption;

typedef struct CUctx_st *CUcontext;
typedef struct CUgreenCtx_st *CUgreenCtx;
typedef struct CUdevResourceDesc_st *CUdevResourceDesc;
typedef struct CUmod_st *CUmodule;
typedef struct CUlib_st *CUlibrary;
typedef struct CUfunc_st *CUfunction;
typedef struct CUstream_st *CUstream;
typedef struct CUevent_st *CUevent;
typedef struct CUarray_st *CUarray;
typedef struct CUmipmappedArray_st *CUmipmappedArray;
typedef struct CUmemPoolHandle_st *CUmemoryPool;
typedef struct CUextMemory_st *CUexternalMemory;
typedef struct CUgraph_st *CUgraph;
typedef struct CUgraphNode_st *CUgraphNode;
typedef struct CUgraphExec_st *CUgraphExec;

enum cuda_code {
    CUDA_SUCCESS = 0,
    CUDA_ERROR_INVALID_VALUE = 1,
    CUDA_ERROR_OUT_OF_MEMORY = 2,
    CUDA_ERROR_NOT_INITIALIZED = 3,
    CUDA_ERROR_NO_DEVICE = 100,
    CUDA_ERROR_INVALID_DEVICE = 101,
    CUDA_ERROR_INVALID_CONTEXT = 201,
    CUDA_ERROR_INVALID_HANDLE = 400,
    CUDA_ERROR_NOT_FOUND = 500,
    CUDA_ERROR_NOT_SUPPORTED = 801,
    CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED = 900,
};

/* The streams that have no handle of their own. */
#define CUDA_STREAM_LEGACY ((CUstream)1)
#define CUDA_STREAM_PER_THREAD ((CUstream)2)

struct cuda_uuid {
    uint8_t bytes[16];
};
static_assert(sizeof(struct cuda_uuid) == 16, "driver's layout");

/* ---- where memory is */

enum cuda_location_type {
    CUDA_LOCATION_INVALID = 0,
    CUDA_LOCATION_DEVICE = 1,
    CUDA_LOCATION_HOST = 2,
    CUDA_LOCATION_HOST_NUMA = 3,
    CUDA_LOCATION_HOST_NUMA_CURRENT = 4,
};

struct cuda_location {
    int32_t type; /* enum cuda_location_type */
    int32_t id;
};
static_assert(sizeof(struct cuda_location) == 8, "driver's layout");

/* ---- arrays */

enum cuda_array_format {
    CUDA_FORMAT_UINT8 = 0x01,
    CUDA_FORMAT_UINT16 = 0x02,
    CUDA_FORMAT_UINT32 = 0x03,
    CUDA_FORMAT_INT8 = 0x08,
    CUDA_FORMAT_INT16 = 0x09,
    CUDA_FORMAT_INT32 = 0x0a,
    CUDA_FORMAT_HALF = 0x10,
    CUDA_FORMAT_FLOAT = 0x20,
};

enum cuda_array_flag {
    CUDA_ARRAY_LAYERED = 0x01,
    CUDA_ARRAY_SURFACE = 0x02,
    CUDA_ARRAY_CUBEMAP = 0x04,
    CUDA_ARRAY_SPARSE = 0x40,
    CUDA_ARRAY_DEFERRED = 0x80,
};

struct cuda_array_v1 {
    uint32_t width, height, format, channels;
};
struct cuda_array {
    size_t width, height;
    uint32_t format, channels;
};
struct cuda_array_3d_v1 {
    uint32_t width, height, depth, format, channels, flags;
};
struct cuda_array_3d {
    size_t width, height, depth;
    uint32_t format, channels, flags;
};
struct cuda_array_needs {
    size_t size, alignment;
    uint32_t reserved[4];
};
static_assert(sizeof(struct cuda_array_v1) == 16, "driver's layout");
static_assert(sizeof(struct cuda_array) == 24, "driver's layout");
static_assert(sizeof(struct cuda_array_3d_v1) == 24, "driver's layout");
static_assert(sizeof(struct cuda_array_3d) == 40, "driver's layout");
static_assert(sizeof(struct cuda_array_needs) == 32, "driver's layout");

/* One entry of cuMemMapArrayAsync. */
enum { CUDA_ARRAY_MAP = 1 }; /* operation: map, not unmap */
struct cuda_array_map {
    int32_t resource_type;
    union {
        CUmipmappedArray mipmap;
        CUarray array;
    } resource;
    int32_t part_type; /* 0: of a level, 1: the tail of a mipmap */
    union {
        struct {
            uint32_t level, layer, offset_x, offset_y, offset_z, width, height, depth;
        } level;
        struct {
            uint32_t layer;
            unsigned long long offset, size;
        } tail;
    } part;
    int32_t operation;
    int32_t handle_type;
    CUmemGenericAllocationHandle handle;
    unsigned long long offset;
    uint32_t device_mask, flags, reserved[2];
};
static_assert(sizeof(struct cuda_array_map) == 96, "driver's layout");
static_assert(offsetof(struct cuda_array_map, handle) == 64, "driver's layout");

/* ---- allocations by handle, pools */

struct cuda_memory_wish {
    int32_t type;
    int32_t handle_types;
    struct cuda_location location;
    void *win32;
    uint8_t compression, rdma;
    uint16_t usage;
    uint8_t reserved[4];
};
static_assert(sizeof(struct cuda_memory_wish) == 32, "driver's layout");

struct cuda_pool_wish {
    int32_t type;
    int32_t handle_types;
    struct cuda_location location;
    void *win32;
    size_t max_size;
    uint16_t usage;
    uint8_t reserved[54];
};
static_assert(sizeof(struct cuda_pool_wish) == 88, "driver's layout");

enum cuda_pool_attribute {
    CUDA_POOL_RELEASE_THRESHOLD = 4,
    CUDA_POOL_RESERVED_CURRENT = 5, /* u64, bytes */
    CUDA_POOL_RESERVED_HIGH = 6,
    CUDA_POOL_USED_CURRENT = 7,
    CUDA_POOL_USED_HIGH = 8,
};

enum cuda_graph_memory_attribute {
    CUDA_GRAPH_USED_CURRENT = 0,
    CUDA_GRAPH_USED_HIGH = 1,
    CUDA_GRAPH_RESERVED_CURRENT = 2,
    CUDA_GRAPH_RESERVED_HIGH = 3,
};

struct cuda_ipc_handle {
    char bytes[64];
};
static_assert(sizeof(struct cuda_ipc_handle) == 64, "driver's layout");

/* ---- graphs */

enum cuda_node_type {
    CUDA_NODE_MEM_ALLOC = 10,
    CUDA_NODE_MEM_FREE = 11,
};

struct cuda_node_alloc {
    struct cuda_pool_wish pool;
    const void *access;
    size_t n_access;
    size_t size;
    CUdeviceptr address; /* out */
};
static_assert(sizeof(struct cuda_node_alloc) == 120, "driver's layout");

struct cuda_node {
    int32_t type; /* enum cuda_node_type */
    int32_t reserved[3];
    union {
        struct cuda_node_alloc alloc;
        struct {
            CUdeviceptr address;
        } free;
        unsigned long long words[29];
    };
    unsigned long long reserved_end;
};
static_assert(sizeof(struct cuda_node) == 256, "driver's layout");
static_assert(offsetof(struct cuda_node, alloc) == 16, "driver's layout");

struct cuda_graph_instantiate {
    uint64_t flags; /* 2: upload to `upload` */
    CUstream upload;
    CUgraphNode error_node;
    int32_t result;
};
static_assert(sizeof(struct cuda_graph_instantiate) == 32, "driver's layout");

/* ---- launches */

struct cuda_launch {
    uint32_t grid[3], block[3], shared_bytes;
    CUstream stream;
    const void *attributes;
    uint32_t n_attributes;
};
static_assert(sizeof(struct cuda_launch) == 56, "driver's layout");
static_assert(offsetof(struct cuda_launch, stream) == 32, "driver's layout");

struct cuda_launch_multi {
    CUfunction function;
    uint32_t grid[3], block[3], shared_bytes;
    CUstream stream;
    void **parameters;
};
static_assert(sizeof(struct cuda_launch_multi) == 56, "driver's layout");
static_assert(offsetof(struct cuda_launch_multi, stream) == 40, "driver's layout");

#endif
