/* SPDX-License-Identifier: Apache-2.0 */
/* cuda_same: modules, libraries, functions, launches. */
#include <stdio.h>
#include <string.h>

#include "cuda_same.h"

#define SPIN(name, ns)                                                                             \
    ".visible .entry " name "()\n{\n"                                                              \
    "    .reg .u64 %t<4>;\n    .reg .pred %p<2>;\n"                                                \
    "    mov.u64 %t0, %globaltimer;\n"                                                             \
    "again_" name ":\n"                                                                            \
    "    mov.u64 %t1, %globaltimer;\n    sub.u64 %t2, %t1, %t0;\n"                                 \
    "    setp.lt.u64 %p0, %t2, " ns ";\n    @%p0 bra again_" name ";\n    ret;\n}\n"

const char *const same_ptx =
    ".version 7.0\n.target sm_75\n.address_size 64\n"
    ".visible .global .align 4 .b8 words[64];\n"
    ".visible .entry nop()\n{\n    ret;\n}\n" SPIN("spin_20us", "20000")
        SPIN("spin_2000us", "2000000") ".visible .entry store(\n"
                                       "    .param .u64 at,\n    .param .u32 value\n)\n{\n"
                                       "    .reg .u64 %a<2>;\n    .reg .u32 %v<2>;\n"
                                       "    ld.param.u64 %a0, [at];\n"
                                       "    cvta.to.global.u64 %a1, %a0;\n"
                                       "    ld.param.u32 %v0, [value];\n"
                                       "    st.global.u32 [%a1], %v0;\n    ret;\n}\n"
                                       ".visible .entry shared_4k()\n{\n"
                                       "    .shared .align 4 .b8 room[4096];\n"
                                       "    .reg .u32 %v<2>;\n"
                                       "    mov.u32 %v0, 1;\n    st.shared.u32 [room], %v0;\n"
                                       "    ret;\n}\n";

static const char not_ptx[] =
    "this is no image at all, and long enough to be looked at as one .....";
static const char bad_ptx[] =
    ".version 7.0\n.target sm_75\n.address_size 64\n.visible .entry broken()\n{\n nonsense;\n}\n";

void same_module_load(void)
{
    uint64_t module = 0, function = 0, global = 0;
    size_t size = 0;
    unsigned count = 99;
    int mode = -1;

    (void)same_context();
    (void)CALL(cuModuleGetLoadingMode, "good", P(&mode));
    same_value("mode", mode);
    (void)CALL(cuModuleLoadData, "good", P(&module), P(same_ptx));
    (void)CALL(cuModuleLoadData, "no-out", 0, P(same_ptx));
    (void)CALL(cuModuleLoadData, "no-image", P(&global), 0);
    (void)CALL(cuModuleLoadData, "not-ptx", P(&global), P(not_ptx));
    (void)CALL(cuModuleLoadData, "empty", P(&global), P(""));
    (void)CALL(cuModuleLoadData, "bad-ptx", P(&global), P(bad_ptx));
    (void)CALL(cuModuleLoadDataEx, "good", P(&global), P(same_ptx), 0, 0, 0);
    (void)CALL(cuModuleUnload, "good", global);
    (void)CALL(cuModuleLoadFatBinary, "ptx", P(&global), P(same_ptx));
    (void)CALL(cuModuleLoad, "no-file", P(&global), P("/nothing/here.ptx"));
    (void)CALL(cuModuleGetFunction, "good", P(&function), module, P("nop"));
    (void)CALL(cuModuleGetFunction, "unknown", P(&function), module, P("none"));
    (void)CALL(cuModuleGetFunction, "empty", P(&function), module, P(""));
    (void)CALL(cuModuleGetFunction, "no-name", P(&function), module, 0);
    (void)CALL(cuModuleGetFunction, "no-out", 0, module, P("nop"));
    (void)CALL(cuModuleGetFunction, "null", P(&function), 0, P("nop"));
    (void)CALL(cuModuleGetFunctionCount, "good", P(&count), module);
    same_value("count", count);
    (void)CALL(cuModuleGetGlobal_v2, "good", P(&global), P(&size), module, P("words"));
    same_value("size", (int64_t)size);
    (void)CALL(cuModuleGetGlobal_v2, "unknown", P(&global), P(&size), module, P("none"));
    (void)CALL(cuModuleGetGlobal_v2, "size-alone", 0, P(&size), module, P("words"));
    (void)CALL(cuModuleGetGlobal_v2, "no-out", 0, 0, module, P("words"));
    (void)CALL(cuModuleUnload, "again", module);
    (void)CALL(cuModuleUnload, "null", 0);
}

