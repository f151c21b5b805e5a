/* SPDX-License-Identifier: Apache-2.0 */
/* The calls on memory pools; allocations from them are streams' (work.h). */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cuda/chunk.h"
#include "cuda/cuda.h"
#include "cuda/pool.h"
#include "cuda/share.h"
#include "cuda/virtual.h"

enum attribute { /* CUmemPool_attribute */
                 REUSE_EVENTS = 1,
                 REUSE_OPPORTUNISTIC,
                 REUSE_DEPENDENCIES,
                 THRESHOLD,
                 RESERVED,
                 RESERVED_HIGH,
                 USED,
                 USED_HIGH,
};

static int create(struct pool **out, const struct pool_props *p)
{
    struct device *d = NULL;
    int rc;

    if (p->type != 1 || p->handle_types & ~(unsigned)(HANDLE_TYPE_FD | 8))
        return CUDA_ERROR_INVALID_VALUE;
    if (p->where.type == LOCATION_DEVICE) {
        if (p->where.id < 0 || p->where.id >= cuda.n_devices)
            return CUDA_ERROR_INVALID_VALUE;
        d = &cuda.devices[p->where.id];
    } else if (p->where.type < LOCATION_HOST || p->where.type > LOCATION_HOST_CURRENT) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    rc = pool_new(out, d);
    if (rc != CUDA_SUCCESS)
        return rc;
    (*out)->handle_types = p->handle_types;
    (*out)->max_bytes = p->max_bytes;
    return CUDA_SUCCESS;
}

CUDA_API(cuMemPoolCreate, struct pool **out, const struct pool_props *props)
{
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    return cuda_leave(out && props ? create(out, props) : CUDA_ERROR_INVALID_VALUE);
}

/* A call on a pool enters with it. */
static int enter(void *handle, struct pool **out)
{
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    *out = pool_check(handle);
    return *out ? CUDA_SUCCESS : cuda_leave(CUDA_ERROR_INVALID_VALUE);
}

CUDA_API(cuMemPoolDestroy, void *handle)
{
    struct pool *p;
    int rc = enter(handle, &p);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (p->is_default)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    for (int i = 0; i < cuda.n_devices; i++) {
        struct device *d = &cuda.devices[i];

        if (d->current_pool != p)
            continue;
        d->current_pool = NULL; /* the default one, made if need be, while this address is taken */
        (void)pool_of(d);
        d->current_pool = d->default_pool;
    }
    pool_destroy(p);
    return cuda_leave(CUDA_SUCCESS);
}

static int set_attribute(struct pool *p, unsigned attribute, const void *value)
{
    uint64_t number = 0;

    if (attribute >= REUSE_EVENTS && attribute <= REUSE_DEPENDENCIES) {
        memcpy(&p->reuse[attribute - REUSE_EVENTS], value, sizeof(int));
        return CUDA_SUCCESS;
    }
    memcpy(&number, value, sizeof number);
    if (attribute == THRESHOLD)
        p->threshold = number;
    else if (attribute == RESERVED_HIGH && number == 0)
        p->reserved_high = p->reserved;
    else if (attribute == USED_HIGH && number == 0)
        p->used_high = p->used;
    else
        return CUDA_ERROR_INVALID_VALUE;
    return CUDA_SUCCESS;
}

CUDA_API(cuMemPoolSetAttribute, void *handle, unsigned attribute, const void *value)
{
    struct pool *p;
    int rc = enter(handle, &p);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!value || attribute < REUSE_EVENTS || attribute > USED_HIGH)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    return cuda_leave(set_attribute(p, attribute, value));
}

CUDA_API(cuMemPoolGetAttribute, void *handle, unsigned attribute, void *value)
{
    struct pool *p;
    int rc = enter(handle, &p);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!value || attribute < REUSE_EVENTS || attribute > USED_HIGH)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    if (attribute <= REUSE_DEPENDENCIES) {
        memcpy(value, &p->reuse[attribute - REUSE_EVENTS], sizeof(int));
    } else {
        const uint64_t by[] = {p->threshold, p->reserved, p->reserved_high, p->used, p->used_high};

        memcpy(value, &by[attribute - THRESHOLD], sizeof by[0]);
    }
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuMemPoolTrimTo, void *handle, size_t keep_bytes)
{
    struct pool *p;
    int rc = enter(handle, &p);

    if (rc != CUDA_SUCCESS)
        return rc;
    pool_trim(p, keep_bytes);
    return cuda_leave(CUDA_SUCCESS);
}

