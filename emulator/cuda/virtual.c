/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual memory management: address space is reserved, memory is made, one is mapped into the
 * other, and then opened for access. Memory lasts until nobody holds its handle or maps it.
 */
#include "cuda/virtual.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cuda/chunk.h"
#include "cuda/cuda.h"
#include "cuda/share.h"

/* What cuMemCreate gives a handle of. */
struct physical {
    struct chunk chunk;
    struct device *device; /* NULL: memory of the host */
    struct memory_props props;
    unsigned holds, maps;
    bool imported; /* another process's: it is charged */
};

struct reservation {
    struct reservation *next;
    uint64_t at, size;
};

static struct reservation *reservations;

static bool is_whole(uint64_t bytes)
{
    return bytes > 0 && bytes % CUDA_BLOCK_BYTES == 0;
}

static int reserve(uint64_t *out, uint64_t size)
{
    struct reservation *r = calloc(1, sizeof *r);
    uint64_t at = r ? chunk_reserve(size) : 0;

    if (!at) {
        free(r);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    *r = (struct reservation){.next = reservations, .at = at, .size = size};
    reservations = r;
    *out = at;
    return CUDA_SUCCESS;
}

/* The address that is asked for is a hint, and not followed. */
CUDA_API(cuMemAddressReserve, uint64_t *out, size_t size, size_t alignment, uint64_t hint,
         uint64_t flags)
{
    int rc = cuda_enter();

    (void)hint;
    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || !is_whole(size) || flags != 0 || alignment & (alignment - 1))
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    if (alignment > CUDA_BLOCK_BYTES)
        return cuda_leave(CUDA_ERROR_NOT_SUPPORTED);
    return cuda_leave(reserve(out, size));
}

static bool any_in(uint64_t at, uint64_t size)
{
    const struct range *r = range_find(at);

    if (!r)
        r = range_after(at);
    return r && r->start < at + size;
}

static int unreserve(uint64_t at, uint64_t size)
{
    struct reservation **link = &reservations;

    while (*link && ((*link)->at != at || (*link)->size != size))
        link = &(*link)->next;
    if (!*link || any_in(at, size))
        return CUDA_ERROR_INVALID_VALUE;
    chunk_unreserve(at, size);
    struct reservation *gone = *link;

    *link = gone->next;
    free(gone);
    return CUDA_SUCCESS;
}

CUDA_API(cuMemAddressFree, uint64_t at, size_t size)
{
    int rc = cuda_enter();

    return rc == CUDA_SUCCESS ? cuda_leave(unreserve(at, size)) : rc;
}

/* CUDA_SUCCESS and the device, NULL for the host's memory. */
static int place_of(const struct memory_props *p, struct device **out)
{
    *out = NULL;
    if (p->type != 1)
        return CUDA_ERROR_INVALID_VALUE;
    if (p->where.type >= LOCATION_HOST && p->where.type <= LOCATION_HOST_CURRENT)
        return CUDA_SUCCESS;
    if (p->where.type != LOCATION_DEVICE)
        return CUDA_ERROR_INVALID_VALUE;
    if (p->where.id < 0 || p->where.id >= cuda.n_devices)
        return CUDA_ERROR_INVALID_DEVICE;
    *out = &cuda.devices[p->where.id];
    return CUDA_SUCCESS;
}

CUDA_API(cuMemGetAllocationGranularity, size_t *out, const struct memory_props *props,
         unsigned option)
{
    struct device *d;
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || !props || option > 1)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    rc = place_of(props, &d);
    if (rc == CUDA_SUCCESS)
        *out = CUDA_BLOCK_BYTES;
    return cuda_leave(rc);
}

/* Memory that may be given away has a file of its own. */
static int create(struct physical **out, uint64_t size, const struct memory_props *props)
{
    struct device *d;
    struct physical *p;
    int rc = place_of(props, &d);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (props->handle_types & ~(unsigned)(HANDLE_TYPE_FD | 8))
        return CUDA_ERROR_NOT_SUPPORTED;
    p = handle_new(HANDLE_PHYSICAL, sizeof *p);
    if (!p)
        return CUDA_ERROR_OUT_OF_MEMORY;
    rc = d ? machine_take(d, MACHINE_PROCESS, size) : CUDA_SUCCESS;
    if (rc == CUDA_SUCCESS) {
        rc = chunk_new(&p->chunk, size, (props->handle_types & HANDLE_TYPE_FD) != 0);
        if (rc != CUDA_SUCCESS && d)
            machine_give(d, MACHINE_PROCESS, size);
    }
    if (rc != CUDA_SUCCESS) {
        handle_free(p);
        return rc;
    }
    p->device = d;
    p->props = *props;
    p->holds = 1;
    *out = p;
    return CUDA_SUCCESS;
}

