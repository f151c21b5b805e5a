/* SPDX-License-Identifier: Apache-2.0 */
/* Amounts as Kubernetes writes them ("8", "1k"), where a whole number is meant. */
#ifndef GATEWAY_AMOUNT_H
#define GATEWAY_AMOUNT_H

#include <stdint.h>

/* The amount; INT64_MAX if it is larger; -1 if it is none, or has a fraction. */
int64_t amount_whole(const char *text);

#endif
