; runs: how often this container has run since it was installed, kept in its data section.
; Needs a device whose data-relative loads work (profile tinypart).
.data   4
.function runs
        lddwd   r1, 0
        ldw     r0, [r1+0]
        add     r0, 1
        stw     [r1+0], r0
        mul     r0, 100                 ; the answer is in hundredths
        exit
