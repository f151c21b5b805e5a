/* SPDX-License-Identifier: Apache-2.0 */
/* Reading DT_SONAME: see soname.h. Every offset is checked against the file before it is used. */
#include "agent/soname.h"

#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/own.h"

enum { MAX_PROGRAM_HEADERS = 128 };

/* A file's bytes; borrowed. */
struct image {
    const unsigned char *bytes;
    size_t size;
};

/* Copies a piece out, which need not be aligned in the file. */
static bool take(void *out, const struct image *im, uint64_t at, size_t size)
{
    if (at > im->size || size > im->size - at)
        return false;
    memcpy(out, im->bytes + at, size);
    return true;
}

/* Where in the file an address of the loaded library comes from. */
static bool file_offset(uint64_t *out, const struct image *im, const Elf64_Ehdr *head,
                        uint64_t address)
{
    Elf64_Phdr ph;

    for (unsigned i = 0; i < head->e_phnum && i < MAX_PROGRAM_HEADERS; i++) {
        if (!take(&ph, im, head->e_phoff + i * sizeof ph, sizeof ph))
            return false;
        if (ph.p_type != PT_LOAD || address < ph.p_vaddr || address - ph.p_vaddr >= ph.p_filesz)
            continue;
        *out = ph.p_offset + (address - ph.p_vaddr);
        return true;
    }
    return false;
}

/* The string at a file offset, which must end inside the file and the buffer. */
static const char *text_at(char buffer[SONAME_SIZE], const struct image *im, uint64_t at)
{
    const void *end;
    size_t room = SONAME_SIZE;

    if (at >= im->size)
        return NULL;
    if (room > im->size - at)
        room = im->size - (size_t)at;
    end = memchr(im->bytes + at, '\0', room);
    if (!end || end == im->bytes + at)
        return NULL;
    memcpy(buffer, im->bytes + at, room);
    return strchr(buffer, '/') ? NULL : buffer;
}

static const char *from_dynamic(char buffer[SONAME_SIZE], const struct image *im,
                                const Elf64_Ehdr *head, const Elf64_Phdr *dynamic)
{
    uint64_t strings = 0, name = 0, at;
    Elf64_Dyn entry;

    for (uint64_t done = 0; done < dynamic->p_filesz; done += sizeof entry) {
        if (!take(&entry, im, dynamic->p_offset + done, sizeof entry))
            return NULL;
        if (entry.d_tag == DT_NULL)
            break;
        if (entry.d_tag == DT_STRTAB)
            strings = entry.d_un.d_ptr;
        if (entry.d_tag == DT_SONAME)
            name = entry.d_un.d_val;
    }
    if (name == 0 || !file_offset(&at, im, head, strings) || name > im->size)
        return NULL;
    return text_at(buffer, im, at + name);
}

const char *soname_find(char buffer[SONAME_SIZE], const unsigned char *bytes, size_t size)
{
    struct image im = {bytes, size};
    Elf64_Ehdr head;
    Elf64_Phdr ph;

    if (!take(&head, &im, 0, sizeof head) || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
        head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_ident[EI_DATA] != ELFDATA2LSB ||
        head.e_phentsize != sizeof ph)
        return NULL;
    for (unsigned i = 0; i < head.e_phnum && i < MAX_PROGRAM_HEADERS; i++) {
        if (!take(&ph, &im, head.e_phoff + i * sizeof ph, sizeof ph))
            return NULL;
        if (ph.p_type == PT_DYNAMIC)
            return from_dynamic(buffer, &im, &head, &ph);
    }
    return NULL;
}

const char *soname_read(char buffer[SONAME_SIZE], const char *path)
{
    OWN_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    const char *name;
    struct stat st;
    void *bytes;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0)
        return NULL;
    bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return NULL;
    name = soname_find(buffer, bytes, (size_t)st.st_size);
    (void)munmap(bytes, (size_t)st.st_size);
    return name;
}
