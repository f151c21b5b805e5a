/* SPDX-License-Identifier: Apache-2.0 */
/* Builds a struct mig_file piece by piece; every function says false or NULL without memory. */
#ifndef CONFIG_MIG_FILE_MAKE_H
#define CONFIG_MIG_FILE_MAKE_H

#include "config/mig_file.h"

struct mig_file *mig_file_make_new(const char *file);

/* Appended and empty; valid until the next one is added. */
struct mig_config *mig_file_make_config(struct mig_file *file, const char *name);
struct mig_entry *mig_file_make_entry(struct mig_config *config);

bool mig_file_make_filter(struct mig_entry *entry, uint32_t device, uint32_t subsystem);
bool mig_file_make_device(struct mig_entry *entry, unsigned index);
struct mig_count *mig_file_make_count(struct mig_entry *entry, const char *profile, unsigned count);

/* Takes the configuration or the entry at `index` out. */
void mig_file_make_drop(struct mig_file *file, size_t index);
void mig_file_make_drop_entry(struct mig_config *config, size_t index);

#endif
