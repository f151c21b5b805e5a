/* SPDX-License-Identifier: Apache-2.0 */
/* Field values: NVML's numbered readings, several in one call, each with its own answer. */
#include <time.h>

#include "session.h"

enum kind {
    KIND_UINT = 1,
    KIND_ULONGLONG = 3,
};

static int64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* The numbers are NVML_FI_DEV_*; an unknown one is NOT_SUPPORTED. */
static int64_t read_field(const struct target *t, const struct nvml_field *f, enum kind *kind)
{
    const int64_t *facts = t->gpu->facts;

    *kind = KIND_UINT;
    if (f->field >= 3 && f->field <= 28) { /* ECC counters, volatile and aggregate */
        *kind = KIND_ULONGLONG;
        return facts[FACT_ECC] < 0 ? FACT_NONE : 0;
    }
    switch (f->field) {
    case 1: /* ECC_CURRENT */
    case 2: /* ECC_PENDING */
        return facts[FACT_ECC];
    case 82: /* MEMORY_TEMP */
        return facts[FACT_MEMORY_TEMPERATURE_C];
    case 83: /* TOTAL_ENERGY_CONSUMPTION, mJ */
        *kind = KIND_ULONGLONG;
        return facts[FACT_ENERGY_MJ];
    case 91: /* NVLINK_LINK_COUNT */
        return facts[FACT_NVLINKS];
    case 142: /* REMAPPED_COR */
    case 143: /* REMAPPED_UNC */
    case 144: /* REMAPPED_PENDING */
    case 145: /* REMAPPED_FAILURE */
        return facts[FACT_ROWS_MAX] < 0 ? FACT_NONE : 0;
    case 185: /* POWER_AVERAGE, mW */
    case 186: /* POWER_INSTANT */
        return facts[FACT_POWER_DRAW_MW];
    case 187: /* POWER_MIN_LIMIT */
        return facts[FACT_POWER_MIN_MW];
    case 188: /* POWER_MAX_LIMIT */
    case 189: /* POWER_DEFAULT_LIMIT */
    case 190: /* POWER_CURRENT_LIMIT */
    case 192: /* POWER_REQUESTED_LIMIT */
        return facts[FACT_POWER_LIMIT_MW];
    case 230: /* GET_GPU_RECOVERY_ACTION */
        return t->state->recovery == STATE_RECOVERY_UNTOLD ? FACT_NONE
                                                           : (int64_t)t->state->recovery;
    default:
        return FACT_NONE;
    }
}

API(nvmlDeviceGetFieldValues, nvmlDevice_t device, int count, struct nvml_field *fields)
{
    struct target t;
    int rc = session_gpu(__func__, device, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    if (count <= 0 || !fields)
        return NVML_ERROR_INVALID_ARGUMENT;
    for (int i = 0; i < count; i++) {
        struct nvml_field *f = &fields[i];
        enum kind kind;
        int64_t value = read_field(&t, f, &kind);

        f->timestamp_us = now_us();
        f->latency_us = 0;
        f->rc = value < 0 ? (uint32_t)-value : NVML_SUCCESS;
        f->type = (uint32_t)kind;
        f->value.u64 = value < 0 ? 0 : (uint64_t)value;
    }
    return NVML_SUCCESS;
}
