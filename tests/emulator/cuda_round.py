# SPDX-License-Identifier: Apache-2.0
"""A good round through CUDA with cuda-bindings, NVIDIA's own Python layer over the driver: run by a Python that has it.

Prints one JSON object of what it saw.
"""
import ctypes
import json

from cuda.bindings import driver

MIB = 1 << 20
PTX = b""".version 7.0
.target sm_75
.address_size 64
.visible .entry spin_us(
    .param .u64 us
)
{
    ret;
}
.visible .entry nop()
{
    ret;
}
"""


def check(answer):
    """The values of a call that must succeed."""
    code, *values = answer
    assert code == driver.CUresult.CUDA_SUCCESS, code
    return values[0] if len(values) == 1 else values


def memory(seen):
    before = check(driver.cuMemGetInfo())[0]
    at = check(driver.cuMemAlloc(100 * MIB))
    seen["alloc_mib"] = (before - check(driver.cuMemGetInfo())[0]) // MIB
    text = bytearray(b"carve" * 100)
    back = bytearray(len(text))
    check(driver.cuMemcpyHtoD(at, bytes(text), len(text)))
    check(driver.cuMemcpyDtoH(back, at, len(text)))
    seen["copied"] = back == text
    check(driver.cuMemFree(at))
    seen["left_mib"] = (before - check(driver.cuMemGetInfo())[0]) // MIB
    code, _ = driver.cuMemAlloc(1 << 50)
    seen["too_much"] = code.name


def pool(seen, device, stream):
    own = check(driver.cuDeviceGetDefaultMemPool(device))
    at = check(driver.cuMemAllocAsync(10 * MIB, stream))
    attribute = driver.CUmemPool_attribute.CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT
    seen["pool_mib"] = int(check(driver.cuMemPoolGetAttribute(own, attribute))) // MIB
    check(driver.cuMemFreeAsync(at, stream))
    check(driver.cuStreamSynchronize(stream))
    seen["pool_left"] = int(check(driver.cuMemPoolGetAttribute(own, attribute)))


def virtual(seen):
    props = driver.CUmemAllocationProp()
    props.type = driver.CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_PINNED
    props.location.type = driver.CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE
    props.location.id = 0
    option = driver.CUmemAllocationGranularity_flags.CU_MEM_ALLOC_GRANULARITY_MINIMUM
    grain = check(driver.cuMemGetAllocationGranularity(props, option))
    seen["grain"] = grain
    handle = check(driver.cuMemCreate(grain, props, 0))
    at = check(driver.cuMemAddressReserve(grain, 0, 0, 0))
    check(driver.cuMemMap(at, grain, 0, handle, 0))
    access = driver.CUmemAccessDesc()
    access.location = props.location
    access.flags = driver.CUmemAccess_flags.CU_MEM_ACCESS_FLAGS_PROT_READWRITE
    check(driver.cuMemSetAccess(at, grain, [access], 1))
    check(driver.cuMemsetD8(at, 7, grain))
    back = bytearray(4)
    check(driver.cuMemcpyDtoH(back, int(at) + 100, 4))
    seen["mapped"] = list(back)
    check(driver.cuMemUnmap(at, grain))
    check(driver.cuMemRelease(handle))
    check(driver.cuMemAddressFree(at, grain))


def launch(function, stream, microseconds):
    check(driver.cuLaunchKernel(function, 1, 1, 1, 32, 1, 1, 0, stream, ((microseconds,), (ctypes.c_uint64,)), 0))


def timing(seen, function, stream):
    start, end = (check(driver.cuEventCreate(0)) for _ in range(2))
    launch(function, stream, 100000)  # what is timed comes while the GPU is busy: nothing of the host is in it
    check(driver.cuEventRecord(start, stream))
    launch(function, stream, 3000)
    check(driver.cuEventRecord(end, stream))
    seen["busy"] = driver.cuStreamQuery(stream)[0].name
    check(driver.cuEventSynchronize(end))
    seen["elapsed_ms"] = round(check(driver.cuEventElapsedTime(start, end)), 3)


def graph(seen, function, stream):
    check(driver.cuStreamBeginCapture(stream, driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL))
    launch(function, stream, 1000)
    launch(function, stream, 1000)
    captured = check(driver.cuStreamEndCapture(stream))
    seen["nodes"] = int(check(driver.cuGraphGetNodes(captured))[1])
    instance = check(driver.cuGraphInstantiate(captured, 0))
    start, end = (check(driver.cuEventCreate(0)) for _ in range(2))
    launch(function, stream, 100000)
    check(driver.cuEventRecord(start, stream))
    check(driver.cuGraphLaunch(instance, stream))
    check(driver.cuEventRecord(end, stream))
    check(driver.cuEventSynchronize(end))
    seen["graph_ms"] = round(check(driver.cuEventElapsedTime(start, end)), 3)


def main():
    seen = {}
    check(driver.cuInit(0))
    device = check(driver.cuDeviceGet(0))
    seen["name"] = check(driver.cuDeviceGetName(64, device)).split(b"\0")[0].decode()
    context = check(driver.cuDevicePrimaryCtxRetain(device))
    check(driver.cuCtxSetCurrent(context))
    stream = check(driver.cuStreamCreate(1))
    memory(seen)
    pool(seen, device, stream)
    virtual(seen)
    module = check(driver.cuModuleLoadData(PTX))
    function = check(driver.cuModuleGetFunction(module, b"spin_us"))
    timing(seen, function, stream)
    graph(seen, function, stream)
    check(driver.cuModuleUnload(module))
    check(driver.cuStreamDestroy(stream))
    check(driver.cuDevicePrimaryCtxRelease(device))
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
