// The kernels' fatbin as read-only data, aligned as the driver reads it.
    .section .rodata
    .balign 64
    .hidden ioebss_kernels_fatbin
    .globl ioebss_kernels_fatbin
    .type ioebss_kernels_fatbin, @object
ioebss_kernels_fatbin:
    .incbin IOEBSS_FATBIN
    .size ioebss_kernels_fatbin, . - ioebss_kernels_fatbin
    .section .note.GNU-stack, "", @progbits
