/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks, temperatures and performance states: readings that take a kind as an argument. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "session.h"

enum clock {
    CLOCK_GRAPHICS,
    CLOCK_SM,
    CLOCK_MEMORY,
    CLOCK_VIDEO,
};

/* The number, or the error in it. */
static int give(int64_t value, unsigned *out)
{
    if (!out)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (value < 0)
        return (int)-value;
    *out = (unsigned)value;
    return NVML_SUCCESS;
}

static int64_t memory_clock(const struct target *t)
{
    return t->gpu->board->n_clocks ? t->gpu->board->clocks_mhz[0] : FACT_NONE;
}

static int64_t now_mhz(const struct target *t, unsigned type)
{
    switch (type) {
    case CLOCK_GRAPHICS:
    case CLOCK_SM:
        return t->gpu->facts[FACT_CLOCK_MHZ];
    case CLOCK_MEMORY:
        return t->gpu->facts[FACT_MEMORY_MHZ] ? t->gpu->facts[FACT_MEMORY_MHZ] : memory_clock(t);
    case CLOCK_VIDEO:
        return t->gpu->facts[FACT_VIDEO_MHZ];
    default:
        return type == 4 ? -NVML_ERROR_NOT_SUPPORTED : -NVML_ERROR_INVALID_ARGUMENT;
    }
}

static int64_t max_mhz(const struct target *t, unsigned type)
{
    switch (type) {
    case CLOCK_GRAPHICS:
    case CLOCK_SM:
        return t->gpu->facts[FACT_CLOCK_MAX_MHZ];
    case CLOCK_MEMORY:
        return memory_clock(t);
    case CLOCK_VIDEO:
        return t->gpu->facts[FACT_VIDEO_MAX_MHZ];
    default:
        return -NVML_ERROR_INVALID_ARGUMENT;
    }
}

API(nvmlDeviceGetClockInfo, nvmlDevice_t device, unsigned type, unsigned *mhz)
{
    struct target t;
    int rc = session_gpu(__func__, device, &t);

    return rc == NVML_SUCCESS ? give(now_mhz(&t, type), mhz) : rc;
}

API(nvmlDeviceGetMaxClockInfo, nvmlDevice_t device, unsigned type, unsigned *mhz)
{
    struct target t;
    int rc = session_gpu(__func__, device, &t);

    return rc == NVML_SUCCESS ? give(max_mhz(&t, type), mhz) : rc;
}

