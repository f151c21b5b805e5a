/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inventory-dump [driver root]: the whole inventory as JSON, and the time that a first and a
 * second read took. Reads only; changes nothing on the GPUs.
 */
#include <stdio.h>
#include <time.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "gpu/driver.h"
#include "gpu/geometry.h"

static void write_number(struct json *j, const char *key, const struct gpu_profile *p, unsigned bit,
                         uint64_t number)
{
    if (p->unknown & bit)
        json_string(j, key, NULL);
    else
        json_uint(j, key, number);
}

static void write_profile(struct json *j, const struct gpu_profile *p)
{
    json_object(j, NULL);
    json_string(j, "name", p->name);
    json_uint(j, "id", p->id);
    json_uint(j, "index", p->index);
    json_uint(j, "slices", p->slices);
    json_uint(j, "maxInstances", p->max_instances);
    write_number(j, "sm", p, GPU_NUMBER_SM, p->sm_count);
    write_number(j, "copyEngines", p, GPU_NUMBER_COPY, p->copy_engines);
    write_number(j, "decoders", p, GPU_NUMBER_DECODE, p->decoders);
    write_number(j, "encoders", p, GPU_NUMBER_ENCODE, p->encoders);
    write_number(j, "jpegEngines", p, GPU_NUMBER_JPEG, p->jpeg_engines);
    write_number(j, "ofaEngines", p, GPU_NUMBER_OFA, p->ofa_engines);
    write_number(j, "memMiB", p, GPU_NUMBER_MEM, p->mem_mib);
    json_bool(j, "p2p", p->p2p);
    json_uint(j, "spanSize", p->span_size);
    json_array(j, "spanStarts");
    for (unsigned start = 0; start < 16; start++)
        if (p->span_starts >> start & 1)
            json_uint(j, NULL, start);
    json_array_end(j);
    json_object_end(j);
}

static void write_difference(void *self, const char *words)
{
    json_string(self, NULL, words);
}

static void write_geometry(struct json *j, const struct gpu *gpu)
{
    struct gpu_geometry table = {0};
    bool known = geometry_table(&table, gpu->device_id);

    json_object(j, "geometry");
    json_bool(j, "fromTable", gpu->geometry.from_table);
    json_uint(j, "axis", gpu->geometry.axis);
    json_array(j, "profiles");
    for (unsigned i = 0; i < gpu->geometry.n_profiles; i++)
        write_profile(j, &gpu->geometry.profiles[i]);
    json_array_end(j);
    json_bool(j, "inTable", known);
    json_array(j, "differsFromTable");
    if (known)
        (void)geometry_compare(&gpu->geometry, &table, write_difference, j);
    json_array_end(j);
    json_object_end(j);
}

static void write_instance(struct json *j, const struct gpu *gpu, const struct gpu_instance *gi)
{
    char name[GPU_PROFILE_NAME_SIZE];

    json_object(j, NULL);
    json_uint(j, "id", gi->id);
    json_uint(j, "profileId", gi->profile_id);
    json_uint(j, "start", gi->span.start);
    json_uint(j, "size", gi->span.size);
    json_array(j, "computeInstances");
    for (unsigned i = 0; i < gi->n_computes; i++) {
        const struct gpu_compute *ci = &gi->computes[i];

        json_object(j, NULL);
        json_uint(j, "id", ci->id);
        json_uint(j, "slices", ci->slices);
        json_uint(j, "deviceIndex", ci->device_index);
        json_string(j, "uuid", ci->uuid);
        json_string(j, "name", gpu_device_name(name, gpu, gi, ci));
        json_object_end(j);
    }
    json_array_end(j);
    json_object_end(j);
}

static void write_processes(struct json *j, const struct gpu *gpu)
{
    json_array(j, "processes");
    for (unsigned i = 0; i < gpu->n_processes; i++) {
        const struct gpu_process *p = &gpu->processes[i];

        json_object(j, NULL);
        json_uint(j, "pid", p->pid);
        json_int(j, "gi", p->gi_id);
        json_int(j, "ci", p->ci_id);
        json_uint(j, "memBytes", p->mem_bytes);
        json_object_end(j);
    }
    json_array_end(j);
}

