/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of one's own for a test that reads files. Failing to make it fails the test. */
#ifndef TESTS_UNIT_AGENT_SCRATCH_H
#define TESTS_UNIT_AGENT_SCRATCH_H

#include <stddef.h>

struct scratch {
    char folder[64];
};

void scratch_open(struct scratch *s);
void scratch_close(struct scratch *s);

/* Writes a file below the folder, making the folders above it. */
void scratch_put(const struct scratch *s, const char *path, const char *text);
void scratch_put_bytes(const struct scratch *s, const char *path, const void *data, size_t size);
void scratch_link(const struct scratch *s, const char *path, const char *target);
void scratch_remove(const struct scratch *s, const char *path);

#endif
