/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host memory behind the emulated GPU's: pieces of a sparse memory file, whose pages come with the
 * first write and go with the piece. Device addresses are addresses of this process. Nothing here
 * counts what the GPU has: machine.c does.
 */
#ifndef EMULATOR_CUDA_CHUNK_H
#define EMULATOR_CUDA_CHUNK_H

#include <stdbool.h>
#include <stdint.h>

struct chunk {
    int fd; /* -1: no chunk */
    bool owns_fd;
    uint64_t offset, size;
    uint64_t device, file; /* what fd was opened as: programs close what is not theirs */
};

/* A part of the process's memory file; alone: with a file of its own, that can be given away. */
int chunk_new(struct chunk *out, uint64_t size, bool alone);
/* The same piece of another process's file. Takes fd. */
void chunk_of(struct chunk *out, int fd, uint64_t offset, uint64_t size);
/* Is its descriptor still that file? Else it is the program's now, and not to be used. */
bool chunk_is_open(const struct chunk *c);
/* Pages go: of what nobody else has. */
void chunk_free(struct chunk *c, bool discard);

/* Address space on a 2 MiB boundary, that nothing may touch; 0: none left. */
uint64_t chunk_reserve(uint64_t size);
void chunk_unreserve(uint64_t at, uint64_t size);

/* Into a reservation; back to one. `access` false: not to be touched yet. */
int chunk_map(const struct chunk *c, uint64_t at, uint64_t from, uint64_t size, bool access);
void chunk_unmap(uint64_t at, uint64_t size);
int chunk_access(uint64_t at, uint64_t size, bool read, bool write);

#endif