static const char *mig_text(enum gpu_mig mig)
{
    switch (mig) {
    case GPU_MIG_NONE:
        return "none";
    case GPU_MIG_OFF:
        return "off";
    case GPU_MIG_ON:
        return "on";
    }
    return NULL;
}

static void write_identity(struct json *j, const struct gpu *gpu)
{
    char id[16];

    json_uint(j, "index", gpu->index);
    json_uint(j, "minor", gpu->minor);
    json_string(j, "uuid", gpu->uuid);
    json_string(j, "name", gpu->name);
    json_string(j, "busId", gpu->bus_id);
    (void)snprintf(id, sizeof id, "0x%08X", gpu->device_id);
    json_string(j, "deviceId", id);
    (void)snprintf(id, sizeof id, "0x%08X", gpu->subsystem_id);
    json_string(j, "subsystemId", id);
    json_int(j, "numaNode", gpu->numa_node);
    json_uint(j, "computeMajor", gpu->compute_major);
    json_uint(j, "computeMinor", gpu->compute_minor);
}

static void write_gpu(struct json *j, const struct inventory *inv, unsigned a)
{
    const struct gpu *gpu = &inv->gpus[a];

    json_object(j, NULL);
    write_identity(j, gpu);
    json_uint(j, "memTotalBytes", gpu->mem_total_bytes);
    json_uint(j, "memUsedBytes", gpu->mem_used_bytes);
    json_uint(j, "memReservedBytes", gpu->mem_reserved_bytes);
    json_string(j, "mig", mig_text(gpu->mig));
    json_string(j, "migPending", mig_text(gpu->mig_pending));
    json_string(j, "fault", gpu->fault[0] ? gpu->fault : NULL);
    write_geometry(j, gpu);
    json_array(j, "instances");
    for (unsigned i = 0; i < gpu->n_instances; i++)
        write_instance(j, gpu, &gpu->instances[i]);
    json_array_end(j);
    write_processes(j, gpu);
    json_array(j, "links");
    for (unsigned b = 0; b < inv->n_gpus; b++) {
        json_object(j, NULL);
        json_uint(j, "level", inv->links[a * inv->n_gpus + b].level);
        json_uint(j, "nvlinks", inv->links[a * inv->n_gpus + b].nvlinks);
        json_object_end(j);
    }
    json_array_end(j);
    json_object_end(j);
}

static uint64_t now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void write_inventory(struct json *j, const struct inventory *inv, const uint64_t times_us[4])
{
    json_object(j, NULL);
    json_string(j, "driverVersion", inv->driver_version);
    json_string(j, "nvmlVersion", inv->nvml_version);
    json_uint(j, "cudaVersion", inv->cuda_version);
    json_uint(j, "openUs", times_us[1] - times_us[0]);
    json_uint(j, "firstReadUs", times_us[2] - times_us[1]);
    json_uint(j, "secondReadUs", times_us[3] - times_us[2]);
    json_array(j, "gpus");
    for (unsigned i = 0; i < inv->n_gpus; i++)
        write_gpu(j, inv, i);
    json_array_end(j);
    json_object_end(j);
}

static int dump(struct driver *driver, const char *root, struct err *e)
{
    OWN(inventory_freep) struct inventory *first = NULL;
    OWN(inventory_freep) struct inventory *second = NULL;
    OWN(buf_done) struct buf out;
    struct json j;
    uint64_t times_us[4] = {now_us()};
    int rc;

    buf_init(&out, 16u << 20);
    rc = driver_open_nvml(driver, root, "/sys", e);
    times_us[1] = now_us();
    if (!rc)
        rc = driver->read(driver->self, &first, e);
    times_us[2] = now_us();
    if (!rc)
        rc = driver->read(driver->self, &second, e);
    times_us[3] = now_us();
    if (rc)
        return rc;
    json_init(&j, &out, 1);
    write_inventory(&j, second, times_us);
    rc = buf_check(&out, e);
    if (!rc)
        (void)puts(out.data);
    return rc;
}

int main(int argc, char **argv)
{
    struct driver driver = {0};
    struct err e = {0};
    int rc = dump(&driver, argc > 1 ? argv[1] : NULL, &e);

    driver_close(&driver);
    if (rc)
        (void)fprintf(stderr, "inventory-dump: %s\n", e.msg);
    return rc ? 2 : 0;
}