static bool is_access(unsigned flags)
{
    return flags == 0 || flags == ACCESS_READ || flags == ACCESS_ALL;
}

CUDA_API(cuMemPoolSetAccess, void *handle, const struct access *list, size_t n)
{
    struct pool *p;
    int rc = enter(handle, &p);

    if (rc != CUDA_SUCCESS)
        return rc;
    for (size_t i = 0; i < n; i++) {
        if (!list || list[i].where.type != LOCATION_DEVICE || !is_access(list[i].flags))
            return cuda_leave(CUDA_ERROR_INVALID_VALUE);
        if (list[i].where.id < 0 || list[i].where.id >= cuda.n_devices)
            return cuda_leave(CUDA_ERROR_INVALID_DEVICE);
        if (p->device == &cuda.devices[list[i].where.id] && list[i].flags != ACCESS_ALL)
            return cuda_leave(CUDA_ERROR_INVALID_VALUE);
        p->access[list[i].where.id] = list[i].flags;
    }
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuMemPoolGetAccess, unsigned *out, void *handle, const struct location *where)
{
    struct pool *p;
    int rc = enter(handle, &p);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || !where || where->type != LOCATION_DEVICE || where->id < 0 ||
        where->id >= cuda.n_devices)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *out = p->device == &cuda.devices[where->id] ? ACCESS_ALL : p->access[where->id];
    return cuda_leave(CUDA_SUCCESS);
}

static int give_pool(struct pool **out, struct device *d, bool the_default)
{
    struct pool *current = pool_of(d);

    if (!out)
        return CUDA_ERROR_INVALID_VALUE;
    if (!current)
        return CUDA_ERROR_OUT_OF_MEMORY;
    if (the_default && !d->default_pool) { /* another was set before anybody asked */
        int rc = pool_new(&d->default_pool, d);

        if (rc != CUDA_SUCCESS)
            return rc;
        d->default_pool->is_default = true;
    }
    *out = the_default ? d->default_pool : current;
    return CUDA_SUCCESS;
}

CUDA_API(cuDeviceGetDefaultMemPool, struct pool **out, int device)
{
    struct device *d;
    int rc = cuda_enter_device(device, &d);

    return rc == CUDA_SUCCESS ? cuda_leave(give_pool(out, d, true)) : rc;
}

CUDA_API(cuDeviceGetMemPool, struct pool **out, int device)
{
    struct device *d;
    int rc = cuda_enter_device(device, &d);

    return rc == CUDA_SUCCESS ? cuda_leave(give_pool(out, d, false)) : rc;
}

static int set_pool(struct device *d, void *handle)
{
    struct pool *p = pool_check(handle);

    if (!p || p->device != d)
        return CUDA_ERROR_INVALID_VALUE;
    d->current_pool = p;
    return CUDA_SUCCESS;
}

CUDA_API(cuDeviceSetMemPool, int device, void *handle)
{
    struct device *d;
    int rc = cuda_enter_device(device, &d);

    return rc == CUDA_SUCCESS ? cuda_leave(set_pool(d, handle)) : rc;
}

/* The newer names: by location and kind of memory (1: pinned). */
static int enter_location(const struct location *where, unsigned type, struct device **out)
{
    if (!where || type != 1)
        return CUDA_ERROR_INVALID_VALUE;
    if (where->type != LOCATION_DEVICE)
        return CUDA_ERROR_NOT_SUPPORTED;
    return cuda_enter_device(where->id, out);
}

CUDA_API(cuMemGetDefaultMemPool, struct pool **out, const struct location *where, unsigned type)
{
    struct device *d;
    int rc = enter_location(where, type, &d);

    return rc == CUDA_SUCCESS ? cuda_leave(give_pool(out, d, true)) : rc;
}

CUDA_API(cuMemGetMemPool, struct pool **out, const struct location *where, unsigned type)
{
    struct device *d;
    int rc = enter_location(where, type, &d);

    return rc == CUDA_SUCCESS ? cuda_leave(give_pool(out, d, false)) : rc;
}

CUDA_API(cuMemSetMemPool, const struct location *where, unsigned type, void *handle)
{
    struct device *d;
    int rc = enter_location(where, type, &d);

    return rc == CUDA_SUCCESS ? cuda_leave(set_pool(d, handle)) : rc;
}

/* What a pool's file says of it, behind the last piece. */
struct label {
    uint64_t magic, pieces;
    uint8_t uuid[16]; /* of the device */
};

static const uint64_t LABEL_MAGIC = 0x6c6f6f7075706721; /* "!gpupool" */

