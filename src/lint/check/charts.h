/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of Helm charts: their versions, the values that each version reads, the objects
 * they make and the files that their repositories offer for kubectl. The tables are made from
 * data/charts by tools/gen-charts.
 */
#ifndef LINT_CHARTS_H
#define LINT_CHARTS_H

#include "lint/view/system.h"

enum chart_type {
    CHART_TYPE_BOOL,
    CHART_TYPE_NUMBER,
    CHART_TYPE_TEXT,
    CHART_TYPE_LIST,
    CHART_TYPE_MAP, /* of keys that are all known */
    CHART_TYPE_ANY, /* anything may stand in it */
};

/* A value that the versions first to last read (numbers in chart_facts.versions). */
struct chart_value {
    const char *path;
    enum chart_type type;
    unsigned short first, last;
};

struct chart_facts {
    const char *name; /* NULL: the end of the table */
    const char *date; /* when this was read */
    size_t n_versions;
    const char *const *versions; /* oldest first, as the chart spells them ("v26.7.0") */
    size_t n_values;
    const struct chart_value *values; /* by path */
};
extern const struct chart_facts chart_facts[];

/* An object of a chart under the name it has whatever the release is called. */
struct chart_object {
    const char *chart, *kind, *name; /* chart NULL: the end of the table */
    const char *label;               /* "app=gpu-operator" */
};
extern const struct chart_object chart_objects[];

/* A file of a repository, there from tag `first` to tag `last` ("main": still). */
struct chart_file {
    const char *repository, *path, *first, *last; /* repository NULL: the end of the table */
};
extern const struct chart_file chart_files[];

/* NULL for a chart of which nothing is known. */
const struct chart_facts *charts_find(enum chart chart);
const char *charts_newest(const struct chart_facts *f);

/* The name and the address of the repository that has the chart; NULL where it is an OCI one. */
const char *charts_repository(enum chart chart, const char **name);

/*
 * The number of a version ("24.9.2", with or without v; "" means the newest); that of the nearest
 * older one if it is not known itself; -1 if it is older or newer than all that are known, or no
 * version at all.
 */
int charts_version(const struct chart_facts *f, const char *version);

/* How many minor versions came out after the one of this number. */
unsigned charts_behind(const struct chart_facts *f, int version);

enum charts_state {
    CHARTS_KNOWN,   /* read by that version */
    CHARTS_GONE,    /* read by older ones, or no longer by the newest */
    CHARTS_LATER,   /* read only by newer ones */
    CHARTS_UNKNOWN, /* by none */
};

/*
 * What a version makes of the value at a path ("migManager.env[0].name"). For CHARTS_GONE and
 * CHARTS_LATER *edge is the last or the first version that reads it, else NULL.
 */
enum charts_state charts_value(const struct chart_facts *f, int version, const char *path,
                               const char **edge);

/*
 * The path that a version reads and that was meant by an unknown one: the only one under the same
 * component with the same last key, or the nearest in spelling; NULL if there is none.
 */
const char *charts_meant(const struct chart_facts *f, int version, const char *path);

/* Whether a version takes a list at this path exactly ("migManager.env"). */
bool charts_is_list(const struct chart_facts *f, int version, const char *path);

/* The order of two versions by their numbers: below, at or above 0. */
int charts_compare(const char *a, const char *b);

#endif
