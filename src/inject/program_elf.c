/* SPDX-License-Identifier: Apache-2.0 */
/* Reads an ELF file's header, its program headers and the name of its loader; and the #! of
 * scripts. */
#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/text.h"
#include "inject/program.h"

enum { HEADERS_MAX = 512, LINE_MAX_BYTES = 256 };

/* The machine that this program was built for. */
static uint16_t own_machine(void)
{
#if defined(__x86_64__)
    return EM_X86_64;
#elif defined(__aarch64__)
    return EM_AARCH64;
#else
    return EM_NONE;
#endif
}

/* All of `size` bytes from `at`; false if the file ends before. */
static bool read_at(int fd, void *to, size_t size, uint64_t at)
{
    size_t done = 0;

    if (at > INT64_MAX - size)
        return false;
    while (done < size) {
        ssize_t n = pread(fd, (char *)to + done, size - done, (off_t)(at + done));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static enum program_kind loader_kind(const char *loader)
{
    const char *name = strrchr(loader, '/');

    name = name ? name + 1 : loader;
    if (text_starts(name, "ld-musl-"))
        return PROGRAM_MUSL;
    if (text_starts(name, "ld-linux") || text_starts(name, "ld64.so") ||
        strcmp(name, "ld.so.1") == 0)
        return PROGRAM_DYNAMIC;
    return PROGRAM_OTHER_LOADER;
}

static enum program_kind read_loader(struct program_file *out, int fd, const Elf64_Phdr *h)
{
    if (h->p_filesz < 2 || h->p_filesz >= sizeof out->loader ||
        !read_at(fd, out->loader, h->p_filesz, h->p_offset) || out->loader[h->p_filesz - 1] != '\0')
        return PROGRAM_BROKEN;
    return loader_kind(out->loader);
}

static enum program_kind read_elf(struct program_file *out, int fd, const Elf64_Ehdr *elf)
{
    Elf64_Phdr header;

    if (elf->e_type != ET_EXEC && elf->e_type != ET_DYN)
        return PROGRAM_BROKEN;
    if (elf->e_phentsize != sizeof header || elf->e_phnum == 0 || elf->e_phnum > HEADERS_MAX)
        return PROGRAM_BROKEN;
    for (unsigned i = 0; i < elf->e_phnum; i++) {
        uint64_t at = (uint64_t)i * sizeof header;

        if (elf->e_phoff > UINT64_MAX - at ||
            !read_at(fd, &header, sizeof header, elf->e_phoff + at))
            return PROGRAM_BROKEN;
        if (header.p_type == PT_INTERP)
            return read_loader(out, fd, &header);
    }
    return PROGRAM_STATIC;
}

/* The header's first fields are the same in 32 and 64 bits. */
static enum program_kind read_machine(struct program_file *out, int fd, const Elf64_Ehdr *elf)
{
    unsigned char order = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;

    out->machine = elf->e_machine;
    if (elf->e_ident[EI_CLASS] != ELFCLASS64 || elf->e_ident[EI_DATA] != order ||
        elf->e_machine != own_machine())
        return PROGRAM_OTHER_MACHINE;
    return read_elf(out, fd, elf);
}

/* The line behind #!, without the blanks around it. */
static enum program_kind read_script(struct program_file *out, char *line)
{
    size_t n;

    line += 2;
    line += strspn(line, " \t");
    n = strcspn(line, "\n");
    while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t' || line[n - 1] == '\r'))
        n--;
    line[n] = '\0';
    if (n == 0 || !TEXT_COPY(out->loader, line))
        return PROGRAM_UNKNOWN;
    return PROGRAM_SCRIPT;
}

int program_read_file(struct program_file *out, int fd, struct err *e)
{
    struct program_file f = {0};
    Elf64_Ehdr elf;
    char line[LINE_MAX_BYTES] = "";
    ssize_t n = pread(fd, line, sizeof line - 1, 0);

    if (n < 0)
        return err_errno(e, errno, "read a program");
    line[n] = '\0';
    if (n >= 2 && memcmp(line, "#!", 2) == 0) {
        f.kind = read_script(&f, line);
    } else if (n >= SELFMAG && memcmp(line, ELFMAG, SELFMAG) == 0) {
        if ((size_t)n < sizeof elf) {
            f.kind = PROGRAM_BROKEN;
        } else {
            memcpy(&elf, line, sizeof elf);
            f.kind = read_machine(&f, fd, &elf);
        }
    } else {
        f.kind = PROGRAM_UNKNOWN;
    }
    if (f.kind == PROGRAM_BROKEN)
        f.loader[0] = '\0';
    *out = f;
    return 0;
}
