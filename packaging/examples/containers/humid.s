; humid: the first humidity sensor, in hundredths of a percent; -0.01 where there is none.
.function humid
        mov     r1, 0x83                ; SAUL class: humidity
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
done:   mov     r0, r6
        exit
