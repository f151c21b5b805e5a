/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of cuda_same share: how a function of the driver is called and its answer
 * written, and the driver's structures, declared by us.
 */
#ifndef TESTS_GPU_CUDA_SAME_H
#define TESTS_GPU_CUDA_SAME_H

#include <stddef.h>
#include <stdint.h>

/* Calls the function, writes "name case rc", and gives rc; -1 if it is not there. Every argument
 * is a word: P() for pointers, plain numbers else; what a function does not take is ignored. */
#define CALL(name, what, ...) same_call(#name, what, (uint64_t[12]){__VA_ARGS__})
#define P(pointer) ((uint64_t)(uintptr_t)(pointer))

int same_call(const char *name, const char *what, const uint64_t word[12]);

/* Calls it and writes nothing: for what only prepares or cleans up. */
#define QUIET(name, ...) same_quiet(#name, (uint64_t[12]){__VA_ARGS__})
int same_quiet(const char *name, const uint64_t word[12]);

/* The function's address for calls that same_call cannot make; NULL if it is not there. */
void *same_symbol(const char *name);

/* A line "= what value" of its own: sizes, counts, attributes. */
void same_value(const char *what, int64_t value);

/* cuInit and the primary context of device 0, made current; the context. */
uint64_t same_context(void);

/* Free memory in KiB. */
int64_t same_free_kib(void);

/* The test's PTX, loaded; 0 if it does not load. */
uint64_t same_module(void);
uint64_t same_function(const char *name);
extern const char *const same_ptx;

typedef void same_group(void);
same_group same_entry, same_uninitialized, same_device, same_no_context, same_primary,
    same_contexts, same_limits;
same_group same_alloc, same_sizes, same_copy, same_set, same_host, same_managed, same_pointer,
    same_array, same_mipmap;
same_group same_vmm, same_share, same_pool, same_pool_more, same_ipc;
same_group same_stream, same_stream_attributes, same_event, same_event_time, same_host_func,
    same_value_op;
same_group same_module_load, same_library, same_function_more, same_occupancy, same_link,
    same_launch, same_launch_bad;
same_group same_launch_ex, same_per_thread;
same_group same_capture, same_capture_bad, same_capture_modes, same_capture_join, same_capture_info,
    same_capture_memory;
same_group same_graph, same_graph_nodes, same_graph_edit, same_graph_instantiate, same_graph_update,
    same_graph_memory;
same_group same_graph_clone, same_graph_params, same_graph_exec_params, same_user_object;

struct same_location {
    int type, id;
};

struct same_access {
    struct same_location location;
    int flags;
};

struct same_pool_props {
    int type, handles;
    struct same_location location;
    void *security;
    size_t max_bytes;
    uint16_t usage;
    uint8_t reserved[54];
};

struct same_alloc_prop {
    int type, handles;
    struct same_location location;
    void *metadata;
    uint8_t compression, rdma;
    uint16_t usage;
    uint8_t reserved[4];
};

struct same_array {
    size_t width, height;
    int format;
    unsigned channels;
};

struct same_array3 {
    size_t width, height, depth;
    int format;
    unsigned channels, flags;
};

struct same_copy_end {
    size_t x, y;
    int type;
    void *host;
    uint64_t device;
    void *array;
    size_t pitch;
};

struct same_copy2 {
    struct same_copy_end from, to;
    size_t width, height;
};

struct same_copy3_end {
    size_t x, y, z, level;
    int type;
    void *host;
    uint64_t device;
    void *array, *reserved;
    size_t pitch, height;
};

struct same_copy3 {
    struct same_copy3_end from, to;
    size_t width, height, depth;
};

struct same_kernel_node {
    void *function;
    unsigned grid[3], block[3], shared_bytes;
    void **params, **extra;
    void *kernel, *context; /* from version 2 on */
};

struct same_memset_node {
    uint64_t to;
    size_t pitch;
    unsigned value, element_bytes;
    size_t width, height;
};

struct same_host_node {
    void (*function)(void *);
    void *data;
};

struct same_alloc_node {
    struct same_pool_props props;
    const struct same_access *access;
    size_t n_access, bytes;
    uint64_t at;
};

struct same_node_params {
    int type, reserved[3];
    union {
        int64_t reserved1[29];
        struct same_kernel_node kernel;
        struct same_memset_node memset;
        struct same_host_node host;
        struct same_alloc_node alloc;
        uint64_t free;
        void *event;
    } u;
    int64_t reserved2;
};

struct same_instantiate {
    uint64_t flags;
    void *stream, *error_node;
    int result;
};

struct same_update {
    int result;
    void *node, *from;
};

struct same_attribute {
    int id;
    char pad[4];
    uint64_t value[8];
};

struct same_config {
    unsigned grid[3], block[3], shared_bytes;
    void *stream;
    struct same_attribute *attributes;
    unsigned n_attributes;
};

struct same_mem_op {
    int op;
    uint64_t address, value;
    unsigned flags;
    uint64_t alias, reserved;
};

_Static_assert(sizeof(struct same_pool_props) == 88, "layout");
_Static_assert(sizeof(struct same_alloc_prop) == 32, "layout");
_Static_assert(sizeof(struct same_copy2) == 128, "layout");
_Static_assert(sizeof(struct same_copy3) == 200, "layout");
_Static_assert(sizeof(struct same_alloc_node) == 120, "layout");
_Static_assert(sizeof(struct same_node_params) == 256, "layout");
_Static_assert(sizeof(struct same_config) == 56, "layout");
_Static_assert(sizeof(struct same_attribute) == 72, "layout");
_Static_assert(sizeof(struct same_mem_op) == 48, "layout");

#endif
