/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nvml-hold: what NVIDIA's library alone costs a process. Prints a line and waits for one on its
 * standard input after each stage: before the library is loaded; after it has started; after the
 * handle and memory of every GPU were asked for. Uses none of carve's code.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

typedef int start_fn(void);
typedef int count_fn(unsigned *count);
typedef int handle_fn(unsigned index, void **device);
typedef int memory_fn(void *device, unsigned long long out[3]);

static int pause_after(const char *stage)
{
    int read = EOF;

    (void)printf("%s\n", stage);
    if (fflush(stdout) != 0)
        return -1;
    do
        read = getchar();
    while (read != '\n' && read != EOF);
    return read == '\n' ? 0 : -1;
}

/* dlsym's object pointer as a function; ISO C has no cast for it. */
static int find(void *out_function, void *library, const char *name)
{
    void *found = dlsym(library, name);

    memcpy(out_function, &found, sizeof found);
    return found ? 0 : -1;
}

int main(void)
{
    unsigned long long memory[3];
    unsigned count = 0;
    void *library, *device;
    start_fn *start;
    count_fn *get_count;
    handle_fn *get_handle;
    memory_fn *get_memory;

    if (pause_after("nothing") < 0)
        return 2;
    library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library || find(&start, library, "nvmlInit_v2") < 0 ||
        find(&get_count, library, "nvmlDeviceGetCount_v2") < 0 ||
        find(&get_handle, library, "nvmlDeviceGetHandleByIndex_v2") < 0 ||
        find(&get_memory, library, "nvmlDeviceGetMemoryInfo") < 0) {
        (void)fprintf(stderr, "nvml-hold: %s\n", dlerror());
        return 2;
    }
    if (start() != 0 || pause_after("started") < 0)
        return 2;
    if (get_count(&count) != 0)
        return 2;
    for (unsigned i = 0; i < count; i++)
        if (get_handle(i, &device) != 0 || get_memory(device, memory) != 0)
            return 2;
    return pause_after("read") < 0 ? 2 : 0;
}
