/* SPDX-License-Identifier: Apache-2.0 */
/* Between resolve.c and the assembler entries, attach.c and nvml.c. */
#ifndef SHIM_RESOLVE_H
#define SHIM_RESOLVE_H

#include <stdint.h>

/* Two registers on x86-64 and aarch64. */
struct resolve_answer {
    void *symbol;
    uintptr_t given; /* 0: libc shall answer */
};

/*
 * A lookup of a driver's name. version: NULL for dlsym; caller: an address in who asks.
 * Called from entry.S.
 */
struct resolve_answer resolve_symbol(void *handle, const char *name, const char *version,
                                     const void *caller);

/* The program opens a library in namespace `space`. Called from entry.S. */
void resolve_dlmopen(long space);

/* Our wrapper, where the address is a wrapped function of the driver; else the address. */
void *resolve_wrapped(void *address);

/* Is a library of the process linked with the driver's? */
int resolve_linked(void);

#endif
