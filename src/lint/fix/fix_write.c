/* SPDX-License-Identifier: Apache-2.0 */
/* What fixing made of files, written or shown: see fix_run.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/own.h"
#include "lint/fix/diff.h"
#include "lint/fix/fix_run.h"

#define MARK "\xef\xbb\xbf"

void fix_run_text(const struct fix_file *file, struct buf *out)
{
    if (file->bom)
        buf_text(out, MARK);
    buf_add(out, file->after, file->after_size);
}

/* Somebody else may have written to it since it was read. */
static int check_unchanged(const struct fix_file *file, struct err *e)
{
    OWN_MEM char *text = NULL;
    size_t size, mark = file->bom ? strlen(MARK) : 0;
    int r;

    if (strcmp(file->file, "-") == 0)
        return err_set(e, EINVAL, "standard input cannot be fixed in place; --diff shows how");
    r = file_read(&text, &size, file->file, LINT_MAX_FILE_BYTES, e);
    if (r < 0)
        return r;
    if (size != file->before_size + mark || memcmp(text, MARK, mark) != 0 ||
        memcmp(text + mark, file->before, file->before_size) != 0)
        return err_set(e, EBUSY, "'%s' changed while it was being fixed", file->file);
    return 0;
}

/* Through links, so that a link stays one. */
static int write_file(const struct fix_file *file, struct err *e)
{
    OWN_MEM char *path = realpath(file->file, NULL);
    struct buf text;
    struct stat st;
    int r;

    if (!path || stat(path, &st) < 0)
        return err_errno(e, errno, "write '%s'", file->file);
    buf_init(&text, (size_t)LINT_MAX_FILE_BYTES + 16);
    fix_run_text(file, &text);
    r = buf_check(&text, e);
    if (r == 0)
        r = file_write(path, text.data, text.size, st.st_mode & 07777, e);
    buf_done(&text);
    return r;
}

int fix_run_write(const struct fix_run *r, struct err *e)
{
    int failed = 0;

    for (size_t i = 0; i < r->n_files && failed == 0; i++)
        failed = check_unchanged(&r->files[i], e);
    for (size_t i = 0; i < r->n_files && failed == 0; i++)
        failed = write_file(&r->files[i], e);
    return failed;
}

/* The mark belongs to the first line. */
static int diff_file(const struct fix_file *f, struct buf *out, struct err *e)
{
    const char *name = strcmp(f->file, "-") == 0 ? "stdin" : f->file;
    struct diff_text before = {.text = f->before, .size = f->before_size};
    struct diff_text after = {.text = f->after, .size = f->after_size};
    struct buf marked[2];
    int r = 0;

    while (strncmp(name, "./", 2) == 0)
        name += 2;
    before.file = after.file = name;
    buf_init(&marked[0], (size_t)LINT_MAX_FILE_BYTES + 16);
    buf_init(&marked[1], (size_t)LINT_MAX_FILE_BYTES + 16);
    if (f->bom) {
        buf_text(&marked[0], MARK);
        buf_add(&marked[0], f->before, f->before_size);
        fix_run_text(f, &marked[1]);
        r = marked[0].failed ? err_memory(e) : buf_check(&marked[1], e);
        before.text = marked[0].data;
        before.size = marked[0].size;
        after.text = marked[1].data;
        after.size = marked[1].size;
    }
    if (r == 0)
        r = diff_unified(out, &before, &after, e);
    buf_done(&marked[0]);
    buf_done(&marked[1]);
    return r;
}

int fix_run_diff(const struct fix_run *r, struct buf *out, struct err *e)
{
    int failed = 0;

    for (size_t i = 0; i < r->n_files && failed == 0; i++)
        failed = diff_file(&r->files[i], out, e);
    return failed;
}
