/* SPDX-License-Identifier: Apache-2.0 */
/* A visit: see doctor.h. Reads the cluster, lets the judges speak, adds who holds what. */
#include "doctor/doctor.h"

#include <string.h>

#include "base/err.h"
#include "doctor/say.h"

static void add_holder(struct doctor_report *r, struct holding *h, const struct pod *p,
                       int64_t count)
{
    const char **grown =
        count > 0 ? arena_grow(&r->arena, h->holders, h->n_holders, sizeof *grown) : NULL;

    if (!grown)
        return;
    h->holders = grown;
    h->holders[h->n_holders++] = say_text(r, "%s/%s (%lld%s)", p->space, p->name, (long long)count,
                                          p->leaves ? ", terminating" : "");
}

static void add_holding(struct doctor_report *r, const struct cluster *c, const struct node *node,
                        const struct amount *resource)
{
    struct holding *grown = arena_grow(&r->arena, r->holdings, r->n_holdings, sizeof *grown), *h;
    size_t n;
    const struct place *places = cluster_places(c, node->name, &n);

    if (!grown)
        return;
    r->holdings = grown;
    h = &grown[r->n_holdings++];
    *h = (struct holding){.node = say_text(r, "%s", node->name),
                          .resource = say_text(r, "%s", resource->name)};
    h->allocatable = cluster_amount(node->allocatable, node->n_allocatable, resource->name);
    h->held = cluster_held(node, resource->name);
    for (size_t i = 0; i < n; i++) {
        const struct pod *p = places[i].pod;

        if (p && p->holds)
            add_holder(r, h, p,
                       cluster_amount(p->workload->asks, p->workload->n_asks, resource->name));
    }
}

static void add_holdings(struct doctor_report *r, const struct cluster *c)
{
    for (size_t i = 0; i < c->n_nodes; i++)
        for (size_t n = 0; n < c->nodes[i].n_capacity; n++)
            if (c->nodes[i].capacity[n].count > 0 && resource_is_gpu(c->nodes[i].capacity[n].name))
                add_holding(r, c, &c->nodes[i], &c->nodes[i].capacity[n]);
}

static void count(struct doctor_report *r, const struct cluster *c)
{
    r->n_nodes = c->n_all_nodes;
    r->n_gpu_nodes = (unsigned)c->n_nodes;
    r->n_gpu_pods = (unsigned)c->n_pods;
    for (size_t i = 0; i < c->n_pods; i++)
        r->n_pending += c->pods[i].waits;
}

int doctor_cluster(struct doctor_report *out, struct api *api, struct err *e)
{
    OWN(cluster_done) struct cluster cluster = {0};
    OWN(doctor_done) struct doctor_report report = {.spare = {.next = "", .cure = ""}};
    int r = cluster_read(&cluster, &report, api, e);

    if (r < 0)
        return r;
    count(&report, &cluster);
    judge_nodes(&report, &cluster);
    judge_amounts(&report, &cluster);
    judge_plugins(&report, &cluster);
    judge_karpenter(&report, &cluster);
    judge_pods(&report, &cluster);
    judge_starts(&report, &cluster);
    say_sort(&report);
    add_holdings(&report, &cluster);
    if (report.arena.failed)
        return err_memory(e);
    *out = report;
    report = (struct doctor_report){0};
    return 0;
}

void doctor_done(struct doctor_report *r)
{
    arena_done(&r->arena);
    *r = (struct doctor_report){0};
}
