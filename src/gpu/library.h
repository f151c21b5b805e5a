/* SPDX-License-Identifier: Apache-2.0 */
/* Finding and opening one of the driver's libraries at run time. */
#ifndef GPU_LIBRARY_H
#define GPU_LIBRARY_H

struct err;

/*
 * "libcuda.so.1" or another: below driver_root first, if it is neither NULL nor "/", then by the
 * loader, then in the usual folders of "/". -ENODEV when it is nowhere: names the places and the
 * cure. dlclose() it.
 */
int library_open(void **out, const char *name, const char *driver_root, struct err *e);

/* The usual folders of the driver's libraries, the last one followed by NULL. */
const char *const *library_folders(void);

#endif
