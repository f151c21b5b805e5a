/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual memory management: structs of the driver's that pools use too. */
#ifndef EMULATOR_CUDA_VIRTUAL_H
#define EMULATOR_CUDA_VIRTUAL_H

#include <stddef.h>

enum {
    LOCATION_DEVICE = 1,
    LOCATION_HOST = 2,
    LOCATION_HOST_NUMA = 3,
    LOCATION_HOST_CURRENT = 4,
    HANDLE_TYPE_FD = 1, /* CUmemAllocationHandleType: a file descriptor */
    ACCESS_READ = 1,
    ACCESS_ALL = 3,
};

struct location { /* CUmemLocation */
    unsigned type;
    int id;
};

struct access { /* CUmemAccessDesc */
    struct location where;
    unsigned flags;
};
_Static_assert(sizeof(struct access) == 12, "the driver's layout");

struct pool_props { /* CUmemPoolProps */
    unsigned type, handle_types;
    struct location where;
    void *security;
    size_t max_bytes;
    unsigned short usage;
    unsigned char reserved[54];
};
_Static_assert(sizeof(struct pool_props) == 88, "the driver's layout");

struct memory_props { /* CUmemAllocationProp */
    unsigned type, handle_types;
    struct location where;
    void *security;
    unsigned char compression, rdma;
    unsigned short usage;
    unsigned char reserved[4];
};
_Static_assert(sizeof(struct memory_props) == 32, "the driver's layout");

#endif
