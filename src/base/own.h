/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ownership on the declaration: a local declared OWN(x_freep) is released when it leaves scope,
 * TAKE() and TAKE_FD() give it away.
 */
#ifndef BASE_OWN_H
#define BASE_OWN_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define OWN(release) __attribute__((cleanup(release)))

/* Moves a pointer out of an owning variable, which becomes NULL. */
#define TAKE(pointer)                                                                              \
    __extension__({                                                                                \
        __auto_type take_address_ = &(pointer);                                                    \
        __auto_type take_value_ = *take_address_;                                                  \
        *take_address_ = NULL;                                                                     \
        take_value_;                                                                               \
    })

/* Moves a descriptor out of an owning variable, which becomes -1. */
#define TAKE_FD(fd)                                                                                \
    __extension__({                                                                                \
        int *take_address_ = &(fd);                                                                \
        int take_value_ = *take_address_;                                                          \
        *take_address_ = -1;                                                                       \
        take_value_;                                                                               \
    })

/* Declares x_freep for a destructor x_free, for use with OWN. */
#define OWN_POINTER(type, destructor)                                                              \
    static inline void destructor##p(type **pointer)                                               \
    {                                                                                              \
        destructor(*pointer);                                                                      \
    }                                                                                              \
    struct own_pointer_needs_a_semicolon

static inline void own_mem_freep(void *pointer)
{
    free(*(void **)pointer);
}

static inline void own_fd_closep(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

static inline void own_file_closep(FILE **file)
{
    if (*file)
        (void)fclose(*file);
}

#define OWN_MEM OWN(own_mem_freep)
#define OWN_FD OWN(own_fd_closep)
#define OWN_FILE OWN(own_file_closep)

#endif
