/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens libnvidia-ml.so.1, looks its functions up by the list of nvml_symbols.h, and is
 * the one place where NVML's codes become errno and words.
 */
#include "gpu/nvml_api.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "gpu/library.h"

#define LIBRARY "libnvidia-ml.so.1"

enum need { OPTIONAL, REQUIRED };

/* Where each function's pointer goes. */
static const struct symbol {
    char name[48];
    unsigned short offset;
    unsigned short need;
} symbols[] = {
#define SYMBOL(need, name, parameters) {#name, offsetof(struct nvml_api, name), need},
#include "gpu/nvml_symbols.h"
#undef SYMBOL
    {"nvmlErrorString", offsetof(struct nvml_api, nvmlErrorString), OPTIONAL},
};

static int find_symbols(struct nvml_api *api, struct err *e)
{
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        void *address = dlsym(api->library, symbols[i].name);

        if (!address && symbols[i].need == REQUIRED)
            return err_set(e, ENOSYS, LIBRARY " has no function %s: the NVIDIA driver is too old",
                           symbols[i].name);
        memcpy((char *)api + symbols[i].offset, &address, sizeof address);
    }
    return 0;
}

int nvml_api_open(struct nvml_api *out, const char *driver_root, struct err *e)
{
    struct nvml_api api = {0};
    int rc = library_open(&api.library, LIBRARY, driver_root, e);

    if (rc)
        return rc;
    rc = find_symbols(&api, e);
    if (rc) {
        nvml_api_close(&api);
        return rc;
    }
    *out = api;
    return 0;
}

void nvml_api_close(struct nvml_api *api)
{
    if (api->library)
        (void)dlclose(api->library);
    *api = (struct nvml_api){0};
}

static int code_errno(int code)
{
    switch (code) {
    case NVML_FUNCTION_NOT_FOUND:
        return ENOSYS;
    case NVML_NOT_SUPPORTED:
        return ENOTSUP;
    case NVML_IN_USE:
        return EBUSY;
    case NVML_INSUFFICIENT_RESOURCES:
        return ENOSPC;
    case NVML_INVALID_ARGUMENT:
    case NVML_ARGUMENT_VERSION_MISMATCH:
        return EINVAL;
    case NVML_NO_PERMISSION:
        return EPERM;
    case NVML_NOT_FOUND:
    case NVML_GPU_IS_LOST:
    case NVML_GPU_NOT_FOUND:
    case NVML_DRIVER_NOT_LOADED:
        return ENODEV;
    case NVML_MEMORY:
        return ENOMEM;
    default:
        return EIO;
    }
}

const char *nvml_words(const struct nvml_api *api, int code)
{
    switch (code) {
    case NVML_UNINITIALIZED:
        return "uninitialized";
    case NVML_INVALID_ARGUMENT:
        return "invalid argument";
    case NVML_NOT_SUPPORTED:
        return "not supported";
    case NVML_NO_PERMISSION:
        return "insufficient permissions";
    case NVML_NOT_FOUND:
        return "not found";
    case NVML_DRIVER_NOT_LOADED:
        return "driver not loaded";
    case NVML_TIMEOUT:
        return "timeout";
    case NVML_FUNCTION_NOT_FOUND:
        return "this driver has no such function";
    case NVML_GPU_IS_LOST:
        return "GPU is lost";
    case NVML_RESET_REQUIRED:
        return "GPU requires reset";
    case NVML_LIB_RM_VERSION_MISMATCH:
        return "driver library and kernel module have different versions; reboot or reload the "
               "module";
    case NVML_IN_USE:
        return "in use by another client";
    case NVML_MEMORY:
        return "insufficient memory";
    case NVML_INSUFFICIENT_RESOURCES:
        return "insufficient resources";
    case NVML_GPU_NOT_FOUND:
        return "no GPU found";
    default:
        return api->nvmlErrorString ? api->nvmlErrorString(code) : "unknown NVML error";
    }
}

int nvml_err(const struct nvml_api *api, struct err *e, int code, const char *fmt, ...)
{
    char what[256];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    return err_set(e, code_errno(code), "%s: %s", what, nvml_words(api, code));
}
