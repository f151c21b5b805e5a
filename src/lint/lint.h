/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run of lint: what was asked, the texts, the system they describe, the findings. The order is
 * always read, see as a system, check, silence, sort; fixing is the same again over the edited
 * texts until nothing changes.
 */
#ifndef LINT_LINT_H
#define LINT_LINT_H

#include "base/arena.h"
#include "base/own.h"
#include "lint/finding.h"
#include "lint/view/system.h"

struct catalog;
struct err;
struct schema_set;

enum {
    LINT_MAX_FILES = 100000,
    LINT_MAX_FILE_BYTES = 256 << 20,    /* larger ones are refused */
    LINT_MAX_DOCUMENT_BYTES = 16 << 20, /* larger documents are passed over with a finding */
    LINT_MAX_TEXT_BYTES = 512 << 20,    /* of all files together */
    LINT_MAX_BYTES = 180 << 20,         /* of texts and what is made of them, about */
    LINT_MAX_NODES = 1 << 21,           /* of all documents and commands together */
    LINT_MIN_NODES = 1 << 19,           /* that may be made however much text there is */
    LINT_MAX_DOCUMENT_NODES = 1 << 19,  /* of one document, aliases written out */
    LINT_MAX_COMMANDS = 1 << 13,        /* of all shell texts */
    LINT_MAX_FINDINGS = 10000,          /* kept; more are counted */
    LINT_MAX_ASKED = 256,               /* names of choices kept for messages */
};

/* What reading found wrong with a text; check_text says it. */
struct fault {
    enum rule_id rule;
    struct spot spot;
    const char *message, *cure;
};

/* name=value of --set. */
struct choice {
    const char *name, *value;
    bool used;
};

struct lint {
    struct arena arena;
    const struct catalog *catalog;
    const struct schema_set *schemas;
    size_t n_choices;
    struct choice *choices;
    const char *region; /* of prices; "us-east-1" by default */

    size_t n_sources;
    struct source **sources;
    size_t n_pieces;
    struct piece **pieces;
    size_t n_trees; /* the documents' texts as trees, which the run owns */
    struct yaml_doc **trees;
    size_t n_nodes;      /* taken of LINT_MAX_NODES, words of commands among them */
    bool closed;         /* that bound was met: nothing further is read */
    size_t n_text_bytes; /* of all sources */
    size_t n_faults;
    struct fault *faults;
    const enum severity *severities; /* by rule, where a settings file changes them; NULL */
    struct system system;
    size_t n_findings;
    struct finding **findings;
    size_t n_lost; /* findings beyond the bound */
    size_t n_lost_errors;
    size_t n_silenced; /* by a comment or by the settings; those by comment are still in findings */
    size_t n_asked;    /* names of choices that findings asked for, given or not */
    const char **asked;
    struct finding spare;
    struct fix_cache *fix_cache; /* of fix_ranges() */
    bool out_of_memory;
};

/* Text that lives as long as the run; "" without memory, which the run then knows. */
const char *lint_printf(struct lint *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * A run begins with lint_init, then read.h fills it, then lint_run judges it once. The catalogue
 * and the schemas are borrowed.
 */
void lint_init(struct lint *l, const struct catalog *catalog, const struct schema_set *schemas);
void lint_done(struct lint *l);

/* Makes the system, runs all checks, silences and sorts the findings. -ENOMEM. */
int lint_run(struct lint *l, struct err *e);

/* Every check of the product: each reads the run and adds findings. */
typedef void lint_check(struct lint *l);
extern lint_check *const lint_checks[]; /* NULL-ended; checks.c */

#endif