void same_library(void)
{
    uint64_t library = 0, kernel = 0, function = 0, module = 0, global = 0, got = 0,
             kernels[8] = {0};
    size_t size = 0;
    unsigned count = 99;
    const char *name = NULL;
    int value = 0;

    (void)same_context();
    (void)CALL(cuLibraryLoadData, "good", P(&library), P(same_ptx), 0, 0, 0, 0, 0, 0);
    (void)CALL(cuLibraryLoadData, "no-out", 0, P(same_ptx), 0, 0, 0, 0, 0, 0);
    (void)CALL(cuLibraryLoadData, "not-ptx", P(&got), P(not_ptx), 0, 0, 0, 0, 0, 0);
    (void)CALL(cuLibraryLoadData, "no-image", P(&got), 0, 0, 0, 0, 0, 0, 0);
    (void)CALL(cuLibraryLoadFromFile, "no-file", P(&got), P("/nothing/here"), 0, 0, 0, 0, 0, 0);
    (void)CALL(cuLibraryGetKernel, "good", P(&kernel), library, P("nop"));
    (void)CALL(cuLibraryGetKernel, "unknown", P(&got), library, P("none"));
    (void)CALL(cuLibraryGetKernel, "no-out", 0, library, P("nop"));
    (void)CALL(cuLibraryGetKernelCount, "good", P(&count), library);
    same_value("count", count);
    (void)CALL(cuLibraryEnumerateKernels, "good", P(kernels), 8, library);
    (void)CALL(cuLibraryEnumerateKernels, "none", P(kernels), 0, library);
    (void)CALL(cuLibraryGetModule, "good", P(&module), library);
    (void)CALL(cuLibraryGetGlobal, "good", P(&global), P(&size), library, P("words"));
    same_value("size", (int64_t)size);
    (void)CALL(cuLibraryGetGlobal, "unknown", P(&global), P(&size), library, P("none"));
    (void)CALL(cuLibraryGetManaged, "not-managed", P(&global), P(&size), library, P("words"));
    (void)CALL(cuLibraryGetUnifiedFunction, "none", P(&got), library, P("nop"));
    (void)CALL(cuKernelGetFunction, "good", P(&function), kernel);
    (void)CALL(cuKernelGetFunction, "null", P(&function), 0);
    (void)CALL(cuKernelGetLibrary, "good", P(&got), kernel);
    same_value("is-it", got == library);
    (void)CALL(cuKernelGetName, "good", P(&name), kernel);
    same_value("is-nop", name && strcmp(name, "nop") == 0);
    (void)CALL(cuKernelGetAttribute, "most-threads", P(&value), 0, kernel, 0);
    same_value("is", value);
    (void)CALL(cuKernelSetAttribute, "dynamic-shared", 8, 1000, kernel, 0);
    (void)CALL(cuKernelGetAttribute, "dynamic-shared", P(&value), 8, kernel, 0);
    same_value("is", value);
    (void)CALL(cuKernelSetCacheConfig, "good", kernel, 1, 0);
    (void)QUIET(cuLibraryGetKernel, P(&kernel), library, P("store"));
    (void)CALL(cuKernelGetParamInfo, "first", kernel, 0, P(&size), P(&got));
    same_value("size", (int64_t)got);
    (void)CALL(cuKernelGetParamInfo, "second", kernel, 1, P(&size), P(&got));
    same_value("offset", (int64_t)size);
    same_value("size", (int64_t)got);
    (void)CALL(cuKernelGetParamInfo, "beyond", kernel, 2, P(&size), P(&got));
    (void)CALL(cuLibraryUnload, "good", library);
    (void)CALL(cuLibraryUnload, "null", 0);
}

