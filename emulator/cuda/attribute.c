/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cuDeviceGetAttribute: what is the same on every board since Turing is a table, what goes by
 * compute capability is another (NVIDIA's programming guide), the rest is the board's and the
 * GPU's.
 */
#include "cuda/attribute.h"

#include "cuda/cuda.h"

/* By compute capability. */
struct generation {
    int major, minor;
    int cores;             /* of an SM */
    int threads, blocks;   /* of an SM, at most */
    int shared_kib;        /* of an SM; a block can have 1 KiB less from 8.0 on */
    int l2_mib;            /* of its largest board here */
    int engines, fp64_per; /* copy engines; FP32 to FP64 rate */
};

static const struct generation generations[] = {
    {7, 5, 64, 1024, 16, 64, 4, 3, 32},      {8, 0, 64, 2048, 32, 164, 40, 3, 2},
    {8, 6, 128, 1536, 16, 100, 6, 2, 32},    {8, 9, 128, 1536, 24, 100, 48, 2, 64},
    {9, 0, 128, 2048, 32, 228, 50, 3, 2},    {10, 0, 128, 2048, 32, 228, 126, 4, 2},
    {12, 0, 128, 1536, 24, 100, 128, 2, 64},
};

static const struct constant {
    unsigned attribute;
    int value;
} constants[] = {
    {1, 1024},     {2, 1024},    {3, 1024},    {4, 64},         {5, 2147483647},  {6, 65535},
    {7, 65535},    {8, 49152},   {9, 65536},   {10, 32},        {11, 2147483647}, {12, 65536},
    {14, 512},     {15, 1},      {17, 0},      {18, 0},         {19, 1},          {20, 0},
    {21, 131072},  {22, 131072}, {23, 65536},  {24, 16384},     {25, 16384},      {26, 16384},
    {27, 32768},   {28, 32768},  {29, 2048},   {30, 512},       {31, 1},          {35, 0},
    {41, 1},       {42, 32768},  {43, 2048},   {44, 1},         {45, 32768},      {46, 32768},
    {47, 8192},    {48, 8192},   {49, 32768},  {51, 32},        {52, 32768},      {53, 32768},
    {54, 2046},    {55, 32768},  {56, 131072}, {57, 65536},     {58, 16384},      {59, 16384},
    {60, 16384},   {61, 32768},  {62, 2048},   {63, 32768},     {64, 32768},      {65, 2048},
    {66, 32768},   {67, 32768},  {68, 2046},   {69, 268435456}, {70, 131072},     {71, 65000},
    {72, 2097120}, {73, 32768},  {74, 32768},  {77, 32768},     {78, 1},          {79, 1},
    {80, 1},       {82, 65536},  {83, 1},      {84, 0},         {86, 0},          {88, 0},
    {89, 1},       {90, 1},      {91, 1},      {92, 0},         {93, 0},          {94, 0},
    {95, 1},       {96, 1},      {98, 0},      {99, 1},         {100, 0},         {101, 0},
    {102, 1},      {103, 1},     {104, 0},     {105, 0},        {107, 1},         {110, 1},
    {111, 1024},   {112, 1},     {113, 1},     {114, 1},        {115, 1},         {116, 1},
    {117, 1},      {118, 100},   {119, 9},     {121, 1},        {122, 1},         {123, 1},
    {124, 0},      {125, 1},     {128, 1},     {129, 1},        {130, 0},         {131, -1},
    {132, 0},      {133, 0},     {135, 0},     {136, 0},        {137, 0},         {138, 0},
    {141, 1},      {142, 1},     {143, 0},     {144, 1},        {145, 1},         {146, 0},
    {147, 0},
};

static int fact(const struct device *d, enum fact f)
{
    int64_t value = d->gpu->facts[f];

    return value < 0 ? 0 : (int)value;
}

int attribute_compute_major(const struct device *d)
{
    return fact(d, FACT_COMPUTE_MAJOR);
}

/* One that is not in the table is as the last before it. */
static const struct generation *generation_of(const struct device *d)
{
    int code = fact(d, FACT_COMPUTE_MAJOR) * 100 + fact(d, FACT_COMPUTE_MINOR);
    const struct generation *found = &generations[0];

    for (size_t i = 0; i < sizeof generations / sizeof generations[0]; i++) {
        if (generations[i].major * 100 + generations[i].minor <= code)
            found = &generations[i];
    }
    return found;
}

unsigned attribute_sms(const struct device *d)
{
    unsigned sms = (unsigned)(fact(d, FACT_CORES) / generation_of(d)->cores);

    return d->sms ? d->sms : sms ? sms : 1;
}

uint64_t attribute_threads(const struct device *d)
{
    return (uint64_t)attribute_sms(d) * (unsigned)generation_of(d)->threads;
}

static int by_generation(const struct device *d, unsigned attribute, int *out)
{
    const struct generation *g = generation_of(d);
    int shared = g->shared_kib * 1024;

    switch (attribute) {
    case 38: /* L2 cache */
        *out = g->l2_mib << 20;
        return CUDA_SUCCESS;
    case 39: /* threads of an SM */
        *out = g->threads;
        return CUDA_SUCCESS;
    case 40: /* copy engines */
        *out = d->is_mig ? 1 : g->engines;
        return CUDA_SUCCESS;
    case 81: /* shared memory of an SM */
        *out = shared;
        return CUDA_SUCCESS;
    case 87: /* FP32 to FP64 */
        *out = g->fp64_per;
        return CUDA_SUCCESS;
    case 97: /* shared memory that a block can ask for */
        *out = g->major < 8 ? shared : shared - 1024;
        return CUDA_SUCCESS;
    case 106: /* blocks of an SM */
        *out = g->blocks;
        return CUDA_SUCCESS;
    case 108: /* persisting L2 */
        *out = g->major < 8 ? 0 : (g->l2_mib << 20) / 8 * 5;
        return CUDA_SUCCESS;
    case 109: /* access policy window */
        *out = g->major < 8 ? 0 : 128 << 20;
        return CUDA_SUCCESS;
    case 120: /* clusters */
    case 127: /* tensor maps */
        *out = g->major >= 9;
        return CUDA_SUCCESS;
    case 126: /* memory synchronization domains */
        *out = g->major >= 9 ? 4 : 1;
        return CUDA_SUCCESS;
    default:
        return CUDA_ERROR_INVALID_VALUE;
    }
}

static int by_board(const struct device *d, unsigned attribute, int *out)
{
    switch (attribute) {
    case 13: /* clock in kHz */
        *out = fact(d, FACT_CLOCK_MAX_MHZ) * 1000;
        return CUDA_SUCCESS;
    case 16:
        *out = (int)attribute_sms(d);
        return CUDA_SUCCESS;
    case 32:
        *out = fact(d, FACT_ECC) != 0;
        return CUDA_SUCCESS;
    case 33:
        *out = (int)d->gpu->bus;
        return CUDA_SUCCESS;
    case 34:
        *out = (int)d->gpu->device;
        return CUDA_SUCCESS;
    case 36: /* memory clock in kHz */
        *out = d->gpu->board->n_clocks ? d->gpu->board->clocks_mhz[0] * 1000 : 0;
        return CUDA_SUCCESS;
    case 37:
        *out = fact(d, FACT_MEMORY_BUS_BITS);
        return CUDA_SUCCESS;
    case 50:
        *out = (int)d->gpu->domain;
        return CUDA_SUCCESS;
    case 75:
        *out = fact(d, FACT_COMPUTE_MAJOR);
        return CUDA_SUCCESS;
    case 76:
        *out = fact(d, FACT_COMPUTE_MINOR);
        return CUDA_SUCCESS;
    case 85: /* group of a board with several GPUs */
        *out = d->ordinal;
        return CUDA_SUCCESS;
    case 134:
        *out = d->gpu->numa;
        return CUDA_SUCCESS;
    case 139:
        *out = (int)d->gpu->board->pci_device_id;
        return CUDA_SUCCESS;
    case 140:
        *out = (int)d->gpu->board->pci_subsystem_id;
        return CUDA_SUCCESS;
    default:
        return by_generation(d, attribute, out);
    }
}

int attribute_read(const struct device *d, unsigned attribute, int *out)
{
    for (size_t i = 0; i < sizeof constants / sizeof constants[0]; i++) {
        if (constants[i].attribute == attribute) {
            *out = constants[i].value;
            return CUDA_SUCCESS;
        }
    }
    return by_board(d, attribute, out);
}