CUDA_API(cuMemPoolExportToShareableHandle, void *out, void *handle, unsigned type, uint64_t flags)
{
    struct label label = {.magic = LABEL_MAGIC};
    struct pool *p;
    int fd, rc = enter(handle, &p);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || flags != 0 || type != HANDLE_TYPE_FD || !(p->handle_types & type) || !p->device)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    label.pieces = p->pieces;
    memcpy(label.uuid, p->device->uuid, sizeof label.uuid);
    if (!chunk_is_open(&p->file) ||
        pwrite(p->file.fd, &label, sizeof label, (off_t)(p->pieces * CUDA_POOL_BYTES)) !=
            (ssize_t)sizeof label)
        return cuda_leave(CUDA_ERROR_OPERATING_SYSTEM);
    fd = fcntl(p->file.fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return cuda_leave(CUDA_ERROR_OPERATING_SYSTEM);
    memcpy(out, &fd, sizeof fd);
    return cuda_leave(CUDA_SUCCESS);
}

/* Where in the file the label is follows from its size. */
static int import(struct pool **out, int fd)
{
    off_t end = lseek(fd, 0, SEEK_END);
    struct label label;
    struct device *d;
    int rc;

    if (end < CUDA_BLOCK_BYTES ||
        pread(fd, &label, sizeof label, end - CUDA_BLOCK_BYTES) != (ssize_t)sizeof label ||
        label.magic != LABEL_MAGIC || label.pieces == 0 || label.pieces > POOL_PIECES)
        return CUDA_ERROR_INVALID_VALUE;
    d = share_device(label.uuid);
    if (!d)
        return CUDA_ERROR_INVALID_DEVICE;
    rc = pool_new(out, d);
    if (rc != CUDA_SUCCESS)
        return rc;
    chunk_free(&(*out)->file, false);
    chunk_of(&(*out)->file, fcntl(fd, F_DUPFD_CLOEXEC, 0), 0, 0);
    (*out)->imported = true;
    return CUDA_SUCCESS;
}

CUDA_API(cuMemPoolImportFromShareableHandle, struct pool **out, void *handle, unsigned type,
         uint64_t flags)
{
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || flags != 0 || type != HANDLE_TYPE_FD)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    return cuda_leave(import(out, (int)(intptr_t)handle));
}

struct pointer_label { /* CUmemPoolPtrExportData: 64 bytes */
    uint64_t offset, size, reserved[6];
};
_Static_assert(sizeof(struct pointer_label) == 64, "the driver's layout");

CUDA_API(cuMemPoolExportPointer, struct pointer_label *out, uint64_t address)
{
    const struct range *r;
    const struct pool *p;
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    r = range_at(address);
    p = r && r->kind == RANGE_POOL ? r->of : NULL;
    if (!out || !p || p->imported || !(p->handle_types & HANDLE_TYPE_FD))
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *out = (struct pointer_label){.offset = address - p->at, .size = r->size};
    return cuda_leave(CUDA_SUCCESS);
}

/* The maker's memory: it costs nothing here. */
static int import_pointer(uint64_t *out, struct pool *p, const struct pointer_label *label)
{
    uint64_t room = p->pieces * CUDA_POOL_BYTES, at = p->at + label->offset;

    if (!p->imported || label->size == 0 || label->offset >= room ||
        label->size > room - label->offset)
        return CUDA_ERROR_INVALID_VALUE;
    if (range_find(at))
        return CUDA_ERROR_ALREADY_MAPPED;
    for (uint64_t i = label->offset / CUDA_POOL_BYTES;
         i <= (label->offset + label->size - 1) / CUDA_POOL_BYTES; i++) {
        struct chunk piece = pool_piece(p, i);

        if (chunk_map(&piece, p->at + piece.offset, 0, piece.size, true) != CUDA_SUCCESS)
            return CUDA_ERROR_MAP_FAILED;
    }
    if (!range_add((struct range){
            .start = at, .size = label->size, .kind = RANGE_POOL, .device = p->device, .of = p}))
        return CUDA_ERROR_OUT_OF_MEMORY;
    p->used += label->size;
    *out = at;
    return CUDA_SUCCESS;
}

CUDA_API(cuMemPoolImportPointer, uint64_t *out, void *handle, const struct pointer_label *label)
{
    struct pool *p;
    int rc = enter(handle, &p);

    if (rc != CUDA_SUCCESS)
        return rc;
    return cuda_leave(out && label ? import_pointer(out, p, label) : CUDA_ERROR_INVALID_VALUE);
}