/* Video has no application clock. */
static int application(const char *call, nvmlDevice_t device, unsigned type, unsigned *mhz)
{
    struct target t;
    int64_t set;
    int rc = session_gpu(call, device, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    if (type == CLOCK_VIDEO)
        return NVML_ERROR_NOT_SUPPORTED;
    set = type == CLOCK_MEMORY ? 0 : t.gpu->facts[FACT_APPLICATION_MHZ];
    return give(set ? set : max_mhz(&t, type), mhz);
}

API(nvmlDeviceGetApplicationsClock, nvmlDevice_t device, unsigned type, unsigned *mhz)
{
    return application(__func__, device, type, mhz);
}

API(nvmlDeviceGetDefaultApplicationsClock, nvmlDevice_t device, unsigned type, unsigned *mhz)
{
    return application(__func__, device, type, mhz);
}

API(nvmlDeviceGetMaxCustomerBoostClock, nvmlDevice_t device, unsigned type, unsigned *mhz)
{
    return nvmlDeviceGetMaxClockInfo(device, type, mhz);
}

/* which: 0 now, 1 application, 2 application default, 3 highest customer boost. */
API(nvmlDeviceGetClock, nvmlDevice_t device, unsigned type, unsigned which, unsigned *mhz)
{
    if (which > 3)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (which == 0)
        return nvmlDeviceGetClockInfo(device, type, mhz);
    return which == 3 ? nvmlDeviceGetMaxClockInfo(device, type, mhz)
                      : application(__func__, device, type, mhz);
}

API(nvmlDeviceGetSupportedMemoryClocks, nvmlDevice_t device, unsigned *count, unsigned *out)
{
    struct target t;
    unsigned room;
    int rc = session_gpu(__func__, device, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!count)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (!t.gpu->board->n_clocks)
        return NVML_ERROR_NOT_SUPPORTED;
    room = out ? *count : 0;
    *count = t.gpu->board->n_clocks;
    if (room < *count)
        return NVML_ERROR_INSUFFICIENT_SIZE;
    for (unsigned i = 0; i < *count; i++)
        out[i] = t.gpu->board->clocks_mhz[i];
    return NVML_SUCCESS;
}

/* From the highest down in steps of 15 MHz, as these boards have them. */
API(nvmlDeviceGetSupportedGraphicsClocks, nvmlDevice_t device, unsigned memory_mhz, unsigned *count,
    unsigned *out)
{
    struct target t;
    int64_t low, high;
    unsigned room, n = 0;
    int rc = session_gpu(__func__, device, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!count)
        return NVML_ERROR_INVALID_ARGUMENT;
    low = t.gpu->facts[FACT_CLOCK_MIN_MHZ];
    high = t.gpu->facts[FACT_CLOCK_MAX_MHZ];
    if (low < 0 || high < low || high > 10000)
        return NVML_ERROR_NOT_SUPPORTED;
    for (unsigned i = 0; i < t.gpu->board->n_clocks; i++)
        n += t.gpu->board->clocks_mhz[i] == memory_mhz;
    if (n == 0)
        return NVML_ERROR_NOT_FOUND;
    room = out ? *count : 0;
    *count = (unsigned)(high - low) / 15 + 1;
    if (room < *count)
        return NVML_ERROR_INSUFFICIENT_SIZE;
    for (unsigned i = 0; i < *count; i++)
        out[i] = (unsigned)high - 15 * i;
    return NVML_SUCCESS;
}

/* One performance state for each memory clock, the slowest first, as in the capture. */
static void performance_mode(struct buf *b, const struct target *t, unsigned memory_mhz)
{
    long long low = t->gpu->facts[FACT_CLOCK_MIN_MHZ], high = t->gpu->facts[FACT_CLOCK_MAX_MHZ];
    long long now = t->gpu->facts[FACT_CLOCK_MHZ];
    unsigned rate = 2 * memory_mhz;

    buf_printf(b, "nvclock=%lld, nvclockmin=%lld, nvclockmax=%lld, nvclockeditable=0, ", now, low,
               high);
    buf_printf(b, "memclock=%u, memclockmin=%u, memclockmax=%u, memclockeditable=0, ", memory_mhz,
               memory_mhz, memory_mhz);
    buf_printf(b,
               "memTransferRate=%u, memTransferRatemin=%u, memTransferRatemax=%u, "
               "memTransferRateeditable=0",
               rate, rate, rate);
}

static int mode_text(const char *call, nvmlDevice_t device, struct nvml_text2048 *out, bool all)
{
    struct target t;
    struct buf text;
    int rc = session_gpu(call, device, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!out)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (!session_version(out->version, sizeof *out))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    if (!t.gpu->board->n_clocks)
        return NVML_ERROR_NOT_SUPPORTED;
    buf_init(&text, sizeof out->text);
    for (unsigned i = 0; all && i < t.gpu->board->n_clocks; i++) {
        buf_printf(&text, "%sperf=%u, ", i ? " ; " : "", i);
        performance_mode(&text, &t, t.gpu->board->clocks_mhz[t.gpu->board->n_clocks - 1 - i]);
    }
    if (!all)
        performance_mode(&text, &t, t.gpu->board->clocks_mhz[0]);
    rc = text.failed ? NVML_ERROR_MEMORY : session_text(out->text, sizeof out->text, text.data);
    buf_done(&text);
    return rc;
}

API(nvmlDeviceGetPerformanceModes, nvmlDevice_t device, struct nvml_text2048 *out)
{
    return mode_text(__func__, device, out, true);
}

API(nvmlDeviceGetCurrentClockFreqs, nvmlDevice_t device, struct nvml_text2048 *out)
{
    return mode_text(__func__, device, out, false);
}

/* size is in bytes; unused entries are 32, "unknown". */
API(nvmlDeviceGetSupportedPerformanceStates, nvmlDevice_t device, unsigned *out, unsigned size)
{
    static const unsigned states[] = {2, 0}; /* as captured */
    struct target t;
    int rc = session_gpu(__func__, device, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!out)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (size < sizeof states)
        return NVML_ERROR_INSUFFICIENT_SIZE;
    for (unsigned i = 0; i < size / sizeof *out; i++)
        out[i] = i < 2 ? states[i] : 32;
    return NVML_SUCCESS;
}

API(nvmlDeviceGetTemperature, nvmlDevice_t device, unsigned sensor, unsigned *celsius)
{
    struct target t;
    int rc = session_gpu(__func__, device, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    return sensor == 0 ? give(t.gpu->facts[FACT_TEMPERATURE_C], celsius)
                       : NVML_ERROR_INVALID_ARGUMENT;
}

/* version, sensor, degrees */
API(nvmlDeviceGetTemperatureV, nvmlDevice_t device, struct nvml_words *out)
{
    if (!out)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (out->version != NVML_VERSION(*out, 1))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    return nvmlDeviceGetTemperature(device, out->first, &out->second);
}

API(nvmlDeviceGetTemperatureThreshold, nvmlDevice_t device, unsigned type, unsigned *celsius)
{
    static const enum fact facts[] = {FACT_SHUTDOWN_C, FACT_SLOWDOWN_C, FACT_MEMORY_MAX_C,
                                      FACT_GPU_MAX_C};
    struct target t;
    int rc = session_gpu(__func__, device, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    if (type >= 8)
        return NVML_ERROR_INVALID_ARGUMENT;
    return give(type < 4 ? t.gpu->facts[facts[type]] : FACT_NONE, celsius);
}