CUDA_API(cuMemCreate, struct physical **out, size_t size, const struct memory_props *props,
         uint64_t flags)
{
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || !props || !is_whole(size) || flags != 0)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    return cuda_leave(create(out, size, props));
}

/* Nobody holds it, nothing maps it: it goes. */
static void drop_if_unused(struct physical *p)
{
    uint64_t size = p->chunk.size;

    if (p->holds || p->maps)
        return;
    chunk_free(&p->chunk, !p->imported);
    if (p->device && !p->imported)
        machine_give(p->device, MACHINE_PROCESS, size);
    handle_free(p);
}

static struct physical *check(void *handle)
{
    struct physical *p = handle;

    return handle_is(p, HANDLE_PHYSICAL) && p->holds ? p : NULL;
}

CUDA_API(cuMemRelease, void *handle)
{
    struct physical *p;
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    p = check(handle);
    if (!p)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    p->holds--;
    drop_if_unused(p);
    return cuda_leave(CUDA_SUCCESS);
}

static bool is_reserved(uint64_t at, uint64_t size)
{
    for (const struct reservation *r = reservations; r; r = r->next) {
        if (at >= r->at && at - r->at < r->size && size <= r->size - (at - r->at))
            return true;
    }
    return false;
}

static int map(uint64_t at, uint64_t size, struct physical *p)
{
    int rc;

    if (size > p->chunk.size || !is_reserved(at, size) || at % CUDA_BLOCK_BYTES)
        return CUDA_ERROR_INVALID_VALUE;
    if (any_in(at, size))
        return CUDA_ERROR_INVALID_VALUE;
    rc = chunk_map(&p->chunk, at, 0, size, false);
    if (rc != CUDA_SUCCESS)
        return rc;
    if (!range_add((struct range){.start = at,
                                  .size = size,
                                  .kind = RANGE_MAPPED,
                                  .device = p->device ? p->device : &cuda.devices[0],
                                  .of = p})) {
        chunk_unmap(at, size);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    p->maps++;
    return CUDA_SUCCESS;
}

CUDA_API(cuMemMap, uint64_t at, size_t size, size_t offset, void *handle, uint64_t flags)
{
    struct physical *p;
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    p = check(handle);
    if (!p || !is_whole(size) || flags != 0)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    if (offset != 0 || at % CUDA_BLOCK_BYTES != 0 || size > p->chunk.size)
        return cuda_leave(CUDA_ERROR_NOT_SUPPORTED);
    return cuda_leave(map(at, size, p));
}

/* Whole mappings from `at` on, without a gap, that end where the range ends. */
static bool covers(uint64_t at, uint64_t size)
{
    while (size > 0) {
        const struct range *r = range_at(at);

        if (!r || r->kind != RANGE_MAPPED || r->size > size)
            return false;
        at += r->size;
        size -= r->size;
    }
    return true;
}

CUDA_API(cuMemUnmap, uint64_t at, size_t size)
{
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    if (is_whole(size) && is_reserved(at, size) && !any_in(at, size))
        return cuda_leave(CUDA_SUCCESS);
    if (!is_whole(size) || !covers(at, size))
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    while (size > 0) {
        struct range *r = range_at(at);
        struct physical *p = r->of;

        chunk_unmap(at, r->size);
        at += r->size;
        size -= r->size;
        range_drop(r);
        p->maps--;
        drop_if_unused(p);
    }
    return cuda_leave(CUDA_SUCCESS);
}

static int set_access(uint64_t at, uint64_t size, const struct access *a)
{
    if (a->where.type == LOCATION_DEVICE && (a->where.id < 0 || a->where.id >= cuda.n_devices))
        return CUDA_ERROR_INVALID_DEVICE;
    if (a->where.type < LOCATION_DEVICE || a->where.type > LOCATION_HOST_CURRENT ||
        (a->flags != 0 && a->flags != ACCESS_READ && a->flags != ACCESS_ALL))
        return CUDA_ERROR_INVALID_VALUE;
    for (uint64_t done = 0; done < size;) {
        struct range *r = range_at(at + done);

        r->flags = a->flags;
        done += r->size;
    }
    return chunk_access(at, size, a->flags & RANGE_READABLE, a->flags & RANGE_WRITABLE);
}

CUDA_API(cuMemSetAccess, uint64_t at, size_t size, const struct access *list, size_t n)
{
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!list || n == 0 || !is_whole(size) || !covers(at, size))
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    for (size_t i = 0; rc == CUDA_SUCCESS && i < n; i++)
        rc = set_access(at, size, &list[i]);
    return cuda_leave(rc);
}

