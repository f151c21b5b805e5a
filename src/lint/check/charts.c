/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Look-ups in the tables of charts.h: versions by their numbers, values by their paths. Whoever
 * judges a release is elsewhere.
 */
#include "lint/check/charts.h"

#include <string.h>

#include "config/suggest.h"

enum {
    MAX_NUMBERS = 6,
    MAX_NUMBER = 1000000000,
    MAX_PATH = 256,
    MAX_NEAR = 512, /* paths of one component that are compared by spelling */
};

static const struct {
    enum chart chart;
    const char *name, *repository, *url;
} charts[] = {
    {CHART_DEVICE_PLUGIN, "nvidia-device-plugin", "nvdp",
     "https://nvidia.github.io/k8s-device-plugin"},
    {CHART_GPU_OPERATOR, "gpu-operator", "nvidia", "https://helm.ngc.nvidia.com/nvidia"},
    {CHART_GPU_FEATURE_DISCOVERY, "gpu-feature-discovery", "nvdp",
     "https://nvidia.github.io/k8s-device-plugin"},
    {CHART_NFD, "node-feature-discovery", "nfd",
     "https://kubernetes-sigs.github.io/node-feature-discovery/charts"},
    {CHART_DCGM_EXPORTER, "dcgm-exporter", "gpu-helm-charts",
     "https://nvidia.github.io/dcgm-exporter/helm-charts"},
    {CHART_KARPENTER, "karpenter", NULL, NULL},
};

/* The numbers of "v24.9.2" and of "4.5.3-4.8.2"; returns how many there are. */
static size_t read_numbers(unsigned out[MAX_NUMBERS], const char *version)
{
    size_t n = 0;

    if (*version == 'v')
        version++;
    while (*version >= '0' && *version <= '9' && n < MAX_NUMBERS) {
        unsigned number = 0;

        for (; *version >= '0' && *version <= '9' && number < MAX_NUMBER / 10; version++)
            number = number * 10 + (unsigned)(*version - '0');
        out[n++] = number;
        if (*version == '.' || *version == '-')
            version++;
    }
    return n;
}

