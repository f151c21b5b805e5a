/* SPDX-License-Identifier: Apache-2.0 */
/* Codes by name, and in words. They need no cuInit. */
#include "cuda/cuda.h"

static const struct code {
    int number;
    const char *name, *words;
} codes[] = {
#define X(name, number, words) {number, #name, words},
    CUDA_CODES(X)
#undef X
};

static const struct code *find(int number)
{
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i].number == number)
            return &codes[i];
    }
    return NULL;
}

CUDA_API(cuGetErrorName, int error, const char **out)
{
    const struct code *c = find(error);

    if (!out)
        return CUDA_ERROR_INVALID_VALUE;
    *out = c ? c->name : NULL;
    return c ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUDA_API(cuGetErrorString, int error, const char **out)
{
    const struct code *c = find(error);

    if (!out)
        return CUDA_ERROR_INVALID_VALUE;
    *out = c ? c->words : NULL;
    return c ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
