/* SPDX-License-Identifier: Apache-2.0 */
/* carve doctor: what is wrong and what to do next, the likeliest cause first. */
#include <argp.h>
#include <string.h>

#include "api/api.h"
#include "base/err.h"
#include "cli/doctor.h"
#include "cli/report.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "doctor/doctor.h"

enum { KEY_CONTEXT = 0x100, HOLDERS_SHOWN = 3 };

struct arguments {
    const char *kubeconfig, *context;
    bool json;
};

static error_t on_option(int key, char *value, struct argp_state *state)
{
    struct arguments *a = state->input;

    switch (key) {
    case 'k':
        a->kubeconfig = value;
        return 0;
    case KEY_CONTEXT:
        a->context = value;
        return 0;
    case 'o':
        if (strcmp(value, "json") != 0 && strcmp(value, "table") != 0)
            argp_error(state, "output format '%s' is neither table nor json", value);
        a->json = strcmp(value, "json") == 0;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option cluster_options[] = {
    {"kubeconfig", 'k', "FILE", 0,
     "kubeconfig file (default KUBECONFIG, ~/.kube/config, or a pod's service account)", 0},
    {"context", KEY_CONTEXT, "NAME", 0, "its context (default the current one)", 0},
    {"output", 'o', "FORMAT", 0, "table (default) or json", 1},
    {0},
};

static void print_texts(const char *label, const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char line[1024];

        (void)snprintf(line, sizeof line, "%s", texts[i]);
        report_clean(line);
        (void)printf("     %s %s\n", label, line);
    }
}

static void print_diagnosis(size_t number, const struct diagnosis *d)
{
    char words[1024], subject[256];

    (void)snprintf(words, sizeof words, "%s", d->words);
    (void)snprintf(subject, sizeof subject, "%s", d->subject);
    report_clean(words);
    report_clean(subject);
    (void)printf("%s%zu. %s", report_bold(stdout), number, subject);
    if (d->n_subjects > 1)
        (void)printf(" and %u more", d->n_subjects - 1);
    (void)printf("%s: %s [%s, %u %%]\n", report_plain(stdout), words, d->cause, d->likelihood);
    print_texts("seen:", d->evidence, d->n_evidence);
    print_texts("do:  ", &d->cure, *d->cure != '\0');
    print_texts("next:", &d->next, *d->next != '\0');
}

static void add_holders(struct table *t, const struct holding *h)
{
    char line[512];
    size_t used = 0;

    line[0] = '\0';
    for (size_t i = 0; i < h->n_holders && i < HOLDERS_SHOWN && used < sizeof line; i++)
        used +=
            (size_t)snprintf(line + used, sizeof line - used, "%s%s", i ? ", " : "", h->holders[i]);
    if (h->n_holders > HOLDERS_SHOWN)
        table_cell(t, "%s, and %zu more", line, h->n_holders - HOLDERS_SHOWN);
    else
        table_cell(t, "%s", line);
}

static int print_holdings(const struct doctor_report *r, struct err *e)
{
    static const char *const heads[] = {"NODE", "RESOURCE", ">ALLOCATABLE", ">HELD", "BY"};
    OWN(table_done) struct table t;

    table_init(&t, heads, sizeof heads / sizeof *heads);
    for (size_t i = 0; i < r->n_holdings; i++) {
        const struct holding *h = &r->holdings[i];

        table_cell(&t, "%s", h->node);
        table_cell(&t, "%s", h->resource);
        table_cell(&t, "%lld", h->allocatable);
        table_cell(&t, "%lld", h->held);
        add_holders(&t, h);
    }
    if (r->n_holdings > 0)
        (void)puts("");
    return table_print(&t, stdout, e);
}

static int print_table(const struct doctor_report *r)
{
    struct err e = {0};

    (void)printf("%u nodes, %u with GPUs; %u pods ask for GPUs, %u of them wait for a node\n",
                 r->n_nodes, r->n_gpu_nodes, r->n_gpu_pods, r->n_pending);
    for (size_t i = 0; i < r->n_unseen; i++)
        report_note("not judged: %s", r->unseen[i]);
    for (size_t i = 0; i < r->n_diagnoses; i++) {
        (void)puts("");
        print_diagnosis(i + 1, &r->diagnoses[i]);
    }
    if (r->n_diagnoses == 0)
        (void)puts("Nothing is wrong that the API shows.");
    if (print_holdings(r, &e) < 0)
        return report_error(&e);
    return report_finish();
}

static void add_texts(struct json *j, const char *key, const char *const *texts, size_t n)
{
    json_array(j, key);
    for (size_t i = 0; i < n; i++)
        json_string(j, NULL, texts[i]);
    json_array_end(j);
}

static void add_diagnosis(struct json *j, const struct diagnosis *d)
{
    json_object(j, NULL);
    json_string(j, "cause", d->cause);
    json_string(j, "subject", d->subject);
    json_uint(j, "subjects", d->n_subjects);
    json_uint(j, "likelihoodPercent", d->likelihood);
    json_string(j, "message", d->words);
    add_texts(j, "evidence", d->evidence, d->n_evidence);
    json_string(j, "cure", d->cure);
    json_string(j, "next", d->next);
    json_object_end(j);
}

static int print_json(const struct doctor_report *r)
{
    struct report_document d;
    struct json *j = &d.json;

    report_begin(&d);
    json_uint(j, "nodes", r->n_nodes);
    json_uint(j, "gpuNodes", r->n_gpu_nodes);
    json_uint(j, "gpuPods", r->n_gpu_pods);
    json_uint(j, "pendingGpuPods", r->n_pending);
    json_array(j, "diagnoses");
    for (size_t i = 0; i < r->n_diagnoses; i++)
        add_diagnosis(j, &r->diagnoses[i]);
    json_array_end(j);
    json_array(j, "held");
    for (size_t i = 0; i < r->n_holdings; i++) {
        json_object(j, NULL);
        json_string(j, "node", r->holdings[i].node);
        json_string(j, "resource", r->holdings[i].resource);
        json_int(j, "allocatable", r->holdings[i].allocatable);
        json_int(j, "held", r->holdings[i].held);
        add_texts(j, "by", r->holdings[i].holders, r->holdings[i].n_holders);
        json_object_end(j);
    }
    json_array_end(j);
    add_texts(j, "unseen", r->unseen, r->n_unseen);
    return report_end(&d);
}

static int doctor_cluster_run(int argc, char **argv)
{
    static const struct argp parser = {
        .options = cluster_options,
        .parser = on_option,
        .doc = "Why pods with GPU requests wait, why nodes do not serve, who holds what: read "
               "through the cluster's API, the likeliest cause first, with what was seen and the "
               "next command. Changes nothing.",
    };
    struct arguments a = {0};
    OWN(api_closep) struct api *api = NULL;
    OWN(doctor_done) struct doctor_report report = {0};
    struct err e = {0};
    int code;

    if (argp_parse(&parser, argc, argv, 0, NULL, &a) != 0)
        return REPORT_FAILED;
    if (api_open(&api, a.kubeconfig, a.context, &e) < 0 || doctor_cluster(&report, api, &e) < 0)
        return report_error(&e);
    code = a.json ? print_json(&report) : print_table(&report);
    return code == REPORT_FINE && report.n_diagnoses > 0 ? REPORT_FINDINGS : code;
}

int cmd_doctor(int argc, char **argv)
{
    static const struct verb verbs[] = {
        {"node", doctor_node_run, "whether this node is fit, each finding with its cure"},
        {"cluster", doctor_cluster_run, "why pods wait for GPUs and nodes do not serve them"},
        {0},
    };

    return verbs_run(verbs, "carve doctor", "Finds out what is wrong and what to do next.", argc,
                     argv);
}
