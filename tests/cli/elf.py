# SPDX-License-Identifier: Apache-2.0
"""Tiny ELF files, as far as a loader looks: header, program headers, the name of a loader."""
import struct

EM = {"x86_64": 62, "aarch64": 183, "i386": 3, "riscv": 243}
PT_LOAD, PT_INTERP = 1, 3


def elf(interpreter=None, machine="x86_64", kind=2, bits=64, headers=None):
    """kind 2 is ET_EXEC, 3 ET_DYN. `headers` replaces the program headers: (type, offset, size)."""
    text = b"" if interpreter is None else interpreter.encode() + b"\0"
    if headers is None:
        headers = [(PT_LOAD, 0, 64)]
        if interpreter is not None:
            headers.append((PT_INTERP, 64 + 56 * 2, len(text)))
    identity = b"\x7fELF" + bytes([2 if bits == 64 else 1, 1, 1]) + bytes(9)
    head = identity + struct.pack("<HHIQQQIHHHHHH", kind, EM[machine], 1, 0x400078, 64, 0, 0, 64, 56,
                                  len(headers), 0, 0, 0)
    rows = b"".join(struct.pack("<IIQQQQQQ", type_, 5, offset, 0x400000, 0x400000, size, size, 0x1000)
                    for type_, offset, size in headers)
    return head + rows + text


GLIBC = "/lib64/ld-linux-x86-64.so.2"
MUSL = "/lib/ld-musl-x86_64.so.1"
