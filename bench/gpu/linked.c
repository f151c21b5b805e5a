/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver-API program whose symbols the loader binds, as with -lcuda: (built against a stand-in of
 * that name). Prints one JSON line and waits for one.
 *
 *   linked LIMIT_MIB
 */
#include <stdint.h>
#include <stdio.h>

#include "base/text.h"

int cuInit(unsigned flags);
int cuDevicePrimaryCtxRetain(void **out, int device);
int cuCtxSetCurrent(void *context);
int cuMemGetInfo_v2(size_t *free_bytes, size_t *total_bytes);
int cuMemAlloc_v2(uint64_t *out, size_t bytes);

int main(int argc, char **argv)
{
    uint64_t limit = 0;
    size_t free_bytes = 0, total_bytes = 0;
    uint64_t address;
    void *context;
    int below, above;

    if (argc != 2 || !text_uint(&limit, argv[1], UINT32_MAX) || limit == 0)
        return 2;
    limit <<= 20;
    if (cuInit(0) || cuDevicePrimaryCtxRetain(&context, 0) || cuCtxSetCurrent(context))
        return 2;
    (void)cuMemGetInfo_v2(&free_bytes, &total_bytes);
    below = cuMemAlloc_v2(&address, limit / 4);
    above = cuMemAlloc_v2(&address, limit);
    (void)printf("{\"free\": %zu, \"total\": %zu, \"below\": %d, \"above\": %d}\n", free_bytes,
                 total_bytes, below, above);
    (void)fflush(stdout);
    (void)getchar();
    return below == 0 && above == 2 ? 0 : 1;
}
