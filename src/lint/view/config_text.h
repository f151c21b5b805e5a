/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door to the parsers of config/: their word for a finding is lint's too, so no other file of
 * lint may include their headers and those of a run.
 */
#ifndef LINT_CONFIG_TEXT_H
#define LINT_CONFIG_TEXT_H

#include <stddef.h>

struct arena;
struct config;
struct config_note;
struct mig_file;

struct config_notes {
    size_t n;
    struct config_note *items; /* in the arena; spots have line and column in the text alone */
};

/* *out is NULL where the text cannot be read; notes say why. -ENOMEM. */
int config_text_plugin(struct config **out, struct config_notes *notes, struct arena *arena,
                       const char *text, size_t size);
int config_text_mig(struct mig_file **out, struct config_notes *notes, struct arena *arena,
                    const char *text, size_t size);

#endif