void same_function_more(void)
{
    uint64_t module, function = 0, functions[8] = {0}, got = 0;
    size_t offset = 0, size = 0;
    const char *name = NULL;
    int value = 0, state = -1;

    (void)same_context();
    module = same_module();
    (void)QUIET(cuModuleGetFunction, P(&function), module, P("shared_4k"));
    for (unsigned i = 0; i < 20; i++) {
        char what[24];

        value = -1;
        (void)snprintf(what, sizeof what, "attribute-%u", i);
        /* registers and local bytes are the compiler's; its cache flag too */
        if (CALL(cuFuncGetAttribute, what, P(&value), i, function) == 0 && i != 4 && i != 3 &&
            i != 7)
            same_value("is", value);
    }
    (void)CALL(cuFuncGetAttribute, "no-out", 0, 0, function);
    (void)CALL(cuFuncGetAttribute, "null", P(&value), 0, 0);
    (void)CALL(cuFuncSetAttribute, "dynamic-shared", function, 8, 8192);
    (void)CALL(cuFuncGetAttribute, "dynamic-shared", P(&value), 8, function);
    same_value("is", value);
    (void)CALL(cuFuncSetAttribute, "too-much", function, 8, 1 << 20);
    (void)CALL(cuFuncSetAttribute, "read-only", function, 0, 1);
    (void)CALL(cuFuncSetCacheConfig, "good", function, 1);
    (void)CALL(cuFuncSetSharedMemConfig, "good", function, 1);
    (void)CALL(cuFuncGetModule, "good", P(&got), function);
    same_value("is-it", got == module);
    (void)CALL(cuFuncGetName, "good", P(&name), function);
    same_value("is-it", name && strcmp(name, "shared_4k") == 0);
    (void)CALL(cuFuncIsLoaded, "good", P(&state), function);
    same_value("loaded", state);
    (void)CALL(cuFuncLoad, "good", function);
    (void)CALL(cuFuncIsLoaded, "after", P(&state), function);
    same_value("loaded", state);
    (void)CALL(cuModuleEnumerateFunctions, "good", P(functions), 8, module);
    same_value("fifth", functions[4] != 0);
    same_value("sixth", functions[5] != 0);
    (void)QUIET(cuModuleGetFunction, P(&function), module, P("store"));
    (void)CALL(cuFuncGetParamInfo, "second", function, 1, P(&offset), P(&size));
    same_value("offset", (int64_t)offset);
    same_value("size", (int64_t)size);
    (void)CALL(cuFuncGetParamInfo, "beyond", function, 2, P(&offset), P(&size));
    (void)CALL(cuFuncSetBlockShape, "good", function, 8, 1, 1);
    (void)CALL(cuFuncSetSharedSize, "good", function, 64);
    (void)CALL(cuParamSetSize, "good", function, 16);
    (void)CALL(cuParamSeti, "good", function, 0, 7);
    (void)CALL(cuParamSetv, "good", function, 0, P(&offset), 8);
}

static uint64_t no_shared(int block)
{
    return (uint64_t)(block * 0);
}

