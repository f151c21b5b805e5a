/* SPDX-License-Identifier: Apache-2.0 */
/* The table of XID numbers: see xid.h. */
#include "gpu/xid.h"

#include <stddef.h>

#define FIX_PROGRAM                                                                                \
    "nothing for the node; if one program brings it again and again, debug that program"
#define RESTART_PROGRAM "restart the program; if it comes with other programs too, reset the GPU"
#define RESET XID_HELP_RESET
#define REBOOT XID_HELP_REBOOT
#define REPLACE XID_HELP_REPLACE
#define WATCH "nothing now; if it comes often, have the board examined"

#define APPLICATION XID_TOUCHES_APPLICATION
#define INSTANCE XID_TOUCHES_INSTANCE
#define GPU XID_TOUCHES_GPU

/* By number. */
static const struct xid table[] = {
    {8, 8, INSTANCE, XID_CURE_WAIT, "GPU stopped processing",
     "a program's work did not end in time", RESTART_PROGRAM},
    {11, 11, APPLICATION, XID_CURE_WAIT, "invalid command stream",
     "a program or its libraries sent what the GPU cannot read", FIX_PROGRAM},
    {13, 13, APPLICATION, XID_CURE_WAIT, "graphics engine exception",
     "a program's kernel did something illegal, such as an access out of bounds", FIX_PROGRAM},
    {25, 25, APPLICATION, XID_CURE_WAIT, "invalid command", "a program sent an illegal command",
     FIX_PROGRAM},
    {31, 31, APPLICATION, XID_CURE_WAIT, "GPU memory page fault",
     "a program's kernel used an address that it does not have", FIX_PROGRAM},
    {32, 32, APPLICATION, XID_CURE_WAIT, "invalid push buffer",
     "commands were broken on their way, mostly by a program, rarely by a bad PCIe link",
     RESTART_PROGRAM},
    {37, 38, INSTANCE, XID_CURE_WAIT, "driver firmware error",
     "the firmware that switches between programs reported an error", RESTART_PROGRAM},
    {39, 42, INSTANCE, XID_CURE_WAIT, "copy engine exception", "a copy in GPU memory failed",
     RESTART_PROGRAM},
    {43, 43, APPLICATION, XID_CURE_WAIT, "program stopped on the GPU",
     "a program ran into an error of its own and was ended; others go on", FIX_PROGRAM},
    {44, 44, INSTANCE, XID_CURE_WAIT, "fault while switching programs",
     "a program's context could not be saved or restored", RESTART_PROGRAM},
    {45, 45, APPLICATION, XID_CURE_WAIT, "work removed from the GPU",
     "a program was killed or has failed, and the driver cleans up after it", FIX_PROGRAM},
    {46, 46, GPU, XID_CURE_RESET, "GPU stopped processing",
     "the GPU does not end its work any more", RESET},
    {48, 48, INSTANCE, XID_CURE_RESET, "uncorrectable memory error",
     "two bits of a memory word were wrong, which ECC cannot mend", RESET},
    {54, 54, GPU, XID_CURE_REPLACE, "auxiliary power is not connected",
     "the board does not get the power that it needs", REPLACE},
    {56, 59, GPU, XID_CURE_RESET, "display, memory interface or microcontroller error",
     "a part of the board reported an error", RESET},
    {60, 60, INSTANCE, XID_CURE_WAIT, "security engine exception",
     "the engine for protected work failed", RESTART_PROGRAM},
    {61, 62, GPU, XID_CURE_RESET, "microcontroller halt",
     "the controller that manages the board's power and clocks stopped", RESET},
    {63, 63, GPU, XID_CURE_WAIT, "memory row or page retired",
     "a bad place in GPU memory was replaced; it counts from the next reset on",
     "reset the GPU when it is free; if it comes often, replace the node"},
    {64, 64, GPU, XID_CURE_RESET, "memory row or page cannot be retired",
     "a bad place in GPU memory could not be replaced", RESET},
    {65, 65, INSTANCE, XID_CURE_WAIT, "video encoder exception", "a video could not be encoded",
     RESTART_PROGRAM},
    {66, 67, INSTANCE, XID_CURE_WAIT, "illegal access by the driver",
     "the driver's firmware used a register that it may not", RESTART_PROGRAM},
    {68, 68, APPLICATION, XID_CURE_WAIT, "video decoder exception",
     "a program gave a video that cannot be decoded", FIX_PROGRAM},
    {69, 69, APPLICATION, XID_CURE_WAIT, "graphics engine class error",
     "a program used the engine wrongly", FIX_PROGRAM},
    {70, 72, INSTANCE, XID_CURE_WAIT, "copy engine exception", "a copy in GPU memory failed",
     RESTART_PROGRAM},
    {73, 73, INSTANCE, XID_CURE_WAIT, "video encoder exception", "a video could not be encoded",
     RESTART_PROGRAM},
    {74, 74, GPU, XID_CURE_RESET, "NVLink error",
     "a link to another GPU or to a switch failed: hardware, a connector, or the other end",
     "drain the GPUs that are linked and reset them together; if it comes again, replace the node"},
    {75, 77, INSTANCE, XID_CURE_WAIT, "copy engine exception", "a copy in GPU memory failed",
     RESTART_PROGRAM},
    {78, 78, GPU, XID_CURE_REBOOT, "vGPU does not start",
     "the driver of the host and that of the guest do not fit",
     "install matching drivers, then reboot"},
    {79, 79, GPU, XID_CURE_REBOOT, "GPU has fallen off the bus",
     "the PCIe link or the power of the board failed: hardware, heat or a connector", REBOOT},
    {80, 80, APPLICATION, XID_CURE_WAIT, "corrupted commands", "commands were broken on their way",
     RESTART_PROGRAM},
    {81, 81, GPU, XID_CURE_RESET, "VGA subsystem error", "the display part of the board failed",
     RESET},
    {82, 82, INSTANCE, XID_CURE_WAIT, "JPEG engine exception", "a picture could not be decoded",
     RESTART_PROGRAM},
    {83, 84, INSTANCE, XID_CURE_WAIT, "video decoder exception", "a video could not be decoded",
     RESTART_PROGRAM},
    {85, 85, INSTANCE, XID_CURE_WAIT, "copy engine exception", "a copy in GPU memory failed",
     RESTART_PROGRAM},
    {86, 86, INSTANCE, XID_CURE_WAIT, "optical flow engine exception", "optical flow failed",
     RESTART_PROGRAM},
    {88, 89, INSTANCE, XID_CURE_WAIT, "video decoder exception", "a video could not be decoded",
     RESTART_PROGRAM},
    {92, 92, GPU, XID_CURE_WAIT, "many corrected memory errors",
     "ECC mends single bits again and again: memory that ages", WATCH},
    {93, 93, GPU, XID_CURE_WAIT, "inforom is worn out",
     "the board's own record can be erased no more", WATCH},
    {94, 94, INSTANCE, XID_CURE_WAIT, "contained memory error",
     "memory failed under one program, which was ended; others are not touched",
     "restart the program; reset the GPU when it is free, which retires the bad memory"},
    {95, 95, GPU, XID_CURE_RESET, "uncontained memory error",
     "memory failed, and any program on the GPU may have wrong data", RESET},
    {96, 98, INSTANCE, XID_CURE_WAIT, "video decoder exception", "a video could not be decoded",
     RESTART_PROGRAM},
    {99, 105, INSTANCE, XID_CURE_WAIT, "JPEG engine exception", "a picture could not be decoded",
     RESTART_PROGRAM},
    {106, 107, GPU, XID_CURE_WAIT, "test message", "a management controller tested its messages",
     "nothing"},
    {108, 108, GPU, XID_CURE_WAIT, "NVLink remote address error",
     "a program used memory of another GPU that is not there", RESTART_PROGRAM},
    {109, 109, APPLICATION, XID_CURE_WAIT, "context switch timeout",
     "a program would not leave the GPU in time", FIX_PROGRAM},
    {110, 110, GPU, XID_CURE_RESET, "security fault",
     "the board's security controller refused to go on", RESET},
    {119, 120, GPU, XID_CURE_RESET, "GPU system processor does not answer",
     "the firmware on the board (GSP) hangs or has failed", RESET},
    {121, 121, GPU, XID_CURE_WAIT, "chip-to-chip link error, corrected",
     "the link between CPU and GPU mended an error", WATCH},
    {122, 124, GPU, XID_CURE_RESET, "board memory cannot be accessed",
     "the flash memory with the board's firmware does not answer", RESET},
    {125, 125, GPU, XID_CURE_REPLACE, "inforom is broken",
     "the file system of the board's own record is damaged", REPLACE},
    {126, 135, INSTANCE, XID_CURE_WAIT, "copy engine exception", "a copy in GPU memory failed",
     RESTART_PROGRAM},
    {136, 136, GPU, XID_CURE_RESET, "NVLink training failed",
     "a link to another GPU or to a switch did not come up", RESET},
    {137, 137, GPU, XID_CURE_WAIT, "NVLink privilege error",
     "a program used memory over NVLink that it may not", RESTART_PROGRAM},
    {139, 139, INSTANCE, XID_CURE_WAIT, "optical flow engine exception", "optical flow failed",
     RESTART_PROGRAM},
    {140, 140, GPU, XID_CURE_RESET, "unrecovered memory error",
     "memory failed where ECC cannot mend it", RESET},
    {141, 141, INSTANCE, XID_CURE_WAIT, "fast path error", "a program's quick submission failed",
     RESTART_PROGRAM},
    {142, 142, GPU, XID_CURE_REPLACE, "video encoder failed", "the video encoder is defective",
     REPLACE},
    {143, 143, GPU, XID_CURE_RESET, "GPU does not start", "the board could not be initialized",
     RESET},
    {144, 150, GPU, XID_CURE_RESET, "NVLink error", "a link to another GPU or to a switch failed",
     "drain the GPUs that are linked and reset them together; if it comes again, replace the node"},
    {151, 151, GPU, XID_CURE_REBOOT, "key rotation failed",
     "confidential computing could not change its keys", REBOOT},
    {154, 154, GPU, XID_CURE_WAIT, "recovery action changed",
     "the driver asks for another action than before", "what the driver asks for"},
    {155, 155, GPU, XID_CURE_RESET, "NVLink software error", "the driver took a link out of use",
     RESET},
    {156, 156, GPU, XID_CURE_RESET, "GPU resource retired",
     "a bad part of the GPU is to be taken out of use at the next reset", RESET},
    {157, 157, GPU, XID_CURE_WAIT, "GPU resource cannot be retired",
     "a bad part of the GPU could not be taken out of use", WATCH},
    {158, 158, GPU, XID_CURE_RESET, "GPU fatal timeout", "the GPU does not answer the driver",
     RESET},
    {160, 161, GPU, XID_CURE_WAIT, "memory channel retired",
     "a bad channel of GPU memory is to be taken out of use", WATCH},
    {162, 166, GPU, XID_CURE_WAIT, "power smoothing or link encryption notice",
     "the board reported a change of its own features", WATCH},
    {167, 167, GPU, XID_CURE_REBOOT, "PCIe fatal timeout", "the board does not answer on PCIe",
     REBOOT},
    {168, 168, GPU, XID_CURE_WAIT, "GPU memory is reduced",
     "bad memory was taken out of use for good", WATCH},
    {169, 169, GPU, XID_CURE_RESET, "security engine halted",
     "the board's security controller stopped", RESET},
    {171, 172, INSTANCE, XID_CURE_RESET, "uncorrectable memory error",
     "memory failed where ECC cannot mend it", RESET},
};

static const struct xid unknown = {
    .touches = XID_TOUCHES_INSTANCE,
    .cure = XID_CURE_RESET,
    .name = "unknown XID",
    .cause = "the driver reported a fault that carve does not know",
    .help = "look the number up in NVIDIA's XID catalog; a GPU reset mends most faults",
};

const struct xid *xid_find(uint64_t number)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (number >= table[i].first && number <= table[i].last)
            return &table[i];
    return &unknown;
}

bool xid_ignored_by_default(uint64_t number)
{
    return number == 13 || number == 31 || number == 43 || number == 45 || number == 68 ||
           number == 109;
}

const struct xid *xid_table(unsigned *count)
{
    *count = sizeof table / sizeof table[0];
    return table;
}