CUDA_API(cuMemGetAccess, uint64_t *out, const struct location *where, uint64_t at)
{
    const struct range *r;
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    r = range_find(at);
    if (!out || !where || !r || r->kind != RANGE_MAPPED)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *out = r->flags;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuMemRetainAllocationHandle, struct physical **out, const void *address)
{
    const struct range *r;
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    r = range_find((uint64_t)(uintptr_t)address);
    if (!out || !r || r->kind != RANGE_MAPPED)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *out = r->of;
    (*out)->holds++;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuMemGetAllocationPropertiesFromHandle, struct memory_props *out, void *handle)
{
    const struct physical *p;
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    p = check(handle);
    if (!out || !p)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *out = p->props;
    return cuda_leave(CUDA_SUCCESS);
}

/* What the file of memory that was given away says of it, behind the memory. */
struct label {
    uint64_t magic, size;
    uint8_t uuid[16]; /* of the device; zeros: memory of the host */
    struct memory_props props;
};

static const uint64_t LABEL_MAGIC = 0x636973796870; /* "physic" */

static int give(int *out, const struct physical *p)
{
    struct label label = {.magic = LABEL_MAGIC, .size = p->chunk.size, .props = p->props};
    int fd;

    if (p->device)
        memcpy(label.uuid, p->device->uuid, sizeof label.uuid);
    label.props.security = NULL;
    if (!chunk_is_open(&p->chunk) ||
        pwrite(p->chunk.fd, &label, sizeof label, (off_t)p->chunk.size) != (ssize_t)sizeof label)
        return CUDA_ERROR_OPERATING_SYSTEM;
    fd = fcntl(p->chunk.fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return CUDA_ERROR_OPERATING_SYSTEM;
    *out = fd;
    return CUDA_SUCCESS;
}

CUDA_API(cuMemExportToShareableHandle, void *out, void *handle, unsigned type, uint64_t flags)
{
    const struct physical *p;
    int fd, rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    p = check(handle);
    if (!out || !p || flags != 0 || type != HANDLE_TYPE_FD || !(p->props.handle_types & type))
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    rc = give(&fd, p);
    if (rc == CUDA_SUCCESS)
        memcpy(out, &fd, sizeof fd);
    return cuda_leave(rc);
}

static int import(struct physical **out, int fd)
{
    off_t end = lseek(fd, 0, SEEK_END);
    struct label label;
    struct physical *p;
    struct device *d;

    if (end < 0)
        return CUDA_ERROR_UNKNOWN;
    if (end <= CUDA_BLOCK_BYTES ||
        pread(fd, &label, sizeof label, end - CUDA_BLOCK_BYTES) != (ssize_t)sizeof label ||
        label.magic != LABEL_MAGIC || label.size != (uint64_t)(end - CUDA_BLOCK_BYTES))
        return CUDA_ERROR_INVALID_VALUE;
    d = share_device(label.uuid);
    if (!d && label.props.where.type == LOCATION_DEVICE)
        return CUDA_ERROR_INVALID_DEVICE;
    p = handle_new(HANDLE_PHYSICAL, sizeof *p);
    if (!p)
        return CUDA_ERROR_OUT_OF_MEMORY;
    chunk_of(&p->chunk, fcntl(fd, F_DUPFD_CLOEXEC, 0), 0, label.size);
    p->device = d;
    p->props = label.props;
    if (d)
        p->props.where.id = d->ordinal;
    p->imported = true;
    p->holds = 1;
    *out = p;
    return CUDA_SUCCESS;
}

CUDA_API(cuMemImportFromShareableHandle, struct physical **out, void *handle, unsigned type)
{
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || type != HANDLE_TYPE_FD)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    return cuda_leave(import(out, (int)(intptr_t)handle));
}
