/* SPDX-License-Identifier: Apache-2.0 */
/* The linker: what is added as PTX text comes out as one text. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/own.h"
#include "cuda/cuda.h"
#include "cuda/module.h"

enum {
    INPUT_PTX = 1, /* CUjitInputType */
    INPUT_LAST = 5,
    MOST_BYTES = 256 << 20,
};

struct link {
    char *text;
    size_t size;
};

CUDA_API(cuLinkCreate_v2, unsigned n, const int *options, void *const *values, struct link **out)
{
    struct link *l;
    struct context *c;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || (n && (!options || !values)))
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    l = handle_new(HANDLE_LINK, sizeof *l);
    if (!l)
        return cuda_leave(CUDA_ERROR_OUT_OF_MEMORY);
    *out = l;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuLinkCreate, unsigned n, const int *options, void *const *values, struct link **out)
{
    return cuLinkCreate_v2(n, options, values, out);
}

static int enter_link(void *handle, struct link **out)
{
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!handle_is(handle, HANDLE_LINK))
        return cuda_leave(CUDA_ERROR_INVALID_HANDLE);
    *out = handle;
    return CUDA_SUCCESS;
}

/* Anything but text adds nothing that could be read. */
static int add(struct link *l, int type, const char *data, size_t size)
{
    char *more;

    if (type < 0 || type > INPUT_LAST || !data || !size || size > MOST_BYTES - l->size)
        return CUDA_ERROR_INVALID_VALUE;
    if (type != INPUT_PTX)
        return CUDA_SUCCESS;
    more = realloc(l->text, l->size + size + 1);
    if (!more)
        return CUDA_ERROR_OUT_OF_MEMORY;
    size = strnlen(data, size);
    memcpy(more + l->size, data, size);
    l->text = more;
    l->size += size;
    more[l->size] = '\0';
    return CUDA_SUCCESS;
}

CUDA_API(cuLinkAddData_v2, void *link, int type, const void *data, size_t size, const char *name,
         unsigned n, const int *options, void *const *values)
{
    struct link *l;
    int rc = enter_link(link, &l);

    (void)name;
    if (rc != CUDA_SUCCESS)
        return rc;
    if (n && (!options || !values))
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    return cuda_leave(add(l, type, data, size));
}

CUDA_API(cuLinkAddData, void *link, int type, const void *data, size_t size, const char *name,
         unsigned n, const int *options, void *const *values)
{
    return cuLinkAddData_v2(link, type, data, size, name, n, options, values);
}

CUDA_API(cuLinkAddFile_v2, void *link, int type, const char *path, unsigned n, const int *options,
         void *const *values)
{
    OWN_MEM char *text = NULL;
    size_t size = 0;

    if (!path)
        return CUDA_ERROR_INVALID_VALUE;
    if (file_read(&text, &size, path, MOST_BYTES, NULL) < 0)
        return CUDA_ERROR_FILE_NOT_FOUND;
    return cuLinkAddData_v2(link, type, text, size, path, n, options, values);
}

CUDA_API(cuLinkAddFile, void *link, int type, const char *path, unsigned n, const int *options,
         void *const *values)
{
    return cuLinkAddFile_v2(link, type, path, n, options, values);
}

CUDA_API(cuLinkComplete, void *link, void **out, size_t *out_size)
{
    struct link *l;
    int rc = enter_link(link, &l);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || !l->text)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *out = l->text;
    if (out_size)
        *out_size = l->size + 1;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuLinkDestroy, void *link)
{
    struct link *l;
    int rc = enter_link(link, &l);

    if (rc != CUDA_SUCCESS)
        return rc;
    free(l->text);
    handle_free(l);
    return cuda_leave(CUDA_SUCCESS);
}
