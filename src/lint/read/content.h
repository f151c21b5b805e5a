/* SPDX-License-Identifier: Apache-2.0 */
/* What a text is, by its content first and by its name or label only where that says nothing. */
#ifndef LINT_CONTENT_H
#define LINT_CONTENT_H

#include <stdbool.h>
#include <stddef.h>

enum content {
    CONTENT_NONE, /* nothing for lint */
    CONTENT_YAML,
    CONTENT_SHELL,
    CONTENT_MARKDOWN, /* prose with or without fences */
};

/* Of a whole file. */
enum content content_of_file(const char *file, const char *text, size_t size);

/* Of a block in a document; the label may be empty and may be wrong. */
enum content content_of_block(const char *label, size_t label_size, const char *text, size_t size);

/* Whether it has lines that begin with apiVersion: and kind:, so is meant as a whole object. */
bool content_is_object(const char *text, size_t size);

/* Whether it has the words of a device plugin's, MIG or Kubernetes file. */
bool content_is_known(const char *text, size_t size);

/* Whether its first line that says something looks like a key, an item or JSON. */
bool content_is_values(const char *text, size_t size);

/* "yaml" of "a/b.yaml"; "" if there is none. */
const char *content_ending(const char *file);

#endif
