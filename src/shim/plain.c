/* SPDX-License-Identifier: Apache-2.0 */
/* Looks up once what plain.h lists. */
#include "shim/plain.h"

#include "shim/shim.h"

static CUresult missing(void)
{
    return CUDA_ERROR_NOT_FOUND;
}

void *plain_call(enum plain_call call)
{
#define PLAIN_NAME(name, takes) #name,
    static const char *const names[PLAINS] = {PLAIN_CALLS(PLAIN_NAME)};
#undef PLAIN_NAME
    static void *found[PLAINS];
    void *f = __atomic_load_n(&found[call], __ATOMIC_ACQUIRE);

    if (f)
        return f;
    f = shim_driver_symbol(names[call]);
    if (!f)
        return (void *)missing; /* not kept: the driver may not be there yet */
    __atomic_store_n(&found[call], f, __ATOMIC_RELEASE);
    return f;
}
