/* SPDX-License-Identifier: Apache-2.0 */
/* Libraries: images of no context, with a module in each context that uses them. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/own.h"
#include "cuda/capture.h"
#include "cuda/cuda.h"
#include "cuda/module.h"

enum { FILE_MOST = 256 << 20 };

static void library_free(struct library *l)
{
    for (unsigned i = 0; i < CUDA_DEVICES; i++) {
        if (l->modules[i])
            module_free(l->modules[i]);
    }
    while (l->kernels) {
        struct function *next = l->kernels->next;

        handle_free(l->kernels);
        l->kernels = next;
    }
    free(l->data);
    image_done(&l->image);
    handle_free(l);
}

static int load(struct library **out, const char *data)
{
    struct library *l;
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || !data)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    l = handle_new(HANDLE_LIBRARY, sizeof *l);
    if (!l)
        return cuda_leave(CUDA_ERROR_OUT_OF_MEMORY);
    rc = image_read(&l->image, data);
    if (rc == CUDA_ERROR_INVALID_IMAGE) { /* told when something of it is wanted */
        l->image.is_text = true;
        rc = CUDA_SUCCESS;
    }
    if (rc == CUDA_SUCCESS) {
        l->data = l->image.is_text ? strdup(data) : malloc(IMAGE_MAGIC);
        if (l->data && !l->image.is_text)
            memcpy(l->data, data, IMAGE_MAGIC);
        rc = l->data ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
    }
    if (rc == CUDA_SUCCESS)
        *out = l;
    else
        library_free(l);
    return cuda_leave(rc);
}

/* Options are the compiler's and the library's. */
CUDA_API(cuLibraryLoadData, struct library **out, const void *data, const int *jit,
         void *const *jit_values, unsigned n_jit, const int *options, void *const *values,
         unsigned n)
{
    if ((n_jit && (!jit || !jit_values)) || (n && (!options || !values)))
        return CUDA_ERROR_INVALID_VALUE;
    return load(out, data);
}

CUDA_API(cuLibraryLoadFromFile, struct library **out, const char *path, const int *jit,
         void *const *jit_values, unsigned n_jit, const int *options, void *const *values,
         unsigned n)
{
    OWN_MEM char *text = NULL;

    if (!out || !path)
        return CUDA_ERROR_INVALID_VALUE;
    if (file_read(&text, NULL, path, FILE_MOST, NULL) < 0)
        return CUDA_ERROR_FILE_NOT_FOUND;
    return cuLibraryLoadData(out, text, jit, jit_values, n_jit, options, values, n);
}

static int enter_library(void *handle, struct library **out)
{
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!handle_is(handle, HANDLE_LIBRARY))
        return cuda_leave(CUDA_ERROR_INVALID_HANDLE);
    *out = handle;
    return CUDA_SUCCESS;
}

CUDA_API(cuLibraryUnload, void *library)
{
    struct library *l;
    int rc = enter_library(library, &l);

    if (rc != CUDA_SUCCESS)
        return rc;
    library_free(l);
    return cuda_leave(CUDA_SUCCESS);
}

static int kernel_named(struct library *l, const char *name, struct function **out)
{
    int rc = function_named(&l->kernels, &l->image, name, out);

    if (rc == CUDA_SUCCESS)
        (*out)->library = l;
    return rc;
}

CUDA_API(cuLibraryGetKernel, struct function **out, void *library, const char *name)
{
    struct library *l;
    int rc = enter_library(library, &l);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || !name)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    return cuda_leave(kernel_named(l, name, out));
}

CUDA_API(cuLibraryGetKernelCount, unsigned *out, void *library)
{
    struct library *l;
    int rc = enter_library(library, &l);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *out = l->image.n_kernels;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuLibraryEnumerateKernels, struct function **out, unsigned room, void *library)
{
    struct library *l;
    int rc = enter_library(library, &l);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    for (unsigned i = 0; i < room && i < l->image.n_kernels && rc == CUDA_SUCCESS; i++)
        rc = kernel_named(l, l->image.kernels[i].name, &out[i]);
    return cuda_leave(rc);
}

int library_module(struct library *l, struct context *c, struct module **out)
{
    struct module **own = &l->modules[c->device->ordinal];
    int rc = CUDA_SUCCESS;

    if (!*own) {
        rc = module_new(c, l->data, own);
        if (rc != CUDA_SUCCESS)
            return rc;
        (*own)->library = l;
    }
    *out = *own;
    return CUDA_SUCCESS;
}

/* Enters with the current context, for what is the library's there. */
static int enter_module(void *handle, struct module **out)
{
    struct context *c;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!handle_is(handle, HANDLE_LIBRARY))
        return cuda_leave(CUDA_ERROR_INVALID_HANDLE);
    rc = library_module(handle, c, out);
    return rc == CUDA_SUCCESS ? rc : cuda_leave(rc);
}

CUDA_API(cuLibraryGetModule, struct module **out, void *library)
{
    struct module *m;
    int rc = enter_module(library, &m);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *out = m;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuLibraryGetGlobal, uint64_t *at, size_t *bytes, void *library, const char *name)
{
    struct module *m;
    int rc = enter_module(library, &m);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!name)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    return cuda_leave(module_global(m, name, at, bytes));
}

/* Managed variables and unified functions are not read from images: there are none. */
CUDA_API(cuLibraryGetManaged, uint64_t *at, size_t *bytes, void *library, const char *name)
{
    struct library *l;
    int rc = enter_library(library, &l);

    (void)at;
    (void)bytes;
    if (rc != CUDA_SUCCESS)
        return rc;
    return cuda_leave(name ? CUDA_ERROR_NOT_FOUND : CUDA_ERROR_INVALID_VALUE);
}

CUDA_API(cuLibraryGetUnifiedFunction, void **out, void *library, const char *name)
{
    struct library *l;
    int rc = enter_library(library, &l);

    if (rc != CUDA_SUCCESS)
        return rc;
    (void)out;
    (void)name;
    return cuda_leave(CUDA_ERROR_INVALID_VALUE);
}

static struct function *kernel_find(void *handle)
{
    struct function *f = function_find(handle);

    return f && !f->module ? f : NULL;
}

CUDA_API(cuKernelGetFunction, struct function **out, void *kernel)
{
    struct context *c;
    struct function *f;
    struct module *m;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    f = kernel_find(kernel);
    if (!out || !f)
        return cuda_leave(out ? CUDA_ERROR_INVALID_HANDLE : CUDA_ERROR_INVALID_VALUE);
    rc = library_module(f->library, c, &m);
    return cuda_leave(rc == CUDA_SUCCESS ? module_function(m, f->kernel.name, out) : rc);
}

CUDA_API(cuKernelGetLibrary, struct library **out, void *kernel)
{
    struct function *f;
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    f = kernel_find(kernel);
    if (!out || !f)
        return cuda_leave(out ? CUDA_ERROR_INVALID_HANDLE : CUDA_ERROR_INVALID_VALUE);
    *out = f->library;
    return cuda_leave(CUDA_SUCCESS);
}
