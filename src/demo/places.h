/* SPDX-License-Identifier: Apache-2.0 */
/* Where the demo finds the programs that it runs, and the folders that it works in. */
#ifndef DEMO_PLACES_H
#define DEMO_PLACES_H

struct err;

/* Owns its strings. Work and pages are made by places_init and removed by places_done. */
struct places {
    char *carve, *carved, *control, *probe, *tenant; /* programs; control is carve-emulator */
    char *library_folder;                            /* of the emulated driver */
    char *library;                                   /* libcarve.so */
    char *work;                                      /* what the demo makes, but for pages */
    char *pages;                                     /* a ledger of its own, on a tmpfs */
    char *state, *tree, *kubelet, *cdi, *socket, *config, *roots;
    char *log, *output; /* what carved logs, what the last other program said */
};

int places_init(struct places *p, struct err *e);
void places_done(struct places *p);

#endif
