/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The library goes into containers with a glibc older than the one that it is built with, down to
 * 2.28: what it asks of libc must be there already. glibc 2.34 moved the functions for libraries
 * from libdl to libc under a new version; both still have the first one, which is asked for here.
 * What has no older version is in glibc.c.
 */
#ifndef SHIM_GLIBC_H
#define SHIM_GLIBC_H

#if defined(__x86_64__)
#define GLIBC_FIRST "GLIBC_2.2.5"
#define GLIBC_DLADDR1 "GLIBC_2.3.3"
#elif defined(__aarch64__)
#define GLIBC_FIRST "GLIBC_2.17"
#define GLIBC_DLADDR1 "GLIBC_2.17"
#endif

/* In each file that calls the function. */
#define GLIBC_OLD(function, version) __asm__(".symver " #function ", " #function "@" version)

#endif
