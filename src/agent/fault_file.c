/* SPDX-License-Identifier: Apache-2.0 */
/* The file of faults: see fault_file.h. A head with the boot's id, then lines of words. */
#include "agent/fault_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/fault_table.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/own.h"
#include "base/text.h"

#define HEAD "carve-faults-1"

enum {
    FILE_MAX_BYTES = 1 << 20,
    FILE_MODE = 0600,
    MAX_ID = 4096, /* of an instance */
};

/* The words of a line, one after the other. */
static bool next_uint(char **line, uint64_t *out, uint64_t max)
{
    const char *word = strsep(line, " ");

    return word && text_uint(out, word, max);
}

/* An instance's id, "-" for none. */
static bool next_id(char **line, int *out)
{
    const char *word = strsep(line, " ");
    uint64_t id;

    *out = -1;
    if (!word || strcmp(word, "-") == 0)
        return word != NULL;
    if (!text_uint(&id, word, MAX_ID))
        return false;
    *out = (int)id;
    return true;
}

static bool next_uuid(char **line, char out[GPU_UUID_SIZE])
{
    const char *word = strsep(line, " ");

    return word && *word && text_copy(out, GPU_UUID_SIZE, strcmp(word, "-") == 0 ? "" : word);
}

static bool read_line(struct fault *out, char *line)
{
    struct fault f = {0};
    uint64_t kind, gpu, confirmed, count;

    if (!next_uint(&line, &kind, FAULT_MANY) || !next_uuid(&line, f.gpu_uuid) ||
        !next_uint(&line, &gpu, GPU_MAX - 1) || !next_id(&line, &f.gi_id) ||
        !next_id(&line, &f.ci_id) || !next_uuid(&line, f.witness) ||
        !next_uint(&line, &f.xid, UINT64_MAX) || !next_uint(&line, &confirmed, 1) ||
        !next_uint(&line, &f.since_s, UINT32_MAX * 16ULL) ||
        !next_uint(&line, &f.last_ms, UINT64_MAX >> 1) || !next_uint(&line, &count, UINT32_MAX) ||
        line)
        return false;
    f.kind = (enum fault_kind)kind;
    f.gpu = (unsigned)gpu;
    f.confirmed = confirmed != 0;
    f.count = (uint32_t)count;
    *out = f;
    return true;
}

int fault_file_read(struct fault_table *t, const char *path, const char *boot_id, struct err *e)
{
    OWN_MEM char *text = NULL;
    size_t size;
    char *rest, *head;
    int r = file_read(&text, &size, path, FILE_MAX_BYTES, e);

    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return r;
    rest = text;
    head = strsep(&rest, "\n");
    if (strncmp(head, HEAD " ", sizeof HEAD) != 0)
        return err_set(e, EINVAL, "'%s' is no file of faults; remove it", path);
    if (strcmp(head + sizeof HEAD, boot_id) != 0)
        return 0;
    for (unsigned number = 2; rest && *rest; number++) {
        struct fault f;

        if (!read_line(&f, strsep(&rest, "\n")) || !fault_table_put(t, &f))
            return err_set(e, EINVAL, "line %u of '%s' makes no sense; remove the file", number,
                           path);
    }
    return 0;
}

static void add_id(struct buf *b, int id)
{
    if (id < 0)
        buf_text(b, " -");
    else
        buf_printf(b, " %d", id);
}

int fault_file_write(const struct fault_table *t, const char *path, const char *boot_id,
                     struct err *e)
{
    OWN(buf_done) struct buf b;
    int r;

    buf_init(&b, FILE_MAX_BYTES);
    buf_printf(&b, HEAD " %s\n", boot_id);
    for (size_t i = 0; i < t->count; i++) {
        const struct fault *f = &t->faults[i];

        if (f->kind == FAULT_SILENT || f->kind == FAULT_ASKED)
            continue;
        buf_printf(&b, "%d %s %u", (int)f->kind, f->gpu_uuid, f->gpu);
        add_id(&b, f->gi_id);
        add_id(&b, f->ci_id);
        buf_printf(&b, " %s %" PRIu64 " %d %" PRIu64 " %" PRIu64 " %" PRIu32 "\n",
                   *f->witness ? f->witness : "-", f->xid, f->confirmed, f->since_s, f->last_ms,
                   f->count);
    }
    r = buf_check(&b, e);
    return r < 0 ? r : file_write(path, b.data, b.size, FILE_MODE, e);
}
