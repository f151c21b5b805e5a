/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IPC of device memory: a handle names the maker's process, its memory file and the place in it,
 * which another process of the same user opens through /proc. It is the maker's memory: whoever
 * opens it is charged nothing.
 */
#include "cuda/share.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cuda/chunk.h"
#include "cuda/cuda.h"

struct handle { /* CUipcMemHandle: 64 bytes */
    uint32_t pid;
    int32_t fd;
    uint64_t file_offset, file_size; /* the block or allocation */
    uint64_t offset, size;           /* the allocation in it */
    uint8_t uuid[16];
    uint64_t magic;
};
_Static_assert(sizeof(struct handle) == 64, "the driver's layout");

static const uint64_t MAGIC = 0x637069757067; /* "gpuipc" */

/* An opened one. */
struct opened {
    struct handle handle;
    struct chunk chunk;
    uint64_t at; /* of the block */
    unsigned times;
};

struct device *share_device(const uint8_t uuid[16])
{
    for (int i = 0; i < cuda.n_devices; i++) {
        if (memcmp(cuda.devices[i].uuid, uuid, sizeof cuda.devices[i].uuid) == 0)
            return &cuda.devices[i];
    }
    return NULL;
}

CUDA_API(cuIpcGetMemHandle, struct handle *out, uint64_t address)
{
    const struct chunk *chunk;
    const struct range *r;
    struct context *c;
    uint64_t base, offset;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    r = range_find(address);
    if (!out || !r || r->kind != RANGE_DEVICE)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    chunk = memory_chunk(r, &offset, &base);
    if (!chunk_is_open(chunk)) /* the program has closed it */
        return cuda_leave(CUDA_ERROR_OPERATING_SYSTEM);
    *out = (struct handle){.pid = (uint32_t)getpid(),
                           .fd = chunk->fd,
                           .file_offset = chunk->offset,
                           .file_size = chunk->size,
                           .offset = offset,
                           .size = r->size,
                           .magic = MAGIC};
    memcpy(out->uuid, r->device->uuid, sizeof out->uuid);
    return cuda_leave(CUDA_SUCCESS);
}

static bool is_fine(const struct handle *h)
{
    return h->magic == MAGIC && h->size > 0 && h->file_size > 0 &&
           h->file_size % CUDA_BLOCK_BYTES == 0 && h->file_size <= 1ull << 48 &&
           h->offset < h->file_size && h->size <= h->file_size - h->offset;
}

static struct range *find_opened(const struct handle *h)
{
    for (struct range *r = range_next(NULL); r; r = range_after(r->start)) {
        const struct opened *o = r->of;

        if (r->kind == RANGE_IPC && memcmp(&o->handle, h, sizeof *h) == 0)
            return r;
    }
    return NULL;
}

static int map(struct opened *o)
{
    char path[64];
    int fd, rc;

    (void)snprintf(path, sizeof path, "/proc/%u/fd/%d", o->handle.pid, o->handle.fd);
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return CUDA_ERROR_MAP_FAILED;
    chunk_of(&o->chunk, fd, o->handle.file_offset, o->handle.file_size);
    o->at = chunk_reserve(o->chunk.size);
    rc = o->at ? chunk_map(&o->chunk, o->at, 0, o->chunk.size, true) : CUDA_ERROR_OUT_OF_MEMORY;
    if (rc == CUDA_SUCCESS)
        return rc;
    if (o->at)
        chunk_unreserve(o->at, o->chunk.size);
    chunk_free(&o->chunk, false);
    return rc;
}

void share_close(struct range *r)
{
    struct opened *o = r->of;

    chunk_unreserve(o->at, o->chunk.size);
    chunk_free(&o->chunk, false);
    free(o);
    range_drop(r);
}

static int open_new(struct context *c, const struct handle *h, struct range **out)
{
    struct opened *o = calloc(1, sizeof *o);
    int rc;

    if (!o)
        return CUDA_ERROR_OUT_OF_MEMORY;
    o->handle = *h;
    rc = map(o);
    if (rc == CUDA_SUCCESS) {
        *out = range_add((struct range){.start = o->at + h->offset,
                                        .size = h->size,
                                        .kind = RANGE_IPC,
                                        .context = c,
                                        .device = share_device(h->uuid),
                                        .of = o});
        if (*out)
            return CUDA_SUCCESS;
        chunk_unreserve(o->at, o->chunk.size);
        chunk_free(&o->chunk, false);
        rc = CUDA_ERROR_OUT_OF_MEMORY;
    }
    free(o);
    return rc;
}

static int open_handle(uint64_t *out, const struct handle *h, unsigned flags)
{
    struct context *c;
    struct range *r;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || flags != 1 || !is_fine(h))
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    if (!share_device(h->uuid))
        return cuda_leave(CUDA_ERROR_INVALID_DEVICE);
    if (h->pid == (uint32_t)getpid()) /* a process cannot open what it made */
        return cuda_leave(CUDA_ERROR_INVALID_CONTEXT);
    r = find_opened(h);
    if (!r)
        rc = open_new(c, h, &r);
    if (rc != CUDA_SUCCESS)
        return cuda_leave(rc);
    ((struct opened *)r->of)->times++;
    *out = r->start;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuIpcOpenMemHandle_v2, uint64_t *out, struct handle handle, unsigned flags)
{
    return open_handle(out, &handle, flags);
}

CUDA_API(cuIpcOpenMemHandle, uint64_t *out, struct handle handle, unsigned flags)
{
    return open_handle(out, &handle, flags);
}

CUDA_API(cuIpcCloseMemHandle, uint64_t address)
{
    struct context *c;
    struct range *r;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    r = range_at(address);
    if (!r || r->kind != RANGE_IPC)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    if (--((struct opened *)r->of)->times == 0)
        share_close(r);
    return cuda_leave(CUDA_SUCCESS);
}
