/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 of RFC 4648, the way kubeconfig files carry certificates and keys. */
#ifndef API_BASE64_H
#define API_BASE64_H

#include <stddef.h>

struct err;

/* The bytes as a NUL-terminated new string in *out (free() it); spaces and newlines are skipped. */
int base64_decode(char **out, size_t *out_size, const char *text, struct err *e);

#endif
