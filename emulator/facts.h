/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numbers that describe a board or one GPU, each with its key in a node file and the answer
 * where no file states it. A negative value is an NVML error code with the sign turned: the getter
 * answers that error. Defaults that are not errors are stand-ins (README.md lists them).
 */
#ifndef EMULATOR_FACTS_H
#define EMULATOR_FACTS_H

#define FACT_NONE (-3) /* NVML_ERROR_NOT_SUPPORTED */

/* X(identifier, key, default) */
#define FACTS(X)                                                                                   \
    X(ARCHITECTURE, "architecture", FACT_NONE)                                                     \
    X(COMPUTE_MAJOR, "compute-major", FACT_NONE)                                                   \
    X(COMPUTE_MINOR, "compute-minor", FACT_NONE)                                                   \
    X(BRAND, "brand", 14)                                                                          \
    X(MEMORY_MIB, "memory-mib", FACT_NONE)                                                         \
    X(RESERVED_KIB, "reserved-kib", 0)                                                             \
    X(BAR1_MIB, "bar1-mib", FACT_NONE)                                                             \
    X(BAR1_USED_KIB, "bar1-used-kib", 1024)                                                        \
    X(MEMORY_BUS_BITS, "memory-bus-bits", FACT_NONE)                                               \
    X(CORES, "cores", FACT_NONE)                                                                   \
    X(PCIE_GEN, "pcie-gen", 4)                                                                     \
    X(PCIE_WIDTH, "pcie-width", 16)                                                                \
    X(IRQ, "irq", 41)                                                                              \
    X(MODULE, "module", FACT_NONE)                                                                 \
    X(NVLINKS, "nvlinks", 0)                                                                       \
    X(NVLINK_VERSION, "nvlink-version", FACT_NONE)                                                 \
    X(FABRIC, "fabric", FACT_NONE)                                                                 \
    X(C2C, "c2c", FACT_NONE)                                                                       \
    X(POWER_LIMIT_MW, "power-limit-mw", FACT_NONE)                                                 \
    X(POWER_MIN_MW, "power-min-mw", FACT_NONE)                                                     \
    X(POWER_DRAW_MW, "power-draw-mw", 50000)                                                       \
    X(ENERGY_MJ, "energy-mj", 2400000)                                                             \
    X(TEMPERATURE_C, "temperature-c", 35)                                                          \
    X(MEMORY_TEMPERATURE_C, "memory-temperature-c", FACT_NONE)                                     \
    X(MARGIN_C, "margin-c", FACT_NONE)                                                             \
    X(SHUTDOWN_C, "shutdown-c", 95)                                                                \
    X(SLOWDOWN_C, "slowdown-c", 89)                                                                \
    X(MEMORY_MAX_C, "memory-max-c", FACT_NONE)                                                     \
    X(GPU_MAX_C, "gpu-max-c", 85)                                                                  \
    X(CLOCK_MHZ, "clock-mhz", 345)                                                                 \
    X(CLOCK_MIN_MHZ, "clock-min-mhz", 345)                                                         \
    X(CLOCK_MAX_MHZ, "clock-max-mhz", FACT_NONE)                                                   \
    X(APPLICATION_MHZ, "application-mhz", 0) /* 0: the highest */                                  \
    X(MEMORY_MHZ, "memory-mhz", 0)           /* 0: the highest */                                  \
    X(VIDEO_MHZ, "video-mhz", 765)                                                                 \
    X(VIDEO_MAX_MHZ, "video-max-mhz", FACT_NONE)                                                   \
    X(PSTATE, "pstate", 0)                                                                         \
    X(UTILIZATION, "utilization", 0)                                                               \
    X(ENCODER_UTILIZATION, "encoder-utilization", 0)                                               \
    X(JPEG_UTILIZATION, "jpeg-utilization", 0)                                                     \
    X(OFA_UTILIZATION, "ofa-utilization", 0)                                                       \
    X(FANS, "fans", 0)                                                                             \
    X(FAN_PERCENT, "fan-percent", FACT_NONE)                                                       \
    X(ECC, "ecc", 1)                                                                               \
    X(PERSISTENCE, "persistence", 1)                                                               \
    X(ROWS_MAX, "rows-max", FACT_NONE)                                                             \
    X(PAGES_PENDING, "pages-pending", FACT_NONE)                                                   \
    X(EVENT_TYPES, "event-types", 0xff9f)                                                          \
    X(CLOCK_REASONS, "clock-reasons", 1)                                                           \
    X(CONF_COMPUTE, "conf-compute", FACT_NONE)                                                     \
    X(INFOROM_STATUS, "inforom-status", 0)                                                         \
    X(GSP, "gsp", 1)                                                                               \
    X(VIRTUALIZATION, "virtualization", 1)                                                         \
    X(PDI, "pdi", 0)

enum fact {
#define X(identifier, key, value) FACT_##identifier,
    FACTS(X)
#undef X
        FACT_COUNT
};

#endif