int charts_compare(const char *a, const char *b)
{
    unsigned x[MAX_NUMBERS] = {0}, y[MAX_NUMBERS] = {0};

    (void)read_numbers(x, a);
    (void)read_numbers(y, b);
    for (size_t i = 0; i < MAX_NUMBERS; i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return 0;
}

const struct chart_facts *charts_find(enum chart chart)
{
    for (size_t i = 0; i < sizeof charts / sizeof *charts; i++) {
        if (charts[i].chart != chart)
            continue;
        for (const struct chart_facts *f = chart_facts; f->name; f++)
            if (strcmp(f->name, charts[i].name) == 0)
                return f;
    }
    return NULL;
}

const char *charts_newest(const struct chart_facts *f)
{
    return f->versions[f->n_versions - 1];
}

const char *charts_repository(enum chart chart, const char **name)
{
    for (size_t i = 0; i < sizeof charts / sizeof *charts; i++) {
        if (charts[i].chart == chart) {
            *name = charts[i].repository;
            return charts[i].url;
        }
    }
    return NULL;
}

int charts_version(const struct chart_facts *f, const char *version)
{
    unsigned numbers[MAX_NUMBERS];
    int found = -1;

    if (!*version)
        return (int)f->n_versions - 1;
    if (read_numbers(numbers, version) < 2 || charts_compare(version, charts_newest(f)) > 0)
        return -1;
    for (size_t i = 0; i < f->n_versions; i++)
        if (charts_compare(f->versions[i], version) <= 0)
            found = (int)i;
    return found;
}

static bool same_minor(const char *a, const char *b)
{
    unsigned x[MAX_NUMBERS] = {0}, y[MAX_NUMBERS] = {0};

    (void)read_numbers(x, a);
    (void)read_numbers(y, b);
    return x[0] == y[0] && x[1] == y[1];
}

unsigned charts_behind(const struct chart_facts *f, int version)
{
    unsigned behind = 0;

    for (size_t i = (size_t)version + 1; i < f->n_versions; i++)
        behind += !same_minor(f->versions[i - 1], f->versions[i]);
    return behind;
}

/* The length of the path up to its n-th dot or bracket (from 1), or of all of it. */
static size_t prefix_size(const char *path, unsigned n)
{
    size_t size = 0;

    for (; path[size]; size++)
        if ((path[size] == '.' || path[size] == '[') && --n == 0)
            break;
    return size;
}

static bool is_path(const struct chart_value *v, const char *path, size_t size)
{
    return strlen(v->path) == size && memcmp(v->path, path, size) == 0;
}

static const struct chart_value *find_at(const struct chart_facts *f, int version, const char *path,
                                         size_t size)
{
    for (size_t i = 0; i < f->n_values; i++) {
        const struct chart_value *v = &f->values[i];

        if (is_path(v, path, size) && version >= v->first && version <= v->last)
            return v;
    }
    return NULL;
}

/*
 * The value by which a version reads the path, or NULL: each step is known, or what is above may
 * hold anything.
 */
static const struct chart_value *reads(const struct chart_facts *f, int version, const char *path)
{
    for (unsigned n = 1;; n++) {
        size_t size = prefix_size(path, n);
        const struct chart_value *v = find_at(f, version, path, size);

        if (!v || !path[size] || v->type == CHART_TYPE_ANY ||
            (v->type == CHART_TYPE_LIST && path[size] == '['))
            return v;
        if (v->type != CHART_TYPE_MAP)
            return NULL;
    }
}

/* The same, but where the newest version says what may be in there an older one proves nothing. */
static bool read_then(const struct chart_facts *f, int version, const char *path)
{
    const struct chart_value *v = reads(f, version, path);
    size_t size = v ? strlen(v->path) : 0;

    return v && (!path[size] || !find_at(f, (int)f->n_versions - 1, v->path, size));
}

enum charts_state charts_value(const struct chart_facts *f, int version, const char *path,
                               const char **edge)
{
    int newest = (int)f->n_versions - 1;

    *edge = NULL;
    if (reads(f, version, path) && (version == newest || reads(f, newest, path)))
        return CHARTS_KNOWN;
    for (int i = newest; i >= 0; i--) {
        if (i == newest ? !reads(f, i, path) : !read_then(f, i, path))
            continue;
        *edge = f->versions[i];
        if (i < newest)
            return CHARTS_GONE;
        while (i > 0 && reads(f, i - 1, path))
            *edge = f->versions[--i];
        return CHARTS_LATER;
    }
    return CHARTS_UNKNOWN;
}

bool charts_is_list(const struct chart_facts *f, int version, const char *path)
{
    const struct chart_value *v = find_at(f, version, path, strlen(path));

    return v && v->type == CHART_TYPE_LIST;
}

static const char *last_key(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot ? dot + 1 : path;
}

const char *charts_meant(const struct chart_facts *f, int version, const char *path)
{
    const char *near[MAX_NEAR], *same = NULL;
    size_t component = prefix_size(path, 1), n = 0, n_same = 0;

    for (size_t i = 0; i < f->n_values && n < MAX_NEAR; i++) {
        const struct chart_value *v = &f->values[i];

        if (version < v->first || version > v->last)
            continue;
        if (strlen(path) < MAX_PATH &&
            (!path[component] ||
             (strncmp(v->path, path, component) == 0 && v->path[component] == '.')))
            near[n++] = v->path;
        if (path[component] && strncmp(v->path, path, component + 1) == 0 &&
            strcmp(last_key(v->path), last_key(path)) == 0) {
            same = v->path;
            n_same++;
        }
    }
    return n_same == 1 ? same : suggest_find(path, near, n);
}