void same_occupancy(void)
{
    struct same_config config = {.grid = {8, 1, 1}, .block = {128, 1, 1}};
    uint64_t nop, shared;
    size_t bytes = 0;
    int n = -1, blocks = -1;

    (void)same_context();
    nop = same_function("nop");
    shared = same_function("shared_4k");
    (void)CALL(cuOccupancyMaxActiveBlocksPerMultiprocessor, "256", P(&n), nop, 256, 0);
    same_value("is", n);
    (void)CALL(cuOccupancyMaxActiveBlocksPerMultiprocessor, "1024", P(&n), nop, 1024, 0);
    same_value("is", n);
    (void)CALL(cuOccupancyMaxActiveBlocksPerMultiprocessor, "32", P(&n), nop, 32, 0);
    same_value("is", n);
    (void)CALL(cuOccupancyMaxActiveBlocksPerMultiprocessor, "33", P(&n), nop, 33, 0);
    same_value("is", n);
    (void)CALL(cuOccupancyMaxActiveBlocksPerMultiprocessor, "shared", P(&n), shared, 32, 40000);
    same_value("is", n);
    (void)CALL(cuOccupancyMaxActiveBlocksPerMultiprocessor, "0", P(&n), nop, 0, 0);
    (void)CALL(cuOccupancyMaxActiveBlocksPerMultiprocessor, "2048", P(&n), nop, 2048, 0);
    (void)CALL(cuOccupancyMaxActiveBlocksPerMultiprocessor, "null", P(&n), 0, 256, 0);
    (void)CALL(cuOccupancyMaxActiveBlocksPerMultiprocessor, "no-out", 0, nop, 256, 0);
    (void)CALL(cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags, "good", P(&n), nop, 256, 0, 0);
    same_value("is", n);
    (void)CALL(cuOccupancyMaxPotentialBlockSize, "good", P(&blocks), P(&n), nop, P(no_shared), 0,
               0);
    same_value("blocks", blocks);
    same_value("threads", n);
    (void)CALL(cuOccupancyMaxPotentialBlockSizeWithFlags, "most-256", P(&blocks), P(&n), nop, 0, 0,
               256, 0);
    same_value("blocks", blocks);
    same_value("threads", n);
    (void)CALL(cuOccupancyAvailableDynamicSMemPerBlock, "good", P(&bytes), nop, 2, 256);
    same_value("bytes", (int64_t)bytes);
    (void)CALL(cuOccupancyMaxPotentialClusterSize, "good", P(&n), nop, P(&config));
    same_value("is", n);
    (void)CALL(cuOccupancyMaxActiveClusters, "no-cluster", P(&n), nop, P(&config));
}

void same_link(void)
{
    uint64_t link = 0, module = 0, function = 0;
    void *image = NULL;
    size_t size = 0;

    (void)same_context();
    (void)CALL(cuLinkCreate_v2, "good", 0, 0, 0, P(&link));
    (void)CALL(cuLinkAddData_v2, "good", link, 1, P(same_ptx), strlen(same_ptx) + 1, P("same.ptx"),
               0, 0, 0);
    (void)CALL(cuLinkAddData_v2, "no-data", link, 1, 0, 0, P("same.ptx"), 0, 0, 0);
    (void)CALL(cuLinkAddFile_v2, "no-file", link, 1, P("/nothing/here.ptx"), 0, 0, 0);
    (void)CALL(cuLinkComplete, "good", link, P(&image), P(&size));
    same_value("has-image", image != NULL && size > 0);
    (void)CALL(cuModuleLoadData, "linked", P(&module), P(image));
    (void)CALL(cuModuleGetFunction, "linked", P(&function), module, P("nop"));
    (void)CALL(cuLinkDestroy, "good", link);
    (void)CALL(cuLinkDestroy, "null", 0);
    (void)CALL(cuLinkCreate_v2, "no-out", 0, 0, 0, 0);
}

void same_launch(void)
{
    uint64_t nop, store, at = 0, s = 0, size = 16;
    unsigned value = 5;
    void *params[] = {&at, &value};
    struct {
        uint64_t at;
        unsigned value;
    } packed = {0, 9};
    void *extra[] = {(void *)1, &packed, (void *)2, &size, NULL};

    (void)same_context();
    nop = same_function("nop");
    store = same_function("store");
    (void)QUIET(cuMemAlloc_v2, P(&at), 64);
    (void)QUIET(cuStreamCreate, P(&s), 0);
    packed.at = at;
    (void)CALL(cuLaunchKernel, "good", nop, 1, 1, 1, 32, 1, 1, 0, 0, 0, 0);
    (void)CALL(cuLaunchKernel, "stream", nop, 8, 8, 8, 32, 4, 2, 1024, s, 0, 0);
    (void)CALL(cuLaunchKernel, "params", store, 1, 1, 1, 1, 1, 1, 0, s, P(params), 0);
    (void)CALL(cuLaunchKernel, "extra", store, 1, 1, 1, 1, 1, 1, 0, s, 0, P(extra));
    (void)CALL(cuLaunchCooperativeKernel, "good", nop, 4, 1, 1, 32, 1, 1, 0, s, 0);
    (void)CALL(cuLaunchKernel, "big-grid", nop, 65536, 2, 1, 32, 1, 1, 0, s, 0, 0);
    (void)CALL(cuLaunchKernel, "shared-48k", nop, 1, 1, 1, 1, 1, 1, 49152, s, 0, 0);
    (void)CALL(cuLaunchKernel, "null-stream", nop, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0);
    (void)CALL(cuLaunchKernel, "legacy", nop, 1, 1, 1, 1, 1, 1, 0, 1, 0, 0);
    (void)CALL(cuLaunchKernel, "per-thread", nop, 1, 1, 1, 1, 1, 1, 0, 2, 0, 0);
    (void)CALL(cuFuncSetBlockShape, "good", nop, 8, 1, 1);
    (void)CALL(cuLaunch, "good", nop);
    (void)CALL(cuLaunchGrid, "good", nop, 2, 2);
    (void)CALL(cuLaunchGridAsync, "good", nop, 2, 2, s);
    (void)CALL(cuStreamSynchronize, "good", s);
    (void)CALL(cuCtxSynchronize, "good", 0);
}

