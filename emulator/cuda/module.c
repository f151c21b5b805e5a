/* SPDX-License-Identifier: Apache-2.0 */
/* Modules: loaded from memory or files, their functions and global variables. */
#include "cuda/module.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/own.h"
#include "cuda/cuda.h"
#include "cuda/graph.h"

enum { FILE_MOST = 256 << 20 };

static void free_functions(struct function *f)
{
    while (f) {
        struct function *next = f->next;

        handle_free(f);
        f = next;
    }
}

void module_free(struct module *m)
{
    for (unsigned i = 0; m->globals && i < m->image.n_globals; i++) {
        struct range *r = m->globals[i] ? range_at(m->globals[i]) : NULL;

        if (r) {
            r->kind = RANGE_DEVICE;
            (void)memory_free(r);
        }
    }
    free_functions(m->functions);
    free(m->globals);
    image_done(&m->image);
    handle_free(m);
}

int module_new(struct context *c, const void *data, struct module **out)
{
    struct module *m = handle_new(HANDLE_MODULE, sizeof *m);
    int rc;

    if (!m)
        return CUDA_ERROR_OUT_OF_MEMORY;
    m->context = c;
    rc = image_read(&m->image, data);
    if (rc == CUDA_SUCCESS && m->image.n_globals) {
        m->globals = calloc(m->image.n_globals, sizeof *m->globals);
        rc = m->globals ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
    }
    if (rc != CUDA_SUCCESS) {
        module_free(m);
        return rc;
    }
    *out = m;
    return CUDA_SUCCESS;
}

void module_context_free(struct context *c)
{
    size_t at = 0;
    struct module *m;

    while ((m = handle_next(HANDLE_MODULE, &at))) {
        if (m->context != c)
            continue;
        if (m->library)
            m->library->modules[c->device->ordinal] = NULL;
        module_free(m);
        at = 0;
    }
}

static const struct image_kernel *kernel_of(const struct image *image, const char *name)
{
    for (unsigned i = 0; i < image->n_kernels; i++) {
        if (strcmp(image->kernels[i].name, name) == 0)
            return &image->kernels[i];
    }
    return NULL;
}

int function_named(struct function **list, const struct image *image, const char *name,
                   struct function **out)
{
    const struct image_kernel *k = kernel_of(image, name);
    struct function *f = *list;

    if (!*name)
        return CUDA_ERROR_INVALID_VALUE;
    if (!k && (image->is_text || strlen(name) >= IMAGE_NAME))
        return CUDA_ERROR_NOT_FOUND;
    while (f && strcmp(f->kernel.name, name) != 0)
        f = f->next;
    if (!f) {
        f = handle_new(HANDLE_FUNCTION, sizeof *f);
        if (!f)
            return CUDA_ERROR_OUT_OF_MEMORY;
        f->ptx_target = image->ptx_target;
        if (k)
            f->kernel = *k;
        else
            memcpy(f->kernel.name, name, strlen(name) + 1);
        f->next = *list;
        *list = f;
    }
    *out = f;
    return CUDA_SUCCESS;
}

int module_function(struct module *m, const char *name, struct function **out)
{
    int rc = function_named(&m->functions, &m->image, name, out);

    if (rc == CUDA_SUCCESS) {
        (*out)->module = m;
        (*out)->library = m->library;
    }
    return rc;
}

int module_global(struct module *m, const char *name, uint64_t *out_at, size_t *out_bytes)
{
    unsigned i = 0;
    int rc;

    while (i < m->image.n_globals && strcmp(m->image.globals[i].name, name) != 0)
        i++;
    if (i == m->image.n_globals)
        return CUDA_ERROR_NOT_FOUND;
    if (!m->globals[i]) {
        rc = memory_alloc(m->context, m->image.globals[i].bytes, &m->globals[i]);
        if (rc != CUDA_SUCCESS)
            return rc;
        range_at(m->globals[i])->kind = RANGE_MODULE; /* not the program's to free */
    }
    if (out_at)
        *out_at = m->globals[i];
    if (out_bytes)
        *out_bytes = m->image.globals[i].bytes;
    return CUDA_SUCCESS;
}

static int load(struct module **out, const void *data)
{
    struct context *c;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || !data)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    return cuda_leave(module_new(c, data, out));
}

CUDA_API(cuModuleLoadData, struct module **out, const void *image)
{
    return load(out, image);
}

/* Options are the compiler's. */
CUDA_API(cuModuleLoadDataEx, struct module **out, const void *image, unsigned n_options,
         const int *options, void *const *values)
{
    if (n_options && (!options || !values))
        return CUDA_ERROR_INVALID_VALUE;
    return load(out, image);
}

CUDA_API(cuModuleLoadFatBinary, struct module **out, const void *image)
{
    return load(out, image);
}

CUDA_API(cuModuleLoad, struct module **out, const char *path)
{
    OWN_MEM char *text = NULL;
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    (void)cuda_leave(rc);
    if (!out || !path)
        return CUDA_ERROR_INVALID_VALUE;
    if (file_read(&text, NULL, path, FILE_MOST, NULL) < 0)
        return CUDA_ERROR_FILE_NOT_FOUND;
    return load(out, text);
}

static int enter_module(void *handle, struct module **out)
{
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!handle_is(handle, HANDLE_MODULE))
        return cuda_leave(CUDA_ERROR_INVALID_HANDLE);
    *out = handle;
    return CUDA_SUCCESS;
}

CUDA_API(cuModuleUnload, void *module)
{
    struct module *m;
    int rc = enter_module(module, &m);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (m->library)
        return cuda_leave(CUDA_ERROR_NOT_PERMITTED);
    rc = work_finish(m->context);
    if (rc == CUDA_SUCCESS && handle_is(module, HANDLE_MODULE))
        module_free(m);
    return cuda_leave(rc);
}

CUDA_API(cuModuleGetFunction, struct function **out, void *module, const char *name)
{
    struct module *m;
    int rc = enter_module(module, &m);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || !name)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    return cuda_leave(module_function(m, name, out));
}

CUDA_API(cuModuleGetFunctionCount, unsigned *out, void *module)
{
    struct module *m;
    int rc = enter_module(module, &m);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *out = m->image.n_kernels;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuModuleEnumerateFunctions, struct function **out, unsigned room, void *module)
{
    struct module *m;
    int rc = enter_module(module, &m);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    for (unsigned i = 0; i < room && i < m->image.n_kernels && rc == CUDA_SUCCESS; i++)
        rc = module_function(m, m->image.kernels[i].name, &out[i]);
    return cuda_leave(rc);
}

CUDA_API(cuModuleGetGlobal_v2, uint64_t *at, size_t *bytes, void *module, const char *name)
{
    struct module *m;
    int rc = enter_module(module, &m);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!name || (!at && !bytes))
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    return cuda_leave(module_global(m, name, at, bytes));
}

CUDA_API(cuModuleGetLoadingMode, int *out)
{
    if (!out)
        return CUDA_ERROR_INVALID_VALUE;
    *out = 2; /* lazy */
    return CUDA_SUCCESS;
}
