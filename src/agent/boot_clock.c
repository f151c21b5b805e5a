/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks and the boot's id: see boot_clock.h. */
#include "agent/boot_clock.h"

#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/own.h"
#include "base/text.h"

struct fault_time boot_clock_now(void)
{
    struct timespec boot, wall;

    (void)clock_gettime(CLOCK_BOOTTIME, &boot);
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    return (struct fault_time){
        .wall_s = (uint64_t)wall.tv_sec,
        .boot_ms = (uint64_t)boot.tv_sec * 1000 + (uint64_t)boot.tv_nsec / 1000000,
    };
}

void boot_clock_id(char out[BOOT_ID_SIZE], const char *proc_root)
{
    OWN_MEM char *path = file_join(proc_root, "sys/kernel/random/boot_id");
    OWN_MEM char *text = NULL;
    size_t size;

    out[0] = '\0';
    if (!path || file_read(&text, &size, path, BOOT_ID_SIZE - 1, NULL) < 0)
        return;
    text[strcspn(text, " \n")] = '\0';
    (void)text_copy(out, BOOT_ID_SIZE, text);
}