void same_launch_bad(void)
{
    uint64_t nop, store;

    (void)same_context();
    nop = same_function("nop");
    store = same_function("store");
    (void)CALL(cuLaunchKernel, "null", 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0);
    (void)CALL(cuLaunchKernel, "grid-0", nop, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0);
    (void)CALL(cuLaunchKernel, "grid-y-0", nop, 1, 0, 1, 1, 1, 1, 0, 0, 0, 0);
    (void)CALL(cuLaunchKernel, "block-0", nop, 1, 1, 1, 0, 1, 1, 0, 0, 0, 0);
    (void)CALL(cuLaunchKernel, "block-1025", nop, 1, 1, 1, 1025, 1, 1, 0, 0, 0, 0);
    (void)CALL(cuLaunchKernel, "block-z-65", nop, 1, 1, 1, 1, 1, 65, 0, 0, 0, 0);
    (void)CALL(cuLaunchKernel, "threads-2048", nop, 1, 1, 1, 64, 32, 1, 0, 0, 0, 0);
    (void)CALL(cuLaunchKernel, "grid-y-65536", nop, 1, 65536, 1, 1, 1, 1, 0, 0, 0, 0);
    (void)CALL(cuLaunchKernel, "grid-x-2^31", nop, (uint64_t)1 << 31, 1, 1, 1, 1, 1, 0, 0, 0, 0);
    (void)CALL(cuLaunchKernel, "shared-49153", nop, 1, 1, 1, 1, 1, 1, 49153, 0, 0, 0);
    (void)CALL(cuLaunchKernel, "no-params", store, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0);
    (void)CALL(cuLaunchCooperativeKernel, "too-many", nop, 100000, 1, 1, 1024, 1, 1, 0, 0, 0);
    (void)CALL(cuLaunchCooperativeKernelMultiDevice, "no-list", 0, 1, 0);
    (void)CALL(cuLaunchKernelEx, "no-config", 0, nop, 0, 0);
    (void)CALL(cuCtxSynchronize, "good", 0);
}

void same_launch_ex(void)
{
    struct same_attribute attributes[2] = {{.id = 2, .value = {1}}, {.id = 8}};
    struct same_config config = {.grid = {2, 1, 1}, .block = {32, 1, 1}};
    uint64_t nop, library = 0, kernel = 0;

    (void)same_context();
    nop = same_function("nop");
    (void)CALL(cuLaunchKernelEx, "good", P(&config), nop, 0, 0);
    config.attributes = attributes;
    config.n_attributes = 1;
    (void)CALL(cuLaunchKernelEx, "cooperative", P(&config), nop, 0, 0);
    attributes[0].id = 4; /* cluster 2 x 1 x 1 */
    attributes[0].value[0] = (uint64_t)1 << 32 | 2;
    attributes[0].value[1] = 1;
    (void)CALL(cuLaunchKernelEx, "cluster", P(&config), nop, 0, 0);
    attributes[0].id = 77;
    (void)CALL(cuLaunchKernelEx, "bad-attribute", P(&config), nop, 0, 0);
    attributes[0].id = 8; /* priority */
    attributes[0].value[0] = (uint32_t)-1;
    (void)CALL(cuLaunchKernelEx, "priority", P(&config), nop, 0, 0);
    config.attributes = NULL;
    (void)CALL(cuLaunchKernelEx, "no-attributes", P(&config), nop, 0, 0);
    config.n_attributes = 0;
    config.grid[0] = 0;
    (void)CALL(cuLaunchKernelEx, "grid-0", P(&config), nop, 0, 0);
    (void)QUIET(cuLibraryLoadData, P(&library), P(same_ptx), 0, 0, 0, 0, 0, 0);
    (void)QUIET(cuLibraryGetKernel, P(&kernel), library, P("nop"));
    (void)CALL(cuLaunchKernel, "kernel-handle", kernel, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0);
    (void)CALL(cuFuncGetAttribute, "kernel-handle", P(&config.n_attributes), 0, kernel);
    (void)CALL(cuCtxSynchronize, "good", 0);
}

