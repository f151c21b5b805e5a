/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events-wait MS: opens the driver's event set as carved does, waits so long, and prints what came
 * and what each GPU's recovery action is. Reads only. Exit code 1: it could not be opened or waited
 * for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/err.h"
#include "base/text.h"
#include "gpu/driver.h"
#include "gpu/driver_events.h"

static unsigned long long now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (unsigned long long)now.tv_sec * 1000 + (unsigned long long)now.tv_nsec / 1000000;
}

static int wait_for_events(unsigned wait_ms, struct err *e)
{
    struct driver_events door = {0};
    unsigned long long begin_ms;
    unsigned n_events = 0;
    int r = driver_events_open_nvml(&door, NULL, e);

    if (r < 0)
        return r;
    begin_ms = now_ms();
    for (unsigned waited = 0; r >= 0 && waited < wait_ms; waited += 200) {
        struct driver_event event;

        r = door.wait(door.self, &event, 200, e);
        if (r > 0) {
            n_events++;
            (void)printf("event %s xid %llu gi %d ci %d\n", event.gpu_uuid,
                         (unsigned long long)event.xid, event.gi_id, event.ci_id);
        }
    }
    if (r >= 0)
        (void)printf("watched %u\nevents %u\nwaited_ms %llu\n", door.n_gpus, n_events,
                     now_ms() - begin_ms);
    driver_events_close(&door);
    return r;
}

static int print_recovery(struct err *e)
{
    static const char *const names[] = {"unknown", "none", "wait", "reset", "reboot"};
    OWN(inventory_freep) struct inventory *inv = NULL;
    struct driver driver = {0};
    int r = driver_open_nvml(&driver, NULL, "/sys", e);

    if (r == 0)
        r = driver.read(driver.self, &inv, e);
    for (unsigned g = 0; r == 0 && g < inv->n_gpus; g++)
        (void)printf("recovery %s %s\n", inv->gpus[g].uuid, names[inv->gpus[g].recovery]);
    driver_close(&driver);
    return r;
}

int main(int argc, char **argv)
{
    struct err e = {0};
    uint64_t wait_ms;

    if (argc != 2 || !text_uint(&wait_ms, argv[1], 60000)) {
        (void)fputs("usage: events-wait MS\n", stderr);
        return 2;
    }
    if (wait_for_events((unsigned)wait_ms, &e) < 0 || print_recovery(&e) < 0) {
        (void)fprintf(stderr, "events-wait: %s\n", e.msg);
        return 1;
    }
    return 0;
}
