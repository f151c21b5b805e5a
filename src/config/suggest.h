/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean": the known word that is nearest to one that is not known. */
#ifndef CONFIG_SUGGEST_H
#define CONFIG_SUGGEST_H

#include <stddef.h>

/*
 * The nearest of `count` words by letters to add, drop, change or swap, upper and lower case being
 * one; NULL if none is near (more than a third of the word would change). First of equals wins.
 */
const char *suggest_find(const char *word, const char *const *words, size_t count);

#endif
