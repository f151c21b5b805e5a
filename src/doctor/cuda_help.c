/* SPDX-License-Identifier: Apache-2.0 */
/* What CUDA's codes mean on a node, and their cures. */
#include <stddef.h>

#include "doctor/cuda_api.h"
#include "doctor/cuda_run.h"

const char *cuda_step_name(enum cuda_step step)
{
    static const char *const names[] = {
        [CUDA_STEP_LIBRARY] = "open libcuda.so.1",
        [CUDA_STEP_INIT] = "start CUDA",
        [CUDA_STEP_DEVICE] = "look at the device",
        [CUDA_STEP_CONTEXT] = "make a context",
        [CUDA_STEP_MODULE] = "compile the kernel",
        [CUDA_STEP_MEMORY] = "copy to the device",
        [CUDA_STEP_KERNEL] = "run the kernel",
        [CUDA_STEP_RESULT] = "copy from the device",
        [CUDA_STEP_DONE] = "done",
    };

    return names[step];
}

static const struct cuda_help helps[] = {
    {CUDA_OUT_OF_MEMORY, "the slice has no memory left",
     "see who uses it with 'carve ps' and 'carve gpus', or choose another with --slice"},
    {CUDA_STUB_LIBRARY, "this libcuda.so.1 is the toolkit's stub, not the driver's library",
     "take the folder 'stubs' out of LD_LIBRARY_PATH and the loader's configuration"},
    {CUDA_DEVICE_UNAVAILABLE,
     "the device is in exclusive or prohibited compute mode, or another process has it",
     "look at 'nvidia-smi -q -d COMPUTE'; 'nvidia-smi -c 0' allows all processes"},
    {CUDA_NO_DEVICE,
     "CUDA sees no device: the device nodes are missing or not allowed here, or the GPU is in MIG "
     "mode and has no compute instance",
     "look at the findings device-nodes and mig above; make instances with 'carve mig apply'"},
    {CUDA_INVALID_DEVICE, "the device is gone or is none that CUDA can use",
     "look at 'carve gpus'; a MIG device needs a compute instance"},
    {CUDA_NOT_LICENSED, "the vGPU has no license", "give the guest a license (gridd.conf)"},
    {CUDA_INVALID_IMAGE, "the driver does not take the kernel's image",
     "install a newer driver: this one is older than CUDA 6.0"},
    {CUDA_NO_BINARY, "the driver cannot compile the kernel for this GPU",
     "install a driver that knows this GPU, with libnvidia-ptxjitcompiler.so.1 of the same "
     "version"},
    {CUDA_ECC, "the GPU's memory has an error that ECC cannot correct",
     "drain the node and reset the GPU ('nvidia-smi -r'); if it comes again, replace it"},
    {CUDA_INVALID_PTX, "the driver's compiler refuses the kernel",
     "libnvidia-ptxjitcompiler.so.1 must be of the same version as libcuda.so.1: install one "
     "driver "
     "alone"},
    {CUDA_NO_COMPILER, "the driver's compiler is missing here: libnvidia-ptxjitcompiler.so.1",
     "install the driver's compute libraries whole; in a container, give it all of them (CDI)"},
    {CUDA_UNSUPPORTED_PTX, "the driver's compiler is too old for the kernel",
     "install a newer driver: this one is older than CUDA 6.0"},
    {CUDA_JIT_DISABLED, "compiling on the node is forbidden by CUDA_DISABLE_PTX_JIT",
     "unset CUDA_DISABLE_PTX_JIT for this run"},
    {CUDA_OPERATING_SYSTEM,
     "the kernel refused a call of the driver, as /dev/nvidia-uvm does "
     "when it is missing or of a wrong major number",
     "run 'nvidia-modprobe -u -c=0' on the host and look at the finding device-nodes"},
    {CUDA_ILLEGAL_ADDRESS, "the kernel touched memory that is not its own: the GPU is sick",
     "look for Xid lines in the kernel's log (dmesg), reset the GPU, replace it if it comes again"},
    {CUDA_LAUNCH_TIMEOUT, "the kernel took longer than the driver allows",
     "look for Xid lines in the kernel's log (dmesg) and reset the GPU"},
    {CUDA_LAUNCH_FAILED, "the kernel failed on the device",
     "look for Xid lines in the kernel's log (dmesg), reset the GPU, replace it if it comes again"},
    {CUDA_NOT_PERMITTED, "the call is not permitted here",
     "run as root, or in a container that was given the slice"},
    {CUDA_SYSTEM_NOT_READY,
     "the machine is not ready: on NVSwitch boards the fabric manager has not brought the links up",
     "start nvidia-fabricmanager of the driver's version and look at its log"},
    {CUDA_DRIVER_MISMATCH, "libcuda.so.1 and the kernel module have different versions",
     "reboot, or unload and load the module nvidia when nothing uses it"},
    {CUDA_COMPAT_NOT_SUPPORTED,
     "a CUDA compatibility package (cuda-compat) is in use, which this GPU does not support",
     "take /usr/local/cuda/compat out of LD_LIBRARY_PATH, or install a newer driver"},
    {CUDA_MPS_CONNECTION, "the MPS control daemon does not answer",
     "start nvidia-cuda-mps-control, or unset CUDA_MPS_PIPE_DIRECTORY"},
    {CUDA_UNKNOWN, "the driver says that something is wrong, but not what",
     "look for Xid lines in the kernel's log (dmesg); 'nvidia-modprobe -u -c=0' makes "
     "/dev/nvidia-uvm"},
};

const struct cuda_help *cuda_help(int code)
{
    for (size_t i = 0; i < sizeof helps / sizeof helps[0]; i++)
        if (helps[i].code == code)
            return &helps[i];
    return NULL;
}
