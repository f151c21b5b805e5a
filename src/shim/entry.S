/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dlsym, dlvsym and dlmopen as other libraries call them. libc finds out who asks from the return
 * address, so whatever is not about the driver is jumped to, not called: names other than cu[A-Z]* and
 * nvml[A-Z]*, and all of dlmopen after it was noted. For a name of the driver resolve_symbol answers,
 * or says (second word 0) that libc shall. Who asks for these functions themselves gets what
 * next_lookup says, if anything.
 *
 * In assembler because a compiler promises no jump, and because the sanitizers' start calls dlsym
 * before any instrumented function may run.
 */

#if defined(__x86_64__)

/* name in %rsi: falls through if it is the driver's, else goes to `other`. Spoils %rax alone. */
.macro DRIVER_NAME other
    testq   %rsi, %rsi
    jz      \other
    cmpb    $'c', (%rsi)
    jne     .Lnvml\@
    cmpb    $'u', 1(%rsi)
    jne     \other
    movzbl  2(%rsi), %eax
    jmp     .Lthen\@
.Lnvml\@:
    cmpb    $'n', (%rsi)
    jne     \other
    cmpb    $'v', 1(%rsi)
    jne     \other
    cmpb    $'m', 2(%rsi)
    jne     \other
    cmpb    $'l', 3(%rsi)
    jne     \other
    movzbl  4(%rsi), %eax
.Lthen\@:
    subl    $'A', %eax
    cmpl    $25, %eax
    ja      \other
.endm

/* Jumps to the real function, whose address is in `slot`; looked for at the first call. */
.macro FORWARD slot
    movq    \slot(%rip), %rax
    testq   %rax, %rax
    jnz     .Lknown\@
    pushq   %rdi
    pushq   %rsi
    pushq   %rdx
    call    next_open
    popq    %rdx
    popq    %rsi
    popq    %rdi
    movq    \slot(%rip), %rax
.Lknown\@:
    jmp     *%rax
.endm

/* Returns one of our own functions where next_lookup(name, caller) gives it for the name in %rsi. */
.macro LOOKUP
    testq   %rsi, %rsi
    jz      .Lnot_ours\@
    cmpb    $'d', (%rsi)
    jne     .Lnot_ours\@
    cmpb    $'l', 1(%rsi)
    jne     .Lnot_ours\@
    pushq   %rdi
    pushq   %rsi
    pushq   %rdx
    movq    %rsi, %rdi
    movq    24(%rsp), %rsi
    call    next_lookup
    popq    %rdx
    popq    %rsi
    popq    %rdi
    testq   %rax, %rax
    jz      .Lnot_ours\@
    ret
.Lnot_ours\@:
.endm

.macro FUNCTION name
    .globl  \name
    .type   \name, @function
    .p2align 4
\name:
    endbr64
.endm

/* Asks resolve_symbol(handle, name, version or NULL, caller). */
.macro ASK version
    pushq   %rdi
    pushq   %rsi
    pushq   %rdx
    movq    24(%rsp), %rcx
    .if \version == 0
    xorl    %edx, %edx
    .endif
    call    resolve_symbol
    testq   %rdx, %rdx
    popq    %rdx
    popq    %rsi
    popq    %rdi
.endm

    .text
FUNCTION dlsym
    DRIVER_NAME .Ldlsym
    ASK     0
    jz      .Ldlsym
    ret
.Ldlsym:
    LOOKUP
    FORWARD next_dlsym
    .size   dlsym, . - dlsym

FUNCTION dlvsym
    DRIVER_NAME .Ldlvsym
    ASK     1
    jz      .Ldlvsym
    ret
.Ldlvsym:
    LOOKUP
    FORWARD next_dlvsym
    .size   dlvsym, . - dlvsym

