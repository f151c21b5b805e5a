/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as mig-parted's file: refused, or read, and then written and read again the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "config/findings.h"
#include "config/mig_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct mig_file *parse(const char *text, size_t size)
{
    struct mig_file *file = NULL;
    struct findings f;
    struct err e = {0};
    int r;

    findings_init(&f, "f");
    r = mig_file_parse(&file, "f", text, size, &f, &e);
    if ((r == 0) != (file != NULL) || (r < 0) != (f.n_errors > 0))
        abort();
    findings_done(&f);
    return file;
}

static void write_and_read(const struct mig_file *file, bool json)
{
    OWN(mig_file_freep) struct mig_file *again = NULL;
    struct buf once, twice;

    buf_init(&once, 1 << 16);
    buf_init(&twice, 1 << 16);
    mig_file_write(&once, file, json);
    if (!once.failed) {
        again = parse(once.data, once.size);
        if (!again || again->n_configs != file->n_configs)
            abort();
        mig_file_write(&twice, again, json);
        if (twice.size != once.size || memcmp(once.data, twice.data, once.size) != 0)
            abort();
    }
    buf_done(&once);
    buf_done(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    OWN(mig_file_freep) struct mig_file *file = parse((const char *)data, size);

    if (!file)
        return 0;
    write_and_read(file, false);
    write_and_read(file, true);
    for (size_t i = 0; i < file->n_configs; i++) {
        const struct mig_config *found = NULL;

        if (mig_file_find(&found, file, file->configs[i].name, NULL) < 0 ||
            found != &file->configs[i])
            abort();
    }
    return 0;
}