void same_per_thread(void)
{
    uint64_t at = 0, event = 0, nop, got = 0, id[2] = {0};
    struct same_config config = {.grid = {2, 1, 1}, .block = {32, 1, 1}};
    unsigned flags = 99;
    unsigned char out[16];

    (void)same_context();
    nop = same_function("nop");
    (void)QUIET(cuMemAlloc_v2, P(&at), 64);
    (void)QUIET(cuEventCreate, P(&event), 0);
    (void)CALL(cuStreamQuery_ptsz, "null", 0);
    (void)CALL(cuStreamGetFlags_ptsz, "null", 0, P(&flags));
    same_value("flags", flags);
    (void)CALL(cuStreamGetPriority_ptsz, "null", 0, P(&flags));
    (void)CALL(cuStreamGetId_ptsz, "null", 0, P(&id[0]));
    (void)CALL(cuStreamGetId, "per-thread", 2, P(&id[1]));
    same_value("same", id[0] == id[1]);
    (void)CALL(cuStreamGetCtx_ptsz, "null", 0, P(&got));
    (void)CALL(cuLaunchKernel_ptsz, "null", nop, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0);
    (void)CALL(cuLaunchKernelEx_ptsz, "null", P(&config), nop, 0, 0);
    (void)CALL(cuLaunchCooperativeKernel_ptsz, "null", nop, 1, 1, 1, 1, 1, 1, 0, 0, 0);
    (void)CALL(cuEventRecord_ptsz, "null", event, 0);
    (void)CALL(cuEventRecordWithFlags_ptsz, "null", event, 0, 0);
    (void)CALL(cuStreamWaitEvent_ptsz, "null", 0, event, 0);
    (void)CALL(cuMemsetD8_v2_ptds, "good", at, 1, 16);
    (void)CALL(cuMemsetD8Async_ptsz, "good", at, 1, 16, 0);
    (void)CALL(cuMemcpyDtoH_v2_ptds, "good", P(out), at, 16);
    (void)CALL(cuMemcpyAsync_ptsz, "good", P(out), at, 16, 0);
    (void)CALL(cuStreamWriteValue32_v2_ptsz, "null", 0, at, 5, 0);
    (void)CALL(cuStreamWaitValue32_v2_ptsz, "null", 0, at, 5, 0);
    (void)CALL(cuMemAllocAsync_ptsz, "null", P(&got), 4096, 0);
    (void)CALL(cuMemFreeAsync_ptsz, "null", got, 0);
    (void)CALL(cuStreamSynchronize_ptsz, "null", 0);
    (void)CALL(cuStreamBeginCapture_v2_ptsz, "null", 0, 0);
    (void)CALL(cuStreamIsCapturing_ptsz, "null", 0, P(&flags));
    same_value("capturing", flags);
    (void)CALL(cuLaunchKernel_ptsz, "captured", nop, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0);
    (void)CALL(cuStreamEndCapture_ptsz, "null", 0, P(&got));
    (void)CALL(cuGraphDestroy, "good", got);
    (void)CALL(cuStreamBeginCapture_v2, "per-thread", 2, 0);
    (void)CALL(cuStreamEndCapture, "per-thread", 2, P(&got));
}