FUNCTION dlmopen
    pushq   %rdi
    pushq   %rsi
    pushq   %rdx
    call    resolve_dlmopen
    popq    %rdx
    popq    %rsi
    popq    %rdi
    FORWARD next_dlmopen
    .size   dlmopen, . - dlmopen

#elif defined(__aarch64__)

/* name in x1: falls through if it is the driver's, else goes to `other`. Spoils w9 alone. */
.macro DRIVER_NAME other
    cbz     x1, \other
    ldrb    w9, [x1]
    cmp     w9, #'c'
    b.ne    .Lnvml\@
    ldrb    w9, [x1, #1]
    cmp     w9, #'u'
    b.ne    \other
    ldrb    w9, [x1, #2]
    b       .Lthen\@
.Lnvml\@:
    cmp     w9, #'n'
    b.ne    \other
    ldrb    w9, [x1, #1]
    cmp     w9, #'v'
    b.ne    \other
    ldrb    w9, [x1, #2]
    cmp     w9, #'m'
    b.ne    \other
    ldrb    w9, [x1, #3]
    cmp     w9, #'l'
    b.ne    \other
    ldrb    w9, [x1, #4]
.Lthen\@:
    sub     w9, w9, #'A'
    cmp     w9, #25
    b.hi    \other
.endm

.macro SAVE
    stp     x29, x30, [sp, #-48]!
    mov     x29, sp
    stp     x0, x1, [sp, #16]
    str     x2, [sp, #32]
.endm

.macro RESTORE
    ldp     x0, x1, [sp, #16]
    ldr     x2, [sp, #32]
    ldp     x29, x30, [sp], #48
.endm

/* Jumps to the real function, whose address is in `slot`; looked for at the first call. */
.macro FORWARD slot
    adrp    x16, \slot
    ldr     x16, [x16, #:lo12:\slot]
    cbnz    x16, .Lknown\@
    SAVE
    bl      next_open
    RESTORE
    adrp    x16, \slot
    ldr     x16, [x16, #:lo12:\slot]
.Lknown\@:
    br      x16
.endm

/* Returns one of our own functions where next_lookup(name, caller) gives it for the name in x1. */
.macro LOOKUP
    cbz     x1, .Lnot_ours\@
    ldrb    w9, [x1]
    cmp     w9, #'d'
    b.ne    .Lnot_ours\@
    ldrb    w9, [x1, #1]
    cmp     w9, #'l'
    b.ne    .Lnot_ours\@
    SAVE
    mov     x0, x1
    mov     x1, x30
    bl      next_lookup
    mov     x16, x0
    RESTORE
    cbz     x16, .Lnot_ours\@
    mov     x0, x16
    ret
.Lnot_ours\@:
.endm

.macro FUNCTION name
    .globl  \name
    .type   \name, %function
    .p2align 4
\name:
    hint    #34 /* bti c */
.endm

/* Asks resolve_symbol(handle, name, version or NULL, caller). */
.macro ASK version
    SAVE
    .if \version == 0
    mov     x2, #0
    .endif
    mov     x3, x30
    bl      resolve_symbol
    cbnz    x1, .Lanswered\@
    RESTORE
    b       .Lother\@
.Lanswered\@:
    ldp     x29, x30, [sp], #48
    ret
.Lother\@:
.endm

    .text
FUNCTION dlsym
    DRIVER_NAME .Ldlsym
    ASK     0
.Ldlsym:
    LOOKUP
    FORWARD next_dlsym
    .size   dlsym, . - dlsym

FUNCTION dlvsym
    DRIVER_NAME .Ldlvsym
    ASK     1
.Ldlvsym:
    LOOKUP
    FORWARD next_dlvsym
    .size   dlvsym, . - dlvsym

FUNCTION dlmopen
    SAVE
    bl      resolve_dlmopen
    RESTORE
    FORWARD next_dlmopen
    .size   dlmopen, . - dlmopen

#else
#error "dlsym is written for x86-64 and aarch64"
#endif

    .section .note.GNU-stack, "", %progbits
