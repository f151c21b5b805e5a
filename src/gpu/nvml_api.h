/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libnvidia-ml.so.1 opened at run time: one pointer a function, and NVML's codes turned into
 * ours. Knows no meaning of any call.
 */
#ifndef GPU_NVML_API_H
#define GPU_NVML_API_H

#include "gpu/nvml.h"

struct err;

/* Owns the library. A pointer is NULL where the driver has no such function. */
struct nvml_api {
    void *library;
    const char *(*nvmlErrorString)(int code);
#define SYMBOL(need, name, parameters) int(*name) parameters;
#include "gpu/nvml_symbols.h"
#undef SYMBOL
};

/* Calls a function of the library; one that it lacks answers NVML_FUNCTION_NOT_FOUND. */
#define NVML_CALL(api, name, ...)                                                                  \
    ((api)->name ? (api)->name(__VA_ARGS__) : (int)NVML_FUNCTION_NOT_FOUND)

/*
 * Below driver_root first, if it is neither NULL nor "/", then by the loader, then in the usual
 * folders of "/". -ENODEV when it is nowhere: names the places and the cure. Nothing is called.
 */
int nvml_api_open(struct nvml_api *out, const char *driver_root, struct err *e);
void nvml_api_close(struct nvml_api *api);

/* Sets e to "<what>: <the driver's words>" with the errno that driver.h promises; returns -errno.
 */
int nvml_err(const struct nvml_api *api, struct err *e, int code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* A code in words, lower case but for names: "GPU is lost". */
const char *nvml_words(const struct nvml_api *api, int code);

#endif
