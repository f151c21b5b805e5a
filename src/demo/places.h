/* SPDX-License-Identifier: Apache-2.0 */
/* Where the demo finds the programs that it runs, and the folder that it works in. */
#ifndef DEMO_PLACES_H
#define DEMO_PLACES_H

struct err;

/* Owns its strings. The work folder is made by places_init and removed by places_done. */
struct places {
    char *carve, *carved, *control, *probe; /* programs; control is carve-emulator */
    char *library_folder;                   /* of the emulated libnvidia-ml.so.1 */
    char *work;                             /* everything that the demo makes */
    char *state, *tree, *kubelet, *cdi, *socket, *config, *roots;
    char *log, *output; /* what carved logs, what the last other program said */
};

int places_init(struct places *p, struct err *e);
void places_done(struct places *p);

#endif
