/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over every file of a corpus folder: what fuzzing found stays found. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "base/file.h"
#include "base/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    unsigned done = 0;

    if (!folder) {
        (void)fprintf(stderr, "usage: replay CORPUS-FOLDER\n");
        return 2;
    }
    for (struct dirent *entry; (entry = readdir(folder));) {
        OWN_MEM char *path = file_join(argv[1], entry->d_name);
        OWN_MEM char *text = NULL;
        size_t size = 0;

        if (entry->d_type != DT_REG || !path)
            continue;
        if (file_read(&text, &size, path, 1 << 24, NULL) < 0)
            return 2;
        (void)LLVMFuzzerTestOneInput((const uint8_t *)text, size);
        done++;
    }
    (void)closedir(folder);
    (void)printf("%u inputs\n", done);
    return done > 0 ? 0 : 1;
}
