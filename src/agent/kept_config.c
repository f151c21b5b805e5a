/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the state folder: see kept_config.h. A name is the file's first line, a comment. */
#include "agent/kept_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/own.h"
#include "base/text.h"
#include "node/node_configure.h"

#define NAME_LINE "# carve: configured by "

enum { MAX_FILE_BYTES = KEPT_CONFIG_MAX_BYTES + sizeof NAME_LINE + NODE_CONFIGURE_MAX_NAME + 1 };

int kept_config_write(const char *folder, const char *file, const char *name, const char *text,
                      struct err *e)
{
    OWN_MEM char *path = file_join(folder, file);
    OWN_MEM char *whole = NULL, *there = NULL;
    int r;

    if (asprintf(&whole, "%s%s%s%s", name ? NAME_LINE : "", name ? name : "", name ? "\n" : "",
                 text) < 0)
        whole = NULL;
    if (!path || !whole)
        return err_memory(e);
    if (file_read(&there, NULL, path, MAX_FILE_BYTES, NULL) == 0 && strcmp(there, whole) == 0)
        return 0;
    r = file_make_folder(folder, e);
    return r < 0 ? r : file_write(path, whole, strlen(whole), 0600, e);
}

int kept_config_read(char **out_text, char **out_name, const char *folder, const char *file,
                     struct err *e)
{
    OWN_MEM char *path = file_join(folder, file);
    OWN_MEM char *whole = NULL, *text = NULL;
    const char *name, *end;
    int r;

    if (!path)
        return err_memory(e);
    r = file_read(&whole, NULL, path, MAX_FILE_BYTES, e);
    if (r < 0)
        return r;
    if (!out_name) {
        *out_text = TAKE(whole);
        return 0;
    }
    name = whole + sizeof NAME_LINE - 1;
    end = text_starts(whole, NAME_LINE) ? strchr(name, '\n') : NULL;
    if (!end || end == name)
        return err_set(e, EBADMSG, "'%s' does not begin with '%sNAME'", path, NAME_LINE);
    text = strdup(end + 1);
    *out_name = text ? strndup(name, (size_t)(end - name)) : NULL;
    if (!*out_name)
        return err_memory(e);
    *out_text = TAKE(text);
    return 0;
}

int kept_config_remove(const char *folder, const char *file, struct err *e)
{
    OWN_MEM char *path = file_join(folder, file);

    if (!path)
        return err_memory(e);
    if (unlink(path) < 0 && errno != ENOENT && errno != ENOTDIR)
        return err_errno(e, errno, "remove '%s'", path);
    return 0;
}
