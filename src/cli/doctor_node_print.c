/* SPDX-License-Identifier: Apache-2.0 */
/* The findings of `carve doctor node`, for people and for programs. */
#include <stdio.h>
#include <string.h>

#include "cli/doctor.h"
#include "cli/report.h"
#include "doctor/cuda_run.h"
#include "doctor/node_facts.h"
#include "doctor/node_judge.h"

enum { LINE_SIZE = 1024, CHECK_WIDTH = 16, LEVEL_WIDTH = 11 };

static void print_line(const struct node_finding *n)
{
    bool bad = n->level == NODE_FAILED, open = bad || n->level == NODE_WARNING;
    char seen[LINE_SIZE], cure[LINE_SIZE];

    (void)snprintf(seen, sizeof seen, "%s", n->seen);
    (void)snprintf(cure, sizeof cure, "%s", n->cure);
    report_clean(seen);
    report_clean(cure);
    (void)printf("%s%-*s%s%-*s%s\n",
                 bad    ? report_red(stdout)
                 : open ? report_bold(stdout)
                        : "",
                 LEVEL_WIDTH, node_level_name(n->level), open ? report_plain(stdout) : "",
                 CHECK_WIDTH, n->check, seen);
    if (*cure)
        (void)printf("%*sdo: %s\n", LEVEL_WIDTH + CHECK_WIDTH, "", cure);
}

static int finish(const struct node_report *r, int code)
{
    return code == REPORT_FINE && node_cause(r) ? REPORT_FINDINGS : code;
}

int doctor_node_table(const struct node_report *r, const struct node_facts *f)
{
    const struct node_finding *cause = node_cause(r);
    const char *name = f->api.node_name;

    (void)printf("%s%s is %s%s%s", report_bold(stdout), *name ? name : "this node",
                 cause ? "not fit: " : "fit", cause ? cause->check : "", report_plain(stdout));
    (void)printf("%s\n", f->is_root ? "" : " (seen by an unprivileged user)");
    for (enum node_level level = NODE_FAILED; level <= NODE_ABSENT; level++)
        for (size_t i = 0; i < r->n_findings; i++)
            if (r->findings[i].level == level)
                print_line(&r->findings[i]);
    return finish(r, report_finish());
}

static void add_cuda(struct json *j, const struct node_cuda_facts *c)
{
    if (!c) {
        json_string(j, "cuda", NULL);
        return;
    }
    json_object(j, "cuda");
    json_string(j, "slice", *c->uuid ? c->uuid : NULL);
    json_uint(j, "processes", c->n_processes);
    json_string(j, "step", cuda_step_name(c->step));
    json_int(j, "code", c->code);
    json_string(j, "device", *c->name ? c->name : NULL);
    json_string(j, "deviceUuid", *c->found_uuid ? c->found_uuid : NULL);
    json_int(j, "devices", c->n_devices);
    json_int(j, "driverVersion", c->driver_version);
    json_uint(j, "memoryBytes", c->memory_bytes);
    json_uint(j, "sliceBytes", c->slice_bytes);
    json_uint(j, "initMicroseconds", c->init_us);
    json_uint(j, "contextMicroseconds", c->context_us);
    json_uint(j, "compileMicroseconds", c->module_us);
    json_uint(j, "kernelMicroseconds", c->kernel_us);
    json_uint(j, "sums", c->n_sums);
    json_uint(j, "wrong", c->n_wrong);
    json_object_end(j);
}

int doctor_node_json(const struct node_report *r, const struct node_facts *f)
{
    const struct node_finding *cause = node_cause(r);
    struct report_document d;
    struct json *j = &d.json;

    report_begin(&d);
    json_string(j, "node", *f->api.node_name ? f->api.node_name : NULL);
    json_bool(j, "fit", !cause);
    json_string(j, "cause", cause ? cause->check : NULL);
    json_bool(j, "root", f->is_root);
    json_array(j, "findings");
    for (size_t i = 0; i < r->n_findings; i++) {
        json_object(j, NULL);
        json_string(j, "check", r->findings[i].check);
        json_string(j, "result", node_level_name(r->findings[i].level));
        json_string(j, "seen", r->findings[i].seen);
        json_string(j, "cure", r->findings[i].cure);
        json_object_end(j);
    }
    json_array_end(j);
    add_cuda(j, f->cuda);
    return finish(r, report_end(&d));
}
