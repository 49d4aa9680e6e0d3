; counter: needs no sensor; adds up 1 to 100 and answers 50.50. 99 of the 200 branches that a run may take.
.function counter
        mov     r0, 0
        mov     r1, 100
again:  add     r0, r1
        sub     r1, 1
        jne     r1, 0, again
        exit
