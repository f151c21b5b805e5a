/* SPDX-License-Identifier: Apache-2.0 */
/* Files of a test: see scratch.h. */
#include "scratch.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test.h"

#include "base/file.h"
#include "base/own.h"

void scratch_open(struct scratch *s)
{
    (void)snprintf(s->folder, sizeof s->folder, "/tmp/carve-unit-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

void scratch_close(struct scratch *s)
{
    assert_int_equal(nftw(s->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static char *place(const struct scratch *s, const char *path)
{
    char *whole = file_join(s->folder, path);
    char *slash;

    assert_non_null(whole);
    slash = strrchr(whole, '/');
    *slash = '\0';
    assert_int_equal(file_make_folder(whole, NULL), 0);
    *slash = '/';
    return whole;
}

void scratch_put_bytes(const struct scratch *s, const char *path, const void *data, size_t size)
{
    OWN_MEM char *whole = place(s, path);

    assert_int_equal(file_write(whole, data, size, 0644, NULL), 0);
}

void scratch_put(const struct scratch *s, const char *path, const char *text)
{
    scratch_put_bytes(s, path, text, strlen(text));
}

void scratch_link(const struct scratch *s, const char *path, const char *target)
{
    OWN_MEM char *whole = place(s, path);

    assert_int_equal(symlink(target, whole), 0);
}

void scratch_remove(const struct scratch *s, const char *path)
{
    OWN_MEM char *whole = place(s, path);

    assert_int_equal(unlink(whole), 0);
}
