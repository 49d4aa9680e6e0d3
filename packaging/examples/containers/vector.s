; vector: sixteen coordinates for a round of federated learning: 8, 7, ... -7 times the first temperature sensor's reading,
; under the keys 0 to 15 of the container's own store. The answer is the reading; -0.01 where there is none.
.function vector
        mov     r1, 0x82                ; SAUL class: temperature
        call    saul_reg_find_type
        mov     r6, -1
        jeq     r0, 0, done
        mov     r2, r10
        add     r2, -8
        mov     r1, r0
        call    saul_reg_read
        lsh     r0, 32
        arsh    r0, 32
        jslt    r0, 0, done
        ldh     r6, [r10-8]
        lsh     r6, 48
        arsh    r6, 48
        mov     r7, 0                   ; the key
next:   mov     r2, 8
        sub     r2, r7
        mul     r2, r6
        mov     r1, r7
        call    bpf_store_local
        add     r7, 1
        jne     r7, 16, next
done:   mov     r0, r6
        exit
