/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was given to lint, cut into what can be read: files, the pieces of text inside them (fenced
 * blocks of Markdown, here-documents of shell, texts inside ConfigMaps), the YAML documents and
 * the shell commands in those. Everything knows its place in the file that it came from.
 */
#ifndef LINT_TEXT_H
#define LINT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "config/yaml.h"

/* A file as it was read. */
struct source {
    const char *file; /* as it was named or found; "-": standard input */
    const char *text; /* NUL-terminated, without a byte order mark */
    size_t size;
    bool crlf;         /* its lines end in CR LF */
    bool bom;          /* the file begins with a byte order mark, which text lacks */
    bool has_template; /* {{ }} or {% %} somewhere in it */
};

/* A range of a file. Lines and columns count from 1, columns in characters; line 0: the file. */
struct spot {
    const struct source *source;
    unsigned line, column;
    unsigned end_line, end_column; /* just behind it */
};

enum piece_kind {
    PIECE_YAML, /* one or more documents, JSON included */
    PIECE_SHELL,
};

/*
 * A text inside a file. Line n of it is line `line + n - 1` of the file and its column c is column
 * `indent + c` there, unless it is loose: then everything in it counts as standing at line, indent.
 */
struct piece {
    enum piece_kind kind;
    const struct source *source;
    const char *text;
    size_t size;
    unsigned line;
    unsigned indent;
    bool loose;                /* from a quoted text: cannot be edited line by line */
    bool templated;            /* template actions in it were blanked out before it was read */
    const char *file;          /* the name of the file that a here-document writes; else NULL */
    bool expands;              /* a here-document in which the shell fills in $NAME and the like */
    bool fenced;               /* a block of Markdown: its fences stand on the lines around it */
    const struct piece *outer; /* the shell or the ConfigMap that it stands in; NULL */
};

/*
 * One object: a YAML document with what every Kubernetes object has, or Helm values, or a device
 * plugin's or mig-parted's file. An item of a List is a document of its own. Strings are "" where
 * the document says nothing.
 */
struct document {
    const struct piece *piece;
    const struct yaml_doc *yaml;
    const struct yaml_node *root;
    const char *api_version, *kind, *name, *space; /* space: its namespace */
    const struct document *outer;                  /* the ConfigMap that holds this file; NULL */
    const char *key;                               /* and the key in it */
    bool part; /* a patch or an excerpt: what it lacks comes from elsewhere (part.h) */
};

/* A word of a command, its quotes taken off. Options keep "--name=value" in one word. */
struct word {
    const char *text;
    struct spot spot;
    bool expands; /* holds $x, `x` or a glob: its text is not what the program will see */
    const struct word *value; /* of "--name=value" what stands behind the '='; NULL */
};

struct call;

/* One simple command of a shell: the words, up to a | && || ; & or the line's end. */
struct command {
    const struct piece *piece;
    size_t n_words;
    struct word *words;
    struct spot spot;
    const struct piece *here; /* the here-document that it reads, also through a pipe; NULL */
    const char *program;      /* call_prepare(): what it starts; NULL: not looked for */
    const struct call *call;  /* call_prepare(): as that program sees it; NULL: another program */
};

/* The place in the file of a line and a column of a piece; empty. */
struct spot spot_in(const struct piece *piece, unsigned line, unsigned column);

/* Where a node stands in its file. */
struct spot spot_of(const struct document *d, const struct yaml_node *node);

/* A whole document, from its first node's place to its end. */
struct spot spot_of_document(const struct document *d);

/* The value at a path of keys parted by dots ("spec.template.spec"), or NULL. */
const struct yaml_node *node_at(const struct yaml_node *root, const char *path);

/* The value of one key (which may hold dots), or NULL; the pair, or NULL. */
const struct yaml_node *node_get(const struct yaml_node *map, const char *key);
const struct yaml_pair *node_pair(const struct yaml_node *map, const char *key);

/* The text of a scalar, or `otherwise` for anything else (also NULL). */
const char *node_text(const struct yaml_node *node, const char *otherwise);

/* Whether the text is a whole or the start of a template action, a ${VARIABLE} or the like. */
bool text_is_placeholder(const char *text);

/* "karpenter.sh" of "karpenter.sh/v1"; "" of "v1". Whether a document is of that group and kind. */
bool document_is(const struct document *d, const char *group, const char *kind);

/* The value of an option ("--version", or "-f"; either form) of a command, or NULL. */
const struct word *command_option(const struct command *c, const char *name);
bool command_has(const struct command *c, const char *word);

#endif
