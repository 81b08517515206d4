// The files of a model as read-only data of the program: MODEL and MANIFEST name them.
    .section .rodata
    .globl model_begin, model_end, manifest_begin, manifest_end
model_begin:
    .incbin MODEL
model_end:
manifest_begin:
    .incbin MANIFEST
manifest_end:
    .section .note.GNU-stack, "", %progbits
