/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of memory files: see chunk.h. */
#include "cuda/chunk.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cuda/cuda.h"

/* Offsets are never used twice: 2^62 bytes last long enough. */
static struct {
    struct chunk file;
    uint64_t next;
} own = {.file = {.fd = -1}};

static const uint64_t FILE_BYTES = 1ull << 62;

static void *pointer(uint64_t at)
{
    return (void *)(uintptr_t)at;
}

static int new_file(uint64_t size)
{
    int fd = memfd_create("gpu-memory", MFD_CLOEXEC);

    if (fd >= 0 && ftruncate(fd, (off_t)size) == 0)
        return fd;
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

void chunk_of(struct chunk *out, int fd, uint64_t offset, uint64_t size)
{
    struct stat st = {0};

    (void)fstat(fd, &st);
    *out = (struct chunk){.fd = fd,
                          .owns_fd = true,
                          .offset = offset,
                          .size = size,
                          .device = st.st_dev,
                          .file = st.st_ino};
}

bool chunk_is_open(const struct chunk *c)
{
    struct stat st;

    return fstat(c->fd, &st) == 0 && st.st_dev == c->device && st.st_ino == c->file;
}

int chunk_new(struct chunk *out, uint64_t size, bool alone)
{
    int fd;

    if (alone || !chunk_is_open(&own.file)) {
        fd = new_file(alone ? size + CUDA_BLOCK_BYTES : FILE_BYTES);
        if (fd < 0)
            return CUDA_ERROR_OPERATING_SYSTEM;
        chunk_of(alone ? out : &own.file, fd, 0, size);
    }
    if (alone)
        return CUDA_SUCCESS;
    *out = own.file;
    out->owns_fd = false;
    out->size = size;
    out->offset = own.next;
    own.next += size;
    return CUDA_SUCCESS;
}

void chunk_free(struct chunk *c, bool discard)
{
    bool is_open = chunk_is_open(c);

    if (is_open && discard)
        (void)fallocate(c->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)c->offset,
                        (off_t)c->size);
    if (is_open && c->owns_fd)
        (void)close(c->fd);
    c->fd = -1;
}

uint64_t chunk_reserve(uint64_t size)
{
    uint64_t room = size + CUDA_BLOCK_BYTES, at, start;
    void *got = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (got == MAP_FAILED)
        return 0;
    at = (uint64_t)(uintptr_t)got;
    start = (at + CUDA_BLOCK_BYTES - 1) / CUDA_BLOCK_BYTES * CUDA_BLOCK_BYTES;
    if (start > at)
        (void)munmap(got, start - at);
    if (at + room > start + size)
        (void)munmap(pointer(start + size), at + room - start - size);
    return start;
}

void chunk_unreserve(uint64_t at, uint64_t size)
{
    (void)munmap(pointer(at), size);
}

int chunk_map(const struct chunk *c, uint64_t at, uint64_t from, uint64_t size, bool access)
{
    void *got;

    if (!chunk_is_open(c))
        return CUDA_ERROR_OPERATING_SYSTEM;
    got = mmap(pointer(at), size, access ? PROT_READ | PROT_WRITE : PROT_NONE,
               MAP_SHARED | MAP_FIXED | MAP_NORESERVE, c->fd, (off_t)(c->offset + from));

    return got == MAP_FAILED ? CUDA_ERROR_MAP_FAILED : CUDA_SUCCESS;
}

void chunk_unmap(uint64_t at, uint64_t size)
{
    (void)mmap(pointer(at), size, PROT_NONE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

int chunk_access(uint64_t at, uint64_t size, bool read, bool write)
{
    int how = (read ? PROT_READ : PROT_NONE) | (write ? PROT_READ | PROT_WRITE : PROT_NONE);

    return mprotect(pointer(at), size, how) == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
